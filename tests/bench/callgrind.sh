#!/bin/sh
# Runs Envoy under Valgrind, which counts instructions. With ENVOY=tests/bench/callgrind.sh, `make bench` shows
# instructions instead of time: they vary little from run to run, whatever else the machine does.
root="$(cd "$(dirname "$0")/../.." && pwd)"
mkdir -p "$root/target/callgrind"
exec valgrind --quiet --tool=callgrind --instr-atstart=no --smc-check=all-non-file \
	--callgrind-out-file="$root/target/callgrind/out.%p" "$root"/.tools/venv/lib/python3*/site-packages/envoy/_bin/envoy "$@"
