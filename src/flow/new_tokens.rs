//! Tokens that have just come, of a sign-in or of a refresh, and whose ID token is yet to be verified: that
//! may take a key set that is yet to come.

use std::cell::Cell;
use std::time::Duration;

use crate::cognito::UserPool;
use crate::decision::Surroundings;
use crate::keys::{KeyStore, Newer};
use crate::oidc::jwt::{Expected, IdClaims, IdTokenError, Whose, verify_id_token};
use crate::oidc::token::TokenResponse;
use crate::time::UnixTime;

/// How long tokens wait for the key set at most.
pub const KEYS_PATIENCE: Duration = Duration::from_secs(10);

/// Tokens, not verified yet.
pub struct NewTokens {
    /// What the token endpoint has sent.
    pub tokens: TokenResponse,
    deadline: UnixTime,
    /// The generation of a key set that lacks the token's key, so that it isn't asked again.
    unknown_to: Cell<Option<u32>>,
}

/// What becomes of new tokens.
pub enum Verdict {
    /// The keys may come yet.
    Wait,
    /// They are good.
    Good(IdClaims),
    /// They are not.
    Bad(IdTokenError),
    /// There is no key set, and none came in time.
    KeysMissing,
}

impl NewTokens {
    /// Tokens that came now.
    pub fn new(tokens: TokenResponse, now: UnixTime) -> Self {
        Self { tokens, deadline: now.plus(KEYS_PATIENCE), unknown_to: Cell::default() }
    }

    /// Verifies the ID token, if the keys are there.
    pub fn verify(
        &self,
        whose: Whose<'_>,
        pool: &UserPool,
        keys: &mut KeyStore,
        around: &Surroundings<'_>,
    ) -> Verdict {
        keys.adopt(around.shared);
        let out_of_patience = around.now >= self.deadline;
        let generation = keys.generation();
        let expected = Expected {
            issuer: &pool.issuer,
            client_id: &pool.client_id,
            whose,
            access_token: &self.tokens.access_token,
        };
        let verdict = keys.keys().map(|keys| {
            if self.unknown_to.get() == Some(generation) {
                return Err(IdTokenError::UnknownKey);
            }
            verify_id_token(&self.tokens.id_token, keys, &expected, around.now, around.rs256)
        });
        match verdict {
            None if out_of_patience => Verdict::KeysMissing,
            None => Verdict::Wait,
            Some(Ok(claims)) => Verdict::Good(claims),
            Some(Err(IdTokenError::UnknownKey)) if !out_of_patience => {
                self.unknown_to.set(Some(generation));
                match keys.ask_for_newer(around.now, around.shared) {
                    Newer::Coming => Verdict::Wait,
                    Newer::Throttled => Verdict::Bad(IdTokenError::UnknownKey),
                }
            }
            Some(Err(error)) => Verdict::Bad(error),
        }
    }
}
