//! What operators see: Envoy's statistics, and the fields of its access log. Both need a separate Envoy, because
//! statistics belong to a whole process.

use std::time::Duration;

use rig::{
    Bootstrap, Browser, Envoy, Filter, Listener, Options, PATIENCE, RawRequest, eventually, free_ports,
};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Client, Config, Endpoint, Fault, StandIn, Times};

use crate::aged::{OVER, age};
use crate::bearer::{text, tokens};
use crate::own::{ORIGIN, Own, Wish};
use crate::world::{
    CLIENT_SECRET, PASSWORD, SESSION_KEY, SUBJECT, USER, callback_of, config_at, filter, merged,
    pass_on_metrics, pool,
};

const SITE: &str = "seen";
const FIELDS: &str = "log user=%FILTER_STATE(wasm.envoy_cognito.user:PLAIN)% \
    subject=%FILTER_STATE(wasm.envoy_cognito.subject:PLAIN)% \
    roles=%FILTER_STATE(wasm.envoy_cognito.roles:PLAIN)% \
    session=%FILTER_STATE(wasm.envoy_cognito.session:PLAIN)% \
    decision=%FILTER_STATE(wasm.envoy_cognito.decision:PLAIN)% \
    rule=%FILTER_STATE(wasm.envoy_cognito.rule:PLAIN)% \
    status=%RESPONSE_CODE% path=%PATH(NQ)%";

struct Seen {
    cognito: StandIn,
    _app: SampleApp,
    envoy: Envoy,
    addr: std::net::SocketAddr,
}

impl Seen {
    /// `seconds` is the lifetime of tokens.
    fn new(seconds: u64) -> Self {
        Self::with(seconds, json!({}))
    }

    /// With settings of the connection manager.
    fn with(seconds: u64, manager: Value) -> Self {
        let mut pool = pool(SITE, false);
        pool.clients.iter_mut().for_each(|client: &mut Client| {
            client.id_token_seconds = seconds;
            client.access_token_seconds = seconds;
        });
        let cognito = StandIn::start(Config::new(vec![pool])).expect("a stand-in");
        let app = SampleApp::start().expect("a sample app");
        let rules = json!({
            "bearer": { "enabled": true },
            "rules": [
                { "path": "/public/**", "allow": "everyone", "name": "open" },
                { "path": "/finance", "roles_any": ["finance"], "name": "money" },
                { "path": "/beta", "roles_any": ["beta"], "name": "beta", "mode": "shadow" },
                { "path": "/closed", "allow": "nobody" },
            ],
        });
        let config = merged(config_at(SITE, &cognito.domain_url(), &cognito.idp_url()), rules);
        let ports = free_ports(2);
        let mut listener = Listener::new(ports[1], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY);
        listener.access_log = Some(FIELDS.to_owned());
        listener.manager_overrides = manager;
        let bootstrap = Bootstrap::new(ports[0], filter())
            .cluster("app", app.addr())
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr())
            .listener(listener);
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        Self { cognito, _app: app, envoy, addr: ([127, 0, 0, 1], ports[1]).into() }
    }

    fn browser(&self) -> Browser {
        Browser::new().route(&url(""), self.addr)
    }

    fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(&url("/"), USER, PASSWORD).status(), 200, "{}", self.envoy.log());
        browser
    }

    fn age(&self, browser: &mut Browser, by: Duration) {
        let config = config_at(SITE, &self.cognito.domain_url(), &self.cognito.idp_url());
        age(&config, &format!("{SITE}.example.test"), browser, by);
    }

    fn get(&self, request: RawRequest) -> u16 {
        let request = request.host(&format!("{SITE}.example.test")).header("x-forwarded-proto", "https");
        rig::send(self.addr, &request).expect("an answer").status
    }

    fn stat(&self, name: &str) -> i64 {
        self.envoy.stat(&format!("wasmcustom.envoy_cognito.{name}"))
    }

    /// Counts reach Envoy a little later.
    #[track_caller]
    fn counts(&self, expected: &[(&str, i64)]) {
        let all = || {
            pass_on_metrics(self.addr);
            expected.iter().all(|(name, count)| self.stat(name) == *count).then_some(())
        };
        let stats = || self.envoy.stats("wasmcustom.");
        assert!(eventually(PATIENCE, all).is_some(), "{expected:?}: {:#?}", stats());
    }

    #[track_caller]
    fn logged(&self, line: &str) {
        assert!(self.envoy.log_line(line).is_some(), "no line `{line}` in:\n{}", self.envoy.log());
    }
}

