//! What all tests share: one stand-in, one sample app and one Envoy for the whole binary. Every test has its own
//! *site*: a listener with its own configuration, user pool and app client, so that the faults and counts of one test
//! don't affect others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use crate::aged::age;
pub use crate::artifact::{filter, is_native, native, skipped, wasm};
use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, Response, free_ports};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Call, Client, Config, Endpoint, Pool, StandIn, User};

pub const USER: &str = "jsmith";
pub const PASSWORD: &str = "The@Password";
pub const SUBJECT: &str = "55ddc31e-b818-4136-8fb8-84cfb31af537";
/// Base64 of 32 bytes.
pub const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub const CLIENT_SECRET: &str = "top+secret/of=the-client";

/// The plan of a site.
pub struct Plan {
    /// Merged into the filter's configuration; `null` removes a value.
    config: Value,
    /// Whether the configuration is sent as a `google.protobuf.Struct` instead of JSON.
    as_struct: bool,
    deny_foreign_functions: bool,
    public_client: bool,
    /// Changes the user pool at the stand-in; if there are several, each of them.
    at_cognito: fn(&mut Pool),
    /// Several pools, by name, with additional settings for each in the filter's configuration.
    pools: Vec<(&'static str, Value)>,
    /// Changes the listener around the filter.
    listener: fn(&mut Listener),
}

pub fn plan(config: Value) -> Plan {
    Plan {
        config,
        as_struct: false,
        deny_foreign_functions: false,
        public_client: false,
        at_cognito: |_| {},
        pools: Vec::new(),
        listener: |_| {},
    }
}

/// All sites, by name. The name is the host's first label, the client's id and part of the pool's id. The sites of
/// larger groups of tests are defined before their tests.
fn plans() -> BTreeMap<&'static str, Plan> {
    let rules = json!([
        { "path": "/public/**", "allow": "everyone" },
        { "path": "/hello", "allow": "optional" },
        { "path": "/internal/**", "allow": "nobody" },
    ]);
    let mut plans = BTreeMap::new();
    for name in [
        "signin",
        "attacks",
        "victims",
        "signout",
        "callback",
        "faults",
        "tokens",
        "rotated",
        "unknownkid",
        "burst",
        "tabs",
        "large",
        "leaves",
        "longtokens",
    ] {
        plans.insert(name, plan(json!({ "rules": rules })));
    }
    plans.insert("struct", Plan { as_struct: true, ..plan(json!({ "rules": rules })) });
    plans.insert("portable", Plan { deny_foreign_functions: true, ..plan(json!({})) });
    plans.insert("public-client", Plan { public_client: true, ..plan(json!({ "client_secret": null })) });
    plans.insert("slow", plan(json!({ "timeouts": { "token": "2s" } })));
    plans.insert("strict", plan(json!({ "session": { "cookie": { "same_site": "strict" } } })));
    plans.insert("domain", plan(json!({ "session": { "cookie": { "domain": "example.test" } } })));
    plans.insert("proto", plan(json!({ "public_url": null })));
    plans.insert("lifetime", plan(json!({ "session": { "lifetime": "2h" } })));
    plans
        .insert("claims", plan(json!({ "headers": { "claims": { "x-auth-timezone": "custom:timezone" } } })));
    plans.insert(
        "params",
        plan(json!({
            "authorize_params": { "identity_provider": "COGNITO", "lang": "de" },
            "scopes": ["openid", "email", "profile"],
        })),
    );
    plans.insert("no-cluster", plan(json!({ "clusters": { "domain": "nowhere", "idp": "nowhere" } })));
    for (name, plan) in [
        crate::addresses::sites(),
        crate::roles::sites(),
        crate::attributes::sites(),
        crate::rules::sites(),
        crate::step_up::sites(),
        crate::preflight::sites(),
        crate::bearer::sites(),
        crate::links::sites(),
        crate::resources::sites(),
        crate::pools::sites(),
        crate::pages::sites(),
        crate::claims::sites(),
        crate::templates::sites(),
        crate::kept_form::sites(),
        crate::cases_clusters::sites(),
        crate::cases_faults::sites(),
        crate::cases_keys::sites(),
        crate::cases_paths::sites(),
        crate::cases_proxy::sites(),
        crate::cases_wire::sites(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(plans.insert(name, plan).is_none(), "two sites are called {name}");
    }
    plans
}

impl Plan {
    pub fn at_cognito(self, change: fn(&mut Pool)) -> Self {
        Self { at_cognito: change, ..self }
    }

    pub fn listener(self, change: fn(&mut Listener)) -> Self {
        Self { listener: change, ..self }
    }

    /// A host that can't verify signatures.
    pub fn portable(self) -> Self {
        Self { deny_foreign_functions: true, ..self }
    }

