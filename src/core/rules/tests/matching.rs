//! Matches a single pattern. The automaton is compared with it.

use crate::http::path::{Pattern, Segment, escaped, segments};

/// Whether the pattern matches a canonical path.
pub(super) fn matches(pattern: &Pattern, path: &[u8]) -> bool {
    covers(pattern, path, |text, found| text.as_bytes() == found)
}

/// Whether the pattern matches a path in the client's spelling: exactly, or with the escapes that a browser
/// must use.
pub(super) fn matches_spelling(pattern: &Pattern, path: &[u8]) -> bool {
    covers(pattern, path, |text, found| text.as_bytes() == found || escaped(text.as_bytes()) == found)
}

fn covers(pattern: &Pattern, path: &[u8], is: impl Fn(&str, &[u8]) -> bool) -> bool {
    let names: Vec<&[u8]> = segments(path).collect();
    // The usual wildcard algorithm: on a mismatch, go back to the last `**` and let it match one more segment.
    // Otherwise linear, whatever the pattern.
    let (mut at, mut name) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let advanced = match (pattern.segments().get(at), names.get(name)) {
            (None, None) => return true,
            (Some(Segment::Any), _) => {
                retry = Some((at, name));
                at += 1;
                continue;
            }
            (Some(Segment::One), Some(found)) => !found.is_empty(),
            (Some(Segment::Literal(text)), Some(found)) => is(text, found),
            _ => false,
        };
        if advanced {
            at += 1;
            name += 1;
        } else if let Some((any, taken)) = retry.filter(|(_, taken)| *taken < names.len()) {
            retry = Some((any, taken + 1));
            at = any + 1;
            name = taken + 1;
        } else {
            return false;
        }
    }
}

#[test]
fn patterns_match_whole_segments() {
    let check = |pattern: &str, yes: &[&str], no: &[&str]| {
        let parsed = Pattern::parse(pattern).expect(pattern);
        for path in yes {
            assert!(matches(&parsed, path.as_bytes()), "{pattern} should match {path}");
        }
        for path in no {
            assert!(!matches(&parsed, path.as_bytes()), "{pattern} should not match {path}");
        }
    };
    check("/", &["/"], &["/a"]);
    check("/admin", &["/admin"], &["/administrator", "/admin.json", "/admin/x", "/Admin", "/"]);
    check("/admin/", &["/admin"], &["/admin/x"]);
    check("/admin/**", &["/admin", "/admin/x", "/admin/x/y"], &["/administrator", "/"]);
    check("/reports/*", &["/reports/1"], &["/reports", "/reports/1/2", "/reports/"]);
    check("/**", &["/", "/a", "/a/b"], &[]);
    check("/a/**/z", &["/a/z", "/a/b/z", "/a/z/z", "/a/b/c/z"], &["/a", "/a/b", "/a/z/b"]);
    check("/**/x/**/y", &["/x/y", "/a/x/b/y", "/x/x/y/y"], &["/y/x", "/x"]);
    check("/v1.0", &["/v1.0"], &["/v1x0"]);
    check("/a b", &["/a b"], &["/a%20b"]);
    let spelt = Pattern::parse("/a b/café/100%").unwrap();
    assert!(
        matches_spelling(&spelt, b"/a%20b/caf%C3%A9/100%25")
            && matches_spelling(&spelt, "/a b/café/100%".as_bytes())
    );
    assert!(!matches_spelling(&spelt, b"/a%20%62/caf%C3%A9/100%25"));
}
