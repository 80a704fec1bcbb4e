//! Verifying ID tokens: the only place where claims become trusted (OIDC Core, section 3.1.3.7;
//! RFC 8725; Cognito: "Verifying JSON web tokens").

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::alg::Rsa;
use jwt_compact::{Algorithm as _, AlgorithmSignature as _, UntrustedToken};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::oidc::jwks::{Key, KeySet};
use crate::oidc::{AccessToken, IdToken, Nonce};
use crate::time::UnixTime;

/// How far clocks may differ.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// The longest token that is looked at, in bytes. Cognito's largest come to some 21 KB.
const MAX_TOKEN: usize = 64 * 1024;

/// Something that verifies RS256 (RFC 7518, section 3.3). The host may do it natively.
pub trait VerifyRs256 {
    /// Whether `signature` is the signature of `message` under `key`.
    #[must_use]
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool;
}

/// RS256 by `jwt-compact`, anywhere.
#[derive(Clone, Copy, Debug)]
pub struct PortableRs256;

impl VerifyRs256 for PortableRs256 {
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        <Rsa as jwt_compact::Algorithm>::Signature::try_from_slice(signature)
            .is_ok_and(|signature| Rsa::rs256().verify_signature(&signature, key.public(), message))
    }
}

/// What an ID token must say to be ours.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`, byte for byte.
    pub issuer: &'a str,
    /// `aud`.
    pub client_id: &'a str,
    /// What ties it to the sign-in, or to the session.
    pub whose: Whose<'a>,
    /// The access token that came along, for `at_hash`.
    pub access_token: &'a AccessToken,
}

/// Whose an ID token must be.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// Of the sign-in that had this nonce.
    Nonce(&'a Nonce),
    /// Of the person that had this `sub` before (OIDC Core, section 12.2). A refreshed token needs no nonce.
    Subject(&'a str),
}

/// The claims of a verified ID token. There is no other way to make one than [`verify_id_token`].
#[derive(Clone, Debug)]
pub struct IdClaims {
    subject: String,
    expires_at: UnixTime,
    claims: Map<String, Value>,
}

impl IdClaims {
    /// `sub`: who this is, for ever and within this user pool.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `exp`. A token that our clock calls just expired is good for the leeway at least: to end a session
    /// on the spot because of clocks that differ would send the browser round in circles.
    pub fn good_until(&self, now: UnixTime) -> UnixTime {
        if self.expires_at > now { self.expires_at } else { now.plus(LEEWAY) }
    }

    /// Any claim by its name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }
}

/// Why an ID token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdTokenError {
    /// The key set has no key of that id; a newer one may.
    UnknownKey,
    /// Not a JWT, or too long for one.
    Malformed,
    /// Another algorithm than RS256.
    Algorithm,
    /// No `kid`.
    KeyIdMissing,
    /// The signature isn't the key's.
    Signature,
    /// `iss` is another.
    Issuer,
    /// `aud` is another client, or there are several.
    Audience,
    /// Expired, or without `exp`.
    Expired,
    /// Issued in the future, not valid yet, or without `iat`: somebody's clock is off.
    NotYetValid,
    /// `nonce` is not that of this sign-in.
    Nonce,
    /// Not an ID token.
    TokenUse,
    /// The access token that came along isn't the one it was issued with.
    AccessTokenHash,
    /// No usable `sub`, or another person's.
    Subject,
}

impl IdTokenError {
    /// A short name for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownKey => "id_token_unknown_key",
            Self::Malformed => "id_token_malformed",
            Self::Algorithm => "id_token_algorithm",
            Self::KeyIdMissing => "id_token_kid_missing",
            Self::Signature => "id_token_signature",
            Self::Issuer => "id_token_issuer",
            Self::Audience => "id_token_audience",
            Self::Expired => "id_token_expired",
            Self::NotYetValid => "id_token_not_yet_valid",
            Self::Nonce => "id_token_nonce",
            Self::TokenUse => "id_token_token_use",
            Self::AccessTokenHash => "id_token_at_hash",
            Self::Subject => "id_token_subject",
        }
    }
}

