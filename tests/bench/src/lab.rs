//! What all measurements share: the upstream, the stand-in for Cognito, and real Envoys with one chain of
//! filters each.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, free_ports};
use serde_json::{Value, json};
use stand_in::{Client, Config, Pool, StandIn, User};

use crate::native;
use crate::upstream::Upstream;

pub const HOST: &str = "bench.example.test";
pub const ORIGIN: &str = "https://bench.example.test";
pub const CLIENT: &str = "bench";
pub const SECRET: &str = "secret-of-the-client";
pub const POOL: &str = "us-east-1_bench";
/// Base64 of 32 bytes.
pub const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const USER: &str = "jsmith";
const PASSWORD: &str = "The@Password";

/// The filters before the router.
#[derive(Clone, Debug)]
pub enum Chain {
    /// None at all.
    None,
    /// A filter in wasm that does nothing.
    Nothing,
    /// A dynamic module that does nothing.
    NothingNative,
    /// A filter in wasm that makes these calls and computes nothing.
    Calls(&'static str),
    /// The same as a dynamic module.
    CallsNative(&'static str),
    /// Envoy's own `oauth2`.
    OAuth2,
    /// `oauth2` with `jwt_authn` behind it, which makes the headers; with or without its cache of tokens.
    OAuth2AndJwt { cache: bool },
    /// This filter, with more settings than those of [`filter_config`].
    Cognito(Value),
    /// The same as a dynamic module.
    CognitoNative(Value),
    /// The same on a host without foreign functions, so that wasm does everything.
    CognitoAlone(Value),
    /// Another build of it.
    Build(PathBuf),
}

/// One Envoy with one chain.
pub struct Site {
    pub envoy: Envoy,
    pub address: SocketAddr,
}

/// The servers that Envoys need.
pub struct Lab {
    pub upstream: Upstream,
    pub cognito: StandIn,
}

impl Lab {
    /// # Errors
    /// If something doesn't start.
    pub fn new() -> Result<Self, String> {
        let failed = |error: std::io::Error| error.to_string();
        let cognito = StandIn::start(Config::new(vec![pool()])).map_err(failed)?;
        Ok(Self { upstream: Upstream::start().map_err(failed)?, cognito })
    }

    /// Starts an Envoy with this number of workers.
    ///
    /// # Errors
    /// As [`Envoy::try_start`].
    pub fn site(&self, chain: &Chain, workers: u32) -> Result<Site, String> {
        let ports = free_ports(2);
        let &[admin, port] = ports.as_slice() else { return Err("no ports".to_owned()) };
        let (domain, idp) = (self.cognito.domain_url(), self.cognito.idp_url());
        let mut bootstrap = Bootstrap::new(admin, wasm("envoy_cognito")?)
            .cluster("app", self.upstream.address)
            .cluster("revocations", self.upstream.address)
            .cluster("cognito_domain", self.cognito.domain_addr())
            .cluster("cognito_idp", self.cognito.idp_addr());
        let mut listener = Listener::new(port, Filter::None);
        match chain {
            Chain::None => {}
            Chain::Nothing | Chain::NothingNative => {
                listener.filter = Filter::Json(json!({}));
                let is_native = matches!(chain, Chain::NothingNative);
                listener.module = Some(if is_native { native("nothing_native")? } else { wasm("nothing")? });
            }
            Chain::Calls(calls) => {
                listener.filter = Filter::Json(json!({ "calls": calls }));
                listener.module = Some(wasm("calls")?);
            }
            Chain::CallsNative(calls) => {
                listener.filter = Filter::Json(json!({ "calls": calls }));
                listener.module = Some(native("calls_native")?);
            }
            Chain::OAuth2 | Chain::OAuth2AndJwt { .. } => {
                bootstrap = bootstrap.with(native::secrets(SECRET));
                listener.filters_before = native::filters(chain, &domain, &idp);
            }
            Chain::Build(file) => {
                listener.filter = Filter::Json(filter_config(&domain, &idp, &json!({})));
                listener.module = Some(file.clone());
            }
            Chain::CognitoNative(more) => {
                listener.filter = Filter::Json(filter_config(&domain, &idp, more));
                listener.module = Some(native("envoy_cognito")?);
            }
            Chain::Cognito(more) | Chain::CognitoAlone(more) => {
                listener.filter = Filter::Json(filter_config(&domain, &idp, more));
                listener.deny_foreign_functions = matches!(chain, Chain::CognitoAlone(_));
            }
        }
        let options = Options {
            concurrency: workers,
            component_log_level: String::new(),
            // Valgrind needs minutes for the start of a wasm filter.
            ready_within: Duration::from_secs(300),
            ..Options::default()
        };
        let envoy = Envoy::try_start(&bootstrap.listener(listener).to_string(), &options)?;
        Ok(Site { envoy, address: ([127, 0, 0, 1], port).into() })
    }

    /// Signs John Smith in through a chain. Returns the cookies that his browser then sends.
    ///
    /// # Errors
    /// If the sign-in fails.
    pub fn sign_in(&self, site: &Site) -> Result<String, String> {
        Ok(self.browser(site)?.cookie_header(&format!("{ORIGIN}/check")))
    }

    /// His browser, after that.
    ///
    /// # Errors
    /// As [`Lab::sign_in`].
    pub fn browser(&self, site: &Site) -> Result<Browser, String> {
        let mut browser = Browser::new().route(ORIGIN, site.address);
        let visit = browser.sign_in(&format!("{ORIGIN}/check"), USER, PASSWORD);
        if visit.status() != 200 {
            return Err(format!("nobody can sign in: {visit}\n{}", site.envoy.log()));
        }
        Ok(browser)
    }

    /// Checks that the upstream gets this for a request to `/check` with these cookies: a request that isn't
    /// forwarded correctly must not be measured.
    ///
    /// # Errors
    /// If it doesn't.
    pub fn expect(&self, site: &Site, cookies: &str, sign: &str) -> Result<(), String> {
        let request = RawRequest::get("/check").host(HOST);
        let request = request.header("x-forwarded-proto", "https").header("cookie", cookies);
        let answer = rig::send(site.address, &request).map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("{answer:?}"));
        }
        let seen = self.upstream.checked();
        let found = seen.to_ascii_lowercase().contains(&sign.to_ascii_lowercase());
        if found { Ok(()) } else { Err(format!("the upstream should have been sent `{sign}`:\n{seen}")) }
    }
}

