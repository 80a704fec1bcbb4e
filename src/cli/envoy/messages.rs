//! Envoy's messages around the filter, field by field, as in Envoy 1.36 to 1.40. They show which fields of a document
//! have the wrong type or don't exist.

/// The type of a field.
pub enum Kind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A map of texts. The operator chooses the keys.
    TextMap,
    /// `true` or `false`.
    Bool,
    /// A `google.protobuf.BoolValue`.
    WrappedBool,
    /// A `uint32`.
    Unsigned,
    /// A `google.protobuf.Duration`, such as `2s`.
    Duration,
    /// A message with these fields.
    Message(&'static Message),
    /// A list of such messages.
    Messages(&'static Message),
    /// Any object.
    Object,
    /// A field that isn't checked here.
    Other,
}

/// A message: its name, and its fields.
pub struct Message {
    /// Its name in Envoy's documentation.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [(&'static str, Kind)],
    /// Whether the list of fields is complete.
    pub is_whole: bool,
}

/// What Envoy does with requests after the VM has failed.
pub const FAILURE_POLICIES: [(&str, i32); 4] =
    [("UNSPECIFIED", 0), ("FAIL_RELOAD", 1), ("FAIL_CLOSED", 2), ("FAIL_OPEN", 3)];

/// `envoy.extensions.wasm.v3.PluginConfig`.
pub static PLUGIN_CONFIG: Message = Message {
    name: "PluginConfig",
    fields: &[
        ("name", Kind::Text),
        ("root_id", Kind::Text),
        ("vm_config", Kind::Message(&VM_CONFIG)),
        ("configuration", Kind::Other),
        ("fail_open", Kind::Bool),
        ("failure_policy", Kind::Other),
        ("reload_config", Kind::Message(&RELOAD_CONFIG)),
        ("capability_restriction_config", Kind::Other),
        ("allow_on_headers_stop_iteration", Kind::WrappedBool),
    ],
    is_whole: true,
};

static VM_CONFIG: Message = Message {
    name: "VmConfig",
    fields: &[
        ("vm_id", Kind::Text),
        ("runtime", Kind::Text),
        ("code", Kind::Message(&CODE)),
        ("configuration", Kind::Other),
        ("allow_precompiled", Kind::Bool),
        ("nack_on_code_cache_miss", Kind::Bool),
        ("environment_variables", Kind::Message(&ENVIRONMENT_VARIABLES)),
        // Since 1.40.
        ("capability_restriction_config", Kind::Other),
    ],
    is_whole: true,
};

static ENVIRONMENT_VARIABLES: Message = Message {
    name: "EnvironmentVariables",
    fields: &[("host_env_keys", Kind::Texts), ("key_values", Kind::TextMap)],
    is_whole: true,
};

static RELOAD_CONFIG: Message =
    Message { name: "ReloadConfig", fields: &[("backoff", Kind::Message(&BACKOFF))], is_whole: true };

static BACKOFF: Message = Message {
    name: "BackoffStrategy",
    fields: &[("base_interval", Kind::Duration), ("max_interval", Kind::Duration)],
    is_whole: true,
};

static CODE: Message = Message {
    name: "AsyncDataSource",
    fields: &[("local", Kind::Message(&DATA_SOURCE)), ("remote", Kind::Message(&REMOTE_DATA_SOURCE))],
    is_whole: true,
};

static DATA_SOURCE: Message = Message {
    name: "DataSource",
    fields: &[
        ("filename", Kind::Text),
        ("inline_bytes", Kind::Text),
        ("inline_string", Kind::Text),
        ("environment_variable", Kind::Text),
        ("watched_directory", Kind::Other),
    ],
    is_whole: true,
};

static REMOTE_DATA_SOURCE: Message = Message {
    name: "RemoteDataSource",
    fields: &[("http_uri", Kind::Message(&HTTP_URI)), ("sha256", Kind::Text), ("retry_policy", Kind::Other)],
    is_whole: true,
};

static HTTP_URI: Message = Message {
    name: "HttpUri",
    fields: &[("uri", Kind::Text), ("cluster", Kind::Text), ("timeout", Kind::Duration)],
    is_whole: true,
};

/// `envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter`, as in Envoy 1.38 to 1.40.
pub static DYNAMIC_MODULE_FILTER: Message = Message {
    name: "DynamicModuleFilter",
    fields: &[
        ("dynamic_module_config", Kind::Message(&DYNAMIC_MODULE_CONFIG)),
        ("filter_name", Kind::Text),
        ("filter_config", Kind::Other),
        ("terminal_filter", Kind::Bool),
    ],
    is_whole: true,
};

static DYNAMIC_MODULE_CONFIG: Message = Message {
    name: "DynamicModuleConfig",
    fields: &[
        ("name", Kind::Text),
        ("do_not_close", Kind::Bool),
        ("load_globally", Kind::Bool),
        ("metrics_namespace", Kind::Text),
        ("module", Kind::Message(&CODE)),
        ("nack_on_cache_miss", Kind::Bool),
    ],
    is_whole: true,
};

/// `envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter`.
pub static HTTP_FILTER: Message = Message {
    name: "HttpFilter",
    fields: &[
        ("name", Kind::Text),
        ("typed_config", Kind::Other),
        ("config_discovery", Kind::Other),
        ("is_optional", Kind::Bool),
        ("disabled", Kind::Bool),
    ],
    is_whole: true,
};

/// The part of `envoy.config.cluster.v3.Cluster` that is read here.
pub static CLUSTER: Message = Message {
    name: "Cluster",
    fields: &[
        ("name", Kind::Text),
        ("connect_timeout", Kind::Duration),
        ("load_assignment", Kind::Message(&LOAD_ASSIGNMENT)),
        ("transport_socket", Kind::Message(&TRANSPORT_SOCKET)),
    ],
    is_whole: false,
};

static LOAD_ASSIGNMENT: Message = Message {
    name: "ClusterLoadAssignment",
    fields: &[("cluster_name", Kind::Text), ("endpoints", Kind::Messages(&LOCALITY))],
    is_whole: false,
};

static LOCALITY: Message = Message {
    name: "LocalityLbEndpoints",
    fields: &[("lb_endpoints", Kind::Messages(&LB_ENDPOINT))],
    is_whole: false,
};

static LB_ENDPOINT: Message =
    Message { name: "LbEndpoint", fields: &[("endpoint", Kind::Message(&ENDPOINT))], is_whole: false };

static ENDPOINT: Message = Message {
    name: "Endpoint",
    fields: &[("address", Kind::Message(&ADDRESS)), ("hostname", Kind::Text)],
    is_whole: false,
};

static ADDRESS: Message = Message {
    name: "Address",
    fields: &[("socket_address", Kind::Message(&SOCKET_ADDRESS))],
    is_whole: false,
};

static SOCKET_ADDRESS: Message = Message {
    name: "SocketAddress",
    fields: &[("address", Kind::Text), ("port_value", Kind::Unsigned)],
    is_whole: false,
};

static TRANSPORT_SOCKET: Message = Message {
    name: "TransportSocket",
    fields: &[("name", Kind::Text), ("typed_config", Kind::Message(&UPSTREAM_TLS))],
    is_whole: false,
};

static UPSTREAM_TLS: Message = Message {
    name: "UpstreamTlsContext",
    fields: &[
        ("sni", Kind::Text),
        ("auto_host_sni", Kind::Bool),
        ("auto_sni_san_validation", Kind::Bool),
        ("allow_renegotiation", Kind::Bool),
    ],
    is_whole: false,
};
