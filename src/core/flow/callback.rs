//! The callback: first the state is checked, then the code is redeemed, then the ID token is verified, then cookies
//! are set.

mod visitor;

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::crypto::secret::{Entropy, Secret, random_bytes};
use crate::decision::StreamId;
use crate::flow::callback::visitor::Visitor;
use crate::flow::context::RequestContext;
use crate::flow::destination::{Destination, FlowCookies, Link, MAX_LINK};
use crate::flow::failure::SignInFailure;
use crate::flow::new_tokens::{NewTokens, Verdict, VerifiedTokens, VerifyContext};
use crate::flow::step_up;
use crate::http::cookie::SameSite;
use crate::http::{Callout, CalloutResult, Response, parse_query};
use crate::oidc::authorization::{AuthorizationOutcome, AuthorizationResponse, NoAuthorizationResponse};
use crate::oidc::jwt::ExpectedHolder;
use crate::oidc::token::parse_token_response;
use crate::oidc::{CodeVerifier, Nonce};
use crate::pages::messages;
use crate::pages::page::Page;
use crate::session::return_to::ReturnTo;
use crate::session::{CookieStore, FlowId, PendingSignIn, Session, StoreError};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::time::UnixTime;

/// The first step of a callback.
pub enum CallbackStart {
    /// It ends here.
    Done(Response, Option<Event>),
    /// This call redeems its code.
    Redeem(Box<CodeExchange>, Callout),
}

/// A sign-in whose code is being redeemed.
pub struct CodeExchange {
    pool: Arc<Pool>,
    id: FlowId,
    flow: PendingSignIn,
    visitor: Visitor,
    stage: Stage,
    /// The requests that wait for it: the first one, and reloads of it.
    pub streams: Vec<StreamId>,
}

enum Stage {
    Redeeming,
    Verifying(NewTokens),
}

/// The next step of an exchange.
pub enum ExchangeStep {
    /// It waits for keys.
    Wait(Box<CodeExchange>),
    /// It continues with this call.
    Call(Box<CodeExchange>, Callout),
    /// It has ended: all waiting requests get this response.
    Done(Vec<StreamId>, Response, Event),
}

/// Checks a callback. No call is made before its state has matched a pending sign-in of the same browser.
pub fn arrive(ctx: &RequestContext<'_>, entropy: &mut dyn Entropy) -> CallbackStart {
    let refuse = |failure: SignInFailure| {
        let (response, event) = refusal(ctx, &failure);
        CallbackStart::Done(response, event)
    };
    let response = match AuthorizationResponse::parse(ctx.request.query()) {
        Ok(response) => response,
        // Cognito's page for passkeys redirects here too, and it knows no state.
        Err(NoAuthorizationResponse::StateMissing) if ctx.config.passkeys && ctx.session().is_some() => {
            return CallbackStart::Done(Response::redirect(ctx.config.paths.me.clone()), None);
        }
        Err(error) => return refuse(SignInFailure::BadCallback(error)),
    };
    let other_issuer = || SignInFailure::BadCallback(NoAuthorizationResponse::OtherIssuer);
    if !ctx.pools.iter().any(|pool| may_be_from(&response, pool)) {
        return refuse(other_issuer());
    }
    let Some((pool, id, flow)) = find_flow(ctx, &response.state) else {
        // A reload, or the back button: not an error for people who are signed in.
        return match ctx.session() {
            Some(_) => CallbackStart::Done(Response::redirect("/".to_owned()), None),
            None => refuse(SignInFailure::FlowUnknown),
        };
    };
    if !may_be_from(&response, pool) {
        return refuse(other_issuer());
    }
    match response.outcome {
        AuthorizationOutcome::Error { code, description } => {
            let failure = SignInFailure::Provider { code, description };
            let visitor = Visitor::of(ctx, pool, &id);
            let again = again(ctx.config, pool, &visitor, &flow, ctx.now, entropy);
            let (page, event) = failed(ctx.config, &failure, &visitor, &again);
            CallbackStart::Done(page, Some(event))
        }
        AuthorizationOutcome::Code(code) => {
            let cognito = &pool.cognito;
            let verifier = CodeVerifier(Secret::new(flow.code_verifier.clone()));
            let callout = cognito.caller(cognito.timeouts.token).redeem(
                &cognito.endpoints.token,
                &code,
                &flow.redirect_uri,
                &verifier,
            );
            let (visitor, pool) = (Visitor::of(ctx, pool, &id), Arc::clone(pool));
            let exchange =
                CodeExchange { pool, id, flow, visitor, stage: Stage::Redeeming, streams: Vec::new() };
            CallbackStart::Redeem(Box::new(exchange), callout)
        }
    }
}

