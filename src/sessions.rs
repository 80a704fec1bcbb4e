//! Sessions in a worker's hands: which a request has, when its tokens are refreshed, who waits for that,
//! and what happens while Cognito is down.

use std::time::Duration;

use crate::calls::{Calls, Purpose};
use crate::client::is_prefetch;
use crate::config::Config;
use crate::cookie::Cookies;
use crate::decision::{ResponseEdits, StreamId, Surroundings, Watch};
use crate::event::Event;
use crate::flow::Visit;
use crate::flow::refresh::{Ending, Progress, Refresh};
use crate::http::{CalloutResult, Request};
use crate::keys::KeyStore;
use crate::renewals::{Renewal, Renewals, Settled};
use crate::seal::Binding;
use crate::secret::random_bytes;
use crate::session::{Freshness, Session};
use crate::shared::SharedData;
use crate::time::UnixTime;

/// Requests that one worker lets wait for a refresh. Beyond it they are told to come again.
const MAX_WAITING: usize = 1024;
/// Between attempts while Cognito fails, doubling from here …
const PAUSE_FROM: Duration = Duration::from_secs(1);
/// … up to here.
const PAUSE_UP_TO: Duration = Duration::from_secs(30);

/// How much a request needs to know who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// As far as it is known; nothing is begun for it.
    AsItIs,
    /// It waits for a refresh, if that is what it takes.
    Known,
}

/// What is to be done about a request's session.
pub enum Resolution {
    /// It goes on, with this session or without one.
    Go(Option<Session>, ResponseEdits),
    /// It waits for the refresh of this session.
    Wait(Session),
    /// Its session can't be refreshed now, and is too old to be served without.
    Unavailable,
}

/// A parked request.
struct Waiting {
    stream: StreamId,
    request: Request,
    session: Session,
    since: UnixTime,
}

/// One worker's sessions.
pub struct Sessions {
    renewals: Renewals,
    awaiting_keys: Vec<Refresh>,
    waiting: Vec<Waiting>,
    outage: Outage,
}

/// How Cognito fares at refreshing, as far as this worker knows.
#[derive(Default)]
struct Outage {
    failures: u32,
    until: UnixTime,
}

impl Sessions {
    /// No sessions yet. `scope` keeps the shared data of different configurations apart.
    pub fn new(scope: &str, shared: &dyn SharedData) -> Self {
        Self {
            renewals: Renewals::new(scope, shared),
            awaiting_keys: Vec::new(),
            waiting: Vec::new(),
            outage: Outage::default(),
        }
    }

