//! Rules that depend on claims.

use serde_json::{Value, json};

use crate::harness::{Answer, Harness, NAVIGATE, Refreshing};

fn with(claims: Value) -> Harness {
    Harness::with(patch(claims))
}

fn patch(claims: Value) -> Value {
    json!({"rules": [{"name": "acme", "path": "/acme/**", "claims": claims}], "bearer": {"enabled": true}})
}

/// Whether a person with these claims may pass.
fn passes(conditions: &Value, claims: &Value) -> bool {
    let mut harness = with(conditions.clone());
    let user = harness.cognito.user.as_object_mut().unwrap();
    user.extend(claims.as_object().unwrap().clone());
    user.retain(|_, value| !value.is_null());
    harness.signed_in();
    let outcome = harness.navigate("/acme/x");
    if outcome.is_forwarded() {
        return true;
    }
    let page = outcome.answered();
    assert_eq!(page.status, 403, "{conditions} {claims}");
    assert!(harness.log().contains("event=authz.denied rule=acme"));
    false
}

#[test]
fn a_condition_is_met_by_equal_or_matching_values_of_the_same_type() {
    let check = |condition: Value, claims: Value, expected: bool| {
        assert_eq!(passes(&condition, &claims), expected, "{condition} {claims}");
    };
    let tenant = |value: Value| json!({"custom:tenant": value});
    check(tenant(json!("acme")), tenant(json!("acme")), true);
    for other in [json!("Acme"), json!("acme2"), json!("xacme"), json!(" acme"), json!(""), Value::Null] {
        check(tenant(json!("acme")), tenant(other), false);
    }
    check(tenant(json!(["acme", "globex"])), tenant(json!("globex")), true);
    check(tenant(json!(["acme", "globex"])), tenant(json!("initech")), false);
    check(tenant(json!("eu-*")), tenant(json!("eu-acme")), true);
    check(tenant(json!("*")), tenant(json!("anything")), true);
    check(tenant(json!("*")), json!({}), false);
    // Lists, in each form.
    check(tenant(json!("acme")), tenant(json!(["globex", "acme"])), true);
    check(tenant(json!("acme")), tenant(json!("[globex, acme]")), true);
    check(tenant(json!("acme")), tenant(json!("globex, acme")), false);
    check(json!({"cognito:groups": ["ops", "dev-*"]}), json!({"cognito:groups": ["x", "dev-1"]}), true);
    check(json!({"cognito:groups": "ops"}), json!({"cognito:groups": []}), false);
    // Types.
    check(json!({"email_verified": true}), json!({"email_verified": true}), true);
    check(json!({"email_verified": true}), json!({"email_verified": false}), false);
    check(json!({"email_verified": true}), json!({"email_verified": "true"}), false);
    check(json!({"email_verified": true}), json!({"email_verified": null}), false);
    check(json!({"level": 3}), json!({"level": 3.0}), true);
    check(json!({"level": 3}), json!({"level": "3"}), false);
    check(json!({"level": "3"}), json!({"level": 3}), false);
    check(json!({"beta": false}), json!({"beta": false}), true);
    check(json!({"beta": "true"}), json!({"beta": true}), false);
    check(json!({"address": "*"}), json!({"address": {"country": "NZ"}}), false);
}

#[test]
fn all_conditions_must_hold() {
    let conditions = json!({"email": "*@example.com", "email_verified": true, "custom:tenant": ["acme"]});
    assert!(passes(&conditions, &json!({"custom:tenant": "acme"})));
    assert!(!passes(&conditions, &json!({"custom:tenant": "globex"})));
    assert!(!passes(&conditions, &json!({"custom:tenant": "acme", "email_verified": false})));
    assert!(!passes(&conditions, &json!({"custom:tenant": "acme", "email": "x@example.com.evil.test"})));
}

#[test]
fn an_address_is_compared_without_regard_to_case() {
    let conditions = json!({"email": ["*@Example.com", "Boss@other.test"]});
    for (email, expected) in [
        ("Joe@EXAMPLE.com", true),
        ("BOSS@Other.Test", true),
        ("x@other.test", false),
        ("[a@example.com]", false),
    ] {
        assert_eq!(passes(&conditions, &json!({ "email": email })), expected, "{email}");
    }
}

#[test]
fn attributes_count_where_the_token_lacks_them_and_never_as_a_sign_in() {
    let mut harness = Harness::with(json!({
        "roles": {"attributes_from": "userinfo"},
        "rules": [
            {"path": "/acme/**", "claims": {"custom:tenant": "acme", "phone_number_verified": true}},
            {"path": "/acr/**", "claims": {"acr": "urn:cognito:loa:4"}},
        ],
    }));
    harness.cognito.hidden =
        json!({"custom:tenant": "acme", "phone_number_verified": "true", "acr": "urn:cognito:loa:4"});
    harness.cognito.is_lite = true;
    harness.signed_in();
    assert!(harness.navigate("/acme/x").is_forwarded());
    assert_eq!(harness.navigate("/acr/x").answered().status, 403);
}

