//! Rules, bearer tokens, preflights, and the design of pages.

use super::*;
use crate::oidc::jwt::TokenUse;

#[test]
fn rules_have_paths_and_choices_that_can_be_read() {
    let rule = |rule: Value| json!({"rules": [rule]});
    let path = |text: &str| rule(json!({"path": text}));
    check(path("admin"), &["rules[0].path: `admin` must begin with a slash"]);
    check(path("/a?b"), &["rules[0].path: `/a?b` must be only a path, without query and fragment"]);
    check(path("/a//b"), &["rules[0].path: `/a//b` has an empty segment, which no path has"]);
    check(path("/a/../b"), &["rules[0].path: `/a/../b` has a dot segment, which no path has"]);
    check(
        path("/a*"),
        &["rules[0].path: `/a*` has a `*` within a segment; `*` and `**` match whole segments"],
    );
    check(
        rule(json!({"allow": "admins"})),
        &["rules[0].allow: `admins` is not one of everyone, optional, signed_in, nobody"],
    );
}

#[test]
fn a_pattern_that_no_path_can_match_is_refused() {
    for bad in ["/secret%20file", "/%61dmin", "/a;v=1", "/a\\b"] {
        assert_eq!(faults(json!({"rules": [{"path": bad, "allow": "nobody"}]})).len(), 1, "{bad}");
    }
}

#[test]
fn a_deny_list_has_a_cluster_and_a_path() {
    assert!(accepted(json!({})).revocations.is_none());
    assert!(accepted(json!({ "revocations": null })).revocations.is_none());
    let list = |list: Value| json!({ "revocations": list });
    let least =
        accepted(list(json!({ "cluster": "revocations", "path": "/revoked.json" }))).revocations.unwrap();
    assert_eq!((least.cluster.as_str(), least.host.as_str()), ("revocations", "revocations"));
    assert_eq!((least.path.as_str(), least.every), ("/revoked.json", Duration::from_secs(30)));
    let all = json!({ "cluster": "c", "host": "b.s3.amazonaws.com", "path": "/a?b", "every": "5m" });
    let all = accepted(list(all)).revocations.unwrap();
    assert_eq!((all.host.as_str(), all.every), ("b.s3.amazonaws.com", Duration::from_secs(300)));
    check(
        list(json!({ "every": "0s", "url": "x" })),
        &[
            "revocations.cluster: is missing (for example revocations)",
            "revocations.path: is missing (for example /revoked.json)",
            "revocations.every: must be at least 1s and at most 24h",
            "revocations.url: unknown setting",
        ],
    );
    check(
        list(json!({ "cluster": "c", "host": "a/b", "path": "revoked.json", "every": "25h" })),
        &[
            "revocations.host: `a/b` is not a valid host",
            "revocations.path: `revoked.json` is not a valid path; it starts with `/`",
            "revocations.every: must be at least 1s and at most 24h",
        ],
    );
}

#[test]
fn bearer_tokens_are_off_until_they_are_asked_for() {
    assert!(accepted(json!({})).bearer.is_none());
    assert!(accepted(json!({"bearer": {"client_ids": ["a"]}})).bearer.is_none());
    let bearer = accepted(json!({"bearer": {"enabled": true}})).bearer.unwrap();
    assert_eq!((bearer.client_ids.len(), bearer.uses), (0, vec![TokenUse::Access]));
    let both = json!({"enabled": true, "client_ids": ["a", "b"], "token_use": ["id", "access"]});
    let bearer = accepted(json!({ "bearer": both })).bearer.unwrap();
    assert_eq!((bearer.client_ids.len(), bearer.uses), (2, vec![TokenUse::Id, TokenUse::Access]));
    check(
        json!({"bearer": {"enabled": true, "client_ids": [""], "token_use": ["refresh"]}}),
        &[
            "bearer.client_ids: contains an empty id",
            "bearer.token_use[0]: `refresh` is not one of access, id",
        ],
    );
    check(json!({"bearer": {"token_use": []}}), &["bearer.token_use: is empty; use `access`, `id` or both"]);
}

#[test]
fn preflights_pass_only_where_it_says_so() {
    assert!(!accepted(json!({})).preflights_pass);
    assert!(accepted(json!({"cors_preflight": "pass"})).preflights_pass);
    check(json!({"cors_preflight": "yes"}), &["cors_preflight: `yes` is not one of deny, pass"]);
}

#[test]
fn pages_have_the_sites_name_logo_and_colour() {
    let pages = json!({"title": "Example", "logo": "https://cdn.example.com/l.svg", "accent": "#c00"});
    let design = accepted(json!({ "pages": pages })).pages;
    assert_eq!((design.title(), design.logo()), (Some("Example"), Some("https://cdn.example.com/l.svg")));
    assert!(design.style().contains("--act:#cc0000;--on:#fff"));
    accepted(json!({"pages": {"logo": "/assets/logo.png"}}));
    check(
        json!({"pages": {"title": " ", "logo": "//cdn.example.com/l.svg", "accent": "red"}}),
        &[
            "pages.title: must have text, at most 80 characters",
            "pages.logo: `//cdn.example.com/l.svg` is not a valid URL: https:// is missing (http:// for localhost); or write a path on this host",
            "pages.accent: `red` is not a valid colour; write #0b57d0",
        ],
    );
    check(
        json!({"pages": {"logo": "http://cdn.example.com/l.svg"}}),
        &[
            "pages.logo: `http://cdn.example.com/l.svg` is http, which is only allowed for localhost; or write a path on this host",
        ],
    );
}
