//! A JSON Web Key Set (RFC 7517): the RSA keys that tokens may be signed with, by `kid`.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};

use crate::json::{Json, Members};

/// The maximum number of keys that are read; Cognito has two.
const MAX_KEYS: usize = 32;
/// The minimum length of a modulus, in bits (RFC 7518, section 3.3).
const MIN_MODULUS_BITS: usize = 2048;
/// The maximum length of a modulus, in bits. A key of megabytes would block a worker for seconds.
const MAX_MODULUS_BITS: usize = 4096;

/// An RSA key for RS256, in the forms that both verifiers need.
#[derive(Debug)]
pub struct Jwk {
    kid: String,
    public: RsaPublicKey,
    spki: Vec<u8>,
}

impl Jwk {
    /// The key as numbers.
    pub const fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// Modulus and public exponent, big-endian, without leading zeros.
    pub fn modulus_and_exponent(&self) -> (Vec<u8>, Vec<u8>) {
        (self.public.n().to_bytes_be(), self.public.e().to_bytes_be())
    }

    /// The key as a `SubjectPublicKeyInfo` in DER (RFC 5280), as Envoy expects it.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

/// A key set with at least one usable key.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Arc<Jwk>>,
}

/// The document has no usable key. It never replaces an existing set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoUsableKey;

impl fmt::Display for NoUsableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key set has no RSA key for RS256 signatures")
    }
}

impl std::error::Error for NoUsableKey {}

impl KeySet {
    /// Parses a JWKS document. Skipped are members that aren't RSA keys for RS256 signatures, have no `kid`, or are
    /// malformed, so that a new kind of key never makes the valid ones unusable.
    ///
    /// # Errors
    /// If no usable key is left.
    pub fn parse(document: &[u8]) -> Result<Self, NoUsableKey> {
        let document = Members::read(document).ok_or(NoUsableKey)?;
        let members = document.get("keys").and_then(Json::items).ok_or(NoUsableKey)?;
        let mut keys: Vec<Arc<Jwk>> = Vec::new();
        for key in members.into_iter().take(MAX_KEYS).filter_map(parse_key) {
            if !keys.iter().any(|known| known.kid == key.kid) {
                keys.push(Arc::new(key));
            }
        }
        if keys.is_empty() { Err(NoUsableKey) } else { Ok(Self { keys }) }
    }

    /// The key with that id. Ids are opaque: Cognito's contain `+`, `/` and `=`.
    pub fn find(&self, kid: &str) -> Option<Arc<Jwk>> {
        self.keys.iter().find(|key| key.kid == kid).cloned()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never true: a set has at least one key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Reads the needed members of a key (RFC 7517, section 4; RFC 7518, section 6.3.1).
fn parse_key(member: Json<'_>) -> Option<Jwk> {
    let member = member.members()?;
    let is_or_absent = |name: &str, fits: &dyn Fn(Json<'_>) -> bool| {
        member.get(name).is_none_or(|found| found.is_empty() || fits(found))
    };
    let is = |found: Json<'_>, wanted: &str| found.text().is_some_and(|found| found == wanted);
    let verifies = |ops: Json<'_>| ops.items().is_some_and(|ops| ops.into_iter().any(|op| is(op, "verify")));
    if member.text("kty")? != "RSA"
        || !is_or_absent("alg", &|alg| is(alg, "RS256"))
        || !is_or_absent("use", &|usage| is(usage, "sig"))
        || !is_or_absent("key_ops", &verifies)
    {
        return None;
    }
    let number = |name: &str| URL_SAFE_NO_PAD.decode(member.text(name)?).ok();
    let (modulus, exponent) = (number("n")?, number("e")?);
    let public =
        RsaPublicKey::new(BigUint::from_bytes_be(&modulus), BigUint::from_bytes_be(&exponent)).ok()?;
    if !(MIN_MODULUS_BITS..=MAX_MODULUS_BITS).contains(&public.n().bits()) {
        return None;
    }
    Some(Jwk { kid: member.text("kid")?, public, spki: spki(&modulus, &exponent) })
}

/// A `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7; RFC 3279, section 2.3.1) in DER. The `der` crate could also
/// write it, but would add 15 KB to the filter's 590.
fn spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    /// `rsaEncryption` (1.2.840.113549.1.1.1) with NULL parameters.
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
    let bits = der(0x03, &[vec![0], key].concat());
    der(0x30, &[ALGORITHM.to_vec(), bits].concat())
}

/// An unsigned INTEGER: without leading zeros, except one if the number would otherwise be negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut number = bytes.get(zeros..).unwrap_or_default().to_vec();
    if number.first().is_none_or(|first| *first >= 0x80) {
        number.insert(0, 0);
    }
    der(0x02, &number)
}

/// One element: tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    let len = content.len().to_be_bytes();
    if content.len() <= 0x7f {
        element.extend(len.last());
    } else {
        let digits = len.iter().skip_while(|byte| **byte == 0);
        element.push(0x80 | u8::try_from(digits.clone().count()).unwrap_or(0));
        element.extend(digits);
    }
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::pkcs8::EncodePublicKey as _;

    #[test]
    fn keys_are_written_as_the_der_crate_writes_them() {
        let (key, ..) = crate::oidc::rfc7515::example().unwrap();
        assert_eq!(key.spki(), key.public().to_public_key_der().unwrap().as_bytes());
    }

    #[test]
    fn members_that_are_no_rsa_keys_are_passed_over() {
        let good = crate::oidc::rfc7515::KEY_SET;
        let member = good.strip_prefix(r#"{"keys":["#).unwrap().strip_suffix("]}").unwrap();
        let other = |from: &str, to: &str| member.replace(from, to);
        let bad = [
            other(r#""kty":"RSA""#, r#""kty":"EC""#),
            other(r#""alg":"RS256""#, r#""alg":"RS512""#),
            other(r#""use":"sig""#, r#""use":"enc""#),
            other(r#""use":"sig""#, r#""key_ops":["encrypt"]"#),
            other(r#""kid":"A.2","#, ""),
            other(r#""kid":"A.2""#, r#""kid":7"#),
            other(r#""n":"of"#, r#""n":"!!"#),
            other(r#""e":"AQAB""#, r#""e":"AA""#),
            other(r#""kid":"A.2""#, r#""kid":"""#),
            other(r#""kty":"RSA""#, r#""kty":"""#),
            other(r#""e":"AQAB""#, r#""e":"""#),
            r#"{"kty":"EC","x":1e999}"#.to_owned(),
            "7".to_owned(),
            "null".to_owned(),
        ];
        for bad in &bad {
            assert_eq!(
                KeySet::parse(format!(r#"{{"keys":[{bad}]}}"#).as_bytes()).err(),
                Some(NoUsableKey),
                "{bad}"
            );
        }
        let mixed = format!(r#"{{"keys":[{},{member},{member}]}}"#, bad.join(","));
        assert_eq!(KeySet::parse(mixed.as_bytes()).unwrap().len(), 1);
        for absent in [r#""""#, "null", "[]", "{}"] {
            let member = other(r#""use":"sig""#, &format!(r#""use":{absent},"key_ops":{absent}"#));
            let member = member.replace(r#""alg":"RS256""#, &format!(r#""alg":{absent}"#));
            let one = KeySet::parse(format!(r#"{{"keys":[{member}]}}"#).as_bytes()).unwrap();
            assert_eq!((one.len(), one.find("").is_none()), (1, true), "{absent}");
        }
        for document in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "<html>"] {
            assert_eq!(KeySet::parse(document.as_bytes()).err(), Some(NoUsableKey), "{document}");
        }
    }
}
