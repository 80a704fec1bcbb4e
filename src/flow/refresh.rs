//! Refreshing a session: one call, one verification like that of a sign-in, new cookies.

use std::time::Duration;

use crate::config::Config;
use crate::cookie::Cookies;
use crate::decision::Surroundings;
use crate::event::{Event, Level};
use crate::flow::Visit;
use crate::flow::new_tokens::{KEYS_PATIENCE, NewTokens, Verdict};
use crate::http::{Callout, CalloutResult};
use crate::identity::Identity;
use crate::keys::KeyStore;
use crate::oidc::RefreshToken;
use crate::oidc::jwt::{IdClaims, IdTokenError, Whose};
use crate::oidc::token::{OAuthError, TokenError, TokenResponse, parse_token_response};
use crate::seal::Binding;
use crate::session::{CookieStore, NotKept, Session};

/// A session whose tokens are being replaced.
pub struct Refresh {
    session: Session,
    host: String,
    refresh_token: RefreshToken,
    token_parts: Vec<String>,
    stage: Stage,
}

enum Stage {
    Asking,
    AwaitingKeys(NewTokens),
}

/// Where a refresh has got to.
pub enum Progress {
    /// It goes on waiting for keys.
    Wait(Box<Refresh>),
    /// It has come to an end.
    Ended(Box<Session>, Ending),
}

/// How a refresh ended.
pub enum Ending {
    /// New cookies; with the refresh token in them, should the person have signed out meanwhile.
    Renewed {
        /// `Set-Cookie` values, the identity's first.
        cookies: Vec<String>,
        /// What the token cookie now holds.
        refresh_token: RefreshToken,
    },
    /// Cognito can't be reached, is slow, or is throttling.
    Outage(&'static str),
    /// Cognito won't, or what it sent can't be trusted. The session lasts until its tokens expire.
    Refused(&'static str),
}

impl Refresh {
    /// A refresh of `session`, whose cookies are `cookies`, and the call that it begins with. `None` where there is no
    /// refresh token of that session.
    pub fn begin(visit: &Visit<'_>, session: &Session, cookies: &Cookies<'_>) -> Option<(Self, Callout)> {
        let refresh_token = visit.store.refresh_token(cookies, Some(session.id))?;
        let pool = &visit.config.pool;
        let callout = pool.caller(pool.timeouts.token).refresh(&pool.endpoints.token, &refresh_token);
        let refresh = Self {
            session: session.clone(),
            host: visit.origin.host().to_owned(),
            refresh_token,
            token_parts: visit.config.cookies.token_parts(cookies),
            stage: Stage::Asking,
        };
        Some((refresh, callout))
    }

    /// How long a refresh may take in all; nobody else begins one before that.
    pub fn hold(config: &Config) -> Duration {
        config.pool.timeouts.token + KEYS_PATIENCE + Duration::from_secs(1)
    }

    /// Takes the token endpoint's answer.
    pub fn handle_tokens(
        mut self: Box<Self>,
        result: &CalloutResult,
        config: &Config,
        binding: &Binding,
        keys: &mut KeyStore,
        around: &mut Surroundings<'_>,
    ) -> Progress {
        let ending = match parse_token_response(result) {
            Ok(tokens) => {
                self.stage = Stage::AwaitingKeys(NewTokens::new(tokens, around.now));
                return self.verify(config, binding, keys, around);
            }
            Err(TokenError::Refused { code: OAuthError::InvalidGrant, .. }) => {
                Ending::Refused("invalid_grant")
            }
            // Only `invalid_grant` speaks of the session; all else is somebody's mistake that may be mended.
            Err(TokenError::Refused { code, .. }) => Ending::Outage(code.code()),
            Err(TokenError::Unavailable(_)) => Ending::Outage("token_unavailable"),
            Err(TokenError::TimedOut) => Ending::Outage("token_timeout"),
            Err(TokenError::NotDispatched) => Ending::Outage("cluster_missing"),
            Err(TokenError::Nonsense(_)) => Ending::Outage("token_nonsense"),
        };
        Progress::Ended(Box::new(self.session), ending)
    }

    /// Verifies the new ID token, if the keys are there; else waits for them.
    pub fn verify(
        self: Box<Self>,
        config: &Config,
        binding: &Binding,
        keys: &mut KeyStore,
        around: &mut Surroundings<'_>,
    ) -> Progress {
        let Stage::AwaitingKeys(new) = &self.stage else { return Progress::Wait(self) };
        let whose = Whose::Subject(&self.session.identity.subject);
        let ending = match new.verify(whose, &config.pool, keys, around) {
            Verdict::Wait => return Progress::Wait(self),
            Verdict::KeysMissing => Ending::Outage("keys_missing"),
            // That says nothing against the session: a newer key set may know the key.
            Verdict::Bad(error @ IdTokenError::UnknownKey) => Ending::Outage(error.reason()),
            Verdict::Bad(error) => Ending::Refused(error.reason()),
            Verdict::Good(claims) => self.renewed(&claims, &new.tokens, config, binding, around),
        };
        Progress::Ended(Box::new(self.session), ending)
    }

    fn renewed(
        &self,
        claims: &IdClaims,
        tokens: &TokenResponse,
        config: &Config,
        binding: &Binding,
        around: &mut Surroundings<'_>,
    ) -> Ending {
        let store = CookieStore::new(config, binding, &self.host);
        let session = Session {
            id: self.session.id,
            signed_in_at: self.session.signed_in_at,
            renewed_at: around.now,
            expires_at: claims.good_until(around.now),
            seen_at: around.now,
            identity: Identity::from_claims(claims, &config.roles, &config.headers.claims()),
        };
        let refresh_token = tokens.refresh_token.clone().unwrap_or_else(|| self.refresh_token.clone());
        let kept = store.keep(&session, Some(&refresh_token), &self.token_parts, around.now, around.entropy);
        match kept {
            Ok(cookies) => Ending::Renewed { cookies, refresh_token },
            Err(NotKept::IdentityTooLarge(_)) => Ending::Refused("identity_too_large"),
            Err(NotKept::TokensTooLarge(_)) => Ending::Refused("tokens_too_large"),
            Err(NotKept::NoEntropy) => Ending::Outage("no_entropy"),
        }
    }
}

impl Ending {
    /// The log line.
    pub fn event(&self, subject: &str) -> Event {
        let event = match self {
            Self::Renewed { .. } => Event::new(Level::Debug, "refresh.completed"),
            Self::Outage(reason) => Event::new(Level::Warn, "refresh.failed").with("reason", *reason),
            Self::Refused(reason) => Event::new(Level::Info, "refresh.failed").with("reason", *reason),
        };
        event.with("subject", subject)
    }
}
