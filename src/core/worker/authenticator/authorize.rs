//! Authorizes one request: reads its path, finds the rule and the person, and decides.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::decision::{AccessDecision, Attempt, Decision, HostEnv, Outcome, ResponseEdits};
use crate::flow::bearer::{Bearer, bearer_of, invalid_token};
use crate::flow::context::{Person, RequestContext, reference};
use crate::flow::destination::{Destination, MAX_LINK};
use crate::flow::own_path::OwnPath;
use crate::flow::refusal::{forbidden, malformed, unavailable};
use crate::flow::sign_in::WantedSignIn;
use crate::flow::{forward, kept_form, sign_in, step_up};
use crate::http::client::{Client, is_preflight, may_last};
use crate::http::host::of_authority;
use crate::http::origin::Origin;
use crate::http::path::RequestPath;
use crate::http::{OwnedRequest, Request, Response};
use crate::oidc::jwt::JwtError;
use crate::pages::messages;
use crate::rules::{Allow, Rule, Target, Verdict};
use crate::session::SessionId;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::worker::authenticator::Authenticator;
use crate::worker::bearer_tokens::BearerVerdict;
use crate::worker::sessions::{RefreshPolicy, SessionResolution};

/// How many requests one worker parks for the first deny list. Further requests are told to try again.
const MAX_PARKED: usize = 1024;
/// The hint for the operator if a sign-in didn't bring what it asked for.
const UNMET: &str = "Cognito didn't provide the sign-in that the rule asks for: its Lite plan ignores acr_values, and the account may lack the factor";

/// The person who sends a request, if anybody is signed in; or the outcome, if the person can't be determined yet.
pub(super) type FoundPerson = Result<(Option<Arc<Person>>, ResponseEdits), Box<Outcome>>;

impl Authenticator {
    pub(super) fn authorize(
        &mut self,
        attempt: Attempt,
        request: Request<'_>,
        env: &mut HostEnv<'_>,
    ) -> Outcome {
        let config = Arc::clone(&self.config);
        let path = match RequestPath::parse(request.target()) {
            Ok(path) => path,
            Err(bad) => return self.refuse_malformed(request, bad.reason()),
        };
        let host = request.text(":authority").and_then(of_authority);
        let (Some(host), Some(origin)) = (host, Origin::of(request, config.public_url.as_ref())) else {
            return self.refuse_malformed(request, "authority_malformed");
        };
        let ctx = RequestContext::new(attempt, &config, request, (path, origin, &host), env.now);
        match OwnPath::of(&ctx) {
            Some(own) => self.handle_own_path(own, &ctx, env),
            None => self.apply_rules(&ctx, env),
        }
    }

    fn refuse_malformed(&mut self, request: Request<'_>, reason: &'static str) -> Outcome {
        let reference = reference(request);
        let event = Event::new(Level::Info, "request.refused").with("reason", reason);
        self.emit(event.with("request_id", reference.as_str()));
        Outcome::refused(malformed(&self.config.pages, Client::of(request), &reference))
    }

    fn apply_rules(&mut self, ctx: &RequestContext<'_>, env: &mut HostEnv<'_>) -> Outcome {
        let target = Target { path: &ctx.path, method: ctx.request.method(), host: ctx.host };
        let ruling = ctx.config.rules.find(&target);
        let (allow, label) = (ruling.allow(), ruling.rule().label.clone());
        if allow != Allow::Nobody && ctx.config.preflights_pass && is_preflight(ctx.request) {
            return self.forward(ctx, allow, None, ResponseEdits::default()).by_rule(label);
        }
        let policy = match allow {
            Allow::Everyone => RefreshPolicy::Never,
            _ if ruling.asks_for_claims() => RefreshPolicy::ForClaims,
            _ => RefreshPolicy::Allowed,
        };
        let found = match allow {
            Allow::Nobody => Ok((None, ResponseEdits::default())),
            _ => self.find_person(policy, allow, ctx, env),
        };
        let (person, response) = match found {
            Ok(found) => found,
            Err(outcome) => return outcome.by_rule(label),
        };
        let person = person.as_deref();
        let who = person.map(|person| person.as_seen_by_rules(ctx.now));
        let verdict = ruling.verdict(who);
        if matches!(verdict, Verdict::Pass)
            && let Some(rule) = ruling.shadow(who)
        {
            let subject = person.map(|person| person.identity.subject.as_str());
            self.log_denial(Counter::AuthzShadowDenied, &rule.label, ctx, subject);
        }
        let outcome = match verdict {
            // Without a person, the cookies are deleted. A late response of the app must not do that: the browser may have
            // a new session by then.
            Verdict::Pass if person.is_none() => {
                self.forward(ctx, allow, None, ResponseEdits::default()).by_rule(label)
            }
            Verdict::Pass => self.forward(ctx, allow, person, response).by_rule(label),
            Verdict::SignIn(rule) => self.send_to_sign_in(rule, response, ctx, env),
            Verdict::StepUp(rule) => self.step_up(rule, (person, response), ctx, env),
            Verdict::Forbidden(rule) => self.forbid(rule, allow, (person, response), ctx, env),
        };
        outcome.for_person(person.map(|person| Arc::clone(&person.names)))
    }

