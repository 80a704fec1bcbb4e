//! The sessions whose cookies a worker has recently decrypted, each with its identity headers. A cache hit grants
//! exactly what decrypting the cookie again would.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::crypto::secret::hex;
use crate::flow::context::{Person, PersonsSession, RequestContext};
use crate::oidc::SessionTokens;
use crate::session::{MAX_COPIES, Session};
use crate::worker::cache::{Cache, CacheKey, CacheLimits};
use crate::worker::denials::{Denial, Denials};

/// The limits for each pool, in each of the cache's two generations. A typical cookie has about 1 KB.
const LIMITS: CacheLimits = CacheLimits { entries: 10_240, bytes: 12 << 20 };

/// A decrypted identity cookie.
#[derive(Clone)]
pub struct CachedSession {
    /// The session in the cookie.
    pub session: Session,
    /// The person, without the tokens that go upstream: those are in other cookies.
    pub person: Arc<Person>,
}

impl CachedSession {
    /// A session of a pool.
    pub fn new(session: Session, pool: &Arc<Pool>, config: &Config, denials: &Denials) -> Self {
        let (identity, until) = (Arc::clone(&session.identity), session.ends_at(config));
        let mut person = Person::new(pool, identity, &SessionTokens::default(), until, config);
        Arc::make_mut(&mut person.names).session = hex(&session.id);
        person.revocable = denials.names_of(&session);
        person.session = Some(PersonsSession { id: session.id, expires_at: session.expires_at });
        Self { session, person: Arc::new(person) }
    }
}

/// The result of looking for a session in a request's identity cookies.
pub enum SessionLookup {
    /// There is no identity cookie.
    NoCookie,
    /// None of the cookies can be decrypted here.
    NotOpened,
    /// A session that is valid but denied, for this reason.
    Denied(Box<Session>, Denial),
    /// A session that has reached its maximum age or was idle for too long.
    Ended,
    /// A valid session. Its tokens may have expired.
    Found(CachedSession),
}

impl SessionLookup {
    /// The better of two results; of two sessions, the later one.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Found(one), Self::Found(other)) if one.session.lateness() > other.session.lateness() => {
                Self::Found(one)
            }
            (_, session @ Self::Found(_)) | (session @ Self::Found(_), _) => session,
            (denied @ Self::Denied(..), _) | (_, denied @ Self::Denied(..)) => denied,
            (Self::Ended, _) | (_, Self::Ended) => Self::Ended,
            (Self::NotOpened, _) | (_, Self::NotOpened) => Self::NotOpened,
            (Self::NoCookie, Self::NoCookie) => Self::NoCookie,
        }
    }
}

/// One worker's decrypted sessions.
pub struct SessionCache {
    /// Indexed by pool.
    caches: Vec<Cache<CachedSession>>,
}

impl SessionCache {
    /// An empty cache for each of `pools` pools.
    pub fn new(pools: usize) -> Self {
        Self { caches: (0..pools).map(|_| Cache::new(LIMITS)).collect() }
    }

    /// The session of a request: the same one that [`RequestContext::session`] finds, but each cookie is decrypted
    /// only once.
    pub fn find(&mut self, ctx: &RequestContext<'_>, denials: &Denials) -> SessionLookup {
        let mut found = SessionLookup::NoCookie;
        for pool in ctx.pools {
            found = found.or(self.find_in_pool(ctx, pool, denials));
        }
        found
    }

    fn find_in_pool(
        &mut self,
        ctx: &RequestContext<'_>,
        pool: &Arc<Pool>,
        denials: &Denials,
    ) -> SessionLookup {
        let mut found = SessionLookup::NoCookie;
        let Some(cache) = self.caches.get_mut(pool.index) else { return found };
        let within = pool.cookies.owner(ctx.origin.host());
        for sealed in ctx.cookies.values(&pool.cookies.identity).take(MAX_COPIES) {
            let key = CacheKey { within, bytes: sealed };
            let session = cache.get(key, ctx.now).or_else(|| {
                let session = ctx.store(pool).open_session(sealed)?;
                let opened = CachedSession::new(session, pool, ctx.config, denials);
                if opened.session.lasts(ctx.config, ctx.now) {
                    cache.put(key, opened.clone(), opened.person.size(), opened.person.until);
                }
                Some(opened)
            });
            found = found.or(match session {
                Some(cached) if cached.session.lasts(ctx.config, ctx.now) => {
                    match denials.of_session(&cached.session, &cached.person.revocable, ctx.now) {
                        None => SessionLookup::Found(cached),
                        Some(reason) => SessionLookup::Denied(Box::new(cached.session), reason),
                    }
                }
                Some(_) => SessionLookup::Ended,
                None => SessionLookup::NotOpened,
            });
        }
        found
    }
}
