//! Cases of `docs/security-cases.md`: what is sealed, for whom, in which format, and how values that don't open are
//! answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use envoy_cognito_core::crypto::seal::Binding;
use envoy_cognito_core::http::Response;
use serde_json::{Value, json};

use crate::harness::{
    Endpoint, FLOW, Harness, IDENTITY, Jar, NAVIGATE, OTHER_KEY, Refreshing, SESSION_KEY, TOKENS,
    cookies_deleted, cookies_set, upstream,
};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn case_084_cookies_are_well_made_whenever_they_are_set_or_deleted() {
    // The harness checks every cookie that it gets; this test makes every kind.
    let mut harness = Harness::with(json!({"session": {"idle": "2h"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.cognito.refresh_token_len = 7_000;
    let flow = harness.navigate("/").answered();
    assert!(cookies_set(&flow)[0].starts_with(FLOW));
    let response = harness.sign_in("/");
    assert_eq!(
        cookies_set(&response),
        [IDENTITY, "__Host-auth-tokens.1", "__Host-auth-tokens.2", "__Host-auth-tokens.3"]
    );
    assert_eq!(cookies_deleted(&response).len(), 1, "the flow");
    for (minutes, why) in [(20, "it was seen"), (40, "it was refreshed")] {
        let before = harness.jar.get(IDENTITY).unwrap().to_owned();
        harness.advance(Duration::from_secs(60 * minutes));
        assert!(harness.get("/").is_forwarded());
        assert_ne!(harness.jar.get(IDENTITY).unwrap(), before, "{why}");
    }
    let response = harness.navigate("/.auth/sign-out").answered();
    assert_eq!(cookies_deleted(&response).len(), 6, "identity, tokens, three parts and a flow");
}

/// Everything in a response, except values that are random each time.
fn said(response: &Response) -> String {
    let mut text = format!("{} {:?} {}", response.status, response.headers, response.body);
    for (before, after) in
        [("state=", "&"), ("nonce=", "&"), ("code_challenge=", "&"), (FLOW, ";"), ("<code>", "</code>")]
    {
        let Some(at) = text.find(before).map(|at| at + before.len()) else { continue };
        let end = text[at..].find(after).map_or(text.len(), |end| at + end);
        let drawn = if before == "<code>" { "…".to_owned() } else { format!("{} characters", end - at) };
        text.replace_range(at..end, &drawn);
    }
    text
}

/// Method, target and headers.
type Kind<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// The responses to people and programs that send these cookies.
fn heard(harness: &mut Harness, cookies: &str) -> Vec<String> {
    let kinds: [Kind<'_>; 6] = [
        ("GET", "/", &NAVIGATE),
        ("GET", "/", &[]),
        ("POST", "/", &NAVIGATE),
        ("GET", "/.auth/me", &NAVIGATE),
        ("GET", "/.auth/me", &[]),
        ("GET", "/.auth/callback?code=x&state=0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA", &NAVIGATE),
    ];
    let mut ask = |(method, target, headers): Kind<'_>| {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", cookies)]).collect();
        said(&harness.bare_request(method, target, &headers).answered())
    };
    kinds.map(&mut ask).to_vec()
}

#[test]
fn case_088_thousands_of_forgeries_are_told_one_and_the_same() {
    let mut harness = Harness::new();
    harness.signed_in();
    let good = harness.jar.get(IDENTITY).unwrap().to_owned();
    let tokens = harness.jar.get(TOKENS).unwrap().to_owned();
    let nothing = heard(&mut harness, "");
    let mut forged: Vec<String> = (0..good.len()).map(|length| good[..length].to_owned()).collect();
    for at in 0..good.len() {
        forged.extend(b"AZaz09-_+=!".iter().filter(|byte| good.as_bytes()[at] != **byte).map(|byte| {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = *byte;
            String::from_utf8(bytes).unwrap()
        }));
    }
    forged.extend([format!("{good}A"), format!("{good}="), good.repeat(2), tokens, "deleted".to_owned()]);
    println!("{} forgeries", forged.len());
    assert!(forged.len() > 3_000);
    let all: BTreeSet<Vec<String>> = forged
        .iter()
        .enumerate()
        .map(|(number, value)| {
            // Each response is searched for everything from earlier requests, including secrets.
            if number % 200 == 0 {
                harness = Harness::new();
            }
            heard(&mut harness, &format!("{IDENTITY}={value}"))
        })
        .collect();
    assert!(
        all == [nothing.clone()].into(),
        "one answer, and that of no cookie at all: {} answers",
        all.len()
    );
    let cookie = format!("{IDENTITY}={good}");
    let mut other_key = Harness::with(json!({"session": {"keys": [OTHER_KEY]}}));
    assert_eq!(heard(&mut other_key, &cookie), nothing, "under another key");
    let mut later = Harness::new();
    later.advance(13 * HOUR);
    assert_eq!(heard(&mut later, &cookie), nothing, "over");
}

#[test]
fn case_089_flows_and_tokens_are_bound_to_host_client_and_key_as_identities_are() {
    let elsewhere: [(Value, &str, bool); 6] = [
        (json!({}), "app.example.com", true),
        (json!({}), "other.example.com", false),
        (json!({"client_id": "another"}), "app.example.com", false),
        (json!({"user_pool_id": "us-east-1_Another"}), "app.example.com", false),
        (json!({"session": {"keys": [OTHER_KEY]}}), "app.example.com", false),
        (json!({"session": {"keys": [OTHER_KEY, SESSION_KEY]}}), "app.example.com", true),
    ];
    for (patch, host, same) in elsewhere {
        let mut harness = Harness::new();
        harness.signed_in();
        let location = harness.start("/.auth/sign-in");
        let callback = harness.authorize(&location);
        harness.reconfigure(patch.clone());
        host.clone_into(&mut harness.authority);
        let calls = harness.cognito.calls(Endpoint::Token);
        let status = {
            let jar = harness.jar.clone();
            harness.jar.remove(IDENTITY);
            let status = harness.navigate(&callback).answered().status;
            harness.jar = jar;
            status
        };
        assert_eq!(
            (status, harness.cognito.calls(Endpoint::Token) - calls),
            if same { (302, 1) } else { (400, 0) },
            "{patch} {host}"
        );
        let _ = harness.navigate("/.auth/sign-out").answered();
        assert_eq!(
            harness.cognito.calls(Endpoint::Revoke),
            usize::from(same),
            "{patch} {host}: the refresh token"
        );
    }
}

#[test]
fn case_090_claims_that_run_together_stay_apart() {
    // The same letters in the same order; only the boundaries between texts differ.
    let people = [
        json!({"sub": "ab", "cognito:username": "cd", "email": "ef", "name": "gh", "cognito:groups": ["i", "j"]}),
        json!({"sub": "a", "cognito:username": "bcd", "email": "ef", "name": "gh", "cognito:groups": ["i", "j"]}),
        json!({"sub": "ab", "cognito:username": "c", "email": "def", "name": "gh", "cognito:groups": ["i", "j"]}),
        json!({"sub": "ab", "cognito:username": "cd", "email": "efg", "name": "h", "cognito:groups": ["ij"]}),
        json!({"sub": "ab", "cognito:username": "cd", "email": "ef", "name": "g", "cognito:groups": ["hi", "j"]}),
        json!({"sub": "ab", "cognito:username": "cdef", "name": "gh", "cognito:groups": ["i", "j"]}),
        json!({"sub": "abcd", "email": "ef", "name": "gh", "cognito:groups": ["i,j"]}),
    ];
    let mut seen = BTreeSet::new();
    for person in &people {
        let mut harness = Harness::new();
        harness.cognito.user = person.clone();
        harness.signed_in();
        let edits = harness.get("/").forwarded();
        for (header, claim) in
            [("user", "cognito:username"), ("subject", "sub"), ("email", "email"), ("name", "name")]
        {
            assert_eq!(upstream(&edits, &format!("x-auth-{header}")), person[claim].as_str(), "{person}");
        }
        let set: Vec<_> = edits.set().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
        assert!(seen.insert(set), "{person}");
    }
    assert_eq!(seen.len(), people.len());
}

#[test]
fn case_095_our_own_cookies_together_never_fill_a_header() {
    // By default Envoy accepts 60 KiB of headers. The longest refresh token that is stored, and five long addresses.
    let (mut fits, mut too_long) = (1_000, 60_000);
    let kept = |length: usize| {
        let mut harness = Harness::new();
        harness.cognito.refresh_token_len = length;
        let response = harness.sign_in("/");
        assert!([302, 431].contains(&response.status), "{length}: {response:?}");
        (response.status == 302).then_some(harness)
    };
    while too_long - fits > 1 {
        let middle = (fits + too_long) / 2;
        if kept(middle).is_some() { fits = middle } else { too_long = middle }
    }
    let mut harness = kept(fits).unwrap();
    for tab in 0..8 {
        let _ = harness.start(&format!("/.auth/sign-in?return=/{tab}?{}", "q".repeat(8_000)));
        let _ = harness.start(&format!("/.auth/sign-in?return=/{tab}?{}", "q".repeat(2_000)));
    }
    let sign_ins: BTreeSet<String> =
        harness.jar.names(FLOW).iter().map(|name| name[..FLOW.len() + 16].to_owned()).collect();
    assert_eq!(sign_ins.len(), 5);
    let length = harness.jar.header().len();
    assert!((20_000..56 * 1024).contains(&length), "{length} bytes with a refresh token of {fits}");
    assert!(harness.is_signed_in());
}

/// The browser's cookies, sealed for another format with the same key.
fn of_format(harness: &mut Harness, format: &str, longer: &[u8]) -> Jar {
    let config = Arc::clone(&harness.config);
    let pool = &config.pools[0];
    let (issuer, client) = (pool.cognito.issuer.as_bytes(), pool.cognito.client_id.as_bytes());
    let host = harness.authority.clone();
    let binding = |format: &str, name: &str| {
        let pool = Binding::new(&[format.as_bytes(), pool.name.as_bytes(), issuer, client]);
        pool.and(&[host.as_bytes()]).and(&[name.as_bytes()])
    };
    let mut jar = Jar::default();
    for name in harness.jar.names("") {
        let sealed = harness.jar.get(&name).unwrap();
        let plain = config.keyring.open(&binding("envoy-cognito/2", &name), sealed.as_bytes());
        let plain = [&plain.expect("what it is bound to"), longer].concat();
        jar.put(&name, &config.keyring.seal(&binding(format, &name), &plain, &mut harness.entropy).unwrap());
    }
    jar
}

#[test]
fn case_171_another_format_is_no_session_and_no_loop() {
    for (format, longer, known) in [
        ("envoy-cognito/2", &b""[..], true),
        ("envoy-cognito/1", b"", false),
        ("envoy-cognito/3", b"", false),
        ("envoy-cognito/3", b"\x00a field more", false),
        ("envoy-cognito/2", b"\x00a field more", false),
        ("", b"", false),
    ] {
        let mut harness = Harness::new();
        harness.cognito.refreshing = Refreshing::Kept;
        harness.signed_in();
        let location = harness.start("/.auth/sign-in?return=/old");
        let old_callback = harness.authorize(&location);
        // Cookies that an Envoy of the other version has set.
        harness.jar = of_format(&mut harness, format, longer);
        assert_eq!(harness.get("/").is_forwarded(), known, "{format}");
        let landed = harness.navigate(&old_callback).answered();
        assert_eq!(landed.status, if known { 302 } else { 400 }, "{format}: a sign-in that the other began");
        if known {
            continue;
        }
        assert_eq!(landed.header("location"), None, "{format}");
        // After one sign-in, everything works; the other version's cookies are replaced and not sent again.
        let response = harness.sign_in("/wanted");
        assert_eq!((response.status, response.header("location")), (302, Some("/wanted")), "{format}");
        assert!(harness.navigate("/wanted").is_forwarded(), "{format}");
        harness.advance(HOUR);
        assert!(harness.navigate("/wanted").is_forwarded(), "{format}: refreshed by its own tokens");
        let _ = harness.navigate("/.auth/sign-out").answered();
        assert_eq!(harness.jar.names(IDENTITY).len(), 0, "{format}: {:?}", harness.jar.names(""));
    }
}
