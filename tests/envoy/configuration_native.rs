//! The shipped configuration with the native module: it is valid, and Envoy finds the module by its name.

use std::path::PathBuf;

use rig::{Envoy, Options, Scratch};

use crate::world::SESSION_KEY;

/// The module that `make build-native` builds.
fn module() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/native/libenvoy_cognito.so");
    let path = PathBuf::from(built);
    assert!(path.is_file(), "{built} is missing: run `make build-native`");
    path
}

#[test]
fn the_shipped_native_configuration_is_valid() {
    let shipped = include_str!("../../envoy/envoy-native.yaml");
    // Validation also reads the certificates of authorities, and not every machine has them at that path.
    let scratch = Scratch::new().unwrap();
    let authorities = scratch.path().join("authorities.pem");
    std::fs::write(&authorities, include_str!("../fixtures/authority.pem")).unwrap();
    let here = shipped.replace("/etc/ssl/certs/ca-certificates.crt", authorities.to_str().unwrap());
    let name = format!("libenvoy_cognito-{}.so", env!("CARGO_PKG_VERSION"));
    std::fs::copy(module(), scratch.path().join(name)).unwrap();
    let folder = scratch.path().to_str().unwrap().to_owned();
    let search = Options::default().env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder);
    let options = search
        .clone()
        .env("COGNITO_US_EAST_1_POOL_ID", "us-east-1_UFeMzbuJe")
        .env("COGNITO_US_EAST_1_CLIENT_ID", "2jvuq8gkhfoh7u4fdfihiditj5")
        .env("COGNITO_US_EAST_1_CLIENT_SECRET", "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf")
        .env("SESSION_KEY", SESSION_KEY);
    Envoy::validate(&here, &options).unwrap();
    let error = Envoy::validate(&here, &search).unwrap_err();
    assert!(error.contains("the environment variable SESSION_KEY is not set"), "{error}");
    // Without the file, Envoy doesn't start without the filter.
    let other = here.replace("name: envoy_cognito-", "name: envoy_cognito-no-");
    assert!(Envoy::validate(&other, &options).is_err());
}
