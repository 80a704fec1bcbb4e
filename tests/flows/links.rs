//! Links that choose how to sign in: which of their parameters go on to Cognito.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Harness, NAVIGATE, fields, parse};

/// The parameters of the authorization request that a link leads to, without those that every request has.
fn sent(harness: &mut Harness, target: &str) -> BTreeMap<String, String> {
    let location = harness.start(target);
    let mut query = fields(location.split_once('?').unwrap().1);
    for own in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ] {
        assert!(query.remove(own).is_some_and(|value| !value.contains("evil")), "{own}: {location}");
    }
    query
}

fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn params() -> Value {
    json!({"login_hint": "any", "lang": ["de", "en"], "identity_provider": ["Google", "Okta"]})
}

#[test]
fn a_sign_in_link_passes_on_what_is_allowed_and_nothing_else() {
    let mut harness = Harness::with(json!({"sign_in_params": params()}));
    for (query, expected) in [
        ("login_hint=a%2Bb%40example.com&lang=de", &[("login_hint", "a+b@example.com"), ("lang", "de")][..]),
        ("identity_provider=Okta&return=/x", &[("identity_provider", "Okta")]),
        ("identity_provider=Evil&lang=xx&prompt=none&resource=evil", &[]),
        ("lang=de&lang=en", &[]),
        ("login_hint=a%0d%0ab", &[]),
        ("client_id=evil&redirect_uri=https://evil&state=evil&nonce=evil&scope=evil&response_type=evil", &[]),
        ("code_challenge=evil&code_challenge_method=evil&acr_values=evil&max_age=0", &[]),
    ] {
        assert_eq!(sent(&mut harness, &format!("/.auth/sign-in?{query}")), pairs(expected), "{query}");
    }
    let long = format!("/.auth/sign-in?login_hint={}", "x".repeat(257));
    assert_eq!(sent(&mut harness, &long), pairs(&[]));
}

#[test]
fn a_links_parameter_takes_the_place_of_the_operators() {
    let mut harness = Harness::with(json!({
        "authorize_params": {"lang": "fr", "idp_identifier": "example.com", "prompt": "login"},
        "sign_in_params": params(),
    }));
    let own = [("lang", "fr"), ("idp_identifier", "example.com"), ("prompt", "login")];
    assert_eq!(sent(&mut harness, "/.auth/sign-in"), pairs(&own));
    assert_eq!(sent(&mut harness, "/.auth/sign-in?lang=xx"), pairs(&own));
    assert_eq!(
        sent(&mut harness, "/.auth/sign-in?lang=de&identity_provider=Google"),
        pairs(&[("lang", "de"), ("identity_provider", "Google"), ("prompt", "login")])
    );
}

#[test]
fn links_into_the_app_pass_on_nothing_unless_they_may() {
    let mut harness = Harness::with(json!({"sign_in_params": params()}));
    assert_eq!(sent(&mut harness, "/reports?lang=de"), pairs(&[]));
    assert_eq!(sent(&mut harness, "/.auth/sign-in?return=/reports?lang=de"), pairs(&[]));
    let mut open = params();
    open["from_links"] = json!(true);
    let mut harness = Harness::with(json!({"sign_in_params": open}));
    assert_eq!(sent(&mut harness, "/reports?lang=de&x=y"), pairs(&[("lang", "de")]));
    assert_eq!(sent(&mut harness, "/reports?lang=xx&state=evil"), pairs(&[]));
    // Pages have links of this kind.
    assert_eq!(sent(&mut harness, "/.auth/sign-in?return=%2Freports%3Flang%3Dde"), pairs(&[("lang", "de")]));
    let both = "/.auth/sign-in?return=%2Freports%3Flang%3Dde&lang=en";
    assert_eq!(sent(&mut harness, both), pairs(&[("lang", "en")]));
}

#[test]
fn the_address_to_return_to_keeps_its_parameters() {
    let mut open = params();
    open["from_links"] = json!(true);
    let mut harness = Harness::with(json!({"sign_in_params": open}));
    let landed = harness.sign_in("/reports?login_hint=a%40b.c&x=y");
    assert_eq!(landed.header("location"), Some("/reports?login_hint=a%40b.c&x=y"));
}

