//! Verification of tokens: the only place where claims become trusted (OIDC Core, section 3.1.3.7; RFC 8725; RFC 9068
//! as far as Cognito follows it; Cognito: "Verifying JSON web tokens").

mod audience;
mod error;
mod signed;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::json::{Json, Members};
use crate::oidc::jwks::KeySet;
use crate::oidc::jwt::audience::{is_for, only_audience};
use crate::oidc::jwt::signed::{Unverified, unverified_claims};
use crate::oidc::{AccessToken, IdToken, Nonce};
use crate::time::UnixTime;

pub use crate::oidc::jwt::error::JwtError;
pub use crate::oidc::jwt::signed::{PortableRs256, VerifyRs256};

/// The tolerance for clock differences.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Cognito's tokens are valid for at most a day. A token that was issued earlier is rejected, whatever its `exp` is.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The required claims of an ID token from a sign-in or refresh.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The accepted values of `iss`, byte for byte.
    pub issuers: &'a [String],
    /// `aud`.
    pub client_id: &'a str,
    /// The connection to the sign-in or the session.
    pub whose: ExpectedHolder<'a>,
    /// The access token of the same response, for `at_hash`.
    pub access_token: &'a AccessToken,
}

/// The person that an ID token must identify.
#[derive(Clone, Copy, Debug)]
pub enum ExpectedHolder<'a> {
    /// The person who signed in with this nonce.
    Nonce(&'a Nonce),
    /// The person with this `sub` (OIDC Core, section 12.2). A refreshed token needs no nonce.
    Subject(&'a str),
}

/// The required claims of a bearer token.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    /// The accepted values of `iss`, byte for byte.
    pub issuers: &'a [String],
    /// The app clients whose tokens are accepted: compared with `client_id` of an access token, or `aud` of an ID
    /// token.
    pub client_ids: &'a [String],
    /// The accepted kinds of token.
    pub uses: &'a [TokenUse],
    /// The resources that an access token may be bound to (RFC 8707).
    pub resources: &'a [String],
}

/// `token_use`: Cognito's name for the kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// An access token.
    Access,
    /// An ID token.
    Id,
}

/// The claims of a verified token. Only [`verify_id_token`] and [`verify_bearer_token`] create them.
#[derive(Clone, Debug)]
pub struct Claims {
    subject: String,
    expires_at: UnixTime,
    claims: Members,
}

impl Claims {
    /// `sub`: identifies the person in this user pool, and never changes.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The last moment at which the token is accepted: `exp` plus the leeway.
    pub fn accepted_until(&self) -> UnixTime {
        self.expires_at.plus(LEEWAY)
    }

    /// `iat`: when it was issued.
    pub fn issued_at(&self) -> UnixTime {
        self.get("iat").and_then(numeric_date).unwrap_or_default()
    }

    /// `auth_time`, or `iat` if that is earlier: when the person signed in. A refresh doesn't change it.
    pub fn signed_in_at(&self) -> UnixTime {
        let auth_time = self.get("auth_time").and_then(numeric_date);
        auth_time.map_or(self.issued_at(), |auth_time| auth_time.min(self.issued_at()))
    }

    /// The same as [`good_until`] for its `exp`.
    pub fn good_until(&self, now: UnixTime) -> UnixTime {
        good_until(self.expires_at, now)
    }

    fn token_use(&self) -> Result<TokenUse, JwtError> {
        match self.required("token_use", JwtError::TokenUseMissing)?.as_deref() {
            Some("access") => Ok(TokenUse::Access),
            Some("id") => Ok(TokenUse::Id),
            _ => Err(JwtError::TokenUse),
        }
    }

    /// A required claim as a text. `None` if it is of another type; the error `missing` if it is absent or empty.
    fn required(&self, name: &str, missing: JwtError) -> Result<Option<String>, JwtError> {
        if self.get(name).is_none_or(Json::is_empty) {
            return Err(missing);
        }
        Ok(self.text(name))
    }

    /// A claim by name, including one that is `null`.
    pub fn get(&self, name: &str) -> Option<Json<'_>> {
        self.claims.get(name)
    }

    /// A claim that is a text and not blank.
    pub fn text(&self, name: &str) -> Option<String> {
        self.claims.text(name)
    }
}

/// The time until which a new token is valid. If it has just expired by our clock, it is still valid for the leeway:
/// if a difference between clocks ended the session at once, the browser would be redirected in a loop.
pub fn good_until(expiry: UnixTime, now: UnixTime) -> UnixTime {
    if expiry > now { expiry } else { now.plus(LEEWAY) }
}

/// Verifies an ID token, as required by OIDC Core and Cognito.
///
/// # Errors
/// The first check that fails.
pub fn verify_id_token(
    token: &IdToken,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: UnixTime,
    rs256: &dyn VerifyRs256,
) -> Result<Claims, JwtError> {
    let claims = verify(token.0.expose(), keys, expected.issuers, now, rs256)?;
    if only_audience(claims.get("aud")).as_deref() != Some(expected.client_id) {
        return Err(JwtError::Audience);
    }
    if claims.token_use()? != TokenUse::Id {
        return Err(JwtError::TokenUse);
    }
    match expected.whose {
        ExpectedHolder::Nonce(expected) => {
            let nonce = claims.required("nonce", JwtError::NonceMissing)?.unwrap_or_default();
            if !expected.0.matches(nonce.as_bytes()) {
                return Err(JwtError::Nonce);
            }
        }
        ExpectedHolder::Subject(expected) if expected != claims.subject => return Err(JwtError::Subject),
        ExpectedHolder::Subject(_) => {}
    }
    if !at_hash_matches(claims.get("at_hash"), expected.access_token) {
        return Err(JwtError::AccessTokenHash);
    }
    Ok(claims)
}

