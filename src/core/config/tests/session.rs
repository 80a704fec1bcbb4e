//! Keys, lifetimes and cookies.

use std::time::Duration;

use super::*;

#[test]
fn session_keys_come_in_both_alphabets_padded_or_not() {
    // Bytes that have different spellings in the two base64 alphabets.
    let standard = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
    let sealed = {
        let config = accepted(json!({"session": {"keys": [standard]}}));
        config.keyring.seal(&config.pools[0].binding(), b"text", &mut Zeros).unwrap()
    };
    let url_safe = standard.replace('+', "-").replace('/', "_");
    let unpadded = standard.trim_end_matches('=');
    let forms = [
        standard.to_owned(),
        unpadded.to_owned(),
        url_safe.clone(),
        url_safe.trim_end_matches('=').to_owned(),
        format!(" {standard}\n"),
    ];
    for form in forms {
        let config = accepted(json!({"session": {"keys": [form]}}));
        let opened = config.keyring.open(&config.pools[0].binding(), sealed.as_bytes());
        assert_eq!(opened.as_deref(), Some(b"text".as_slice()), "{form:?}");
    }
}

#[test]
fn session_keys_must_be_32_bytes_each_and_differ() {
    let missing = "session.keys: is missing: at least one key, made with `openssl rand -base64 32`";
    check(json!({"session": {"keys": []}}), &[missing]);
    check(json!({"session": {"keys": null}}), &[missing]);
    check(
        json!({"session": {"keys": ["MDEyMzQ1Njc4OWFiY2RlZg=="]}}),
        &["session.keys[0]: 16 bytes, 32 are needed"],
    );
    check(
        json!({"session": {"keys": [KEY, "", "not base64!", "+_v7"]}}),
        &[
            "session.keys[1]: 0 bytes, 32 are needed",
            "session.keys[2]: is not base64",
            "session.keys[3]: is not base64",
        ],
    );
    check(
        json!({"session": {"keys": [KEY, KEY.trim_end_matches('=')]}}),
        &["session.keys[1]: is the same key as an earlier one"],
    );
    // Someone used 32 characters as a key, without base64.
    check(
        json!({"session": {"keys": ["0123456789abcdef0123456789abcdef"]}}),
        &["session.keys[0]: 24 bytes, 32 are needed"],
    );
}

#[test]
fn lifetimes_and_timeouts_are_durations_within_reason() {
    for bad in ["", "12", "h", "1x", "1.5h", "-1h", "1h 30m", "99999999999999999999h"] {
        let expected =
            format!("session.lifetime: `{bad}` is not a valid duration; write 30s, 5m, 12h or 1h30m");
        check(json!({"session": {"lifetime": bad}}), &[expected.as_str()]);
    }
    check(json!({"session": {"lifetime": "999ms"}}), &["session.lifetime: must be at least 1s"]);
    for bad in ["999ms", "0s", "12h", "1d"] {
        let expected = "session.recheck: must be at least 1s, and shorter than `session.lifetime`";
        check(json!({"session": {"recheck": bad}}), &[expected]);
    }
    assert_eq!(accepted(json!({})).recheck, None);
    let recheck = accepted(json!({"session": {"recheck": "5m"}})).recheck;
    assert_eq!(recheck, Some(std::time::Duration::from_secs(300)));
    for key in ["token", "jwks", "revoke", "userinfo"] {
        for bad in ["0s", "61s", "1h"] {
            let expected = format!("timeouts.{key}: must be greater than 0s and at most 60s");
            check(json!({"timeouts": {key: bad}}), &[expected.as_str()]);
        }
        accepted(json!({"timeouts": {key: "60s"}}));
    }
}

