//! The key set: available before it is needed, fetched again for a new key, and never a hindrance.

use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, free_ports};
use sample_app::SampleApp;
use stand_in::{Config, Endpoint, Fault, StandIn, Times};

use crate::world::{PASSWORD, SESSION_KEY, USER, config_at, filter, pool, pool_id, world};

#[test]
fn a_rotated_key_is_fetched_while_the_callback_waits() {
    let site = world().site("rotated");
    site.signed_in();
    let before = world().cognito.calls(Endpoint::Jwks, &pool_id(site.name)).len();
    world().cognito.rotate_keys(&pool_id(site.name));
    site.signed_in();
    let after = world().cognito.calls(Endpoint::Jwks, &pool_id(site.name)).len();
    assert_eq!(after, before + 1, "one fetch in the whole Envoy");
}

#[test]
fn unknown_keys_fetch_the_set_once_a_minute_at_most() {
    let site = world().site("unknownkid");
    site.signed_in();
    let pool = pool_id(site.name);
    let before = world().cognito.calls(Endpoint::Jwks, &pool).len();
    for _ in 0..6 {
        world().cognito.fault(Endpoint::Token, site.name, Fault::UnknownKid, Times::Next(1));
        let mut browser = site.browser();
        let visit = browser.sign_in(&site.url("/"), USER, PASSWORD);
        assert_eq!(visit.status(), 401, "{visit}");
        assert!(browser.cookies(&site.origin()).is_empty());
    }
    let after = world().cognito.calls(Endpoint::Jwks, &pool).len();
    assert_eq!(after, before + 1);
    assert!(world().envoy.log_line("reason=id_token_unknown_key").is_some());
    site.signed_in();
}

/// A separate Envoy with one site, whose Cognito the test controls.
struct Lonely {
    envoy: Envoy,
    _app: SampleApp,
    browser: Browser,
    domain: u16,
    idp: u16,
}

const NAME: &str = "lonely";
const URL: &str = "https://lonely.example.test/";

fn lonely() -> Lonely {
    let app = SampleApp::start().expect("a sample app");
    let ports = free_ports(4);
    let (admin, port, domain, idp) = (ports[0], ports[1], ports[2], ports[3]);
    let address = |port: u16| ([127, 0, 0, 1], port).into();
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let mut config = config_at(NAME, &url(domain), &url(idp));
    config["session"]["keys"] = serde_json::json!([SESSION_KEY]);
    let bootstrap = Bootstrap::new(admin, filter())
        .cluster("app", app.addr())
        .cluster("cognito_domain", address(domain))
        .cluster("cognito_idp", address(idp))
        .listener(Listener::new(port, Filter::Json(config)));
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    let browser = Browser::new().route(URL.trim_end_matches('/'), address(port));
    Lonely { envoy, _app: app, browser, domain, idp }
}

impl Lonely {
    fn cognito(&self) -> StandIn {
        let address = |port: u16| ([127, 0, 0, 1], port).into();
        let config = Config::new(vec![pool(NAME, false)]);
        StandIn::start_at(config, address(self.domain), address(self.idp)).expect("a stand-in")
    }
}

#[test]
fn envoy_may_start_before_cognito() {
    let mut lonely = lonely();
    assert_eq!(lonely.browser.fetch(&format!("{URL}json")).status, 401, "it answers all the same");
    assert!(lonely.envoy.log_line("event=jwks.failed").is_some(), "{}", lonely.envoy.log());
    std::thread::sleep(Duration::from_secs(2));
    let _cognito = lonely.cognito();
    let visit = lonely.browser.sign_in(URL, USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}\n{}", lonely.envoy.log());
    assert_eq!(visit.url, URL);
}

#[test]
fn a_bad_key_set_never_replaces_a_good_one_and_a_missing_one_is_waited_for() {
    let mut lonely = lonely();
    let cognito = lonely.cognito();
    for fault in [Fault::Status(500), Fault::Html, Fault::EmptyKeys, Fault::Truncated, Fault::OneBrokenKey] {
        cognito.fault(Endpoint::Jwks, &pool_id(NAME), fault, Times::Next(1));
    }
    let visit = lonely.browser.sign_in(URL, USER, PASSWORD);
    assert_eq!(visit.status(), 200, "it waits for the first good set: {visit}\n{}", lonely.envoy.log());
    // From now on the set is broken; signed-in people don't notice, and signing in still works.
    cognito.fault(Endpoint::Jwks, &pool_id(NAME), Fault::EmptyKeys, Times::Always);
    cognito.fault(Endpoint::Token, NAME, Fault::UnknownKid, Times::Next(1));
    let mut stranger = lonely.browser.clone();
    stranger.clear();
    assert_eq!(stranger.sign_in(URL, USER, PASSWORD).status(), 401, "this one fetches a broken set");
    assert!(lonely.envoy.log_line("reason=no_usable_key").is_some());
    stranger.clear();
    assert_eq!(stranger.sign_in(URL, USER, PASSWORD).status(), 200, "the last good set is kept");
    drop(cognito);
    assert_eq!(lonely.browser.fetch(&format!("{URL}json")).status, 200, "it works without Cognito");
}
