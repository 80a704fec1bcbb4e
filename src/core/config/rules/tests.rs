//! How operators write rules, and the messages for invalid ones.

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::reader::ConfigError;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn parse(rules: Value) -> Result<Config, Vec<String>> {
    let pool = |name: &str| {
        json!({
            "name": name, "user_pool_id": "us-east-1_UFeMzbuJe", "client_id": "client",
            "domain": "myapp.auth.us-east-1.amazoncognito.com",
        })
    };
    let document = json!({
        "session": {"keys": [KEY]}, "pools": [pool("us"), pool("eu")], "rules": rules,
    });
    let texts = |faults: Vec<ConfigError>| faults.iter().map(ConfigError::to_string).collect();
    Config::parse(document.to_string().as_bytes(), &|_| None).map_err(texts)
}

/// Checks the errors in a single rule, without their paths.
#[track_caller]
fn check(rule: Value, expected: &[&str]) {
    let faults = parse(json!([rule.clone()])).unwrap_err();
    let here: Vec<&str> = faults.iter().map(|fault| fault.trim_start_matches("rules[0].")).collect();
    assert_eq!(here, expected, "{rule}");
}

#[test]
fn every_rule_of_the_contract_is_accepted() {
    let rules = json!([
        {"path": "/healthz", "allow": "everyone"},
        {"path": "/admin/**", "roles_any": ["authp/admin"]},
        {"path": "/reports/*", "methods": ["GET", "HEAD"], "roles_all": ["authp/user", "finance"]},
        {"path": "/internal/**", "allow": "nobody"},
        {"path": "/api/**", "unauthenticated": "reject"},
        {"path": "/hello", "allow": "optional"},
        {"path": "/eu/**", "pools": ["eu"]},
        {"path": "/payroll/**", "roles_any": ["hr"], "max_age": "15m", "acr_any": ["urn:cognito:loa:4"], "amr_any": ["mfa"]},
        {"path": "/acme/**", "claims": {"custom:tenant": "acme", "email": "*@acme.example", "email_verified": true}},
        {"name": "beta", "hosts": ["beta.example.com"], "roles_any": ["beta"], "mode": "shadow"},
    ]);
    assert!(parse(rules).is_ok());
}

#[test]
fn a_rule_that_can_never_match_names_the_one_in_front() {
    let never = |rules: Value, expected: &[&str]| {
        assert_eq!(parse(rules.clone()).unwrap_err(), expected, "{rules}");
    };
    never(
        json!([{"path": "/**", "allow": "everyone"}, {"path": "/admin/**", "roles_any": ["admin"]}]),
        &["rules[1]: can never match: rules[0] comes first and matches all of it"],
    );
    never(
        json!([{"name": "open", "path": "/a/**"}, {"path": "/a/b"}, {"path": "/a"}]),
        &[
            "rules[1]: can never match: rules[0] (`open`) comes first and matches all of it",
            "rules[2]: can never match: rules[0] (`open`) comes first and matches all of it",
        ],
    );
    // A rule that can't be read doesn't match anything.
    never(json!([{"path": "admin"}, {"path": "/a"}]), &["rules[0].path: `admin` must begin with a slash"]);
    never(
        json!([{"path": "/a", "hosts": ["https://x"]}, {"path": "/a"}]),
        &[
            "rules[0].hosts[0]: `https://x` is not a valid host: write app.example.com or *.example.com, without a port",
        ],
    );
}

#[test]
fn roles_go_with_signing_in() {
    for allow in ["everyone", "optional", "nobody"] {
        let why = "requires `allow: signed_in`, which is the default";
        check(
            json!({"path": "/a", "allow": allow, "roles_any": ["x"], "roles_all": ["y"], "pools": ["us"]}),
            &[&format!("roles_any: {why}"), &format!("roles_all: {why}"), &format!("pools: {why}")],
        );
        check(
            json!({"path": "/a", "allow": allow, "unauthenticated": "reject"}),
            &["unauthenticated: requires `allow: signed_in`; here nobody must sign in"],
        );
    }
}

#[test]
fn a_list_that_is_there_says_something() {
    for key in ["roles_any", "roles_all", "methods", "hosts", "pools"] {
        check(json!({"path": "/a", key: []}), &[&format!("{key}: is empty; remove it if it doesn't matter")]);
    }
    check(
        json!({"path": "/a", "roles_any": ["", " admin"]}),
        &[
            "roles_any[0]: `` is not a valid role: nobody could have it",
            "roles_any[1]: ` admin` is not a valid role: nobody could have it",
        ],
    );
    check(json!({"path": "/a", "pools": ["us", "mars"]}), &["pools[1]: `mars` is not the name of a pool"]);
}

#[test]
fn methods_are_written_as_they_are_sent() {
    check(
        json!({"path": "/a", "methods": ["get", "G T", ""]}),
        &[
            "methods[0]: `get`: methods are case-sensitive; did you mean `GET`?",
            "methods[1]: `G T` is not a valid method",
            "methods[2]: `` is not a valid method",
        ],
    );
}

