//! A browser sends a session, or something that looks like one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{FLOW, Harness, IDENTITY, OTHER_KEY, SESSION_KEY, TOKENS, set_cookies, upstream};

const HOUR: Duration = Duration::from_secs(3600);
const TICK: Duration = Duration::from_millis(1);

#[test]
fn a_session_is_good_until_its_tokens_expire() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.advance(HOUR - TICK);
    assert!(harness.navigate("/").is_forwarded());
    harness.advance(TICK);
    assert_eq!(harness.navigate("/").answered().status, 302);
}

#[test]
fn expired_session_is_not_accepted() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.advance(HOUR);
    assert!(harness.jar.get(IDENTITY).is_some(), "the browser still sends it");
    assert_eq!(harness.get("/").answered().status, 401);
    assert!(!harness.is_signed_in());
}

#[test]
fn a_session_ends_with_its_lifetime_whatever_its_tokens_say() {
    let mut harness = Harness::with(json!({"session": {"lifetime": "10m"}}));
    harness.cognito.token_seconds = 86_400;
    let response = harness.sign_in("/");
    assert!(set_cookies(&response).next().unwrap().contains("; Max-Age=600;"));
    let lifetime = Duration::from_secs(600);
    harness.advance(lifetime - TICK);
    assert!(harness.is_signed_in());
    harness.advance(TICK);
    assert!(!harness.is_signed_in());
}

#[test]
fn me_tells_when_signing_in_again_will_be_needed() {
    let check = |lifetime: &str, token_seconds: u64, expected: u64| {
        let mut harness = Harness::with(json!({"session": {"lifetime": lifetime}}));
        harness.cognito.token_seconds = token_seconds;
        let start = harness.now().secs();
        harness.signed_in();
        let me: Value = serde_json::from_str(&harness.get("/.auth/me").answered().body).unwrap();
        assert_eq!(me["expires_at"], json!(start + expected), "{lifetime} {token_seconds}");
    };
    check("12h", 3_600, 43_200);
    check("30m", 3_600, 1_800);
}

#[test]
fn me_tells_who_one_is() {
    let mut harness = Harness::new();
    let start = harness.now().secs();
    harness.signed_in();
    let me: Value = serde_json::from_str(&harness.get("/.auth/me").answered().body).unwrap();
    let expected = json!({
        "sub": "55ddc31e-b818-4136-8fb8-84cfb31af537",
        "username": "jsmith",
        "email": "jsmith@example.com",
        "name": "John Smith",
        "roles": ["authp/admin", "authp/user"],
        "claims": {"custom:timezone": "America/New_York"},
        "expires_at": start + 43_200,
    });
    assert_eq!(me, expected);
    let page = harness.navigate("/.auth/me").answered();
    assert_eq!(page.status, 200);
    for fact in ["John Smith", "jsmith@example.com", "authp/admin", "America/New_York", "/.auth/sign-out"] {
        assert!(page.body.contains(fact), "{fact}");
    }
}

#[test]
fn me_asks_a_browser_without_a_session_to_sign_in_and_comes_back() {
    let mut harness = Harness::new();
    assert_eq!(harness.get("/.auth/me").answered().status, 401);
    let response = harness.sign_in("/.auth/me");
    assert_eq!(response.header("location"), Some("/.auth/me"));
}

#[test]
fn a_name_cant_write_html_into_the_page() {
    let mut harness = Harness::new();
    harness.cognito.user =
        json!({"sub": "s", "name": "<script>alert(1)</script>", "cognito:groups": ["<b>"]});
    harness.signed_in();
    let page = harness.navigate("/.auth/me").answered();
    assert!(!page.body.contains("<script") && !page.body.contains("<b>"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;"));
}

#[test]
fn a_session_sealed_under_the_old_key_opens_while_that_key_is_kept() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY, SESSION_KEY]}}));
    assert!(harness.is_signed_in(), "the old key is second");
    let old = harness.jar.get(IDENTITY).unwrap().to_owned();
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY]}}));
    assert!(!harness.is_signed_in(), "the old key is gone");
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY, SESSION_KEY]}}));
    harness.signed_in();
    assert_ne!(harness.jar.get(IDENTITY), Some(old.as_str()));
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY]}}));
    assert!(harness.is_signed_in(), "the new cookies were encrypted with the new key");
}

#[test]
fn a_sign_in_under_way_survives_the_change_of_keys() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY, SESSION_KEY]}}));
    assert_eq!(harness.navigate(&callback).answered().status, 302);
}

