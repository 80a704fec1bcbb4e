//! The configuration: what the operator wrote, read once into what it means. A document with any fault
//! is refused whole, with all its faults at once.

pub mod document;
pub mod environment;
mod headers;
mod pool;
pub mod reader;
mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use crate::cognito::UserPool;
use crate::config::reader::{Fault, Faults, Section};
use crate::cookie::{Attributes, SameSite};
use crate::identity::{IdentityHeaders, RoleSettings};
use crate::origin::Origin;
use crate::path::{Pattern, RequestPath};
use crate::rules::{Allow, Rule, Rules};
use crate::seal::{Binding, Keyring};
use crate::secret::hex;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user pool people sign in at.
    pub pool: UserPool,
    /// Scheme and authority that browsers see, where it isn't the request's own.
    pub public_url: Option<Origin>,
    /// Our own paths.
    pub paths: Paths,
    /// The cookies.
    pub cookies: CookieSettings,
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
    /// Where roles come from.
    pub roles: RoleSettings,
    /// What the app is told.
    pub headers: IdentityHeaders,
    /// Who may see what.
    pub rules: Rules,
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

/// Names and attributes of the cookies.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// Name of the identity cookie, prefix and all.
    pub identity: String,
    /// Name of the token cookie.
    pub tokens: String,
    /// What names of flow cookies begin with.
    pub flow: String,
    /// `Domain` and `Secure`.
    pub attributes: Attributes,
    /// `SameSite` of identity and tokens.
    pub same_site: SameSite,
}

impl Config {
    /// Reads a document: JSON text, or the bytes of a `google.protobuf.Struct`. `environment` looks
    /// variables up.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn parse(bytes: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let faults = Faults::default();
        let mut root = match document::parse(bytes) {
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
        let pool = pool::read(root);
        let public_url = read_public_url(root);
        let paths = read_paths(root);
        let session = session::read(root, public_url.as_ref());
        let roles = read_roles(root);
        let headers = headers::read(root);
        let rules = read_rules(root);
        read_later_settings(root);
        root.finish();
        Self {
            pool,
            public_url,
            paths,
            cookies: session.cookies,
            keyring: session.keyring,
            lifetime: session.lifetime,
            idle: session.idle,
            refresh_early: session.refresh_early,
            stale_if_error: session.stale_if_error,
            roles,
            headers,
            rules,
        }
    }

    /// Keeps the shared data of different configurations in one Envoy apart.
    pub fn scope(&self) -> String {
        let mut hash = Sha256::new();
        let pool = &self.pool;
        for part in [&pool.issuer, &pool.client_id, &pool.endpoints.jwks.url, &self.cookies.identity] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.update(self.keyring.fingerprint());
        format!("envoy_cognito.{}", hex(hash.finalize().get(..8).unwrap_or_default()))
    }

    /// What every sealed cookie of this configuration is bound to: another pool's, client's or format's
    /// doesn't open here.
    pub fn binding(&self) -> Binding {
        let pool = &self.pool;
        Binding::new(&[b"envoy-cognito/1", pool.issuer.as_bytes(), pool.client_id.as_bytes()])
    }
}

fn read_public_url(root: &Section<'_>) -> Option<Origin> {
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
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user or a password in it is not taken".to_owned());
    }
    if host.is_empty() || url.fragment().is_some() {
        return Err(format!("`{text}` must have a host and no fragment"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("`{text}` is http; only localhost may be")),
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
        let good = parsed.is_some_and(|parsed| match key {
            // It may be anything that is registered at Cognito already, and is taken letter for letter: as
            // browsers leave it.
            "callback" => Url::parse("https://host.invalid")
                .and_then(|base| base.join(&path))
                .is_ok_and(|url| url.path() == path),
            "prefix" => path != "/" && parsed.canonical() == path,
            _ => parsed.canonical() == path,
        });
        if !plain || !good {
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

fn read_roles(root: &Section<'_>) -> RoleSettings {
    let section = root.section("roles");
    let default = || vec!["cognito:groups".to_owned(), "custom:roles".to_owned()];
    let claims = section.plain_texts("claims").unwrap_or_else(default);
    let separator = section.text("separator").unwrap_or_else(|| "|".to_owned());
    if separator.is_empty() {
        section.fault("separator", "is empty");
    }
    if claims.iter().any(|claim| claim.trim().is_empty()) {
        section.fault("claims", "has an empty name in it");
    }
    if section.text("attributes_from").is_some_and(|from| from != "id_token") {
        section.fault("attributes_from", "only `id_token` is supported yet");
    }
    section.finish();
    RoleSettings { claims, separator }
}

fn read_rules(root: &Section<'_>) -> Rules {
    let mut rules = Vec::new();
    for section in root.sections("rules") {
        if section.is_empty() {
            section.fault_here("says nothing: a rule has a path, or whom it allows");
        }
        let path = section.text("path").and_then(|text| match Pattern::parse(&text) {
            Ok(pattern) => Some(pattern),
            Err(message) => {
                section.fault("path", message);
                None
            }
        });
        let choices = [
            ("everyone", Allow::Everyone),
            ("optional", Allow::Optional),
            ("signed_in", Allow::SignedIn),
            ("nobody", Allow::Nobody),
        ];
        let allow = section.choice("allow", &choices, Allow::SignedIn);
        for later in ["methods", "hosts", "roles_any", "roles_all", "unauthenticated", "mode"] {
            section.not_supported_yet(later);
        }
        rules.push(Rule { name: section.text("name"), path, allow });
        section.finish();
    }
    Rules::new(rules)
}

/// Settings of the contract whose work is still to come. Their defaults may be spelt out.
fn read_later_settings(root: &Section<'_>) {
    root.not_supported_yet("pools");
    if root.text("cors_preflight").is_some_and(|choice| choice != "deny") {
        root.fault("cors_preflight", "only `deny` is supported yet");
    }
    let bearer = root.section("bearer");
    if bearer.flag("enabled", false) {
        bearer.fault("enabled", "not supported yet");
    }
    if bearer.plain_texts("client_ids").is_some_and(|ids| !ids.is_empty()) {
        bearer.fault("client_ids", "not supported yet");
    }
    if bearer.plain_texts("token_use").is_some_and(|uses| uses != ["access"]) {
        bearer.fault("token_use", "not supported yet");
    }
    bearer.finish();
}
