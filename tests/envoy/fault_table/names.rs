//! Names that don't resolve: a name server of the test's own, which can fail.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rig::{Envoy, Options};
use serde_json::{Value, json};

use super::stage::{Seen, Stage};
use crate::bearer::with;
use crate::world::merged;

/// Says that every name is 127.0.0.1, for a second; or, when it fails, that it can't tell.
struct NameServer {
    addr: SocketAddr,
    fails: Arc<AtomicBool>,
}

impl NameServer {
    /// Its thread ends with the process.
    fn start(fails: bool) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let addr = socket.local_addr().expect("an address");
        let fails = Arc::new(AtomicBool::new(fails));
        let failing = Arc::clone(&fails);
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let answer = reply(&query[..length], failing.load(Ordering::SeqCst));
                let _ = socket.send_to(&answer, from);
            }
        });
        Self { addr, fails }
    }

    fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
}

/// RFC 1035, section 4: the header, the question as it came, and one address.
fn reply(query: &[u8], fails: bool) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).expect("the end of a name");
    let question = &query[12..12 + name + 5];
    let wants_address = question[name + 1..name + 3] == [0, 1];
    let (status, answers) = if fails { (2, 0) } else { (0, u8::from(wants_address)) };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | status, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(question);
    if answers == 1 {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    reply
}

/// Puts an Envoy in the place of the stage's that finds Cognito's hosts by name, in both of the ways it has.
fn by_name(stage: &mut Stage, server: &NameServer) {
    let mut bootstrap = stage.own.bootstrap(0, &Value::Null).to_json();
    for cluster in bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters") {
        let kind = match cluster["name"].as_str() {
            Some("cognito_domain") => "LOGICAL_DNS",
            Some("cognito_idp") => "STRICT_DNS",
            _ => continue,
        };
        let host = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address";
        *cluster.pointer_mut(host).expect("a host") = json!("cognito.test");
        *cluster = merged(cluster.take(), lookup(kind, server.addr));
    }
    stage.own.envoys.clear();
    stage.own.envoys.push(Envoy::start(&bootstrap.to_string(), &Options::default()));
}

fn lookup(kind: &str, server: SocketAddr) -> Value {
    let resolver =
        json!({ "socket_address": { "address": server.ip().to_string(), "port_value": server.port() } });
    json!({
        "type": kind,
        "dns_lookup_family": "V4_ONLY",
        "dns_refresh_rate": "0.2s",
        "dns_failure_refresh_rate": { "base_interval": "0.2s", "max_interval": "0.2s" },
        "typed_dns_resolver_config": {
            "name": "envoy.network.dns_resolver.cares",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                "resolvers": [resolver],
                "dns_resolver_options": { "no_default_search_domain": true },
            },
        },
    })
}

/// Waits until Envoy has noticed, of each cluster.
fn until_lookups(stage: &Stage, outcome: &str) {
    for cluster in ["cognito_domain", "cognito_idp"] {
        let stat = format!("cluster.{cluster}.{outcome}");
        let before = stage.own.envoys[0].stat(&stat);
        let noticed =
            rig::eventually(rig::PATIENCE, || (stage.own.envoys[0].stat(&stat) >= before + 2).then_some(()));
        assert!(noticed.is_some(), "{stat}");
    }
}

pub fn gone_later() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let server = NameServer::start(false);
    by_name(&mut stage, &server);
    assert_eq!(stage.own.send(0, with(&stage.token, "/json")).status, 200, "the names are known");
    server.fail(true);
    until_lookups(&stage, "update_failure");
    let seen = stage.seen();
    stage.check_recovery();
    seen
}

pub fn gone_from_the_start() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let server = NameServer::start(true);
    by_name(&mut stage, &server);
    let seen = stage.seen();
    server.fail(false);
    until_lookups(&stage, "update_success");
    stage.check_recovery();
    seen
}
