//! Thousands of sessions, made from one real session and sealed as the filter seals them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy, random_bytes};
use envoy_cognito_core::http::cookie::Cookies;
use envoy_cognito_core::oidc::SessionTokens;
use envoy_cognito_core::session::{CookieStore, Session};
use envoy_cognito_core::time::UnixTime;

use crate::lab::{HOST, Lab, filter_config};
use crate::request::navigation;

/// Makes cookies that every site of the lab accepts.
pub struct Mint {
    config: Config,
    session: Session,
    tokens: SessionTokens,
}

impl Mint {
    /// Makes sessions like the one in these cookies.
    ///
    /// # Errors
    /// If they contain no session.
    pub fn new(lab: &Lab, cookies: &str) -> Result<Self, String> {
        let json = filter_config(&lab.cognito.domain_url(), &lab.cognito.idp_url(), &serde_json::json!({}));
        let config = Config::parse(json.to_string().as_bytes(), &|_| None);
        let config = config.map_err(|faults| format!("{faults:?}"))?;
        let cookies = Cookies::parse(std::iter::once(cookies.as_bytes()));
        let store = CookieStore::new(&config, pool(&config)?, HOST);
        let session = store.session(&cookies, now()).ok_or("these cookies hold no session")?;
        let tokens = store.session_tokens(&cookies, Some(session.id)).ok_or("a session without tokens")?;
        Ok(Self { session, tokens, config })
    }

    /// The refresh token.
    ///
    /// # Errors
    /// If the session has no refresh token.
    pub fn refresh_token(&self) -> Result<&str, String> {
        let token = self.tokens.refresh.as_ref().ok_or("a session without a refresh token")?;
        Ok(token.0.expose())
    }

    /// The same person signed in once more.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn session(&self) -> Result<Session, String> {
        let id = random_bytes(&mut Random).map_err(|_| "no randomness")?;
        Ok(Session { id, ..self.session.clone() })
    }

    /// A session whose tokens expired so long ago that its next request needs a refresh.
    ///
    /// # Errors
    /// As [`Mint::session`].
    pub fn expired_session(&self) -> Result<Session, String> {
        let ago = |secs| UnixTime::from_secs(now().secs().saturating_sub(secs));
        let since = ago(7_200);
        let session = self.session()?;
        Ok(Session { signed_in_at: since, renewed_at: since, expires_at: ago(3_600), ..session })
    }

    /// A session with enough roles to make the value of its identity cookie this long.
    ///
    /// # Errors
    /// As [`Mint::cookies`].
    pub fn session_of_size(&self, bytes: usize) -> Result<Session, String> {
        let mut session = self.session()?;
        for number in 1.. {
            if self.identity_bytes(&session)? >= bytes {
                break;
            }
            Arc::make_mut(&mut session.identity).roles.push(format!("team-{number}/member"));
        }
        Ok(session)
    }

    /// How long the value of a session's identity cookie is.
    ///
    /// # Errors
    /// As [`Mint::cookies`].
    pub fn identity_bytes(&self, session: &Session) -> Result<usize, String> {
        let cookies = self.cookies(session)?;
        let value = cookies.split("; ").next().and_then(|pair| pair.split_once('='));
        Ok(value.map_or(0, |(_, value)| value.len()))
    }

    /// The `cookie` header of a browser that has this session, the identity's cookie first.
    ///
    /// # Errors
    /// If it doesn't fit into cookies.
    pub fn cookies(&self, session: &Session) -> Result<String, String> {
        let store = CookieStore::new(&self.config, pool(&self.config)?, HOST);
        let kept = store.keep(session, &self.tokens, &[], now(), &mut Random);
        let kept = kept.map_err(|error| format!("a session can't be kept: {error:?}"))?;
        let pairs = kept.iter().filter_map(|set| set.split(';').next());
        Ok(pairs.collect::<Vec<_>>().join("; "))
    }

    /// A navigation each for so many sessions, which are made by `session`.
    ///
    /// # Errors
    /// As [`Mint::cookies`].
    pub fn navigations(
        &self,
        count: usize,
        session: impl Fn(&Self) -> Result<Session, String>,
    ) -> Result<Vec<Vec<u8>>, String> {
        (0..count).map(|_| Ok(navigation("/page", &self.cookies(&session(self)?)?))).collect()
    }
}

fn pool(config: &Config) -> Result<&Pool, String> {
    config.pools.first().map(AsRef::as_ref).ok_or_else(|| "a configuration without a pool".to_owned())
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixTime::from_secs(since.as_secs())
}

/// The randomness of this machine.
struct Random;

impl Entropy for Random {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::getrandom(out).map_err(|_| NoEntropy)
    }
}
