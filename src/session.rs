//! Sessions and sign-ins under way, as the browser keeps them: sealed cookies.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::{Config, CookieSettings};
use crate::cookie::{Cookies, MAX_COOKIE, SameSite};
use crate::http::Request;
use crate::identity::Identity;
use crate::oidc::RefreshToken;
use crate::seal::Binding;
use crate::secret::{Entropy, NoEntropy, Secret, hex, random_bytes};
use crate::time::UnixTime;

/// Copies of one cookie that are tried. Browsers send one; who sends thousands shall not cost more.
pub const MAX_COPIES: usize = 4;
/// Parts that a token cookie is split into at most: 16 KB of refresh token.
const MAX_PARTS: usize = 4;

/// What ties the identity cookie and the token cookie of one sign-in together.
pub type SessionId = [u8; 16];

/// A session, as the identity cookie holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Ties the two cookies together.
    pub id: SessionId,
    /// When the person signed in.
    pub signed_in_at: UnixTime,
    /// When the tokens were had that the identity was read from.
    pub renewed_at: UnixTime,
    /// When they expire.
    pub expires_at: UnixTime,
    /// When the person was last seen, to within a tenth of `session.idle`.
    pub seen_at: UnixTime,
    /// Who it is.
    pub identity: Identity,
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

/// Tells the sign-ins of one browser apart: 64 random bits in hexadecimal, the visible half of `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowId(String);

impl FlowId {
    /// A fresh one.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(hex(&random_bytes::<8>(entropy)?)))
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 16 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The sixteen digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sign-in under way, as its flow cookie holds it.
#[derive(Serialize, Deserialize)]
pub struct Flow {
    /// The hidden half of `state`.
    pub secret: [u8; 16],
    /// The nonce that the ID token must carry.
    pub nonce: String,
    /// The PKCE code verifier.
    pub code_verifier: String,
    /// `redirect_uri` of the authorization request; the token request must repeat it.
    pub redirect_uri: String,
    /// Where to go afterwards.
    pub return_to: String,
    /// When it began.
    pub started_at: UnixTime,
}

impl Flow {
    /// How long a sign-in may take. Cognito itself gives up on its pages after five minutes.
    pub const LIFETIME: Duration = Duration::from_secs(600);

    /// The `state` of this sign-in: the flow's id, which finds the cookie, and a secret that only this
    /// cookie holds.
    pub fn state(&self, id: &FlowId) -> Secret<String> {
        Secret::new(format!("{}.{}", id.as_str(), URL_SAFE_NO_PAD.encode(self.secret)))
    }

    /// Whether it can still be finished.
    pub fn is_alive(&self, now: UnixTime) -> bool {
        now < self.started_at.plus(Self::LIFETIME)
    }
}

/// What the token cookie holds.
#[derive(Serialize, Deserialize)]
struct Tokens {
    session: SessionId,
    refresh_token: String,
}

/// Why a session can't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// The identity would make a cookie of that many bytes, which browsers drop.
    IdentityTooLarge(usize),
    /// The refresh token would need more parts than are taken.
    TokensTooLarge(usize),
    /// No randomness.
    NoEntropy,
}

impl From<NoEntropy> for NotKept {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

/// The cookies of one browser at one host: what they are sealed for, and how they are spelt.
#[derive(Debug)]
pub struct CookieStore<'c> {
    config: &'c Config,
    binding: Binding,
}

impl<'c> CookieStore<'c> {
    /// The cookies for `host`. A cookie without `Domain` is the host's own, and is sealed as such; with
    /// one it is shared by all hosts below.
    pub fn new(config: &'c Config, binding: &Binding, host: &str) -> Self {
        let owner = config.cookies.attributes.domain.as_deref().unwrap_or(host);
        Self { config, binding: binding.and(&[owner.as_bytes()]) }
    }

    /// Seals a value into a cookie of that name.
    pub fn seal<T: Serialize>(
        &self,
        name: &str,
        value: &T,
        entropy: &mut dyn Entropy,
    ) -> Result<String, NoEntropy> {
        let bytes = postcard::to_allocvec(value).map_err(|_| NoEntropy)?;
        self.config.keyring.seal(&self.binding.and(&[name.as_bytes()]), &bytes, entropy)
    }

    /// Opens a value of a cookie of that name. What isn't ours, or isn't whole, is `None`.
    pub fn open<T: DeserializeOwned>(&self, name: &str, sealed: &[u8]) -> Option<T> {
        let bytes = self.config.keyring.open(&self.binding.and(&[name.as_bytes()]), sealed)?;
        match postcard::take_from_bytes(&bytes) {
            Ok((value, [])) => Some(value),
            _ => None,
        }
    }

