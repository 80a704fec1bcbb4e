//! Which artifact the tests run: the wasm filter, or the native module.

// Not every test binary needs all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The filter's file: `ENVOY_COGNITO_FILTER`, which names either artifact; `ENVOY_COGNITO_WASM`; or the output of
/// `make build`. Relative names are relative to the workspace.
pub fn filter() -> PathBuf {
    let named = ["ENVOY_COGNITO_FILTER", "ENVOY_COGNITO_WASM"].into_iter().find_map(std::env::var_os);
    built(named.as_ref().map_or(Path::new(WASM), Path::new))
}

const WASM: &str = "target/wasm32-wasip1/release/envoy_cognito.wasm";

/// Whether the tests run the native module.
pub fn is_native() -> bool {
    rig::is_native(&filter())
}

/// The wasm filter, for tests that are about it, whichever artifact the others run.
pub fn wasm() -> PathBuf {
    if is_native() { built(Path::new(WASM)) } else { filter() }
}

/// The native module, for tests that are about it.
pub fn native() -> PathBuf {
    if is_native() { filter() } else { built(Path::new("target/native/libenvoy_cognito.so")) }
}

fn built(name: &Path) -> PathBuf {
    let path = Path::new(ROOT).join(name);
    assert!(path.exists(), "no {}: run `make test`, which builds both artifacts first", path.display());
    path
}

/// Says that a test, or a part of it, isn't run, and why. Printed past the test's output capture, for the summary of
/// all tests.
pub fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "\nskipped: {why}");
}
