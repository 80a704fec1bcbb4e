//! Every setting of the filter, in one table. The JSON Schema, the stand-ins for unknown values, the list of secrets
//! and the recognition of configurations all follow from it. Tests compare it with the core's reader and with
//! docs/configuration.md.
//!
//! The core doesn't use this table. Its reader checks settings against each other and words each error itself; the
//! table would only make the filter larger.

mod pool;
mod setting;
mod shape;
mod shared;

pub use crate::settings::pool::{POOL, SEVERAL_POOLS};
pub use crate::settings::setting::{Mark, Setting};
pub use crate::settings::shape::{Item, ItemShape, Literal, Pattern, Shape, StandIn};
pub use crate::settings::shared::SHARED;

/// All settings, including sections.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    POOL.iter().chain(SEVERAL_POOLS).chain(SHARED)
}

/// The setting at a path as errors write it: `rules[3].hosts[0]`, `pools[1].client_id`. An item of a list gives the
/// list, and an entry of an object gives the object.
pub fn at(path: &str) -> Option<&'static Setting> {
    let path = without_numbers(path);
    let own =
        path.strip_prefix("pools[].").filter(|own| POOL.iter().any(|setting| starts(own, setting.path)));
    let path = own.unwrap_or(&path);
    all().filter(|setting| starts(path, setting.path)).max_by_key(|setting| setting.path.len())
}

/// Whether a path is that of a setting, or of a part of its value.
fn starts(path: &str, setting: &str) -> bool {
    path.strip_prefix(setting).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A path with `[]` for each `[3]`.
fn without_numbers(path: &str) -> String {
    let mut parts = path.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('[');
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_the_path_that_faults_have() {
        let found = |path| at(path).map(|setting| setting.path);
        assert_eq!(found("session.keys[0]"), Some("session.keys"));
        assert_eq!(found("rules[12].hosts[3]"), Some("rules[].hosts"));
        assert_eq!(found("rules[0].name"), Some("rules[].name"));
        assert_eq!(found("pools[1].name"), Some("pools[].name"));
        assert_eq!(found("pools[1].endpoints.issuer"), Some("endpoints.issuer"));
        assert_eq!(found("headers.claims.x-tenant"), Some("headers.claims"));
        assert_eq!(found("zz-probe"), None);
        // `session.keys` can't be set for a single pool.
        assert_eq!(found("pools[0].session.keys"), Some("pools"));
    }

    #[test]
    fn no_setting_is_there_twice_and_each_has_its_section() {
        let paths: Vec<&str> = all().map(|setting| setting.path).collect();
        for (place, path) in paths.iter().enumerate() {
            assert!(!paths.iter().take(place).any(|earlier| earlier == path), "{path}");
            if let Some((section, _)) = path.rsplit_once('.') {
                assert!(paths.contains(&section.trim_end_matches("[]")), "{path}");
            }
        }
    }

    #[test]
    fn secrets_and_what_binds_cookies_are_few() {
        let those = |has: fn(&Setting) -> bool| {
            all().filter(|setting| has(setting)).map(|setting| setting.path).collect::<Vec<_>>()
        };
        assert_eq!(those(|setting| setting.is_secret), ["client_secret", "session.keys"]);
        assert_eq!(
            those(|setting| setting.binds_cookie),
            [
                "user_pool_id",
                "client_id",
                "endpoints.issuer",
                "pools[].name",
                "public_url",
                "session.cookie.name",
                "session.cookie.domain",
                "session.cookie.same_site",
                "session.cookie.partitioned",
                "session.cookie.secure",
            ]
        );
    }
}
