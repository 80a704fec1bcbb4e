//! Routes may match on the filter's headers: Envoy selects the route again after the filter has set them.

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, free_ports};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Config, StandIn, User};

use crate::bearer::{text, tokens};
use crate::world::{CLIENT_SECRET, PASSWORD, SESSION_KEY, USER, config_at, filter, merged, pool, pool_id};

const SITE: &str = "routed";

/// The route configuration in the documentation.
fn documented() -> Value {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, block) = page.split_once("```yaml\nroutes:\n").expect("the routes");
    let yaml = block.split("```").next().unwrap_or_default();
    yaml_serde::from_str(&format!("routes:\n{yaml}")).expect("YAML")
}

fn url(path: &str) -> String {
    format!("https://{SITE}.example.test{path}")
}

#[test]
fn a_role_picks_the_route_as_the_documentation_shows() {
    let mut pool = pool(SITE, false);
    pool.users.push(
        User::new("adoe", PASSWORD).with("email", "adoe@example.com").with("custom:roles", "authp/user"),
    );
    let cognito = StandIn::start(Config::new(vec![pool])).expect("a stand-in");
    let (app, admins) = (SampleApp::start().expect("an app"), SampleApp::start().expect("an app"));
    let rules = json!({
        "bearer": { "enabled": true, "token_use": ["id"] },
        "rules": [{ "path": "/public/**", "allow": "everyone" }],
    });
    let config = merged(config_at(SITE, &cognito.domain_url(), &cognito.idp_url()), rules);
    let ports = free_ports(2);
    let mut listener = Listener::new(ports[1], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY);
    let host = merged(json!({ "name": "app", "domains": ["*"] }), documented());
    listener.manager_overrides = json!({ "route_config": { "virtual_hosts": [host] } });
    let bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", app.addr())
        .cluster("admin_app", admins.addr())
        .cluster("cognito_domain", cognito.domain_addr())
        .cluster("cognito_idp", cognito.idp_addr())
        .listener(listener);
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    let addr = ([127, 0, 0, 1], ports[1]).into();
    let browser = || Browser::new().route(&url(""), addr);
    // The number of requests that each of the two has received.
    let counts = || (app.count(), admins.count());

    let mut smith = browser();
    assert_eq!(smith.sign_in(&url("/json"), USER, PASSWORD).status(), 200, "{}", envoy.log());
    assert_eq!(counts(), (0, 1), "authp/admin, first of his roles");
    assert_eq!(smith.fetch(&url("/json")).status, 200);
    assert_eq!(counts(), (0, 2));
    let mut doe = browser();
    assert_eq!(doe.sign_in(&url("/json"), "adoe", PASSWORD).status(), 200, "{}", envoy.log());
    assert_eq!(counts(), (1, 2));

    // Nobody gets there by sending the headers themselves.
    let raw = |request: RawRequest| {
        let request = request.host(&format!("{SITE}.example.test")).header("x-forwarded-proto", "https");
        rig::send(addr, &request).expect("an answer").status
    };
    let forged = |name: &str| RawRequest::get("/public/json").header(name, "authp/admin");
    for name in ["x-auth-roles", "X-Auth-Roles"] {
        assert_eq!(raw(forged(name)), 200);
    }
    assert_eq!(counts(), (3, 2));

    // A request that waited for a key.
    cognito.rotate_keys(&pool_id(SITE));
    let answer = tokens(&cognito, SITE, Some(CLIENT_SECRET), SITE, "openid");
    let bearer =
        || RawRequest::get("/json").header("authorization", format!("Bearer {}", text(&answer, "id_token")));
    assert_eq!(raw(bearer()), 200, "{}", envoy.log());
    assert_eq!(counts(), (3, 3));
    // A tenth role, and one that only resembles it.
    for (roles, admin) in
        [("a|b|authp/admin|c", true), ("xauthp/admin", false), ("authp/administrator", false)]
    {
        cognito.set_attribute(&pool_id(SITE), "adoe", "custom:roles", Some(roles));
        let before = counts();
        let mut doe = browser();
        assert_eq!(doe.sign_in(&url("/json"), "adoe", PASSWORD).status(), 200);
        let expected = if admin { (before.0, before.1 + 1) } else { (before.0 + 1, before.1) };
        assert_eq!(counts(), expected, "{roles}");
    }
}
