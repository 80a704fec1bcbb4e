//! Bearer tokens in a worker's hands: which it has verified, whom they speak for, and which requests wait
//! for a key set to be judged by.

use std::sync::Arc;

use crate::cognito::identity::Identity;
use crate::cognito::identity::headers::Source;
use crate::cognito::pool::Pool;
use crate::config::{BearerSettings, Config};
use crate::crypto::secret::Secret;
use crate::decision::{Attempt, HostEnv, Retry, StreamId};
use crate::flow::context::{Person, RequestContext};
use crate::flow::new_tokens::KEYS_PATIENCE;
use crate::http::Request;
use crate::oidc::jwt::{Accepted, Claimed, Claims, JwtError, TokenUse, verify_bearer_token};
use crate::oidc::{AccessToken, IdToken, SessionTokens};
use crate::shared::key_sets::{KeySetCaches, Newer};
use crate::worker::cache::{Cache, CacheKey, CacheLimits};

/// Requests that one worker lets wait for keys. Beyond it they are told to come again.
const MAX_WAITING: usize = 1024;

/// A token that a request carries.
#[derive(Clone, Copy, Debug)]
pub struct PresentedToken<'a> {
    /// The token.
    pub token: &'a str,
    /// Which tokens are taken.
    pub settings: &'a BearerSettings,
}

/// Verified tokens that are remembered: twice as many at most, and twice the memory. Cognito's ordinary ones have
/// some 1 to 2 KB.
const REMEMBERED: CacheLimits = CacheLimits { entries: 1024, bytes: 4 << 20 };
/// Longer tokens are verified each time, so that few of them can't drive out many.
const MAX_REMEMBERED: usize = 16 * 1024;

/// What comes of a bearer token.
pub enum BearerVerdict {
    /// It speaks for this person.
    Good(Arc<Person>),
    /// It isn't accepted, for this reason.
    Bad(&'static str),
    /// The keys of this pool may come yet.
    Wait(Arc<Pool>),
    /// There are no keys to judge it by, and none have come.
    KeysMissing,
}

/// A verified token.
#[derive(Clone)]
struct Known {
    person: Arc<Person>,
    /// The key set it was verified by. When that is replaced the token is verified anew, so that one signed
    /// with a key that was withdrawn doesn't outlive it.
    generation: u32,
}

/// A parked request.
struct Waiting {
    attempt: Attempt,
    request: Request,
    pool: Arc<Pool>,
    generation: u32,
}

/// One worker's bearer tokens.
pub struct BearerTokens {
    remembered: Cache<Known>,
    waiting: Vec<Waiting>,
}

impl Default for BearerTokens {
    fn default() -> Self {
        Self { remembered: Cache::new(REMEMBERED), waiting: Vec::new() }
    }
}

impl BearerTokens {
    /// Judges the token of a request.
    pub fn authorize(
        &mut self,
        ctx: &RequestContext<'_>,
        PresentedToken { token, settings }: PresentedToken<'_>,
        keys: &mut KeySetCaches,
        env: &HostEnv<'_>,
    ) -> BearerVerdict {
        let key = CacheKey { within: "", bytes: token.as_bytes() };
        if let Some(Known { person, generation }) = self.remembered.get(key, env.now)
            && is_judged_alike(ctx, &person.pool)
            && keys.of(&person.pool).is_some_and(|keys| keys.generation() == generation)
        {
            return BearerVerdict::Good(person);
        }
        let claimed = match Claimed::by(token) {
            Some(claimed) => claimed,
            None => return BearerVerdict::Bad(JwtError::Malformed.bearer_reason()),
        };
        let Some(pool) = pool_of(ctx, &claimed) else {
            return BearerVerdict::Bad(JwtError::Issuer.bearer_reason());
        };
        let Some(store) = keys.of(pool) else { return BearerVerdict::KeysMissing };
        store.adopt(env.shared);
        let generation = store.generation();
        let accepted = Accepted {
            issuer: &pool.cognito.issuer,
            client_ids: clients_of(pool, settings),
            uses: &settings.uses,
        };
        let verdict =
            store.keys().map(|keys| verify_bearer_token(token, keys, &accepted, env.now, env.rs256));
        match verdict {
            None if ctx.attempt.impatient => BearerVerdict::KeysMissing,
            None => self.wait(pool),
            Some(Err(JwtError::UnknownKey)) if !ctx.attempt.impatient => {
                match store.ask_for_newer(env.now, env.shared) {
                    Newer::Coming => self.wait(pool),
                    Newer::Throttled => BearerVerdict::Bad(JwtError::UnknownKey.bearer_reason()),
                }
            }
            Some(Err(fault)) => BearerVerdict::Bad(fault.bearer_reason()),
            Some(Ok((token_use, claims))) => {
                let person = Arc::new(speaker(token, token_use, &claims, pool, ctx));
                if token.len() <= MAX_REMEMBERED {
                    let known = Known { person: Arc::clone(&person), generation };
                    self.remembered.put(key, known, person.size(), claims.accepted_until());
                }
                BearerVerdict::Good(person)
            }
        }
    }