#[test]
fn cookies_that_browsers_would_drop_are_refused() {
    let cookie = |settings: Value| json!({"session": {"cookie": settings}});
    check(
        cookie(json!({"same_site": "none", "secure": false})),
        &["session.cookie.same_site: browsers drop `none` without `secure: true`"],
    );
    let lonely = "session.cookie.partitioned: requires `same_site: none`: no other cookie is sent in another site's frame";
    for same_site in [json!(null), json!("lax"), json!("strict")] {
        check(cookie(json!({"partitioned": true, "same_site": same_site})), &[lonely]);
        accepted(cookie(json!({"partitioned": false, "same_site": same_site})));
    }
    check(
        cookie(json!({"partitioned": true, "same_site": "none", "secure": false})),
        &["session.cookie.same_site: browsers drop `none` without `secure: true`"],
    );
    check(
        cookie(json!({"partitioned": "yes", "same_site": "none"})),
        &["session.cookie.partitioned: text where true or false is needed"],
    );
    accepted(cookie(json!({"partitioned": true, "same_site": "none", "domain": "example.com"})));
    check(
        cookie(json!({"same_site": "Lax"})),
        &["session.cookie.same_site: `Lax` is not one of lax, strict, none"],
    );
    let long = "n".repeat(65);
    for bad in ["", "a b", "a=b", "a;b", "é", "__Host-auth", "__auth", long.as_str()] {
        let expected =
            format!("session.cookie.name: `{bad}` must be a short name of letters, digits, `-`, `_` or `.`");
        check(cookie(json!({"name": bad})), &[expected.as_str()]);
    }
    for bad in ["", "localhost", "com", ".com", "a..com", "example.com.", "https://example.com", "a b.com"] {
        let domain = bad.trim_start_matches('.');
        let expected =
            format!("session.cookie.domain: `{domain}` is not a domain that browsers accept cookies for");
        check(cookie(json!({"domain": bad})), &[expected.as_str()]);
    }
    let elsewhere =
        json!({"public_url": "https://app.example.org", "session": {"cookie": {"domain": "example.com"}}});
    check(
        elsewhere,
        &["session.cookie.domain: browsers at app.example.org would drop cookies for `example.com`"],
    );
    let lookalike =
        json!({"public_url": "https://myexample.com", "session": {"cookie": {"domain": "example.com"}}});
    check(
        lookalike,
        &["session.cookie.domain: browsers at myexample.com would drop cookies for `example.com`"],
    );
    check(
        json!({"public_url": "http://localhost:8080"}),
        &[
            "session.cookie.secure: public_url is http, so no sign-in could begin; for localhost set `secure: false`",
        ],
    );
    let insecure = json!({"public_url": "https://app.example.com", "session": {"cookie": {"secure": false}}});
    check(
        insecure,
        &["session.cookie.secure: `false` is for http://localhost only, and public_url isn't that"],
    );
}

#[test]
fn the_cookies_prefix_follows_from_its_attributes() {
    let check = |cookie: Value, expected: &str| {
        let config = accepted(json!({"session": {"cookie": cookie}}));
        assert_eq!(config.pools[0].cookies.identity, expected);
        assert_eq!(config.pools[0].cookies.tokens, format!("{expected}-tokens"));
        assert_eq!(config.pools[0].cookies.flow, format!("{expected}-flow-"));
    };
    check(json!({}), "__Host-auth");
    check(json!({"name": "sid"}), "__Host-sid");
    check(json!({"domain": "example.com"}), "__Secure-auth");
    check(json!({"secure": false}), "auth");
    check(json!({"secure": false, "domain": "dev.localhost"}), "auth");
    check(json!({"same_site": "none"}), "__Host-auth");
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        out.fill(0);
        Ok(())
    }
}

#[test]
fn streams_may_be_limited_in_seconds_or_more() {
    assert_eq!(accepted(json!({})).max_stream, None);
    let config = accepted(json!({"session": {"max_stream": "1h30m"}}));
    assert_eq!(config.max_stream, Some(Duration::from_secs(5400)));
    check(json!({"session": {"max_stream": "999ms"}}), &["session.max_stream: must be at least 1s"]);
    check(
        json!({"session": {"max_stream": "long"}}),
        &["session.max_stream: `long` is not a valid duration; write 30s, 5m, 12h or 1h30m"],
    );
}
