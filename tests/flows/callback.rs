//! The callback: with a code, with an error, or not from Cognito at all.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::json;

use crate::harness::{
    Answer, Endpoint, FLOW, Harness, IDENTITY, Jar, NAVIGATE, TOKENS, cookies_deleted, cookies_set,
    set_cookies, upstream,
};

#[test]
fn a_sign_in_ends_with_a_session_and_the_flow_is_gone() {
    let mut harness = Harness::new();
    let response = harness.sign_in("/hello");
    assert_eq!((response.status, response.header("location")), (302, Some("/hello")));
    assert_eq!(cookies_set(&response), [IDENTITY, TOKENS]);
    assert_eq!(cookies_deleted(&response).len(), 1, "the flow");
    assert!(harness.jar.names(FLOW).is_empty());
    assert_eq!(harness.cognito.calls(Endpoint::Token), 1);
    let edits = harness.navigate("/hello").forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"));
    assert_eq!(upstream(&edits, "x-auth-subject"), Some("55ddc31e-b818-4136-8fb8-84cfb31af537"));
    assert_eq!(upstream(&edits, "x-auth-email"), Some("jsmith@example.com"));
    assert_eq!(upstream(&edits, "x-auth-name"), Some("John Smith"));
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("authp/admin,authp/user"));
    assert_eq!(upstream(&edits, "x-auth-timezone"), Some("America/New_York"));
}

#[test]
fn session_cookies_last_as_long_as_a_session_may() {
    let mut harness = Harness::new();
    let response = harness.sign_in("/");
    for cookie in set_cookies(&response).take(2) {
        let attributes = "; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax";
        assert!(cookie.ends_with(attributes), "{cookie}");
    }
}

#[test]
fn a_completed_sign_in_is_logged_without_the_email() {
    let mut harness = Harness::new();
    harness.signed_in();
    let log = harness.log();
    assert!(log.contains("event=sign_in.completed"), "{log}");
    assert!(!log.contains("jsmith@example.com"), "{log}");
}

#[test]
fn an_invalid_callback_is_refused_before_any_call() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let good = harness.authorize(&location);
    let state = good.split_once("state=").unwrap().1.to_owned();
    let check = |query: &str, reason: &str| {
        let response = harness.navigate(&format!("/.auth/callback{query}")).answered();
        assert_eq!(response.status, 400, "{query}");
        assert_eq!(set_cookies(&response).count(), 0, "{query}");
        assert!(response.body.contains("href=\"/.auth/sign-in"), "{query}");
        let log = harness.log();
        assert!(log.contains(&format!("reason={reason} ")), "{query}: {log}");
    };
    let mut check = check;
    check("", "state_missing");
    check("?", "state_missing");
    check("?&&&", "state_missing");
    check("?code=x", "state_missing");
    check("?code=x&state=", "state_missing");
    check(&format!("?state={state}"), "code_missing");
    check(&format!("?state={state}&code="), "code_missing");
    check(&format!("?state={state}&code=x&code=y"), "repeated_parameter");
    check(&format!("?state={state}&state={state}&code=x"), "repeated_parameter");
    check(&format!("?state={state}&code=x&iss=https://evil.example"), "other_issuer");
    check(&format!("?state={state}&code=x&iss="), "other_issuer");
    check(&format!("?state={state}&error=x&iss=https://evil.example"), "other_issuer");
    check("?code=x&state=x", "flow_unknown");
    check("?code=x&state=.", "flow_unknown");
    check("?code=x&state=0000000000000000.AAAAAAAAAAAAAAAAAAAAAA", "flow_unknown");
    check(&format!("?code=x&state={}", state.to_uppercase()), "flow_unknown");
    check(&format!("?code=x&state={state}A"), "flow_unknown");
    check(&format!("?code=x&state={}", state.split_once('.').unwrap().0), "flow_unknown");
    check("?code=x&state=%00%ff", "flow_unknown");
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
    assert_eq!(harness.navigate(&good).answered().status, 302, "the sign-in itself is unharmed");
}

#[test]
fn the_right_iss_in_the_callback_is_welcome() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let iss = "https%3A%2F%2Fcognito-idp.us-east-1.amazonaws.com%2Fus-east-1_UFeMzbuJe";
    assert_eq!(harness.navigate(&format!("{callback}&iss={iss}")).answered().status, 302);
}

