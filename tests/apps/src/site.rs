//! An Envoy with the filter in front of an app, and four people.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, free_ports};
use serde_json::{Value, json};
use stand_in::{Client, Config, Pool, StandIn, User};

use crate::app::App;

pub const ORIGIN: &str = "https://app.example.test";
pub const HOST: &str = "app.example.test";
/// What the filter and pgAdmin share.
pub const SECRET: &str = "a-secret-of-envoy-and-the-app";
const PASSWORD: &str = "The@Password";
const POOL: &str = "us-east-1_Apps";
const CLIENT: &str = "apps";

/// John Smith, with both roles.
pub const ADMIN: &str = "jsmith";
/// Has the role `authp/user` only.
pub const MEMBER: &str = "mroe";
/// Has no role.
pub const STRANGER: &str = "pdoe";
/// Has both roles, and gave herself John Smith's address, which she couldn't confirm.
pub const IMPOSTOR: &str = "iroe";

/// The app behind Envoy.
pub struct Site {
    pub app: App,
    pub addr: SocketAddr,
    envoy: Envoy,
    _cognito: StandIn,
}

impl Site {
    /// `settings` are those of the filter that `docs/apps.md` shows for the app.
    pub fn new(app: App, settings: &Value) -> Self {
        let cognito = StandIn::start(Config::new(vec![pool()])).expect("a stand-in");
        let ports = free_ports(2);
        let filter = Filter::Json(configuration(&cognito, settings));
        let mut listener = Listener::new(ports[1], filter)
            .env("SESSION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        listener = listener.env("PGADMIN_SECRET", SECRET);
        listener.manager_overrides = json!({ "upgrade_configs": [{ "upgrade_type": "websocket" }] });
        listener.route_overrides = json!({ "route": { "timeout": "120s" } });
        let bootstrap = Bootstrap::new(ports[0], module())
            .cluster("app", app.addr)
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr())
            .listener(listener);
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        let addr = SocketAddr::from(([127, 0, 0, 1], ports[1]));
        Self { app, addr, envoy, _cognito: cognito }
    }

    pub fn browser(&self) -> Browser {
        let mut browser = Browser::new().route(ORIGIN, self.addr);
        browser.timeout = Duration::from_secs(120);
        browser
    }

    /// Signs a person in at a path of the app.
    pub fn sign_in(&self, browser: &mut Browser, person: &str, path: &str) -> rig::Visit {
        browser.sign_in(&format!("{ORIGIN}{path}"), person, PASSWORD)
    }

    /// A browser of somebody who reaches the app without Envoy.
    pub fn around(&self) -> Browser {
        let mut browser = Browser::new().route(ORIGIN, self.app.addr);
        browser.timeout = Duration::from_secs(120);
        browser
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.envoy.log());
        }
    }
}

fn module() -> PathBuf {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let named = std::env::var_os("ENVOY_COGNITO_FILTER").map(PathBuf::from);
    root.join(named.unwrap_or_else(|| "target/wasm32-wasip1/release/envoy_cognito.wasm".into()))
}

fn pool() -> Pool {
    let client = Client {
        callback_urls: vec![format!("{ORIGIN}/.auth/callback")],
        logout_urls: ["/.auth/signed-out", "/logout"].map(|path| format!("{ORIGIN}{path}")).into(),
        ..Client::new(CLIENT)
    };
    let user = |name: &str, full: &str, roles: &str| {
        let user = User::new(name, PASSWORD).with("name", full).with("email", format!("{name}@example.com"));
        let user = user.with("email_verified", "true");
        if roles.is_empty() { user } else { user.with("custom:roles", roles) }
    };
    let impostor = user(IMPOSTOR, "Iris Roe", "authp/admin|authp/user");
    let users = vec![
        user(ADMIN, "John Smith", "authp/admin|authp/user"),
        user(MEMBER, "Mary Roe", "authp/user"),
        user(STRANGER, "Pat Doe", ""),
        impostor.with("email", format!("{ADMIN}@example.com")).with("email_verified", "false"),
    ];
    Pool { clients: vec![client], users, ..Pool::new(POOL) }
}

fn configuration(cognito: &StandIn, settings: &Value) -> Value {
    let (domain, idp) = (cognito.domain_url(), cognito.idp_url());
    let mut configuration = json!({
        "user_pool_id": POOL,
        "client_id": CLIENT,
        "domain": domain.trim_start_matches("http://"),
        "endpoints": {
            "issuer": format!("{idp}/{POOL}"),
            "authorize": format!("{domain}/oauth2/authorize"),
            "token": format!("{domain}/oauth2/token"),
            "userinfo": format!("{domain}/oauth2/userInfo"),
            "revoke": format!("{domain}/oauth2/revoke"),
            "logout": format!("{domain}/logout"),
        },
        "public_url": ORIGIN,
        "session": { "keys": ["${SESSION_KEY}"] },
        "timeouts": { "token": "60s", "jwks": "60s", "userinfo": "60s", "revoke": "60s" },
    });
    for (key, value) in settings.as_object().expect("settings") {
        configuration[key] = value.clone();
    }
    configuration
}
