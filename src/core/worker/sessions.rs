//! Sessions in a worker's hands: which a request has, when its tokens are refreshed, who waits for that,
//! and what happens while Cognito is down.

mod outage;
mod waiting;

use std::rc::Rc;

use crate::cognito::pool::Pool;
use crate::decision::{Ready, ResponseEdits, StreamId, Surroundings, Watch};
use crate::flow::context::{Person, Visit};
use crate::flow::new_tokens::Bench;
use crate::flow::refresh::{Ending, Progress, Refresh};
use crate::http::CalloutResult;
use crate::http::client::is_prefetch;
use crate::http::cookie::Cookies;
use crate::session::{Freshness, Session};
use crate::shared::refreshes::{Renewal, Renewals, Settled};
use crate::shared::store::SharedData;
use crate::telemetry::event::Event;
use crate::telemetry::metrics::{Frequent, Metric, Tally};
use crate::time::UnixTime;
use crate::worker::callouts::{Calls, Purpose};
use crate::worker::session_cache::{Found, Opened, OpenedSessions};
use crate::worker::sessions::outage::Outage;
use crate::worker::sessions::waiting::Waiting;

/// Requests that one worker lets wait for a refresh. Beyond it they are told to come again.
const MAX_WAITING: usize = 1024;
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
    /// It goes on, with this person or without one.
    Go(Option<Rc<Person>>, ResponseEdits),
    /// It waits for the refresh of this session.
    Wait(Rc<Pool>, Session),
    /// Its session can't be refreshed now, and is too old to be served without. These cookies ride on the
    /// answer.
    Unavailable(Vec<String>),
}

/// A session as its cookies hold it.
struct Held<'c> {
    opened: Opened,
    cookies: &'c Cookies<'c>,
}

/// One worker's sessions.
pub struct Sessions {
    renewals: Renewals,
    opened: OpenedSessions,
    awaiting_keys: Vec<Refresh>,
    waiting: Vec<Waiting>,
    /// By the numbers of the pools.
    outages: Vec<Outage>,
    tally: Tally,
}

impl Sessions {
    /// No sessions yet. `scope` keeps the shared data of different configurations apart.
    pub fn new(scope: &str, pools: usize, shared: &dyn SharedData) -> Self {
        Self {
            renewals: Renewals::new(scope, shared),
            opened: OpenedSessions::new(pools),
            awaiting_keys: Vec::new(),
            waiting: Vec::new(),
            outages: vec![Outage::default(); pools],
            tally: Tally::default(),
        }
    }

