//! The configuration that a listener gives its filter.

use serde_json::{Value, json};

/// The forms in which Envoy passes a configuration to a filter.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Filter {
    /// No filter at all: Envoy alone.
    #[default]
    None,
    /// The filter, without a configuration.
    Unconfigured,
    /// JSON text in a `StringValue`.
    Json(Value),
    /// Any text in a `StringValue`.
    Text(String),
    /// A `google.protobuf.Struct`: the filter gets its protobuf bytes.
    Struct(Value),
}

impl Filter {
    pub(super) fn configuration(&self) -> Option<Value> {
        let string = |text: String| json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text });
        match self {
            Self::None | Self::Unconfigured => None,
            Self::Json(value) => Some(string(value.to_string())),
            Self::Text(text) => Some(string(text.clone())),
            Self::Struct(value) => {
                Some(json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": value }))
            }
        }
    }
}
