#!/bin/sh
# Runs the Envoy of `make setup` under Valgrind, which counts instructions. With ENVOY=$PWD/tests/bench/callgrind.sh,
# `make bench` shows thousands of instructions instead of microseconds: other load changes them little. A round takes
# minutes, so set BENCH_ROUNDS=1.
root="$(cd "$(dirname "$0")/../.." && pwd)"
mkdir -p "$root/target/callgrind"
exec valgrind --quiet --tool=callgrind --instr-atstart=no --smc-check=all-non-file \
	--callgrind-out-file="$root/target/callgrind/out.%p" "$root"/.tools/venv/lib/python3*/site-packages/envoy/_bin/envoy "$@"
