//! Requests with bodies that wait, and an upstream that records what it receives. For the wasm filter: listeners with
//! and without Envoy's `allow_on_headers_stop_iteration`, each with the module from `make build` and with the one that
//! cargo builds. The native module knows no such differences.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, free_ports};
use serde_json::json;
use stand_in::{Config, Endpoint, Fault, StandIn, Times};

use crate::aged::{OVER, aged_header};
use crate::odd::odd;
use crate::world::{PASSWORD, SESSION_KEY, USER, config_at, filter, is_native, merged, pool, pool_id, wasm};

/// What a request waits for.
pub const WAYS: [&str; 5] = ["kid", "keys", "refresh", "over", "callback"];

/// How a module is run; the names are those of the listeners' kinds.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// Envoy's `PluginConfig.allow_on_headers_stop_iteration`.
    allow: bool,
    /// Whether the module is the one that cargo builds, before `make build` removes unneeded callbacks.
    pub is_whole: bool,
}

/// How the tested artifact is run.
pub fn kinds() -> &'static [Kind] {
    if is_native() { &[Kind { name: "native", allow: false, is_whole: false }] } else { &WASM_KINDS }
}

const WASM_KINDS: [Kind; 4] = [
    Kind { name: "default", allow: false, is_whole: false },
    Kind { name: "allowed", allow: true, is_whole: false },
    Kind { name: "whole", allow: false, is_whole: true },
    Kind { name: "whole-allowed", allow: true, is_whole: true },
];

/// The module from cargo, next to the finished one.
fn whole_wasm() -> PathBuf {
    let wasm = wasm();
    wasm.with_file_name("deps").join(wasm.file_name().expect("a name"))
}

fn name(kind: Kind, way: &str) -> String {
    format!("{}-{way}", kind.name)
}

pub struct Lab {
    pub cognito: StandIn,
    pub envoy: Envoy,
    ports: Vec<(String, u16)>,
}

pub fn lab() -> &'static Lab {
    static LAB: LazyLock<Lab> = LazyLock::new(Lab::new);
    &LAB
}

impl Lab {
    fn new() -> Self {
        let sites: Vec<_> = kinds().iter().flat_map(|kind| WAYS.map(|way| (*kind, way))).collect();
        let pools = sites.iter().map(|(kind, way)| pool(&name(*kind, way), false)).collect();
        let cognito = StandIn::start(Config::new(pools)).expect("a stand-in");
        for kind in kinds() {
            cognito.fault(Endpoint::Jwks, &pool_id(&name(*kind, "keys")), Fault::Status(500), Times::Always);
        }
        let free = free_ports(sites.len() + 1);
        let trailers = json!({ "enable_trailers": true });
        let mut upstream = rig::static_cluster("app", odd().addr);
        upstream["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http_protocol_options": trailers },
        }});
        let mut bootstrap = Bootstrap::new(free[0], filter())
            .cluster_json(upstream)
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr());
        let mut ports = Vec::new();
        for ((kind, way), port) in sites.into_iter().zip(&free[1..]) {
            let name = name(kind, way);
            let config = config_at(&name, &cognito.domain_url(), &cognito.idp_url());
            let config = merged(config, json!({ "bearer": { "enabled": true } }));
            let mut listener = Listener::new(*port, Filter::Json(config)).env("SESSION_KEY", SESSION_KEY);
            listener.name.clone_from(&name);
            listener.module = kind.is_whole.then(whole_wasm);
            listener.vm_id = Some(if kind.is_whole { "whole" } else { "trimmed" }.to_owned());
            listener.manager_overrides = json!({ "http_protocol_options": trailers });
            if kind.allow {
                listener.plugin_overrides = json!({ "allow_on_headers_stop_iteration": true });
            }
            bootstrap = bootstrap.listener(listener);
            ports.push((name, *port));
        }
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        Self { cognito, envoy, ports }
    }

    pub fn site(&'static self, kind: Kind, way: &str) -> Site {
        let name = name(kind, way);
        let port = self.ports.iter().find(|(found, _)| *found == name).expect("a site").1;
        Site { lab: self, name, addr: ([127, 0, 0, 1], port).into() }
    }
}

/// One listener.
#[derive(Clone)]
pub struct Site {
    lab: &'static Lab,
    pub name: String,
    pub addr: SocketAddr,
}

