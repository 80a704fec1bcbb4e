//! The core's front door: requests and answers of calls go in, decisions, calls and events come out.
//!
//! In the manner of quinn-proto there are three kinds of method: `handle_*` take what happened,
//! `poll_*` give what is to be done, until they give nothing more. One authenticator serves one worker;
//! what it remembers between calls are sign-ins under way and the key set.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::bearers::{Bearers, Judgement, Presented};
use crate::calls::{CalloutId, Calls, Purpose};
use crate::client::{Client, is_preflight};
use crate::config::Config;
use crate::decision::{Decision, ResponseEdits, StreamId, Surroundings};
use crate::event::{Event, Level};
use crate::flow::bearer::{Bearer, bearer_of, invalid_token};
use crate::flow::callback::{Exchange, Step};
use crate::flow::new_tokens::Bench;
use crate::flow::own_path::OwnPath;
use crate::flow::{Person, Visit, forbidden, forward, malformed, reference, sign_in, unavailable};
use crate::hostname::of_authority;
use crate::http::{Callout, CalloutResult, Request, Response};
use crate::keys::{KeyStores, fetch_event};
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::pool::Pool;
use crate::rules::{Allow, Target, Verdict};
use crate::secret::Secret;
use crate::session::cookies_of;
use crate::sessions::{Need, Resolution, Sessions};
use crate::spent::SpentFlows;
use crate::time::UnixTime;

mod own_paths;

/// One worker's authenticator.
pub struct Authenticator {
    config: Rc<Config>,
    keys: KeyStores,
    spent: SpentFlows,
    sessions: Sessions,
    bearers: Bearers,
    calls: Calls,
    /// Sign-ins that have their tokens and wait for keys.
    awaiting_keys: Vec<Exchange>,
    decisions: VecDeque<(StreamId, Decision)>,
    events: VecDeque<Event>,
}

impl Authenticator {
    /// An authenticator for a checked configuration.
    pub fn new(config: Rc<Config>, around: &Surroundings<'_>) -> Self {
        let scope = config.scope();
        let mut events = VecDeque::new();
        let insecure = config.pools.iter().any(|pool| !pool.cookies.attributes.secure);
        if insecure && config.public_url.is_none() {
            let hint = "`session.cookie.secure: false` is for http://localhost only";
            events.push_back(Event::new(Level::Warn, "configuration.insecure").with("hint", hint));
        }
        Self {
            keys: KeyStores::new(&config.pools, config.keyring.fingerprint(), around.shared),
            spent: SpentFlows::new(&scope, around.shared),
            sessions: Sessions::new(&scope, config.pools.len(), around.shared),
            bearers: Bearers::default(),
            config,
            calls: Calls::default(),
            awaiting_keys: Vec::new(),
            decisions: VecDeque::new(),
            events,
        }
    }

    /// Decides upon a request.
    pub fn handle_request(
        &mut self,
        stream: StreamId,
        request: &Request,
        around: &mut Surroundings<'_>,
    ) -> Decision {
        self.decide(Asked { stream, since: around.now, impatient: false }, request, around)
    }

    fn decide(&mut self, asked: Asked, request: &Request, around: &mut Surroundings<'_>) -> Decision {
        let config = Rc::clone(&self.config);
        let path = match RequestPath::parse(request.target()) {
            Ok(path) => path,
            Err(bad) => return self.refuse_malformed(request, bad.reason()),
        };
        let host = request.text(":authority").and_then(of_authority);
        let (Some(host), Some(origin)) = (host, Origin::of(request, config.public_url.as_ref())) else {
            return self.refuse_malformed(request, "authority_malformed");
        };
        let visit = Visit {
            config: &config,
            request,
            path,
            cookies: cookies_of(request),
            host: &host,
            pools: config.pools.at(&host),
            origin,
            now: around.now,
        };
        match OwnPath::of(&visit) {
            Some(own) => self.handle_own_path(asked, own, &visit, around),
            None => self.apply_rules(asked, &visit, around),
        }
    }