#[test]
fn a_choice_of_pools_keeps_what_each_pool_allows() {
    let pool = |name: &str, params: Value| {
        json!({
            "name": name,
            "user_pool_id": format!("us-east-1_{name}"),
            "client_id": format!("client-{name}"),
            "domain": format!("{name}.auth.us-east-1.amazoncognito.com"),
            "sign_in_params": params,
        })
    };
    let mut harness = Harness::with(json!({
        "user_pool_id": null, "client_id": null, "client_secret": null, "domain": null,
        "pools": [
            pool("us", json!({"login_hint": "any"})),
            pool("eu", json!({"lang": ["de"]})),
        ],
    }));
    let page = harness.navigate("/.auth/sign-in?login_hint=a%40b.c&lang=de").answered();
    assert_eq!(page.status, 200);
    let links: Vec<String> = page
        .body
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(link, _)| link.replace("&amp;", "&"))
        .collect();
    assert!(links[0].contains("pool=us") && links[0].ends_with("&login_hint=a%40b.c"), "{links:?}");
    assert!(links[1].contains("pool=eu") && links[1].ends_with("&lang=de"), "{links:?}");
    assert_eq!(sent(&mut harness, &links[0]), pairs(&[("login_hint", "a@b.c")]));
    assert_eq!(sent(&mut harness, &links[1]), pairs(&[("lang", "de")]));
    // What would make the page too large isn't kept.
    let long = format!("/.auth/sign-in?login_hint={}", "%C3%A4".repeat(128));
    let page = harness.navigate(&long).answered();
    assert!(!page.body.contains("login_hint") && page.body.len() < 10_000);
}

#[test]
fn whoever_adds_a_passkey_comes_back_to_their_identity() {
    let mut harness = Harness::with(json!({"pages": {"passkeys": true}}));
    harness.signed_in();
    let page = harness.navigate("/.auth/me").answered();
    let link = "https://myapp.auth.us-east-1.amazoncognito.com/passkeys/add?client_id=2jvuq8gkhfoh7u4fdfihiditj5\
                &amp;redirect_uri=https%3A%2F%2Fapp.example.com%2F.auth%2Fcallback";
    assert!(page.body.contains(&format!("<a href=\"{link}\">Add a passkey</a>")), "{}", page.body);
    for back in ["/.auth/callback", "/.auth/callback?code=x"] {
        let landed = harness.request("GET", back, &NAVIGATE).answered();
        assert_eq!((landed.status, landed.header("location")), (302, Some("/.auth/me")), "{back}");
    }
    // Nothing else changes: a state must be known, and a stranger's callback is none.
    let landed = harness.request("GET", "/.auth/callback?state=x&state=y&code=z", &NAVIGATE).answered();
    assert_eq!(landed.status, 400);
    let mut stranger = Harness::with(json!({"pages": {"passkeys": true}}));
    assert_eq!(stranger.request("GET", "/.auth/callback", &NAVIGATE).answered().status, 400);
}

#[test]
fn without_the_setting_nobody_is_sent_to_add_a_passkey() {
    let mut harness = Harness::new();
    harness.signed_in();
    assert!(!harness.navigate("/.auth/me").answered().body.contains("passkey"));
    assert_eq!(harness.request("GET", "/.auth/callback", &NAVIGATE).answered().status, 400);
}

#[test]
fn settings_that_would_break_the_sign_in_are_refused() {
    let faults = |params: Value| -> Vec<String> {
        let found = parse(&json!({"sign_in_params": params})).err().unwrap_or_default();
        found.iter().map(ToString::to_string).collect()
    };
    for own in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ] {
        for value in [json!("any"), json!(["x"])] {
            let expected = format!("sign_in_params.{own}: is never passed on; the filter sets it itself");
            assert_eq!(faults(json!({"lang": "any", own: value})), [expected]);
        }
    }
    for (params, expected) in [
        (json!({"lang": "de"}), "sign_in_params.lang: text where `any` or a list is needed"),
        (json!({"lang": []}), "sign_in_params.lang: is empty; write `any` if every value may pass"),
        (
            json!({"lang": [" "]}),
            "sign_in_params.lang[0]: must have text, at most 256 bytes without control characters",
        ),
        (
            json!({"lang": ["de", "\n"]}),
            "sign_in_params.lang[1]: must have text, at most 256 bytes without control characters",
        ),
        (json!({"lang": [1]}), "sign_in_params.lang[0]: a number where text is needed"),
        (json!({"language": "any"}), "sign_in_params.language: unknown setting"),
        (
            json!({"login-hint": "any"}),
            "sign_in_params.login-hint: unknown setting; did you mean `login_hint`?",
        ),
        (
            json!({"from_links": true}),
            "sign_in_params.from_links: has no effect without a parameter that may pass",
        ),
        (
            json!({"resource": "any"}),
            "sign_in_params.resource: must be a list: whoever makes the link would choose what the access token is for",
        ),
    ] {
        assert_eq!(faults(params.clone()), [expected], "{params}");
    }
    assert_eq!(faults(params()), [""; 0]);
}
