//! Cookies that the core has sealed, decrypted for support.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use envoy_cognito_core::cognito::identity::Identity;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy, Secret};
use envoy_cognito_core::oidc::{RefreshToken, SessionTokens};
use envoy_cognito_core::session::{CookieStore, FlowId, PendingSignIn, Session};
use envoy_cognito_core::time::UnixTime;

use crate::{File, Outcome, SESSION_KEY, good, run};

struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.0 = self.0.wrapping_add(1);
        out.fill(self.0);
        Ok(())
    }
}

fn now() -> UnixTime {
    UnixTime::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn session(id: u8) -> Session {
    let identity = Identity {
        subject: "55ddc31e".into(),
        username: Some("jsmith".into()),
        email: Some("jsmith@example.com".into()),
        name: Some("John\u{7} Smith".into()),
        roles: vec!["authp/admin".into(), "authp/user".into()],
        claims: vec![("custom:zone".into(), "Europe/Berlin".into())],
        ..Identity::default()
    };
    Session {
        id: [id; 16],
        signed_in_at: UnixTime::from_secs(now().secs() - 3600),
        renewed_at: UnixTime::from_secs(now().secs() - 600),
        expires_at: now().plus(Duration::from_secs(3000)),
        seen_at: now(),
        identity: Arc::new(identity),
    }
}

/// The name and sealed value of each cookie of a session at a host, with the configuration `good()`.
fn sealed(host: &str, session: &Session) -> Vec<String> {
    let text: serde_json::Value = yaml_serde::from_str(&good()).unwrap();
    let config = Config::parse(text.to_string().as_bytes(), &|_| None).unwrap();
    let store = CookieStore::new(&config, &config.pools[0], host);
    let token = "refresh-token-of-jsmith".repeat(300);
    let tokens =
        SessionTokens { refresh: Some(RefreshToken(Secret::new(token))), ..SessionTokens::default() };
    let cookies = store.keep(session, &tokens, &[], now(), &mut Counter(0)).unwrap();
    let pair = |cookie: &String| cookie.split(';').next().unwrap().to_owned();
    let mut pairs: Vec<String> = cookies.iter().map(pair).collect();
    let flow = PendingSignIn {
        secret: [7; 16],
        nonce: "nonce".into(),
        code_verifier: "verifier".into(),
        redirect_uri: "https://app.example.com/.auth/callback".into(),
        return_to: "/reports?code=secret".into(),
        started_at: now(),
        is_shortened: false,
        asked: Vec::new(),
    };
    let name = config.pools[0].cookies.flow_name(&FlowId::parse("0123456789abcdef").unwrap());
    pairs.push(format!("{name}={}", store.seal(&name, &flow, &mut Counter(9)).unwrap()));
    pairs
}

#[track_caller]
fn show(text: &str, host: &str) -> Outcome {
    let config = File::new("cookie.yaml", &good().replace(SESSION_KEY, "${SESSION_KEY}"));
    run(&["show-cookie", "--config", config.path(), "--host", host])
        .env("SESSION_KEY", SESSION_KEY)
        .stdin(text)
        .outcome()
}

#[test]
fn a_whole_header_is_opened_and_no_token_shown() {
    let cookies = sealed("app.example.com", &session(1));
    assert!(cookies.len() >= 4, "the tokens are in parts");
    let outcome = show(&format!("Cookie: theme=dark; {}\n", cookies.join("; ")), "app.example.com").expect(0);
    for part in [
        "__Host-auth: a session\n",
        "subject        55ddc31e\n",
        "user name      jsmith\n",
        "name           John? Smith\n",
        "roles          authp/admin, authp/user\n",
        "custom:zone    Europe/Berlin\n",
        "__Host-auth-tokens: the tokens of that session\n",
        "refresh token  present, 6900 characters\n",
        "ID token       none\n",
        "__Host-auth-flow-0123456789abcdef: a sign-in in progress\n",
        "returns to  /reports\n",
    ] {
        assert!(outcome.out.contains(part), "{part}\nis missing in\n{}", outcome.out);
    }
    // A minute may pass before it is shown.
    let says = |either: [&str; 2]| either.iter().any(|distance| outcome.out.contains(distance));
    assert!(says([" UTC (1 h ago)\n", " UTC (1 h 1 min ago)\n"]), "{}", outcome.out);
    assert!(says([" UTC (in 11 h)\n", " UTC (in 10 h 59 min)\n"]), "{}", outcome.out);
    assert!(!outcome.out.contains("code=secret") && !outcome.out.contains("verifier"));
}

#[test]
fn a_single_value_is_decrypted() {
    let cookies = sealed("app.example.com", &session(1));
    let value = cookies[0].split_once('=').unwrap().1;
    let outcome = show(value, "https://App.example.com:443/").expect(0);
    assert!(outcome.out.starts_with("__Host-auth: a session\n"), "{}", outcome.out);
    let config = File::new("public.yaml", &(good() + "public_url: https://app.example.com\n"));
    let cookie = File::new("cookie.txt", &format!("Set-Cookie: {}; Path=/; Secure\n", cookies[0]));
    let outcome =
        run(&["show-cookie", "--json", "--config", config.path(), cookie.path()]).outcome().expect(0);
    assert_eq!(outcome.json()["sessions"][0]["username"], "jsmith");
    assert_eq!(outcome.json()["sessions"][0]["lasts"], true);
    assert_eq!(outcome.json()["sessions"][0]["claims"]["custom:zone"], "Europe/Berlin");
}

#[test]
fn halves_of_two_sessions_are_told_apart() {
    let (one, two) = (sealed("app.example.com", &session(1)), sealed("app.example.com", &session(2)));
    let mixed = format!("{}; {}", one[0], two[1..].join("; "));
    assert!(show(&mixed, "app.example.com").expect(0).out.contains("the tokens of another session"));
}

#[test]
fn a_session_that_is_over_is_said_to_be() {
    let old = Session { signed_in_at: UnixTime::from_secs(now().secs() - 50_000), ..session(1) };
    let outcome = show(&sealed("app.example.com", &old)[0], "app.example.com").expect(0);
    assert!(outcome.out.starts_with("__Host-auth: a session that has ended\n"), "{}", outcome.out);
}

#[test]
fn why_it_does_not_open_is_said_plainly() {
    let cookies = sealed("app.example.com", &session(1));
    let value = cookies[0].split_once('=').unwrap().1;
    let outcome = show(value, "www.app.example.com").expect(1);
    assert!(outcome.out.contains("it was issued for the host app.example.com"), "{}", outcome.out);
    let outcome = show(value, "other.example.org").expect(1);
    assert!(outcome.out.contains("it was issued for a host other than other.example.org"), "{}", outcome.out);
    assert!(outcome.out.contains("it was encrypted with another key"), "{}", outcome.out);
    let outcome = show("not+a/cookie", "app.example.com").expect(1);
    assert!(outcome.out.contains("it contains a `+`"), "{}", outcome.out);
    let outcome = show(&value[..40], "app.example.com").expect(1);
    assert!(outcome.out.contains("it is incomplete"), "{}", outcome.out);
    let outcome =
        show(&format!("{}; other=1", cookies[0].replace("__Host-auth", "__Host-login")), "app.example.com")
            .expect(2);
    assert!(outcome.err.contains("names start with __Host-auth: __Host-login, other"), "{}", outcome.err);
    show("\n", "app.example.com").expect(2);
}

#[test]
fn the_key_comes_from_where_the_user_says() {
    let cookies = sealed("app.example.com", &session(1));
    let config = File::new("keys.yaml", &good().replace(SESSION_KEY, "${MY_KEY}"));
    let arguments = ["show-cookie", "--config", config.path(), "--host", "app.example.com"];
    let outcome = run(&arguments).stdin(&cookies[0]).outcome().expect(2);
    assert!(outcome.err.contains("set MY_KEY, or name the key's variable with --key-env"), "{}", outcome.err);
    run(&arguments).env("MY_KEY", SESSION_KEY).stdin(&cookies[0]).outcome().expect(0);
    run(&arguments).env("SESSION_KEY", SESSION_KEY).stdin(&cookies[0]).outcome().expect(0);
    let other = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    let named = run(&arguments).arguments(&["--key-env", "OLD"]).env("OLD", SESSION_KEY).env("MY_KEY", other);
    named.stdin(&cookies[0]).outcome().expect(0);
    let outcome = run(&arguments).env("MY_KEY", other).stdin(&cookies[0]).outcome().expect(1);
    assert!(outcome.out.contains("it was encrypted with another key"), "{}", outcome.out);
    let outcome = run(&arguments).arguments(&["--key-env", "OLD"]).env("OLD", "c2hvcnQ=").outcome().expect(2);
    assert!(outcome.err.contains("OLD contains no session key: 5 bytes, 32 are needed"), "{}", outcome.err);
}

#[test]
fn what_a_cookie_is_bound_to_must_be_known() {
    let config = File::new("bound.yaml", &good().replace("2jvuq8gkhfoh7u4fdfihiditj5", "${CLIENT_ID}"));
    let outcome =
        run(&["show-cookie", "--config", config.path(), "--host", "x.example.com"]).outcome().expect(2);
    assert!(outcome.err.contains("depends on the values of CLIENT_ID"), "{}", outcome.err);
    let config = File::new("host.yaml", &good());
    let outcome = run(&["show-cookie", "--config", config.path()]).outcome().expect(2);
    assert!(outcome.err.contains("--host"), "{}", outcome.err);
    let config = File::new("faulty.yaml", &good().replace("client_id", "client"));
    let outcome = run(&["show-cookie", "--config", config.path(), "--host", "x"]).outcome().expect(2);
    assert!(outcome.err.contains("has errors"), "{}", outcome.err);
}
