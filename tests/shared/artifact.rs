//! Which artifact the tests run: the wasm filter, or the native module.

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The filter's file: `ENVOY_COGNITO_FILTER`, which names either artifact; `ENVOY_COGNITO_WASM`; or the output of
/// `make build`. Relative names are relative to the workspace.
pub fn filter() -> PathBuf {
    let named = ["ENVOY_COGNITO_FILTER", "ENVOY_COGNITO_WASM"].into_iter().find_map(std::env::var_os);
    let name = named.unwrap_or_else(|| "target/wasm32-wasip1/release/envoy_cognito.wasm".into());
    let path = Path::new(ROOT).join(name);
    assert!(path.exists(), "no {}: run `make test`, which builds the filter first", path.display());
    path
}

/// Whether the tests run the native module.
pub fn is_native() -> bool {
    rig::is_native(&filter())
}
