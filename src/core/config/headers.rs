//! The settings of the headers for the app.

use std::sync::Arc;

use crate::cognito::identity::headers::{
    Encoding, IdentityHeaders, Preset, Source, X_AUTH, X_AUTH_REQUEST, X_FORWARDED, X_TOKEN, same_when_folded,
};
use crate::cognito::identity::source::Template;
use crate::cognito::pool::Pools;
use crate::config::reader::Section;
use crate::config::templates;

/// Headers that carry the request itself. A claim in one of them would change the request's meaning.
const RESERVED: [&str; 24] = [
    "host",
    "cookie",
    "set-cookie",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "authorization",
    "proxy-authorization",
    "keep-alive",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-client-cert",
    "x-request-id",
    "x-real-ip",
];

/// Reads the section `headers` at the root of the document.
pub(crate) fn read(root: &Section<'_>, pools: &Pools) -> IdentityHeaders {
    let section = root.section("headers");
    let presets: [(&str, Preset); 5] = [
        ("x-auth", X_AUTH),
        ("x-auth-request", X_AUTH_REQUEST),
        ("x-forwarded", X_FORWARDED),
        ("x-token", X_TOKEN),
        ("none", &[]),
    ];
    let preset = section.choice("preset", &presets, X_AUTH);
    let mut headers: Vec<(String, Source)> =
        preset.iter().map(|(name, source)| ((*name).to_owned(), source.clone())).collect();
    let mut add = |at: &str, name: &str, source: Source| {
        let name = name.to_ascii_lowercase();
        if let Some(message) = bad_name(&name, &source) {
            section.fault(at, message);
        } else if headers.iter().any(|(known, _)| same_when_folded(known, &name)) {
            section.fault(at, format!("`{name}` is already set by another setting"));
        }
        headers.push((name, source));
    };
    for (name, claim) in section.text_map("claims") {
        let at = format!("claims.{name}");
        if claim.trim().is_empty() {
            section.fault(&at, "is empty; write a claim's name");
        }
        add(&at, &name, Source::Claim(claim));
    }
    let pools: Vec<_> = pools.iter().collect();
    for (name, text) in section.text_map("templates") {
        let at = format!("templates.{name}");
        let template = templates::read(&text, &pools).unwrap_or_else(|why| {
            section.fault(&at, why);
            Template::default()
        });
        add(&at, &name, Source::Template(Arc::new(template)));
    }
    for (key, source) in
        [("forward_id_token", Source::IdToken), ("forward_access_token", Source::AccessToken)]
    {
        if let Some(name) = section.text(key) {
            add(key, &name, source);
        }
    }
    let encodings = [("utf8", Encoding::Utf8), ("percent", Encoding::Percent)];
    let encoding = section.choice("encoding", &encodings, Encoding::default());
    section.finish();
    IdentityHeaders::new(headers).encoded(encoding)
}

/// Why a header can't be set from this source.
fn bad_name(name: &str, source: &Source) -> Option<String> {
    // A token (RFC 9110, section 5.1), but without the characters that some servers replace.
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(token) {
        return Some(format!("`{name}` is not a valid header name; use letters, digits, `-`, `_` and `.`"));
    }
    let is_token = matches!(source, Source::IdToken | Source::AccessToken);
    let reserved = RESERVED.iter().any(|reserved| same_when_folded(reserved, name))
        && !(is_token && name == "authorization");
    let envoys = name.get(..8).is_some_and(|start| same_when_folded(start, "x-envoy-"));
    let from = if is_token { "from a token" } else { "from a claim" };
    (reserved || envoys).then(|| format!("`{name}` is part of the request itself and can't be set {from}"))
}
