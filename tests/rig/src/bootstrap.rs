//! The bootstrap of an Envoy with many listeners, each with its own configuration of the filter.
//!
//! Starting Envoy and compiling the filter takes longer than most tests, so independent tests share one Envoy and use
//! one [`Listener`] each.

mod capabilities;
mod filter;
mod listener;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub use filter::Filter;
pub(crate) use listener::environment_of;
pub use listener::{Listener, Tls, is_native};

/// Builds a bootstrap. All its addresses are on 127.0.0.1.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    admin_port: u16,
    module: PathBuf,
    clusters: Vec<Value>,
    listeners: Vec<Listener>,
    overrides: Value,
}

impl Bootstrap {
    /// `module` is the filter's file, wasm or a dynamic module, of listeners that don't name another one.
    #[must_use]
    pub fn new(admin_port: u16, module: impl AsRef<Path>) -> Self {
        Self {
            admin_port,
            module: module.as_ref().to_owned(),
            clusters: Vec::new(),
            listeners: Vec::new(),
            overrides: json!({}),
        }
    }

    /// Adds an HTTP/1.1 upstream.
    #[must_use]
    pub fn cluster(self, name: &str, addr: SocketAddr) -> Self {
        self.cluster_json(static_cluster(name, addr))
    }

    /// Adds an upstream that speaks HTTP/2 without TLS, as gRPC servers do.
    #[must_use]
    pub fn http2_cluster(self, name: &str, addr: SocketAddr) -> Self {
        let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        }});
        let mut cluster = static_cluster(name, addr);
        cluster["typed_extension_protocol_options"] = options;
        self.cluster_json(cluster)
    }

    /// Adds a cluster as Envoy spells it.
    #[must_use]
    pub fn cluster_json(mut self, cluster: Value) -> Self {
        self.clusters.push(cluster);
        self
    }

    /// # Panics
    /// If the name exists already: Envoy would silently ignore one of the two.
    #[must_use]
    #[track_caller]
    pub fn listener(mut self, listener: Listener) -> Self {
        let taken = self.listeners.iter().any(|other| other.name == listener.name);
        assert!(!taken, "two listeners are called {}", listener.name);
        self.listeners.push(listener);
        self
    }

    /// Merges settings into the top of the bootstrap.
    #[must_use]
    pub fn with(mut self, overrides: Value) -> Self {
        merge(&mut self.overrides, overrides);
        self
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        let listeners: Vec<_> =
            self.listeners.iter().map(|listener| listener.to_json(&self.module)).collect();
        let mut bootstrap = json!({
            "admin": { "address": address(self.admin_port) },
            // Histograms show in /stats after a flush.
            "stats_flush_interval": "0.5s",
            "static_resources": { "clusters": self.clusters, "listeners": listeners },
        });
        merge(&mut bootstrap, self.overrides.clone());
        bootstrap
    }
}

/// What [`Envoy::start`](crate::Envoy::start) takes.
impl std::fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.to_json())
    }
}

/// A cluster of one host, as Envoy spells it.
#[must_use]
pub fn static_cluster(name: &str, addr: SocketAddr) -> Value {
    let address = json!({ "socket_address": { "address": addr.ip().to_string(), "port_value": addr.port() }});
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": { "cluster_name": name, "endpoints": [
            { "lb_endpoints": [{ "endpoint": { "address": address } }] },
        ]},
    })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

/// Objects are merged key by key, `null` removes, everything else replaces.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_what_is_not_named() {
        let mut value = json!({ "a": { "b": 1, "c": 2 }, "d": 3, "e": [1] });
        merge(&mut value, json!({ "a": { "b": 9, "x": {} }, "d": null, "e": [2] }));
        assert_eq!(value, json!({ "a": { "b": 9, "c": 2, "x": {} }, "e": [2] }));
    }

    #[test]
    fn listeners_that_differ_in_what_a_vm_sees_do_not_share_one() {
        let plain = Listener::new(1, Filter::Json(json!({})));
        let with_env = Listener::new(2, Filter::Json(json!({}))).env("A", "1");
        let same_env = Listener::new(3, Filter::Json(json!({}))).env("A", "1");
        let denied = Listener { deny_foreign_functions: true, ..Listener::new(4, Filter::Json(json!({}))) };
        let ids: Vec<_> = [plain, with_env, same_env, denied].iter().map(Listener::effective_vm_id).collect();
        assert_eq!(ids[1], ids[2]);
        assert!(ids[0] != ids[1] && ids[0] != ids[3] && ids[1] != ids[3]);
    }
}