/// Verifies a token that an API client sent. Cognito's access tokens name their client in `client_id`, and have `aud`
/// only if they are bound to a resource; its ID tokens have `aud` and no `client_id`.
///
/// # Errors
/// The first check that fails.
pub fn verify_bearer_token(
    token: &str,
    keys: &KeySet,
    accepted: &Accepted<'_>,
    now: UnixTime,
    rs256: &dyn VerifyRs256,
) -> Result<(TokenUse, Claims), JwtError> {
    let claims = verify(token, keys, accepted.issuers, now, rs256)?;
    let token_use = claims.token_use()?;
    if !accepted.uses.contains(&token_use) {
        return Err(JwtError::TokenUse);
    }
    let client = match token_use {
        TokenUse::Access => claims.text("client_id"),
        TokenUse::Id => only_audience(claims.get("aud")),
    };
    let client = client.filter(|client| accepted.client_ids.contains(client)).ok_or(JwtError::Audience)?;
    if token_use == TokenUse::Access && !is_for(claims.get("aud"), &client, accepted.resources) {
        return Err(JwtError::Resource);
    }
    Ok((token_use, claims))
}

/// Unverified claims of a token. They only select the keys to verify it with.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// `iss`; empty if it has none.
    pub issuer: String,
    /// `client_id`, else `aud`.
    pub client: Option<String>,
}

impl Claimed {
    /// Reads them from a token. `None` if its payload can't be read, or if it is too long.
    pub fn by(token: &str) -> Option<Self> {
        let claims = unverified_claims(token)?;
        Some(Self {
            issuer: claims.text("iss").unwrap_or_default(),
            client: claims.text("client_id").or_else(|| claims.text("aud")),
        })
    }
}

/// The `exp` of an access token, if it can be read. The token is opaque to a client (RFC 6749, section 1.4), and its
/// signature isn't verified here, so this may only make a session's tokens expire earlier, never later.
pub fn claimed_expiry(token: &AccessToken) -> Option<UnixTime> {
    numeric_date(unverified_claims(token.0.expose())?.get("exp")?)
}

/// The checks that all tokens of an issuer share: signature, issuer, times and subject. No claim is read before the
/// signature is verified.
fn verify(
    token: &str,
    keys: &KeySet,
    issuers: &[String],
    now: UnixTime,
    rs256: &dyn VerifyRs256,
) -> Result<Claims, JwtError> {
    let claims = Unverified::parse(token)?.verify(keys, rs256)?.into_claims();
    let date = |name: &str| claims.get(name).and_then(numeric_date);
    if !claims.text("iss").is_some_and(|issuer| issuers.contains(&issuer)) {
        return Err(JwtError::Issuer);
    }
    let (expires_at, issued_at) = (date("exp").ok_or(JwtError::Expired)?, date("iat"));
    let expires_at = issued_at.map_or(expires_at, |issued_at| expires_at.min(issued_at.plus(LONGEST_LIFE)));
    if expires_at.plus(LEEWAY) <= now {
        return Err(JwtError::Expired);
    }
    let issued_at = issued_at.ok_or(JwtError::NotYetValid)?;
    let not_before = match claims.get("nbf") {
        Some(nbf) => numeric_date(nbf).ok_or(JwtError::NotYetValid)?,
        None => issued_at,
    };
    if issued_at.max(not_before) > now.plus(LEEWAY) {
        return Err(JwtError::NotYetValid);
    }
    let subject = claims.text("sub").filter(|subject| is_subject(subject)).ok_or(JwtError::Subject)?;
    Ok(Claims { subject, expires_at, claims })
}

/// A `NumericDate` (RFC 7519, section 2): seconds, possibly with a fraction.
fn numeric_date(value: Json<'_>) -> Option<UnixTime> {
    let seconds = value.number().filter(|seconds| *seconds >= 0.0)?;
    // `as` saturates, and fractions of a second aren't needed.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(UnixTime::from_secs(seconds as u64))
}

/// OIDC Core, section 2: at most 255 ASCII characters. Control characters can't be in a header.
fn is_subject(subject: &str) -> bool {
    (1..=255).contains(&subject.len()) && subject.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// OIDC Core, section 3.1.3.6: the left half of the access token's SHA-256. Optional in the code flow.
fn at_hash_matches(at_hash: Option<Json<'_>>, access_token: &AccessToken) -> bool {
    let Some(at_hash) = at_hash else { return true };
    let digest = Sha256::digest(access_token.0.expose());
    let half = digest.get(..16).unwrap_or_default();
    at_hash.text().is_some_and(|at_hash| at_hash == URL_SAFE_NO_PAD.encode(half))
}

#[cfg(test)]
mod tests;
