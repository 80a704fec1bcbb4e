//! Paths against rules: no spelling of a path opens a door.

use std::rc::Rc;

use envoy_cognito::config::Config;
use envoy_cognito::path::RequestPath;
use envoy_cognito::rules::{Allow, Target};

use crate::fixed::{HOST, config};
use crate::readings::{self, List, is_open};

/// What few may see is closed, all else is open.
const CLOSED: List<'_> = &[("/admin/**", false), ("/teams/*/secret", false), ("/**", true)];
/// What all may see is open, all else is closed.
pub const OPEN: List<'_> = &[("/public/**", true), ("/files/*/raw", true), ("/healthz", true)];

thread_local! {
    static CLOSED_CONFIG: Rc<Config> = config(&document(CLOSED));
    static OPEN_CONFIG: Rc<Config> = config(&document(OPEN));
}

/// The rules as a configuration has them.
pub fn document(rules: List<'_>) -> String {
    let rule = |(path, open): &(&str, bool)| {
        format!(r#"{{"path": "{path}", "allow": "{}"}}"#, if *open { "everyone" } else { "nobody" })
    };
    format!("[{}]", rules.iter().map(rule).collect::<Vec<_>>().join(","))
}

/// The input is a request's target.
pub fn run(data: &[u8]) {
    // Long enough for any trick; the judge tries thousands of servers.
    let data = &data[..data.len().min(80)];
    // Where all is open but for some, letters that are escaped twice hide a name from rules that decode once.
    CLOSED_CONFIG.with(|config| check(config, CLOSED, data, 1));
    // Where all is closed but for some, they hide nothing: whatever is below what is open is open.
    OPEN_CONFIG.with(|config| check(config, OPEN, data, 2));
    let Ok(path) = RequestPath::parse(data) else { return };
    let canonical = path.canonical();
    assert!(canonical.starts_with('/') && !canonical.contains("//"), "{canonical:?}");
    assert!(canonical == "/" || !canonical.ends_with('/'), "{canonical:?}");
    assert!(!canonical.split('/').any(|segment| matches!(segment, "." | "..")), "{canonical:?}");
    assert!(!canonical.contains(['\\', ';']) && !canonical.contains(char::is_control), "{canonical:?}");
}

#[track_caller]
fn check(config: &Config, list: List<'_>, target: &[u8], max_decodes: usize) {
    let Ok(path) = RequestPath::parse(target) else { return };
    let ruling = config.rules.find(&Target { path: &path, method: "GET", host: HOST });
    if ruling.allow() > Allow::Optional {
        return;
    }
    assert_stays_open(list, target, max_decodes);
}

/// Fails where a server could take the target for a path that isn't open.
#[track_caller]
pub fn assert_stays_open(list: List<'_>, target: &[u8], max_decodes: usize) {
    for reading in readings::of(target, max_decodes) {
        assert!(
            is_open(list, &reading),
            "`{}` is let through, and may be served as `{}`",
            target.escape_ascii(),
            reading.escape_ascii()
        );
    }
}
