//! Opens cookies with the core's own code, and finds out why a cookie doesn't open.

use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::secret::hex;
use envoy_cognito_core::http::cookie::Cookies;
use envoy_cognito_core::http::host;
use envoy_cognito_core::session::{CookieStore, Session};
use envoy_cognito_core::time::UnixTime;

use crate::cookie::pasted::Pasted;
use crate::cookie::shown::{NotOpened, Shown, ShownFlow, ShownSession, ShownTokens};

/// What to open, and with which configurations.
pub struct Request<'r> {
    /// The configurations whose keys may have sealed it.
    pub configs: &'r [Config],
    /// The host from the command line.
    pub host: Option<String>,
    /// The text that the user pasted.
    pub pasted: String,
    /// The current time.
    pub now: UnixTime,
}

/// Opens whatever can be opened.
///
/// # Errors
/// A sentence, if there is nothing to open.
pub fn show(request: &Request<'_>) -> Result<Shown, String> {
    let pasted = Pasted::parse(&request.pasted)?;
    let mut shown = Shown::default();
    let Some(header) = &pasted.header else {
        let value = pasted.value.as_str();
        if !request.stores().any(|store| open_value(&store, value, request.now, &mut shown)) {
            shown.not_opened.push(NotOpened { cookie: String::new(), reasons: request.reasons("", value) });
        }
        return Ok(shown);
    };
    let cookies = Cookies::parse(std::iter::once(header.as_bytes()));
    let names = |ours: bool| {
        let is_ours = |name: &[u8]| request.pools().any(|(_, pool)| pool.cookies.is_ours(name));
        let found = cookies.iter().filter(move |(name, _)| is_ours(name) == ours);
        found.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
    };
    let ours = names(true);
    if ours.is_empty() {
        let wanted: Vec<&str> = request.pools().map(|(_, pool)| pool.cookies.identity.as_str()).collect();
        return Err(format!(
            "none of these cookies belongs to this configuration, whose cookies' names start with {}: {}",
            wanted.join(", "),
            names(false).join(", ")
        ));
    }
    for store in request.stores() {
        open_header(&store, &cookies, request.now, &mut shown);
    }
    request.note_the_rest(&cookies, &ours, &mut shown);
    Ok(shown)
}

/// Whether a cookie has this name, or is a part of a cookie with this name.
fn is_part_of(name: &str, whole: &str) -> bool {
    name.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Opens the cookies of a pool for a host.
struct Opener<'r> {
    config: &'r Config,
    pool: &'r Pool,
    host: String,
    store: CookieStore<'r>,
}

impl<'r> Opener<'r> {
    fn new(config: &'r Config, pool: &'r Pool, host: String) -> Self {
        let store = CookieStore::new(config, pool, &host);
        Self { config, pool, host, store }
    }
}

impl Request<'_> {
    fn pools(&self) -> impl Iterator<Item = (&Config, &Pool)> {
        self.configs.iter().flat_map(|config| config.pools.iter().map(move |pool| (config, &**pool)))
    }

    /// The host that this configuration's cookies belong to.
    fn host_of(&self, config: &Config) -> String {
        let public = config.public_url.as_ref().map(|url| url.host().to_owned());
        public.or_else(|| self.host.clone()).unwrap_or_default()
    }

    fn stores(&self) -> impl Iterator<Item = Opener<'_>> {
        self.pools().map(|(config, pool)| Opener::new(config, pool, self.host_of(config)))
    }

    /// Reports our cookies that couldn't be shown.
    fn note_the_rest(&self, cookies: &Cookies<'_>, ours: &[String], shown: &mut Shown) {
        for name in ours {
            let is_shown = shown.sessions.iter().any(|session| session.cookie == *name)
                || shown.sign_ins_under_way.iter().any(|flow| is_part_of(name, &flow.cookie))
                || shown.tokens.iter().any(|tokens| is_part_of(name, &tokens.cookie));
            if !is_shown {
                let value = cookies.values(name).next().unwrap_or_default();
                let reasons = self.reasons(name, &String::from_utf8_lossy(value));
                shown.not_opened.push(NotOpened { cookie: name.clone(), reasons });
            }
        }
    }

    /// Possible reasons why a value doesn't open.
    fn reasons(&self, name: &str, value: &str) -> Vec<String> {
        let sealed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_part = name.rsplit_once('.').is_some_and(|(_, number)| number.len() == 1);
        if !is_part && let Some(odd) = value.chars().find(|c| !sealed(*c)) {
            return vec![format!(
                "it contains a `{}`, which no cookie of the filter contains: it is another cookie, or it was changed",
                odd.escape_default()
            )];
        }
        if !is_part && (value.len() < 54 || value.len() % 4 == 1) {
            return vec![format!("it is incomplete: no cookie of the filter has {} characters", value.len())];
        }
        if let Some(host) = self.other_host(value) {
            return vec![format!(
                "it was issued for the host {host}; pass that as --host, or make sure that people use only one host"
            )];
        }
        let hosts: Vec<String> =
            self.configs.iter().map(|config| self.host_of(config)).filter(|host| !host.is_empty()).collect();
        let mut reasons = vec![
            "it was encrypted with another key: one that was removed from session.keys, or one that other Envoys have".to_owned(),
        ];
        if !hosts.is_empty() {
            reasons.push(format!("it was issued for a host other than {}", hosts.join(", ")));
        }
        reasons.push(
            "it was issued for another user pool, app client or pool name than the configuration has now"
                .to_owned(),
        );
        reasons.push(
            "it was issued by another version of the filter, whose cookies have another format".to_owned(),
        );
        reasons.push("it was changed, or not copied completely".to_owned());
        if is_part {
            reasons.push("a part of it is missing".to_owned());
        }
        reasons
    }

    /// A host, similar to the configured ones, for which the cookie does open.
    fn other_host(&self, value: &str) -> Option<String> {
        let said = self.host.iter().cloned();
        let public =
            self.configs.iter().filter_map(|config| Some(config.public_url.as_ref()?.host().to_owned()));
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        for host in said.chain(public) {
            hosts.extend(host.strip_prefix("www.").map(str::to_owned));
            hosts.push(format!("www.{host}"));
            hosts.extend(host.split_once('.').map(|(_, parent)| parent.to_owned()));
            hosts.push(host);
        }
        for (config, pool) in self.pools() {
            let opens = |host: &&String| {
                let opener = Opener::new(config, pool, (*host).clone());
                opener.store.open_session(value.as_bytes()).is_some()
            };
            if let Some(host) = hosts.iter().find(opens) {
                return Some(host.clone());
            }
        }
        None
    }
}

