//! ID tokens that a client must reject, and a few that it must accept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    keys::{Key, PoolKeys},
    now,
    tokens::{Draft, signed, unsigned},
};
use crate::{Fault, random};

const HOUR: u64 = 3600;

/// The token after a fault. Faults that don't concern the ID token leave it valid.
pub fn apply(fault: &Fault, draft: Draft<'_>, keys: &PoolKeys) -> Option<String> {
    let Draft { mut claims, key } = draft;
    let mut set = |name: &str, value: Value| {
        claims.insert(name.into(), value);
    };
    match fault {
        Fault::NoIdToken => return None,
        Fault::AlgNone => return Some(unsigned(&json!({ "kid": key.kid, "alg": "none" }), &claims) + "."),
        Fault::Hs256WithPublicKey => {
            let message = unsigned(&json!({ "kid": key.kid, "alg": "HS256" }), &claims);
            return Some(with_signature(&message, &hmac(&key.public_pem(), &message)));
        }
        Fault::UnknownKid => return Some(signed(&Key::stray(), &claims)),
        Fault::BadSignature => {
            let message = unsigned(&json!({ "kid": key.kid, "alg": "RS256" }), &claims);
            let mut signature = key.sign(message.as_bytes());
            signature.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            return Some(with_signature(&message, &signature));
        }
        Fault::SignedWithAccessKey => return Some(signed(&keys.access, &claims)),

        Fault::WrongNonce => set("nonce", random::base64url(32).into()),
        Fault::WrongAudience => set("aud", "another-client".into()),
        Fault::WrongIssuer => set("iss", "https://issuer.example/us-east-1_Another".into()),
        Fault::OtherSubject => set("sub", random::uuid().into()),
        Fault::WrongTokenUse => set("token_use", "access".into()),
        Fault::WrongAtHash => set("at_hash", random::base64url(22).into()),
        Fault::Expired => {
            set("iat", (now() - 2 * HOUR).into());
            set("exp", (now() - HOUR).into());
        }
        Fault::IssuedInFuture => {
            set("iat", (now() + HOUR).into());
            set("exp", (now() + 2 * HOUR).into());
        }
        Fault::HugeToken => {
            let groups: Vec<String> = (0..2000).map(|n| format!("group-{n:04}-of-many")).collect();
            set("cognito:groups", groups.into());
            set("custom:large", "x".repeat(8000).into());
        }
        Fault::Claims(changes) => {
            for (name, value) in changes {
                claims.insert(name.clone(), value.clone());
            }
            claims.retain(|name, _| changes.get(name) != Some(&Value::Null));
        }
        Fault::WrittenClaims(written) => {
            let claims = Value::Object(claims).to_string();
            let claims = format!("{},{written}}}", claims.strip_suffix('}').unwrap_or_default());
            let header = json!({ "kid": key.kid, "alg": "RS256" }).to_string();
            let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
            return Some(with_signature(&message, &key.sign(message.as_bytes())));
        }
        Fault::NoNonce => drop(claims.remove("nonce")),
        Fault::NoExp => drop(claims.remove("exp")),
        Fault::NoIat => drop(claims.remove("iat")),
        Fault::NoSubject => drop(claims.remove("sub")),
        _ => {}
    }
    Some(signed(key, &claims))
}

fn with_signature(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hmac(secret: &str, message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
