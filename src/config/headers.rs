//! The settings of the headers that the app gets.

use crate::config::reader::Section;
use crate::identity::{IdentityHeaders, Source, X_AUTH, same_when_folded};

/// Headers that carry the request itself; a claim in their place would bend it.
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

/// Reads the section `headers` of the document's root.
pub fn read(root: &Section<'_>) -> IdentityHeaders {
    let section = root.section("headers");
    let preset = match section.text("preset").as_deref() {
        None | Some("x-auth") => X_AUTH,
        Some("none") => &[],
        Some("x-auth-request" | "x-forwarded" | "x-token") => {
            section.fault("preset", "not supported yet");
            &[]
        }
        Some(other) => {
            let known = "x-auth, x-auth-request, x-forwarded, x-token, none";
            section.fault("preset", format!("`{other}` is not one of {known}"));
            &[]
        }
    };
    let mut headers: Vec<(String, Source)> =
        preset.iter().map(|(name, source)| ((*name).to_owned(), source.clone())).collect();
    for (name, claim) in section.text_map("claims") {
        let at = format!("claims.{name}");
        let name = name.to_ascii_lowercase();
        if let Some(message) = bad_name(&name) {
            section.fault(&at, message);
        } else if headers.iter().any(|(known, _)| same_when_folded(known, &name)) {
            section.fault(&at, format!("`{name}` is set by another setting already"));
        }
        if claim.trim().is_empty() {
            section.fault(&at, "names no claim");
        }
        headers.push((name, Source::Claim(claim)));
    }
    section.not_supported_yet("forward_id_token");
    section.not_supported_yet("forward_access_token");
    section.finish();
    IdentityHeaders::new(headers)
}

/// Why a header can't be set from a claim.
fn bad_name(name: &str) -> Option<String> {
    // RFC 9110, section 5.1, without the characters that servers fold.
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(token) {
        return Some(format!("`{name}` is no header name of letters, digits, `-`, `_` and `.`"));
    }
    let reserved = RESERVED.iter().any(|reserved| same_when_folded(reserved, name));
    let envoys = name.get(..8).is_some_and(|start| same_when_folded(start, "x-envoy-"));
    (reserved || envoys).then(|| format!("`{name}` carries the request itself and can't be set from a claim"))
}
