//! RS256 by Envoy's foreign function `verify_signature`, which is some thirty times faster than wasm.
//! Where the host lacks it, or where it doesn't judge a known signature rightly, `jwt-compact` does it.

use std::cell::OnceCell;

use prost::Message;
use proxy_wasm::hostcalls;

use crate::oidc::jwks::Key;
use crate::oidc::jwt::{PortableRs256, VerifyRs256};
use crate::oidc::rfc7515;

/// The host's verdict, or ours.
#[derive(Default)]
pub struct HostRs256 {
    /// Whether the host can be relied upon; asked once.
    native: OnceCell<bool>,
}

/// `VerifySignatureArguments` of `envoy/source/extensions/common/wasm/ext/verify_signature.proto`.
#[derive(Clone, PartialEq, Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// `VerifySignatureResult` of the same.
#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

impl VerifyRs256 for HostRs256 {
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        let native = *self.native.get_or_init(judges_rightly);
        match native.then(|| ask_host(key, message, signature)).flatten() {
            Some(verdict) => verdict,
            None => PortableRs256.verify(key, message, signature),
        }
    }
}

/// Whether the host takes the signature that RFC 7515 gives as an example, and refuses it for another text.
fn judges_rightly() -> bool {
    let Some((key, message, signature)) = rfc7515::example() else { return false };
    ask_host(&key, message, &signature) == Some(true)
        && ask_host(&key, b"another text", &signature) == Some(false)
}

fn ask_host(key: &Key, message: &[u8], signature: &[u8]) -> Option<bool> {
    let arguments = Arguments {
        hash_function: "sha256".to_owned(),
        public_key: key.spki().to_vec(),
        signature: signature.to_vec(),
        text: message.to_vec(),
    };
    let answer = hostcalls::call_foreign_function("verify_signature", Some(&arguments.encode_to_vec()));
    let answer = answer.ok().flatten().unwrap_or_default();
    Outcome::decode(answer.as_slice()).ok().map(|outcome| outcome.result)
}
