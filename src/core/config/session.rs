//! The settings of sessions and their cookies.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::cognito::pool::CookieSettings;
use crate::config::reader::Section;
use crate::crypto::seal::{KEY_LEN, Keyring};
use crate::http::cookie::{CookieAttributes, SameSite};
use crate::http::origin::Origin;

/// The content of the section `session`.
pub(crate) struct SessionSettings {
    pub cookies: CookieNames,
    pub keyring: Keyring,
    pub lifetime: Duration,
    pub idle: Option<Duration>,
    pub refresh_early: Duration,
    pub recheck: Option<Duration>,
    pub stale_if_error: Duration,
    pub max_stream: Option<Duration>,
}

/// What the cookies of all pools share.
pub(crate) struct CookieNames {
    prefix: &'static str,
    name: String,
    attributes: CookieAttributes,
    same_site: SameSite,
}

impl CookieNames {
    /// The cookies of a pool. For a pool without a name, the common name is used alone.
    pub(crate) fn of_pool(&self, pool: &str) -> CookieSettings {
        let dash = if pool.is_empty() { "" } else { "-" };
        let identity = format!("{}{}{dash}{pool}", self.prefix, self.name);
        // These have a `Domain` attribute, and browsers then refuse the prefix `__Host-`.
        let prefix = if self.attributes.secure { "__Secure-" } else { "" };
        let of_domain = |what: &str| format!("{prefix}{}-{what}", self.name);
        CookieSettings {
            tokens: format!("{identity}-tokens"),
            flow: format!("{identity}-flow-"),
            here: of_domain("flow-here"),
            there: of_domain("flow-there"),
            identity,
            attributes: self.attributes.clone(),
            same_site: self.same_site,
        }
    }
}

/// Reads the section `session` at the root of the document.
pub(crate) fn read(root: &Section<'_>, public_url: Option<&Origin>) -> SessionSettings {
    let section = root.section("session");
    let keyring = read_keys(&section);
    let cookies = read_cookie(&section, public_url);
    let lifetime = section.duration("lifetime", Duration::from_secs(12 * 3600));
    if lifetime < Duration::from_secs(1) {
        section.fault("lifetime", "must be at least 1s");
    }
    let idle = section.optional_duration("idle");
    if idle.is_some_and(|idle| idle < Duration::from_secs(10)) {
        section.fault("idle", "must be at least 10s");
    }
    let refresh_early = section.duration("refresh_early", Duration::from_secs(5 * 60));
    let recheck = section.optional_duration("recheck");
    if recheck.is_some_and(|age| age < Duration::from_secs(1) || age >= lifetime) {
        section.fault("recheck", "must be at least 1s, and shorter than `session.lifetime`");
    }
    let stale_if_error = section.duration("stale_if_error", Duration::from_secs(10 * 60));
    let max_stream = section.optional_duration("max_stream");
    if max_stream.is_some_and(|longest| longest < Duration::from_secs(1)) {
        section.fault("max_stream", "must be at least 1s");
    }
    section.finish();
    SessionSettings { cookies, keyring, lifetime, idle, refresh_early, recheck, stale_if_error, max_stream }
}

fn read_keys(section: &Section<'_>) -> Keyring {
    let texts = section.texts("keys").unwrap_or_default();
    if !section.has_items("keys") {
        section.fault("keys", "is missing: at least one key, made with `openssl rand -base64 32`");
    }
    let mut keys = Vec::with_capacity(texts.len());
    for (index, text) in &texts {
        let at = format!("keys[{index}]");
        match decode_key(text) {
            Some(bytes) => match <[u8; KEY_LEN]>::try_from(bytes.as_slice()) {
                Ok(key) if keys.contains(&key) => section.fault(&at, "is the same key as an earlier one"),
                Ok(key) => keys.push(key),
                Err(_) => section.fault(&at, format!("{} bytes, {KEY_LEN} are needed", bytes.len())),
            },
            None => section.fault(&at, "is not base64"),
        }
    }
    Keyring::new(&keys)
}

/// Base64 in either alphabet, padded or not.
fn decode_key(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

fn read_cookie(session: &Section<'_>, public_url: Option<&Origin>) -> CookieNames {
    let section = session.section("cookie");
    let name = section.text("name").unwrap_or_else(|| "auth".to_owned());
    let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(token) || name.starts_with("__") {
        section.fault("name", format!("`{name}` must be a short name of letters, digits, `-`, `_` or `.`"));
    }
    let domain = section.text("domain").map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
    let secure = section.flag("secure", true);
    let choices = [("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
    let same_site = section.choice("same_site", &choices, SameSite::Lax);
    let partitioned = section.flag("partitioned", false);
    if partitioned && same_site != SameSite::None {
        section.fault(
            "partitioned",
            "requires `same_site: none`: no other cookie is sent in another site's frame",
        );
    }
    if same_site == SameSite::None && !secure {
        section.fault("same_site", "browsers drop `none` without `secure: true`");
    }
    check_domain(&section, domain.as_deref(), public_url);
    check_secure(&section, secure, public_url);
    section.finish();
    let prefix = match (secure, &domain) {
        (true, None) => "__Host-",
        (true, Some(_)) => "__Secure-",
        (false, _) => "",
    };
    CookieNames { prefix, name, attributes: CookieAttributes { domain, secure, partitioned }, same_site }
}

fn check_domain(section: &Section<'_>, domain: Option<&str>, public_url: Option<&Origin>) {
    let Some(domain) = domain else { return };
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // The last label of a host name is never a number; the last part of an IPv4 address always is.
    let is_address = domain.split('.').next_back().is_some_and(|last| last.parse::<u64>().is_ok());
    if is_address || !domain.contains('.') || !domain.split('.').all(label) {
        section.fault("domain", format!("`{domain}` is not a domain that browsers accept cookies for"));
        return;
    }
    if let Some(host) = public_url.map(Origin::host)
        && host != domain
        && !host.ends_with(&format!(".{domain}"))
    {
        section.fault("domain", format!("browsers at {host} would drop cookies for `{domain}`"));
    }
}

fn check_secure(section: &Section<'_>, secure: bool, public_url: Option<&Origin>) {
    let Some(origin) = public_url else { return };
    if secure && !origin.is_secure() {
        section.fault(
            "secure",
            "public_url is http, so no sign-in could begin; for localhost set `secure: false`",
        );
    }
    // An http origin was accepted only because it is the local machine.
    if !secure && origin.is_secure() {
        section.fault("secure", "`false` is for http://localhost only, and public_url isn't that");
    }
}
