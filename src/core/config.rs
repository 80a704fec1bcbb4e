//! The configuration: what the operator wrote, read once into what it means. A document with any fault
//! is refused whole, with all its faults at once.

pub mod document;
pub mod environment;
mod headers;
mod pool;
pub mod reader;
mod rules;
mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use url::{Host, ParseError, Url};

use crate::cognito::identity::headers::IdentityHeaders;
use crate::cognito::pool::Pools;
use crate::config::reader::{ConfigError, ConfigErrors, Section};
use crate::crypto::seal::Keyring;
use crate::crypto::secret::hex;
use crate::http::origin::Origin;
use crate::http::path::{RequestPath, decode};
use crate::oidc::jwt::TokenUse;
use crate::pages::page::{Accent, Design};
use crate::rules::Rules;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user pools that people sign in at.
    pub pools: Pools,
    /// Scheme and authority that browsers see, where it isn't the request's own.
    pub public_url: Option<Origin<'static>>,
    /// Our own paths.
    pub paths: Paths,
    /// What cookies are sealed under.
    pub keyring: Keyring,
    /// How long a session may last, whatever is refreshed.
    pub lifetime: Duration,
    /// Sign in again after this long without a request.
    pub idle: Option<Duration>,
    /// How long before the tokens expire new ones are asked for.
    pub refresh_early: Duration,
    /// How long a session outlives its tokens while Cognito is down.
    pub stale_if_error: Duration,
    /// What the app is told.
    pub headers: IdentityHeaders,
    /// Who may see what.
    pub rules: Rules,
    /// Which bearer tokens are taken; none where it is absent.
    pub bearer: Option<BearerSettings>,
    /// Whether CORS preflights go upstream, whoever sends them. They carry no credentials by design.
    pub preflights_pass: bool,
    /// What the pages look like.
    pub pages: Design,
}

/// Which bearer tokens are taken.
#[derive(Clone, Debug)]
pub struct BearerSettings {
    /// The app clients whose tokens they may be; each pool's own where it is empty.
    pub client_ids: Vec<String>,
    /// The kinds of token.
    pub uses: Vec<TokenUse>,
}

/// The paths that the filter answers itself.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Starts a sign-in.
    pub sign_in: String,
    /// Ends one.
    pub sign_out: String,
    /// Where Cognito sends the code.
    pub callback: String,
    /// Who am I?
    pub me: String,
    /// The small page that says it is done.
    pub signed_out: String,
    /// Where Cognito's logout leads to.
    pub after_sign_out: String,
}

impl Config {
    /// Reads a document that is written as JSON. `environment` looks variables up.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn parse(
        json: &[u8],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        Self::of_document(document::parse(json), environment)
    }

    /// Reads a document, or reports why there is none. `environment` looks variables up.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn of_document(
        document: Result<document::Node, String>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        let faults = ConfigErrors::default();
        let mut root = match document {
            Ok(root) => root,
            Err(message) => {
                faults.add("configuration", message);
                return Err(faults.into_vec());
            }
        };
        environment::substitute(&mut root, "", environment, &faults);
        let config = Self::read(&Section::new(String::new(), Some(&root), &faults));
        match faults.into_vec() {
            found if found.is_empty() => Ok(config),
            found => Err(found),
        }
    }

    fn read(root: &Section<'_>) -> Self {
        let public_url = read_public_url(root);
        let paths = read_paths(root);
        let session = session::read(root, public_url.as_ref());
        let pools = pool::read(root, &session.cookies);
        let headers = headers::read(root);
        let bearer = read_bearer(root);
        let rules = rules::read(root, &pools);
        let preflights_pass = root.choice("cors_preflight", &[("deny", false), ("pass", true)], false);
        let pages = read_pages(root);
        root.finish();
        Self {
            pools,
            public_url,
            paths,
            keyring: session.keyring,
            lifetime: session.lifetime,
            idle: session.idle,
            refresh_early: session.refresh_early,
            stale_if_error: session.stale_if_error,
            headers,
            rules,
            bearer,
            preflights_pass,
            pages,
        }
    }

    /// Keeps the shared data of different configurations in one Envoy apart.
    pub fn scope(&self) -> String {
        let scopes = self.pools.iter().map(|pool| pool.scope(self.keyring.fingerprint()));
        let hash = scopes.fold(Sha256::new(), Sha256::chain_update).finalize();
        format!("envoy_cognito.{}", hex(hash.get(..8).unwrap_or_default()))
    }
}

