//! The filter's pages as people see them: in the site's design, locked down, and small; and the responses that
//! programs get instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rig::{Load, RawRequest, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stand_in::{Pool, User};

use crate::world::{PASSWORD, Plan, Site, plan, world};

/// Cognito accepts this as a user name.
const EVIL: &str = "<script>alert(1)</script>";

pub fn sites() -> Vec<(&'static str, Plan)> {
    let rules = json!([
        { "path": "/admin/**", "roles_any": ["admin"] },
        { "path": "/closed/**", "allow": "nobody" },
    ]);
    let pages = json!({
        "title": "Smith & <Sons>",
        "logo": "https://cdn.example.com/logo.svg?a=1&b=\"",
        "accent": "#0a7",
    });
    let config = json!({
        "pages": pages,
        "rules": rules,
        "headers": { "claims": { "x-auth-timezone": "custom:timezone" } },
    });
    let pools = vec![("us", json!({ "label": EVIL })), ("eu", json!({ "label": "Europe" }))];
    vec![
        ("pages", plan(config).at_cognito(with_evil)),
        (
            "pages-chooser",
            plan(json!({ "pages": pages, "public_url": "https://pages-chooser.example.test" })).pools(pools),
        ),
        ("pages-logo", plan(json!({ "pages": { "logo": "/static/logo.png" } }))),
        ("pages-plain", plan(json!({}))),
    ]
}

fn with_evil(pool: &mut Pool) {
    let evil = User::new(EVIL, PASSWORD)
        .with("name", "\"><img src=x onerror=alert(2)>")
        .with("email", "'-alert(3)-'@example.com")
        .with("custom:roles", "<b>bold</b>|&amp;|a\u{1}b")
        .with("custom:timezone", "</dd></dl><script>alert(4)</script>");
    pool.users.push(evil);
}

fn site() -> Site {
    world().site("pages")
}

/// Every page that the filter makes, as far as possible without breaking anything, with its status.
fn all() -> Vec<(&'static str, u16, Response)> {
    let mut evil = site().signed_in_as(EVIL);
    let mut nobody = site().browser();
    let url = |path: &str| site().url(path);
    let cross_site = Load::link("https://evil.example", &url("/.auth/sign-out")).one_step();
    vec![
        ("me", 200, evil.step(&url("/.auth/me"))),
        ("no access", 403, evil.step(&url("/admin/x"))),
        ("closed", 403, nobody.step(&url("/closed/x"))),
        ("closed, signed in", 403, evil.step(&url("/closed/x"))),
        ("form", 401, nobody.submit("POST", &url("/form?<script>"), &[("a", "b")]).response),
        ("malformed", 400, nobody.step(&url("/x/%2500"))),
        ("signed out", 200, nobody.step(&url("/.auth/signed-out"))),
        ("confirm", 403, evil.load(cross_site).expect("an answer").response),
        ("bad callback", 400, nobody.step(&url("/.auth/callback"))),
        ("unknown flow", 400, nobody.step(&url("/.auth/callback?code=<script>&state=<script>"))),
        ("chooser", 200, world().site("pages-chooser").navigate("/x?<script>")),
    ]
}

/// The text between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} in {text}")).0
}

