//! Paths and rules: no spelling of a path bypasses a rule.

use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::path::RequestPath;
use envoy_cognito_core::rules::{Allow, Target};

use crate::fixed::{HOST, config};
use crate::readings::{self, List, is_open};

/// A few paths are closed, all others are open.
const CLOSED: List<'_> = &[("/admin/**", false), ("/teams/*/secret", false), ("/**", true)];
/// A few paths are open, all others are closed.
pub const OPEN: List<'_> = &[("/public/**", true), ("/files/*/raw", true), ("/healthz", true)];

thread_local! {
    static CLOSED_CONFIG: Arc<Config> = config(&document(CLOSED));
    static OPEN_CONFIG: Arc<Config> = config(&document(OPEN));
}

/// The rules in the form of a configuration.
pub fn document(rules: List<'_>) -> String {
    let rule = |(path, open): &(&str, bool)| {
        format!(r#"{{"path": "{path}", "allow": "{}"}}"#, if *open { "everyone" } else { "nobody" })
    };
    format!("[{}]", rules.iter().map(rule).collect::<Vec<_>>().join(","))
}

/// The input is a request's target.
pub fn run(data: &[u8]) {
    // Long enough for any trick; the check tries thousands of servers.
    let data = &data[..data.len().min(80)];
    CLOSED_CONFIG.with(|config| check(config, CLOSED, data));
    OPEN_CONFIG.with(|config| check(config, OPEN, data));
    let Ok(path) = RequestPath::parse(data) else { return };
    let canonical = path.canonical();
    let names: Vec<&[u8]> = canonical.split(|byte| *byte == b'/').skip(1).collect();
    let what = canonical.escape_ascii();
    assert!(canonical.starts_with(b"/"), "{what}");
    assert!(names == [b""] || names.iter().all(|name| !matches!(*name, b"" | b"." | b"..")), "{what}");
    assert!(!canonical.iter().any(|byte| matches!(byte, b'\\' | b';' | 0..=0x1f | 0x7f)), "{what}");
}

#[track_caller]
fn check(config: &Config, list: List<'_>, target: &[u8]) {
    let Ok(path) = RequestPath::parse(target) else { return };
    let ruling = config.rules.find(&Target { path: &path, method: "GET", host: HOST });
    if ruling.allow() > Allow::Optional {
        return;
    }
    assert_stays_open(list, target);
}

/// Fails if a server could read the target as a path that isn't open.
#[track_caller]
pub fn assert_stays_open(list: List<'_>, target: &[u8]) {
    for reading in readings::of(target) {
        assert!(
            is_open(list, &reading),
            "`{}` is let through, and may be served as `{}`",
            target.escape_ascii(),
            reading.path.escape_ascii()
        );
    }
}