#[test]
fn a_callback_of_another_browser_is_refused_before_any_call() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let attackers = harness.authorize(&location);
    harness.jar = Jar::default();
    let response = harness.navigate(&attackers).answered();
    assert_eq!(response.status, 400);
    // Also while the person has a pending sign-in.
    harness.start("/");
    let response = harness.navigate(&attackers).answered();
    assert_eq!(response.status, 400);
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
    assert!(!harness.is_signed_in());
}

#[test]
fn a_flow_cookie_under_another_name_doesnt_open() {
    // A sibling subdomain could set cookies without the prefix, and an attacker any value.
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let name = harness.jar.names(FLOW).remove(0);
    let value = harness.jar.get(&name).unwrap().to_owned();
    harness.jar.remove(&name);
    for planted in [name.trim_start_matches("__Host-"), &name.replace("__Host-", "__Secure-")] {
        harness.jar.put(planted, &value);
        assert_eq!(harness.navigate(&callback).answered().status, 400, "{planted}");
    }
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
    harness.jar.put(&name, &value);
    assert_eq!(harness.navigate(&callback).answered().status, 302);
}

#[test]
fn a_sign_in_may_take_ten_minutes_and_no_longer() {
    let check = |taken: Duration, status: u16| {
        let mut harness = Harness::new();
        let location = harness.start("/");
        let callback = harness.authorize(&location);
        harness.advance(taken);
        assert_eq!(harness.navigate(&callback).answered().status, status, "{taken:?}");
    };
    check(Duration::from_millis(599_999), 302);
    check(Duration::from_secs(600), 400);
}

#[test]
fn an_error_of_cognito_ends_on_a_page_that_repeats_none_of_it() {
    let check = |error: &str, description: &str| {
        let mut harness = Harness::new();
        let location = harness.start("/wanted");
        let callback = harness.authorize(&location);
        let state = callback.split_once("state=").unwrap().1;
        let target = format!("/.auth/callback?state={state}&error={error}&error_description={description}");
        let response = harness.navigate(&target).answered();
        assert_eq!(response.status, 401, "{error}");
        assert_eq!(response.header("location"), None, "{error}");
        for foreign in ["script", "evil", "zzz"] {
            assert!(!response.body.contains(foreign), "{error}: {}", response.body);
        }
        assert!(response.body.contains("return=%2Fwanted"), "{error}: it offers to try again");
        assert_eq!(cookies_deleted(&response).len(), 1, "{error}: the flow is over");
        assert_eq!(harness.cognito.calls(Endpoint::Token), 0, "{error}");
        let log = harness.log();
        assert_eq!(log.matches("event=sign_in.failed").count(), 1, "{error}: one line, not {log}");
        assert!(log.lines().all(|line| line.len() < 1_500), "{error}: {log}");
    };
    check("access_denied", "User+cancelled");
    check("invalid_request", "invalid_scope");
    check("<script>alert(1)</script>", "<script>evil()</script>");
    check("zzz", "a%0d%0aevent=sign_in.completed+subject=evil");
    check("zzz", &"z".repeat(64 * 1024));
}

#[test]
fn an_error_that_the_operator_can_mend_has_a_reason_of_its_own() {
    for (query, reason) in [
        ("error=invalid_scope", "invalid_scope"),
        ("error=invalid_request&error_description=invalid_scope", "invalid_scope"),
        ("error=unauthorized_client", "unauthorized_client"),
        ("error=access_denied", "provider_error"),
        ("error=invalid_client", "provider_error"),
    ] {
        let mut harness = Harness::new();
        let location = harness.start("/wanted");
        let callback = harness.authorize(&location);
        let state = callback.split_once("state=").unwrap().1;
        let page = harness.navigate(&format!("/.auth/callback?state={state}&{query}")).answered();
        assert_eq!(page.status, 401, "{query}");
        let log = harness.log();
        assert!(log.contains(&format!("event=sign_in.failed reason={reason} ")), "{query}: {log}");
    }
}

#[test]
fn an_error_without_a_flow_is_refused() {
    let mut harness = Harness::new();
    let response = harness.navigate("/.auth/callback?error=access_denied&state=x").answered();
    assert_eq!(response.status, 400);
    let response = harness.navigate("/.auth/callback?error=access_denied").answered();
    assert_eq!(response.status, 400);
}