#[test]
fn a_session_of_somewhere_else_is_no_session_here() {
    let check = |elsewhere: Value, authority: &str, same: bool| {
        let mut harness = Harness::new();
        harness.signed_in();
        let sealed = harness.jar.get(IDENTITY).unwrap().to_owned();
        harness.reconfigure(elsewhere.clone());
        authority.clone_into(&mut harness.authority);
        // With the cookie name that it would need there.
        let name = harness.config.pools[0].cookies.identity.clone();
        harness.jar.put(&name, &sealed);
        assert_eq!(harness.get("/").is_forwarded(), same, "{elsewhere} at {authority}");
    };
    let here = "app.example.com";
    check(json!({}), here, true);
    check(json!({}), "APP.example.com:443", true);
    check(json!({"scopes": ["openid", "email"], "client_secret": null}), here, true);
    check(json!({"user_pool_id": "us-east-1_Another"}), here, false);
    check(json!({"user_pool_id": "eu-west-1_UFeMzbuJe"}), here, false);
    check(json!({"endpoints": {"issuer": "https://localhost/us-east-1_UFeMzbuJe"}}), here, false);
    check(json!({"client_id": "another"}), here, false);
    check(json!({"session": {"cookie": {"name": "other"}}}), here, false);
    check(json!({"session": {"cookie": {"secure": false}}}), here, false);
    check(json!({"session": {"cookie": {"domain": "example.com"}}}), here, false);
    check(json!({"session": {"keys": [OTHER_KEY]}}), here, false);
    check(json!({}), "other.example.com", false);
    check(json!({}), "example.com", false);
    check(json!({}), "app.example.com.evil.example", false);
}

#[test]
fn with_a_domain_all_hosts_below_share_the_session() {
    let mut harness = Harness::with(json!({"session": {"cookie": {"domain": "example.com"}}}));
    let response = harness.sign_in("/");
    let cookie = set_cookies(&response).next().unwrap();
    assert!(cookie.starts_with("__Secure-auth="), "{cookie}");
    assert!(cookie.contains("; Domain=example.com; HttpOnly; Secure;"), "{cookie}");
    harness.authority = "other.example.com".to_owned();
    assert!(harness.is_signed_in());
}

#[test]
fn no_cookie_passes_for_another() {
    let mut harness = Harness::new();
    harness.signed_in();
    let _ = harness.start("/.auth/sign-in");
    let location = harness.start("/.auth/sign-in");
    let callback = harness.authorize(&location);
    let flows = harness.jar.names(FLOW);
    let value = |name: &str| harness.jar.get(name).unwrap().to_owned();
    let (identity, tokens) = (value(IDENTITY), value(TOKENS));
    let (one_flow, other_flow) = (value(&flows[0]), value(&flows[1]));
    for (name, sealed) in [("tokens", &tokens), ("flow", &one_flow), ("flow", &other_flow)] {
        harness.jar.put(IDENTITY, sealed);
        assert!(!harness.is_signed_in(), "{name} passes for an identity");
    }
    for (name, sealed) in [("identity", &identity), ("tokens", &tokens), ("another flow", &one_flow)] {
        harness.jar.put(&flows[1], sealed);
        assert_eq!(harness.navigate(&callback).answered().status, 400, "{name} passes for this flow");
    }
    for (name, sealed) in [("identity", &identity), ("flow", &one_flow)] {
        harness.jar.put(TOKENS, sealed);
        let _ = harness.navigate("/.auth/sign-out").answered();
        assert_eq!(harness.cognito.refresh_tokens.len(), 1, "{name} passes for tokens");
    }
    // All of them are valid where they belong.
    harness.jar.put(IDENTITY, &identity);
    assert!(harness.is_signed_in());
    harness.jar.put(&flows[1], &other_flow);
    assert_eq!(harness.navigate(&callback).answered().status, 302);
}

#[test]
fn a_session_with_any_character_changed_is_none() {
    let mut harness = Harness::new();
    harness.signed_in();
    let good = harness.jar.get(IDENTITY).unwrap().to_owned();
    for at in 0..good.len() {
        let mut bent = good.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).unwrap();
        harness.jar.put(IDENTITY, &bent);
        assert_eq!(harness.get("/").answered().status, 401, "character {at}");
        harness.jar.put(IDENTITY, &good[..at]);
        assert_eq!(harness.get("/").answered().status, 401, "cut at {at}");
    }
    harness.jar.put(IDENTITY, &format!("{good}="));
    assert_eq!(harness.get("/").answered().status, 401, "padded");
    harness.jar.put(IDENTITY, &good);
    assert!(harness.is_signed_in());
}

