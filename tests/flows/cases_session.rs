//! Cases of `docs/security-cases.md`: sealed cookies, and how long a session lasts.

use std::collections::BTreeSet;
use std::time::Duration;

use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::http::CalloutError;
use envoy_cognito_core::oidc::jwks::KeySet;
use serde_json::json;

use crate::harness::{
    Answer, Harness, IDENTITY, Jar, NAVIGATE, OTHER_KEY, Refreshing, SESSION_KEY, TOKENS, upstream,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn case_068_a_compressed_key_set_is_none() {
    // gzip (RFC 1952) around a stored block (RFC 1951, section 3.2.4), which any reader would decompress.
    let set = Harness::new().cognito.key_set().to_string();
    assert!(KeySet::parse(set.as_bytes()).is_ok());
    let length = u16::try_from(set.len()).unwrap();
    let mut gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01".to_vec();
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(set.as_bytes());
    gzip.extend([0; 8]);
    assert!(KeySet::parse(&gzip).is_err());
    // Zstandard (RFC 8878) with one raw block: the size of the content in two bytes, and no checksum.
    let mut zstd = b"\x28\xb5\x2f\xfd\x60".to_vec();
    zstd.extend((length - 256).to_le_bytes());
    zstd.extend(&((u32::from(length) << 3) | 1).to_le_bytes()[..3]);
    zstd.extend(set.as_bytes());
    assert!(KeySet::parse(&zstd).is_err());
    for cut in (0..set.len()).step_by(97) {
        assert!(KeySet::parse(&set.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn case_069_a_day_without_a_key_set_opens_nothing_that_isn_t_known() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    harness.cognito.keys = Answer::Fails(CalloutError::TimedOut);
    for hour in 1..=24 {
        harness.advance(HOUR);
        for (kid, status, bearer) in [("first+key/of=the pool", 302, 200), ("unknown", 401, 401)] {
            kid.clone_into(&mut harness.cognito.signs_with);
            harness.jar = Jar::default();
            assert_eq!(harness.sign_in("/").status, status, "{kid} after {hour} hours");
            let token = harness.cognito.access_token(&config.pools[0], &json!({}));
            let value = format!("Bearer {token}");
            let outcome = harness.bare_request("GET", "/", &[("authorization", &value)]);
            let found = if outcome.is_forwarded() { 200 } else { outcome.answered().status };
            assert_eq!(found, bearer, "{kid} after {hour} hours");
        }
    }
    // An Envoy that starts now has no keys: it answers "try again later".
    let mut restarted = Harness::asleep(1, json!({"bearer": {"enabled": true}}));
    restarted.cognito.keys = Answer::Fails(CalloutError::TimedOut);
    restarted.settle();
    let location = restarted.start("/");
    let callback = restarted.authorize(&location);
    let sign_in = restarted.navigate(&callback).parked();
    let token = restarted.cognito.access_token(&config.pools[0], &json!({}));
    let value = format!("Bearer {token}");
    let bearer = restarted.bare_request("GET", "/", &[("authorization", &value)]).parked();
    restarted.pass(Duration::from_secs(11));
    for stream in [sign_in, bearer] {
        let response = restarted.decision(stream).unwrap();
        assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    }
}

/// The number of cookies that hold the tokens, with a refresh token of that length.
fn parts(length: usize) -> usize {
    let mut harness = Harness::new();
    harness.cognito.refresh_token_len = length;
    // The harness limits every cookie to 4,096 bytes, including attributes.
    harness.signed_in();
    let parts = harness.jar.names(TOKENS).len();
    let _ = harness.navigate("/.auth/sign-out").answered();
    assert!(harness.cognito.refresh_tokens.is_empty(), "{length}: it came back whole and was revoked");
    assert!(harness.jar.names("").is_empty(), "{length}: no part is left");
    parts
}

#[test]
fn case_085_tokens_of_every_length_around_a_boundary_come_back_whole() {
    let mut from = 2_000_usize;
    for count in 1..4 {
        // The longest token that still needs so many cookies.
        let (mut fits, mut splits) = (from, from + 4_000);
        while splits - fits > 1 {
            let middle = fits.midpoint(splits);
            if parts(middle) > count { splits = middle } else { fits = middle }
        }
        for length in fits - 3..=fits + 4 {
            assert_eq!(parts(length) > count, length > fits, "{length} of {fits}");
        }
        from = fits;
    }
}

#[test]
fn case_087_088_a_session_that_does_not_open_looks_like_any_other() {
    let mut harness = Harness::new();
    harness.signed_in();
    let (good, tokens) =
        (harness.jar.get(IDENTITY).unwrap().to_owned(), harness.jar.get(TOKENS).unwrap().to_owned());
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY]}}));
    harness.jar = Jar::default();
    harness.signed_in();
    let of_other_key = harness.jar.get(IDENTITY).unwrap().to_owned();
    harness.reconfigure(json!({"session": {"keys": [SESSION_KEY]}}));
    let standard = good.replace('-', "+").replace('_', "/");
    assert_ne!(standard, good, "it has a letter that the alphabets spell differently");
    let bend = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let long = good.repeat(3);
    let mut answers = BTreeSet::new();
    let mut ask = |harness: &mut Harness, value: &str| {
        let cookie = format!("{IDENTITY}={value}");
        let page = harness.bare_request("GET", "/", &[NAVIGATE[0], ("accept", "*/*"), ("cookie", &cookie)]);
        let page = page.answered();
        assert_eq!(page.status, 302);
        let names: Vec<&str> = page.headers.iter().map(|(name, _)| *name).collect();
        let lengths: Vec<usize> = page.headers.iter().map(|(_, value)| value.len()).collect();
        let script = harness.bare_request("GET", "/", &[("cookie", &cookie)]).answered();
        answers.insert(format!("{names:?} {lengths:?} {:?} {}", script.headers, script.body));
    };
    for value in ["", "deleted", "AAAA", "%", &good[1..], &good[..good.len() - 1], &standard, &long, &tokens]
    {
        ask(&mut harness, value);
    }
    for at in (0..good.len()).step_by(5) {
        ask(&mut harness, &bend(at));
    }
    ask(&mut harness, &of_other_key);
    harness.authority = "app.example.net".to_owned();
    ask(&mut harness, &good);
    harness.authority = "app.example.com".to_owned();
    harness.advance(HOUR);
    ask(&mut harness, &good);
    assert_eq!(answers.len(), 1, "{answers:#?}");
}

