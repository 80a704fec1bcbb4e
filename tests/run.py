"""Runs every test of the workspace, searches all logs and responses for secrets, and prints the total counts.

`cargo test` counts each test binary on its own; this adds them up, and repeats what was skipped and why.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
RECORD = Path(__file__).parent.parent / "target" / "record"
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


def main() -> int:
    shutil.rmtree(RECORD, ignore_errors=True)
    RECORD.mkdir(parents=True)
    command = ["cargo", "test", "--locked", "--workspace", "--no-fail-fast", *sys.argv[1:]]
    passed = failed = skipped = said = 0
    reasons = []
    environment = {**os.environ, "KEEP_RECORD": str(RECORD)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, errors="replace", env=environment
    ) as tests:
        for line in tests.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if line.startswith("skipped: "):
                reasons.append(line.strip())
                said += 1
            if counts := RESULT.match(line):
                good, bad, ignored = map(int, counts.groups())
                # A test that finds only when it runs that it can't do its job counts as passed to `cargo test`.
                late = said if not ignored else 0
                passed, failed, skipped, said = passed + good - late, failed + bad, skipped + ignored + late, 0
    print("", *reasons, sep="\n")
    if search_record():
        failed += 1
    else:
        passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    # A test binary that doesn't build or crashes has no count; its exit code tells.
    return tests.returncode or int(passed <= 1 or failed > 0)


if __name__ == "__main__":
    sys.exit(main())
