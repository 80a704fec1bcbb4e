//! One listener: an HTTP connection manager, the filter, and one upstream.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Filter, address, capabilities, merge};

/// The TLS settings of a listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// In PEM, as the key.
    pub certificate: String,
    pub key: String,
    /// The protocols it offers, such as `["h2", "http/1.1"]`.
    pub alpn: Vec<String>,
}

impl Tls {
    fn to_json(&self) -> Value {
        let certificate = json!({
            "certificate_chain": { "inline_string": self.certificate },
            "private_key": { "inline_string": self.key },
        });
        typed(
            "envoy.transport_sockets.tls",
            "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            json!({ "common_tls_context": {
                "alpn_protocols": self.alpn,
                "tls_certificates": [certificate],
            }}),
        )
    }
}

/// A listener on 127.0.0.1. Start from [`Listener::new`] and set what differs.
///
/// It accepts HTTP/1.1 and HTTP/2 with prior knowledge on the same port. Envoy's own path handling is off (no
/// normalisation, no merging of slashes, escapes kept), and headers with underscores are accepted: a filter must be
/// safe without Envoy's help.
#[derive(Debug, Clone)]
pub struct Listener {
    pub port: u16,
    /// Names the listener and the filter in Envoy's statistics and logs.
    pub name: String,
    pub filter: Filter,
    pub root_id: String,
    /// Another filter than the bootstrap's.
    pub module: Option<PathBuf>,
    /// Listeners with the same id and filter share virtual machines; listeners with the same id also share data and
    /// queues. Before 1.40, Envoy then ignores differences in the environment and the restriction: the first one
    /// applies to all. So listeners without an id only share one if their `env`, `host_env` and
    /// `deny_foreign_functions` are equal.
    pub vm_id: Option<String>,
    /// The virtual machine's environment variables.
    pub env: Vec<(String, String)>,
    /// Names of variables of the Envoy process that the virtual machine sees.
    pub host_env: Vec<String>,
    /// Disables foreign functions of the host.
    pub deny_foreign_functions: bool,
    /// What Envoy does after a panic: `FAIL_RELOAD`, `FAIL_CLOSED` or `FAIL_OPEN`.
    pub failure_policy: String,
    /// The cluster for requests; with `None`, Envoy itself answers `200 direct`.
    pub upstream_cluster: Option<String>,
    pub normalize_path: bool,
    pub merge_slashes: bool,
    /// `KEEP_UNCHANGED`, `REJECT_REQUEST`, `UNESCAPE_AND_REDIRECT` or `UNESCAPE_AND_FORWARD`.
    pub path_with_escaped_slashes_action: String,
    pub max_request_headers_kb: u32,
    /// `AUTO`, `HTTP1` or `HTTP2`.
    pub codec: String,
    /// Terminates TLS; `None` is plain HTTP.
    pub tls: Option<Tls>,
    /// A line for each request in Envoy's log, such as `"user=%FILTER_STATE(wasm.user:PLAIN)%"`.
    pub access_log: Option<String>,
    /// HTTP filters around the filter, as Envoy spells them.
    pub filters_before: Vec<Value>,
    pub filters_after: Vec<Value>,
    /// Merged into the wasm plugin's `config`, the connection manager, its one route, and the listener.
    pub plugin_overrides: Value,
    pub manager_overrides: Value,
    pub route_overrides: Value,
    pub listener_overrides: Value,
}

impl Listener {
    /// A listener whose requests go to the cluster `app`.
    #[must_use]
    pub fn new(port: u16, filter: Filter) -> Self {
        Self {
            port,
            name: format!("listener_{port}"),
            filter,
            root_id: String::new(),
            module: None,
            vm_id: None,
            env: Vec::new(),
            host_env: Vec::new(),
            deny_foreign_functions: false,
            failure_policy: "FAIL_RELOAD".into(),
            upstream_cluster: Some("app".into()),
            normalize_path: false,
            merge_slashes: false,
            path_with_escaped_slashes_action: "KEEP_UNCHANGED".into(),
            max_request_headers_kb: 96,
            codec: "AUTO".into(),
            tls: None,
            access_log: None,
            filters_before: Vec::new(),
            filters_after: Vec::new(),
            plugin_overrides: json!({}),
            manager_overrides: json!({}),
            route_overrides: json!({}),
            listener_overrides: json!({}),
        }
    }

