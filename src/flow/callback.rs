//! The callback: state first, then one token exchange, then the ID token, then the cookies.

use crate::config::Config;
use crate::cookie::SameSite;
use crate::decision::{StreamId, Surroundings};
use crate::event::{Event, Level};
use crate::flow::Visit;
use crate::flow::failure::SignInFailure;
use crate::flow::new_tokens::{NewTokens, Verdict};
use crate::http::{Callout, CalloutResult, Response, parse_query};
use crate::identity::Identity;
use crate::keys::KeyStore;
use crate::oidc::authorization::{AuthorizationResponse, Outcome};
use crate::oidc::jwt::{IdClaims, Whose};
use crate::oidc::token::{TokenResponse, parse_token_response};
use crate::oidc::{CodeVerifier, Nonce};
use crate::page::Page;
use crate::return_to::ReturnTo;
use crate::seal::Binding;
use crate::secret::{Secret, random_bytes};
use crate::session::{CookieStore, Flow, FlowId, NotKept, Session};

/// What a callback needs of the request that brought it, once that is gone from view.
#[derive(Clone, Debug)]
pub struct Visitor {
    host: String,
    reference: String,
    token_parts: Vec<String>,
}

/// A callback, as far as it can be judged at once.
pub enum Arrival {
    /// It ends here.
    Done(Response, Option<Event>),
    /// Its code is to be redeemed by this call.
    Redeem(Box<Exchange>, Callout),
}

/// A sign-in whose code is being redeemed.
pub struct Exchange {
    id: FlowId,
    flow: Flow,
    visitor: Visitor,
    stage: Stage,
    /// Requests that wait for it: the first, and reloads of it.
    pub streams: Vec<StreamId>,
}

enum Stage {
    Redeeming,
    AwaitingKeys(NewTokens),
}

/// Where an exchange has got to.
pub enum Step {
    /// It goes on waiting.
    Wait(Box<Exchange>),
    /// All who wait get this.
    Done(Vec<StreamId>, Response, Event),
}

/// Judges a callback. No call is made before the state has opened a flow of this very browser.
pub fn arrive(visit: &Visit<'_>) -> Arrival {
    let refuse = |failure: SignInFailure| {
        let (response, event) = refusal(visit, &failure);
        Arrival::Done(response, event)
    };
    let issuer = &visit.config.pool.issuer;
    let response = match AuthorizationResponse::parse(visit.request.query(), issuer) {
        Ok(response) => response,
        Err(error) => return refuse(SignInFailure::BadCallback(error)),
    };
    let Some((id, flow)) = find_flow(visit, &response.state) else {
        // A reload, or the back button: whoever is signed in needn't be told off.
        return match visit.store.session(&visit.cookies, visit.now) {
            Some(_) => Arrival::Done(Response::redirect("/".to_owned()), None),
            None => refuse(SignInFailure::FlowUnknown),
        };
    };
    match response.outcome {
        Outcome::Error { code, description } => {
            let failure = SignInFailure::Provider { code, description };
            let (page, event) = failed(visit.config, &failure, &visitor(visit), &flow);
            let gone = visit.config.cookies.attributes.delete(&visit.config.cookies.flow_name(&id));
            Arrival::Done(page.with_cookies([gone]), Some(event))
        }
        Outcome::Code(code) => {
            let pool = &visit.config.pool;
            let verifier = CodeVerifier(Secret::new(flow.code_verifier.clone()));
            let callout = pool.caller(pool.timeouts.token).redeem(
                &pool.endpoints.token,
                &code,
                &flow.redirect_uri,
                &verifier,
            );
            let visitor = visitor(visit);
            let exchange = Exchange { id, flow, visitor, stage: Stage::Redeeming, streams: Vec::new() };
            Arrival::Redeem(Box::new(exchange), callout)
        }
    }
}

/// A callback whose code was redeemed before: on to the app for whoever has a session from it.
pub fn finished_before(visit: &Visit<'_>) -> (Response, Option<Event>) {
    match visit.store.session(&visit.cookies, visit.now) {
        Some(_) => (Response::redirect("/".to_owned()), None),
        None => refusal(visit, &SignInFailure::AlreadyFinished),
    }
}

/// The page for a callback that ends before its flow is known.
pub fn refusal(visit: &Visit<'_>, failure: &SignInFailure) -> (Response, Option<Event>) {
    let reference = visit.reference();
    let response = failure.page(visit.config, &reference, &ReturnTo::start_page());
    // Cognito doesn't send the state along with every error, and the operator needs to know of those too.
    let query = parse_query(visit.request.query());
    let errors = query.into_iter().filter_map(|(name, value)| match name.as_str() {
        "error" => Some(("error", value)),
        "error_description" => Some(("description", value)),
        _ => None,
    });
    let event =
        errors.take(2).fold(failure.event(&reference), |event, (name, value)| event.with(name, value));
    (response, Some(event))
}

