//! The core's front door: requests and answers of calls go in, decisions, calls and events come out.
//!
//! In the manner of quinn-proto there are three kinds of method: `handle_*` take what happened,
//! `poll_*` give what is to be done, until they give nothing more. One authenticator serves one worker;
//! what it remembers between calls are sign-ins under way and the key set.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::calls::{CalloutId, Calls, Purpose};
use crate::client::{Client, wants_json};
use crate::config::Config;
use crate::decision::{Decision, ResponseEdits, StreamId, Surroundings};
use crate::event::{Event, Level};
use crate::flow::callback::{Arrival, Exchange, Step, arrive, finished_before, refusal};
use crate::flow::failure::SignInFailure;
use crate::flow::own_path::{OwnPath, method_not_allowed};
use crate::flow::sign_out::SignOut;
use crate::flow::{Visit, forbidden, forward, malformed, me, reference, sign_in, sign_out, unavailable};
use crate::http::{Callout, CalloutResult, Request, Response};
use crate::keys::{KeyStore, fetch_event};
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::rules::Allow;
use crate::seal::Binding;
use crate::secret::Secret;
use crate::session::{CookieStore, Session, cookies_of};
use crate::sessions::{Need, Resolution, Sessions};
use crate::spent::SpentFlows;
use crate::time::UnixTime;

/// Sign-ins that one worker redeems at a time. Beyond it people are asked to try again, so that a
/// token endpoint that hangs fills no memory.
const MAX_EXCHANGES: usize = 256;
/// Requests that wait for one sign-in: the first, and a few impatient reloads.
const MAX_RELOADS: usize = 8;

/// One worker's authenticator.
pub struct Authenticator {
    config: Rc<Config>,
    binding: Binding,
    keys: KeyStore,
    spent: SpentFlows,
    sessions: Sessions,
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
        if !config.cookies.attributes.secure && config.public_url.is_none() {
            let hint = "`session.cookie.secure: false` is for http://localhost only";
            events.push_back(Event::new(Level::Warn, "configuration.insecure").with("hint", hint));
        }
        Self {
            binding: config.binding(),
            keys: KeyStore::new(&scope, config.pool.timeouts.jwks, around.shared),
            spent: SpentFlows::new(&scope, around.shared),
            sessions: Sessions::new(&scope, around.shared),
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
        let client = Client::of(request);
        let path = match RequestPath::parse(request.target()) {
            Ok(path) => path,
            Err(bad) => return self.refuse_malformed(request, client, bad.reason()),
        };
        let Some(origin) = Origin::of(request, config.public_url.as_ref()) else {
            return self.refuse_malformed(request, client, "authority_malformed");
        };
        let visit = Visit {
            config: &config,
            request,
            path,
            cookies: cookies_of(request),
            store: CookieStore::new(&config, &self.binding, origin.host()),
            origin,
            client,
            now: around.now,
        };
        match OwnPath::of(&visit) {
            Some(own) => self.handle_own_path(asked, own, &visit, around),
            None => self.apply_rules(asked, &visit, around),
        }
    }

    fn refuse_malformed(&mut self, request: &Request, client: Client, reason: &'static str) -> Decision {
        let reference = reference(request);
        let event = Event::new(Level::Info, "request.refused").with("reason", reason);
        self.events.push_back(event.with("request_id", reference.as_str()));
        Decision::Respond(malformed(client, &reference))
    }

