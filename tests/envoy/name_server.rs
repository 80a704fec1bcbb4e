//! A name server for tests, and the Envoy settings that use it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// How a name server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Every name is 127.0.0.1, for a second.
    Answers,
    /// Every name is 127.0.0.2, for a second.
    Moved,
    /// The server reports a failure.
    Fails,
    /// No response until its mood changes.
    Waits,
}

pub struct NameServer {
    pub addr: SocketAddr,
    mood: Arc<Mutex<Mood>>,
}

impl NameServer {
    /// Its thread ends with the process.
    pub fn start(mood: Mood) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let addr = socket.local_addr().expect("an address");
        let mood = Arc::new(Mutex::new(mood));
        let current = Arc::clone(&mood);
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let mood = || *current.lock().unwrap_or_else(PoisonError::into_inner);
                while mood() == Mood::Waits {
                    std::thread::sleep(Duration::from_millis(5));
                }
                let _ = socket.send_to(&reply(&query[..length], mood()), from);
            }
        });
        Self { addr, mood }
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }
}

/// RFC 1035, section 4: the header, the question as it came, and one address.
fn reply(query: &[u8], mood: Mood) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).expect("the end of a name");
    let question = &query[12..12 + name + 5];
    let wants_address = question[name + 1..name + 3] == [0, 1];
    let (status, answers) = if mood == Mood::Fails { (2, 0) } else { (0, u8::from(wants_address)) };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | status, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(question);
    if answers == 1 {
        let last = if mood == Mood::Moved { 2 } else { 1 };
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, last]);
    }
    reply
}

/// The settings with which a cluster of that kind resolves its hosts there.
pub fn lookup(kind: &str, server: SocketAddr) -> Value {
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
