"""Runs the targets of `fuzz/` one after the other, and prints how many inputs each has tried.

What libFuzzer finds worth keeping goes below `target/fuzz/found`, not to the seeds in `fuzz/corpus`: those are
chosen. An input that breaks something lies in `fuzz/artifacts` afterwards; make it a seed, and mend the filter.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

TARGET_DIR = Path("target/fuzz")
SECONDS = os.environ.get("FUZZ_SECONDS", "60")
# Sanitizers need a nightly compiler, and the filter has no unsafe code that they could check.
OPTIONS = ["--sanitizer", "none", "--target-dir", str(TARGET_DIR.resolve())]
TRIED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)


def cargo_fuzz(command: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(["cargo", "fuzz", command, *OPTIONS, *arguments], check=False, text=True, **options)


def run(target: str) -> bool:
    found = TARGET_DIR / "found" / target
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={SECONDS}", "-timeout=10", "-print_final_stats=1"]
    result = cargo_fuzz(
        "run", target, str(found), f"fuzz/corpus/{target}", "--", *limits,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
    )
    tried = TRIED.findall(result.stdout)
    verdict = "held" if result.returncode == 0 else "FAILED"
    print(f"{target:<16} {int(tried[-1]) if tried else 0:>12,} inputs tried: {verdict}", flush=True)
    if result.returncode:
        print(result.stdout[-6000:], flush=True)
    return result.returncode == 0


def main() -> int:
    targets = sys.argv[1:] or sorted(path.name for path in Path("fuzz/corpus").iterdir())
    if cargo_fuzz("build").returncode:
        return 1
    failed = [target for target in targets if not run(target)]
    print(f"{len(targets) - len(failed)} targets passed, {len(failed)} failed", *failed)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
