"""Runs every test of the workspace, searches all logs and responses for secrets, and prints the total counts.

The end-to-end tests run twice: with the wasm filter and with the native module. `cargo test` counts each test binary on
its own; this adds them up, and repeats what was skipped and why.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TextIO

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
RECORD = Path(__file__).parent.parent / "target" / "record"
NATIVE = "target/native/libenvoy_cognito.so"
NATIVE_TESTS = ["--workspace", "--test", "envoy", "--test", "stories"]
# The characters of tokens, codes, verifiers, cookies and credentials. Any other character ends one.
WORD = re.compile(rb"[A-Za-z0-9_.~+/-]{16,}")


def search_record() -> int:
    """Searches every log line and every response of the filter in any test for every secret that was issued."""
    secrets = set()
    for file in RECORD.glob("secrets-*"):
        for line in file.read_bytes().splitlines():
            # A base64 text may end in `=`, which ends a word.
            secrets.update(word for word in WORD.findall(line) if len(word) + 2 >= len(line))
    searched, found = 0, 0
    for file in RECORD.glob("seen-*"):
        for line in file.read_bytes().splitlines():
            searched += 1
            for word in WORD.findall(line):
                if word in secrets:
                    found += 1
                    where = line.replace(word, b"<SECRET>").decode(errors="replace")
                    print(f"a secret is in a log or a response: {where[:300]}")
    print(f"{searched} lines of logs and responses searched for {len(secrets)} secrets: {found} found")
    return found if searched and secrets else 1


class Suite:
    """One run of `cargo test`, with what it printed, its counts and its reasons for skipped tests."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str]):
        self.name, self.arguments, self.environment = name, arguments, environment
        self.counts, self.reasons = Counter(passed=0, failed=0, skipped=0), []
        self.exit_code, self.seconds = 1, 0.0

    def run(self, output: TextIO) -> None:
        command = ["cargo", "test", "--locked", "--no-fail-fast", *self.arguments, *sys.argv[1:]]
        begun, said = time.monotonic(), 0
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=None if output is sys.stdout else subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **self.environment},
        ) as tests:
            for line in tests.stdout:
                output.write(line)
                output.flush()
                if line.startswith("skipped: "):
                    self.reasons.append(line.strip())
                    said += 1
                if result := RESULT.match(line):
                    good, bad, ignored = map(int, result.groups())
                    # A test that finds only when it runs that it can't do its job counts as passed to `cargo test`.
                    late = said if not ignored else 0
                    self.counts.update(passed=good - late, failed=bad, skipped=ignored + late)
                    said = 0
        self.exit_code, self.seconds = tests.returncode, time.monotonic() - begun


def main() -> int:
    shutil.rmtree(RECORD, ignore_errors=True)
    RECORD.mkdir(parents=True)
    record = {"KEEP_RECORD": str(RECORD)}
    wasm = Suite("everything, with the wasm filter", ["--workspace"], record)
    native = Suite("end-to-end tests with the native module", NATIVE_TESTS, {**record, "ENVOY_COGNITO_FILTER": NATIVE})
    subprocess.run(["cargo", "test", "--locked", "--workspace", "--no-run"], check=True)
    # At the same time, because end-to-end tests wait more than they compute. One of the two prints afterwards.
    later = io.StringIO()
    beside = threading.Thread(target=native.run, args=[later])
    beside.start()
    wasm.run(sys.stdout)
    beside.join()
    print("", f"=== {native.name} ===", later.getvalue(), sep="\n")
    suites = [wasm, native]
    counts = wasm.counts + native.counts
    for suite in suites:
        print(*suite.reasons, f"{suite.name}: {suite.seconds:.0f} s", sep="\n")
    ran = counts["passed"] > 0
    counts["failed" if search_record() else "passed"] += 1
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped")))
    # A test binary that crashes has no count; its exit code tells.
    return int(not ran or counts["failed"] > 0 or any(suite.exit_code != 0 for suite in suites))


if __name__ == "__main__":
    sys.exit(main())
