//! Step-up: a rule asks for a later or a stronger sign-in.

use std::time::Duration;

use envoy_cognito_core::decision::AccessDecision;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness, NAVIGATE, Refreshing, Visit, fields, upstream};

const MINUTE: Duration = Duration::from_secs(60);

/// A rule for `/payroll/**` with these conditions.
fn with(rule: Value) -> Harness {
    Harness::with(patch(rule))
}

fn patch(mut rule: Value) -> Value {
    rule["path"] = json!("/payroll/**");
    rule["name"] = json!("payroll");
    json!({"rules": [rule], "bearer": {"enabled": true}})
}

/// What an authorization request asks for: `max_age`, `acr_values`, `prompt`.
fn asked(location: &str) -> [Option<String>; 3] {
    let query = fields(location.split_once('?').unwrap().1);
    ["max_age", "acr_values", "prompt"].map(|name| query.get(name).cloned())
}

fn asks(max_age: &str, acr_values: &str, prompt: &str) -> [Option<String>; 3] {
    [max_age, acr_values, prompt].map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

/// A whole sign-in from this path. Returns the status of the path afterwards.
#[track_caller]
fn step_up(harness: &mut Harness, path: &str) -> u16 {
    let response = harness.sign_in(path);
    assert_eq!((response.status, response.header("location")), (302, Some(path)), "{response:?}");
    status(harness, path)
}

fn status(harness: &mut Harness, path: &str) -> u16 {
    let outcome = harness.navigate(path);
    if outcome.is_forwarded() { 200 } else { outcome.answered().status }
}

#[test]
fn who_signed_in_too_long_ago_signs_in_again_and_passes() {
    let mut harness = with(json!({"max_age": "15m"}));
    harness.signed_in();
    assert_eq!(status(&mut harness, "/payroll/may"), 200);
    harness.advance(15 * MINUTE);
    assert_eq!(status(&mut harness, "/payroll/may"), 200, "exactly that long ago");
    harness.advance(Duration::from_secs(1));
    assert_eq!(asked(&harness.start("/payroll/may")), asks("900", "", "login"));
    assert_eq!(status(&mut harness, "/other"), 200, "for other paths the session is good");
    assert_eq!(step_up(&mut harness, "/payroll/may?page=2"), 200);
    assert_eq!(harness.cognito.prompts, 2);
    harness.advance(16 * MINUTE);
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200, "later, asking again is right");
}

#[test]
fn soon_after_a_sign_in_that_helped_the_next_one_is_asked_for() {
    let mut harness = with(json!({"max_age": "2s"}));
    harness.signed_in();
    for _ in 0..3 {
        harness.advance(Duration::from_secs(3));
        assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
    }
}

#[test]
fn who_signed_in_too_weakly_signs_in_more_strongly() {
    let mut harness = with(json!({"acr_any": ["urn:cognito:loa:3", "urn:cognito:loa:4"]}));
    harness.signed_in();
    let expected = asks("", "urn:cognito:loa:3 urn:cognito:loa:4", "");
    assert_eq!(asked(&harness.start("/payroll/may")), expected);
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
    assert_eq!(harness.cognito.prompts, 1, "Cognito asks for the second factor alone");
    harness.advance(16 * MINUTE);
    assert_eq!(status(&mut harness, "/payroll/may"), 200);
}

#[test]
fn a_method_is_asked_for_with_a_prompt() {
    let mut harness = with(json!({"amr_any": ["mfa", "hwk"], "acr_any": ["urn:cognito:loa:4"]}));
    harness.signed_in();
    assert_eq!(asked(&harness.start("/payroll/may")), asks("", "urn:cognito:loa:4", "login"));
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
}

#[test]
fn the_first_sign_in_asks_for_it_at_once() {
    let mut harness = with(json!({"max_age": "15m", "acr_any": ["urn:cognito:loa:4"]}));
    assert_eq!(asked(&harness.start("/payroll/may")), asks("900", "urn:cognito:loa:4", ""));
    assert_eq!(asked(&harness.start("/other")), asks("", "", ""));
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
}

#[test]
fn a_session_at_cognito_that_is_too_old_needs_a_second_sign_in_at_most() {
    let mut harness = with(json!({"max_age": "15m"}));
    harness.cognito.is_lite = true;
    harness.cognito.visit = Some(Visit { auth_time: harness.now().secs() - 3000, level: 1 });
    let response = harness.sign_in("/payroll/may");
    assert_eq!(response.status, 302);
    assert_eq!(harness.cognito.prompts, 0, "Lite ignores max_age");
    assert_eq!(asked(&harness.start("/payroll/may")), asks("900", "", "login"));
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
}