/// Verifies an ID token: RS256 and nothing else, a key of the set, then every claim that
/// OIDC Core and Cognito name. The signature is checked last of the cheap and first of the
/// meaningful: no claim is read before it holds.
///
/// # Errors
/// With the first check that fails.
pub fn verify_id_token(
    token: &IdToken,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: UnixTime,
    rs256: &dyn VerifyRs256,
) -> Result<IdClaims, IdTokenError> {
    let text = token.0.expose().as_str();
    let claims = verified_claims(text, keys, rs256)?;
    let date = |name: &str| claims.get(name).and_then(numeric_date);
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(IdTokenError::Issuer);
    }
    if !is_only_audience(claims.get("aud"), expected.client_id) {
        return Err(IdTokenError::Audience);
    }
    let expires_at = date("exp").ok_or(IdTokenError::Expired)?;
    if expires_at.plus(LEEWAY) <= now {
        return Err(IdTokenError::Expired);
    }
    let issued_at = date("iat").ok_or(IdTokenError::NotYetValid)?;
    let not_before = match claims.get("nbf") {
        Some(nbf) => numeric_date(nbf).ok_or(IdTokenError::NotYetValid)?,
        None => issued_at,
    };
    if issued_at.max(not_before) > now.plus(LEEWAY) {
        return Err(IdTokenError::NotYetValid);
    }
    let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| is_subject(subject));
    let subject = subject.ok_or(IdTokenError::Subject)?.to_owned();
    if claims.get("token_use").and_then(Value::as_str) != Some("id") {
        return Err(IdTokenError::TokenUse);
    }
    match expected.whose {
        Whose::Nonce(expected) => {
            let nonce = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
            if !expected.0.matches(nonce.as_bytes()) {
                return Err(IdTokenError::Nonce);
            }
        }
        Whose::Subject(expected) if expected != subject => return Err(IdTokenError::Subject),
        Whose::Subject(_) => {}
    }
    if !at_hash_matches(claims.get("at_hash"), expected.access_token) {
        return Err(IdTokenError::AccessTokenHash);
    }
    Ok(IdClaims { subject, expires_at, claims })
}

/// What matters of a token's header beside what `jwt-compact` reads.
#[derive(Deserialize)]
struct Extensions {
    /// Extensions that must be understood (RFC 7515, section 4.1.11). None is.
    #[serde(default)]
    crit: Option<Value>,
}

fn verified_claims(
    text: &str,
    keys: &KeySet,
    rs256: &dyn VerifyRs256,
) -> Result<Map<String, Value>, IdTokenError> {
    if text.len() > MAX_TOKEN {
        return Err(IdTokenError::Malformed);
    }
    let token = UntrustedToken::<Extensions>::try_from(text).map_err(|_| IdTokenError::Malformed)?;
    if token.header().other_fields.crit.is_some() {
        return Err(IdTokenError::Malformed);
    }
    if token.algorithm() != "RS256" {
        return Err(IdTokenError::Algorithm);
    }
    let kid = token.header().key_id.as_deref().ok_or(IdTokenError::KeyIdMissing)?;
    let key = keys.find(kid).ok_or(IdTokenError::UnknownKey)?;
    let (signing_input, _) = text.rsplit_once('.').ok_or(IdTokenError::Malformed)?;
    if !rs256.verify(&key, signing_input.as_bytes(), token.signature_bytes()) {
        return Err(IdTokenError::Signature);
    }
    // jwt-compact's own claims type would read dates into `chrono`; plain JSON keeps them whole.
    let (_, payload) = signing_input.split_once('.').ok_or(IdTokenError::Malformed)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| IdTokenError::Malformed)?;
    serde_json::from_slice(&payload).map_err(|_| IdTokenError::Malformed)
}

/// Cognito's ID tokens have one audience, a string. A list of one says the same; any more would be a
/// token for somebody else as well.
fn is_only_audience(aud: Option<&Value>, client_id: &str) -> bool {
    match aud {
        Some(Value::String(aud)) => aud == client_id,
        Some(Value::Array(list)) => matches!(list.as_slice(), [Value::String(aud)] if aud == client_id),
        _ => false,
    }
}

/// A `NumericDate` (RFC 7519, section 2): seconds, possibly with a fraction.
fn numeric_date(value: &Value) -> Option<UnixTime> {
    if let Some(seconds) = value.as_u64() {
        return Some(UnixTime::from_secs(seconds));
    }
    let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
    // `as` saturates, and a fraction of a second is of no use to anybody here.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(UnixTime::from_secs(seconds as u64))
}

/// OIDC Core, section 2: at most 255 ASCII characters. Control characters would never pass through
/// a header.
fn is_subject(subject: &str) -> bool {
    (1..=255).contains(&subject.len()) && subject.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// OIDC Core, section 3.1.3.6: the left half of the access token's SHA-256. Optional in the code flow.
fn at_hash_matches(at_hash: Option<&Value>, access_token: &AccessToken) -> bool {
    let Some(at_hash) = at_hash else { return true };
    let digest = Sha256::digest(access_token.0.expose());
    let half = digest.get(..16).unwrap_or_default();
    at_hash.as_str() == Some(URL_SAFE_NO_PAD.encode(half).as_str())
}
