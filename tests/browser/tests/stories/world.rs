//! What all tests share: one stand-in, one sample app, one Envoy and one browser. Every test has its own *site*,
//! with its own listener, user pool and app client, and its own profile.
//!
//! The browser sees three parties: the app's sites, `https://<name>.example.test`; Cognito's domain,
//! `https://login.example-cognito.test`; and `https://www.foreign.test`, which belongs to neither.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use crate::aged::aged;
use crate::artifact::filter;
use browser::{ACCESS_LOG_FORMAT, Browser, Certificate, Engine, Profile, Surroundings};
use rig::{Bootstrap, Envoy, Filter, Listener, Options, Scratch, Tls, free_ports};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Client, Config, Pool, Rotation, StandIn, User};

pub const USER: &str = "jsmith";
pub const PASSWORD: &str = "The@Password";
pub const COGNITO: &str = "https://login.example-cognito.test";
pub const FOREIGN: &str = "https://www.foreign.test";
/// A sign-in page that may be shown in frames, as Cognito's may not.
pub const FRAMABLE: &str = "https://login.framable.test";
/// Another name of the site that is called `names`.
pub const OTHER_NAME: &str = "https://also-names.example.test";

/// A builder for a site.
struct Plan {
    name: &'static str,
    /// Merged into the filter's configuration, one level deep.
    config: Value,
    /// The lifetime of tokens.
    token_seconds: u64,
    alpn: &'static [&'static str],
    /// Whether its sign-in page may be shown in frames.
    framable: bool,
}

const H2: &[&str] = &["h2", "http/1.1"];

/// All sites. The name is the host's first label and the client's id.
fn plans() -> Vec<Plan> {
    let plan = |name| Plan { name, config: json!({}), token_seconds: 3600, alpn: H2, framable: false };
    let strict = json!({ "session": { "keys": [KEY], "cookie": { "same_site": "strict" } } });
    let outage = json!({ "session": { "keys": [KEY], "stale_if_error": "1s" } });
    let of_all_sites = json!({ "session": { "keys": [KEY], "cookie": { "same_site": "none" } } });
    let mut partitioned = of_all_sites.clone();
    partitioned["session"]["cookie"]["partitioned"] = json!(true);
    let claims = json!({ "headers": { "claims": { "x-auth-timezone": "custom:timezone" } } });
    vec![
        plan("signin"),
        plan("tabs"),
        plan("signout"),
        plan("scripted"),
        plan("back"),
        plan("sites"),
        plan("forms"),
        Plan { config: json!({ "pages": { "keep_form": true } }), ..plan("kept") },
        plan("keyboard"),
        Plan { config: public("names"), ..plan("names") },
        Plan { config: public("rewritten"), ..plan("rewritten") },
        // Browsers open several connections for HTTP/1.1, which Envoy spreads over its workers.
        Plan { alpn: &["http/1.1"], ..plan("refresh") },
        Plan { config: strict, ..plan("strict") },
        Plan { config: claims, ..plan("pages") },
        Plan { config: branded(), ..plan("branded") },
        plan("chooser"),
        plan("long"),
        plan("refused"),
        plan("heavy"),
        plan("down"),
        Plan { config: outage, token_seconds: 3, ..plan("outage") },
        plan("worker"),
        Plan { config: of_all_sites, ..plan("embedded") },
        Plan { config: partitioned.clone(), ..plan("refusing") },
        Plan { config: partitioned, framable: true, ..plan("framed") },
    ]
}

const KEY: &str = "${SESSION_KEY}";
/// Base64 of 32 bytes.
const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const CLIENT_SECRET: &str = "top+secret/of=the-client";

pub struct World {
    pub cognito: StandIn,
    pub app: SampleApp,
    _framable: StandIn,
    _envoy: Envoy,
    browser: Browser,
    _scratch: Scratch,
}

/// The world, made on first use. It ends with the process.
pub fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::new);
    &WORLD
}