    /// The session that a request's cookies hold, if it is still one at `now`. Its tokens may need
    /// refreshing: see [`CookieStore::freshness`].
    pub fn session(&self, cookies: &Cookies<'_>, now: UnixTime) -> Option<Session> {
        let name = &self.config.cookies.identity;
        cookies
            .values(name)
            .take(MAX_COPIES)
            .filter_map(|sealed| self.open::<Session>(name, sealed))
            .find(|session| self.lasts(session, now))
    }

    /// The session in a `Set-Cookie` value that another worker has sealed.
    pub fn session_in(&self, set_cookie: &str, now: UnixTime) -> Option<Session> {
        let (name, rest) = set_cookie.split_once('=')?;
        let (value, _) = rest.split_once(';')?;
        let session = self.open::<Session>(name, value.as_bytes())?;
        (name == self.config.cookies.identity && self.lasts(&session, now)).then_some(session)
    }

    fn lasts(&self, session: &Session, now: UnixTime) -> bool {
        let idle = self.config.idle.is_some_and(|idle| now.since(session.seen_at) >= idle);
        now < self.ends_at(session) && !idle
    }

    /// How good a session's tokens are. New ones are due `session.refresh_early` before the old expire,
    /// but not before three quarters of their life; a little later for some sessions than for others,
    /// so that people who came together don't refresh together.
    pub fn freshness(&self, session: &Session, now: UnixTime) -> Freshness {
        if now >= session.expires_at {
            return Freshness::Expired;
        }
        let life = session.expires_at.since(session.renewed_at);
        let early = self.config.refresh_early.min(life / 4);
        let spread = early / 4 * u32::from(session.id.first().copied().unwrap_or(0)) / 255;
        let left = session.expires_at.since(now);
        if left <= early.saturating_sub(spread) { Freshness::Due } else { Freshness::Fresh }
    }

    /// A `Set-Cookie` value that says a person was seen now, when that is worth saying.
    pub fn touch(&self, session: &Session, now: UnixTime, entropy: &mut dyn Entropy) -> Option<String> {
        let worth = self.config.idle.is_some_and(|idle| now.since(session.seen_at) >= idle / 10);
        if !worth {
            return None;
        }
        let seen = Session { seen_at: now, ..session.clone() };
        self.identity_cookie(&seen, now, entropy).ok()
    }

