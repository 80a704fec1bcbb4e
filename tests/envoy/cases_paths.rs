//! Cases of `docs/security-cases.md`: what Envoy itself does to a path before the filter sees it.

use rig::{Listener, RawRequest};
use serde_json::json;

use crate::world::{PASSWORD, Plan, Site, USER, plan, world};

/// One listener for each way in which Envoy can handle a path: whether it resolves dot segments, whether it merges
/// slashes, and how it handles escaped slashes.
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
    let site = || plan(json!({ "rules": rules }));
    let managed = MANAGERS.iter().map(|(name, ..)| (*name, site().listener(normalising)));
    managed.chain([("case-path-odd", site())]).collect()
}

fn normalising(listener: &mut Listener) {
    let (_, normalize, merge, escaped) =
        MANAGERS.iter().find(|(name, ..)| *name == listener.name).expect("one of these");
    listener.normalize_path = *normalize;
    listener.merge_slashes = *merge;
    listener.path_with_escaped_slashes_action = (*escaped).to_owned();
}

/// Paths that the app might serve as something below `/admin`.
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

/// The same, if the app decodes more than once, supports other escapes, or drops what it can't read.
const SPELLINGS_AGAIN: [&str; 18] = [
    "/public/%252e%252e/admin",
    "/public/%252e%252e%252fadmin",
    "/public/..%252Fadmin",
    "/public/..%255cadmin",
    "/public/..%253bx/admin",
    "/public/%25252e%25252e/admin",
    "/public/%%32%65%%32%65/admin",
    "/public/%25%32%65./admin",
    "/%2561dmin",
    "/%u002e%u002e/admin",
    "/public/%u002e%u002e/admin",
    "/admin/%E9",
    "/admin/50%",
    "/%E9/../admin",
    "/public/.%E9./admin",
    "/ad%E9min",
    "/ad%min",
    "/public/a%83%5Cb%5C..%5C..%5Cadmin",
];

/// Ambiguous paths.
const UNCLEAR: [&str; 10] = [
    "/%c0%ae%c0%ae/admin",
    "/public/%c0%af../admin",
    "/public/%e0%80%ae/x",
    "/public/%f0%80%80%ae/x",
    "/public/%25c0%25ae/x",
    "/public/%2525c0%2525ae/x",
    "/public/%00",
    "/public/%2500",
    "/public/%250d%250a",
    "/public/%u0000",
];

/// Unusual but harmless paths, below a public path and at one for everybody with a session.
const HARMLESS: [&str; 12] = [
    "/job/app/job/feature%252Flogin/1/console",
    "/job/a%252Eb/c%255Cd",
    "/job/a%25252Fb",
    "/files/r%E9sum%E9.pdf",
    "/files/%E9",
    "/files/%83%65%83%58%83%67.txt",
    "/files/%95%5C%8E%86.txt",
    "/files/%85%80%ff/%ed%a0%80",
    "/sale/50%",
    "/sale/50%/%zz/%2",
    "/sale/50%25/%2525",
    "/sale/%u00e9?50%&%E9&%252F",
];

/// Whether a path, read by the app as leniently as possible, is a protected one.
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
        let is_left_alone = (normalize, merge, escaped) == (false, false, "KEEP_UNCHANGED");
        for target in SPELLINGS.into_iter().chain(SPELLINGS_AGAIN) {
            let what = format!("{target} (normalize {normalize}, merge {merge}, {escaped})");
            let as_john = RawRequest::get(target).header("cookie", &john);
            for (response, refusal) in [(site.get(target), 401), (site.send(as_john), 403)] {
                // Envoy itself may refuse it, redirect the client to its normalised form, or resolve it to a public
                // path, which the app then gets.
                match response.status {
                    200 => {
                        let path = response.json()["path"].as_str().unwrap_or_default().to_owned();
                        assert!(normalize && !is_guarded(&path), "{what} arrives as {path}");
                    }
                    301 | 302 | 307 | 400 => assert!(!is_left_alone, "{what}: the filter decides by itself"),
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

/// The paths that the app received at a site, latest last.
fn arrived(site: &Site) -> Vec<String> {
    let host = format!("{}.example.test", site.name);
    let requests = world().app.requests();
    let of_site = requests.into_iter().filter(|request| request.header_str("host") == Some(host.as_str()));
    of_site.map(|request| request.path).collect()
}

#[test]
fn case_138_odd_paths_arrive_byte_for_byte() {
    let site = world().site("case-path-odd");
    let cookies = site.signed_in().cookie_header(&site.url("/"));
    for target in HARMLESS {
        for (target, anonymous) in [(format!("/public{target}"), 200), (target.to_owned(), 401)] {
            assert_eq!(site.get(&target).status, anonymous, "{target}");
            let response = site.send(RawRequest::get(&target).header("cookie", &cookies));
            assert_eq!(response.status, 200, "{target}");
            assert_eq!(arrived(&site).last(), Some(&target));
        }
    }
}

#[test]
fn case_115_138_after_a_sign_in_the_browser_is_back_at_the_same_bytes() {
    let site = world().site("case-path-odd");
    for target in HARMLESS {
        let mut browser = site.browser();
        let visit = browser.sign_in(&site.url(target), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{target}: {visit}");
        let callback = visit.step(&site.url("/.auth/callback")).expect("a callback");
        assert_eq!(callback.response.location(), Some(target), "{visit}");
        assert_eq!(arrived(&site).last().map(String::as_str), Some(target), "{visit}");
    }
}

/// The status of a GET over HTTP/2; `None` if no client can send it, or Envoy ends the stream without a response.
fn over_http_2(site: &Site, target: &[u8]) -> Option<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(site.addr).await.expect("connected");
        let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let url = [site.origin().as_bytes(), target].concat();
        // The client's own library may refuse it.
        let url = http::Uri::try_from(url.as_slice()).ok()?;
        let request = http::Request::get(url).body(()).expect("a request");
        let (response, _) = client.send_request(request, true).expect("sent");
        response.await.ok().map(|response| response.status().as_u16())
    })
}

#[test]
fn case_138_raw_bytes_beyond_ascii_are_decided_where_envoy_lets_them_through() {
    let site = world().site("case-path-odd");
    for (target, decided) in [
        (&b"/admin/r\xe9sum\xe9"[..], 401),
        (b"/\xe9/../admin", 401),
        (b"/public/\xc0\xae\xc0\xae/admin", 400),
        (b"/public/r\xe9sum\xe9", 200),
        ("/public/é".as_bytes(), 200),
    ] {
        let statuses = [Some(site.send(RawRequest::get(target)).status), over_http_2(&site, target)];
        println!("{}: {statuses:?}", target.escape_ascii());
        for status in statuses {
            // Envoy itself rejects them with 400, or ends the stream.
            assert!([None, Some(400), Some(decided)].contains(&status), "{}", target.escape_ascii());
        }
    }
}