    fn forbid(
        &mut self,
        rule: &Rule,
        allow: Allow,
        (person, response): (Option<&Person>, ResponseEdits),
        ctx: &RequestContext<'_>,
        env: &HostEnv<'_>,
    ) -> Outcome {
        // If nobody is allowed, the decision doesn't depend on the session. The log still names the person.
        let subject = match allow {
            Allow::Nobody => ctx.session().map(|(_, session)| session.identity.subject.clone()),
            _ => person.map(|person| person.identity.subject.clone()),
        };
        self.log_denial(Counter::AuthzDenied, &rule.label, ctx, subject.as_deref());
        let cookies = self.sessions.response_cookies(response, ctx.now, env.shared);
        let response = forbidden(ctx, person).with_cookies(cookies);
        Outcome::new(Decision::Respond(response), AccessDecision::Forbidden).by_rule(rule.label.clone())
    }

    fn send_to_sign_in(
        &mut self,
        rule: &Rule,
        edits: ResponseEdits,
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
    ) -> Outcome {
        let wanted = WantedSignIn {
            how: rule.unauthenticated,
            pools: &rule.pools,
            step_up: rule.step_up.as_ref().map(|step_up| step_up.id),
            ..WantedSignIn::ANY
        };
        let mut log = Vec::new();
        let response = sign_in::challenge(ctx, &wanted, env, &mut log).with_cookies(edits.cookies);
        self.emit_all(log);
        let length = kept_form::length_to_keep(ctx).filter(|_| sign_in::is_form(ctx, rule.unauthenticated));
        let outcome = challenged(response, rule);
        match (length, outcome.decision) {
            (Some(length), Decision::Respond(otherwise)) => {
                Outcome { decision: Decision::Read { length, otherwise }, ..outcome }
            }
            (_, decision) => Outcome { decision, ..outcome },
        }
    }

    /// Asks the person for the sign-in that the rule needs, unless that has just been tried.
    fn step_up(
        &mut self,
        rule: &Rule,
        (person, response): (Option<&Person>, ResponseEdits),
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
    ) -> Outcome {
        let (Some(person), Some(wanted)) = (person, &rule.step_up) else {
            return self.send_to_sign_in(rule, response, ctx, env);
        };
        let cookies = self.sessions.response_cookies(response, ctx.now, env.shared);
        let is_fruitless = step_up::is_fruitless(wanted, person, ctx.now);
        let kind = if is_fruitless { ctx.client() } else { sign_in::client_kind(ctx, rule.unauthenticated) };
        if person.by_bearer_token || !kind.shows_pages() {
            return challenged(step_up::insufficient(ctx, wanted, person).with_cookies(cookies), rule);
        }
        let mut log = Vec::new();
        let response = if is_fruitless {
            let event = Event::counted(Level::Info, Counter::AuthzDenied)
                .with("rule", &*rule.label)
                .with("request_id", ctx.reference())
                .with("subject", person.identity.subject.as_str());
            log.push(event.with("hint", UNMET));
            let here = Destination { step_up: Some(wanted.id), ..Destination::of_request(ctx) };
            let again = sign_in::link(ctx, &person.pool, &here, MAX_LINK, env.entropy, &mut log);
            step_up::refused(ctx, wanted, person, again)
        } else {
            let wanted = WantedSignIn {
                how: rule.unauthenticated,
                pools: std::slice::from_ref(&person.pool.name),
                step_up: Some(wanted.id),
                form: messages::FORM_STEP_UP,
            };
            sign_in::challenge(ctx, &wanted, env, &mut log)
        };
        self.emit_all(log);
        challenged(response.with_cookies(cookies), rule)
    }

    fn forward(
        &mut self,
        ctx: &RequestContext<'_>,
        allow: Allow,
        person: Option<&Person>,
        response: ResponseEdits,
    ) -> Outcome {
        self.telemetry.count(Counter::AuthzAllowed);
        let access =
            if allow <= Allow::Optional { AccessDecision::Public } else { AccessDecision::Forwarded };
        let may_be_closed = self.keep_track(ctx, person);
        let decision = Decision::Forward(forward::edits(ctx, person), response);
        Outcome { may_be_closed, ..Outcome::new(decision, access) }
    }

