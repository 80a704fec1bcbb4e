"""Runs every test of the workspace, and ends with a plain count.

`cargo test` counts each test binary on its own; this adds them up, and says again what was skipped and why.
"""

import re
import subprocess
import sys

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")


def main() -> int:
    command = ["cargo", "test", "--locked", "--workspace", "--no-fail-fast", *sys.argv[1:]]
    passed = failed = skipped = 0
    reasons = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as tests:
        for line in tests.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if line.startswith("skipped: "):
                reasons.append(line.strip())
            if counts := RESULT.match(line):
                passed, failed, skipped = (
                    total + int(count) for total, count in zip((passed, failed, skipped), counts.groups())
                )
    print("", *reasons, sep="\n")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    # A test binary that doesn't build or crashes has no count; its exit code tells.
    return tests.returncode or int(passed == 0)


if __name__ == "__main__":
    sys.exit(main())
