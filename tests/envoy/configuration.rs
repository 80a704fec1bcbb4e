//! Configurations: the shipped one is valid, and a wrong one prevents Envoy from starting.

use rig::{Bootstrap, Envoy, Filter, Listener, Options, Scratch, free_ports};
use serde_json::json;

use crate::world::{SESSION_KEY, config_at, filter, merged, wasm};

pub fn validate(form: Filter, env: &[(&str, &str)]) -> Result<(), String> {
    let ports = free_ports(3);
    let listener =
        env.iter().fold(Listener::new(ports[1], form), |listener, (name, value)| listener.env(*name, *value));
    let bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", ([127, 0, 0, 1], ports[2]).into())
        .listener(listener);
    Envoy::validate(&bootstrap.to_string(), &Options::default())
}

pub fn good() -> serde_json::Value {
    config_at("x", "http://127.0.0.1:1", "http://127.0.0.1:2")
}

#[test]
fn a_good_configuration_is_taken_in_every_form() {
    let env = [("SESSION_KEY", SESSION_KEY)];
    validate(Filter::Json(good()), &env).unwrap();
    validate(Filter::Struct(good()), &env).unwrap();
    let smallest = json!({
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
        "domain": "myapp.auth.us-east-1.amazoncognito.com",
        "session": { "keys": [SESSION_KEY] },
    });
    validate(Filter::Struct(smallest), &[]).unwrap();
}

#[test]
fn all_faults_are_reported_at_once_with_their_paths() {
    let faulty = merged(
        good(),
        json!({
            "client_idd": "x",
            "domain": "https://myapp.auth.us-east-1.amazoncognito.com",
            "session": { "keys": ["MDEyMzQ1Njc4OWFiY2RlZg=="], "lifetime": "12 hours" },
            "rules": [{ "path": "admin" }, { "path": "/x", "allow": "some" }],
        }),
    );
    for filter in [Filter::Json(faulty.clone()), Filter::Struct(faulty)] {
        let error = validate(filter, &[]).unwrap_err();
        for fault in [
            "client_idd: unknown setting; did you mean `client_id`?",
            "domain: `https://myapp.auth.us-east-1.amazoncognito.com` has a scheme",
            "session.keys[0]: 16 bytes, 32 are needed",
            "session.lifetime: `12 hours` is not a valid duration",
            "rules[0].path: `admin` must begin with a slash",
            "rules[1].allow: `some` is not one of everyone, optional, signed_in, nobody",
        ] {
            assert!(error.contains(fault), "{fault} is missing in\n{error}");
        }
        assert!(!error.contains("MDEyMzQ1Njc4OWFiY2RlZg"), "a key is never shown");
    }
}

#[test]
fn an_unset_variable_is_named() {
    let error = validate(Filter::Json(good()), &[]).unwrap_err();
    assert!(error.contains("session.keys[0]: the environment variable SESSION_KEY is not set"), "{error}");
}

#[test]
fn text_that_is_no_configuration_is_refused() {
    for text in ["", "{", "[]", "null", "\"x\"", "{\"a\":1}{"] {
        assert!(validate(Filter::Text(text.to_owned()), &[]).is_err(), "{text}");
    }
    assert!(validate(Filter::Unconfigured, &[]).is_err());
}

/// It is the wasm filter's.
#[test]
fn the_shipped_configuration_is_valid() {
    let shipped = include_str!("../../envoy/envoy.yaml");
    let here = shipped.replace("/etc/envoy/envoy_cognito.wasm", wasm().to_str().expect("a path"));
    assert_ne!(here, shipped, "the file names the filter");
    // Validation also reads the certificates of authorities, and not every machine has them at that path.
    let authority = Scratch::new().expect("a folder");
    let authorities = authority.path().join("authorities.pem");
    std::fs::write(&authorities, include_str!("../fixtures/authority.pem")).expect("written");
    let here = here.replace("/etc/ssl/certs/ca-certificates.crt", authorities.to_str().expect("a path"));
    let options = Options::default()
        .env("COGNITO_US_EAST_1_POOL_ID", "us-east-1_UFeMzbuJe")
        .env("COGNITO_US_EAST_1_CLIENT_ID", "2jvuq8gkhfoh7u4fdfihiditj5")
        .env("COGNITO_US_EAST_1_CLIENT_SECRET", "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf")
        .env("SESSION_KEY", SESSION_KEY);
    Envoy::validate(&here, &options).unwrap();
    let error = Envoy::validate(&here, &Options::default()).unwrap_err();
    assert!(error.contains("is not set in the VM"), "secrets come from the environment: {error}");
}