    fn identity_cookie(
        &self,
        session: &Session,
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<String, NoEntropy> {
        let CookieSettings { identity, attributes, same_site, .. } = &self.config.cookies;
        let max_age = self.ends_at(session).since(now).as_secs();
        Ok(attributes.set(identity, &self.seal(identity, session, entropy)?, max_age, *same_site))
    }

    /// When signing in again will be needed, whatever is refreshed until then.
    pub fn ends_at(&self, session: &Session) -> UnixTime {
        session.signed_in_at.plus(self.config.lifetime)
    }

    /// The refresh token that goes with a session, or with whatever session it is of where none is left.
    pub fn refresh_token(&self, cookies: &Cookies<'_>, session: Option<SessionId>) -> Option<RefreshToken> {
        let tokens = self.tokens(cookies, session)?;
        Some(RefreshToken(Secret::new(tokens.refresh_token)))
    }

    /// Which session the cookies are of, whether it lasts or not.
    pub fn session_id(&self, cookies: &Cookies<'_>) -> Option<SessionId> {
        let name = &self.config.cookies.identity;
        let identity =
            cookies.values(name).take(MAX_COPIES).find_map(|sealed| self.open::<Session>(name, sealed));
        identity.map(|session| session.id).or_else(|| self.tokens(cookies, None).map(|tokens| tokens.session))
    }

    /// The token cookie of a session, or of any. What is left of another one in front of it doesn't hide it.
    fn tokens(&self, cookies: &Cookies<'_>, session: Option<SessionId>) -> Option<Tokens> {
        let name = &self.config.cookies.tokens;
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
        refresh_token: Option<&RefreshToken>,
        present: &[String],
        now: UnixTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<String>, NotKept> {
        let CookieSettings { tokens, attributes, same_site, .. } = &self.config.cookies;
        let max_age = self.ends_at(session).since(now).as_secs();
        let set = |name: &str, value: &str| attributes.set(name, value, max_age, *same_site);
        let cookie = self.identity_cookie(session, now, entropy)?;
        if cookie.len() > MAX_COOKIE {
            return Err(NotKept::IdentityTooLarge(cookie.len()));
        }
        let mut cookies = vec![cookie];
        let mut kept: Vec<String> = Vec::new();
        if let Some(token) = refresh_token {
            let value = Tokens { session: session.id, refresh_token: token.0.expose().clone() };
            let sealed = self.seal(tokens, &value, entropy)?;
            for (name, part) in
                split_into_parts(tokens, &sealed, MAX_COOKIE.saturating_sub(set("", "").len()))
            {
                cookies.push(set(&name, &part));
                kept.push(name);
            }
            if kept.len() > MAX_PARTS {
                return Err(NotKept::TokensTooLarge(sealed.len()));
            }
        }
        let stale = present.iter().filter(|name| !kept.contains(name));
        cookies.extend(stale.map(|name| attributes.delete(name)));
        Ok(cookies)
    }
}

/// A value in one cookie, or in `name.1`, `name.2`, … where it is too long for one. The first part tells
/// how many there are, so that a part left over from a longer value is never taken for one of these.
fn split_into_parts(name: &str, value: &str, room: usize) -> Vec<(String, String)> {
    if name.len() + value.len() <= room {
        return vec![(name.to_owned(), value.to_owned())];
    }
    // Two characters for the part's number, two for the count; both stay single digits.
    let each = room.saturating_sub(name.len() + 4).max(1);
    let pieces: Vec<&str> =
        value.as_bytes().chunks(each).filter_map(|piece| std::str::from_utf8(piece).ok()).collect();
    let count = pieces.len();
    let part = |(index, piece): (usize, &&str)| {
        let text = if index == 0 { format!("{count}.{piece}") } else { (*piece).to_owned() };
        (format!("{name}.{}", index + 1), text)
    };
    pieces.iter().enumerate().map(part).collect()
}

fn joined_parts(cookies: &Cookies<'_>, name: &str) -> Option<Vec<u8>> {
    let first = cookies.values(&format!("{name}.1")).next()?;
    let (count, head) = (first.first()?, first.get(2..)?);
    let count = usize::from(count.checked_sub(b'0')?);
    if first.get(1) != Some(&b'.') || !(1..=MAX_PARTS).contains(&count) {
        return None;
    }
    let mut joined = head.to_vec();
    for index in 2..=count {
        joined.extend_from_slice(cookies.values(&format!("{name}.{index}")).next()?);
    }
    Some(joined)
}

impl CookieSettings {
    /// Whether a cookie is one of the filter's, and so none of the app's business.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        name == self.identity.as_bytes() || self.is_token_part(name) || name.starts_with(self.flow.as_bytes())
    }

    fn is_token_part(&self, name: &[u8]) -> bool {
        name.strip_prefix(self.tokens.as_bytes()).is_some_and(|rest| {
            rest.is_empty() || matches!(rest, [b'.', digits @ ..] if digits.len() <= 2 && digits.iter().all(u8::is_ascii_digit) && !digits.is_empty())
        })
    }

    /// The names of the token cookies in a request, to be able to delete them.
    pub fn token_parts(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in cookies.iter().filter(|(name, _)| self.is_token_part(name)) {
            let name = String::from_utf8_lossy(name).into_owned();
            if !names.contains(&name) && names.len() < 2 * MAX_PARTS {
                names.push(name);
            }
        }
        names
    }

    /// `Set-Cookie` values that delete every cookie of ours in a request.
    pub fn clear(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let mut names = vec![self.identity.clone(), self.tokens.clone()];
        for name in self.token_parts(cookies).into_iter().chain(self.flow_names(cookies)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.iter().map(|name| self.attributes.delete(name)).collect()
    }

    /// The names of the flow cookies in a request, in order, up to a number that no browser reaches.
    pub fn flow_names(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let id = |name: &[u8]| -> Option<String> {
            let id = std::str::from_utf8(name.strip_prefix(self.flow.as_bytes())?).ok()?;
            FlowId::parse(id).map(|id| self.flow_name(&id))
        };
        let mut names: Vec<String> = Vec::new();
        for name in cookies.iter().filter_map(|(name, _)| id(name)) {
            if names.len() < 20 && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The name of a flow's cookie.
    pub fn flow_name(&self, id: &FlowId) -> String {
        format!("{}{}", self.flow, id.0)
    }

    /// `SameSite` of flow cookies: the browser comes back from Cognito's site with them.
    pub const fn flow_same_site(&self) -> SameSite {
        SameSite::Lax
    }
}

/// The cookies of a request.
pub fn cookies_of(request: &Request) -> Cookies<'_> {
    Cookies::parse(request.values("cookie"))
}