#[test]
fn a_replayed_callback_redeems_nothing_and_makes_no_second_session() {
    let mut harness = Harness::of_workers(2, json!({}));
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let before = harness.jar.clone();
    assert_eq!(harness.navigate(&callback).answered().status, 302);
    for worker in [0, 1] {
        harness.worker = worker;
        // The back button: the session is there, the flow cookie is not.
        let response = harness.navigate(&callback).answered();
        assert_eq!((response.status, response.header("location")), (302, Some("/")), "worker {worker}");
        assert_eq!(set_cookies(&response).count(), 0, "worker {worker}");
        // A thief who also has the flow cookie.
        let mut theirs = before.clone();
        std::mem::swap(&mut harness.jar, &mut theirs);
        let response = harness.navigate(&callback).answered();
        assert_eq!(response.status, 400, "worker {worker}");
        assert!(cookies_set(&response).is_empty(), "worker {worker}");
        harness.jar = theirs;
    }
    assert_eq!(harness.cognito.calls(Endpoint::Token), 1);
}

#[test]
fn a_reload_while_the_code_is_redeemed_shares_its_one_answer() {
    let mut harness = Harness::new();
    let location = harness.start("/wanted");
    let callback = harness.authorize(&location);
    harness.cognito.token = Answer::Held;
    let streams: Vec<_> = (0..8).map(|_| harness.navigate(&callback).parked()).collect();
    for _ in 0..20 {
        assert_eq!(harness.navigate(&callback).answered().status, 503, "a flood of reloads isn't kept");
    }
    harness.cognito.token = Answer::Good;
    harness.release();
    for stream in streams {
        let response = harness.decision(stream).unwrap();
        assert_eq!((response.status, response.header("location")), (302, Some("/wanted")));
    }
    assert_eq!(harness.decisions(), 0);
    assert_eq!(harness.cognito.calls(Endpoint::Token), 1);
    assert!(harness.is_signed_in());
}

#[test]
fn two_workers_redeem_a_code_once() {
    let mut harness = Harness::of_workers(2, json!({}));
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    harness.cognito.token = Answer::Held;
    let stream = harness.navigate(&callback).parked();
    harness.worker = 1;
    assert_eq!(harness.navigate(&callback).answered().status, 400);
    harness.cognito.token = Answer::Good;
    harness.release();
    assert_eq!(harness.decision(stream).unwrap().status, 302);
    assert_eq!(harness.cognito.calls(Endpoint::Token), 1);
}

#[test]
fn an_injected_code_fails_whether_or_not_cognito_checks_pkce() {
    let check = |checks_pkce: bool, reason: &str| {
        let mut harness = Harness::new();
        harness.cognito.checks_pkce = checks_pkce;
        let location = harness.start("/");
        let attackers = harness.authorize(&location);
        harness.jar = Jar::default();
        let location = harness.start("/");
        let victims = harness.authorize(&location);
        let (_, state) = victims.split_once("&state=").unwrap();
        let (code, _) = attackers.split_once("&state=").unwrap();
        let response = harness.navigate(&format!("{code}&state={state}")).answered();
        assert_eq!(response.status, 401, "{reason}");
        assert!(cookies_set(&response).is_empty(), "{reason}");
        assert!(!harness.is_signed_in(), "{reason}");
        let log = harness.log();
        assert!(log.contains(&format!("reason={reason} ")), "{log}");
    };
    check(true, "invalid_grant");
    check(false, "id_token_nonce");
}