#[test]
fn what_cognito_doesnt_give_is_a_page_that_says_so_and_never_a_loop() {
    let mut harness = with(json!({"acr_any": ["urn:cognito:loa:4"]}));
    harness.cognito.is_lite = true;
    harness.signed_in();
    let response = harness.sign_in("/payroll/may?x=1");
    assert_eq!(response.header("location"), Some("/payroll/may?x=1"));
    harness.log();
    for _ in 0..3 {
        let page = harness.navigate("/payroll/may?x=1").answered();
        assert_eq!((page.status, page.header("content-type")), (403, Some("text/html; charset=utf-8")));
        assert!(page.body.contains("urn:cognito:loa:4") && page.body.contains("jsmith"), "{}", page.body);
        assert!(page.body.contains("/.auth/sign-in?return=%2Fpayroll%2Fmay%3Fx%3D1&amp;step_up="));
    }
    let log = harness.log();
    assert!(log.contains("event=authz.denied rule=payroll") && log.contains("ignores acr_values"), "{log}");
    // Five minutes later the person may have set up another factor.
    harness.advance(5 * MINUTE);
    harness.cognito.is_lite = false;
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
}

#[test]
fn who_entered_a_password_just_now_isnt_asked_for_it_twice() {
    for rule in [json!({"amr_any": ["mfa"]}), json!({"acr_any": ["urn:cognito:loa:4"], "max_age": "15m"})] {
        let mut harness = with(rule.clone());
        harness.cognito.is_lite = true;
        assert_eq!(step_up(&mut harness, "/payroll/may"), 403, "{rule}");
        assert_eq!(harness.cognito.prompts, 1, "{rule}");
    }
}

#[test]
fn the_link_of_the_page_asks_again_and_so_does_the_link_of_a_form() {
    let mut harness = with(json!({"amr_any": ["mfa"]}));
    harness.cognito.is_lite = true;
    harness.signed_in();
    let form = harness.request("POST", "/payroll/may", &[("sec-fetch-mode", "navigate")]).answered();
    assert_eq!(form.status, 401);
    assert!(form.body.contains("Please sign in again first") && !form.body.contains("not signed in"));
    assert_eq!(step_up(&mut harness, "/payroll/may"), 403);
    let page = harness.navigate("/payroll/may").answered();
    for body in [page.body, form.body] {
        let link = body.split("href=\"").find(|part| part.contains("step_up=")).unwrap();
        let link = link.split('"').next().unwrap().replace("&amp;", "&");
        let location = harness.start(&link);
        assert_eq!(asked(&location), asks("", "", "login"), "{link}");
        let callback = harness.authorize(&location);
        let landed = harness.navigate(&callback).answered();
        assert_eq!(landed.header("location"), Some("/payroll/may"));
        assert_eq!(status(&mut harness, "/payroll/may"), 403);
    }
    // A form gets the page too.
    let form = harness.request("POST", "/payroll/may", &[("sec-fetch-mode", "navigate")]).answered();
    assert_eq!(form.status, 403);
}

#[test]
fn only_what_a_rule_asks_for_can_be_asked_for_by_a_link() {
    let mut harness = with(json!({"max_age": "15m"}));
    for link in
        ["/.auth/sign-in?step_up=12345678", "/.auth/sign-in?step_up=x&max_age=1&acr_values=y&prompt=none"]
    {
        assert_eq!(asked(&harness.start(link)), asks("", "", ""), "{link}");
    }
}

#[test]
fn two_tabs_that_ask_for_different_sign_ins_end_too() {
    let rules = json!({"rules": [
        {"path": "/a/**", "acr_any": ["urn:cognito:loa:4"]},
        {"path": "/b/**", "acr_any": ["urn:cognito:loa:3"]},
    ]});
    let mut harness = Harness::with(rules);
    harness.cognito.is_lite = true;
    harness.signed_in();
    let (a, b) = (harness.start("/a/x"), harness.start("/b/x"));
    for location in [a, b] {
        let callback = harness.authorize(&location);
        assert_eq!(harness.navigate(&callback).answered().status, 302);
    }
    // The second callback has replaced the session of the first, so one tab asks once more.
    assert_eq!(step_up(&mut harness, "/a/x"), 403);
    for path in ["/a/x", "/b/x", "/a/x", "/b/x"] {
        assert_eq!(status(&mut harness, path), 403, "{path}");
    }
}

