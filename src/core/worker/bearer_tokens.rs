//! One worker's bearer tokens (RFC 6750): the verified ones with their persons, and the requests that wait for a key
//! set.

use std::sync::Arc;

use crate::cognito::identity::headers::Source;
use crate::cognito::identity::{Identity, KeptClaims};
use crate::cognito::pool::Pool;
use crate::config::{BearerSettings, Config};
use crate::crypto::secret::Secret;
use crate::decision::{Attempt, HostEnv, Retry, StreamId};
use crate::flow::context::{Person, RequestContext};
use crate::flow::new_tokens::KEYS_PATIENCE;
use crate::http::OwnedRequest;
use crate::oidc::jwt::{Accepted, Claimed, Claims, JwtError, TokenUse, verify_bearer_token};
use crate::oidc::{AccessToken, IdToken, SessionTokens};
use crate::shared::key_sets::{KeySetCaches, Newer};
use crate::worker::cache::{Cache, CacheKey, CacheLimits};
use crate::worker::denials::Denials;

/// How many requests one worker parks for keys. Further requests are told to try again.
const MAX_PARKED: usize = 1024;
/// The limits of each of the cache's two generations. A typical Cognito token has 1 to 2 KB.
const LIMITS: CacheLimits = CacheLimits { entries: 1024, bytes: 4 << 20 };
/// Longer tokens, in bytes, are verified each time, so that a few long tokens can't displace many others.
const MAX_CACHED: usize = 16 * 1024;

/// The result for a request with a bearer token.
pub enum BearerVerdict {
    /// The token is valid and identifies this person.
    Good(Arc<Person>),
    /// The token is rejected, for this reason.
    Bad(JwtError),
    /// The request waits for keys of this pool.
    Wait(Arc<Pool>),
    /// There are no keys to verify the token with, and waiting doesn't help.
    KeysMissing,
}

/// The verdict about a token that the deny list names.
const REVOKED: BearerVerdict = BearerVerdict::Bad(JwtError::Revoked);

/// A verified token.
#[derive(Clone)]
struct VerifiedToken {
    person: Arc<Person>,
    /// The key set that verified it. After the set is replaced, the token is verified again, in case its key was
    /// withdrawn.
    generation: u32,
}

/// A parked request.
struct ParkedRequest {
    attempt: Attempt,
    request: OwnedRequest,
    pool: Arc<Pool>,
    /// The key set that couldn't verify its token.
    generation: u32,
}

/// One worker's bearer tokens.
pub struct BearerTokens {
    verified: Cache<VerifiedToken>,
    parked: Vec<ParkedRequest>,
}

impl Default for BearerTokens {
    fn default() -> Self {
        Self { verified: Cache::new(LIMITS), parked: Vec::new() }
    }
}

impl BearerTokens {
    /// Forgets the verified tokens. Parked requests stay.
    pub fn forget(&mut self) {
        self.verified = Cache::new(LIMITS);
    }

    /// Verifies the token of a request. `settings` define which tokens are accepted.
    pub fn authorize(
        &mut self,
        ctx: &RequestContext<'_>,
        token: &str,
        settings: &BearerSettings,
        keys: &mut KeySetCaches,
        denials: &Denials,
        env: &HostEnv<'_>,
    ) -> BearerVerdict {
        if let Some(VerifiedToken { person, .. }) = self.find_verified(ctx, token, keys) {
            return if denials.is_listed(&person.revocable) { REVOKED } else { BearerVerdict::Good(person) };
        }
        let Some(claimed) = Claimed::by(token) else {
            return BearerVerdict::Bad(JwtError::Malformed);
        };
        let Some(pool) = verifying_pool(ctx, &claimed) else {
            return BearerVerdict::Bad(JwtError::Issuer);
        };
        let Some(cache) = keys.of(pool) else { return BearerVerdict::KeysMissing };
        cache.adopt(env.shared);
        let generation = cache.generation();
        let accepted = Accepted {
            issuers: &pool.cognito.issuers,
            client_ids: accepted_clients(pool, settings),
            uses: &settings.uses,
            resources: &settings.resources_of(&pool.cognito, ctx.config.public_url.as_ref()),
        };
        let verdict =
            cache.keys().map(|keys| verify_bearer_token(token, keys, &accepted, env.now, env.rs256));
        match verdict {
            None if ctx.attempt.impatient => BearerVerdict::KeysMissing,
            None => self.wait(pool),
            Some(Err(JwtError::UnknownKey)) if !ctx.attempt.impatient => {
                match cache.ask_for_newer(env.now, env.shared) {
                    Newer::Coming => self.wait(pool),
                    Newer::Throttled => BearerVerdict::Bad(JwtError::UnknownKey),
                }
            }
            Some(Err(fault)) => BearerVerdict::Bad(fault),
            Some(Ok((token_use, claims))) => {
                let mut person = person_of_token(token, token_use, &claims, pool, ctx);
                person.revocable = denials.names_of_token(&claims, claims.signed_in_at());
                let person = Arc::new(person);
                if token.len() <= MAX_CACHED {
                    let verified = VerifiedToken { person: Arc::clone(&person), generation };
                    self.verified.put(cache_key(token), verified, person.size(), claims.accepted_until());
                }
                if denials.is_listed(&person.revocable) { REVOKED } else { BearerVerdict::Good(person) }
            }
        }
    }

    /// A token that the current key set has already verified.
    fn find_verified(
        &mut self,
        ctx: &RequestContext<'_>,
        token: &str,
        keys: &mut KeySetCaches,
    ) -> Option<VerifiedToken> {
        let verified = self.verified.get(cache_key(token), ctx.now)?;
        let pool = &verified.person.pool;
        let is_current = keys.of(pool).is_some_and(|keys| keys.generation() == verified.generation);
        (is_current && is_only_pool_of_issuer(ctx, pool)).then_some(verified)
    }

