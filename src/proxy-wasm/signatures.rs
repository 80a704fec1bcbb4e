//! RS256 by Envoy's foreign function `verify_signature`, which is about thirty times faster than wasm. If the host
//! lacks it, or gives a wrong result for a known signature, wasm verifies instead.

use std::cell::OnceCell;

use proxy_wasm::hostcalls;

use crate::protobuf::{Fields, Message, Value};
use envoy_cognito_core::oidc::jwks::Jwk;
use envoy_cognito_core::oidc::jwt::{PortableRs256, VerifyRs256};
use envoy_cognito_core::oidc::rfc7515;

/// Verifies with the host, or in wasm.
#[derive(Default)]
pub(crate) struct HostRs256 {
    /// Whether the host's results are right. Checked once.
    native: OnceCell<bool>,
}

impl VerifyRs256 for HostRs256 {
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        let native = *self.native.get_or_init(verifies_correctly);
        match native.then(|| ask_host(key, message, signature)).flatten() {
            Some(verdict) => verdict,
            None => PortableRs256.verify(key, message, signature),
        }
    }
}

/// Whether the host accepts the example signature of RFC 7515, and rejects it for another text.
fn verifies_correctly() -> bool {
    let Some((key, message, signature)) = rfc7515::example() else { return false };
    ask_host(&key, message, &signature) == Some(true)
        && ask_host(&key, b"another text", &signature) == Some(false)
}

/// Messages of `envoy/source/extensions/common/wasm/ext/verify_signature.proto`. A response without its first field
/// means `false`, as always in proto3.
fn ask_host(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool> {
    let arguments = Message::default()
        .with(1, b"sha256")
        .with(2, key.spki())
        .with(3, signature)
        .with(4, message)
        .into_bytes();
    let answer = hostcalls::call_foreign_function("verify_signature", Some(&arguments)).ok()?;
    let result = |field| matches!(field, Some((1, Value::Varint(1))));
    Some(Fields::new(&answer.unwrap_or_default()).any(result))
}
