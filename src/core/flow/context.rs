//! A request as the stories see it, and the person who sends it.

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
use crate::rules::Who;
use crate::session::{CookieStore, Session};
use crate::time::UnixTime;

/// A request, and what is known of it before any story begins.
pub struct RequestContext<'a> {
    /// Which stream it came by, and how long it has waited.
    pub attempt: Attempt,
    /// The configuration.
    pub config: &'a Config,
    /// The request itself.
    pub request: &'a Request,
    /// Its path.
    pub path: RequestPath<'a>,
    /// Its cookies.
    pub cookies: Cookies<'a>,
    /// The origin that the browser sees.
    pub origin: Origin<'a>,
    /// The host that the request asks for, whatever the browser sees.
    pub host: &'a str,
    /// The pools that may be signed in at under that host; one at least.
    pub pools: &'a [Arc<Pool>],
    /// The time.
    pub now: UnixTime,
}

impl<'a> RequestContext<'a> {
    /// Names this request in the log and on pages: Envoy's request id.
    pub fn reference(&self) -> String {
        reference(self.request)
    }

    /// What the client can make of an answer of ours.
    pub fn client(&self) -> Client {
        Client::of(self.request)
    }

    /// What opens and seals a pool's cookies for this origin's host.
    pub fn store(&self, pool: &'a Pool) -> CookieStore<'a> {
        CookieStore::new(self.config, pool, self.origin.host())
    }

    /// The session that the request carries. Where it carries one of each of several pools, the latest.
    pub fn session(&self) -> Option<(&'a Arc<Pool>, Session)> {
        let sessions = self.pools.iter().filter_map(|pool| {
            let session = self.store(pool).session(&self.cookies, self.now)?;
            Some((pool, session))
        });
        sessions.max_by_key(|(_, session)| session.signed_in_at)
    }

    /// `Set-Cookie` values that delete what the request carries of pools other than `pool`: whoever signs
    /// in at one is no longer signed in at another. And of any pool what is of the other kind: see
    /// [`CookieStore::leftovers`].
    pub fn without_others(&self, pool: &Pool) -> Vec<String> {
        let mut gone = Vec::new();
        for other in self.pools {
            gone.extend(self.store(other).leftovers(&self.cookies));
            if other.index == pool.index {
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

/// Somebody who is signed in, or an API client with a good token.
#[derive(Clone, Debug)]
pub struct Person {
    /// Where they have their account.
    pub pool: Arc<Pool>,
    /// Who they are.
    pub identity: Arc<Identity>,
    /// The headers that say so upstream.
    pub headers: SharedHeaders,
    /// What the access log calls them.
    pub names: Arc<AccessUser>,
    /// When they will need to sign in again, or have another token.
    pub until: UnixTime,
    /// Whether a bearer token says so, rather than a session.
    pub by_bearer_token: bool,
}

impl Person {
    /// A person, with the headers that say who it is: with `tokens`, where those go upstream.
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
        };
        let headers = config.headers.render(&identity).map(owned).collect();
        let person = Self {
            pool: Arc::clone(pool),
            headers: Arc::new(headers),
            names: Arc::new(names),
            identity,
            until,
            by_bearer_token: false,
        };
        person.with_tokens(tokens, config)
    }

    /// The same person with headers that carry these tokens besides.
    #[must_use]
    pub fn with_tokens(mut self, tokens: &SessionTokens, config: &Config) -> Self {
        if config.headers.forwards_tokens() {
            let tokens = config.headers.render_tokens(tokens).map(owned);
            Arc::make_mut(&mut self.headers).extend(tokens);
        }
        self
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 64);
        // What the headers say, the identity says as well.
        headers.sum::<usize>() * 2 + 256
    }

    /// What rules ask of a person.
    pub fn as_seen_by_rules(&self) -> Who<'_> {
        Who { roles: &self.identity.roles, pool: &self.pool.name }
    }
}

fn owned((name, value): (&str, Vec<u8>)) -> (String, Vec<u8>) {
    (name.to_owned(), value)
}

/// The request id, if it is one that can stand in a page and a log line.
pub fn reference(request: &Request) -> String {
    let ok = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    request.text("x-request-id").filter(ok).unwrap_or("-").to_owned()
}