impl World {
    fn new() -> Self {
        let engine = Engine::chosen();
        let program = engine.find().unwrap_or_else(|why| panic!("{why}"));
        let scratch = Scratch::new().expect("a folder for temporary files");
        let access_log = scratch.path().join("access.log");
        let plans = plans();
        let domain_url = Some(COGNITO.to_owned());
        let pools = |framable| plans.iter().filter(|plan| plan.framable == framable).map(pool).collect();
        let cognito = Config { domain_url, ..Config::new(pools(false)) };
        let cognito = StandIn::start(cognito).expect("a stand-in");
        let domain_url = Some(FRAMABLE.to_owned());
        let framable = Config { domain_url, framable: true, ..Config::new(pools(true)) };
        let framable = StandIn::start(framable).expect("a stand-in");
        let app = SampleApp::start().expect("a sample app");
        let host = |url: &str| url.trim_start_matches("https://").to_owned();
        let others = [host(COGNITO), host(FOREIGN), host(FRAMABLE)];
        let names: Vec<&str> = others.iter().map(String::as_str).chain(["*.example.test"]).collect();
        let certificate = Certificate::for_names(&names);
        let ports = free_ports(plans.len() + 4);
        let mut bootstrap = Bootstrap::new(ports[0], filter())
            .cluster("app", app.addr())
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr())
            .cluster("framable_domain", framable.domain_addr())
            .cluster("framable_idp", framable.idp_addr())
            .listener(login("cognito_domain", ports[1], &certificate))
            .listener(foreign(ports[2], &certificate))
            .listener(login("framable_domain", ports[3], &certificate));
        let mut hosts: Vec<_> = others.into_iter().zip(ports[1..4].iter().map(|port| local(*port))).collect();
        for (plan, port) in plans.into_iter().zip(&ports[4..]) {
            hosts.push((format!("{}.example.test", plan.name), local(*port)));
            if plan.name == "names" {
                hosts.push((OTHER_NAME.trim_start_matches("https://").to_owned(), local(*port)));
            }
            let cognito = if plan.framable { &framable } else { &cognito };
            bootstrap = bootstrap.listener(listener(plan, *port, &certificate, cognito));
        }
        let mut bootstrap = bootstrap.to_json();
        if engine == Engine::WebKit {
            log_requests(&mut bootstrap, &access_log);
        }
        let _envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        let around = Surroundings { hosts: &hosts, spki: &certificate.spki, access_log: &access_log };
        let browser = Browser::start(engine, &program, around);
        Self { cognito, app, _framable: framable, _envoy, browser, _scratch: scratch }
    }

    /// An identity cookie's value as if its session were that much older.
    pub fn aged(&self, site: &str, identity: &str, by: Duration) -> String {
        let plan = plans().into_iter().find(|plan| plan.name == site).expect("a site");
        aged(&config(&plan, &self.cognito), SESSION_KEY, &format!("{site}.example.test"), identity, by)
    }

    /// An empty profile.
    pub fn profile(&self) -> Profile<'_> {
        self.browser.profile()
    }
}

/// Has each listener write its requests to this file.
fn log_requests(bootstrap: &mut Value, file: &Path) {
    let log = json!([{ "name": "requests", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": file, "log_format": { "text_format_source": { "inline_string": ACCESS_LOG_FORMAT } },
    }}]);
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().into_iter().flatten() {
        listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"] = log.clone();
    }
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn tls(certificate: &Certificate, alpn: &[&str]) -> Option<Tls> {
    let (certificate, key) = (certificate.pem.clone(), certificate.key_pem.clone());
    Some(Tls { certificate, key, alpn: alpn.iter().map(ToString::to_string).collect() })
}

/// Ends TLS for a stand-in's domain, which is a cluster.
fn login(domain: &str, port: u16, certificate: &Certificate) -> Listener {
    Listener {
        name: domain.to_owned(),
        tls: tls(certificate, H2),
        ..Listener::new(port, Filter::None).upstream(domain)
    }
}

