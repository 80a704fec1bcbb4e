//! Bearer tokens in a worker's hands: which it has verified, whom they speak for, and which requests wait
//! for a key set to be judged by.

use std::rc::Rc;

use crate::cognito::identity::Identity;
use crate::cognito::identity::headers::Source;
use crate::cognito::pool::Pool;
use crate::config::{BearerSettings, Config};
use crate::crypto::secret::Secret;
use crate::decision::{Asked, Ready, StreamId, Surroundings};
use crate::flow::context::{Person, Visit};
use crate::flow::new_tokens::KEYS_PATIENCE;
use crate::http::Request;
use crate::oidc::jwt::{Accepted, Claimed, Claims, TokenFault, TokenUse, verify_bearer_token};
use crate::oidc::{AccessToken, IdToken, SessionTokens};
use crate::shared::key_sets::{KeyStores, Newer};
use crate::worker::cache::{Key, Limits, Remembered};

/// Requests that one worker lets wait for keys. Beyond it they are told to come again.
const MAX_WAITING: usize = 1024;

/// A token that a request carries.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// Which tokens are taken.
    pub settings: &'a BearerSettings,
}

/// Verified tokens that are remembered: twice as many at most, and twice the memory. Cognito's ordinary ones have
/// some 1 to 2 KB.
const REMEMBERED: Limits = Limits { entries: 1024, bytes: 4 << 20 };
/// Longer tokens are verified each time, so that few of them can't drive out many.
const MAX_REMEMBERED: usize = 16 * 1024;

/// What comes of a bearer token.
pub enum Judgement {
    /// It speaks for this person.
    Good(Rc<Person>),
    /// It isn't accepted, for this reason.
    Bad(&'static str),
    /// The keys of this pool may come yet.
    Wait(Rc<Pool>),
    /// There are no keys to judge it by, and none have come.
    KeysMissing,
}

/// A verified token.
#[derive(Clone)]
struct Known {
    person: Rc<Person>,
    /// The key set it was verified by. When that is replaced the token is verified anew, so that one signed
    /// with a key that was withdrawn doesn't outlive it.
    generation: u32,
}

/// A parked request.
struct Waiting {
    asked: Asked,
    request: Request,
    pool: Rc<Pool>,
    generation: u32,
}

/// One worker's bearer tokens.
pub struct Bearers {
    remembered: Remembered<Known>,
    waiting: Vec<Waiting>,
}

impl Default for Bearers {
    fn default() -> Self {
        Self { remembered: Remembered::new(REMEMBERED), waiting: Vec::new() }
    }
}

impl Bearers {
    /// Judges the token of a request.
    pub fn judge(
        &mut self,
        visit: &Visit<'_>,
        Presented { token, settings }: Presented<'_>,
        keys: &mut KeyStores,
        around: &Surroundings<'_>,
    ) -> Judgement {
        let key = Key { within: "", bytes: token.as_bytes() };
        if let Some(Known { person, generation }) = self.remembered.get(key, around.now)
            && is_judged_alike(visit, &person.pool)
            && keys.of(&person.pool).is_some_and(|keys| keys.generation() == generation)
        {
            return Judgement::Good(person);
        }
        let claimed = match Claimed::by(token) {
            Some(claimed) => claimed,
            None => return Judgement::Bad(TokenFault::Malformed.bearer_reason()),
        };
        let Some(pool) = pool_of(visit, &claimed) else {
            return Judgement::Bad(TokenFault::Issuer.bearer_reason());
        };
        let Some(store) = keys.of(pool) else { return Judgement::KeysMissing };
        store.adopt(around.shared);
        let generation = store.generation();
        let accepted = Accepted {
            issuer: &pool.cognito.issuer,
            client_ids: clients_of(pool, settings),
            uses: &settings.uses,
        };
        let verdict =
            store.keys().map(|keys| verify_bearer_token(token, keys, &accepted, around.now, around.rs256));
        match verdict {
            None if visit.asked.impatient => Judgement::KeysMissing,
            None => self.wait(pool),
            Some(Err(TokenFault::UnknownKey)) if !visit.asked.impatient => {
                match store.ask_for_newer(around.now, around.shared) {
                    Newer::Coming => self.wait(pool),
                    Newer::Throttled => Judgement::Bad(TokenFault::UnknownKey.bearer_reason()),
                }
            }
            Some(Err(fault)) => Judgement::Bad(fault.bearer_reason()),
            Some(Ok((token_use, claims))) => {
                let person = Rc::new(speaker(token, token_use, &claims, pool, visit));
                if token.len() <= MAX_REMEMBERED {
                    let known = Known { person: Rc::clone(&person), generation };
                    self.remembered.put(key, known, person.size(), claims.accepted_until());
                }
                Judgement::Good(person)
            }
        }
    }