    fn wait(&self, pool: &Arc<Pool>) -> BearerVerdict {
        if self.parked.len() < MAX_PARKED {
            BearerVerdict::Wait(Arc::clone(pool))
        } else {
            BearerVerdict::KeysMissing
        }
    }

    /// Parks a request until the pool's keys arrive.
    pub fn park(&mut self, ctx: &RequestContext<'_>, pool: Arc<Pool>, keys: &mut KeySetCaches) {
        let generation = keys.of(&pool).map_or(0, |keys| keys.generation());
        self.parked.push(ParkedRequest {
            attempt: ctx.attempt,
            request: OwnedRequest::of(ctx.request),
            pool,
            generation,
        });
    }

    /// Whether this stream's request waits for keys.
    pub fn awaits(&self, stream: StreamId) -> bool {
        self.parked.iter().any(|parked| parked.attempt.stream == stream)
    }

    /// A parked stream has ended.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.parked.retain(|parked| parked.attempt.stream != stream);
    }

    /// Removes and returns the parked requests whose wait is over.
    pub fn unpark(&mut self, keys: &mut KeySetCaches, env: &HostEnv<'_>) -> Vec<Retry> {
        if self.parked.is_empty() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        // Many requests wait for the same keys, and each check reads shared data.
        let mut known: Vec<(usize, u32, bool)> = Vec::new();
        for parked in std::mem::take(&mut self.parked) {
            let impatient = env.now.since(parked.attempt.since) >= KEYS_PATIENCE;
            let index = parked.pool.index;
            let found = known.iter().find(|(pool, ..)| *pool == index).copied();
            let (_, generation, is_over) = found.unwrap_or_else(|| {
                let state = keys.of(&parked.pool).map_or((index, 0, true), |cache| {
                    cache.adopt(env.shared);
                    let is_over = cache.keys().is_some() && !cache.is_coming(env.now, env.shared);
                    (index, cache.generation(), is_over)
                });
                known.push(state);
                state
            });
            if impatient || is_over || generation != parked.generation {
                ready.push((Attempt { impatient, ..parked.attempt }, parked.request));
            } else {
                self.parked.push(parked);
            }
        }
        ready
    }

    /// Whether a request waits for the keys of a pool.
    pub fn await_keys_of(&self, pool: &Pool) -> bool {
        self.parked.iter().any(|parked| parked.pool.index == pool.index)
    }

    /// Whether any request waits.
    pub fn is_waiting(&self) -> bool {
        !self.parked.is_empty()
    }
}

/// Tokens are valid at every host.
const fn cache_key(token: &str) -> CacheKey<'_> {
    CacheKey { within: "", bytes: token.as_bytes() }
}

/// The person that a verified token was issued to.
fn person_of_token(
    token: &str,
    token_use: TokenUse,
    claims: &Claims,
    pool: &Arc<Pool>,
    ctx: &RequestContext<'_>,
) -> Person {
    let Config { headers, rules, .. } = ctx.config;
    let wanted = KeptClaims { for_headers: &headers.claims(), for_rules: rules.claims() };
    let identity = match token_use {
        TokenUse::Access => Identity::of_access_token(claims, &pool.roles, wanted),
        TokenUse::Id => Identity::of_id_token(claims, None, &pool.roles, wanted),
    };
    let tokens = forwarded_token(token_use, token, ctx.config);
    let until = claims.good_until(ctx.now);
    let person = Person::new(pool, Arc::new(identity), &tokens, until, ctx.config);
    Person { by_bearer_token: true, ..person }
}

/// The app clients of a pool whose tokens are accepted.
fn accepted_clients<'a>(pool: &'a Pool, settings: &'a BearerSettings) -> &'a [String] {
    match settings.client_ids.as_slice() {
        [] => std::slice::from_ref(&pool.cognito.client_id),
        listed => listed,
    }
}

/// The pool that verifies a token. Among the pools that accept its issuer, this is the one whose client the token was
/// issued to, or else the first: `bearer.client_ids` may name the client.
fn verifying_pool<'a>(ctx: &RequestContext<'a>, claimed: &Claimed) -> Option<&'a Arc<Pool>> {
    let mut of_issuer = ctx.pools.iter().filter(|pool| pool.cognito.issuers.contains(&claimed.issuer));
    let own = |pool: &&Arc<Pool>| claimed.client.as_ref() == Some(&pool.cognito.client_id);
    of_issuer.clone().find(own).or_else(|| of_issuer.next())
}

/// Whether `pool` is the only pool of its issuer at this request's host. Then it verifies every token of that issuer,
/// and cached results are valid.
fn is_only_pool_of_issuer(ctx: &RequestContext<'_>, pool: &Pool) -> bool {
    let mut of_issuer = ctx.pools.iter().filter(|other| other.cognito.issuer == pool.cognito.issuer);
    of_issuer.next().is_some_and(|other| other.index == pool.index) && of_issuer.next().is_none()
}

/// The token, if the configuration forwards it upstream in its own header.
fn forwarded_token(token_use: TokenUse, token: &str, config: &Config) -> SessionTokens {
    let secret = || Secret::new(token.to_owned());
    let is = |wanted, source| token_use == wanted && config.headers.forwards(source);
    SessionTokens {
        refresh: None,
        id: is(TokenUse::Id, &Source::IdToken).then(|| IdToken(secret())),
        access: is(TokenUse::Access, &Source::AccessToken).then(|| AccessToken(secret())),
    }
}