fn url(path: &str) -> String {
    format!("https://{SITE}.example.test{path}")
}

#[test]
fn what_happens_is_counted() {
    let seen = Seen::new(3600);
    // They exist before anything has happened, so that a graph begins at zero.
    let stats = seen.envoy.stats("wasmcustom.envoy_cognito.authz.");
    assert!(stats.iter().any(|(name, count)| name.ends_with("authz.allowed") && *count == 0), "{stats:?}");

    let mut browser = seen.signed_in();
    for (path, status) in [("/", 200), ("/finance", 403), ("/beta", 200), ("/public/x", 200)] {
        assert_eq!(browser.fetch(&url(path)).status, status, "{path}");
    }
    assert_eq!(seen.get(RawRequest::get("/").header("cookie", "__Host-auth=bent")), 401);
    let answer = tokens(&seen.cognito, SITE, Some(CLIENT_SECRET), SITE, "openid");
    let bearer = |token: &str| RawRequest::get("/").header("authorization", format!("Bearer {token}"));
    assert_eq!(seen.get(bearer(text(&answer, "access_token"))), 200);
    assert_eq!(seen.get(bearer(text(&answer, "id_token"))), 401);
    let callback = browser.step(&url("/.auth/callback?code=x&state=y"));
    assert_eq!(callback.status, 302, "a session is there");
    assert_eq!(seen.get(RawRequest::get("/.auth/callback?code=x&state=y")), 400);
    browser.step(&url("/.auth/sign-out"));
    seen.counts(&[
        ("sign_in.started", 1),
        ("sign_in.completed", 1),
        ("sign_in.failed.flow_unknown", 1),
        ("session.accepted", 5),
        ("session.rejected.not_opened", 1),
        // The last step of the sign-in, three of four pages, and the program.
        ("authz.allowed", 5),
        ("authz.denied", 1),
        ("authz.shadow_denied", 1),
        ("bearer.accepted", 1),
        ("bearer.rejected.token_use", 1),
        ("sign_out", 1),
    ]);
    assert!(seen.stat("jwks.fetched") >= 1);
    let recorded = || {
        pass_on_metrics(seen.addr);
        let count = seen.envoy.histogram_count("wasmcustom.envoy_cognito.token_exchange_ms");
        (count >= 1).then_some(())
    };
    assert!(eventually(PATIENCE, recorded).is_some(), "the token endpoint was timed");
    let names: Vec<String> = seen.envoy.stats("wasmcustom.").into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().any(|name| name.ends_with("jwks.age_s")), "{names:?}");
}

/// Before Envoy 1.39, a request takes with it what the native module has counted before.
#[test]
fn nothing_counted_is_lost_with_a_request_that_waits() {
    let own = Own::new(Wish { envoys: 2, workers: 1, ..Wish::default() });
    assert!(own.envoys[1].log_line("event=jwks.fetched").is_some());
    std::thread::sleep(Duration::from_millis(500));
    let mut browser = own.browser();
    let start = browser.step(&own.url("/json"));
    let callback = callback_of(start.location().expect("a redirect"));
    // The first request at the second Envoy waits for Cognito.
    let mut browser = browser.route(ORIGIN, own.addr(1));
    assert_eq!(browser.navigate(&callback).status(), 200);
    let counted = || {
        pass_on_metrics(own.addr(1));
        let all =
            ["jwks.fetched", "sign_in.completed"].map(|name| format!("wasmcustom.envoy_cognito.{name}"));
        all.iter().all(|name| own.envoys[1].stat(name) >= 1).then_some(())
    };
    assert!(eventually(PATIENCE, counted).is_some(), "{:#?}", own.envoys[1].stats("wasmcustom."));
}

