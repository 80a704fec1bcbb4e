//! Sessions and sign-ins under way, as the browser keeps them: sealed cookies.

mod flows;
mod names;
mod parts;

use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::cookie::{Cookies, MAX_COOKIE, SameSite};
use crate::http::Request;
use crate::identity::Identity;
use crate::oidc::{AccessToken, IdToken, RefreshToken, SessionTokens};
use crate::pool::{CookieSettings, Pool};
use crate::seal::Binding;
use crate::secret::{Entropy, NoEntropy, Secret};
use crate::session::parts::{MAX_PARTS, joined_parts, split_into_parts};
use crate::time::UnixTime;

pub use flows::{Flow, FlowId};

/// Copies of one cookie that are tried. Browsers send one; who sends thousands shall not cost more.
pub const MAX_COPIES: usize = 4;

/// What ties the identity cookie and the token cookie of one sign-in together.
pub type SessionId = [u8; 16];

/// A session, as the identity cookie holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Ties the two cookies together.
    pub id: SessionId,
    /// When the person signed in.
    pub signed_in_at: UnixTime,
    /// When its tokens were had, in whole seconds. Each refresh makes it later, which tells what it brought from
    /// what was there before.
    pub renewed_at: UnixTime,
    /// When they expire.
    pub expires_at: UnixTime,
    /// When the person was last seen, to within a tenth of `session.idle`.
    pub seen_at: UnixTime,
    /// Who it is.
    pub identity: Rc<Identity>,
}

/// How good a session's tokens still are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Good.
    Fresh,
    /// Good, but it is time to have new ones.
    Due,
    /// Over. The session needs new ones to go on.
    Expired,
}

impl Session {
    /// When signing in again will be needed, whatever is refreshed until then.
    pub fn ends_at(&self, config: &Config) -> UnixTime {
        self.signed_in_at.plus(config.lifetime)
    }

    /// Whether it is still a session at `now`. Its tokens may need refreshing: see [`Session::freshness`].
    pub fn lasts(&self, config: &Config, now: UnixTime) -> bool {
        let idle = config.idle.is_some_and(|idle| now.since(self.seen_at) >= idle);
        now < self.ends_at(config) && !idle
    }

    /// How good its tokens are. New ones are due `session.refresh_early` before the old expire, but not
    /// before three quarters of their life; a little later for some sessions than for others, so that
    /// people who came together don't refresh together.
    pub fn freshness(&self, config: &Config, now: UnixTime) -> Freshness {
        if now >= self.expires_at {
            return Freshness::Expired;
        }
        let life = self.expires_at.since(self.renewed_at);
        let early = config.refresh_early.min(life / 4);
        let spread = early / 4 * u32::from(self.id.first().copied().unwrap_or(0)) / 255;
        let left = self.expires_at.since(now);
        if left <= early.saturating_sub(spread) { Freshness::Due } else { Freshness::Fresh }
    }

    /// Whether it is worth telling the browser that the person was seen now.
    pub fn is_to_be_touched(&self, config: &Config, now: UnixTime) -> bool {
        config.idle.is_some_and(|idle| now.since(self.seen_at) >= idle / 10)
    }
}

/// What the token cookie holds.
#[derive(Serialize, Deserialize)]
struct Tokens {
    session: SessionId,
    refresh_token: Option<String>,
    id_token: Option<String>,
    access_token: Option<String>,
}

/// Why a session can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// The identity would make a cookie of that many bytes, which browsers drop.
    IdentityTooLarge(usize),
    /// The tokens would need more parts than are taken.
    TokensTooLarge(usize),
    /// No randomness.
    NoEntropy,
}

impl From<NoEntropy> for NotKept {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

/// One pool's cookies of one browser at one host: what they are sealed for, and how they are spelt.
#[derive(Debug)]
pub struct CookieStore<'c> {
    config: &'c Config,
    pool: &'c Pool,
    binding: Binding,
}

impl<'c> CookieStore<'c> {
    /// The cookies for `host`. A cookie without `Domain` is the host's own, and is sealed as such; with
    /// one it is shared by all hosts below.
    pub fn new(config: &'c Config, pool: &'c Pool, host: &str) -> Self {
        let owner = pool.cookies.owner(host);
        Self { config, pool, binding: pool.binding().and(&[owner.as_bytes()]) }
    }

    /// Seals a value into a cookie of that name.
    pub fn seal<T: Serialize>(
        &self,
        name: &str,
        value: &T,
        entropy: &mut dyn Entropy,
    ) -> Result<String, NoEntropy> {
        self.seal_bytes(name, &postcard::to_allocvec(value).map_err(|_| NoEntropy)?, entropy)
    }

    fn seal_bytes(&self, name: &str, bytes: &[u8], entropy: &mut dyn Entropy) -> Result<String, NoEntropy> {
        self.config.keyring.seal(&self.binding.and(&[name.as_bytes()]), bytes, entropy)
    }

    /// Opens a value of a cookie of that name. What isn't ours, or isn't whole, is `None`.
    pub fn open<T: DeserializeOwned>(&self, name: &str, sealed: &[u8]) -> Option<T> {
        match postcard::take_from_bytes(&self.open_bytes(name, sealed)?) {
            Ok((value, [])) => Some(value),
            _ => None,
        }
    }

    fn open_bytes(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.config.keyring.open(&self.binding.and(&[name.as_bytes()]), sealed)
    }

