//! Return targets: every accepted target is on the host of its request.

use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::path::RequestPath;
use envoy_cognito_core::session::return_to::ReturnTo;
use url::{Url, form_urlencoded};

use crate::fixed::{HOST, config};

thread_local! {
    static CONFIG: Arc<Config> = config("[]");
}

/// Addresses where a browser may be when it is redirected.
const BASES: [&str; 3] = [
    "https://app.example.com/",
    "https://app.example.com/.auth/callback?code=c",
    "http://app.example.com:8080/a/b",
];

/// The input is the value of `return=`, or a request's target.
pub fn run(data: &[u8]) {
    CONFIG.with(|config| {
        let found = ReturnTo::parse(data, &config.paths);
        let query = format!("a=b&return={}", form_urlencoded::byte_serialize(data).collect::<String>());
        let asked = ReturnTo::of_query(query.as_bytes(), &config.paths);
        assert_eq!(asked, found, "a query is only another way to say it");
        let Some(target) = found else { return };
        let path_end = data.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(data.len());
        if data.iter().all(u8::is_ascii_graphic) {
            assert_eq!(target.as_str().as_bytes(), data, "it is kept byte for byte");
        }
        assert!(RequestPath::parse(&data[..path_end]).is_ok(), "it can be asked for");
        let again = ReturnTo::parse(target.as_str().as_bytes(), &config.paths);
        assert_eq!(again.as_ref(), Some(&target), "an accepted target is accepted again, unchanged");
        for target in [target.path_only(), target.no_longer_than(20), target] {
            stays(target.as_str(), config);
        }
    });
}

fn stays(target: &str, config: &Config) {
    let bytes = target.as_bytes();
    assert!(bytes[0] == b'/' && !matches!(bytes.get(1), Some(b'/' | b'\\')), "{target}");
    assert!(bytes.iter().all(u8::is_ascii_graphic), "{target:?}");
    for base in BASES {
        let base = Url::parse(base).expect("a URL");
        let url = base.join(target).expect("a URL");
        assert_eq!(url.origin(), base.origin(), "{target}");
        assert!(url.host_str() == Some(HOST) && url.username().is_empty(), "{target}");
        // A server that redirects to its own path must not redirect the browser to another host either.
        assert!(!url.path().starts_with("//"), "{target}");
        let own = [&config.paths.sign_in, &config.paths.sign_out, &config.paths.callback];
        assert!(!own.iter().any(|own| own.as_str() == url.path()), "{target} would begin or end a session");
    }
}