#[test]
fn refreshes_are_counted_by_how_they_end() {
    let seen = Seen::new(3600);
    let mut browser = seen.signed_in();
    seen.age(&mut browser, OVER);
    assert_eq!(browser.fetch(&url("/")).status, 200);
    seen.counts(&[("refresh.completed", 1)]);
    seen.cognito.fault(Endpoint::Token, SITE, Fault::Status(500), Times::Always);
    seen.age(&mut browser, OVER - Duration::from_secs(3));
    assert_eq!(browser.fetch(&url("/")).status, 200, "the outage is Cognito's");
    seen.counts(&[("refresh.completed", 1), ("refresh.failed.token_unavailable", 1)]);
}

#[test]
fn the_access_log_says_who_and_why() {
    let seen = Seen::new(3600);
    let mut browser = seen.signed_in();
    let roles = "roles=authp/admin,authp/user";
    let line = seen.envoy.log_line(&format!("log user={USER} ")).expect("the first page after the sign-in");
    let session = line.split(" session=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a session");
    assert!(session.len() == 32 && session.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
    for (path, decision, rule, status) in [
        ("/page", "forwarded", "default", 200),
        ("/finance", "forbidden", "money", 403),
        ("/public/page", "public", "open", 200),
        ("/closed", "forbidden", "3", 403),
    ] {
        assert_eq!(browser.fetch(&url(path)).status, status, "{path}");
        let who = if path == "/closed" {
            "user=- subject=- roles=- session=-".to_owned()
        } else {
            format!("user={USER} subject={SUBJECT} {roles} session={session}")
        };
        seen.logged(&format!("log {who} decision={decision} rule={rule} status={status} path={path}"));
    }
    // The log names the person whose request was denied.
    let denied = seen.envoy.log_line("event=authz.denied rule=3 ").expect("a line");
    assert!(denied.contains(&format!("subject={SUBJECT}")), "{denied}");
    assert_eq!(browser.fetch(&url("/.auth/me")).status, 200);
    seen.logged("decision=own_path rule=- status=200 path=/.auth/me");
    let nobody = "log user=- subject=- roles=- session=-";
    seen.get(RawRequest::get("/page").header("sec-fetch-mode", "navigate"));
    seen.logged(&format!("{nobody} decision=sign_in rule=default status=302 path=/page"));
    seen.get(RawRequest::get("/api"));
    seen.logged(&format!("{nobody} decision=unauthenticated rule=default status=401 path=/api"));
    seen.get(RawRequest::get("/a%c0%ae"));
    seen.logged(&format!("{nobody} decision=refused rule=- status=400 path=/a%c0%ae"));
    seen.get(RawRequest::get("/api").header("authorization", "Bearer x"));
    seen.logged(&format!("{nobody} decision=unauthenticated rule=default status=401 path=/api"));
    // The request that waited until its code was redeemed.
    seen.logged("decision=own_path rule=- status=302 path=/.auth/callback");
}

/// The YAML in the documentation that begins like this.
fn documented(beginning: &str) -> Value {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let block = page.split("```yaml\n").skip(1).find(|block| block.starts_with(beginning)).expect(beginning);
    let yaml = block.split("```").next().unwrap_or_default();
    yaml_serde::from_str(yaml).expect("YAML")
}

#[test]
fn the_documented_access_log_works_as_it_stands() {
    let seen = Seen::with(3600, documented("access_log:"));
    let mut browser = seen.signed_in();
    assert_eq!(browser.fetch(&url("/page?secret=1")).status, 200);
    let line = seen.envoy.log_line("\"path\":\"/page\"").expect("a line");
    let entry: Value = serde_json::from_str(line.trim()).expect("JSON");
    for (field, value) in [
        ("user", USER),
        ("subject", SUBJECT),
        ("roles", "authp/admin,authp/user"),
        ("decision", "forwarded"),
        ("rule", "default"),
        ("method", "GET"),
    ] {
        assert_eq!(entry[field], value, "{field} in {line}");
    }
    assert_eq!(entry["status"], 200);
    // In JSON an unknown value is `null`; in text it is `-`.
    seen.get(RawRequest::get("/unknown"));
    let line = seen.envoy.log_line("\"path\":\"/unknown\"").expect("a line");
    let entry: Value = serde_json::from_str(line.trim()).expect("JSON");
    for field in ["user", "subject", "roles"] {
        assert_eq!(entry.get(field), Some(&Value::Null), "{field} in {line}");
    }
    assert_eq!((&entry["decision"], &entry["status"]), (&json!("unauthenticated"), &json!(401)));
}