/// A module that `make build` or `make bench` has built.
fn wasm(name: &str) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = match std::env::var_os("ENVOY_COGNITO_WASM").filter(|_| name == "envoy_cognito") {
        Some(file) => PathBuf::from(file),
        None => root.join(format!("target/wasm32-wasip1/release/{name}.wasm")),
    };
    if file.is_file() { Ok(file) } else { Err(format!("{} isn't built: run `make bench`", file.display())) }
}

/// A dynamic module that `make bench` has built.
fn native(name: &str) -> Result<PathBuf, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/native/lib{name}.so"));
    if file.is_file() { Ok(file) } else { Err(format!("{} isn't built: run `make bench`", file.display())) }
}

/// The configuration of this filter at the stand-in.
pub fn filter_config(domain: &str, idp: &str, more: &Value) -> Value {
    let mut config = json!({
        "user_pool_id": POOL,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "domain": domain.trim_start_matches("http://"),
        "public_url": ORIGIN,
        "endpoints": {
            "issuer": format!("{idp}/{POOL}"),
            "authorize": format!("{domain}/oauth2/authorize"),
            "token": format!("{domain}/oauth2/token"),
            "userinfo": format!("{domain}/oauth2/userInfo"),
            "revoke": format!("{domain}/oauth2/revoke"),
            "logout": format!("{domain}/logout"),
            "api": idp,
        },
        "session": { "keys": [SESSION_KEY] },
        "rules": [
            { "path": "/public/**", "allow": "everyone" },
            { "path": "/admin/**", "roles_any": ["authp/admin"] },
            { "path": "/finance/**", "roles_any": ["finance"] },
            { "path": "/api/**", "unauthenticated": "reject" },
        ],
    });
    if let (Some(config), Some(more)) = (config.as_object_mut(), more.as_object()) {
        config.extend(more.clone());
    }
    config
}

fn pool() -> Pool {
    let client = Client {
        secret: Some(SECRET.to_owned()),
        callback_urls: vec![format!("{ORIGIN}/.auth/callback"), format!("{ORIGIN}/callback")],
        logout_urls: vec![format!("{ORIGIN}/.auth/signed-out")],
        ..Client::new(CLIENT)
    };
    let user = User::new(USER, PASSWORD)
        .with("name", "John Smith")
        .with("email", "jsmith@example.com")
        .with("email_verified", "true")
        .with("custom:roles", "authp/admin|authp/user")
        .with("custom:timezone", "America/New_York");
    Pool { clients: vec![client], users: vec![user], ..Pool::new(POOL) }
}
