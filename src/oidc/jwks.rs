//! A JSON Web Key Set (RFC 7517): the RSA keys that tokens may be signed with, by `kid`.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::alg::RsaPublicKey;
use rsa::BigUint;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use serde::Deserialize;

/// Keys are looked at up to this number; Cognito has two.
const MAX_KEYS: usize = 32;
/// The shortest modulus that is taken, in bits (RFC 7518, section 3.3).
const MIN_MODULUS_BITS: usize = 2048;
/// The longest. A key of megabytes would hold a worker up for seconds.
const MAX_MODULUS_BITS: usize = 4096;

/// One RSA key for RS256, ready for either verifier.
#[derive(Debug)]
pub struct Key {
    kid: String,
    public: RsaPublicKey,
    spki: Vec<u8>,
}

impl Key {
    /// The key as `jwt-compact` wants it.
    pub const fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// The key as a `SubjectPublicKeyInfo` in DER (RFC 5280), as Envoy wants it.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

/// A key set with at least one usable key.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Rc<Key>>,
}

/// A document that holds no usable key. It never replaces a set that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoUsableKey;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

/// What is needed of a key (RFC 7517, section 4; RFC 7518, section 6.3.1).
#[derive(Deserialize)]
struct Member {
    kid: String,
    kty: String,
    n: String,
    e: String,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
}

impl KeySet {
    /// Reads a JWKS document. Members that are not RSA keys for RS256 signatures, have no `kid`, or
    /// are broken are passed over, so that a key of a new kind never takes the good ones down.
    ///
    /// # Errors
    /// Where nothing usable is left.
    pub fn parse(document: &[u8]) -> Result<Self, NoUsableKey> {
        let document: Document = serde_json::from_slice(document).map_err(|_| NoUsableKey)?;
        let mut keys: Vec<Rc<Key>> = Vec::new();
        for key in document.keys.into_iter().take(MAX_KEYS).filter_map(parse_key) {
            if !keys.iter().any(|known| known.kid == key.kid) {
                keys.push(Rc::new(key));
            }
        }
        if keys.is_empty() { Err(NoUsableKey) } else { Ok(Self { keys }) }
    }

    /// The key of that id. Ids are opaque: Cognito's contain `+`, `/` and `=`.
    pub fn find(&self, kid: &str) -> Option<Rc<Key>> {
        self.keys.iter().find(|key| key.kid == kid).cloned()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never true; a set without keys is not made.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn parse_key(member: serde_json::Value) -> Option<Key> {
    let Member { kid, kty, n, e, alg, usage } = Member::deserialize(member).ok()?;
    if kty != "RSA" || alg.is_some_and(|alg| alg != "RS256") || usage.is_some_and(|usage| usage != "sig") {
        return None;
    }
    let number = |text: String| URL_SAFE_NO_PAD.decode(text).ok().map(|bytes| BigUint::from_bytes_be(&bytes));
    let public = RsaPublicKey::new(number(n)?, number(e)?).ok()?;
    if !(MIN_MODULUS_BITS..=MAX_MODULUS_BITS).contains(&public.n().bits()) {
        return None;
    }
    let spki = public.to_public_key_der().ok()?.into_vec();
    Some(Key { kid, public, spki })
}
