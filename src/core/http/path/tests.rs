//! Canonical paths, other readings, and paths that are refused.

use super::*;

#[test]
fn every_spelling_of_a_path_has_one_canonical_form() {
    let check = |target: &str, canonical: &str| {
        let path = RequestPath::parse(target.as_bytes()).expect(target);
        assert_eq!(path.canonical(), canonical.as_bytes(), "{target}");
    };
    check("/", "/");
    check("/?a=/../b", "/");
    check("/admin", "/admin");
    check("/admin/", "/admin");
    for spelling in [
        "//admin",
        "///admin//",
        "/x/../admin",
        "/%61dmin",
        "/admin;x",
        "/admin;x=1/",
        "/./admin",
        "/\\admin",
        "/%2fadmin",
        "/%5cadmin",
        "/x/%2e%2e/admin",
        "/x/.%2e/admin",
        "/x/..;/admin",
        "/x/..\\admin",
        "/;/admin",
        "/../../admin",
        "/admin/.",
        "/admin/x/..",
        "/x/..%2fadmin",
    ] {
        check(spelling, "/admin");
    }
    check("/caf%C3%A9", "/café");
    check("/a%20b", "/a b");
    check("/100%25", "/100%");
}

#[test]
fn what_cannot_be_decided_is_refused() {
    use BadPath::*;
    let check = |target: &[u8], why| {
        let what = target.get(..40).unwrap_or(target).escape_ascii();
        assert_eq!(RequestPath::parse(target).err(), Some(why), "{what}");
    };
    for target in [&b""[..], b"*", b"example.com:443", b"?x", b"admin"] {
        check(target, NotAbsolute);
    }
    for target in [
        &b"/%c0%ae"[..],
        b"/%C1%9C",
        b"/%e0%80%ae",
        b"/%e0%81%81",
        b"/%f0%80%80%af",
        b"/%f0%80%81%9c",
        b"/%f8%80%80%80%ae",
        b"/%fc%80%80%80%80%ae",
        b"/%25c0%25ae",
        b"/%c0%25ae",
        b"/%2525c0%ae",
        b"/%25%630%%61e",
        b"/\xc0\xae",
        b"/x\xe0\x80\xaf",
        b"/\xc0%ae",
        b"/r%E9sum%E9/%c0%af",
    ] {
        check(target, Overlong);
    }
    for target in [
        &b"/%00"[..],
        b"/a%0d%0ab",
        b"/%7f",
        b"/a\tb",
        b"/%09/evil",
        b"/%c2%80",
        b"/%2500",
        b"/%257f",
        b"/%25c2%2585",
        b"/%25250a",
        b"/%%30%30",
        b"/%u0000",
        b"/%E9%00",
    ] {
        check(target, ControlCharacter);
    }
    check(b"/a#b", Fragment);
    check(b"/%#", Fragment);
    for many in ["/a;b\\c//%61".repeat(30_000), format!("/%{}2f", "25".repeat(20_000))] {
        check(many.as_bytes(), Ambiguous);
    }
}

/// All readings of a path except the canonical one, sorted.
fn others(target: &str) -> Vec<String> {
    let path = RequestPath::parse(target.as_bytes()).expect(target);
    let spelt = path.other_spelling().into_iter();
    let others = spelt.chain(path.other_readings().iter().map(|reading| reading.path.as_slice()));
    let mut others: Vec<String> = others.map(|path| path.escape_ascii().to_string()).collect();
    others.sort();
    others.dedup();
    others
}

#[test]
fn what_is_decoded_again_is_one_reading_more() {
    let check = |target: &str, canonical: &str, expected: &[&str]| {
        let path = RequestPath::parse(target.as_bytes()).expect(target);
        assert_eq!(path.canonical(), canonical.as_bytes(), "{target}");
        assert_eq!(others(target), expected, "{target}");
    };
    check("/feature%252Flogin", "/feature%2Flogin", &["/feature%252Flogin", "/feature/login"]);
    check("/a%252Eb", "/a%2Eb", &["/a%252Eb", "/a.b"]);
    check("/a%255Cb", "/a%5Cb", &["/a%255Cb", "/a/b", "/a\\\\b"]);
    check("/%2561dmin", "/%61dmin", &["/%2561dmin", "/admin"]);
    check("/a%25252Fb", "/a%252Fb", &["/a%25252Fb", "/a%2Fb", "/a/b"]);
    check(
        "/a%%32%65b",
        "/a%2eb",
        &["/a%%32%65b", "/a%2eb", "/a%32%65b", "/a.b", "/a2eb", "/a\\xff%32%65b", "/a\\xff2eb"],
    );
    check("/100%25", "/100%", &["/100%25"]);
    check("/a%20b", "/a b", &["/a%20b"]);
    check("/a%2fb", "/a/b", &["/a%2fb"]);
}

#[test]
fn bytes_that_are_no_text_are_kept_and_may_be_left_out() {
    let check = |target: &[u8], canonical: &[u8]| {
        let path = RequestPath::parse(target).unwrap();
        assert_eq!(path.canonical(), canonical, "{}", target.escape_ascii());
    };
    check(b"/r%E9sum%E9.pdf", b"/r\xe9sum\xe9.pdf");
    check(b"/r\xe9sum\xe9.pdf", b"/r\xe9sum\xe9.pdf");
    check(b"/%83%65%83%58%83%67", b"/\x83e\x83X\x83g");
    check(b"/%85/%ed%a0%80/%ff/%e0%9f%bf", b"/\x85/\xed\xa0\x80/\xff/\xe0\x9f\xbf");
    check(b"/%E9/../admin", b"/admin");
    check(b"/sale/50%", b"/sale/50%");
    check(b"/%zz/%2", b"/%zz/%2");
    assert!(others("/ad%E9min").contains(&"/admin".to_owned()));
    assert!(others("/ad%min").contains(&"/admin".to_owned()));
    assert!(others("/%E9/admin").contains(&"/admin".to_owned()));
    assert!(others("/x/.%E9./admin").contains(&"/admin".to_owned()));
    assert!(others("/x/%u002e%u002e/admin").contains(&"/admin".to_owned()));
    // In Shift-JIS, this backslash is the second byte of a character.
    assert!(others("/x/a%83%5Cb\\..\\..\\admin").contains(&"/admin".to_owned()));
}

#[test]
fn another_spelling_is_told_apart_from_a_trailing_slash() {
    let other = |target: &str| {
        let path = RequestPath::parse(target.as_bytes()).unwrap();
        path.other_spelling().map(|spelt| String::from_utf8(spelt.to_vec()).unwrap())
    };
    for same in ["/", "//", "/admin", "/admin/", "/admin?x=%61"] {
        assert_eq!(other(same), None, "{same}");
    }
    assert_eq!(other("//admin").as_deref(), Some("//admin"));
    assert_eq!(other("/admin//").as_deref(), Some("/admin/"));
    assert_eq!(other("/%61dmin").as_deref(), Some("/%61dmin"));
}