#[test]
fn case_090_hosts_and_names_that_run_together_are_told_apart() {
    let mut harness = Harness::with(json!({"session": {"cookie": {"name": "auth"}}}));
    harness.authority = "b.example.com".to_owned();
    harness.signed_in();
    let sealed = harness.jar.get(IDENTITY).unwrap().to_owned();
    for (name, host) in [("authb", ".example.com"), ("auth", "bb.example.com"), ("aut", "hb.example.com")] {
        harness.reconfigure(json!({"session": {"cookie": {"name": name}}}));
        harness.authority = host.trim_start_matches('.').to_owned();
        let cookie = format!("__Host-{name}={sealed}");
        assert_eq!(
            harness.bare_request("GET", "/", &[("cookie", &cookie)]).answered().status,
            401,
            "{name} {host}"
        );
    }
    let pair = |client: &str, pool: &str| json!({"client_id": client, "user_pool_id": pool});
    harness.reconfigure(pair("ab", "us-east-1_c"));
    harness.authority = "b.example.com".to_owned();
    harness.jar = Jar::default();
    harness.signed_in();
    let sealed = harness.jar.header();
    for (client, pool) in [("a", "us-east-1_bc"), ("ab", "us-east-1_cc"), ("abc", "us-east-1_c")] {
        harness.reconfigure(pair(client, pool));
        assert_eq!(
            harness.bare_request("GET", "/", &[("cookie", &sealed)]).answered().status,
            401,
            "{client} {pool}"
        );
    }
}

/// Bytes as different as a real generator's, but faster.
struct Mixed(u64);

impl Entropy for Mixed {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
        Ok(())
    }
}

#[test]
fn case_091_every_seal_draws_the_whole_of_its_nonce() {
    use base64::Engine as _;
    use envoy_cognito_core::crypto::seal::{Binding, Keyring};
    let (keys, binding) = (Keyring::new(&[[7; 32]]), Binding::new(&[b"x"]));
    let (mut entropy, mut seen) = (Mixed(1), BTreeSet::new());
    for _ in 0..20_000 {
        let sealed = keys.seal(&binding, b"the same each time", &mut entropy).unwrap();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        assert!(seen.insert(bytes[..24].to_vec()), "the same nonce twice");
    }
    // Two generators in the same state, as on two machines made from one image, repeat each other: nothing else
    // enters a nonce. Envoy uses the operating system's generator.
    let twin = |seed| keys.seal(&binding, b"x", &mut Mixed(seed)).unwrap();
    assert_eq!(twin(5), twin(5));
}

#[test]
fn case_096_what_a_client_does_to_a_cookies_dates_changes_nothing() {
    let mut harness = Harness::with(json!({"session": {"lifetime": "2h", "idle": "30m"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let kept = harness.jar.header();
    let with_dates = format!("{kept}; Max-Age=999999999; Expires=Fri, 31 Dec 2100 23:59:59 GMT");
    harness.advance(29 * MINUTE);
    assert!(harness.bare_request("GET", "/", &[("cookie", &with_dates)]).is_forwarded());
    harness.advance(MINUTE);
    for _ in 0..3 {
        assert_eq!(harness.bare_request("GET", "/", &[("cookie", &with_dates)]).answered().status, 401);
        harness.advance(70 * 365 * 24 * HOUR);
    }
}

#[test]
fn case_097_a_stolen_cookie_is_good_until_its_person_signs_out_and_no_longer() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let stolen = harness.jar.header();
    harness.advance(10 * MINUTE);
    let replay = |harness: &mut Harness| harness.bare_request("GET", "/", &[("cookie", &stolen)]);
    assert!(replay(&mut harness).is_forwarded(), "as the documentation says");
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
    for _ in 0..20 {
        assert_eq!(replay(&mut harness).answered().status, 401);
        harness.advance(HOUR);
    }
}

#[test]
fn case_099_a_cookie_of_the_apps_under_our_name_opens_nothing() {
    let mut harness = Harness::new();
    for value in ["admin", "", "eyJhbGciOiJub25lIn0.e30.", &"A".repeat(300)] {
        harness.jar.put(IDENTITY, value);
        assert_eq!(harness.get("/").answered().status, 401, "{value}");
    }
    harness.jar.put("theirs", "1");
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "cookie"), Some("theirs=1"), "and none of our cookies is left");
}
