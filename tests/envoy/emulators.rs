//! Emulators of Cognito in containers use a host name that is only known there, and their tokens may lack claims of
//! Cognito's. docs/local.md describes how far they work.

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, free_ports, send};
use sample_app::SampleApp;
use serde_json::json;
use stand_in::{Config, Endpoint, Fault, StandIn, Times};

use crate::bearer::{text, tokens};
use crate::world::{CLIENT_SECRET, PASSWORD, SESSION_KEY, USER, config_at, filter, merged, pool, pool_id};

const SITE: &str = "emulated";
/// The emulator's own address. No name server knows it.
const NAME: &str = "http://cognito-local:9229";

#[test]
fn an_issuer_by_http_is_compared_and_its_key_set_called_through_the_cluster() {
    let config = Config { idp_url: Some(NAME.to_owned()), ..Config::new(vec![pool(SITE, false)]) };
    let cognito = StandIn::start(config).expect("a stand-in");
    let app = SampleApp::start().expect("a sample app");
    let own = json!({ "bearer": { "enabled": true } });
    let config = merged(config_at(SITE, &cognito.domain_url(), NAME), own);
    let config = merged(config, json!({ "endpoints": { "api": null } }));
    assert_eq!(config["endpoints"]["issuer"], format!("{NAME}/{}", pool_id(SITE)));
    let ports = free_ports(3);
    // In front of the emulator, to record its requests.
    let mut front = Listener::new(ports[1], Filter::None).upstream("emulator");
    front.access_log = Some("called %REQ(:SCHEME)% %REQ(:AUTHORITY)% %REQ(:PATH)%".to_owned());
    front.name = "front".to_owned();
    let bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", app.addr())
        .cluster("emulator", cognito.idp_addr())
        .cluster("cognito_domain", cognito.domain_addr())
        .cluster("cognito_idp", ([127, 0, 0, 1], ports[1]).into())
        .listener(front)
        .listener(Listener::new(ports[2], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY));
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    let (addr, origin) = (([127, 0, 0, 1], ports[2]).into(), format!("https://{SITE}.example.test"));
    let browser = || Browser::new().route(&origin, addr);
    let visit = browser().sign_in(&format!("{origin}/json"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}\n{}", envoy.log());
    let called = format!("called http cognito-local:9229 /{}/.well-known/jwks.json", pool_id(SITE));
    assert!(envoy.log_line(&called).is_some(), "{}", envoy.log());

    let answer = tokens(&cognito, SITE, Some(CLIENT_SECRET), SITE, "openid");
    let bearer =
        RawRequest::get("/json").header("authorization", format!("Bearer {}", text(&answer, "access_token")));
    let bearer = bearer.host(&format!("{SITE}.example.test")).header("x-forwarded-proto", "https");
    assert_eq!(send(addr, &bearer).expect("an answer").status, 200, "{}", envoy.log());

    // What an operator reads about an emulator that differs from Cognito.
    for (fault, reason, hint) in [
        (Fault::NoNonce, "id_token_nonce", "has no nonce: not Cognito's"),
        (Fault::WrongNonce, "id_token_nonce", "is of another sign-in"),
        (
            Fault::Claims(json!({ "token_use": null }).as_object().expect("claims").clone()),
            "id_token_token_use",
            "has no token_use: not Cognito's",
        ),
        (
            Fault::Claims(json!({ "token_use": "access" }).as_object().expect("claims").clone()),
            "id_token_token_use",
            "another kind of token",
        ),
    ] {
        cognito.fault(Endpoint::Token, SITE, fault, Times::Next(1));
        let visit = browser().sign_in(&format!("{origin}/json"), USER, PASSWORD);
        assert_eq!(visit.status(), 401, "{visit}");
        let line = envoy.log_line(hint).unwrap_or_else(|| panic!("no {hint} in {}", envoy.log()));
        assert!(line.contains(&format!("event=sign_in.failed reason={reason} ")), "{line}");
    }
}