    fn refuse_malformed(&mut self, request: &Request, reason: &'static str) -> Decision {
        let reference = reference(request);
        let event = Event::new(Level::Info, "request.refused").with("reason", reason);
        self.events.push_back(event.with("request_id", reference.as_str()));
        Decision::Respond(malformed(&self.config.pages, Client::of(request), &reference))
    }

    fn apply_rules(&mut self, asked: Asked, visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Decision {
        let target = Target { path: &visit.path, method: visit.request.method(), host: visit.host };
        let ruling = visit.config.rules.find(&target);
        let allow = ruling.allow();
        if allow != Allow::Nobody && visit.config.preflights_pass && is_preflight(visit.request) {
            return Decision::Forward(forward::edits(visit, None), ResponseEdits::default());
        }
        let found = match allow {
            Allow::Nobody => Ok((None, ResponseEdits::default())),
            _ => self.find_person(asked, allow, visit, around),
        };
        let (person, response) = match found {
            Ok(found) => found,
            Err(decision) => return decision,
        };
        let verdict = ruling.verdict(person.as_deref().map(Person::as_seen_by_rules));
        if matches!(verdict, Verdict::Pass)
            && let Some(rule) = ruling.shadow(person.as_deref().map(Person::as_seen_by_rules))
        {
            self.log_denial("authz.shadow_denied", &rule.label(), visit, person.as_deref());
        }
        match verdict {
            Verdict::Pass => Decision::Forward(forward::edits(visit, person.as_deref()), response),
            Verdict::SignIn(rule) => {
                let (how, pools) = (rule.unauthenticated, rule.pools.as_slice());
                self.respond(sign_in::challenge(visit, how, pools, around.entropy))
            }
            Verdict::Forbidden(rule) => {
                self.log_denial("authz.denied", &rule.label(), visit, person.as_deref());
                let cookies = self.sessions.response_cookies(response, visit.now, around.shared);
                Decision::Respond(forbidden(visit, person.as_deref()).with_cookies(cookies))
            }
        }
    }

    fn log_denial(&mut self, name: &'static str, rule: &str, visit: &Visit<'_>, person: Option<&Person>) {
        let event = Event::new(Level::Info, name).with("rule", rule).with("request_id", visit.reference());
        self.events.push_back(match person {
            Some(person) => event.with("subject", person.identity.subject.as_str()),
            None => event,
        });
    }

    /// Who it is that sends a request, or what becomes of the request in their stead. A bearer token, where
    /// they are taken, alone decides; else it is the session.
    fn find_person(
        &mut self,
        asked: Asked,
        allow: Allow,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(Option<Rc<Person>>, ResponseEdits), Decision> {
        let nobody = || Ok((None, ResponseEdits::default()));
        let Some(settings) = &visit.config.bearer else {
            return self.find_session(asked, allow, visit, around);
        };
        let token = match bearer_of(visit.request) {
            Bearer::Absent => return self.find_session(asked, allow, visit, around),
            Bearer::Malformed if allow <= Allow::Optional => return nobody(),
            Bearer::Malformed => return Err(self.refuse_token(visit, "malformed")),
            Bearer::Token(token) => token,
        };
        let Self { bearers, keys, .. } = self;
        let presented = Presented { token, settings, impatient: asked.impatient };
        match bearers.judge(visit, presented, keys, around) {
            Judgement::Good(person) => Ok((Some(person), ResponseEdits::default())),
            Judgement::Wait(pool) if allow != Allow::Everyone => {
                bearers.park(asked.stream, visit.request, pool, keys, asked.since);
                Err(Decision::Park)
            }
            _ if allow <= Allow::Optional => nobody(),
            Judgement::Bad(reason) => Err(self.refuse_token(visit, reason)),
            Judgement::Wait(_) | Judgement::KeysMissing => Err(Decision::Respond(unavailable(visit))),
        }
    }

    fn refuse_token(&mut self, visit: &Visit<'_>, reason: &'static str) -> Decision {
        let (response, event) = invalid_token(visit, reason);
        self.respond((response, Some(event)))
    }

    fn find_session(
        &mut self,
        asked: Asked,
        allow: Allow,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(Option<Rc<Person>>, ResponseEdits), Decision> {
        let need = if allow == Allow::Everyone { Need::AsItIs } else { Need::Known };
        match self.sessions.resolve(visit, need, asked.impatient, &mut self.calls, around) {
            Resolution::Go(person, response) => Ok((person, response)),
            Resolution::Wait(pool, session) => {
                self.sessions.park(asked.stream, visit.request, (pool, session), asked.since);
                Err(Decision::Park)
            }
            Resolution::Unavailable(cookies) => {
                Err(Decision::Respond(unavailable(visit).with_cookies(cookies)))
            }
        }
    }

    fn respond(&mut self, (response, event): (Response, Option<Event>)) -> Decision {
        self.events.extend(event);
        Decision::Respond(response)
    }

    /// A parked stream is gone; nobody waits for its decision any more. Calls under way go on: a code
    /// is spent already, and its answer must not reach a stream that happens to get the same number.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        for exchange in self.exchanges() {
            exchange.streams.retain(|waiting| *waiting != stream);
        }
        self.sessions.handle_stream_gone(stream);
        self.bearers.handle_stream_gone(stream);
        self.decisions.retain(|(decided, _)| *decided != stream);
    }

    /// The next call to make, if there is one. Its answer goes to [`Authenticator::handle_callout`], and
    /// so does the news that it couldn't be made.
    pub fn poll_callout(&mut self, around: &mut Surroundings<'_>) -> Option<(CalloutId, Callout)> {
        if let Some(next) = self.calls.pop() {
            return Some(next);
        }
        let config = Rc::clone(&self.config);
        let due = config.pools.iter().find(|pool| {
            let awaited = self.awaiting_keys.iter().any(|exchange| exchange.pool().number == pool.number)
                || self.sessions.await_keys_of(pool)
                || self.bearers.await_keys_of(pool);
            let keys = self.keys.of(pool);
            keys.is_some_and(|keys| keys.poll_fetch(awaited, around.now, around.shared))
        })?;
        Some((self.calls.begin(Purpose::FetchKeys(Rc::clone(due))), fetch_keys(due)))
    }

    /// Takes the answer of a call.
    pub fn handle_callout(&mut self, id: CalloutId, result: &CalloutResult, around: &mut Surroundings<'_>) {
        let config = Rc::clone(&self.config);
        let Some(purpose) = self.calls.end(id) else { return };
        let mut bench = Bench { config: &config, keys: &mut self.keys, around };
        match purpose {
            Purpose::SignIn(exchange) => {
                let step = exchange.handle_answer(result, &mut bench);
                self.take(step);
            }
            Purpose::Refresh(refresh) => {
                let watch = refresh.watch();
                let event = self.sessions.handle_answer(refresh, result, &mut self.calls, &mut bench);
                self.events.extend(event);
                // Whoever waits for another one is not looked at: a thousand refreshes at once would each cost a
                // thousand looks.
                let ready = self.sessions.take_ready(Some(watch), around);
                self.settle(ready, around);
            }
            Purpose::FetchKeys(pool) => {
                if let Some(keys) = self.keys.of(&pool) {
                    let outcome = keys.handle_response(result, around.now, around.shared);
                    self.events.push_back(fetch_event(outcome, &pool.name));
                }
                self.handle_tick(around);
            }
            Purpose::Revoke => {
                let good = result.as_ref().is_ok_and(|response| response.status == 200);
                if !good {
                    let status = result.as_ref().map_or(0, |response| response.status);
                    let event = Event::new(Level::Warn, "sign_out.revoke_failed");
                    self.events.push_back(event.with("status", status.to_string()));
                }
            }
        }
    }

    /// Time has passed: sees whether what was waited for has come, or was waited for long enough.
    pub fn handle_tick(&mut self, around: &mut Surroundings<'_>) {
        let config = Rc::clone(&self.config);
        if config.bearer.is_some() {
            // A withdrawn key is to be noticed though no token asks for another.
            self.keys.adopt_all(around.shared);
        }
        for exchange in std::mem::take(&mut self.awaiting_keys) {
            let mut bench = Bench { config: &config, keys: &mut self.keys, around };
            let step = Box::new(exchange).verify(&mut bench);
            self.take(step);
        }
        let mut bench = Bench { config: &config, keys: &mut self.keys, around };
        let events = self.sessions.handle_tick(&mut self.calls, &mut bench);
        self.events.extend(events);
        self.settle_waiting(around);
    }

    /// Decides again upon the requests whose wait for a refresh or for keys is over.
    fn settle_waiting(&mut self, around: &mut Surroundings<'_>) {
        let mut ready = self.sessions.take_ready(None, around);
        ready.extend(self.bearers.take_ready(&mut self.keys, around));
        self.settle(ready, around);
    }

    fn settle(&mut self, ready: Vec<(StreamId, Request, UnixTime, bool)>, around: &mut Surroundings<'_>) {
        for (stream, request, since, impatient) in ready {
            match self.decide(Asked { stream, since, impatient }, &request, around) {
                Decision::Park => {}
                decision => self.decisions.push_back((stream, decision)),
            }
        }
    }

    /// The cookies that ride on the answer of a forwarded request.
    pub fn response_cookies(&self, edits: ResponseEdits, around: &Surroundings<'_>) -> Vec<String> {
        self.sessions.response_cookies(edits, around.now, around.shared)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait(exchange) => self.awaiting_keys.push(*exchange),
            Step::Call(exchange, callout) => self.calls.go_on(Purpose::SignIn(exchange), callout),
            Step::Done(streams, response, event) => {
                self.events.push_back(event);
                let answer = |stream| (stream, Decision::Respond(response.clone()));
                self.decisions.extend(streams.into_iter().map(answer));
            }
        }
    }