#[test]
fn a_bearer_token_is_judged_by_its_own_claims() {
    let mut harness = with(json!({"cognito:groups": "ops", "client_id": "2jvuq8gkhfoh7u4fdfihiditj5"}));
    let pool = harness.config.pools[0].clone();
    let mut status = |groups: Value| {
        let token = harness.cognito.access_token(&pool, &json!({ "cognito:groups": groups }));
        let authorization = format!("Bearer {token}");
        let outcome = harness.request("GET", "/acme/x", &[("authorization", &authorization)]);
        if outcome.is_forwarded() {
            return (200, None);
        }
        let response = outcome.answered();
        (response.status, response.header("www-authenticate").map(str::to_owned))
    };
    assert_eq!(status(json!(["ops"])), (200, None));
    let refused = Some("Bearer error=\"insufficient_scope\"".to_owned());
    assert_eq!(status(json!(["dev"])), (403, refused.clone()));
    assert_eq!(status(Value::Null), (403, refused));
}

#[test]
fn claims_for_rules_are_nobody_elses_business() {
    let mut harness = with(json!({"custom:tenant": "acme"}));
    harness.cognito.user["custom:tenant"] = json!("acme");
    harness.signed_in();
    let me = harness.request("GET", "/.auth/me", &[("accept", "application/json")]).answered();
    assert!(!me.body.contains("acme"), "{}", me.body);
    let edits = harness.navigate("/acme/x").forwarded();
    assert!(!edits.set().any(|(_, value)| value == b"acme"));
}

#[test]
fn a_refresh_brings_new_claims() {
    let mut harness = with(json!({"custom:tenant": "acme"}));
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.cognito.user["custom:tenant"] = json!("globex");
    harness.signed_in();
    assert_eq!(harness.navigate("/acme/x").answered().status, 403);
    harness.cognito.user["custom:tenant"] = json!("acme");
    harness.pass(std::time::Duration::from_secs(3601));
    assert!(harness.navigate("/acme/x").is_forwarded());
}

#[test]
fn a_session_from_before_the_rule_learns_the_claim() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.cognito.user["custom:tenant"] = json!("acme");
    harness.signed_in();
    let before = harness.jar.header().len();
    harness.reconfigure(patch(json!({"custom:tenant": "acme", "custom:absent": "x"})));
    assert_eq!(harness.navigate("/acme/x").answered().status, 403, "custom:absent");
    // The claim that the person doesn't have is known to be absent, so nothing is asked again.
    assert_eq!(harness.navigate("/acme/x").answered().status, 403);
    assert_eq!(harness.counted("refresh.completed"), 1);
    assert!(harness.jar.header().len() < before + 120, "{}", harness.jar.header().len() - before);
    harness.reconfigure(patch(json!({"custom:tenant": "acme"})));
    assert!(harness.navigate("/acme/x").is_forwarded());
    // Without rules, the session is what it was.
    harness.reconfigure(json!({}));
    assert!(harness.navigate("/acme/x").is_forwarded());
}

#[test]
fn a_session_that_cant_learn_the_claim_is_no_session_for_the_rule() {
    let mut harness = Harness::new();
    harness.cognito.user["custom:tenant"] = json!("acme");
    harness.signed_in();
    harness.reconfigure(patch(json!({"custom:tenant": "acme"})));
    // Cognito refuses the refresh.
    assert_eq!(harness.navigate("/acme/x").answered().status, 302);
    assert_eq!(harness.get("/acme/x").answered().status, 401);
    assert_eq!(harness.sign_in("/acme/x").status, 302);
    assert!(harness.navigate("/acme/x").is_forwarded());
}

#[test]
fn while_cognito_is_down_a_claim_cant_be_learned() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.cognito.user["custom:tenant"] = json!("acme");
    harness.signed_in();
    harness.reconfigure(patch(json!({"custom:tenant": "acme"})));
    harness.cognito.token = Answer::says(500, "");
    assert_eq!(harness.navigate("/acme/x").answered().status, 503);
    assert!(harness.navigate("/other").is_forwarded());
    harness.cognito.token = Answer::Good;
    harness.pass(std::time::Duration::from_secs(120));
    assert!(harness.request("GET", "/acme/x", &NAVIGATE).is_forwarded());
}

#[test]
fn a_rule_in_shadow_mode_waits_for_nothing() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    let mut shadow = patch(json!({"custom:tenant": "acme"}));
    shadow["rules"][0]["mode"] = json!("shadow");
    harness.reconfigure(shadow.clone());
    assert!(harness.navigate("/acme/x").is_forwarded());
    assert_eq!(harness.counted("authz.shadow_denied"), 0, "nobody knows");
    harness.signed_in();
    assert!(harness.navigate("/acme/x").is_forwarded());
    assert_eq!(harness.counted("authz.shadow_denied"), 1);
}