#[test]
fn whatever_is_wrong_at_the_token_endpoint_ends_on_a_page_in_one_step() {
    let check = |answer: Answer, status: u16, reason: &str| {
        let mut harness = Harness::new();
        let location = harness.start("/wanted");
        let callback = harness.authorize(&location);
        harness.cognito.token = answer;
        let response = harness.navigate(&callback).answered();
        assert_eq!(response.status, status, "{reason}");
        assert_eq!(response.header("location"), None, "{reason}");
        assert_eq!(response.header("retry-after").is_some(), status == 503, "{reason}");
        assert!(cookies_set(&response).is_empty(), "{reason}");
        assert_eq!(cookies_deleted(&response).len(), 1, "{reason}: the flow is spent");
        assert!(response.body.contains("/.auth/sign-in?return=%2Fwanted"), "{reason}");
        assert!(response.body.contains("<code>request-2</code>"), "{reason}: {}", response.body);
        let log = harness.log();
        assert!(log.contains(&format!("reason={reason} request_id=request-2")), "{reason}: {log}");
        assert_eq!(harness.cognito.calls(Endpoint::Token), 1, "{reason}: no second attempt");
        harness.cognito.token = Answer::Good;
        harness.signed_in();
    };
    let refused = |error: &str| Answer::says(400, &json!({ "error": error }).to_string());
    check(Answer::says(500, "<html>"), 503, "token_unavailable");
    check(Answer::says(503, "no healthy upstream"), 503, "token_unavailable");
    check(Answer::says(429, ""), 503, "token_unavailable");
    check(Answer::says(400, r#"{"__type":"TooManyRequestsException"}"#), 503, "token_unavailable");
    check(Answer::says(504, "upstream request timeout"), 504, "token_timeout");
    check(Answer::Fails(CalloutError::TimedOut), 504, "token_timeout");
    check(Answer::Fails(CalloutError::Broken), 503, "token_unavailable");
    check(Answer::Fails(CalloutError::NotDispatched), 503, "cluster_missing");
    check(Answer::Fails(CalloutError::TooLarge), 502, "token_nonsense");
    check(Answer::says(200, "<html>sign in</html>"), 502, "token_nonsense");
    check(Answer::says(200, ""), 502, "token_nonsense");
    check(Answer::says(200, "{}"), 502, "token_nonsense");
    check(Answer::says(302, ""), 502, "token_nonsense");
    check(Answer::says(404, ""), 502, "token_nonsense");
    check(refused("invalid_grant"), 401, "invalid_grant");
    check(refused("invalid_client"), 502, "invalid_client");
    check(refused("unauthorized_client"), 502, "unauthorized_client");
    check(refused("invalid_request"), 502, "invalid_request");
    check(refused("invalid_scope"), 502, "invalid_scope");
    check(refused("unsupported_grant_type"), 502, "unsupported_grant_type");
    check(refused("something_new"), 503, "token_unavailable");
}

#[test]
fn a_callback_ends_on_a_page_whatever_a_client_says_of_itself() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    harness.cognito.token = Answer::says(500, "");
    let response = harness.get(&callback).answered();
    assert_eq!(response.status, 503);
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.body.contains("Try again"), "{}", response.body);
}

#[test]
fn a_link_checker_doesnt_spend_the_code() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    for method in ["HEAD", "POST", "OPTIONS"] {
        assert_eq!(harness.request(method, &callback, &NAVIGATE).answered().status, 405, "{method}");
    }
    assert_eq!(harness.navigate(&callback).answered().status, 302);
}

#[test]
fn five_tabs_finish_in_any_order_each_where_it_wanted_to_go() {
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let mut harness = Harness::new();
        let locations: Vec<String> = (0..5).map(|tab| harness.start(&format!("/tab/{tab}"))).collect();
        for tab in order {
            let callback = harness.authorize(&locations[tab]);
            let response = harness.navigate(&callback).answered();
            assert_eq!(response.header("location"), Some(format!("/tab/{tab}").as_str()));
        }
        assert!(harness.jar.names(FLOW).is_empty());
    }
}

#[test]
fn a_new_sign_in_replaces_the_session_wholly() {
    let mut harness = Harness::new();
    harness.cognito.refresh_token_len = 9_000;
    harness.signed_in();
    let before = harness.jar.get(IDENTITY).unwrap().to_owned();
    assert_eq!(harness.jar.names(TOKENS).len(), 4, "{:?}", harness.jar.names(TOKENS));
    harness.cognito.user = json!({"sub": "another", "cognito:username": "asmith"});
    harness.cognito.refresh_token_len = 100;
    harness.signed_in();
    assert_ne!(harness.jar.get(IDENTITY), Some(before.as_str()));
    assert_eq!(harness.jar.names(TOKENS), [TOKENS], "no part of the first one's tokens is left");
    let edits = harness.navigate("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("asmith"));
    for gone in ["x-auth-email", "x-auth-name", "x-auth-roles", "x-auth-timezone"] {
        assert_eq!(upstream(&edits, gone), None, "{gone} is the first one's");
    }
}

#[test]
fn without_a_refresh_token_no_earlier_one_stays() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.cognito.sends_refresh_token = false;
    harness.signed_in();
    assert!(harness.jar.names(TOKENS).is_empty());
}