    fn wait(&self, pool: &Rc<Pool>) -> Judgement {
        if self.waiting.len() < MAX_WAITING {
            Judgement::Wait(Rc::clone(pool))
        } else {
            Judgement::KeysMissing
        }
    }

    /// Parks a request until the pool's keys have come.
    pub fn park(&mut self, visit: &Visit<'_>, pool: Rc<Pool>, keys: &mut KeyStores) {
        let generation = keys.of(&pool).map_or(0, |keys| keys.generation());
        self.waiting.push(Waiting { asked: visit.asked, request: visit.request.clone(), pool, generation });
    }

    /// A parked stream is gone.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.waiting.retain(|waiting| waiting.asked.stream != stream);
    }

    /// The parked requests whose wait is over. They are to be decided upon again.
    pub fn take_ready(&mut self, keys: &mut KeyStores, around: &Surroundings<'_>) -> Vec<Ready> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        // Many wait for the same, and to look is to read shared data.
        let mut looked: Vec<(usize, u32, bool)> = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let impatient = around.now.since(waiting.asked.since) >= KEYS_PATIENCE;
            let number = waiting.pool.number;
            let known = looked.iter().find(|(looked, ..)| *looked == number).copied();
            let (_, generation, over) = known.unwrap_or_else(|| {
                let looked_now = keys.of(&waiting.pool).map_or((number, 0, true), |store| {
                    store.adopt(around.shared);
                    let over = store.keys().is_some() && !store.is_coming(around.now, around.shared);
                    (number, store.generation(), over)
                });
                looked.push(looked_now);
                looked_now
            });
            if impatient || over || generation != waiting.generation {
                ready.push((Asked { impatient, ..waiting.asked }, waiting.request));
            } else {
                self.waiting.push(waiting);
            }
        }
        ready
    }

    /// Whether a request waits for the keys of a pool.
    pub fn await_keys_of(&self, pool: &Pool) -> bool {
        self.waiting.iter().any(|waiting| waiting.pool.number == pool.number)
    }

    /// Whether any request waits.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// Whom a verified token speaks for.
fn speaker(token: &str, token_use: TokenUse, claims: &Claims, pool: &Rc<Pool>, visit: &Visit<'_>) -> Person {
    let wanted = visit.config.headers.claims();
    let identity = match token_use {
        TokenUse::Access => Identity::of_access_token(claims, &wanted),
        TokenUse::Id => Identity::of_id_token(claims, None, &pool.roles, &wanted),
    };
    let tokens = forwarded(token_use, token, visit.config);
    let until = claims.good_until(visit.now);
    let person = Person::new(pool, Rc::new(identity), &tokens, until, visit.config);
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
fn pool_of<'a>(visit: &Visit<'a>, claimed: &Claimed) -> Option<&'a Rc<Pool>> {
    let mut of_issuer = visit.pools.iter().filter(|pool| pool.cognito.issuer == claimed.issuer);
    let own = |pool: &&Rc<Pool>| claimed.client.as_ref() == Some(&pool.cognito.client_id);
    of_issuer.clone().find(own).or_else(|| of_issuer.next())
}

/// Whether a verified token would be judged by the same pool here: it is offered, and no other of its issuer.
fn is_judged_alike(visit: &Visit<'_>, pool: &Pool) -> bool {
    let mut of_issuer = visit.pools.iter().filter(|other| other.cognito.issuer == pool.cognito.issuer);
    of_issuer.next().is_some_and(|other| other.number == pool.number) && of_issuer.next().is_none()
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