    /// Keeps track of a stream that may last longer than the session or token of its person. Returns whether it is one.
    fn keep_track(&mut self, ctx: &RequestContext<'_>, person: Option<&Person>) -> bool {
        let Some(person) = person.filter(|_| may_last(ctx.request)) else { return false };
        let until = match person.session {
            // Only with its refresh token can a session outlive its tokens.
            Some(session) if !can_refresh(ctx, person, session.id) => person.until.min(session.expires_at),
            _ => person.until,
        };
        self.streams.open(ctx.attempt.stream, person, until, ctx.config, ctx.now, &mut self.telemetry);
        true
    }

    fn log_denial(&mut self, counter: Counter, rule: &str, ctx: &RequestContext<'_>, subject: Option<&str>) {
        let event =
            Event::counted(Level::Info, counter).with("rule", rule).with("request_id", ctx.reference());
        self.emit(match subject {
            Some(subject) => event.with("subject", subject),
            None => event,
        });
    }

    /// Finds the person who sends a request. If bearer tokens are accepted and the request has one, only the token
    /// counts; otherwise the session does.
    pub(super) fn find_person(
        &mut self,
        policy: RefreshPolicy,
        allow: Allow,
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
    ) -> FoundPerson {
        let nobody = || Ok((None, ResponseEdits::default()));
        if self.denials.are_awaited(ctx.now) && has_identity(ctx) {
            if self.awaiting_list.len() >= MAX_PARKED {
                return Err(Box::new(Outcome::refused(unavailable(ctx))));
            }
            self.awaiting_list.push((ctx.attempt, OwnedRequest::of(ctx.request)));
            return Err(Box::new(Outcome::park()));
        }
        let Some(settings) = &ctx.config.bearer else {
            return self.find_session(policy, ctx, env);
        };
        let token = match bearer_of(ctx.request) {
            Bearer::Absent => return self.find_session(policy, ctx, env),
            Bearer::Malformed if allow <= Allow::Optional => return nobody(),
            Bearer::Malformed => return Err(Box::new(self.refuse_token(ctx, JwtError::Malformed))),
            Bearer::Token(token) => token,
        };
        let Self { bearers, keys, denials, .. } = self;
        match bearers.authorize(ctx, token, settings, keys, denials, env) {
            BearerVerdict::Good(person) => {
                self.telemetry.count(Counter::BearerAccepted);
                Ok((Some(person), ResponseEdits::default()))
            }
            BearerVerdict::Wait(pool) if allow != Allow::Everyone => {
                bearers.park(ctx, pool, keys);
                Err(Box::new(Outcome::park()))
            }
            _ if allow <= Allow::Optional => nobody(),
            BearerVerdict::Bad(error) => Err(Box::new(self.refuse_token(ctx, error))),
            BearerVerdict::Wait(_) | BearerVerdict::KeysMissing => {
                Err(Box::new(Outcome::refused(unavailable(ctx))))
            }
        }
    }

    fn refuse_token(&mut self, ctx: &RequestContext<'_>, error: JwtError) -> Outcome {
        let (response, event) = invalid_token(ctx, error);
        self.emit(event);
        Outcome::new(Decision::Respond(response), AccessDecision::Unauthenticated)
    }

    fn find_session(
        &mut self,
        policy: RefreshPolicy,
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
    ) -> FoundPerson {
        let Self { sessions, denials, calls, telemetry, .. } = self;
        match sessions.resolve(ctx, policy, denials, calls, telemetry, env) {
            SessionResolution::Go(person, response) => {
                if let Some(session) = person.as_ref().and_then(|person| person.session)
                    && !response.cookies.is_empty()
                {
                    self.streams.seen(session.id, ctx.config, ctx.now);
                }
                Ok((person, response))
            }
            SessionResolution::Wait(pool, session) => {
                self.sessions.park(ctx, (pool, session));
                Err(Box::new(Outcome::park()))
            }
            SessionResolution::Unavailable(cookies) => {
                Err(Box::new(Outcome::refused(unavailable(ctx).with_cookies(cookies))))
            }
        }
    }
}

/// Whether the request's cookies hold a refresh token of the person's session.
fn can_refresh(ctx: &RequestContext<'_>, person: &Person, session: SessionId) -> bool {
    let tokens = ctx.store(&person.pool).session_tokens(&ctx.cookies, Some(session));
    tokens.is_some_and(|tokens| tokens.refresh.is_some())
}

/// Whether a request has a credential that the deny list could name.
fn has_identity(ctx: &RequestContext<'_>) -> bool {
    let has_cookie = |pool: &Arc<Pool>| ctx.cookies.values(&pool.cookies.identity).next().is_some();
    ctx.pools.iter().any(has_cookie) || (ctx.config.bearer.is_some() && ctx.request.has("authorization"))
}

/// A response that asks for a sign-in.
fn challenged(response: Response, rule: &Rule) -> Outcome {
    let access = match response.status {
        401 => AccessDecision::Unauthenticated,
        403 => AccessDecision::Forbidden,
        _ => AccessDecision::SignIn,
    };
    Outcome::new(Decision::Respond(response), access).by_rule(rule.label.clone())
}