    fn apply_rules(&mut self, asked: Asked, visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Decision {
        let allow = visit.config.rules.allow(&visit.path);
        if allow == Allow::Nobody {
            return Decision::Respond(forbidden(visit.client, &visit.reference()));
        }
        let need = if allow == Allow::Everyone { Need::AsItIs } else { Need::Known };
        let (session, response) = match self.session(asked, need, visit, around) {
            Ok(found) => found,
            Err(decision) => return decision,
        };
        if session.is_none() && allow == Allow::SignedIn {
            return self.respond(sign_in::challenge(visit, around.entropy));
        }
        let request = forward::edits(visit, session.as_ref().map(|session| &session.identity));
        Decision::Forward(request, response)
    }

    /// The session that a request has, or what becomes of the request in its stead.
    fn session(
        &mut self,
        asked: Asked,
        need: Need,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(Option<Session>, ResponseEdits), Decision> {
        match self.sessions.resolve(visit, need, asked.impatient, &mut self.calls, around) {
            Resolution::Go(session, response) => Ok((session, response)),
            Resolution::Wait(session) => {
                self.sessions.park(asked.stream, visit.request, session, asked.since);
                Err(Decision::Park)
            }
            Resolution::Unavailable => Err(Decision::Respond(unavailable(visit.client, &visit.reference()))),
        }
    }

    fn respond(&mut self, (response, event): (Response, Option<Event>)) -> Decision {
        self.events.extend(event);
        Decision::Respond(response)
    }

    fn handle_own_path(
        &mut self,
        asked: Asked,
        own: OwnPath,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> Decision {
        let allowed = own.methods();
        if !allowed.split(", ").any(|method| method == visit.request.method()) {
            return Decision::Respond(method_not_allowed(allowed));
        }
        match own {
            OwnPath::SignIn => self.respond(sign_in::start(visit, around.entropy)),
            OwnPath::SignedOut => Decision::Respond(sign_out::signed_out(visit)),
            OwnPath::SignOut => self.sign_out(visit, around),
            OwnPath::Me => match self.session(asked, Need::Known, visit, around) {
                Ok((Some(session), response)) => {
                    let cookies = self.sessions.response_cookies(response, visit.now, around.shared);
                    Decision::Respond(me::me(visit, &session).with_cookies(cookies))
                }
                Ok((None, _)) if wants_json(visit.request) => {
                    Decision::Respond(sign_in::unauthenticated(visit))
                }
                Ok((None, _)) => self.respond(sign_in::challenge(visit, around.entropy)),
                Err(decision) => decision,
            },
            OwnPath::Callback => self.handle_callback(asked.stream, visit, around),
        }
    }

    fn sign_out(&mut self, visit: &Visit<'_>, around: &Surroundings<'_>) -> Decision {
        let (response, event) = match sign_out::sign_out(visit) {
            SignOut::Refused(response, event) => (response, event),
            SignOut::Obeyed(response, revoke, event) => {
                // A session is revoked once, however often its cookie is shown here. Where too much is under
                // way, the token lives on at Cognito; the person is out here.
                if let (true, Some(revoke)) = (self.sessions.end(visit, around.shared), revoke) {
                    self.calls.push(Purpose::Revoke, revoke);
                }
                (response, event)
            }
        };
        self.respond((response, Some(event)))
    }

    fn handle_callback(
        &mut self,
        stream: StreamId,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> Decision {
        let (mut exchange, callout) = match arrive(visit) {
            Arrival::Done(response, event) => return self.respond((response, event)),
            Arrival::Redeem(exchange, callout) => (exchange, callout),
        };
        let under_way = self.exchanges().find(|other| other.id() == exchange.id());
        let joined = under_way.map(|under_way| {
            let room = under_way.streams.len() < MAX_RELOADS;
            if room {
                under_way.streams.push(stream);
            }
            room
        });
        match joined {
            // A reload while the first request still waits: both get the one answer.
            Some(true) => return Decision::Park,
            Some(false) => return self.respond(refusal(visit, &SignInFailure::Busy)),
            None => {}
        }
        if self.exchanges().count() >= MAX_EXCHANGES {
            return self.respond(refusal(visit, &SignInFailure::Busy));
        }
        if !self.spent.spend(exchange.id(), around.now, around.shared) {
            return self.respond(finished_before(visit));
        }
        exchange.streams.push(stream);
        if !self.calls.push(Purpose::Redeem(exchange), callout) {
            return self.respond(refusal(visit, &SignInFailure::Busy));
        }
        Decision::Park
    }

    fn exchanges(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.calls.exchanges().chain(&mut self.awaiting_keys)
    }

    /// A parked stream is gone; nobody waits for its decision any more. Calls under way go on: a code
    /// is spent already, and its answer must not reach a stream that happens to get the same number.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        for exchange in self.exchanges() {
            exchange.streams.retain(|waiting| *waiting != stream);
        }
        self.sessions.handle_stream_gone(stream);
        self.decisions.retain(|(decided, _)| *decided != stream);
    }

    /// The next call to make, if there is one. Its answer goes to [`Authenticator::handle_callout`], and
    /// so does the news that it couldn't be made.
    pub fn poll_callout(&mut self, around: &mut Surroundings<'_>) -> Option<(CalloutId, Callout)> {
        let awaited = !self.awaiting_keys.is_empty() || self.sessions.awaits_keys();
        if let Some(next) = self.calls.pop() {
            return Some(next);
        }
        let fetch = self.keys.poll_fetch(awaited, around.now, around.shared);
        fetch.then(|| (self.calls.begin(Purpose::FetchKeys), self.fetch_keys()))
    }

    fn fetch_keys(&self) -> Callout {
        let pool = &self.config.pool;
        let header = |value: &str| Secret::new(value.to_owned());
        Callout {
            cluster: pool.clusters.idp.clone(),
            method: "GET",
            endpoint: pool.endpoints.jwks.clone(),
            headers: vec![("accept", header("application/json")), ("accept-encoding", header("identity"))],
            body: Secret::new(Vec::new()),
            timeout: pool.timeouts.jwks,
        }
    }

    /// Takes the answer of a call.
    pub fn handle_callout(&mut self, id: CalloutId, result: &CalloutResult, around: &mut Surroundings<'_>) {
        match self.calls.end(id) {
            Some(Purpose::Redeem(exchange)) => {
                let config = Rc::clone(&self.config);
                let step = exchange.handle_tokens(result, &config, &self.binding, &mut self.keys, around);
                self.take(step);
            }
            Some(Purpose::Refresh(refresh)) => {
                let Self { sessions, keys, calls, config, binding, .. } = self;
                let event = sessions.handle_tokens(refresh, result, config, binding, keys, calls, around);
                self.events.extend(event);
                self.settle_waiting(around);
            }
            Some(Purpose::FetchKeys) => {
                let outcome = self.keys.handle_response(result, around.now, around.shared);
                self.events.push_back(fetch_event(outcome));
                self.handle_tick(around);
            }
            Some(Purpose::Revoke) => {
                let good = result.as_ref().is_ok_and(|response| response.status == 200);
                if !good {
                    let status = result.as_ref().map_or(0, |response| response.status);
                    let event = Event::new(Level::Warn, "sign_out.revoke_failed");
                    self.events.push_back(event.with("status", status.to_string()));
                }
            }
            None => {}
        }
    }

    /// Time has passed: sees whether what was waited for has come, or was waited for long enough.
    pub fn handle_tick(&mut self, around: &mut Surroundings<'_>) {
        let config = Rc::clone(&self.config);
        for exchange in std::mem::take(&mut self.awaiting_keys) {
            let step = Box::new(exchange).verify(&config, &self.binding, &mut self.keys, around);
            self.take(step);
        }
        let Self { sessions, keys, calls, binding, .. } = self;
        let events = sessions.handle_tick(&config, binding, keys, calls, around);
        self.events.extend(events);
        self.settle_waiting(around);
    }

    /// Decides again upon the requests whose wait for a refresh is over.
    fn settle_waiting(&mut self, around: &mut Surroundings<'_>) {
        for (stream, request, since, impatient) in self.sessions.take_ready(&self.config, around) {
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
        } else if self.sessions.is_waiting() {
            Duration::from_millis(10)
        } else if !self.awaiting_keys.is_empty() {
            Duration::from_millis(20)
        } else if self.keys.keys().is_none() {
            Duration::from_millis(250)
        } else {
            Duration::from_secs(10)
        }
    }

    /// Takes out the headers or trailers of a request that an upstream could take for ours.
    pub fn spoofed<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
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