    /// With one more environment variable of the virtual machine.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn upstream(mut self, cluster: &str) -> Self {
        self.upstream_cluster = Some(cluster.to_owned());
        self
    }

    /// Envoy itself answers requests that the filter forwards.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.upstream_cluster = None;
        self
    }

    pub(super) fn to_json(&self, module: &Path) -> Value {
        let manager = typed(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            self.manager(module),
        );
        let mut chain = json!({ "filters": [manager] });
        if let Some(tls) = &self.tls {
            chain["transport_socket"] = tls.to_json();
        }
        let mut listener = json!({
            "name": self.name,
            "address": address(self.port),
            "filter_chains": [chain],
        });
        if is_native(self.module.as_deref().unwrap_or(module)) {
            listener["metadata"]["filter_metadata"][ENVIRONMENT] = self.environment().into();
        }
        merge(&mut listener, self.listener_overrides.clone());
        listener
    }

    fn manager(&self, module: &Path) -> Value {
        let mut filters = self.filters_before.clone();
        filters.extend(self.filter(module));
        filters.extend(self.filters_after.iter().cloned());
        filters.push(typed(
            "envoy.filters.http.router",
            "envoy.extensions.filters.http.router.v3.Router",
            json!({}),
        ));
        let mut manager = json!({
            "stat_prefix": self.name,
            "codec_type": self.codec,
            "generate_request_id": true,
            "normalize_path": self.normalize_path,
            "merge_slashes": self.merge_slashes,
            "path_with_escaped_slashes_action": self.path_with_escaped_slashes_action,
            "max_request_headers_kb": self.max_request_headers_kb,
            "common_http_protocol_options": { "headers_with_underscores_action": "ALLOW" },
            "upgrade_configs": [{ "upgrade_type": "websocket" }],
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [self.route()] }] },
        });
        if let Some(format) = &self.access_log {
            let line = format!("{format}\n");
            manager["access_log"] = json!([typed(
                "envoy.access_loggers.stdout",
                "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                json!({ "log_format": { "text_format_source": { "inline_string": line } } }),
            )]);
        }
        merge(&mut manager, self.manager_overrides.clone());
        manager
    }

    fn route(&self) -> Value {
        let mut route = json!({ "match": { "prefix": "/" } });
        match &self.upstream_cluster {
            // Envoy's own 15 seconds are too few for a large upload on a busy machine.
            Some(cluster) => route["route"] = json!({ "cluster": cluster, "timeout": "60s" }),
            None => {
                route["direct_response"] = json!({ "status": 200, "body": { "inline_string": "direct" } });
            }
        }
        merge(&mut route, self.route_overrides.clone());
        route
    }

    /// The filter: a dynamic module if its file is a shared library, else wasm.
    fn filter(&self, module: &Path) -> Option<Value> {
        let module = self.module.as_deref().unwrap_or(module);
        if self.filter == Filter::None {
            return None;
        }
        Some(if is_native(module) { self.native_filter(module) } else { self.wasm_filter(module) })
    }

    /// Its metrics get the names that wasm's have. It sees Envoy's own environment, so [`environment_of`] passes
    /// [`Self::env`] on.
    fn native_filter(&self, module: &Path) -> Value {
        let mut filter = json!({
            "dynamic_module_config": {
                "module": { "local": { "filename": module } },
                "do_not_close": true,
                "metrics_namespace": "wasmcustom",
            },
            "filter_name": "envoy_cognito",
        });
        if let Some(configuration) = self.filter.configuration() {
            filter["filter_config"] = configuration;
        }
        typed(
            "envoy.filters.http.dynamic_modules",
            "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            filter,
        )
    }

    fn environment(&self) -> Map<String, Value> {
        self.env.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
    }

    fn wasm_filter(&self, module: &Path) -> Value {
        let mut config = json!({
            "name": self.name,
            "root_id": self.root_id,
            "failure_policy": self.failure_policy,
            "vm_config": {
                "vm_id": self.effective_vm_id(),
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": module } },
                "environment_variables": { "host_env_keys": self.host_env, "key_values": self.environment() },
            },
        });
        if let Some(configuration) = self.filter.configuration() {
            config["configuration"] = configuration;
        }
        if self.deny_foreign_functions {
            config["capability_restriction_config"] = capabilities::without_foreign_functions();
        }
        merge(&mut config, self.plugin_overrides.clone());
        typed(
            "envoy.filters.http.wasm",
            "envoy.extensions.filters.http.wasm.v3.Wasm",
            json!({ "config": config }),
        )
    }

    pub(super) fn effective_vm_id(&self) -> String {
        self.vm_id.clone().unwrap_or_else(|| {
            let mut hasher = DefaultHasher::new();
            (&self.env, &self.host_env, self.deny_foreign_functions).hash(&mut hasher);
            format!("vm-{:016x}", hasher.finish())
        })
    }
}

/// The metadata of a listener that names the environment of a dynamic module.
const ENVIRONMENT: &str = "rig.environment";

/// The environment variables that Envoy needs for the dynamic modules of a bootstrap.
pub(crate) fn environment_of(bootstrap: &Value) -> Vec<(String, String)> {
    let listeners = bootstrap["static_resources"]["listeners"].as_array().into_iter().flatten();
    let variables =
        listeners.filter_map(|listener| listener["metadata"]["filter_metadata"][ENVIRONMENT].as_object());
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    variables.flatten().filter_map(text).collect()
}

/// Whether a file is a dynamic module.
#[must_use]
pub fn is_native(module: &Path) -> bool {
    module.extension().is_some_and(|extension| extension == "so")
}

fn typed(name: &str, type_name: &str, mut config: Value) -> Value {
    config["@type"] = format!("type.googleapis.com/{type_name}").into();
    json!({ "name": name, "typed_config": config })
}
