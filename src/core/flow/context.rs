//! A request with the data that the flows need, and the person who sends it.

use std::sync::Arc;

use crate::cognito::identity::{Identity, join_roles};
use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::decision::{AccessUser, Attempt};
use crate::http::client::Client;
use crate::http::cookie::Cookies;
use crate::http::origin::Origin;
use crate::http::path::RequestPath;
use crate::http::{Request, SharedHeaders};
use crate::oidc::SessionTokens;
use crate::rules::{Facts, Who};
use crate::session::{CookieStore, Session, SessionId, cookies_of};
use crate::shared::revocations::Revocable;
use crate::time::UnixTime;

/// A request with everything that is known about it before a flow begins.
pub struct RequestContext<'a> {
    /// Its stream, and how long it has waited.
    pub attempt: Attempt,
    /// The configuration.
    pub config: &'a Config,
    /// The request itself.
    pub request: Request<'a>,
    /// Its path.
    pub path: RequestPath<'a>,
    /// Its cookies.
    pub cookies: Cookies<'a>,
    /// The origin that the browser sees.
    pub origin: Origin<'a>,
    /// The host of the request's `:authority`; a proxy may have rewritten it.
    pub host: &'a str,
    /// The pools of that host; at least one.
    pub pools: &'a [Arc<Pool>],
    /// The time.
    pub now: UnixTime,
}

impl<'a> RequestContext<'a> {
    /// A request to `host` at `now`, without what can be read from `request` and `config`.
    pub fn new(
        attempt: Attempt,
        config: &'a Config,
        request: Request<'a>,
        (path, origin, host): (RequestPath<'a>, Origin<'a>, &'a str),
        now: UnixTime,
    ) -> Self {
        let (cookies, pools) = (cookies_of(request), config.pools.at(host));
        Self { attempt, config, request, path, cookies, origin, host, pools, now }
    }

    /// The name of this request in the log and on pages: Envoy's request id.
    pub fn reference(&self) -> String {
        reference(self.request)
    }

    /// The kind of client that sends the request.
    pub fn client(&self) -> Client {
        Client::of(self.request)
    }

    /// The store that opens and seals a pool's cookies for this origin's host.
    pub fn store(&self, pool: &'a Pool) -> CookieStore<'a> {
        CookieStore::new(self.config, pool, self.origin.host())
    }

    /// The session of the request. If it carries sessions of several pools, the latest.
    pub fn session(&self) -> Option<(&'a Arc<Pool>, Session)> {
        let sessions = self.pools.iter().filter_map(|pool| {
            let session = self.store(pool).session(&self.cookies, self.now)?;
            Some((pool, session))
        });
        sessions.max_by_key(|(_, session)| session.signed_in_at)
    }

    /// `Set-Cookie` values that delete the request's sessions at pools other than `pool`: signing in at one pool ends
    /// the session at another. `None` deletes the sessions at all pools. Also deletes leftover cookies of all pools:
    /// see [`CookieStore::leftovers`].
    pub fn delete_other_sessions(&self, pool: Option<&Pool>) -> Vec<String> {
        let mut gone = Vec::new();
        for other in self.pools {
            gone.extend(self.store(other).leftovers(&self.cookies));
            if pool.is_some_and(|pool| other.index == pool.index) {
                continue;
            }
            let cookies = &other.cookies;
            let mut names = cookies.token_parts(&self.cookies);
            if self.cookies.values(&cookies.identity).next().is_some() {
                names.push(cookies.identity.clone());
            }
            gone.extend(names.iter().map(|name| cookies.delete(name)));
        }
        gone
    }
}

/// A person who is signed in, or an API client with a verified token.
#[derive(Clone, Debug)]
pub struct Person {
    /// The pool of their account.
    pub pool: Arc<Pool>,
    /// Their identity.
    pub identity: Arc<Identity>,
    /// The identity headers for the upstream.
    pub headers: SharedHeaders,
    /// Their names for the access log.
    pub names: Arc<AccessUser>,
    /// When they must sign in again, or send another token.
    pub until: UnixTime,
    /// What the deny list could name of their session or token.
    pub revocable: Revocable,
    /// Their session; `None` for a bearer token.
    pub session: Option<PersonsSession>,
    /// Whether a bearer token identifies them, rather than a session.
    pub by_bearer_token: bool,
    /// Their claims, as far as rules ask for them.
    pub facts: Facts,
}

/// The session of a person who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct PersonsSession {
    /// Its id.
    pub id: SessionId,
    /// When the first of its tokens expires.
    pub expires_at: UnixTime,
}

impl Person {
    /// A person with identity headers, and with headers for `tokens` if raw tokens are forwarded. `until` is when the
    /// session or token ends.
    pub fn new(
        pool: &Arc<Pool>,
        identity: Arc<Identity>,
        tokens: &SessionTokens,
        until: UnixTime,
        config: &Config,
    ) -> Self {
        let names = AccessUser {
            user: identity.username.clone().unwrap_or_default(),
            subject: identity.subject.clone(),
            roles: join_roles(&identity.roles, ','),
            session: String::new(),
        };
        let headers = config.headers.render(&identity).map(owned).collect();
        let person = Self {
            facts: identity.facts(config.rules.claims()),
            pool: Arc::clone(pool),
            headers: Arc::new(headers),
            names: Arc::new(names),
            identity,
            until,
            revocable: Revocable::default(),
            session: None,
            by_bearer_token: false,
        };
        person.with_tokens(tokens, config)
    }

    /// Adds headers for these raw tokens, if raw tokens are forwarded.
    #[must_use]
    pub fn with_tokens(mut self, tokens: &SessionTokens, config: &Config) -> Self {
        if config.headers.forwards_tokens() {
            let tokens = config.headers.render_tokens(tokens).map(owned);
            Arc::make_mut(&mut self.headers).extend(tokens);
        }
        self
    }

    /// Roughly how much memory the value uses, in bytes.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 64);
        let facts = self.identity.facts.iter().map(|(name, value)| name.len() + value.len() + 64);
        // The identity contains the same texts as the headers, and the facts again.
        (headers.sum::<usize>() + facts.sum::<usize>()) * 2 + 256
    }

    /// The properties that rules check.
    pub fn as_seen_by_rules(&self, now: UnixTime) -> Who<'_> {
        Who { roles: &self.identity.roles, pool: &self.pool.name, facts: &self.facts, now }
    }
}

fn owned((name, value): (&str, Vec<u8>)) -> (String, Vec<u8>) {
    (name.to_owned(), value)
}

/// The request id, if it is safe to show on a page and in a log line; otherwise `-`.
pub fn reference(request: Request<'_>) -> String {
    let ok = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    request.text("x-request-id").filter(ok).unwrap_or("-").to_owned()
}