#[test]
fn nothing_a_client_sends_does_worse_than_no_session() {
    let check = |cookies: &[&[u8]]| {
        let mut harness = Harness::new();
        let headers: Vec<(&str, &[u8])> = cookies.iter().map(|cookie| ("cookie", *cookie)).collect();
        assert_eq!(harness.raw_request("GET", b"/", &headers).answered().status, 401);
        for own in ["/.auth/me", "/.auth/callback?code=x&state=0000000000000000.AAAAAAAAAAAAAAAAAAAAAA"] {
            let status = harness.raw_request("GET", own.as_bytes(), &headers).answered().status;
            assert!(matches!(status, 400 | 401), "{status} at {own}");
        }
        for own in ["/.auth/sign-out", "/.auth/sign-in"] {
            let status = harness.raw_request("GET", own.as_bytes(), &headers).answered().status;
            assert_eq!(status, 302, "at {own}");
        }
    };
    let long = |text: &str, times: usize| text.repeat(times).into_bytes();
    check(&[b""]);
    check(&[b";;;==; =;=x"]);
    check(&[b"__Host-auth"]);
    check(&[b"__Host-auth="]);
    check(&[b"__Host-auth=\xff\xfe\x80"]);
    check(&[b"__Host-auth=\"quoted\"; __Host-auth-tokens=\xc3\x28"]);
    check(&[b"__Host-auth=AAAA", b"__Host-auth=BBBB", b"__Host-auth-flow-0000000000000000=AAAA"]);
    check(&[b"__Host-auth-tokens.1=9.AAAA; __Host-auth-tokens.2=AAAA"]);
    check(&[b"__Host-auth-tokens.1=4.; __Host-auth-tokens.99=A; __Host-auth-tokens.1=."]);
    check(&[&long("__Host-auth=AAAA; ", 6_000)]);
    check(&[&long("__Host-auth-flow-0123456789abcdef=A; ", 3_000)]);
    check(&[&[b"__Host-auth=".as_slice(), &long("A", 100_000)].concat()]);
    check(&[&[b"__Host-auth-tokens=".as_slice(), &long("A", 100_000)].concat()]);
    check(&[&long("\u{e9}", 50_000)]);
}

#[test]
fn a_good_session_is_found_among_bad_copies_up_to_a_limit() {
    let mut harness = Harness::new();
    harness.signed_in();
    let good = format!("{IDENTITY}={}", harness.jar.get(IDENTITY).unwrap());
    let bad = format!("{IDENTITY}=AAAA");
    let check = |harness: &mut Harness, headers: &[&str], accepted: bool| {
        let headers: Vec<(&str, &str)> = headers.iter().map(|header| ("cookie", *header)).collect();
        let forwarded = harness.bare_request("GET", "/", &headers).is_forwarded();
        assert_eq!(forwarded, accepted, "{} headers", headers.len());
    };
    check(&mut harness, &[&format!("{bad}; {good}")], true);
    check(&mut harness, &[&bad, &good], true);
    check(&mut harness, &["a=1", &format!("b=2; {good} ; c=3")], true);
    check(&mut harness, &[&good, &bad, &bad, &bad, &bad, &bad], true);
    // If a client sends very many copies, not all of them may be tried.
    check(&mut harness, &[&bad, &bad, &bad, &bad, &good], false);
}

#[test]
fn the_app_gets_its_own_cookies_byte_for_byte_and_none_of_ours() {
    let mut harness = Harness::new();
    harness.signed_in();
    let ours = harness.jar.header();
    let check = |harness: &mut Harness, header: String, expected: &[&str]| {
        let edits = harness.bare_request("GET", "/", &[("cookie", &header)]).forwarded();
        let replaced = edits.replace.iter().map(|(name, _)| *name);
        assert!(
            edits.remove.iter().map(AsRef::as_ref).chain(replaced).any(|name| name == "cookie"),
            "{header}"
        );
        let left = edits.set().filter(|(name, _)| *name == "cookie");
        let left: Vec<&[u8]> = left.map(|(_, value)| value).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(left, expected, "{header}");
    };
    check(&mut harness, ours.clone(), &[]);
    check(&mut harness, format!("a=1; {ours}; b=\"x y\",;c"), &["a=1; b=\"x y\",;c"]);
    check(
        &mut harness,
        format!("{ours}; __Host-auth-flow-0123456789abcdef=x; __Host-authx=1"),
        &["__Host-authx=1"],
    );
    let edits = harness.bare_request("GET", "/", &[("cookie", "theirs=1"), ("cookie", &ours)]).forwarded();
    assert_eq!(upstream(&edits, "cookie"), Some("theirs=1"));
}