    /// Finds the session of a request. `impatient` says that it has waited long enough.
    pub fn resolve(
        &mut self,
        visit: &Visit<'_>,
        need: Need,
        impatient: bool,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Resolution {
        let none = ResponseEdits::default;
        let Some(session) = visit.store.session(&visit.cookies, visit.now) else {
            return Resolution::Go(None, none());
        };
        if visit.store.freshness(&session, visit.now) == Freshness::Fresh {
            let touched = visit.store.touch(&session, visit.now, around.entropy);
            let response = ResponseEdits { cookies: touched.into_iter().collect(), watch: None };
            return Resolution::Go(Some(session), response);
        }
        if let Renewal::Done(cookies) = self.renewals.look(&session, visit.now, around.shared)
            && let Some(renewed) = cookies.first().and_then(|first| visit.store.session_in(first, visit.now))
        {
            // Somebody has refreshed it since; the browser just doesn't know yet.
            let jar: Vec<&[u8]> =
                cookies.iter().filter_map(|set| set.as_bytes().split(|byte| *byte == b';').next()).collect();
            let jar = Cookies::parse(jar.into_iter());
            let mut resolution = self.refresh_if_due(visit, renewed, &jar, need, impatient, calls, around);
            if let Resolution::Go(Some(_), response) = &mut resolution {
                response.cookies.clone_from(&cookies);
            }
            return resolution;
        }
        self.refresh_if_due(visit, session, &visit.cookies, need, impatient, calls, around)
    }

    #[allow(clippy::too_many_arguments)] // All of it is what the request, its cookies and the worker are.
    fn refresh_if_due(
        &mut self,
        visit: &Visit<'_>,
        session: Session,
        cookies: &Cookies<'_>,
        need: Need,
        impatient: bool,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Resolution {
        let freshness = visit.store.freshness(&session, visit.now);
        let renewal = match self.renewals.look(&session, visit.now, around.shared) {
            Renewal::Unknown if freshness == Freshness::Fresh => Renewal::Paused,
            Renewal::Unknown if need == Need::AsItIs || is_prefetch(visit.request) => Renewal::Over,
            Renewal::Unknown => self.begin(visit, &session, cookies, calls, around),
            Renewal::UnderWay if impatient => Renewal::Paused,
            known => known,
        };
        let watch = Watch { session: session.id, of: session.renewed_at };
        match (freshness, renewal) {
            (Freshness::Fresh | Freshness::Due, Renewal::UnderWay) => {
                Resolution::Go(Some(session), ResponseEdits { cookies: Vec::new(), watch: Some(watch) })
            }
            (Freshness::Fresh | Freshness::Due, _) => Resolution::Go(Some(session), ResponseEdits::default()),
            (Freshness::Expired, Renewal::UnderWay) if need == Need::Known => {
                if self.waiting.len() < MAX_WAITING {
                    Resolution::Wait(session)
                } else {
                    Resolution::Unavailable
                }
            }
            (Freshness::Expired, Renewal::Paused) if need == Need::Known => {
                let stale_until = session.expires_at.plus(visit.config.stale_if_error);
                if visit.now < stale_until {
                    Resolution::Go(Some(session), ResponseEdits::default())
                } else {
                    Resolution::Unavailable
                }
            }
            (Freshness::Expired, _) => Resolution::Go(None, ResponseEdits::default()),
        }
    }

    /// Begins a refresh, if it is anybody's turn and this worker's.
    fn begin(
        &mut self,
        visit: &Visit<'_>,
        session: &Session,
        cookies: &Cookies<'_>,
        calls: &mut Calls,
        around: &Surroundings<'_>,
    ) -> Renewal {
        if self.outage.lasts(visit.now) {
            return Renewal::Paused;
        }
        let Some((refresh, callout)) = Refresh::begin(visit, session, cookies) else { return Renewal::Over };
        let hold = Refresh::hold(visit.config);
        if self.renewals.lease(session, hold, visit.now, around.shared)
            && !calls.push(Purpose::Refresh(Box::new(refresh)), callout)
        {
            return Renewal::Paused;
        }
        Renewal::UnderWay
    }

    /// Parks a request until its session is refreshed.
    pub fn park(&mut self, stream: StreamId, request: &Request, session: Session, since: UnixTime) {
        self.waiting.push(Waiting { stream, request: request.clone(), session, since });
    }

    /// A parked stream is gone.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.waiting.retain(|waiting| waiting.stream != stream);
    }

    /// The parked requests whose wait is over, with the time since which each has waited and whether
    /// that was long enough. They are to be decided upon again.
    pub fn take_ready(
        &mut self,
        config: &Config,
        around: &Surroundings<'_>,
    ) -> Vec<(StreamId, Request, UnixTime, bool)> {
        let patience = Refresh::hold(config);
        let mut ready = Vec::new();
        // Many requests of one session wait together, and to look is to read shared data.
        let mut looked: Vec<(Watch, bool)> = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let impatient = around.now.since(waiting.since) >= patience;
            let watch = Watch { session: waiting.session.id, of: waiting.session.renewed_at };
            let known = looked.iter().find(|(looked, _)| *looked == watch).map(|(_, under_way)| *under_way);
            let under_way = known.unwrap_or_else(|| {
                let renewal = self.renewals.look(&waiting.session, around.now, around.shared);
                looked.push((watch, renewal == Renewal::UnderWay));
                renewal == Renewal::UnderWay
            });
            if under_way && !impatient {
                self.waiting.push(waiting);
            } else {
                ready.push((waiting.stream, waiting.request, waiting.since, impatient));
            }
        }
        ready
    }