    pub fn pools(self, pools: Vec<(&'static str, Value)>) -> Self {
        Self { pools, ..self }
    }

    /// The user pools of this site. If there are several, their names combine the site's name and their own.
    fn user_pools(&self, site: &str) -> Vec<Pool> {
        let mut pools = match self.pools.as_slice() {
            [] => vec![pool(site, self.public_client)],
            several => several.iter().map(|(name, _)| pool(&format!("{site}-{name}"), false)).collect(),
        };
        pools.iter_mut().for_each(self.at_cognito);
        pools
    }

    /// The filter's configuration.
    fn config(&self, site: &str, cognito: &StandIn) -> Value {
        let (domain, idp) = (cognito.domain_url(), cognito.idp_url());
        if self.pools.is_empty() {
            return merged(config_at(site, &domain, &idp), self.config.clone());
        }
        let pool = |(name, more): &(&str, Value)| {
            let own = merged(pool_config(&format!("{site}-{name}"), &domain, &idp), more.clone());
            merged(own, json!({ "name": name }))
        };
        let pools: Vec<Value> = self.pools.iter().map(pool).collect();
        let flat = json!({ "pools": pools, "session": { "keys": ["${SESSION_KEY}"] } });
        merged(flat, self.config.clone())
    }
}

pub struct World {
    pub cognito: StandIn,
    pub app: SampleApp,
    pub envoy: Envoy,
    ports: BTreeMap<&'static str, u16>,
}

/// The world, created at first use. It ends with the process, however that ends.
pub fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::new);
    &WORLD
}

impl World {
    fn new() -> Self {
        let plans = plans();
        let cognito = StandIn::start(Config::new(
            plans.iter().flat_map(|(name, plan)| plan.user_pools(name)).collect(),
        ))
        .expect("a stand-in");
        let app = SampleApp::start().expect("a sample app");
        let free = free_ports(plans.len() + 1);
        let mut bootstrap = Bootstrap::new(free[0], filter())
            .cluster("app", app.addr())
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr());
        for cluster in crate::cases_faults::clusters(&cognito) {
            bootstrap = bootstrap.cluster_json(cluster);
        }
        let mut ports = BTreeMap::new();
        for ((name, plan), port) in plans.into_iter().zip(&free[1..]) {
            bootstrap = bootstrap.listener(listener(name, plan, *port, &cognito));
            ports.insert(name, *port);
        }
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        Self { cognito, app, envoy, ports }
    }

    pub fn site(&'static self, name: &'static str) -> Site {
        let port = *self.ports.get(name).unwrap_or_else(|| panic!("no site is called {name}"));
        Site { world: self, name, addr: ([127, 0, 0, 1], port).into() }
    }
}

fn listener(name: &'static str, plan: Plan, port: u16, cognito: &StandIn) -> Listener {
    let (config, change) = (plan.config(name, cognito), plan.listener);
    let filter = if plan.as_struct { Filter::Struct(config) } else { Filter::Json(config) };
    let mut listener = Listener::new(port, filter).env("SESSION_KEY", SESSION_KEY);
    listener.name = name.to_owned();
    listener.deny_foreign_functions = plan.deny_foreign_functions;
    change(&mut listener);
    listener
}

/// The default configuration of sites.
pub fn config_at(name: &str, domain: &str, idp: &str) -> Value {
    let more = json!({
        "public_url": format!("https://{name}.example.test"),
        "session": { "keys": ["${SESSION_KEY}"] },
        // On a busy machine, everything that isn't deliberately delayed is still in time.
        "timeouts": { "token": "60s", "jwks": "60s", "userinfo": "60s", "revoke": "60s" },
    });
    merged(pool_config(name, domain, idp), more)
}

/// The settings for a user pool.
fn pool_config(name: &str, domain: &str, idp: &str) -> Value {
    json!({
        "user_pool_id": pool_id(name),
        "client_id": name,
        "client_secret": CLIENT_SECRET,
        "domain": domain.trim_start_matches("http://"),
        "endpoints": {
            "issuer": format!("{idp}/{}", pool_id(name)),
            "authorize": format!("{domain}/oauth2/authorize"),
            "token": format!("{domain}/oauth2/token"),
            "userinfo": format!("{domain}/oauth2/userInfo"),
            "revoke": format!("{domain}/oauth2/revoke"),
            "logout": format!("{domain}/logout"),
            "api": idp,
        },
    })
}