#[test]
fn a_name_is_a_line_of_its_own() {
    for bad in ["", " ", "a\nb", &"x".repeat(65)] {
        check(json!({"path": "/a", "name": bad}), &["name: must be one line of at most 64 characters"]);
    }
    let faults = parse(json!([{"path": "/a", "name": "x"}, {"path": "/b", "name": "x"}])).unwrap_err();
    assert_eq!(faults, ["rules[1].name: `x` is the name of an earlier rule"]);
}

#[test]
fn rules_without_number_are_refused() {
    let hosts: Vec<String> = (0..300).map(|n| format!("h{n}.example.com")).collect();
    let methods: Vec<String> = (0..300).map(|n| format!("M{n}")).collect();
    let faults = parse(json!([{"hosts": hosts, "methods": methods}])).unwrap_err();
    assert_eq!(faults, ["rules: have more than 50000 patterns, counted with hosts and methods"]);
}

#[test]
fn words_that_are_no_choice_are_refused() {
    check(
        json!({"path": "/a", "allow": "all", "unauthenticated": "page", "mode": "dry"}),
        &[
            "allow: `all` is not one of everyone, optional, signed_in, nobody",
            "unauthenticated: `page` is not one of auto, redirect, reject",
            "mode: `dry` is not one of enforce, shadow",
        ],
    );
}

#[test]
fn a_condition_that_can_never_be_met_is_refused() {
    let claims = |claims: Value, expected: &[&str]| {
        let whole: Vec<String> = expected.iter().map(|fault| format!("claims{fault}")).collect();
        check(json!({"path": "/a", "claims": claims}), &whole.iter().map(String::as_str).collect::<Vec<_>>());
    };
    claims(json!({}), &[": is empty; remove it if it doesn't matter"]);
    claims(json!([]), &[": a list where an object is needed"]);
    claims(json!({"c": []}), &[".c: is empty; remove it if it doesn't matter"]);
    claims(json!({"": "x"}), &[".\"\": is not the name of a claim"]);
    claims(json!({" c": "x"}), &[". c: is not the name of a claim"]);
    claims(json!({"c": ["x", ""]}), &[".c[1]: is empty; a claim that is empty counts as absent"]);
    claims(json!({"c": null}), &[".c: null where text, a number, true or false is needed"]);
    claims(json!({"c": [{}]}), &[".c[0]: an object where text, a number, true or false is needed"]);
    let quotes = "can never match: Cognito sends this claim as text; write the value in quotes";
    for claim in ["custom:beta", "email", "cognito:groups", "acr"] {
        claims(json!({claim: true}), &[&format!(".{claim}: {quotes}")]);
        claims(json!({claim: ["a", 5]}), &[&format!(".{claim}[1]: {quotes}")]);
    }
    let flag = ".email_verified: can never match: this claim is true or false";
    claims(json!({"email_verified": "true"}), &[&format!("{flag}, without quotes")]);
    claims(json!({"email_verified": 1}), &[flag]);
}

#[test]
fn a_sign_in_that_nobody_can_ask_for_is_refused() {
    let rule = |key: &str, value: Value| json!({"path": "/a", key: value});
    for age in ["0s", "500ms", "1500ms"] {
        check(rule("max_age", json!(age)), &["max_age: must be at least 1s, in whole seconds"]);
    }
    check(
        rule("max_age", json!("soon")),
        &["max_age: `soon` is not a valid duration; write 30s, 5m, 12h or 1h30m"],
    );
    check(rule("max_age", json!(900)), &["max_age: a number where text is needed"]);
    for key in ["acr_any", "amr_any"] {
        check(rule(key, json!([])), &[&format!("{key}: is empty; remove it if it doesn't matter")]);
        check(rule(key, json!("x")), &[&format!("{key}: text where a list is needed")]);
        for bad in ["", "a b", "a\"", "\\", "é"] {
            let fault = "is not a valid value: it can't contain spaces, quotes or other special characters";
            check(rule(key, json!(["ok", bad])), &[&format!("{key}[1]: `{bad}` {fault}")]);
        }
    }
}

#[test]
fn only_who_is_signed_in_can_be_asked_for_more() {
    let asks = [
        ("claims", json!({"c": "x"})),
        ("max_age", json!("15m")),
        ("acr_any", json!(["urn:cognito:loa:4"])),
        ("amr_any", json!(["mfa"])),
    ];
    for allow in ["everyone", "optional", "nobody"] {
        for (key, value) in &asks {
            check(
                json!({"path": "/a", "allow": allow, *key: value}),
                &[&format!("{key}: requires `allow: signed_in`, which is the default")],
            );
        }
    }
}

#[test]
fn claims_that_rules_ask_for_are_named_once() {
    let config = parse(json!([
        {"path": "/a", "claims": {"custom:tenant": "acme", "email_verified": true}},
        {"path": "/b", "claims": {"custom:tenant": "globex"}, "max_age": "15m"},
        {"path": "/c", "acr_any": ["x"], "amr_any": ["y"]},
    ]));
    assert_eq!(
        config.unwrap().rules.claims(),
        ["custom:tenant", "email_verified", "auth_time", "acr", "amr"]
    );
}
