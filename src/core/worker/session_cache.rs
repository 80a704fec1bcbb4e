//! The sessions whose cookies a worker has decrypted of late, each with the headers that tell the app who it is.
//! A cache hit grants exactly what decrypting the cookie again would.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::flow::context::{Person, RequestContext};
use crate::oidc::SessionTokens;
use crate::session::{MAX_COPIES, Session};
use crate::worker::cache::{Cache, CacheKey, CacheLimits};

/// The limits for each pool, in each of the cache's two generations. A common cookie takes about a kilobyte.
const LIMITS: CacheLimits = CacheLimits { entries: 10_240, bytes: 12 << 20 };

/// A decrypted identity cookie.
#[derive(Clone)]
pub struct CachedSession {
    /// The session in it.
    pub session: Session,
    /// Whose session it is, without the tokens that go upstream: those are in other cookies.
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

/// What the identity cookies of a request hold.
pub enum SessionLookup {
    /// There is no identity cookie.
    NoCookie,
    /// None of the cookies can be decrypted here.
    NotOpened,
    /// A session that has ended by its age or for want of use.
    Ended,
    /// A session. Its tokens may have expired.
    Found(CachedSession),
}

impl SessionLookup {
    /// The better one of two; of two sessions the later one.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Found(one), Self::Found(other)) if one.session.lateness() > other.session.lateness() => {
                Self::Found(one)
            }
            (_, session @ Self::Found(_)) | (session @ Self::Found(_), _) => session,
            (Self::Ended, _) | (_, Self::Ended) => Self::Ended,
            (Self::NotOpened, _) | (_, Self::NotOpened) => Self::NotOpened,
            (Self::NoCookie, Self::NoCookie) => Self::NoCookie,
        }
    }
}

/// One worker's decrypted sessions.
pub struct SessionCache {
    /// By the indexes of the pools.
    caches: Vec<Cache<CachedSession>>,
}

impl SessionCache {
    /// An empty cache for each of so many pools.
    pub fn new(pools: usize) -> Self {
        Self { caches: (0..pools).map(|_| Cache::new(LIMITS)).collect() }
    }

    /// The session of a request: the same as [`RequestContext::session`] finds, but each cookie is decrypted once.
    pub fn find(&mut self, ctx: &RequestContext<'_>) -> SessionLookup {
        let mut found = SessionLookup::NoCookie;
        for pool in ctx.pools {
            found = found.or(self.find_in_pool(ctx, pool));
        }
        found
    }

    fn find_in_pool(&mut self, ctx: &RequestContext<'_>, pool: &Arc<Pool>) -> SessionLookup {
        let mut found = SessionLookup::NoCookie;
        let Some(cache) = self.caches.get_mut(pool.index) else { return found };
        let within = pool.cookies.owner(ctx.origin.host());
        for sealed in ctx.cookies.values(&pool.cookies.identity).take(MAX_COPIES) {
            let key = CacheKey { within, bytes: sealed };
            let session = cache.get(key, ctx.now).or_else(|| {
                let session = ctx.store(pool).open_session(sealed)?;
                let opened = CachedSession::new(session, pool, ctx.config);
                if opened.session.lasts(ctx.config, ctx.now) {
                    cache.put(key, opened.clone(), opened.person.size(), opened.person.until);
                }
                Some(opened)
            });
            found = found.or(match session {
                Some(session) if session.session.lasts(ctx.config, ctx.now) => SessionLookup::Found(session),
                Some(_) => SessionLookup::Ended,
                None => SessionLookup::NotOpened,
            });
        }
        found
    }
}