/// Whether a response may come from this pool.
fn may_be_from(response: &AuthorizationResponse, pool: &Pool) -> bool {
    pool.cognito.issuers.iter().any(|issuer| response.may_be_from(issuer))
}

/// A callback whose code is already redeemed: people who are signed in continue to the app.
pub fn finished_before(ctx: &RequestContext<'_>) -> (Response, Option<Event>) {
    match ctx.session() {
        Some(_) => (Response::redirect("/".to_owned()), None),
        None => refusal(ctx, &SignInFailure::AlreadyFinished),
    }
}

/// The page for a callback that fails before its pending sign-in is known.
pub fn refusal(ctx: &RequestContext<'_>, failure: &SignInFailure) -> (Response, Option<Event>) {
    let reference = ctx.reference();
    let response = failure.page(ctx.config, &reference, &Link::to(&ReturnTo::start_page().into()));
    // Cognito sends some errors without the state. The operator needs to see those too.
    let query = parse_query(ctx.request.query());
    let errors = query.into_iter().filter_map(|(name, value)| match name.as_str() {
        "error" => Some(("error", value)),
        "error_description" => Some(("description", value)),
        _ => None,
    });
    let event =
        errors.take(2).fold(failure.event(&reference), |event, (name, value)| event.with(name, value));
    (response, Some(event))
}

/// The pending sign-in of a state, and its pool.
fn find_flow<'a>(
    ctx: &RequestContext<'a>,
    state: &Secret<String>,
) -> Option<(&'a Arc<Pool>, FlowId, PendingSignIn)> {
    let (id, _) = state.expose().split_once('.')?;
    let id = FlowId::parse(id)?;
    let of = |pool: &'a Arc<Pool>| {
        let flow = ctx.store(pool).flow(&ctx.cookies, &id)?;
        let ours = !flow.is_only_offered() && flow.state(&id).matches(state.expose().as_bytes());
        (ours && flow.is_alive(ctx.now)).then_some((pool, flow))
    };
    let (pool, flow) = ctx.pools.iter().find_map(of)?;
    Some((pool, id, flow))
}

/// The link that starts a failed sign-in again. A long address is stored in new cookies.
fn again(
    config: &Config,
    pool: &Pool,
    visitor: &Visitor,
    flow: &PendingSignIn,
    now: UnixTime,
    entropy: &mut dyn Entropy,
) -> Link {
    let store = CookieStore::new(config, pool, &visitor.host);
    let flow_cookies = FlowCookies::for_store(store, visitor.reference.clone(), now);
    // The address was stored before, so there is no new event to log.
    flow_cookies.link(&Destination::of_flow(flow, config), MAX_LINK, entropy, &mut Vec::new())
}

fn failed(config: &Config, failure: &SignInFailure, visitor: &Visitor, again: &Link) -> (Response, Event) {
    let response = failure.page(config, &visitor.reference, again);
    (response.with_cookies(visitor.without_flow.iter().cloned()), failure.event(&visitor.reference))
}

impl CodeExchange {
    /// The pool that it signs in at.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether it waits for the token endpoint.
    pub const fn asks_for_tokens(&self) -> bool {
        matches!(self.stage, Stage::Redeeming)
    }

    /// The id of the pending sign-in that this exchange completes.
    pub const fn id(&self) -> &FlowId {
        &self.id
    }

    /// Handles the response to its call: from the token endpoint, or with attributes.
    pub fn handle_answer(
        mut self: Box<Self>,
        result: &CalloutResult,
        verify: &mut VerifyContext<'_, '_>,
    ) -> ExchangeStep {
        match &self.stage {
            Stage::Redeeming => match parse_token_response(result) {
                Ok(tokens) => {
                    self.stage = Stage::Verifying(NewTokens::new(tokens, verify.env.now));
                    self.verify(verify)
                }
                Err(error) => self.fail(verify, &SignInFailure::Token(error)),
            },
            Stage::Verifying(new) => match new.handle_attributes(result, &self.pool, verify) {
                Ok(verified) => self.finish(verified, verify),
                Err(error) => self.fail(verify, &SignInFailure::Attributes(error)),
            },
        }
    }

