//! Sessions that a worker has opened not long ago: what an identity cookie says, and the headers that tell the
//! app, made once. What is remembered is what the cookie holds, so it makes nothing longer or wider than to open
//! the cookie anew would.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::flow::context::{Person, RequestContext};
use crate::oidc::SessionTokens;
use crate::session::{MAX_COPIES, Session};
use crate::worker::cache::{Cache, CacheKey, CacheLimits};

/// Cookies that a worker remembers of each pool: twice as many at most, and twice the memory. An ordinary one
/// takes about a kilobyte.
const REMEMBERED: CacheLimits = CacheLimits { entries: 10_240, bytes: 12 << 20 };

/// An identity cookie that was opened.
#[derive(Clone)]
pub struct CachedSession {
    /// What it holds.
    pub session: Session,
    /// Who that is, without tokens that go upstream: those stand in other cookies.
    pub person: Arc<Person>,
}

impl CachedSession {
    /// A session of a pool.
    pub fn new(session: Session, pool: &Arc<Pool>, config: &Config) -> Self {
        let (identity, until) = (Arc::clone(&session.identity), session.ends_at(config));
        let person = Person::new(pool, identity, &SessionTokens::default(), until, config);
        Self { session, person: Arc::new(person) }
    }
}

/// What the identity cookies of a request come to.
pub enum SessionLookup {
    /// There are none.
    Nothing,
    /// None of them opens here.
    NotOpened,
    /// A session that is over.
    Over,
    /// A session.
    Session(CachedSession),
}

impl SessionLookup {
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
pub struct SessionCache {
    /// By the numbers of the pools.
    remembered: Vec<Cache<CachedSession>>,
}

impl SessionCache {
    /// None yet, of so many pools.
    pub fn new(pools: usize) -> Self {
        Self { remembered: (0..pools).map(|_| Cache::new(REMEMBERED)).collect() }
    }

    /// The session that a request carries, as [`RequestContext::session`] finds it, but opened once.
    pub fn find(&mut self, ctx: &RequestContext<'_>) -> SessionLookup {
        let mut found = SessionLookup::Nothing;
        for pool in ctx.pools {
            found = found.or(self.find_of(ctx, pool));
        }
        found
    }

    fn find_of(&mut self, ctx: &RequestContext<'_>, pool: &Arc<Pool>) -> SessionLookup {
        let mut found = SessionLookup::Nothing;
        let Some(remembered) = self.remembered.get_mut(pool.index) else { return found };
        let within = pool.cookies.owner(ctx.origin.host());
        for sealed in ctx.cookies.values(&pool.cookies.identity).take(MAX_COPIES) {
            let key = CacheKey { within, bytes: sealed };
            let known = remembered.get(key, ctx.now).or_else(|| {
                let session = ctx.store(pool).open_session(sealed)?;
                let opened = CachedSession::new(session, pool, ctx.config);
                if opened.session.lasts(ctx.config, ctx.now) {
                    remembered.put(key, opened.clone(), opened.person.size(), opened.person.until);
                }
                Some(opened)
            });
            match known {
                Some(opened) if opened.session.lasts(ctx.config, ctx.now) => {
                    found = found.or(SessionLookup::Session(opened));
                }
                Some(_) => found = found.or(SessionLookup::Over),
                None => found = found.or(SessionLookup::NotOpened),
            }
        }
        found
    }
}
