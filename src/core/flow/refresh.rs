//! Refreshing a session: new tokens, verified like those of a sign-in, and new cookies.

use std::sync::Arc;
use std::time::Duration;

use crate::cognito::attributes::AttributesError;
use crate::cognito::pool::Pool;
use crate::cognito::user_pool::AttributesFrom;
use crate::decision::RefreshId;
use crate::flow::context::RequestContext;
use crate::flow::new_tokens::{KEYS_PATIENCE, NewTokens, Verdict, VerifiedTokens, VerifyContext};
use crate::http::cookie::Cookies;
use crate::http::{Callout, CalloutResult};
use crate::oidc::jwt::{ExpectedHolder, JwtError};
use crate::oidc::token::{OAuthError, TokenEndpointError, parse_token_response};
use crate::oidc::{RefreshToken, SessionTokens};
use crate::session::{CookieStore, Session, StoreError};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// A session whose tokens are being replaced.
pub struct Refresh {
    pool: Arc<Pool>,
    session: Session,
    host: String,
    refresh_token: RefreshToken,
    token_parts: Vec<String>,
    /// `Set-Cookie` values that delete the browser's cookies of the other kind.
    leftovers: Vec<String>,
    stage: Stage,
}

enum Stage {
    Asking,
    Verifying(NewTokens),
}

/// The next step of a refresh.
pub enum RefreshStep {
    /// It waits for keys.
    Wait(Box<Refresh>),
    /// It continues with this call.
    Call(Box<Refresh>, Callout),
    /// It has ended.
    Ended(Arc<Pool>, Box<Session>, RefreshOutcome),
}