    /// The next decision about a parked stream.
    pub fn poll_decision(&mut self) -> Option<(StreamId, Decision)> {
        self.decisions.pop_front()
    }

    /// The next thing for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How long the host may let pass until it calls [`Authenticator::handle_tick`] and polls again.
    pub fn next_tick(&self) -> Duration {
        if self.calls.is_waiting() || !self.decisions.is_empty() {
            Duration::from_millis(1)
        } else if self.sessions.is_waiting() || self.bearers.is_waiting() {
            Duration::from_millis(10)
        } else if !self.awaiting_keys.is_empty() {
            Duration::from_millis(20)
        } else if self.keys.are_incomplete() {
            Duration::from_millis(250)
        } else {
            Duration::from_secs(10)
        }
    }

    /// Takes out the headers or trailers of a request that an upstream could take for ours.
    pub fn spoofed<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> Vec<Cow<'static, str>> {
        forward::spoofed(names, &self.config.headers)
    }
}

/// One go at deciding: for which stream, since when that has waited, and whether it has long enough.
#[derive(Clone, Copy)]
struct Asked {
    stream: StreamId,
    since: UnixTime,
    impatient: bool,
}

fn fetch_keys(pool: &Pool) -> Callout {
    let cognito = &pool.cognito;
    let header = |value: &str| Secret::new(value.to_owned());
    Callout {
        cluster: cognito.clusters.idp.clone(),
        method: "GET",
        endpoint: cognito.endpoints.jwks.clone(),
        headers: vec![("accept", header("application/json")), ("accept-encoding", header("identity"))],
        body: Secret::new(Vec::new()),
        timeout: cognito.timeouts.jwks,
    }
}
