//! `:authority`: no spelling of a host gets past the rules for it.

use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::host::of_authority;
use envoy_cognito_core::http::origin::Origin;
use envoy_cognito_core::http::path::RequestPath;
use envoy_cognito_core::http::{Header, Request};
use envoy_cognito_core::rules::{Allow, Target};
use url::{Host, Url};

use crate::fixed::config;

const RULES: &str = r#"[{"hosts": ["admin.example.com", "*.internal.example.com"], "allow": "nobody"},
                        {"path": "/**", "allow": "everyone"}]"#;

thread_local! {
    static CONFIG: Arc<Config> = config(RULES);
}

/// The input is an authority.
pub fn run(data: &[u8]) {
    let headers = [Header::new(":authority", data)];
    let request = Request::new(&headers);
    let Some(authority) = request.text(":authority") else { return };
    let Some(host) = of_authority(authority) else { return };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    assert!(!host.is_empty() && host.bytes().all(plain) && *host == host.to_ascii_lowercase(), "{host}");
    assert_eq!(of_authority(&host).as_deref(), Some(&*host), "a host is its own authority");
    let url = judged(&format!("http://{authority}/"));
    if let Some(Host::Domain(name)) = url.as_ref().and_then(Url::host) {
        assert_eq!(name.strip_suffix('.').unwrap_or(name), host, "{authority}");
    }
    if let Some(origin) = Origin::of(request, None) {
        let found = of_authority(origin.host());
        assert_eq!(found.as_deref(), Some(&*host), "cookies and rules go by one host: {authority}");
        if let (Some(read), Some(asked)) = (judged(&origin.url()), &url) {
            assert_eq!(read.origin(), asked.origin(), "{authority}");
        }
    }
    CONFIG.with(|config| check_rules(config, authority, &host));
}

/// How browsers read it: addresses have more spellings than names, and a name may be too unusual for a URL.
fn judged(url: &str) -> Option<Url> {
    // Without its Unicode tables, `idna` fails one of its own assertions for right-to-left names, if assertions are
    // on. The filter never uses it for a client's host.
    let is_encoded = url.to_ascii_lowercase().contains("xn--");
    if is_encoded { None } else { Url::parse(url).ok() }
}

/// A lenient server finds the host after user information, before a port, and with dots at its end.
fn check_rules(config: &Config, authority: &str, host: &str) {
    let path = RequestPath::parse(b"/").expect("a path");
    let ruling = config.rules.find(&Target { path: &path, method: "GET", host });
    let lower = authority.to_ascii_lowercase();
    let behind_user = lower.rsplit('@').next().unwrap_or_default();
    for read in [lower.as_str(), behind_user] {
        let name = read.split(':').next().unwrap_or_default().trim().trim_end_matches('.');
        let guarded = name == "admin.example.com" || name.ends_with(".internal.example.com");
        assert!(!guarded || ruling.allow() == Allow::Nobody, "{authority} may be served as {name}");
    }
}