/// An empty page, which tests fill.
fn foreign(port: u16, certificate: &Certificate) -> Listener {
    let route =
        page_route("/", "<!doctype html><html lang=\"en\"><title>Foreign</title><body>A foreign site.");
    let routes = json!({ "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] });
    Listener {
        name: "foreign".to_owned(),
        tls: tls(certificate, H2),
        manager_overrides: json!({ "route_config": routes }),
        ..Listener::new(port, Filter::None)
    }
}

/// A route that Envoy answers with a page itself. Nothing is said about caching, as most apps do.
fn page_route(path: &str, html: &str) -> Value {
    json!({
        "match": if path == "/" { json!({ "prefix": path }) } else { json!({ "path": path }) },
        "direct_response": { "status": 200, "body": { "inline_string": html } },
        "response_headers_to_add": [{
            "header": { "key": "content-type", "value": "text/html; charset=utf-8" },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
    })
}

/// A site that responds with its own name.
fn public(name: &str) -> Value {
    json!({ "public_url": format!("https://{name}.example.test") })
}

/// Rewrites `Host`, as a proxy in front may do.
fn rewriting() -> Value {
    let code =
        "function envoy_on_request(handle)\nhandle:headers():replace(':authority', 'inner.internal')\nend";
    json!({ "name": "rewriting", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": { "inline_string": code },
    }})
}

/// A company's own design.
fn branded() -> Value {
    let logo = "/public/logo.svg";
    json!({
        "pages": { "title": "Example Reports", "logo": logo, "accent": "#7b1e3b", "passkeys": true },
        "headers": { "claims": { "x-auth-timezone": "custom:timezone" } },
    })
}

/// The same pool twice, shown to people as two pools.
fn choose(config: &mut Value) {
    let settings = config.as_object_mut().expect("an object");
    let keys = ["user_pool_id", "client_id", "client_secret", "domain", "endpoints"];
    let pool: serde_json::Map<String, Value> =
        keys.iter().filter_map(|key| settings.remove_entry(*key)).collect();
    let named = |name: &str, label: &str| {
        let mut pool = pool.clone();
        pool.insert("name".to_owned(), json!(name));
        pool.insert("label".to_owned(), json!(label));
        pool
    };
    config["pools"] = json!([named("us", "AWS Cognito US"), named("eu", "AWS Cognito EU")]);
}

const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\">\
    <rect width=\"32\" height=\"32\" rx=\"8\" fill=\"#7b1e3b\"/>\
    <path d=\"M9 22V10h8a4 4 0 010 8h-4v4z\" fill=\"#fff\"/></svg>";

/// A site of the app: behind the filter, its form, an address with nothing to show, and the sample
/// app for everything else.
fn listener(plan: Plan, port: u16, certificate: &Certificate, cognito: &StandIn) -> Listener {
    let config = config(&plan, cognito);
    let to_app = json!({ "match": { "prefix": "/" }, "route": { "cluster": "app", "timeout": "60s" } });
    let nothing = json!({ "match": { "path": "/nothing" }, "direct_response": { "status": 204 } });
    let mut logo = page_route("/public/logo.svg", LOGO);
    logo["response_headers_to_add"][0]["header"]["value"] = json!("image/svg+xml");
    let mut worker = page_route("/public/worker.js", include_str!("worker.js"));
    worker["response_headers_to_add"][0]["header"]["value"] = json!("text/javascript");
    let scope = json!({ "header": { "key": "service-worker-allowed", "value": "/" } });
    worker["response_headers_to_add"].as_array_mut().expect("a list").push(scope);
    let leaves = json!({ "match": { "path": "/leaves" }, "redirect": {
        "host_redirect": FOREIGN.trim_start_matches("https://"), "path_redirect": "/", "response_code": "SEE_OTHER",
    }});
    let routes = json!([page_route("/form", FORM), logo, worker, nothing, leaves, to_app]);
    let routes = json!({ "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] });
    Listener {
        name: plan.name.to_owned(),
        tls: tls(certificate, plan.alpn),
        manager_overrides: json!({ "route_config": routes }),
        // Of the sites, only one keeps forms.
        plugin_overrides: json!({ "allow_on_headers_stop_iteration": plan.name == "kept" }),
        filters_before: if plan.name == "rewritten" { vec![rewriting()] } else { Vec::new() },
        ..Listener::new(port, Filter::Json(config)).env("SESSION_KEY", SESSION_KEY)
    }
}

/// The filter's configuration.
fn config(plan: &Plan, cognito: &StandIn) -> Value {
    let mut config = json!({
        "user_pool_id": pool_id(plan.name),
        "client_id": plan.name,
        "client_secret": CLIENT_SECRET,
        "domain": COGNITO.trim_start_matches("https://"),
        "endpoints": { "issuer": cognito.issuer(&pool_id(plan.name)) },
        "session": { "keys": [KEY] },
        "rules": [
            { "path": "/public/**", "allow": "everyone" },
            { "path": "/internal/**", "allow": "nobody" },
            { "path": "/finance/**", "roles_any": ["finance"] },
            { "path": "/payroll/**", "acr_any": ["urn:cognito:loa:4"] },
        ],
    });
    if plan.framable {
        config["domain"] = json!(FRAMABLE.trim_start_matches("https://"));
        config["clusters"] = json!({ "domain": "framable_domain", "idp": "framable_idp" });
    }
    if plan.name == "chooser" {
        choose(&mut config);
    }
    for (name, value) in plan.config.as_object().expect("an object") {
        config[name] = value.clone();
    }
    config
}

const FORM: &str = "<!doctype html><html lang=\"en\"><title>Form</title>\
    <form method=\"post\" action=\"/orders?step=2\">\
    <textarea name=\"text\" autofocus></textarea><button>Send</button></form>";

pub fn pool_id(name: &str) -> String {
    format!("us-east-1_{name}")
}

fn pool(plan: &Plan) -> Pool {
    let origin = format!("https://{}.example.test", plan.name);
    let client = Client {
        secret: Some(CLIENT_SECRET.to_owned()),
        callback_urls: vec![format!("{origin}/.auth/callback")],
        logout_urls: vec![format!("{origin}/.auth/signed-out")],
        id_token_seconds: plan.token_seconds,
        access_token_seconds: plan.token_seconds,
        rotation: Some(Rotation { grace_seconds: 0 }),
        ..Client::new(plan.name)
    };
    let user = User::new(USER, PASSWORD)
        .with("name", "John Smith")
        .with("email", "jsmith@example.com")
        .with("email_verified", "true")
        .with("custom:roles", "authp/admin|authp/user")
        .with("custom:timezone", "America/New_York");
    Pool { clients: vec![client], users: vec![user], ..Pool::new(pool_id(plan.name)) }
}
