//! New tokens from a sign-in or a refresh. Before they become a session, the ID token is verified, which may have to
//! wait for the key set. Then the attributes that it lacks are requested, if the configuration says so.

use std::sync::Arc;
use std::time::Duration;

use crate::cognito::attributes::{AttributesError, UserAttributes};
use crate::cognito::identity::headers::Source;
use crate::cognito::identity::{Identity, KeptClaims};
use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::decision::HostEnv;
use crate::http::{Callout, CalloutResult};
use crate::oidc::SessionTokens;
use crate::oidc::call::CallError;
use crate::oidc::jwt::{
    Claims, Expected, ExpectedHolder, JwtError, claimed_expiry, good_until, verify_id_token,
};
use crate::oidc::token::TokenResponse;
use crate::shared::key_sets::{KeySetCaches, Newer};
use crate::time::UnixTime;

/// The maximum time that tokens wait for the key set.
pub const KEYS_PATIENCE: Duration = Duration::from_secs(10);

/// What is needed to verify new tokens, besides the tokens.
pub struct VerifyContext<'b, 'a> {
    /// The configuration.
    pub config: &'b Config,
    /// The key sets of all pools.
    pub keys: &'b mut KeySetCaches,
    /// Whether the deny list names a verified ID token.
    pub is_revoked: &'b dyn Fn(&Claims) -> bool,
    /// What the host provides.
    pub env: &'b mut HostEnv<'a>,
}

/// Tokens that aren't trusted yet.
pub struct NewTokens {
    tokens: TokenResponse,
    received_at: UnixTime,
    stage: Stage,
}

enum Stage {
    AwaitingKeys {
        deadline: UnixTime,
        /// The generation of a key set without the token's key, so that it isn't tried again.
        unknown_to: Option<u32>,
    },
    /// The ID token is valid; attributes are missing.
    AwaitingAttributes(Claims),
}

/// The result of verifying new tokens.
pub enum Verdict {
    /// Not known yet: wait for the keys.
    Wait,
    /// They are valid; this call requests the attributes that they lack.
    Ask(Callout),
    /// They are valid.
    Good(Box<VerifiedTokens>),
    /// They are invalid.
    Bad(JwtError),
    /// There is no key set, and none arrived in time.
    KeysMissing,
}

/// The content of verified tokens.
pub struct VerifiedTokens {
    /// The person's identity.
    pub identity: Arc<Identity>,
    /// When the first of the tokens expires.
    pub expires_at: UnixTime,
    /// The tokens to keep. No refresh token if Cognito sent none.
    pub tokens: SessionTokens,
}

impl NewTokens {
    /// Tokens that arrived at `now`.
    pub fn new(tokens: TokenResponse, now: UnixTime) -> Self {
        let deadline = now.plus(KEYS_PATIENCE);
        Self { tokens, received_at: now, stage: Stage::AwaitingKeys { deadline, unknown_to: None } }
    }

    /// Verifies the ID token, if the keys are known.
    pub fn verify(
        &mut self,
        whose: ExpectedHolder<'_>,
        pool: &Pool,
        verify: &mut VerifyContext<'_, '_>,
    ) -> Verdict {
        let (Stage::AwaitingKeys { deadline, unknown_to }, Some(keys)) =
            (&mut self.stage, verify.keys.of(pool))
        else {
            return Verdict::KeysMissing;
        };
        let env = &*verify.env;
        keys.adopt(env.shared);
        let (out_of_patience, generation) = (env.now >= *deadline, keys.generation());
        let expected = Expected {
            issuers: &pool.cognito.issuers,
            client_id: &pool.cognito.client_id,
            whose,
            access_token: &self.tokens.access_token,
        };
        let verdict = keys.keys().map(|keys| {
            if *unknown_to == Some(generation) {
                return Err(JwtError::UnknownKey);
            }
            verify_id_token(&self.tokens.id_token, keys, &expected, env.now, env.rs256)
        });
        match verdict {
            None if out_of_patience => Verdict::KeysMissing,
            None => Verdict::Wait,
            Some(Ok(claims)) if (verify.is_revoked)(&claims) => Verdict::Bad(JwtError::Revoked),
            Some(Ok(claims)) => self.verified(claims, pool, verify),
            Some(Err(JwtError::UnknownKey)) if !out_of_patience => {
                *unknown_to = Some(generation);
                match keys.ask_for_newer(env.now, env.shared) {
                    Newer::Coming => Verdict::Wait,
                    Newer::Throttled => Verdict::Bad(JwtError::UnknownKey),
                }
            }
            Some(Err(error)) => Verdict::Bad(error),
        }
    }

    fn verified(&mut self, claims: Claims, pool: &Pool, verify: &VerifyContext<'_, '_>) -> Verdict {
        match UserAttributes::ask(&pool.cognito, &self.tokens.access_token) {
            Some(callout) => {
                self.stage = Stage::AwaitingAttributes(claims);
                Verdict::Ask(callout)
            }
            None => Verdict::Good(Box::new(self.content(&claims, None, pool, verify))),
        }
    }

    /// Handles the response to the request for attributes.
    ///
    /// # Errors
    /// If it has no attributes of this person.
    pub fn handle_attributes(
        &self,
        result: &CalloutResult,
        pool: &Pool,
        verify: &VerifyContext<'_, '_>,
    ) -> Result<VerifiedTokens, AttributesError> {
        let Stage::AwaitingAttributes(claims) = &self.stage else {
            return Err(CallError::Unavailable(0).into());
        };
        let attributes = UserAttributes::read(pool.cognito.attributes_from, result, claims)?;
        Ok(self.content(claims, Some(&attributes), pool, verify))
    }

    fn content(
        &self,
        claims: &Claims,
        attributes: Option<&UserAttributes>,
        pool: &Pool,
        verify: &VerifyContext<'_, '_>,
    ) -> VerifiedTokens {
        let Config { headers, rules, .. } = verify.config;
        let wanted = KeptClaims { for_headers: &headers.claims(), for_rules: rules.claims() };
        VerifiedTokens {
            identity: Arc::new(Identity::of_id_token(claims, attributes, &pool.roles, wanted)),
            expires_at: self.expires_at(claims, verify.env.now),
            tokens: self.kept(verify.config),
        }
    }

    /// When the first of the tokens expires: an app that gets them needs both to be valid.
    fn expires_at(&self, claims: &Claims, now: UnixTime) -> UnixTime {
        let tokens = &self.tokens;
        let by_answer = tokens.expires_in.map(|lasts| self.received_at.plus(lasts));
        let by_access_token = claimed_expiry(&tokens.access_token).map(|expiry| good_until(expiry, now));
        let others = by_answer.into_iter().chain(by_access_token);
        others.fold(claims.good_until(now), UnixTime::min)
    }

    /// The tokens that a session keeps: the refresh token, and those that are sent upstream.
    pub fn kept(&self, config: &Config) -> SessionTokens {
        let forwards = |source| config.headers.forwards(source);
        SessionTokens {
            refresh: self.tokens.refresh_token.clone(),
            id: forwards(&Source::IdToken).then(|| self.tokens.id_token.clone()),
            access: forwards(&Source::AccessToken).then(|| self.tokens.access_token.clone()),
        }
    }
}
