//! What browsers keep, refuse and send.

use super::*;

const NOW: i64 = 1_700_000_000;

fn url(url: &str) -> Url {
    Url::parse(url).unwrap()
}

fn store(jar: &mut Jar, at: &str, line: &str) -> Result<(), &'static str> {
    jar.store(&url(at), line, NOW)
}

fn sent(jar: &Jar, to: &str, reach: SameSite, now: i64) -> String {
    let pairs = jar.matching(&url(to), reach, now).into_iter().map(|c| format!("{}={}", c.name, c.value));
    pairs.collect::<Vec<_>>().join("; ")
}

fn sent_now(jar: &Jar, to: &str) -> String {
    sent(jar, to, SameSite::Strict, NOW)
}

#[test]
fn prefixes_are_enforced() {
    let good = "__Host-a=1; Path=/; Secure";
    let app = "https://app.example.test/x/y";
    let mut jar = Jar::default();
    store(&mut jar, app, good).unwrap();
    store(&mut jar, app, "__Secure-b=1; Secure; Domain=example.test").unwrap();
    for (at, line) in [
        (app, "__Host-a=1; Path=/"),
        (app, "__Host-a=1; Secure"),
        (app, "__Host-a=1; Secure; Path=/x"),
        (app, "__Host-a=1; Secure; Path=/; Domain=app.example.test"),
        (app, "__HOST-a=1; Path=/"),
        (app, "__Secure-b=1"),
        (app, "=__Host-a=1"),
        ("http://app.example.test/", good),
        ("http://localhost:8080/", good),
    ] {
        assert!(store(&mut jar, at, line).is_err(), "{at} {line}");
    }
    assert_eq!(sent_now(&jar, "https://app.example.test/"), "__Host-a=1");
    assert_eq!(sent_now(&jar, "https://app.example.test/x/"), "__Secure-b=1; __Host-a=1");
}

#[test]
fn secure_cookies_stay_off_plain_http_but_for_this_machine() {
    let mut jar = Jar::default();
    assert!(store(&mut jar, "http://app.example.test/", "a=1; Secure").is_err());
    store(&mut jar, "https://app.example.test/", "a=1; Secure").unwrap();
    assert_eq!(sent_now(&jar, "http://app.example.test/"), "");
    assert!(store(&mut jar, "http://app.example.test/", "a=evil").is_err());
    store(&mut jar, "http://localhost:8080/", "l=1; Secure").unwrap();
    assert_eq!(sent_now(&jar, "http://localhost:9090/"), "l=1", "ports don't separate cookies");
    assert!(store(&mut jar, "https://app.example.test/", "n=1; SameSite=None").is_err());
}

#[test]
fn domains() {
    let mut jar = Jar::default();
    store(&mut jar, "https://app.example.test/", "own=1").unwrap();
    store(&mut jar, "https://app.example.test/", "all=1; Domain=.example.test").unwrap();
    for domain in ["test", "other.test", "b.app.example.test", "ample.test"] {
        let line = format!("x=1; Domain={domain}");
        assert!(store(&mut jar, "https://app.example.test/", &line).is_err(), "{domain}");
    }
    assert_eq!(sent_now(&jar, "https://app.example.test/"), "own=1; all=1");
    assert_eq!(sent_now(&jar, "https://b.app.example.test/"), "all=1");
    assert_eq!(sent_now(&jar, "https://badexample.test/"), "");
    assert!(store(&mut jar, "http://127.0.0.1/", "x=1; Domain=0.0.1").is_err());
    store(&mut jar, "http://127.0.0.1/", "ip=1; Domain=127.0.0.1").unwrap();
    store(&mut jar, "http://localhost/", "l=1; Domain=localhost").unwrap();
    assert_eq!(sent_now(&jar, "http://sub.localhost/"), "");
}

#[test]
fn paths() {
    let mut jar = Jar::default();
    store(&mut jar, "https://a.test/docs/page", "default=1").unwrap();
    store(&mut jar, "https://a.test/docs/page", "root=1; Path=/").unwrap();
    store(&mut jar, "https://a.test/docs/page", "deep=1; Path=/docs/web").unwrap();
    assert_eq!(sent_now(&jar, "https://a.test/docs/web/x"), "deep=1; default=1; root=1");
    assert_eq!(sent_now(&jar, "https://a.test/docs/website"), "default=1; root=1");
    assert_eq!(sent_now(&jar, "https://a.test/docsx"), "root=1");
}

#[test]
fn expiry() {
    let mut jar = Jar::default();
    let at = "https://a.test/";
    store(&mut jar, at, "m=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT").unwrap();
    store(&mut jar, at, "e=1; Expires=Wed, 15 Nov 2023 00:00:00 GMT").unwrap();
    store(&mut jar, at, "s=1").unwrap();
    assert_eq!(sent_now(&jar, at), "m=1; e=1; s=1");
    assert_eq!(sent(&jar, at, SameSite::Strict, NOW + 60), "e=1; s=1");
    assert_eq!(sent(&jar, at, SameSite::Strict, NOW + 86_400), "s=1");
    store(&mut jar, at, "e=; Expires=Thu, 01 Jan 1970 00:00:00 GMT").unwrap();
    store(&mut jar, at, "m=; Max-Age=0").unwrap();
    assert_eq!(sent_now(&jar, at), "s=1");
}

#[test]
fn what_is_too_large_or_malformed_is_dropped() {
    let mut jar = Jar::default();
    let fits = format!("a={}; Path=/; Secure", "x".repeat(4096 - "a=; Path=/; Secure".len()));
    store(&mut jar, "https://a.test/", &fits).unwrap();
    assert!(store(&mut jar, "https://a.test/", &format!("{fits} ")).is_err());
    assert!(store(&mut jar, "https://a.test/", "a=b\u{1}c").is_err());
    assert!(store(&mut jar, "https://a.test/", ";").is_err());
}

#[test]
fn a_newer_cookie_replaces_an_older_one_in_its_place() {
    let mut jar = Jar::default();
    for line in ["a=1", "b=1", "a=2"] {
        store(&mut jar, "https://a.test/", line).unwrap();
    }
    assert_eq!(sent_now(&jar, "https://a.test/"), "a=2; b=1");
    jar.remove(&url("https://a.test/"), "a");
    assert_eq!(sent_now(&jar, "https://a.test/"), "b=1");
}

#[test]
fn same_site_decides_what_other_sites_can_send() {
    let mut jar = Jar::default();
    for line in ["s=1; SameSite=Strict", "l=1; SameSite=Lax", "d=1", "n=1; SameSite=None; Secure"] {
        store(&mut jar, "https://a.test/", line).unwrap();
    }
    assert_eq!(sent(&jar, "https://a.test/", SameSite::Strict, NOW), "s=1; l=1; d=1; n=1");
    assert_eq!(sent(&jar, "https://a.test/", SameSite::Lax, NOW), "l=1; d=1; n=1");
    assert_eq!(sent(&jar, "https://a.test/", SameSite::None, NOW), "n=1");
}