fn read_public_url(root: &Section<'_>) -> Option<Origin<'static>> {
    let text = root.text("public_url")?;
    let url = match parse_url(&text) {
        Ok(url) => url,
        Err(message) => {
            root.fault("public_url", message);
            return None;
        }
    };
    if url.path() != "/" || url.query().is_some() || url.host_str().is_some_and(|host| host.contains('*')) {
        root.fault("public_url", "must be scheme and host alone, as in https://app.example.com");
    }
    Origin::parse(&url.origin().ascii_serialization())
}

/// A URL that a browser or the filter may be sent to: `https`, or `http` on the machine itself.
fn parse_url(text: &str) -> Result<Url, String> {
    match parse_any_url(text)? {
        url if url.scheme() == "https" || is_loopback(&url) => Ok(url),
        _ => Err(format!("`{text}` is http; only localhost may be")),
    }
}

/// A URL that nobody is sent to: `https` or `http`, of any host.
fn parse_any_url(text: &str) -> Result<Url, String> {
    let no_url = |why: &str| format!("`{text}` is no URL: {why}");
    let bare = || no_url("https:// is missing (http:// for localhost)");
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => bare(),
        error => no_url(&error.to_string()),
    })?;
    // `localhost:8080` is a URL whose scheme is `localhost`.
    if url.cannot_be_a_base() {
        return Err(bare());
    }
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user or a password in it is not taken".to_owned());
    }
    if host.is_empty() || url.fragment().is_some() {
        return Err(format!("`{text}` must have a host and no fragment"));
    }
    match url.scheme() {
        "https" | "http" => Ok(url),
        other => Err(format!("`{text}`: https is needed, not {other}")),
    }
}

/// Whether a URL leads to the machine itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn read_paths(root: &Section<'_>) -> Paths {
    let section = root.section("paths");
    let path = |key: &'static str, default: String| {
        let Some(path) = section.text(key) else { return default };
        // Visible ASCII: browsers would spell anything else in escapes.
        let plain = path.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && byte != b'?');
        let parsed = RequestPath::parse(path.as_bytes()).ok();
        // What is left to decode would be another path to some server.
        let decoded =
            String::from_utf8(decode(path.as_bytes(), |_| true)).is_ok_and(|path| !path.contains('%'));
        let good = parsed.is_some_and(|parsed| match key {
            // It may be anything that is registered at Cognito already, and is taken letter for letter: as
            // browsers leave it.
            "callback" => Url::parse("https://host.invalid")
                .and_then(|base| base.join(&path))
                .is_ok_and(|url| url.path() == path),
            "prefix" => path != "/" && parsed.canonical() == path.as_bytes(),
            _ => parsed.canonical() == path.as_bytes(),
        });
        if !plain || !good || !decoded {
            section.fault(
                key,
                format!("`{path}` must be a plain path such as /.auth, without a trailing slash"),
            );
        }
        path
    };
    let prefix = path("prefix", "/.auth".to_owned());
    let paths = Paths {
        sign_in: format!("{prefix}/sign-in"),
        sign_out: format!("{prefix}/sign-out"),
        callback: path("callback", format!("{prefix}/callback")),
        me: format!("{prefix}/me"),
        signed_out: format!("{prefix}/signed-out"),
        after_sign_out: path("after_sign_out", format!("{prefix}/signed-out")),
    };
    let own = [&paths.sign_in, &paths.sign_out, &paths.me, &paths.signed_out];
    if own.contains(&&paths.callback) {
        section.fault("callback", format!("`{}` is another of the filter's own paths", paths.callback));
    }
    let restless = [&paths.sign_in, &paths.sign_out, &paths.callback, &paths.me];
    if paths.after_sign_out != "/" && restless.contains(&&paths.after_sign_out) {
        section.fault("after_sign_out", format!("`{}` would never come to rest", paths.after_sign_out));
    }
    section.finish();
    paths
}

fn read_bearer(root: &Section<'_>) -> Option<BearerSettings> {
    let section = root.section("bearer");
    let enabled = section.flag("enabled", false);
    let client_ids = section.plain_texts("client_ids").unwrap_or_default();
    if client_ids.iter().any(|id| id.trim().is_empty()) {
        section.fault("client_ids", "has an empty id in it");
    }
    let uses = section.texts("token_use").unwrap_or_else(|| vec![(0, "access".to_owned())]);
    if uses.is_empty() {
        section.fault("token_use", "is empty: `access`, `id`, or both");
    }
    let token_use = |(index, text): (usize, String)| match text.as_str() {
        "access" => Some(TokenUse::Access),
        "id" => Some(TokenUse::Id),
        _ => {
            section.fault(&format!("token_use[{index}]"), format!("`{text}` is not one of access, id"));
            None
        }
    };
    let uses = uses.into_iter().filter_map(token_use).collect();
    section.finish();
    enabled.then_some(BearerSettings { client_ids, uses })
}

fn read_pages(root: &Section<'_>) -> Design {
    let section = root.section("pages");
    let title = section.text("title");
    if title.as_ref().is_some_and(|title| title.trim().is_empty() || title.chars().count() > 80) {
        section.fault("title", "must be a name of 80 characters at most");
    }
    let logo = section.text("logo");
    if let Some(logo) = &logo {
        let is_path = logo.starts_with('/') && !logo.starts_with("//") && !logo.contains('\\');
        let fault = match parse_url(logo) {
            _ if is_path => None,
            Ok(_) => None,
            Err(message) => Some(message),
        };
        if let Some(message) = fault.filter(|_| logo.len() <= 500) {
            section.fault("logo", format!("{message}; or write a path of this host"));
        } else if logo.len() > 500 {
            section.fault("logo", "must be an address of 500 characters at most");
        }
    }
    let accent = section.text("accent").and_then(|text| {
        let accent = Accent::parse(&text);
        if accent.is_none() {
            section.fault("accent", format!("`{text}` is no colour; write #0b57d0"));
        }
        accent
    });
    section.finish();
    Design::new(title, logo, accent)
}
