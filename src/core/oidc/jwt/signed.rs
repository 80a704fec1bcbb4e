//! Signed tokens (JWS, RFC 7515) in compact form: splitting them, and verifying their RS256 signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::UntrustedToken;
use rsa::Pkcs1v15Sign;
use serde::Deserialize;
use serde::de::IgnoredAny;
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

/// RS256 in wasm, for any host, with the crate that `jwt-compact` uses for RSA. The `Rsa` type of `jwt-compact` would
/// add RS384, RS512 and PSS, which is 15 KB of the filter's 590.
#[derive(Clone, Copy, Debug)]
pub struct PortableRs256;

impl VerifyRs256 for PortableRs256 {
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        key.public().verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).is_ok()
    }
}

/// The relevant header parameters that `jwt-compact` doesn't read.
#[derive(Deserialize)]
struct Extensions {
    /// Extensions that must be understood (RFC 7515, section 4.1.11). The filter supports none.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

/// A token whose signature is not verified yet.
pub(super) struct Unverified<'t> {
    token: UntrustedToken<'t, Extensions>,
    signing_input: &'t str,
    payload: &'t str,
}

/// The claims of a token whose signature is verified. Issuer, audience and times are not checked yet. Only
/// [`Unverified::verify`] creates it.
pub(super) struct Signed(Members);

impl<'t> Unverified<'t> {
    /// Splits a token. Its header must be readable.
    ///
    /// # Errors
    /// [`JwtError::Malformed`].
    pub(super) fn parse(text: &'t str) -> Result<Self, JwtError> {
        if text.len() > MAX_TOKEN {
            return Err(JwtError::Malformed);
        }
        let token = UntrustedToken::try_from(text).map_err(|_| JwtError::Malformed)?;
        let (signing_input, _) = text.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (_, payload) = signing_input.split_once('.').ok_or(JwtError::Malformed)?;
        Ok(Self { token, signing_input, payload })
    }

    /// Verifies the signature: only RS256, with a key of the set. No claim is read before that.
    ///
    /// # Errors
    /// The first check that fails.
    pub(super) fn verify(&self, keys: &KeySet, rs256: &dyn VerifyRs256) -> Result<Signed, JwtError> {
        let header = self.token.header();
        if header.other_fields.crit.is_some() {
            return Err(JwtError::Malformed);
        }
        if self.token.algorithm() != "RS256" {
            return Err(JwtError::Algorithm);
        }
        let key_id = header.key_id.as_deref().ok_or(JwtError::KeyIdMissing)?;
        let key = keys.find(key_id).ok_or(JwtError::UnknownKey)?;
        if !rs256.verify(&key, self.signing_input.as_bytes(), self.token.signature_bytes()) {
            return Err(JwtError::Signature);
        }
        read_claims(self.payload).map(Signed).ok_or(JwtError::Malformed)
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
    read_claims(payload)
}

/// Reads the payload of a token.
///
/// `jwt-compact` 0.8 gives no access to the bytes. It reads them only into its `Claims`, which fail as a whole
/// for one date that is `null`, one number beyond `f64` or one list that is too deep. So do its `Validator` and
/// `Token`.
fn read_claims(payload: &str) -> Option<Members> {
    Members::read(&URL_SAFE_NO_PAD.decode(payload).ok()?)
}
