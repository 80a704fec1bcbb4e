//! Sessions that a worker has opened not long ago: what an identity cookie says, and the headers that tell the
//! app, made once. What is remembered is what the cookie holds, so it makes nothing longer or wider than to open
//! the cookie anew would.

use std::rc::Rc;

use crate::config::Config;
use crate::flow::{Person, Visit};
use crate::oidc::SessionTokens;
use crate::pool::Pool;
use crate::remembered::{Key, Limits, Remembered};
use crate::session::{MAX_COPIES, Session};

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
        let person = Person {
            pool: Rc::clone(pool),
            headers: Person::headers_of(&session.identity, &SessionTokens::default(), config),
            identity: Rc::clone(&session.identity),
            until: session.ends_at(config),
            by_bearer_token: false,
        };
        Self { session, person: Rc::new(person) }
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
    pub fn find(&mut self, visit: &Visit<'_>) -> Option<Opened> {
        let opened = visit.pools.iter().filter_map(|pool| self.find_of(visit, pool));
        opened.max_by_key(|opened| opened.session.signed_in_at)
    }

    fn find_of(&mut self, visit: &Visit<'_>, pool: &Rc<Pool>) -> Option<Opened> {
        let remembered = self.remembered.get_mut(pool.number)?;
        let within = pool.cookies.owner(visit.origin.host());
        visit.cookies.values(&pool.cookies.identity).take(MAX_COPIES).find_map(|sealed| {
            let key = Key { within, bytes: sealed };
            let known = remembered.get(key, visit.now).or_else(|| {
                let session = visit.store(pool).open_session(sealed)?;
                session.lasts(visit.config, visit.now).then_some(())?;
                let opened = Opened::new(session, pool, visit.config);
                remembered.put(key, opened.clone(), opened.person.size(), opened.person.until);
                Some(opened)
            });
            known.filter(|opened| opened.session.lasts(visit.config, visit.now))
        })
    }
}