    fn wait(&self, pool: &Arc<Pool>) -> BearerVerdict {
        if self.waiting.len() < MAX_WAITING {
            BearerVerdict::Wait(Arc::clone(pool))
        } else {
            BearerVerdict::KeysMissing
        }
    }

    /// Parks a request until the pool's keys have come.
    pub fn park(&mut self, ctx: &RequestContext<'_>, pool: Arc<Pool>, keys: &mut KeySetCaches) {
        let generation = keys.of(&pool).map_or(0, |keys| keys.generation());
        self.waiting.push(Waiting { attempt: ctx.attempt, request: ctx.request.clone(), pool, generation });
    }

    /// A parked stream is gone.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.waiting.retain(|waiting| waiting.attempt.stream != stream);
    }

    /// The parked requests whose wait is over. They are to be decided upon again.
    pub fn take_ready(&mut self, keys: &mut KeySetCaches, env: &HostEnv<'_>) -> Vec<Retry> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        // Many wait for the same, and to look is to read shared data.
        let mut looked: Vec<(usize, u32, bool)> = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let impatient = env.now.since(waiting.attempt.since) >= KEYS_PATIENCE;
            let number = waiting.pool.index;
            let known = looked.iter().find(|(looked, ..)| *looked == number).copied();
            let (_, generation, over) = known.unwrap_or_else(|| {
                let looked_now = keys.of(&waiting.pool).map_or((number, 0, true), |store| {
                    store.adopt(env.shared);
                    let over = store.keys().is_some() && !store.is_coming(env.now, env.shared);
                    (number, store.generation(), over)
                });
                looked.push(looked_now);
                looked_now
            });
            if impatient || over || generation != waiting.generation {
                ready.push((Attempt { impatient, ..waiting.attempt }, waiting.request));
            } else {
                self.waiting.push(waiting);
            }
        }
        ready
    }

    /// Whether a request waits for the keys of a pool.
    pub fn await_keys_of(&self, pool: &Pool) -> bool {
        self.waiting.iter().any(|waiting| waiting.pool.index == pool.index)
    }

    /// Whether any request waits.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// Whom a verified token speaks for.
fn speaker(
    token: &str,
    token_use: TokenUse,
    claims: &Claims,
    pool: &Arc<Pool>,
    ctx: &RequestContext<'_>,
) -> Person {
    let wanted = ctx.config.headers.claims();
    let identity = match token_use {
        TokenUse::Access => Identity::of_access_token(claims, &wanted),
        TokenUse::Id => Identity::of_id_token(claims, None, &pool.roles, &wanted),
    };
    let tokens = forwarded(token_use, token, ctx.config);
    let until = claims.good_until(ctx.now);
    let person = Person::new(pool, Arc::new(identity), &tokens, until, ctx.config);
    Person { by_bearer_token: true, ..person }
}

/// The app clients whose tokens are taken of a pool.
fn clients_of<'a>(pool: &'a Pool, settings: &'a BearerSettings) -> &'a [String] {
    match settings.client_ids.as_slice() {
        [] => std::slice::from_ref(&pool.cognito.client_id),
        listed => listed,
    }
}

/// The pool by which a token is to be judged: of those of its issuer the one whose own client it is for, else
/// the first, whose listed clients it may be for.
fn pool_of<'a>(ctx: &RequestContext<'a>, claimed: &Claimed) -> Option<&'a Arc<Pool>> {
    let mut of_issuer = ctx.pools.iter().filter(|pool| pool.cognito.issuer == claimed.issuer);
    let own = |pool: &&Arc<Pool>| claimed.client.as_ref() == Some(&pool.cognito.client_id);
    of_issuer.clone().find(own).or_else(|| of_issuer.next())
}

/// Whether a verified token would be judged by the same pool here: it is offered, and no other of its issuer.
fn is_judged_alike(ctx: &RequestContext<'_>, pool: &Pool) -> bool {
    let mut of_issuer = ctx.pools.iter().filter(|other| other.cognito.issuer == pool.cognito.issuer);
    of_issuer.next().is_some_and(|other| other.index == pool.index) && of_issuer.next().is_none()
}

/// The token at hand, where it goes upstream under a header of its own.
fn forwarded(token_use: TokenUse, token: &str, config: &Config) -> SessionTokens {
    let secret = || Secret::new(token.to_owned());
    let is = |wanted, source| token_use == wanted && config.headers.forwards(source);
    SessionTokens {
        refresh: None,
        id: is(TokenUse::Id, &Source::IdToken).then(|| IdToken(secret())),
        access: is(TokenUse::Access, &Source::AccessToken).then(|| AccessToken(secret())),
    }
}