#[test]
fn what_a_client_claims_to_be_is_taken_out_on_every_path() {
    let mut harness = Harness::with(json!({"rules": [{"path": "/public", "allow": "everyone"}]}));
    harness.signed_in();
    let spoofed = [
        "x-auth-user",
        "x_auth_user",
        "x-auth.user",
        "x.auth_user",
        "x-auth-subject",
        "x-auth-email",
        "x-auth-name",
        "x-auth-roles",
        "x_auth_roles",
        "x-auth-timezone",
        "x_auth.timezone",
    ];
    let headers: Vec<(&str, &str)> = spoofed.iter().map(|name| (*name, "evil")).collect();
    for (target, signed_in) in [("/public", false), ("/public", true), ("/", true)] {
        let mut all = headers.clone();
        let cookies = harness.jar.header();
        if signed_in {
            all.push(("cookie", &cookies));
        }
        let edits = harness.bare_request("GET", target, &all).forwarded();
        for name in spoofed {
            assert!(edits.remove.iter().any(|removed| removed == name), "{name} at {target}");
        }
        let user = upstream(&edits, "x-auth-user");
        assert_eq!(user, signed_in.then_some("jsmith"), "{target}");
        assert!(edits.set().all(|(_, value)| value != b"evil"), "{target}");
    }
}

#[test]
fn a_header_that_only_resembles_ours_stays() {
    let mut harness = Harness::new();
    harness.signed_in();
    let cookies = harness.jar.header();
    for name in ["x-auth", "x-auth-userx", "xx-auth-user", "x-auth-token", "authorization"] {
        let edits = harness.bare_request("GET", "/", &[(name, "v"), ("cookie", &cookies)]).forwarded();
        assert!(!edits.remove.iter().any(|removed| removed == name), "{name}");
    }
}

#[test]
fn awkward_values_reach_the_app_as_one_harmless_header() {
    let check = |claim: &str, value: Value, header: &str, expected: Option<&str>| {
        let mut harness = Harness::new();
        harness.cognito.user = json!({"sub": "s"});
        harness.cognito.user[claim] = value.clone();
        harness.signed_in();
        let edits = harness.navigate("/").forwarded();
        assert_eq!(upstream(&edits, header), expected, "{claim}: {value}");
        for (name, value) in edits.set() {
            assert!(value.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f), "{name}: {value:?}");
        }
    };
    check("name", json!("J\r\nx-auth-roles: admin"), "x-auth-name", Some("J??x-auth-roles: admin"));
    check("name", json!("Zoë Müller 李"), "x-auth-name", Some("Zoë Müller 李"));
    check("name", json!(""), "x-auth-name", None);
    check("name", json!("  "), "x-auth-name", None);
    check("name", json!("\u{7}admin"), "x-auth-name", Some("?admin"));
    check("name", Value::Null, "x-auth-name", None);
    check("cognito:groups", json!(["a,admin", "b"]), "x-auth-roles", Some("a%2Cadmin,b"));
    check("cognito:groups", json!(["50%", "é\n"]), "x-auth-roles", Some("50%25,%C3%A9%0A"));
    check("cognito:groups", json!([]), "x-auth-roles", None);
    check("cognito:groups", json!(["a", "a", "", 7]), "x-auth-roles", Some("a,7"));
    check("custom:roles", json!("a| b ||a"), "x-auth-roles", Some("a,b"));
    check("custom:timezone", json!(["x,y", "z"]), "x-auth-timezone", Some("x%2Cy,z"));
    check("custom:timezone", json!(7), "x-auth-timezone", Some("7"));
}

#[test]
fn roles_of_all_claims_are_united_in_order() {
    let mut harness = Harness::new();
    harness.cognito.user =
        json!({"sub": "s", "custom:roles": "finance|ops", "cognito:groups": ["ops", "admins"]});
    harness.signed_in();
    let edits = harness.navigate("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("ops,admins,finance"));
}

#[test]
fn the_identity_cookie_of_an_ordinary_user_is_small() {
    let mut harness = Harness::new();
    let response = harness.sign_in("/");
    let cookie = set_cookies(&response).next().unwrap();
    assert!(cookie.starts_with(IDENTITY));
    println!("the identity cookie has {} bytes with name and attributes", cookie.len());
    assert!(cookie.len() < 700, "{} bytes", cookie.len());
}
