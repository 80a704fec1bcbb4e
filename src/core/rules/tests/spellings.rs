//! No spelling of a path bypasses a rule.

use super::*;

#[test]
fn no_spelling_opens_a_door() {
    for spelling in [
        "/public/../internal",
        "/public/%2e%2e/internal",
        "/public/..%2finternal",
        "/public/..;/internal",
        "/public/..\\internal",
        "//internal",
        "/%69nternal",
        "/internal;x=1",
        "/public/./../internal/x",
        "/internal/../public/../internal",
    ] {
        assert_eq!(allow(&of_four(), spelling), Allow::Nobody, "{spelling}");
    }
    for spelling in ["/internal/../public", "//public", "/%70ublic", "/public;x"] {
        assert!(allow(&of_four(), spelling) >= Allow::SignedIn, "{spelling}");
    }
    assert_eq!(allow(&of_four(), "/public/%2e%2e/public/x"), Allow::Everyone, "both spellings are public");
}

#[test]
fn no_step_that_a_server_leaves_out_opens_a_door() {
    let rules = rules(vec![draft("/admin/**", Allow::Nobody), draft("/**", Allow::Everyone)]);
    for spelling in [
        // Escapes decoded, dot segments kept.
        "/%61dmin/../x",
        "/admin%2f../x",
        // Dot segments resolved, but a backslash or a parameter is part of its segment.
        "/x/../admin/..\\y",
        "/x/../admin/..;/y",
        // An empty segment counts as a segment, so `..` removes it.
        "/x/../admin/y//../..",
        // Parameters cut off before decoding, as Java servers do.
        "/admin;a=%2f..%2fx",
    ] {
        assert_eq!(allow(&rules, spelling), Allow::Nobody, "{spelling}");
    }
    for spelling in ["/a%20b", "//x", "/x;v=1", "/%61/../b", "/x//y;v=1/../%7a"] {
        assert_eq!(allow(&rules, spelling), Allow::Everyone, "{spelling}");
    }
}

#[test]
fn no_spelling_opens_a_door_that_a_role_guards() {
    let rules = rules(vec![roles("/admin/**", &["admin"], &[]), draft("/x/**", Allow::Everyone)]);
    for spelling in [
        "/admin",
        "/admin/",
        "/admin%2f",
        "//admin",
        "/x/../admin",
        "/%61dmin",
        "/admin;x",
        "/x/%2e%2e/admin/y",
    ] {
        assert_eq!(get(&rules, spelling, Some(&["user"])), "forbidden", "{spelling}");
        assert_eq!(get(&rules, spelling, None), "sign in", "{spelling}");
        assert_eq!(get(&rules, spelling, Some(&["admin"])), "pass", "{spelling}");
    }
    // The reverse: the canonical path is public, but its spelling looks protected.
    assert_eq!(get(&rules, "/admin/../x", Some(&["user"])), "forbidden");
}

#[test]
fn a_path_that_can_only_be_spelt_in_escapes_can_be_public() {
    let rules = rules(vec![draft("/price list/**", Allow::Everyone)]);
    assert_eq!(allow(&rules, "/price%20list/2026"), Allow::Everyone);
    assert_eq!(allow(&rules, "/price%20%6cist/2026"), Allow::SignedIn, "any other spelling is suspicious");
    assert_eq!(allow(&rules, "/price%2520list/2026"), Allow::SignedIn);
}