    /// Takes the answer of a refresh's call.
    #[allow(clippy::too_many_arguments)] // What `Refresh::handle_tokens` takes, and where its end is noted.
    pub fn handle_tokens(
        &mut self,
        refresh: Box<Refresh>,
        result: &CalloutResult,
        config: &Config,
        binding: &Binding,
        keys: &mut KeyStore,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Option<Event> {
        let progress = refresh.handle_tokens(result, config, binding, keys, around);
        self.take(progress, config, calls, around)
    }

    /// Time has passed: sees whether keys have come that new tokens waited for.
    pub fn handle_tick(
        &mut self,
        config: &Config,
        binding: &Binding,
        keys: &mut KeyStore,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Vec<Event> {
        let refreshes = std::mem::take(&mut self.awaiting_keys);
        let mut events = Vec::new();
        for refresh in refreshes {
            let progress = Box::new(refresh).verify(config, binding, keys, around);
            events.extend(self.take(progress, config, calls, around));
        }
        events
    }

    fn take(
        &mut self,
        progress: Progress,
        config: &Config,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Option<Event> {
        let (session, ending) = match progress {
            Progress::Wait(refresh) => {
                self.awaiting_keys.push(*refresh);
                return None;
            }
            Progress::Ended(session, ending) => (session, ending),
        };
        let settled = match &ending {
            Ending::Renewed { cookies, .. } => {
                self.outage = Outage::default();
                Settled::Done(cookies.clone())
            }
            Ending::Refused(_) => Settled::Over,
            Ending::Outage(_) => Settled::Paused(self.outage.fail(around)),
        };
        let event = ending.event(&session.identity.subject);
        let kept = self.renewals.settle(&session, &settled, around.now, around.shared);
        if let (false, Ending::Renewed { refresh_token, .. }) = (kept, ending) {
            // The person has signed out meanwhile; what came too late is worth nothing to anybody.
            let pool = &config.pool;
            let callout = pool.caller(pool.timeouts.revoke).revoke(&pool.endpoints.revoke, &refresh_token);
            calls.push(Purpose::Revoke, callout);
        }
        Some(event)
    }

    /// A session was signed out; no refresh that is still under way may bring it back. `false` where
    /// there is none, or it had ended before.
    pub fn end(&self, visit: &Visit<'_>, shared: &dyn SharedData) -> bool {
        let id = visit.store.session_id(&visit.cookies);
        id.is_some_and(|id| self.renewals.end(id, visit.now, shared))
    }

    /// The cookies that ride on a response: those known when its request came, or those of a refresh that
    /// has been done since.
    pub fn response_cookies(
        &self,
        edits: ResponseEdits,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Vec<String> {
        let found = edits.watch.map(|Watch { session, of }| self.renewals.find(session, of, now, shared));
        match found {
            Some(Renewal::Done(cookies)) => cookies,
            // Signed out while the response was on its way: nothing may set the cookies again.
            Some(Renewal::Over) => Vec::new(),
            _ => edits.cookies,
        }
    }

    /// Whether something here waits for time to pass, or for another worker.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.awaiting_keys.is_empty()
    }

    /// Whether tokens are here that only lack keys to be verified with.
    pub fn awaits_keys(&self) -> bool {
        !self.awaiting_keys.is_empty()
    }
}

impl Outage {
    /// Whether it is too early to ask Cognito again. A time too far ahead is one of a clock set back.
    fn lasts(&self, now: UnixTime) -> bool {
        now < self.until && self.until.since(now) <= PAUSE_UP_TO * 2
    }

    /// Notes a failure. Gives the time before which nobody asks again: longer each time, and not the
    /// same for all workers and Envoys.
    fn fail(&mut self, around: &mut Surroundings<'_>) -> UnixTime {
        let pause = PAUSE_FROM.saturating_mul(1 << self.failures.min(5)).min(PAUSE_UP_TO);
        let [jitter] = random_bytes::<1>(around.entropy).unwrap_or([0]);
        self.failures = self.failures.saturating_add(1);
        self.until = around.now.plus(pause + pause * u32::from(jitter) / 1020);
        self.until
    }
}