/// Opens a value if the cookie's name isn't known.
fn open_value(opener: &Opener<'_>, value: &str, now: UnixTime, shown: &mut Shown) -> bool {
    let before = shown.sessions.len() + shown.tokens.len();
    let names = [&opener.pool.cookies.identity, &opener.pool.cookies.tokens];
    for name in names {
        let pair = format!("{name}={value}");
        open_header(opener, &Cookies::parse(std::iter::once(pair.as_bytes())), now, shown);
    }
    shown.sessions.len() + shown.tokens.len() > before
}

fn open_header(opener: &Opener<'_>, cookies: &Cookies<'_>, now: UnixTime, shown: &mut Shown) {
    let Opener { config, pool, host, store } = opener;
    let names = &pool.cookies;
    let sessions: Vec<Session> =
        cookies.values(&names.identity).filter_map(|value| store.open_session(value)).collect();
    shown.sessions.extend(sessions.iter().map(|session| of_session(config, pool, host, session, now)));
    if let Some(tokens) = store.session_tokens(cookies, None) {
        let of = |session: &Session| store.session_tokens(cookies, Some(session.id)).is_some();
        shown.tokens.push(ShownTokens {
            cookie: names.tokens.clone(),
            refresh_token_characters: tokens.refresh.map(|token| token.0.expose().len()),
            id_token_characters: tokens.id.map(|token| token.0.expose().len()),
            access_token_characters: tokens.access.map(|token| token.0.expose().len()),
            of_the_session: (!sessions.is_empty()).then(|| sessions.iter().any(of)),
        });
    }
    for id in names.flow_ids(cookies) {
        if let Some(flow) = store.flow(cookies, &id) {
            let name = names.flow_name(&id);
            shown.sign_ins_under_way.push(ShownFlow {
                cookie: name.clone(),
                started_at: flow.started_at.secs(),
                is_alive: flow.is_alive(now),
                // A query may contain private data.
                return_to: flow.return_to.split('?').next().unwrap_or_default().to_owned(),
                redirect_uri: flow.redirect_uri,
            });
        }
    }
}

fn of_session(config: &Config, pool: &Pool, host: &str, session: &Session, now: UnixTime) -> ShownSession {
    let identity = &session.identity;
    ShownSession {
        cookie: pool.cookies.identity.clone(),
        pool: pool.name.clone(),
        host: pool.cookies.owner(host).to_owned(),
        session: hex(&session.id),
        subject: identity.subject.clone(),
        username: identity.username.clone(),
        email: identity.email.clone(),
        name: identity.name.clone(),
        roles: identity.roles.clone(),
        claims: identity.claims.iter().cloned().collect(),
        signed_in_at: session.signed_in_at.secs(),
        tokens_renewed_at: session.renewed_at.secs(),
        tokens_expire_at: session.expires_at.secs(),
        ends_at: session.ends_at(config).secs(),
        seen_at: config.idle.is_some().then(|| session.seen_at.secs()),
        lasts: session.lasts(config, now),
    }
}

/// The host of `--host`, read as the filter reads a request's host.
pub fn host(said: &str) -> Option<String> {
    let authority = said.split("://").last().unwrap_or(said).trim_end_matches('/');
    host::of_authority(authority).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_as_of_a_request() {
        assert_eq!(host("https://App.example.com:8443/").as_deref(), Some("app.example.com"));
        assert_eq!(host("a b"), None);
    }
}
