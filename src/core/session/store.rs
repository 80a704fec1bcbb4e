//! Reads and writes the cookies of sessions.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cognito::identity::asked;
use crate::cognito::pool::{CookieSettings, Pool};
use crate::config::Config;
use crate::crypto::seal::{Binding, SealError};
use crate::crypto::secret::{Entropy, Secret};
use crate::http::cookie::{Cookies, MAX_COOKIE, SameSite};
use crate::oidc::{AccessToken, IdToken, RefreshToken, SessionTokens};
use crate::session::parts::{MAX_PARTS, split_into_parts};
use crate::session::{MAX_COPIES, Session, SessionId, StoreError};
use crate::time::UnixTime;

/// The content of the token cookies.
#[derive(Serialize, Deserialize)]
pub(super) struct Tokens {
    session: SessionId,
    refresh_token: Option<String>,
    id_token: Option<String>,
    access_token: Option<String>,
}

impl Tokens {
    /// The refresh token. Earlier versions sealed empty ones, which count as absent.
    fn into_refresh_token(self) -> Option<String> {
        self.refresh_token.filter(|token| !token.trim().is_empty())
    }
}

impl From<Tokens> for SessionTokens {
    fn from(mut tokens: Tokens) -> Self {
        Self {
            id: tokens.id_token.take().map(|token| IdToken(Secret::new(token))),
            access: tokens.access_token.take().map(|token| AccessToken(Secret::new(token))),
            refresh: tokens.into_refresh_token().map(|token| RefreshToken(Secret::new(token))),
        }
    }
}

/// Reads and writes one pool's cookies at one host.
#[derive(Debug)]
pub struct CookieStore<'c> {
    pub(super) config: &'c Config,
    pub(super) pool: &'c Pool,
    pub(super) binding: Binding,
    pub(super) former_binding: Option<Binding>,
}

impl<'c> CookieStore<'c> {
    /// The cookies at `host`. A cookie without `Domain` is sealed for that host only; with `Domain`, all hosts below
    /// it share the cookie.
    pub fn new(config: &'c Config, pool: &'c Pool, host: &str) -> Self {
        let owner = pool.cookies.owner(host);
        let at_owner = |binding: Binding| binding.and(&[owner.as_bytes()]);
        let (binding, former) = (at_owner(pool.binding()), pool.former_binding().map(at_owner));
        Self { config, pool, binding, former_binding: former }
    }

    /// Seals a value for a cookie of that name.
    ///
    /// # Errors
    /// If the value can't be encoded or encrypted.
    pub fn seal<T: Serialize>(
        &self,
        name: &str,
        value: &T,
        entropy: &mut dyn Entropy,
    ) -> Result<String, SealError> {
        self.seal_bytes(name, &postcard::to_allocvec(value).map_err(|_| SealError::Encoding)?, entropy)
    }