    /// Verifies the ID token if the keys are known; otherwise waits for them.
    pub fn verify(mut self: Box<Self>, verify: &mut VerifyContext<'_, '_>) -> ExchangeStep {
        let Stage::Verifying(new) = &mut self.stage else { return ExchangeStep::Wait(self) };
        let nonce = Nonce(Secret::new(self.flow.nonce.clone()));
        let failure = match new.verify(ExpectedHolder::Nonce(&nonce), &self.pool, verify) {
            Verdict::Wait => return ExchangeStep::Wait(self),
            Verdict::Ask(callout) => return ExchangeStep::Call(self, callout),
            Verdict::Good(verified) => return self.finish(*verified, verify),
            Verdict::KeysMissing => SignInFailure::KeysMissing,
            Verdict::Bad(error) => SignInFailure::IdToken(error),
        };
        self.fail(verify, &failure)
    }

    fn finish(self, verified: VerifiedTokens, verify: &mut VerifyContext<'_, '_>) -> ExchangeStep {
        let event = Event::counted(Level::Info, Counter::SignInCompleted)
            .with("request_id", self.visitor.reference.as_str())
            .with("subject", verified.identity.subject.as_str())
            .of_pool(&self.pool.name);
        match self.open_session(verified, verify) {
            Ok(response) => ExchangeStep::Done(self.streams, response, event),
            Err(error) => self.fail(verify, &SignInFailure::Session(error)),
        }
    }

    fn open_session(
        &self,
        mut verified: VerifiedTokens,
        verify: &mut VerifyContext<'_, '_>,
    ) -> Result<Response, StoreError> {
        let VerifyContext { config, env, .. } = verify;
        // It is new, so nobody shares it.
        if let Some(identity) = Arc::get_mut(&mut verified.identity) {
            identity.asked = step_up::asked_by(&self.flow, identity, env.now);
        }
        let store = CookieStore::new(config, &self.pool, &self.visitor.host);
        let session = Session {
            id: random_bytes(env.entropy)?,
            signed_in_at: env.now,
            renewed_at: env.now,
            seen_at: env.now,
            expires_at: verified.expires_at,
            identity: verified.identity,
        };
        let present = &self.visitor.token_parts;
        let cookies = store.keep(&session, &verified.tokens, present, env.now, env.entropy)?;
        Ok(self
            .leave(verify)
            .with_cookies(self.visitor.without_others.iter().cloned())
            .with_cookies(cookies)
            .with_cookies(self.visitor.without_flow.iter().cloned()))
    }

    /// The redirect to the original address. Browsers don't send `SameSite=Strict` cookies in a chain of redirects
    /// that comes from Cognito's site, so with such cookies a page of this site takes the last step.
    fn leave(&self, verify: &mut VerifyContext<'_, '_>) -> Response {
        let config = verify.config;
        let destination = Destination::of_flow(&self.flow, config);
        if self.pool.cookies.same_site != SameSite::Strict || destination.is_shortened {
            return destination.landing_response(config);
        }
        let page = Page::saying(&config.pages, 200, messages::SIGNED_IN);
        let target = destination.target.as_str();
        if destination.is_short() {
            return page.action(messages::CONTINUE, target).redirecting_to(target).into_response();
        }
        // Too long for a page: the link leads to the sign-in path, which redirects people who are signed in.
        let link = self.again(verify);
        let target = link.url(&config.paths.sign_in);
        page.action(messages::CONTINUE, &target)
            .redirecting_to(&target)
            .into_response()
            .with_cookies(link.cookies)
    }

    fn again(&self, verify: &mut VerifyContext<'_, '_>) -> Link {
        let VerifyContext { config, env, .. } = verify;
        again(config, &self.pool, &self.visitor, &self.flow, env.now, env.entropy)
    }

    /// Ends the exchange with an error page.
    fn fail(self, verify: &mut VerifyContext<'_, '_>, failure: &SignInFailure) -> ExchangeStep {
        let again = self.again(verify);
        let (response, event) = failed(verify.config, failure, &self.visitor, &again);
        ExchangeStep::Done(self.streams, response, event)
    }
}