/// Checks what must be true of every page.
fn check(what: &str, page: &Response) -> String {
    let header = |name: &str| {
        let values = page.headers_named(name);
        assert_eq!(values.len(), 1, "{what}: {name} {values:?}");
        String::from_utf8_lossy(values[0]).into_owned()
    };
    assert_eq!(header("content-type"), "text/html; charset=utf-8", "{what}");
    assert_eq!(header("cache-control"), "no-store", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert!(page.body.len() < 10_000, "{what}: {} bytes", page.body.len());
    let (text, csp) = (page.text(), header("content-security-policy"));
    assert!(!text.contains("<script") && !text.contains("javascript:"), "{what}: {text}");
    for raw in ["<img src=x", "<b>", "</dd></dl>", "<Sons>", "\u{1}", "style=\""] {
        assert!(!text.contains(raw), "{what}: {raw} in {text}");
    }
    assert!(text.contains("color-scheme") && text.contains("<html lang=\"en\">"), "{what}");
    let style = between(&text, "<style>", "</style>");
    let hash = STANDARD.encode(Sha256::digest(style));
    for part in [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        &format!("style-src 'sha256-{hash}';"),
    ] {
        assert!(csp.contains(part), "{what}: {part} in {csp}");
    }
    assert!(!csp.contains("unsafe") && !csp.contains("script-src"), "{what}: {csp}");
    csp
}

#[test]
fn every_page_wears_the_sites_own_look() {
    for (what, status, page) in all() {
        assert_eq!(page.status, status, "{what}: {page:?}");
        let csp = check(what, &page);
        let text = page.text();
        assert!(
            between(&text, "<title>", "</title>").ends_with(" – Smith &amp; &lt;Sons&gt;"),
            "{what}: {text}"
        );
        assert!(text.contains("<span>Smith &amp; &lt;Sons&gt;</span>"), "{what}: {text}");
        let logo = between(&text, "<img src=\"", "\"");
        assert_eq!(logo, "https://cdn.example.com/logo.svg?a=1&amp;b=&quot;", "{what}");
        assert!(text.contains("--act:#00aa77"), "{what}: {text}");
        assert!(csp.contains(" img-src https://cdn.example.com;"), "{what}: {csp}");
    }
}

#[test]
fn without_a_look_of_its_own_a_page_loads_nothing() {
    let page = world().site("pages-plain").navigate("/.auth/signed-out");
    let csp = check("plain", &page);
    assert!(!csp.contains("img-src"), "{csp}");
    let text = page.text();
    assert!(!text.contains("<img") && !text.contains("<header>") && !text.contains("http"), "{text}");
    assert_eq!(between(&text, "<title>", "</title>"), "You are signed out");
    let page = world().site("pages-logo").navigate("/.auth/signed-out");
    let csp = check("logo", &page);
    assert!(csp.contains(" img-src 'self';"), "{csp}");
    assert!(page.text().contains("<img src=\"/static/logo.png\" alt=\"\">"), "{}", page.text());
}

#[test]
fn whatever_a_person_is_called_is_only_text() {
    let mut evil = site().signed_in_as(EVIL);
    let me = evil.step(&site().url("/.auth/me")).text();
    for text in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&quot;&gt;&lt;img src=x onerror=alert(2)&gt;",
        "&#39;-alert(3)-&#39;@example.com",
        "<dd>&lt;b&gt;bold&lt;/b&gt;</dd>",
        "<dd>&amp;amp;</dd>",
        "&lt;/dd&gt;&lt;/dl&gt;&lt;script&gt;alert(4)&lt;/script&gt;",
    ] {
        assert!(me.contains(text), "{text} is missing in {me}");
    }
    let refused = evil.step(&site().url("/admin/x")).text();
    assert!(refused.contains("signed in as &lt;script&gt;alert(1)&lt;/script&gt;."), "{refused}");
}

#[test]
fn programs_get_the_same_in_json() {
    let mut evil = site().signed_in_as(EVIL);
    let check = |what: &str, response: &Response, status: u16, body: Value| {
        assert_eq!(response.status, status, "{what}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{what}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{what}");
        let mut found = response.json();
        if let Some(object) = found.as_object_mut() {
            object.remove("expires_at");
            object.remove("sub");
        }
        assert_eq!(found, body, "{what}");
    };
    let me = Load::typed(&site().url("/.auth/me")).header("accept", "application/json");
    let me = evil.load(me).expect("an answer").response;
    assert!(me.json()["expires_at"].as_u64().is_some_and(|at| at > 1_700_000_000));
    assert!(me.json()["sub"].as_str().is_some_and(|sub| sub.len() == 36));
    check(
        "me",
        &me,
        200,
        json!({
            "username": EVIL,
            "email": "'-alert(3)-'@example.com",
            "name": "\"><img src=x onerror=alert(2)>",
            "roles": ["<b>bold</b>", "&amp;", "a\u{1}b"],
            "claims": { "custom:timezone": "</dd></dl><script>alert(4)</script>" },
        }),
    );
    check("forbidden", &evil.fetch(&site().url("/admin/x")), 403, json!({ "error": "forbidden" }));
    check("closed", &site().get("/closed/x"), 403, json!({ "error": "forbidden" }));
    let unauthenticated = json!({ "error": "unauthenticated", "sign_in": "/.auth/sign-in" });
    check("nobody", &site().get("/x"), 401, unauthenticated.clone());
    let me = RawRequest::get("/.auth/me").header("accept", "application/json");
    check("nobody's me", &site().send(me), 401, unauthenticated);
    check("malformed", &site().get("/x/%2500"), 400, json!({ "error": "malformed_request" }));
}