fn find_flow(visit: &Visit<'_>, state: &Secret<String>) -> Option<(FlowId, Flow)> {
    let (id, _) = state.expose().split_once('.')?;
    let id = FlowId::parse(id)?;
    let name = visit.config.cookies.flow_name(&id);
    let flow =
        visit.cookies.values(&name).take(4).find_map(|sealed| visit.store.open::<Flow>(&name, sealed))?;
    let ours = flow.state(&id).matches(state.expose().as_bytes());
    (ours && flow.is_alive(visit.now)).then_some((id, flow))
}

fn visitor(visit: &Visit<'_>) -> Visitor {
    Visitor {
        host: visit.origin.host().to_owned(),
        reference: visit.reference(),
        token_parts: visit.config.cookies.token_parts(&visit.cookies),
    }
}

fn failed(config: &Config, failure: &SignInFailure, visitor: &Visitor, flow: &Flow) -> (Response, Event) {
    let again =
        ReturnTo::parse(flow.return_to.as_bytes(), &config.paths).unwrap_or_else(ReturnTo::start_page);
    let response = failure.page(config, &visitor.reference, &again);
    (response, failure.event(&visitor.reference))
}

impl Exchange {
    /// The flow this exchange finishes.
    pub const fn id(&self) -> &FlowId {
        &self.id
    }

    /// Whether its tokens are there and only keys are missing.
    pub const fn awaits_keys(&self) -> bool {
        matches!(self.stage, Stage::AwaitingKeys(_))
    }

    /// Takes the token endpoint's answer.
    pub fn handle_tokens(
        mut self: Box<Self>,
        result: &CalloutResult,
        config: &Config,
        binding: &Binding,
        keys: &mut KeyStore,
        around: &mut Surroundings<'_>,
    ) -> Step {
        match parse_token_response(result) {
            Ok(tokens) => {
                self.stage = Stage::AwaitingKeys(NewTokens::new(tokens, around.now));
                self.verify(config, binding, keys, around)
            }
            Err(error) => self.fail(config, &SignInFailure::Token(error)),
        }
    }

    /// Verifies the ID token and opens the session, if the keys are there; else waits for them.
    pub fn verify(
        self: Box<Self>,
        config: &Config,
        binding: &Binding,
        keys: &mut KeyStore,
        around: &mut Surroundings<'_>,
    ) -> Step {
        let Stage::AwaitingKeys(new) = &self.stage else { return Step::Wait(self) };
        let nonce = Nonce(Secret::new(self.flow.nonce.clone()));
        let claims = match new.verify(Whose::Nonce(&nonce), &config.pool, keys, around) {
            Verdict::Wait => return Step::Wait(self),
            Verdict::KeysMissing => return self.fail(config, &SignInFailure::KeysMissing),
            Verdict::Bad(error) => return self.fail(config, &SignInFailure::IdToken(error)),
            Verdict::Good(claims) => claims,
        };
        match self.open_session(&claims, &new.tokens, config, binding, around) {
            Ok(response) => {
                let event = Event::new(Level::Info, "sign_in.completed")
                    .with("request_id", self.visitor.reference.as_str())
                    .with("subject", claims.subject());
                Step::Done(self.streams, response, event)
            }
            Err(error) => self.fail(config, &SignInFailure::NotKept(error)),
        }
    }

    fn open_session(
        &self,
        claims: &IdClaims,
        tokens: &TokenResponse,
        config: &Config,
        binding: &Binding,
        around: &mut Surroundings<'_>,
    ) -> Result<Response, NotKept> {
        let store = CookieStore::new(config, binding, &self.visitor.host);
        let session = Session {
            id: random_bytes(around.entropy)?,
            signed_in_at: around.now,
            renewed_at: around.now,
            seen_at: around.now,
            expires_at: claims.good_until(around.now),
            identity: Identity::from_claims(claims, &config.roles, &config.headers.claims()),
        };
        let cookies = store.keep(
            &session,
            tokens.refresh_token.as_ref(),
            &self.visitor.token_parts,
            around.now,
            around.entropy,
        )?;
        let return_to = ReturnTo::parse(self.flow.return_to.as_bytes(), &config.paths)
            .unwrap_or_else(ReturnTo::start_page);
        let flow_cookie = config.cookies.attributes.delete(&config.cookies.flow_name(&self.id));
        Ok(leave(config, &return_to).with_cookies(cookies).with_cookies([flow_cookie]))
    }

    /// Ends the exchange on a page. The flow is spent, so its cookie goes.
    pub fn fail(self, config: &Config, failure: &SignInFailure) -> Step {
        let (response, event) = failed(config, failure, &self.visitor, &self.flow);
        let flow_cookie = config.cookies.attributes.delete(&config.cookies.flow_name(&self.id));
        Step::Done(self.streams, response.with_cookies([flow_cookie]), event)
    }
}

/// On to where the person wanted to go. A redirect from Cognito's site doesn't carry `SameSite=Strict`
/// cookies along its chain, so with those a page of this site has to take the last step.
fn leave(config: &Config, return_to: &ReturnTo) -> Response {
    if config.cookies.same_site != SameSite::Strict {
        return Response::redirect(return_to.as_str().to_owned());
    }
    Page::new(200, "You are signed in")
        .action("Continue", return_to.as_str())
        .moving_on_to(return_to.as_str())
        .into_response()
}
