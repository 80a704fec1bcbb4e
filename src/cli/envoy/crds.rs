//! The Kubernetes custom resources that configure the filter, field by field, as Istio and Envoy Gateway define them.

use crate::envoy::messages::{Kind, Message};

/// The `spec` of Istio's `WasmPlugin`.
pub static WASM_PLUGIN: Message = Message {
    name: "WasmPlugin",
    fields: &[
        ("failStrategy", Kind::Other),
        ("imagePullPolicy", Kind::Text),
        ("imagePullSecret", Kind::Text),
        ("match", Kind::Other),
        ("phase", Kind::Other),
        ("pluginConfig", Kind::Object),
        ("pluginName", Kind::Text),
        ("priority", Kind::Other),
        ("selector", Kind::Object),
        ("sha256", Kind::Text),
        ("targetRef", Kind::Object),
        ("targetRefs", Kind::Other),
        ("type", Kind::Other),
        ("url", Kind::Text),
        ("verificationKey", Kind::Text),
        ("vmConfig", Kind::Message(&VM_CONFIG)),
    ],
    is_whole: true,
};

/// The `spec` of Istio's `TrafficExtension`.
pub static TRAFFIC_EXTENSION: Message = Message {
    name: "TrafficExtension",
    fields: &[
        ("lua", Kind::Object),
        ("match", Kind::Other),
        ("phase", Kind::Other),
        ("priority", Kind::Other),
        ("selector", Kind::Object),
        ("targetRefs", Kind::Other),
        ("wasm", Kind::Message(&WASM_CONFIG)),
    ],
    is_whole: true,
};

static WASM_CONFIG: Message = Message {
    name: "wasm",
    fields: &[
        ("failStrategy", Kind::Other),
        ("imagePullPolicy", Kind::Text),
        ("imagePullSecret", Kind::Text),
        ("pluginConfig", Kind::Object),
        ("pluginName", Kind::Text),
        ("sha256", Kind::Text),
        ("type", Kind::Other),
        ("url", Kind::Text),
        ("verificationKey", Kind::Text),
        ("vmConfig", Kind::Message(&VM_CONFIG)),
    ],
    is_whole: true,
};

static VM_CONFIG: Message =
    Message { name: "vmConfig", fields: &[("env", Kind::Messages(&VARIABLE))], is_whole: true };

static VARIABLE: Message = Message {
    name: "vmConfig.env",
    fields: &[("name", Kind::Text), ("value", Kind::Text), ("valueFrom", Kind::Text)],
    is_whole: true,
};

/// A filter of Envoy Gateway's `EnvoyExtensionPolicy`.
pub static WASM_EXTENSION: Message = Message {
    name: "wasm",
    fields: &[
        ("name", Kind::Text),
        ("rootID", Kind::Text),
        ("code", Kind::Object),
        ("config", Kind::Other),
        ("env", Kind::Message(&ENVIRONMENT)),
        ("failOpen", Kind::Bool),
    ],
    is_whole: true,
};

/// A dynamic module of Envoy Gateway's `EnvoyExtensionPolicy`.
pub static DYNAMIC_MODULE_EXTENSION: Message = Message {
    name: "dynamicModule",
    fields: &[
        ("name", Kind::Text),
        ("filterName", Kind::Text),
        ("config", Kind::Other),
        ("terminalFilter", Kind::Bool),
        // Since 1.10.
        ("backends", Kind::Other),
    ],
    is_whole: true,
};

static ENVIRONMENT: Message = Message { name: "env", fields: &[("hostKeys", Kind::Texts)], is_whole: true };