#[test]
fn a_long_refresh_token_is_split_and_comes_back_whole() {
    let check = |length: usize, names: &[&str]| {
        let mut harness = Harness::new();
        harness.cognito.refresh_token_len = length;
        harness.signed_in();
        assert_eq!(harness.jar.names(TOKENS), names, "{length}");
        // Signing out revokes it, which shows that it was joined correctly.
        let _ = harness.navigate("/.auth/sign-out").answered();
        assert!(harness.cognito.refresh_tokens.is_empty(), "{length}");
        assert!(harness.jar.names("").is_empty(), "{length}");
    };
    let parts: Vec<String> = (1..=8).map(|part| format!("{TOKENS}.{part}")).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    check(1_000, &[TOKENS]);
    check(2_900, &[TOKENS]);
    check(3_200, &parts[..2]);
    check(7_000, &parts[..3]);
    check(11_500, &parts[..4]);
    check(23_000, &parts);
}

#[test]
fn a_refresh_token_too_long_for_a_browser_ends_on_a_page() {
    let mut harness = Harness::new();
    harness.cognito.refresh_token_len = 25_000;
    let response = harness.sign_in("/");
    assert_eq!(response.status, 431);
    assert!(cookies_set(&response).is_empty());
    assert!(harness.log().contains("reason=tokens_too_large"));
}

#[test]
fn an_identity_too_large_for_a_browser_ends_on_a_page_and_is_never_split() {
    let mut harness = Harness::new();
    let groups = |count: usize| -> Vec<String> { (0..count).map(|n| format!("{n:0>128}")).collect() };
    harness.cognito.user = json!({"sub": "s", "cognito:groups": groups(20)});
    harness.signed_in();
    assert!(harness.jar.get(IDENTITY).unwrap().len() > 2_560);
    harness.jar = Jar::default();
    harness.cognito.user = json!({"sub": "s", "cognito:groups": groups(30)});
    let response = harness.sign_in("/");
    assert_eq!(response.status, 431);
    assert!(cookies_set(&response).is_empty());
    let log = harness.log();
    assert!(log.contains("reason=identity_too_large") && log.contains("hint="), "{log}");
}

#[test]
fn with_strict_cookies_the_last_step_is_a_page_of_this_site() {
    let mut harness = Harness::with(json!({"session": {"cookie": {"same_site": "strict"}}}));
    let response = harness.sign_in("/a?b=1&c=\"><script>");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("location"), None);
    let refresh = "<meta http-equiv=\"refresh\" content=\"0;url=/a?b=1&amp;c=&quot;&gt;&lt;script&gt;\">";
    assert!(response.body.contains(refresh), "{}", response.body);
    let strict = set_cookies(&response).filter(|cookie| cookie.ends_with("SameSite=Strict")).count();
    assert_eq!(strict, 2, "identity and tokens");
    assert!(harness.is_signed_in());
}

#[test]
fn the_callback_may_be_any_path() {
    let mut harness =
        Harness::with(json!({"paths": {"prefix": "/oauth", "callback": "/login/cognito/done"}}));
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    assert!(callback.starts_with("/login/cognito/done?"), "{callback}");
    assert_eq!(harness.navigate(&callback).answered().status, 302);
    assert_eq!(harness.get("/oauth/me").answered().status, 200);
}

#[test]
fn a_flow_of_another_host_doesnt_open_here() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    harness.authority = "other.example.com".to_owned();
    assert_eq!(harness.navigate(&callback).answered().status, 400);
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
}

#[test]
fn a_callback_may_be_any_path_that_is_registered() {
    for path in ["/", "/cb/", "/oauth2/idpresponse", "/a%20b"] {
        let mut harness = Harness::with(json!({"paths": {"callback": path}}));
        let location = harness.start("/wanted");
        assert!(
            location.contains(&format!(
                "redirect_uri=https%3A%2F%2Fapp.example.com{}&",
                path.replace('%', "%25").replace('/', "%2F")
            )),
            "{location}"
        );
        let callback = harness.authorize(&location);
        assert!(callback.starts_with(&format!("{path}?code=")), "{callback}");
        assert_eq!(harness.navigate(&callback).answered().header("location"), Some("/wanted"), "{path}");
        assert!(harness.is_signed_in());
        assert!(harness.navigate("/").is_forwarded(), "{path}: the start page is the app's");
    }
}
