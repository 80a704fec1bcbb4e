"""Runs every test of the workspace, searches all logs and responses for secrets, and prints the total counts.

The end-to-end tests run twice: with the wasm filter and with the native module. `cargo test` counts each test binary on
its own; this adds them up, and repeats what was skipped and why.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
RECORD = Path(__file__).parent.parent / "target" / "record"
NATIVE = "target/native/libenvoy_cognito.so"
NATIVE_TESTS = ["--package", "envoy-cognito", "--package", "browser", "--test", "envoy", "--test", "stories"]
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


def run(arguments: list[str], environment: dict[str, str], counts: Counter, reasons: list[str]) -> int:
    """Runs `cargo test`, adds to the counts and the reasons for skipped tests, and returns its exit code."""
    command = ["cargo", "test", "--locked", "--no-fail-fast", *arguments, *sys.argv[1:]]
    said = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, errors="replace", env={**os.environ, **environment}
    ) as tests:
        for line in tests.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if line.startswith("skipped: "):
                reasons.append(line.strip())
                said += 1
            if result := RESULT.match(line):
                good, bad, ignored = map(int, result.groups())
                # A test that finds only when it runs that it can't do its job counts as passed to `cargo test`.
                late = said if not ignored else 0
                counts.update(passed=good - late, failed=bad, skipped=ignored + late)
                said = 0
    return tests.returncode


def main() -> int:
    shutil.rmtree(RECORD, ignore_errors=True)
    RECORD.mkdir(parents=True)
    counts, reasons, took, failed = Counter(passed=0, failed=0, skipped=0), [], [], False
    record = {"KEEP_RECORD": str(RECORD)}
    for name, arguments, environment in [
        ("everything, with the wasm filter", ["--workspace"], {}),
        ("end-to-end tests with the native module", NATIVE_TESTS, {"ENVOY_COGNITO_FILTER": NATIVE}),
    ]:
        begun = time.monotonic()
        # A test binary that doesn't build or crashes has no count; its exit code tells.
        failed |= run(arguments, {**record, **environment}, counts, reasons) != 0
        took.append(f"{name}: {time.monotonic() - begun:.0f} s")
    print("", *reasons, *took, sep="\n")
    ran = counts["passed"] > 0
    counts["failed" if search_record() else "passed"] += 1
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped")))
    return int(failed or not ran or counts["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