#[test]
fn the_back_button_to_the_callback_changes_nothing() {
    let mut harness = with(json!({"acr_any": ["urn:cognito:loa:4"]}));
    harness.signed_in();
    let location = harness.start("/payroll/may");
    let callback = harness.authorize(&location);
    assert_eq!(harness.navigate(&callback).answered().header("location"), Some("/payroll/may"));
    assert_eq!(harness.navigate(&callback).answered().header("location"), Some("/"));
    assert_eq!(status(&mut harness, "/payroll/may"), 200);
}

#[test]
fn everything_but_a_navigation_gets_the_challenge_of_rfc_9470() {
    let mut harness = with(json!({"max_age": "15m", "acr_any": ["urn:cognito:loa:3", "urn:cognito:loa:4"]}));
    harness.signed_in();
    let challenge = "Bearer error=\"insufficient_user_authentication\", \
                     acr_values=\"urn:cognito:loa:3 urn:cognito:loa:4\", max_age=\"900\"";
    let websocket = [("upgrade", "websocket"), ("connection", "upgrade")];
    let grpc = [("content-type", "application/grpc")];
    for (method, headers) in [("GET", &[("accept", "*/*")][..]), ("GET", &websocket), ("POST", &grpc)] {
        let response = harness.request(method, "/payroll/may", headers).answered();
        assert_eq!(
            (response.status, response.header("www-authenticate")),
            (401, Some(challenge)),
            "{headers:?}"
        );
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(
            (&body["error"], &body["sign_in"]),
            (&json!("insufficient_user_authentication"), &json!("/.auth/sign-in"))
        );
        // What a script does with it: it opens the sign-in path.
        let link = format!("/.auth/sign-in?return=/&step_up={}", body["step_up"].as_str().unwrap());
        assert_eq!(asked(&harness.start(&link))[0].as_deref(), Some("900"));
    }
    assert!(harness.get("/other").is_forwarded());
}

#[test]
fn a_links_parameters_go_with_it_but_never_weaken_it() {
    let mut document = patch(json!({"max_age": "15m", "acr_any": ["urn:cognito:loa:4"]}));
    document["authorize_params"] = json!({"lang": "fr"});
    document["sign_in_params"] = json!({
        "login_hint": "any", "lang": ["de"], "prompt": ["none", "select_account"], "from_links": true,
    });
    let mut harness = Harness::with(document);
    let check = |harness: &mut Harness, query: &str, prompt: &str, others: [&str; 2]| {
        for target in [
            format!("/payroll/may?{query}"),
            format!(
                "/.auth/sign-in?return=/payroll/may&step_up={}&{query}",
                harness.config.rules.all().next().unwrap().step_up.as_ref().unwrap().id
            ),
        ] {
            let location = harness.start(&target);
            assert_eq!(asked(&location), asks("900", "urn:cognito:loa:4", prompt), "{target}");
            let sent = fields(location.split_once('?').unwrap().1);
            assert_eq!(["login_hint", "lang"].map(|name| sent[name].as_str()), others, "{target}");
        }
    };
    let hint = "login_hint=jsmith";
    check(&mut harness, hint, "", ["jsmith", "fr"]);
    check(&mut harness, &format!("{hint}&lang=de&prompt=none"), "", ["jsmith", "de"]);
    check(&mut harness, &format!("{hint}&prompt=select_account"), "select_account", ["jsmith", "fr"]);
    harness.signed_in();
    harness.advance(16 * MINUTE);
    for prompt in ["none", "select_account"] {
        check(&mut harness, &format!("{hint}&lang=de&prompt={prompt}"), "login", ["jsmith", "de"]);
    }
}

#[test]
fn the_rule_says_how_those_are_answered_who_must_sign_in_again() {
    let mut harness = with(json!({"max_age": "15m", "unauthenticated": "reject"}));
    harness.signed_in();
    harness.advance(16 * MINUTE);
    let response = harness.navigate("/payroll/may").answered();
    assert_eq!(response.status, 401);
    assert!(response.header("www-authenticate").unwrap().contains("insufficient_user_authentication"));
    harness.reconfigure(patch(json!({"max_age": "15m", "unauthenticated": "redirect"})));
    assert_eq!(harness.get("/payroll/may").answered().status, 302);
}