    pub(super) fn seal_bytes(
        &self,
        name: &str,
        bytes: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<String, SealError> {
        self.config.keyring.seal(&self.binding_of(name, self.own_kind()), bytes, entropy)
    }

    /// Decrypts the value of a cookie of that name. `None` if the value isn't ours, or is incomplete.
    pub fn open<T: DeserializeOwned>(&self, name: &str, sealed: &[u8]) -> Option<T> {
        decode(&self.open_bytes(name, sealed)?)
    }

    pub(super) fn open_bytes(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let own = self.own_kind();
        self.unseal(own, name, sealed).or_else(|| self.unseal(!own, name, sealed))
    }

    /// The `Set-Cookie` values for a sealed value, which may need several cookies. `None` if it would need too many.
    pub(super) fn in_cookies(
        &self,
        name: &str,
        sealed: &str,
        max_age: u64,
        same_site: SameSite,
    ) -> Option<Vec<String>> {
        let attributes = &self.pool.cookies.attributes;
        let room = MAX_COOKIE.saturating_sub(attributes.set("", "", max_age, same_site).len());
        let parts = split_into_parts(name, sealed, room);
        let set = |(name, part): &(String, String)| attributes.set(name, part, max_age, same_site);
        (parts.len() <= MAX_PARTS).then(|| parts.iter().map(set).collect())
    }

    /// The latest session in a request's cookies that is valid at `now`.
    pub fn session(&self, cookies: &Cookies<'_>, now: UnixTime) -> Option<Session> {
        let sealed = cookies.values(&self.pool.cookies.identity).take(MAX_COPIES);
        let sessions = sealed.filter_map(|sealed| self.open_session(sealed));
        sessions.filter(|session| session.lasts(self.config, now)).max_by_key(Session::lateness)
    }

    /// The session in an identity cookie, even if it has ended.
    pub fn open_session(&self, sealed: &[u8]) -> Option<Session> {
        decode_session(&self.open_bytes(&self.pool.cookies.identity, sealed)?)
    }

    /// The session in a `Set-Cookie` value that another worker sealed.
    pub fn session_in(&self, set_cookie: &str, now: UnixTime) -> Option<Session> {
        let (name, rest) = set_cookie.split_once('=')?;
        let (value, _) = rest.split_once(';')?;
        let session = decode_session(&self.open_bytes(name, value.as_bytes())?)?;
        (name == self.pool.cookies.identity && session.lasts(self.config, now)).then_some(session)
    }

    /// A `Set-Cookie` value that records that the person was seen now. `None` if it can't be sealed.
    pub fn touch(&self, session: &Session, now: UnixTime, entropy: &mut dyn Entropy) -> Option<String> {
        let seen = Session { seen_at: now, ..session.clone() };
        self.identity_cookie(&seen, now, entropy).ok()
    }

    fn identity_cookie(
        &self,
        session: &Session,
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<String, SealError> {
        let CookieSettings { identity, attributes, same_site, .. } = &self.pool.cookies;
        let max_age = session.ends_at(self.config).since(now).as_secs();
        let sealed = self.seal_bytes(identity, &encode_session(session)?, entropy)?;
        Ok(attributes.set(identity, &sealed, max_age, *same_site))
    }

    /// The tokens of `session`, or of any session if `None`.
    pub fn session_tokens(&self, cookies: &Cookies<'_>, session: Option<SessionId>) -> Option<SessionTokens> {
        let of_it = |tokens: &Tokens| session.is_none_or(|id| id == tokens.session);
        self.tokens(cookies, &of_it).pop().filter(of_it).map(SessionTokens::from)
    }

    /// The refresh tokens in the cookies, usually one.
    pub fn refresh_tokens(&self, cookies: &Cookies<'_>) -> Vec<RefreshToken> {
        let mut texts = Vec::new();
        for text in self.tokens(cookies, &|_| false).into_iter().filter_map(Tokens::into_refresh_token) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.into_iter().map(|text| RefreshToken(Secret::new(text))).collect()
    }

    /// The id of a session in the cookies, even if it has ended. If there are several, any of them.
    pub fn session_id(&self, cookies: &Cookies<'_>) -> Option<SessionId> {
        self.session_ids(cookies).into_iter().map(|(id, _)| id).next()
    }

    /// The ids of all sessions in the cookies, usually one, each with the time of its sign-in. Token cookies don't tell
    /// that time.
    pub fn session_ids(&self, cookies: &Cookies<'_>) -> Vec<(SessionId, Option<UnixTime>)> {
        let sealed = cookies.values(&self.pool.cookies.identity).take(MAX_COPIES);
        let mut ids: Vec<(SessionId, Option<UnixTime>)> = Vec::new();
        let identities = sealed.filter_map(|sealed| self.open_session(sealed));
        let identities = identities.map(|session| (session.id, Some(session.signed_in_at)));
        let tokens = self.tokens(cookies, &|_| false);
        for (id, since) in identities.chain(tokens.iter().map(|tokens| (tokens.session, None))) {
            if ids.iter().all(|(known, _)| *known != id) {
                ids.push((id, since));
            }
        }
        ids
    }

    /// The `Set-Cookie` values that store a session, and that delete cookies of an earlier session, named in
    /// `present`.
    ///
    /// # Errors
    /// If browsers would drop the cookies, or nothing can be sealed.
    pub fn keep(
        &self,
        session: &Session,
        session_tokens: &SessionTokens,
        present: &[String],
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<String>, StoreError> {
        let CookieSettings { tokens, same_site, .. } = &self.pool.cookies;
        let max_age = session.ends_at(self.config).since(now).as_secs();
        let cookie = self.identity_cookie(session, now, entropy)?;
        if cookie.len() > MAX_COOKIE {
            return Err(StoreError::IdentityTooLarge(cookie.len()));
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
            cookies.extend(parts.ok_or(StoreError::TokensTooLarge(sealed.len()))?);
        }
        for name in present {
            let is_kept = |cookie: &String| cookie.split('=').next() == Some(name.as_str());
            if !cookies.iter().any(is_kept) {
                cookies.push(self.pool.cookies.delete(name));
            }
        }
        Ok(cookies)
    }
}

/// A session without claims for rules is the same as in earlier versions; otherwise they follow, and then what its
/// sign-ins have asked for.
fn encode_session(session: &Session) -> Result<Vec<u8>, SealError> {
    let mut bytes = postcard::to_allocvec(session).map_err(|_| SealError::Encoding)?;
    if !session.identity.facts.is_empty() || !session.identity.asked.is_empty() {
        let facts = postcard::to_allocvec(&session.identity.facts).map_err(|_| SealError::Encoding)?;
        bytes.extend_from_slice(&facts);
        asked::write(&session.identity.asked, &mut bytes);
    }
    Ok(bytes)
}

fn decode_session(bytes: &[u8]) -> Option<Session> {
    let (mut session, behind) = postcard::take_from_bytes::<Session>(bytes).ok()?;
    if !behind.is_empty() {
        let (facts, behind) = postcard::take_from_bytes(behind).ok()?;
        let identity = Arc::get_mut(&mut session.identity)?;
        identity.facts = facts;
        identity.asked = asked::read(behind)?;
    }
    Some(session)
}

/// Decodes a value that was sealed. `None` if it is incomplete.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}