    /// `Set-Cookie` values for a sealed value, which may need several. `None` where it would need too many.
    fn in_cookies(&self, name: &str, sealed: &str, max_age: u64, same_site: SameSite) -> Option<Vec<String>> {
        let attributes = &self.pool.cookies.attributes;
        let room = MAX_COOKIE.saturating_sub(attributes.set("", "", max_age, same_site).len());
        let parts = split_into_parts(name, sealed, room);
        let set = |(name, part): &(String, String)| attributes.set(name, part, max_age, same_site);
        (parts.len() <= MAX_PARTS).then(|| parts.iter().map(set).collect())
    }

    /// The session that a request's cookies hold, if it is still one at `now`.
    pub fn session(&self, cookies: &Cookies<'_>, now: UnixTime) -> Option<Session> {
        let sealed = cookies.values(&self.pool.cookies.identity).take(MAX_COPIES);
        sealed.filter_map(|sealed| self.open_session(sealed)).find(|session| session.lasts(self.config, now))
    }

    /// The session that an identity cookie holds, be it over or not.
    pub fn open_session(&self, sealed: &[u8]) -> Option<Session> {
        self.open(&self.pool.cookies.identity, sealed)
    }

    /// The session in a `Set-Cookie` value that another worker has sealed.
    pub fn session_in(&self, set_cookie: &str, now: UnixTime) -> Option<Session> {
        let (name, rest) = set_cookie.split_once('=')?;
        let (value, _) = rest.split_once(';')?;
        let session = self.open::<Session>(name, value.as_bytes())?;
        (name == self.pool.cookies.identity && session.lasts(self.config, now)).then_some(session)
    }

    /// A `Set-Cookie` value that says a person was seen now. `None` where there is no randomness.
    pub fn touch(&self, session: &Session, now: UnixTime, entropy: &mut dyn Entropy) -> Option<String> {
        let seen = Session { seen_at: now, ..session.clone() };
        self.identity_cookie(&seen, now, entropy).ok()
    }

    fn identity_cookie(
        &self,
        session: &Session,
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<String, NoEntropy> {
        let CookieSettings { identity, attributes, same_site, .. } = &self.pool.cookies;
        let max_age = session.ends_at(self.config).since(now).as_secs();
        Ok(attributes.set(identity, &self.seal(identity, session, entropy)?, max_age, *same_site))
    }

    /// The tokens that go with a session, or with whatever session they are of where none is left.
    pub fn session_tokens(&self, cookies: &Cookies<'_>, session: Option<SessionId>) -> Option<SessionTokens> {
        let tokens = self.tokens(cookies, session)?;
        Some(SessionTokens {
            refresh: tokens.refresh_token.map(|token| RefreshToken(Secret::new(token))),
            id: tokens.id_token.map(|token| IdToken(Secret::new(token))),
            access: tokens.access_token.map(|token| AccessToken(Secret::new(token))),
        })
    }

    /// Which session the cookies are of, whether it lasts or not.
    pub fn session_id(&self, cookies: &Cookies<'_>) -> Option<SessionId> {
        let sealed = cookies.values(&self.pool.cookies.identity).take(MAX_COPIES);
        let identity = sealed.filter_map(|sealed| self.open_session(sealed)).next();
        identity.map(|session| session.id).or_else(|| self.tokens(cookies, None).map(|tokens| tokens.session))
    }

    /// The token cookie of a session, or of any. What is left of another one in front of it doesn't hide it.
    fn tokens(&self, cookies: &Cookies<'_>, session: Option<SessionId>) -> Option<Tokens> {
        let name = &self.pool.cookies.tokens;
        let whole = cookies.values(name).take(MAX_COPIES).map(<[u8]>::to_vec);
        whole
            .chain(joined_parts(cookies, name))
            .filter_map(|sealed| self.open::<Tokens>(name, &sealed))
            .find(|tokens| session.is_none_or(|id| id == tokens.session))
    }

    /// `Set-Cookie` values that keep a session, and that take away what is left of an earlier one.
    ///
    /// # Errors
    /// Where browsers wouldn't take them.
    pub fn keep(
        &self,
        session: &Session,
        session_tokens: &SessionTokens,
        present: &[String],
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<String>, NotKept> {
        let CookieSettings { tokens, attributes, same_site, .. } = &self.pool.cookies;
        let max_age = session.ends_at(self.config).since(now).as_secs();
        let cookie = self.identity_cookie(session, now, entropy)?;
        if cookie.len() > MAX_COOKIE {
            return Err(NotKept::IdentityTooLarge(cookie.len()));
        }
        let mut cookies = vec![cookie];
        let value = Tokens {
            session: session.id,
            refresh_token: session_tokens.refresh.as_ref().map(|token| token.0.expose().clone()),
            id_token: session_tokens.id.as_ref().map(|token| token.0.expose().clone()),
            access_token: session_tokens.access.as_ref().map(|token| token.0.expose().clone()),
        };
        if value.refresh_token.is_some() || value.id_token.is_some() || value.access_token.is_some() {
            let sealed = self.seal(tokens, &value, entropy)?;
            let parts = self.in_cookies(tokens, &sealed, max_age, *same_site);
            cookies.extend(parts.ok_or(NotKept::TokensTooLarge(sealed.len()))?);
        }
        for name in present {
            let is_kept = |cookie: &String| cookie.split('=').next() == Some(name.as_str());
            if !cookies.iter().any(is_kept) {
                cookies.push(attributes.delete(name));
            }
        }
        Ok(cookies)
    }
}

/// The cookies of a request.
pub fn cookies_of(request: &Request) -> Cookies<'_> {
    Cookies::parse(request.values("cookie"))
}