impl Site {
    pub fn host(&self) -> String {
        format!("{}.example.test", self.name)
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host())
    }

    pub fn pool_id(&self) -> String {
        pool_id(&self.name)
    }

    pub fn browser(&self) -> Browser {
        Browser::new().route(&self.url(""), self.addr)
    }

    /// The `cookie` header of a session whose tokens have expired.
    pub fn session_over(&self) -> String {
        let mut browser = self.browser();
        let visit = browser.sign_in(&self.url("/"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.lab.envoy.log());
        let cognito = &self.lab.cognito;
        let config = config_at(&self.name, &cognito.domain_url(), &cognito.idp_url());
        aged_header(&config, &self.host(), &browser.cookie_header(&self.url("/")), OVER)
    }

    /// The address of an unvisited callback, with its cookies.
    pub fn callback(&self) -> (String, String) {
        let mut browser = self.browser();
        let start = browser.step(&self.url("/"));
        let callback = crate::world::callback_of(start.location().expect("a location"));
        let target = callback.strip_prefix(&self.url("")).expect("this site").to_owned();
        (target, browser.cookie_header(&self.url("/")))
    }
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// HTTP/1.1 with `Content-Length`.
    Length,
    Chunked,
    /// Chunked, with trailers that imitate identity headers.
    Trailers,
    /// More than Envoy buffers by default.
    Large,
    /// HTTP/2: data in two pieces with a pause between them.
    Http2,
    /// The same with trailers.
    Http2Trailers,
}

pub const SHAPES: [Shape; 6] =
    [Shape::Length, Shape::Chunked, Shape::Trailers, Shape::Large, Shape::Http2, Shape::Http2Trailers];

/// The first and last piece of each body.
pub const BODY: [&str; 2] = ["what-is-first;", "what-is-last"];
const LARGE: usize = 3 << 20;

/// A request whose body is being sent.
pub struct Sent<'a> {
    pub method: &'a str,
    pub target: String,
    /// In addition to the forged identity.
    pub headers: Vec<(&'static str, String)>,
}

/// Sends a request in a shape. Returns the status of its response.
pub fn send(site: &Site, shape: Shape, sent: &Sent<'_>) -> u16 {
    if matches!(shape, Shape::Http2 | Shape::Http2Trailers) {
        return send_http2(site, shape == Shape::Http2Trailers, sent);
    }
    let mut request = RawRequest::new(sent.method, &sent.target).host(&site.host());
    for (name, value) in sent.headers.iter().chain(&made_up()) {
        request = request.header(name, value);
    }
    let request = match shape {
        Shape::Length => request.body(BODY.concat()),
        Shape::Large => request.body([BODY[0], &"x".repeat(LARGE), BODY[1]].concat()),
        Shape::Trailers => {
            let pieces = BODY.map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).concat();
            let trailers = "x-auth-user: root\r\nX_Auth_Roles: root\r\nx-kept: yes\r\n";
            request.header("transfer-encoding", "chunked").body(format!("{pieces}0\r\n{trailers}\r\n"))
        }
        _ => request.chunks(BODY.map(str::as_bytes)),
    };
    rig::send(site.addr, &request).expect("an answer").status
}

fn made_up() -> [(&'static str, String); 2] {
    [("x-auth-user", "root".to_owned()), ("x_auth_roles", "root".to_owned())]
}

fn send_http2(site: &Site, has_trailers: bool, sent: &Sent<'_>) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(site.addr).await.expect("connected");
        let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let request = http::Request::builder().method(sent.method).uri(site.url(&sent.target));
        let headers = sent.headers.iter().chain(&made_up()).cloned().collect::<Vec<_>>();
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, value.as_str()));
        let (response, mut body) =
            client.send_request(request.body(()).expect("a request"), false).expect("sent");
        // The response may come before everything is sent.
        let _ = body.send_data(BODY[0].into(), false);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        std::thread::sleep(Duration::from_millis(50));
        let _ = body.send_data(BODY[1].into(), !has_trailers);
        if has_trailers {
            let mut trailers = http::HeaderMap::new();
            for (name, value) in [("x-auth-user", "root"), ("x_auth_roles", "root"), ("x-kept", "yes")] {
                trailers.insert(name, value.parse().expect("a value"));
            }
            let _ = body.send_trailers(trailers);
        }
        let status = response.await.expect("an answer").status().as_u16();
        connection.abort();
        status
    })
}