    /// Finds the session of a request.
    pub fn resolve(
        &mut self,
        visit: &Visit<'_>,
        need: Need,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Resolution {
        let opened = match self.opened.find(visit) {
            Found::Session(opened) => opened,
            Found::Nothing => return Resolution::Go(None, ResponseEdits::default()),
            Found::NotOpened => return self.without_session("session.rejected.not_opened"),
            Found::Over => return self.without_session("session.expired"),
        };
        let session = &opened.session;
        if session.freshness(visit.config, visit.now) == Freshness::Fresh {
            let touched = session
                .is_to_be_touched(visit.config, visit.now)
                .then(|| visit.store(&opened.person.pool).touch(session, visit.now, around.entropy));
            let response = ResponseEdits { cookies: touched.flatten().into_iter().collect(), watch: None };
            let held = Held { opened, cookies: &visit.cookies };
            self.tally.count_frequent(Frequent::SessionAccepted);
            return Resolution::Go(Some(held.person(visit)), response);
        }
        let store = visit.store(&opened.person.pool);
        if let Renewal::Done(cookies) = self.renewals.look(session, visit.now, around.shared)
            && let Some(renewed) = cookies.iter().find_map(|set| store.session_in(set, visit.now))
        {
            // Somebody has refreshed it since; the browser just doesn't know yet.
            self.tally.count("refresh.shared");
            let jar: Vec<&[u8]> =
                cookies.iter().filter_map(|set| set.as_bytes().split(|byte| *byte == b';').next()).collect();
            let jar = Cookies::parse(jar.into_iter());
            let held =
                Held { opened: Opened::new(renewed, &opened.person.pool, visit.config), cookies: &jar };
            let mut resolution = self.refresh_if_due(visit, held, need, calls, around);
            self.count(&resolution);
            match &mut resolution {
                Resolution::Go(Some(_), ResponseEdits { cookies: riding, .. })
                | Resolution::Unavailable(riding) => riding.clone_from(&cookies),
                Resolution::Go(None, _) | Resolution::Wait(..) => {}
            }
            return resolution;
        }
        let held = Held { opened, cookies: &visit.cookies };
        let resolution = self.refresh_if_due(visit, held, need, calls, around);
        self.count(&resolution);
        resolution
    }

    fn without_session(&mut self, counter: &'static str) -> Resolution {
        self.tally.count(counter);
        Resolution::Go(None, ResponseEdits::default())
    }

    /// Counts what has become of a session whose tokens are no longer fresh. One that waits is counted later.
    fn count(&mut self, resolution: &Resolution) {
        match resolution {
            Resolution::Go(Some(_), _) => self.tally.count_frequent(Frequent::SessionAccepted),
            Resolution::Go(None, _) => self.tally.count("session.expired"),
            Resolution::Wait(..) | Resolution::Unavailable(_) => {}
        }
    }

    /// Takes what has been counted.
    pub fn take_metrics(&mut self) -> Vec<Metric> {
        self.tally.take()
    }

    /// Whether anything has been counted that nobody has taken.
    pub fn have_counted(&self) -> bool {
        !self.tally.is_empty()
    }

    fn refresh_if_due(
        &mut self,
        visit: &Visit<'_>,
        held: Held<'_>,
        need: Need,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Resolution {
        let (session, pool) = (&held.opened.session, &held.opened.person.pool);
        let freshness = session.freshness(visit.config, visit.now);
        let renewal = match self.renewals.look(session, visit.now, around.shared) {
            Renewal::Unknown if freshness == Freshness::Fresh => Renewal::Paused,
            Renewal::Unknown if need == Need::AsItIs || is_prefetch(visit.request) => Renewal::Over,
            Renewal::Unknown if visit.asked.impatient => Renewal::Paused,
            Renewal::Unknown => self.begin(visit, &held, calls, around),
            Renewal::UnderWay if visit.asked.impatient => Renewal::Paused,
            known => known,
        };
        let watch = Watch::of(session);
        let stale_until = session.expires_at.plus(visit.config.stale_if_error);
        let go = |held: Held<'_>, response| Resolution::Go(Some(held.person(visit)), response);
        match (freshness, renewal) {
            (Freshness::Fresh | Freshness::Due, Renewal::UnderWay) => {
                go(held, ResponseEdits { cookies: Vec::new(), watch: Some(watch) })
            }
            (Freshness::Fresh | Freshness::Due, _) => go(held, ResponseEdits::default()),
            (Freshness::Expired, Renewal::UnderWay) if need == Need::Known => {
                if self.waiting.len() < MAX_WAITING {
                    Resolution::Wait(Rc::clone(pool), session.clone())
                } else {
                    Resolution::Unavailable(Vec::new())
                }
            }
            (Freshness::Expired, Renewal::Paused | Renewal::Done(_)) if need == Need::Known => {
                if visit.now < stale_until {
                    go(held, ResponseEdits::default())
                } else {
                    Resolution::Unavailable(Vec::new())
                }
            }
            (Freshness::Expired, _) => Resolution::Go(None, ResponseEdits::default()),
        }
    }

    /// Begins a refresh, if it is anybody's turn and this worker's.
    fn begin(
        &mut self,
        visit: &Visit<'_>,
        held: &Held<'_>,
        calls: &mut Calls,
        around: &Surroundings<'_>,
    ) -> Renewal {
        let (session, pool) = (&held.opened.session, &held.opened.person.pool);
        if self.outages.get(pool.number).is_some_and(|outage| outage.lasts(visit.now)) {
            return Renewal::Paused;
        }
        let Some((refresh, callout)) = Refresh::begin(visit, pool, session, held.cookies) else {
            return Renewal::Over;
        };
        let hold = Refresh::hold(pool);
        if !self.renewals.lease(session, hold, visit.now, around.shared) {
            // Somebody was faster; or shared data is in trouble, and then there is nothing to wait for.
            return match self.renewals.look(session, visit.now, around.shared) {
                Renewal::Unknown => Renewal::Paused,
                known => known,
            };
        }
        if calls.push(Purpose::Refresh(Box::new(refresh)), callout) {
            Renewal::UnderWay
        } else {
            Renewal::Paused
        }
    }

    /// Parks a request until its session is refreshed.
    pub fn park(&mut self, visit: &Visit<'_>, (pool, session): (Rc<Pool>, Session)) {
        self.waiting.push(Waiting { asked: visit.asked, request: visit.request.clone(), pool, session });
    }

    /// A parked stream is gone.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.waiting.retain(|waiting| waiting.asked.stream != stream);
    }

    /// The parked requests whose wait is over. `of` asks for those of one refresh alone.
    pub fn take_ready(&mut self, of: Option<Watch>, around: &Surroundings<'_>) -> Vec<Ready> {
        waiting::take_ready(&mut self.waiting, &self.renewals, of, around)
    }

    /// Takes the answer of a refresh's call.
    pub fn handle_answer(
        &mut self,
        refresh: Box<Refresh>,
        result: &CalloutResult,
        calls: &mut Calls,
        bench: &mut Bench<'_, '_>,
    ) -> Option<Event> {
        let progress = refresh.handle_answer(result, bench);
        self.take(progress, calls, bench.around)
    }

    /// Time has passed: sees whether keys have come that new tokens waited for.
    pub fn handle_tick(&mut self, calls: &mut Calls, bench: &mut Bench<'_, '_>) -> Vec<Event> {
        let refreshes = std::mem::take(&mut self.awaiting_keys);
        let mut events = Vec::new();
        for refresh in refreshes {
            let progress = Box::new(refresh).verify(bench);
            events.extend(self.take(progress, calls, bench.around));
        }
        events
    }

    fn take(
        &mut self,
        progress: Progress,
        calls: &mut Calls,
        around: &mut Surroundings<'_>,
    ) -> Option<Event> {
        let (pool, session, ending) = match progress {
            Progress::Wait(refresh) => {
                self.awaiting_keys.push(*refresh);
                return None;
            }
            Progress::Call(refresh, callout) => {
                calls.go_on(Purpose::Refresh(refresh), callout);
                return None;
            }
            Progress::Ended(pool, session, ending) => (pool, session, ending),
        };
        let settled = self.settled(&pool, &ending, around);
        let event = ending.event(&session.identity.subject).of_pool(&pool.name);
        let signed_out = self.renewals.settle(&session, &settled, around.now, around.shared);
        if let (true, Ending::Renewed { refresh_token, .. }) = (signed_out, ending) {
            // The person has signed out meanwhile; what came too late is worth nothing to anybody.
            let cognito = &pool.cognito;
            let caller = cognito.caller(cognito.timeouts.revoke);
            calls.push(Purpose::Revoke, caller.revoke(&cognito.endpoints.revoke, &refresh_token));
        }
        Some(event)
    }

    /// What the other workers are to know of a refresh's end; and what it says of Cognito.
    fn settled(&mut self, pool: &Pool, ending: &Ending, around: &mut Surroundings<'_>) -> Settled {
        let mut nowhere = Outage::default();
        let outage = self.outages.get_mut(pool.number).unwrap_or(&mut nowhere);
        match ending {
            Ending::Renewed { cookies, trouble, .. } => {
                let rest_until = if trouble.is_some() { outage.fail(around) } else { UnixTime::default() };
                if trouble.is_none() {
                    *outage = Outage::default();
                }
                Settled::Done(cookies.clone(), rest_until)
            }
            Ending::Refused(_) => Settled::Over,
            Ending::Outage(_) => Settled::Paused(outage.fail(around)),
        }
    }

    /// A session was signed out; no refresh that is still under way may bring it back. `false` where
    /// there is none, or it had ended before.
    pub fn end(&self, visit: &Visit<'_>, shared: &dyn SharedData) -> bool {
        let ids = visit.pools.iter().flat_map(|pool| visit.store(pool).session_ids(&visit.cookies));
        // All of them end, so no short cut.
        ids.filter(|id| self.renewals.end(*id, visit.now, shared)).count() > 0
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

    /// Whether tokens of a pool are here that only lack keys to be verified with.
    pub fn await_keys_of(&self, pool: &Pool) -> bool {
        self.awaiting_keys.iter().any(|refresh| refresh.pool().number == pool.number)
    }
}

impl Held<'_> {
    /// Who it is, with the tokens that go upstream. The token cookie is opened for those alone.
    fn person(self, visit: &Visit<'_>) -> Rc<Person> {
        let Self { opened: Opened { session, person }, cookies } = self;
        if !visit.config.headers.forwards_tokens() {
            return person;
        }
        let tokens = visit.store(&person.pool).session_tokens(cookies, Some(session.id));
        Rc::new(Person::clone(&person).with_tokens(&tokens.unwrap_or_default(), visit.config))
    }
}