#[test]
fn a_bearer_token_is_judged_by_its_own_claims() {
    let mut harness = with(json!({"max_age": "15m", "acr_any": ["urn:cognito:loa:4"]}));
    let now = harness.now().secs();
    let pool = harness.config.pools[0].clone();
    let mut check = |claims: Value, expected: u16| {
        let token = harness.cognito.access_token(&pool, &claims);
        let authorization = format!("Bearer {token}");
        let mut headers = NAVIGATE.to_vec();
        headers.push(("authorization", &authorization));
        let outcome = harness.request("GET", "/payroll/may", &headers);
        if expected == 200 {
            assert!(outcome.is_forwarded(), "{claims}");
            return;
        }
        let response = outcome.answered();
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert_eq!(response.status, 401, "{claims}");
        assert!(challenge.ends_with(r#"acr_values="urn:cognito:loa:4", max_age="900""#), "{challenge}");
        assert_eq!(response.body, r#"{"error":"insufficient_user_authentication"}"#);
    };
    check(json!({"auth_time": now - 900, "acr": "urn:cognito:loa:4"}), 200);
    check(json!({"auth_time": now - 901, "acr": "urn:cognito:loa:4"}), 401);
    check(json!({"auth_time": now, "acr": "urn:cognito:loa:3"}), 401);
    check(json!({"auth_time": now.to_string(), "acr": "urn:cognito:loa:4"}), 401);
    check(json!({"auth_time": now}), 401);
    check(json!({}), 401);
}

#[test]
fn a_refresh_is_no_sign_in() {
    let mut harness = with(json!({"max_age": "90m", "acr_any": ["urn:cognito:loa:4"]}));
    harness.cognito.refreshing = Refreshing::Rotated;
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
    // Cognito keeps auth_time. If it moves, as some emulators do, nobody is signed in later because of that.
    harness.cognito.tamper = Some(Box::new(|token| {
        let issued_at = token.claims["iat"].clone();
        token.claim("auth_time", issued_at);
        token.claim("acr", Value::Null);
    }));
    harness.pass(61 * MINUTE);
    assert_eq!(status(&mut harness, "/payroll/may"), 200);
    assert_eq!(harness.counted("refresh.completed"), 1);
    harness.pass(30 * MINUTE);
    harness.cognito.tamper = None;
    assert_eq!(asked(&harness.start("/payroll/may"))[0].as_deref(), Some("5400"));
}

#[test]
fn a_rule_in_shadow_mode_tells_what_it_would_ask_for() {
    let mut harness = with(json!({"acr_any": ["urn:cognito:loa:4"], "mode": "shadow"}));
    harness.signed_in();
    assert_eq!(status(&mut harness, "/payroll/may"), 200);
    assert_eq!(harness.counted("authz.shadow_denied"), 1);
    harness.cognito.user["custom:x"] = json!("y");
    assert!(harness.log().contains("event=authz.shadow_denied rule=payroll"));
}

#[test]
fn a_session_from_before_the_rule_learns_what_it_lacks_by_one_refresh() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    let before = harness.jar.header();
    harness.reconfigure(patch(json!({"max_age": "15m", "acr_any": ["urn:cognito:loa:1"]})));
    assert_eq!(status(&mut harness, "/other"), 200);
    assert_eq!(harness.counted("refresh.completed"), 0, "only the rule needs it");
    let outcome = harness.navigate("/payroll/may");
    let edits = outcome.forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"));
    assert_eq!(harness.counted("refresh.completed"), 1);
    assert_eq!(status(&mut harness, "/payroll/may"), 200);
    assert_eq!(harness.counted("refresh.completed"), 1);
    assert_ne!(before, "");
}

#[test]
fn what_cant_be_learned_needs_a_sign_in_or_a_moment() {
    let rule = || patch(json!({"max_age": "15m"}));
    // Without a refresh token.
    let mut harness = Harness::new();
    harness.cognito.sends_refresh_token = false;
    harness.signed_in();
    harness.reconfigure(rule());
    assert_eq!(step_up(&mut harness, "/payroll/may"), 200);
    // While Cognito is down.
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    harness.reconfigure(rule());
    harness.cognito.token = Answer::says(503, "");
    assert_eq!(harness.navigate("/payroll/may").answered().status, 503);
    assert_eq!(status(&mut harness, "/other"), 200);
}

fn decided(harness: &Harness) -> (AccessDecision, String) {
    let access = harness.access.as_ref().unwrap();
    (access.decision, (**access.rule.as_ref().unwrap()).to_owned())
}

#[test]
fn the_access_log_says_what_was_decided() {
    let mut harness = with(json!({"acr_any": ["urn:cognito:loa:4"]}));
    harness.cognito.is_lite = true;
    harness.signed_in();
    let _ = harness.get("/payroll/may").answered();
    assert_eq!(decided(&harness), (AccessDecision::Unauthenticated, "payroll".to_owned()));
    assert_eq!(step_up(&mut harness, "/payroll/may"), 403);
    assert_eq!(decided(&harness), (AccessDecision::Forbidden, "payroll".to_owned()));
}
