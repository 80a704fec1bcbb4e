//! Cases of `docs/security-cases.md`: whatever Envoy itself makes of a path before the filter sees it.

use rig::{Listener, RawRequest};
use serde_json::json;

use crate::world::{Plan, plan, world};

/// One listener for each way in which Envoy can treat a path: whether it resolves dot segments, whether it merges
/// slashes, and what it does about escaped ones.
const MANAGERS: [(&str, bool, bool, &str); 16] = [
    ("case-path-0", true, true, "KEEP_UNCHANGED"),
    ("case-path-1", true, true, "REJECT_REQUEST"),
    ("case-path-2", true, true, "UNESCAPE_AND_REDIRECT"),
    ("case-path-3", true, true, "UNESCAPE_AND_FORWARD"),
    ("case-path-4", true, false, "KEEP_UNCHANGED"),
    ("case-path-5", true, false, "REJECT_REQUEST"),
    ("case-path-6", true, false, "UNESCAPE_AND_REDIRECT"),
    ("case-path-7", true, false, "UNESCAPE_AND_FORWARD"),
    ("case-path-8", false, true, "KEEP_UNCHANGED"),
    ("case-path-9", false, true, "REJECT_REQUEST"),
    ("case-path-10", false, true, "UNESCAPE_AND_REDIRECT"),
    ("case-path-11", false, true, "UNESCAPE_AND_FORWARD"),
    ("case-path-12", false, false, "KEEP_UNCHANGED"),
    ("case-path-13", false, false, "REJECT_REQUEST"),
    ("case-path-14", false, false, "UNESCAPE_AND_REDIRECT"),
    ("case-path-15", false, false, "UNESCAPE_AND_FORWARD"),
];

pub fn sites() -> Vec<(&'static str, Plan)> {
    let rules = json!([
        { "path": "/public/**", "allow": "everyone" },
        { "path": "/admin/**", "roles_any": ["admin"] },
    ]);
    let site = || plan(json!({ "rules": rules })).listener(normalising);
    MANAGERS.iter().map(|(name, ..)| (*name, site())).collect()
}

fn normalising(listener: &mut Listener) {
    let (_, normalize, merge, escaped) =
        MANAGERS.iter().find(|(name, ..)| *name == listener.name).expect("one of these");
    listener.normalize_path = *normalize;
    listener.merge_slashes = *merge;
    listener.path_with_escaped_slashes_action = (*escaped).to_owned();
}

/// What the app would serve as something below `/admin`.
const SPELLINGS: [&str; 32] = [
    "/admin",
    "//admin",
    "///admin/x",
    "/admin//x",
    "/admin/",
    "/%2fadmin",
    "/admin%2fx",
    "/\\admin",
    "/%5cadmin",
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/.%2e/admin",
    "/public/%2e./admin",
    "/public/..%2fadmin",
    "/public/..%5cadmin",
    "/public/..;/admin",
    "/public/..;x=1/admin",
    "/public/x/..;/../admin",
    "/public/;/../admin",
    "/public//../admin",
    "/public/./../admin",
    "/public/.//../admin",
    "/public\\..\\admin",
    "/public/..\\admin",
    "/public/%2E%2E%2fadmin",
    "/./admin",
    "/admin/.;/x",
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/admin;x",
    "/;/admin",
    "/admin;.css",
];

/// What no two servers need agree about.
const UNCLEAR: [&str; 9] = [
    "/public/%252e%252e/admin",
    "/public/%252e%252e%252fadmin",
    "/%c0%ae%c0%ae/admin",
    "/public/%c0%af../admin",
    "/public/%e0%80%ae/x",
    "/%u002e%u002e/admin",
    "/%zz",
    "/public/%",
    "/public/%00",
];

/// Whether a path, read as the app would at its most generous, is a guarded one.
fn is_guarded(path: &str) -> bool {
    let mut decoded = String::new();
    let mut pieces = path.split('%');
    decoded.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.map_or('%', char::from));
        decoded.push_str(if byte.is_some() { &piece[2..] } else { piece });
    }
    let mut names = Vec::new();
    for name in decoded.replace('\\', "/").split('/').map(|name| name.split(';').next().unwrap_or("")) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name.to_lowercase()),
        }
    }
    names.first().is_some_and(|name| name == "admin")
}

#[test]
fn case_136_137_138_whatever_envoy_makes_of_a_path_no_spelling_is_public() {
    for (name, normalize, merge, escaped) in MANAGERS {
        let site = world().site(name);
        let john = site.signed_in().cookie_header(&site.url("/"));
        for target in SPELLINGS {
            let what = format!("{target} (normalize {normalize}, merge {merge}, {escaped})");
            let as_john = RawRequest::get(target).header("cookie", &john);
            for (response, refusal) in [(site.get(target), 401), (site.send(as_john), 403)] {
                // Envoy itself may refuse it, send the client to its plain form, or resolve it to something public,
                // which is then what the app is asked for.
                match response.status {
                    200 => {
                        let path = response.json()["path"].as_str().unwrap_or_default().to_owned();
                        assert!(normalize && !is_guarded(&path), "{what} arrives as {path}");
                    }
                    301 | 302 | 307 | 400 => {}
                    status => assert_eq!(status, refusal, "{what}"),
                }
            }
        }
        for target in UNCLEAR {
            let as_john = RawRequest::get(target).header("cookie", &john);
            for response in [site.get(target), site.send(as_john)] {
                assert_eq!(
                    response.status, 400,
                    "{target} (normalize {normalize}, merge {merge}, {escaped})"
                );
            }
        }
        assert_eq!(site.get("/public/x").status, 200);
    }
    let arrived = world().app.requests().into_iter().find(|request| {
        let host = request.header_str("host").unwrap_or_default();
        host.starts_with("case-path-") && is_guarded(&request.path)
    });
    assert!(arrived.is_none(), "{arrived:?}");
}
