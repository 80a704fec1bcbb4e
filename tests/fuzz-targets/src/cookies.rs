//! Cookie headers: our cookies are found and removed, and every other byte stays.

use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::cookie::Cookies;

use crate::fixed::{NOW, config, pool, store};

thread_local! {
    static CONFIG: Arc<Config> = config("[]");
}

/// The input is `cookie` headers, one per line.
pub fn run(data: &[u8]) {
    CONFIG.with(|config| {
        let headers: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
        let cookies = Cookies::parse(headers.iter().copied());
        let settings = &pool(config).cookies;
        let left = cookies.without(|name| settings.is_ours(name)).map(Iterator::collect::<Vec<_>>);
        assert_eq!(
            left.is_none(),
            !headers.iter().any(|header| has_ours(header)),
            "None means nothing of ours"
        );
        assert!(
            left.as_ref().is_none_or(|left| left.len() == headers.len() && cookies.headers() == left.len())
        );
        for (number, header) in headers.iter().enumerate() {
            let Some(left) = left.as_ref().map(|left| left[number].as_slice()) else { break };
            assert!(!has_ours(left), "{} is left", left.escape_ascii());
            let others = kept(header);
            assert_eq!(left.trim_ascii_start(), others.trim_ascii_start(), "of {}", header.escape_ascii());
        }
        no_session_without_a_key(config, &cookies);
    });
}

/// Without the key nobody can make a cookie that opens, and clearing only deletes our cookies.
fn no_session_without_a_key(config: &Config, cookies: &Cookies<'_>) {
    let (store, settings) = (store(config), &pool(config).cookies);
    assert!(store.session(cookies, NOW).is_none() && store.session_id(cookies).is_none());
    assert!(store.session_tokens(cookies, None).is_none());
    let cleared = settings.clear(cookies);
    assert!(cleared.len() <= 40, "{} cookies are cleared", cleared.len());
    for set_cookie in cleared {
        let (name, _) = set_cookie.split_once('=').expect("a name");
        assert!(settings.is_ours(name.as_bytes()) && !set_cookie.contains(char::is_control), "{set_cookie}");
    }
}

/// Whether a browser would read a piece's name as one of the filter's names.
fn is_ours(piece: &[u8]) -> bool {
    let Some(equals) = piece.iter().position(|byte| *byte == b'=') else { return false };
    let name = piece[..equals].trim_ascii();
    let Some(rest) = name.strip_prefix(b"__Host-auth") else { return false };
    let part = |digits: &[u8]| matches!(digits.len(), 1 | 2) && digits.iter().all(u8::is_ascii_digit);
    match rest {
        b"" | b"-tokens" => true,
        rest if rest.starts_with(b"-flow-") => true,
        rest => rest.strip_prefix(b"-tokens.").is_some_and(part),
    }
}

/// Whether a header has a cookie of ours.
pub fn has_ours(header: &[u8]) -> bool {
    header.split(|byte| *byte == b';').any(is_ours)
}

fn kept(header: &[u8]) -> Vec<u8> {
    let pieces = header.split(|byte| *byte == b';').filter(|piece| !is_ours(piece));
    pieces.collect::<Vec<_>>().join(&b';')
}