/// How a refresh ended.
pub enum RefreshOutcome {
    /// The session has new cookies. Their refresh token is included, in case the person has signed out meanwhile.
    Renewed {
        /// `Set-Cookie` values.
        cookies: Vec<String>,
        /// The refresh token in the new token cookie.
        refresh_token: RefreshToken,
        /// Why the old identity was kept: the new tokens are stored but unverified or incomplete.
        trouble: Option<&'static str>,
    },
    /// Cognito can't be reached, is slow, or is throttling.
    Unavailable(&'static str),
    /// Cognito refused, or its response can't be trusted. The session lasts until its tokens expire.
    Refused(&'static str),
}

impl Refresh {
    /// A refresh of `session`, whose cookies are `cookies`, and its first call. `None` if the cookies contain no
    /// refresh token of that session.
    pub fn begin(
        ctx: &RequestContext<'_>,
        pool: &Arc<Pool>,
        session: &Session,
        cookies: &Cookies<'_>,
    ) -> Option<(Self, Callout)> {
        let refresh_token = ctx.store(pool).session_tokens(cookies, Some(session.id))?.refresh?;
        let cognito = &pool.cognito;
        let caller = cognito.caller(cognito.timeouts.token);
        let callout = caller.refresh(&cognito.endpoints.token, &refresh_token);
        let refresh = Self {
            pool: Arc::clone(pool),
            session: session.clone(),
            host: ctx.origin.host().to_owned(),
            refresh_token,
            token_parts: pool.cookies.token_parts(cookies),
            leftovers: ctx.store(pool).leftovers(cookies),
            stage: Stage::Asking,
        };
        Some((refresh, callout))
    }

    /// The pool of the session.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether it waits for the token endpoint.
    pub const fn asks_for_tokens(&self) -> bool {
        matches!(self.stage, Stage::Asking)
    }

    /// Identifies this refresh to requests that wait for it.
    pub const fn watch(&self) -> RefreshId {
        RefreshId::of(&self.session)
    }

    /// How long a whole refresh may take. Nobody else starts one of the same session before that.
    pub fn hold(pool: &Pool) -> Duration {
        let timeouts = &pool.cognito.timeouts;
        let attributes = match pool.cognito.attributes_from {
            AttributesFrom::IdToken => Duration::ZERO,
            AttributesFrom::UserInfo | AttributesFrom::GetUser => timeouts.userinfo,
        };
        timeouts.token + KEYS_PATIENCE + attributes + Duration::from_secs(1)
    }

    /// Handles the response to its call: from the token endpoint, or with attributes.
    pub fn handle_answer(
        mut self: Box<Self>,
        result: &CalloutResult,
        verify: &mut VerifyContext<'_, '_>,
    ) -> RefreshStep {
        if let Stage::Verifying(new) = &self.stage {
            let ending = match new.handle_attributes(result, &self.pool, verify) {
                Ok(verified) => self.renewed(verified, None, verify),
                Err(error) => self.without_attributes(new, error, verify),
            };
            return self.ended(ending);
        }
        let ending = match parse_token_response(result) {
            Ok(tokens) => {
                self.stage = Stage::Verifying(NewTokens::new(tokens, verify.env.now));
                return self.verify(verify);
            }
            Err(error) => RefreshOutcome::without_tokens(&error),
        };
        self.ended(ending)
    }

    fn ended(self, ending: RefreshOutcome) -> RefreshStep {
        RefreshStep::Ended(self.pool, Box::new(self.session), ending)
    }

    /// Verifies the new ID token if the keys are known; otherwise waits for them.
    pub fn verify(mut self: Box<Self>, verify: &mut VerifyContext<'_, '_>) -> RefreshStep {
        let Stage::Verifying(new) = &mut self.stage else { return RefreshStep::Wait(self) };
        let whose = ExpectedHolder::Subject(&self.session.identity.subject);
        let ending = match new.verify(whose, &self.pool, verify) {
            Verdict::Wait => return RefreshStep::Wait(self),
            Verdict::Ask(callout) => return RefreshStep::Call(self, callout),
            Verdict::KeysMissing => self.without_keys("keys_missing", verify),
            // The session may still be valid: a newer key set may have the key.
            Verdict::Bad(error @ JwtError::UnknownKey) => self.without_keys(error.reason(), verify),
            Verdict::Bad(error) => RefreshOutcome::Refused(error.reason()),
            Verdict::Good(verified) => self.renewed(*verified, None, verify),
        };
        self.ended(ending)
    }

    /// The tokens are valid, but attributes are missing. The refresh token may be a new one that has replaced the old
    /// one, so it is kept. The session keeps its old identity and expiry, and the next refresh tries again.
    fn without_attributes(
        &self,
        new: &NewTokens,
        error: AttributesError,
        verify: &mut VerifyContext<'_, '_>,
    ) -> RefreshOutcome {
        if !error.may_pass() {
            return RefreshOutcome::Refused(error.reason());
        }
        let verified = VerifiedTokens {
            identity: Arc::clone(&self.session.identity),
            expires_at: self.session.expires_at,
            tokens: new.kept(verify.config),
        };
        self.renewed(verified, Some(error.reason()), verify)
    }

    /// The new tokens can't be verified yet. Only a new refresh token is kept, because it has replaced the old one;
    /// the tokens that it gets next must still be the same person's.
    fn without_keys(&self, reason: &'static str, verify: &mut VerifyContext<'_, '_>) -> RefreshOutcome {
        let Stage::Verifying(new) = &self.stage else { return RefreshOutcome::Unavailable(reason) };
        let Some(refresh) = new.kept(verify.config).refresh else {
            return RefreshOutcome::Unavailable(reason);
        };
        let verified = VerifiedTokens {
            identity: Arc::clone(&self.session.identity),
            expires_at: self.session.expires_at,
            tokens: SessionTokens { refresh: Some(refresh), id: None, access: None },
        };
        self.renewed(verified, Some(reason), verify)
    }

    fn renewed(
        &self,
        mut verified: VerifiedTokens,
        trouble: Option<&'static str>,
        verify: &mut VerifyContext<'_, '_>,
    ) -> RefreshOutcome {
        let env = &mut *verify.env;
        let store = CookieStore::new(verify.config, &self.pool, &self.host);
        // If it is shared, it is the session's own.
        if let Some(identity) = Arc::get_mut(&mut verified.identity) {
            identity.keep_sign_in_of(&self.session.identity);
        }
        let session = Session {
            id: self.session.id,
            signed_in_at: self.session.signed_in_at,
            // In whole seconds and strictly increasing, so that this session differs from the one before it.
            renewed_at: env.now.max(self.session.renewed_at.plus(Duration::from_secs(1))),
            expires_at: verified.expires_at,
            seen_at: env.now,
            identity: verified.identity,
        };
        let refresh_token = verified.tokens.refresh.get_or_insert_with(|| self.refresh_token.clone()).clone();
        match store.keep(&session, &verified.tokens, &self.token_parts, env.now, env.entropy) {
            Ok(kept) => {
                let cookies = self.leftovers.iter().cloned().chain(kept).collect();
                RefreshOutcome::Renewed { cookies, refresh_token, trouble }
            }
            Err(error @ StoreError::Seal(_)) => RefreshOutcome::Unavailable(error.reason()),
            Err(error) => RefreshOutcome::Refused(error.reason()),
        }
    }
}

impl RefreshOutcome {
    /// The outcome if the token endpoint returned no tokens. Only `invalid_grant` concerns the session; every other
    /// error may be gone next time.
    fn without_tokens(error: &TokenEndpointError) -> Self {
        match error {
            TokenEndpointError::Refused { code: OAuthError::InvalidGrant, .. } => {
                Self::Refused(error.reason())
            }
            _ => Self::Unavailable(error.reason()),
        }
    }

    /// The log line.
    pub fn event(&self, subject: &str) -> Event {
        let event = match self {
            Self::Renewed { trouble: None, .. } => Event::counted(Level::Debug, Counter::RefreshCompleted),
            Self::Renewed { trouble: Some(reason), .. } | Self::Unavailable(reason) => {
                Event::counted(Level::Warn, Counter::RefreshFailed(reason))
            }
            Self::Refused(reason) => Event::counted(Level::Info, Counter::RefreshFailed(reason)),
        };
        event.with("subject", subject)
    }
}
