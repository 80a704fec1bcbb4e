//! Sessions that a worker has opened not long ago: what an identity cookie says, and the headers that tell the
//! app, made once. What is remembered is what the cookie holds, so it makes nothing longer or wider than to open
//! the cookie anew would.

use std::rc::Rc;

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::flow::context::{Person, Visit};
use crate::oidc::SessionTokens;
use crate::session::{MAX_COPIES, Session};
use crate::worker::cache::{Key, Limits, Remembered};

/// Cookies that a worker remembers of each pool: twice as many at most, and twice the memory. An ordinary one
/// takes about a kilobyte.
const REMEMBERED: Limits = Limits { entries: 10_240, bytes: 12 << 20 };

/// An identity cookie that was opened.
#[derive(Clone)]
pub struct Opened {
    /// What it holds.
    pub session: Session,
    /// Who that is, without tokens that go upstream: those stand in other cookies.
    pub person: Rc<Person>,
}

impl Opened {
    /// A session of a pool.
    pub fn new(session: Session, pool: &Rc<Pool>, config: &Config) -> Self {
        let (identity, until) = (Rc::clone(&session.identity), session.ends_at(config));
        let person = Person::new(pool, identity, &SessionTokens::default(), until, config);
        Self { session, person: Rc::new(person) }
    }
}

/// What the identity cookies of a request come to.
pub enum Found {
    /// There are none.
    Nothing,
    /// None of them opens here.
    NotOpened,
    /// A session that is over.
    Over,
    /// A session.
    Session(Opened),
}

impl Found {
    /// Whichever says more; of two sessions the latest.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Session(one), Self::Session(other))
                if one.session.lateness() > other.session.lateness() =>
            {
                Self::Session(one)
            }
            (_, session @ Self::Session(_)) | (session @ Self::Session(_), _) => session,
            (Self::Over, _) | (_, Self::Over) => Self::Over,
            (Self::NotOpened, _) | (_, Self::NotOpened) => Self::NotOpened,
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        }
    }
}

/// One worker's opened sessions.
pub struct OpenedSessions {
    /// By the numbers of the pools.
    remembered: Vec<Remembered<Opened>>,
}

impl OpenedSessions {
    /// None yet, of so many pools.
    pub fn new(pools: usize) -> Self {
        Self { remembered: (0..pools).map(|_| Remembered::new(REMEMBERED)).collect() }
    }

    /// The session that a request carries, as [`Visit::session`] finds it, but opened once.
    pub fn find(&mut self, visit: &Visit<'_>) -> Found {
        let mut found = Found::Nothing;
        for pool in visit.pools {
            found = found.or(self.find_of(visit, pool));
        }
        found
    }

    fn find_of(&mut self, visit: &Visit<'_>, pool: &Rc<Pool>) -> Found {
        let mut found = Found::Nothing;
        let Some(remembered) = self.remembered.get_mut(pool.number) else { return found };
        let within = pool.cookies.owner(visit.origin.host());
        for sealed in visit.cookies.values(&pool.cookies.identity).take(MAX_COPIES) {
            let key = Key { within, bytes: sealed };
            let known = remembered.get(key, visit.now).or_else(|| {
                let session = visit.store(pool).open_session(sealed)?;
                let opened = Opened::new(session, pool, visit.config);
                if opened.session.lasts(visit.config, visit.now) {
                    remembered.put(key, opened.clone(), opened.person.size(), opened.person.until);
                }
                Some(opened)
            });
            match known {
                Some(opened) if opened.session.lasts(visit.config, visit.now) => {
                    found = found.or(Found::Session(opened));
                }
                Some(_) => found = found.or(Found::Over),
                None => found = found.or(Found::NotOpened),
            }
        }
        found
    }
}
