//! A separate Envoy for tests that would disturb others, for example with a Cognito that stops, more workers, or a
//! second Envoy.

use std::net::SocketAddr;
use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, Response, free_ports};
use sample_app::SampleApp;
use serde_json::Value;
use stand_in::{Client, Config, StandIn};

use crate::aged::{age, aged_header};
use crate::world::{PASSWORD, SESSION_KEY, USER, config_at, filter, merged, pool};

pub const NAME: &str = "own";
pub const HOST: &str = "own.example.test";
pub const ORIGIN: &str = "https://own.example.test";

/// The properties of a test's own Envoys.
pub struct Wish {
    /// Merged into the filter's configuration.
    pub config: Value,
    /// Changes the app client.
    pub client: fn(&mut Client),
    pub workers: u32,
    pub envoys: usize,
    /// Whether Cognito is running from the start.
    pub cognito: bool,
    /// Replaces the sample app.
    pub upstream: Option<SocketAddr>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            config: serde_json::json!({}),
            client: |_| {},
            workers: 2,
            envoys: 1,
            cognito: true,
            upstream: None,
        }
    }
}

pub struct Own {
    pub envoys: Vec<Envoy>,
    pub app: SampleApp,
    pub cognito: Option<StandIn>,
    wish: Wish,
    ports: Vec<u16>,
    domain: u16,
    idp: u16,
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

impl Own {
    pub fn new(wish: Wish) -> Self {
        let ports = free_ports(wish.envoys.max(1) + 2);
        let (domain, idp) = (ports[0], ports[1]);
        let app = SampleApp::start().expect("a sample app");
        let cognito = None;
        let mut own =
            Self { envoys: Vec::new(), app, cognito, wish, ports: ports[2..].to_vec(), domain, idp };
        if own.wish.cognito {
            own.start_cognito();
        }
        own.envoys = (0..own.wish.envoys).map(|index| own.envoy(index, &Value::Null)).collect();
        own
    }

    /// Starts the stand-in, with an empty state.
    pub fn start_cognito(&mut self) {
        let mut pool = pool(NAME, false);
        (self.wish.client)(&mut pool.clients[0]);
        let config = Config::new(vec![pool]);
        let cognito = StandIn::start_at(config, local(self.domain), local(self.idp));
        self.cognito = Some(cognito.expect("a stand-in"));
    }

    /// The filter's configuration, with these changes.
    pub fn config(&self, more: &Value) -> Value {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let config = merged(config_at(NAME, &url(self.domain), &url(self.idp)), self.wish.config.clone());
        if more.is_null() { config } else { merged(config, more.clone()) }
    }

    /// The bootstrap of one Envoy.
    pub fn bootstrap(&self, index: usize, more: &Value) -> Bootstrap {
        let config = self.config(more);
        Bootstrap::new(free_ports(1)[0], filter())
            .cluster("app", self.wish.upstream.unwrap_or_else(|| self.app.addr()))
            .cluster("cognito_domain", local(self.domain))
            .cluster("cognito_idp", local(self.idp))
            .listener(Listener::new(self.ports[index], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY))
    }

    fn envoy(&self, index: usize, more: &Value) -> Envoy {
        let options = Options::default().concurrency(self.wish.workers);
        Envoy::start(&self.bootstrap(index, more).to_string(), &options)
    }

    /// Stops an Envoy and starts another in its place, with these changes to its configuration.
    pub fn restart(&mut self, index: usize, more: &Value) {
        self.envoys.remove(index).stop();
        let envoy = self.envoy(index, more);
        self.envoys.insert(index, envoy);
    }

    pub fn cognito(&self) -> &StandIn {
        self.cognito.as_ref().expect("Cognito is up")
    }

    pub fn addr(&self, index: usize) -> SocketAddr {
        local(self.ports[index])
    }

    pub fn url(&self, path: &str) -> String {
        format!("{ORIGIN}{path}")
    }

    /// A browser that reaches the first Envoy.
    pub fn browser(&self) -> Browser {
        Browser::new().route(ORIGIN, self.addr(0))
    }

    /// A browser with John Smith's session.
    pub fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        let visit = browser.sign_in(&self.url("/"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.envoys[0].log());
        browser
    }

    /// Makes a browser's session older by this time: see [`crate::aged`].
    pub fn age(&self, browser: &mut Browser, by: Duration) {
        age(&self.config(&Value::Null), HOST, browser, by);
    }

    /// The same for a `cookie` header.
    pub fn aged(&self, cookies: &str, by: Duration) -> String {
        aged_header(&self.config(&Value::Null), HOST, cookies, by)
    }

    /// Sends a request unchanged to one Envoy.
    pub fn send(&self, index: usize, request: RawRequest) -> Response {
        rig::send(self.addr(index), &request.host(HOST)).expect("an answer")
    }
}

/// Real time must pass: Envoy's clock can't be moved.
pub fn wait(duration: Duration) {
    std::thread::sleep(duration);
}
