//! Several pools: their own settings, and what they may not share.

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::reader::ConfigError;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A pool with this name.
fn pool(name: &str) -> Value {
    json!({
        "name": name,
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": format!("client{}", name.len()),
        "domain": format!("{name}.auth.us-east-1.amazoncognito.com"),
    })
}

/// The same with additional settings.
fn with(name: &str, settings: Value) -> Value {
    let mut pool = pool(name);
    pool.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    pool
}

fn parse(pools: Value, rest: Value) -> Result<Config, Vec<String>> {
    let mut document = json!({"session": {"keys": [KEY]}, "pools": pools});
    document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let faults = |faults: Vec<ConfigError>| faults.iter().map(ConfigError::to_string).collect();
    Config::parse(document.to_string().as_bytes(), &|_| None).map_err(faults)
}

#[track_caller]
fn check(pools: Value, expected: &[&str]) {
    assert_eq!(parse(pools, json!({})).unwrap_err(), expected);
}

#[test]
fn each_pool_has_its_own_cookies_roles_and_label() {
    let pools = json!([
        with("us", json!({"label": "AWS Cognito US", "hosts": ["us.example.com"]})),
        with("eu-west", json!({"roles": {"claims": ["custom:rollen"]}, "clusters": {"domain": "eu"}})),
    ]);
    let config = parse(pools, json!({})).unwrap();
    let [us, eu] = config.pools.all() else { panic!("two pools") };
    assert_eq!((us.label.as_str(), eu.label.as_str()), ("AWS Cognito US", "eu-west"));
    assert_eq!(us.cookies.identity, "__Host-auth-us");
    assert_eq!(us.cookies.tokens, "__Host-auth-us-tokens");
    assert_eq!(eu.cookies.flow, "__Host-auth-eu-west-flow-");
    assert_eq!(us.roles.claims, ["cognito:groups", "custom:roles"]);
    assert_eq!(eu.roles.claims, ["custom:rollen"]);
    assert_eq!(
        (us.cognito.clusters.domain.as_str(), eu.cognito.clusters.domain.as_str()),
        ("cognito_domain", "eu")
    );
}

#[test]
fn the_host_picks_the_pool_and_else_all_are_offered() {
    let pools = json!([
        with("us", json!({"hosts": ["us.example.com", "*.us.example.com"]})),
        with("eu", json!({"hosts": ["eu.example.com"]})),
        pool("other"),
    ]);
    let config = parse(pools, json!({})).unwrap();
    let at = |host: &str| config.pools.at(host).iter().map(|pool| pool.name.clone()).collect::<Vec<_>>();
    assert_eq!(at("us.example.com"), ["us"]);
    assert_eq!(at("x.us.example.com"), ["us"]);
    assert_eq!(at("eu.example.com"), ["eu"]);
    assert_eq!(at("app.example.com"), ["us", "eu", "other"]);
}

#[test]
fn names_and_hosts_are_unique() {
    check(json!([pool("us"), pool("us")]), &["pools[1].name: `us` is the name of an earlier pool"]);
    check(
        json!([
            with("us", json!({"hosts": ["*.example.com"]})),
            with("eu", json!({"hosts": ["eu.example.com"]})),
        ]),
        &["pools[1].hosts[0]: `eu.example.com` already belongs to the pool `us`"],
    );
    check(
        json!([with("us", json!({"hosts": []}))]),
        &["pools[0].hosts: is empty; remove it if the host doesn't matter"],
    );
}

#[test]
fn a_name_stands_in_addresses_and_cookies() {
    for bad in ["US", "us east", "us;", "us/", "a-name-that-is-longer-than-32-signs"] {
        let expected = format!("pools[0].name: `{bad}` must be a short name of a-z, 0-9, `-` and `_`");
        check(json!([with("us", json!({ "name": bad }))]), &[&expected]);
    }
    for bad in ["us-tokens", "us-flow-x"] {
        let faults = parse(json!([with("us", json!({ "name": bad }))]), json!({})).unwrap_err();
        assert!(faults[0].contains("would be confused with another pool's cookies"), "{faults:?}");
    }
    let mut nameless = pool("us");
    nameless.as_object_mut().unwrap().remove("name");
    check(json!([nameless]), &["pools[0].name: is missing (for example us)"]);
}

#[test]
fn flat_settings_beside_pools_are_faults() {
    let rest = json!({"client_id": "x", "roles": {}, "scopes": ["openid"]});
    let faults = parse(json!([pool("us")]), rest).unwrap_err();
    for key in ["client_id", "roles", "scopes"] {
        let expected = format!("{key}: can't be set beside `pools`; each pool has its own");
        assert!(faults.contains(&expected), "{faults:?}");
    }
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn faults_of_a_pool_say_which() {
    check(json!([]), &["pools: is empty; at least one pool is needed"]);
    check(
        json!([pool("us"), with("eu", json!({"client_id": "", "colour": "red"}))]),
        &["pools[1].client_id: is empty", "pools[1].colour: unknown setting"],
    );
}
