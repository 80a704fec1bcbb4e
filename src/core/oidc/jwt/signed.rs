//! Signed tokens (JWS, RFC 7515) in compact form: splitting them, and verifying their RS256 signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::Pkcs1v15Sign;
use sha2::{Digest as _, Sha256};

use crate::json::Members;
use crate::oidc::jwks::{Jwk, KeySet};
use crate::oidc::jwt::error::JwtError;

/// The maximum length of a token, in bytes. Cognito's largest have about 21 KB.
const MAX_TOKEN: usize = 64 * 1024;

/// A verifier of RS256 (RFC 7518, section 3.3). The host may have a native one.
pub trait VerifyRs256 {
    /// Whether `signature` is the signature of `message` under `key`.
    #[must_use]
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool;
}

/// RS256 in wasm, for any host.
#[derive(Clone, Copy, Debug)]
pub struct PortableRs256;

impl VerifyRs256 for PortableRs256 {
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        key.public().verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).is_ok()
    }
}

/// A token whose signature is not verified yet.
pub(super) struct Unverified<'t> {
    header: Members,
    signing_input: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The claims of a token whose signature is verified. Issuer, audience and times are not checked yet. Only
/// [`Unverified::verify`] creates it.
pub(super) struct Signed(Members);

impl<'t> Unverified<'t> {
    /// Splits a token and decodes its parts. Its header must be readable.
    ///
    /// # Errors
    /// [`JwtError::Malformed`].
    pub(super) fn parse(text: &'t str) -> Result<Self, JwtError> {
        if text.len() > MAX_TOKEN {
            return Err(JwtError::Malformed);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwtError::Malformed)?;
        let header = Members::read(&decode(header)?).ok_or(JwtError::Malformed)?;
        // A fourth part is no base64url, because its `.` isn't.
        Ok(Self { header, signing_input, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// Verifies the signature: only RS256, with a key of the set. No claim is read before that.
    ///
    /// # Errors
    /// The first check that fails.
    pub(super) fn verify(&self, keys: &KeySet, rs256: &dyn VerifyRs256) -> Result<Signed, JwtError> {
        let algorithm = self.parameter("alg")?.ok_or(JwtError::Malformed)?;
        let key_id = self.parameter("kid")?;
        // Extensions that must be understood (RFC 7515, section 4.1.11). The filter supports none.
        if self.header.get("crit").is_some() {
            return Err(JwtError::Malformed);
        }
        if algorithm != "RS256" {
            return Err(JwtError::Algorithm);
        }
        let key = keys.find(&key_id.ok_or(JwtError::KeyIdMissing)?).ok_or(JwtError::UnknownKey)?;
        if !rs256.verify(&key, self.signing_input.as_bytes(), &self.signature) {
            return Err(JwtError::Signature);
        }
        Members::read(&self.payload).map(Signed).ok_or(JwtError::Malformed)
    }

    /// A header parameter. It must be a text, and there may only be one of its name (RFC 7515, section 4).
    fn parameter(&self, name: &str) -> Result<Option<String>, JwtError> {
        let mut values = self.header.all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => value.text().map(Some).ok_or(JwtError::Malformed),
            (None, _) => Ok(None),
            _ => Err(JwtError::Malformed),
        }
    }
}

impl Signed {
    /// The claims.
    pub(super) fn into_claims(self) -> Members {
        self.0
    }
}

/// The claims of a token, not verified: whatever its header and its signature are. `None` if its payload can't be read,
/// or if the token is too long.
pub(super) fn unverified_claims(token: &str) -> Option<Members> {
    let payload = token.split('.').nth(1).filter(|_| token.len() <= MAX_TOKEN)?;
    Members::read(&decode(payload).ok()?)
}

/// Decodes a part of a token: base64url without padding (RFC 7515, section 2).
fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed)
}
