"""Runs the browser tests in each browser that is installed: Chromium, Firefox and WebKit.

`BROWSERS="firefox webkit"` chooses. Arguments go to the tests: `python3 tests/browsers.py sign_in::`. It fails if a test
fails or if there is no browser at all.
"""

import os
import re
import subprocess
import sys

BROWSERS = ["chromium", "firefox", "webkit"]
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
COMMAND = ["cargo", "test", "--locked", "--package", "browser", "--test", "stories"]


def run(browser: str) -> tuple[str, bool, bool]:
    """What came of it, whether the browser is there, and whether all is well."""
    command = [*COMMAND, "--", *sys.argv[1:]]
    environment = {**os.environ, "BROWSER": browser}
    found, outcome = True, "no result"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace", env=environment) as tests:
        for line in tests.stdout:
            print(line, end="", flush=True)
            if line.startswith("skipped: the "):
                found, outcome = False, line.strip()
            if (result := RESULT.match(line)) and found:
                outcome = "{} passed, {} failed, {} skipped (see above)".format(*result.groups())
    return outcome, found, tests.returncode == 0


def main() -> int:
    chosen = os.environ.get("BROWSERS", "").split() or BROWSERS
    if unknown := set(chosen) - set(BROWSERS):
        sys.exit(f"BROWSERS: {', '.join(sorted(unknown))} isn't one of {', '.join(BROWSERS)}")
    subprocess.run([*COMMAND, "--no-run"], check=True)
    results = {browser: run(browser) for browser in chosen}
    print()
    for browser, (outcome, found, good) in results.items():
        print(f"{browser}: {outcome}" + ("" if good or not found else ", FAILED"))
    there = [good for _, found, good in results.values() if found]
    if not there:
        print("no browser was found: see above what to install")
    return int(not there or not all(there))


if __name__ == "__main__":
    sys.exit(main())