pub fn pool(name: &str, public_client: bool) -> Pool {
    let origin = format!("https://{name}.example.test");
    let client = Client {
        secret: (!public_client).then(|| CLIENT_SECRET.to_owned()),
        callback_urls: vec![format!("{origin}/.auth/callback")],
        logout_urls: vec![format!("{origin}/.auth/signed-out")],
        refresh_token_bytes: if name == "longtokens" { 4200 } else { 1800 },
        ..Client::new(name)
    };
    let user = User { sub: SUBJECT.to_owned(), ..User::new(USER, PASSWORD) }
        .with("name", "John Smith")
        .with("email", "jsmith@example.com")
        .with("email_verified", "true")
        .with("custom:roles", "authp/admin|authp/user")
        .with("custom:timezone", "America/New_York");
    Pool { clients: vec![client], users: vec![user], ..Pool::new(pool_id(name)) }
}

pub fn pool_id(name: &str) -> String {
    format!("us-east-1_{}", name.replace('-', ""))
}

/// Before Envoy 1.39, the native module can only change metrics during a request of the same worker. These are for all
/// workers, and count nothing themselves.
pub fn pass_on_metrics(addr: SocketAddr) {
    if is_native() && Envoy::version() < (1, 39) {
        for _ in 0..12 {
            let _ = rig::send(addr, &RawRequest::get("/a%c0%ae").host("any.example.test"));
        }
    }
}

/// Objects are merged key by key; `null` removes a value.
pub fn merged(mut into: Value, from: Value) -> Value {
    match (&mut into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    let old = into.remove(&key).unwrap_or(Value::Null);
                    into.insert(key, merged(old, value));
                }
            }
        }
        (into, from) => *into = from,
    }
    into
}

/// One listener, as its tests use it.
#[derive(Clone, Copy)]
pub struct Site {
    pub world: &'static World,
    pub name: &'static str,
    pub addr: SocketAddr,
}

impl Site {
    pub fn origin(&self) -> String {
        format!("https://{}.example.test", self.name)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// A browser that can reach the site.
    pub fn browser(&self) -> Browser {
        Browser::new().route(&self.origin(), self.addr)
    }

    /// A browser with John Smith's session.
    pub fn signed_in(&self) -> Browser {
        self.signed_in_as(USER)
    }

    /// A browser with the session of another person of the pool. All have the same password.
    pub fn signed_in_as(&self, username: &str) -> Browser {
        let mut browser = self.browser();
        let visit = browser.sign_in(&self.url("/"), username, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.world.envoy.log());
        browser
    }

    /// Makes a browser's session older by this time: see [`crate::aged`].
    pub fn age(&self, browser: &mut Browser, by: Duration) {
        let cognito = &self.world.cognito;
        let config = config_at(self.name, &cognito.domain_url(), &cognito.idp_url());
        age(&config, &format!("{}.example.test", self.name), browser, by);
    }

    /// What the app receives when this browser requests a page.
    pub fn seen_from(&self, browser: &mut Browser) -> Value {
        let response = browser.fetch(&self.url("/json"));
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    /// Sends a request unchanged, with this site's host.
    pub fn send(&self, request: RawRequest) -> Response {
        let host = format!("{}.example.test", self.name);
        rig::send(self.addr, &request.host(&host)).expect("an answer")
    }

    pub fn get(&self, target: &str) -> Response {
        self.send(RawRequest::get(target))
    }

    /// A navigation without a session, without following it.
    pub fn navigate(&self, target: &str) -> Response {
        self.send(RawRequest::get(target).header("sec-fetch-mode", "navigate"))
    }

    pub fn calls(&self, endpoint: Endpoint) -> Vec<Call> {
        self.world.cognito.calls(endpoint, self.name)
    }
}

/// Signs John Smith in on the sign-in page of `authorize`. Returns the URL that Cognito then redirects to, which
/// nobody visits.
pub fn callback_of(authorize: &str) -> String {
    let mut at_cognito = Browser::new();
    let login = at_cognito.navigate(authorize);
    let form = rig::Form::all(&login.text()).into_iter().next().expect("a form");
    let fields: Vec<(&str, &str)> = form
        .inputs
        .iter()
        .map(|(name, value, _)| match name.as_str() {
            "username" => ("username", USER),
            "password" => ("password", PASSWORD),
            name => (name, value.as_str()),
        })
        .collect();
    let action = url::Url::parse(&login.url).and_then(|base| base.join(&form.action)).expect("an action");
    let submit = rig::Load::form(&login.url, &form.method, action.as_str(), &fields).one_step();
    let answer = at_cognito.load(submit).expect("an answer").response;
    answer.location().unwrap_or_else(|| panic!("no callback: {}", answer.text())).to_owned()
}

/// A header that the sample app received, from its JSON response.
pub fn header<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    let mut values = headers(json, name);
    assert!(values.len() <= 1, "{name} came {} times", values.len());
    values.pop()
}

pub fn headers<'a>(json: &'a Value, name: &str) -> Vec<&'a str> {
    let all = json["headers"].as_array().expect("headers");
    all.iter().filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

/// A query parameter of a URL.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).expect(url);
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
