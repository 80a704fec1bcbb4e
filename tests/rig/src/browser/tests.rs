//! A browser against a server that answers from a table and remembers what it was asked.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;

type Answer = fn(&str) -> String;

/// Serves one request a connection; `answer` gets `METHOD target host`.
fn server(answer: Answer) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut chunk = [0; 4096];
            let complete = |text: &str| {
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
                (body.len() >= length.lines().next()?.parse().ok()?).then_some(())
            };
            while complete(&text).is_none() {
                let length = stream.read(&mut chunk).unwrap();
                text.push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
            let start = text.split(" HTTP/1.1").next().unwrap();
            let host = text.split_once("host: ").unwrap().1.lines().next().unwrap();
            let response = answer(&format!("{start} {host}"));
            requests.lock().unwrap().push(text);
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    (addr, seen)
}

fn redirect(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n{headers}\r\n\r\n")
}

fn page(html: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{html}", html.len())
}

/// An application, and a sign-in page on another site.
fn world(request: &str) -> String {
    let login = r#"<form method="post"><input type=hidden name=_csrf value=t><input name=username>
        <input name=password type=password></form>"#;
    match request {
        "GET /deep?a=1 app.example.test" => {
            redirect(302, "location: https://id.example.org/login?x=1\r\nset-cookie: flow=1; Path=/; Secure")
        }
        "GET /login?x=1 id.example.org" => page(login),
        "POST /login?x=1 id.example.org" => redirect(302, "location: https://app.example.test/back?code=1"),
        "GET /back?code=1 app.example.test" => redirect(
            302,
            "location: /deep?a=2\r\nset-cookie: __Host-auth=yes; Path=/; Secure; SameSite=Strict\r\n\
             set-cookie: flow=; Path=/; Secure; Max-Age=0\r\nset-cookie: __Host-bad=1",
        ),
        "GET /loop app.example.test" => redirect(302, "location: /loop"),
        "GET /moves app.example.test" => page(r#"<meta http-equiv="refresh" content="0;url=/deep?a=2">"#),
        "POST /form app.example.test" => redirect(303, "location: /deep?a=2"),
        "POST /keep app.example.test" => redirect(307, "location: https://id.example.org/kept"),
        _ => page("here"),
    }
}

fn browser() -> (Browser, Arc<Mutex<Vec<String>>>) {
    let (addr, seen) = server(world);
    let routes = ["https://app.example.test", "https://id.example.org"];
    (routes.into_iter().fold(Browser::new(), |browser, origin| browser.route(origin, addr)), seen)
}

#[test]
fn signs_in_through_another_site() {
    let (mut browser, seen) = browser();
    let visit = browser.sign_in("https://app.example.test/deep?a=1", "jsmith", "a&b");
    assert_eq!(visit.url, "https://app.example.test/deep?a=2");
    assert_eq!(visit.text(), "here");
    let statuses: Vec<_> = visit.trail.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [302, 200, 302, 302, 200], "{visit}");

    let seen = seen.lock().unwrap();
    assert!(seen[0].contains("sec-fetch-site: none\r\n") && !seen[0].contains("cookie:"));
    assert!(seen[0].contains("x-forwarded-proto: https\r\n"));
    assert!(seen[1].contains("sec-fetch-site: none\r\n") && !seen[1].contains("cookie:"));
    assert!(seen[2].contains("sec-fetch-site: same-origin\r\n"));
    assert!(seen[2].contains("origin: https://id.example.org\r\n"));
    assert!(seen[2].ends_with("_csrf=t&username=jsmith&password=a%26b"));
    assert!(seen[3].contains("sec-fetch-site: cross-site\r\n") && seen[3].contains("cookie: flow=1\r\n"));
    assert!(!seen[4].contains("cookie:"), "a redirect that another site began has no Strict cookies");

    assert_eq!(browser.cookie_header("https://app.example.test/"), "__Host-auth=yes");
    assert_eq!(browser.refused_cookies().len(), 1);
    assert!(browser.cookie("https://app.example.test", "__Host-auth").unwrap().secure);
}

#[test]
fn a_page_that_moves_on_speaks_for_itself() {
    let (mut browser, seen) = browser();
    browser.set_cookie_raw("https://app.example.test", "a", "1");
    let visit =
        browser.load(Load::link("https://id.example.org/", "https://app.example.test/moves")).unwrap();
    assert_eq!(visit.url, "https://app.example.test/deep?a=2");
    let seen = seen.lock().unwrap();
    assert!(seen[0].contains("sec-fetch-site: cross-site"));
    assert!(seen[1].contains("sec-fetch-site: same-origin"));
}

#[test]
fn knows_a_loop() {
    let (mut browser, _) = browser();
    let error = browser.load(Load::typed("https://app.example.test/loop")).unwrap_err();
    assert!(error.contains("leads back to itself") && error.contains("/loop -> 302"), "{error}");
    let error = browser.load(Load::typed("https://elsewhere.test/")).unwrap_err();
    assert!(error.contains("no route to https://elsewhere.test"), "{error}");
}

#[test]
fn redirects_keep_or_lose_method_and_body() {
    let (mut browser, seen) = browser();
    let visit = browser.submit("POST", "https://app.example.test/form", &[("a", "1")]);
    assert_eq!(visit.urls().len(), 2);
    browser.submit("POST", "https://app.example.test/keep", &[("a", "1")]);
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("POST ") && seen[1].starts_with("GET /deep"));
    assert!(seen[3].starts_with("POST /kept") && seen[3].ends_with("\r\n\r\na=1"));
    assert!(seen[3].contains("origin: https://app.example.test\r\n"));
}

#[test]
fn a_fetch_is_no_navigation() {
    let (mut browser, seen) = browser();
    assert_eq!(browser.fetch("https://app.example.test/loop").status, 302);
    browser.sec_fetch = false;
    browser.headers.push(("Accept".into(), "text/x".into()));
    browser.step("https://app.example.test/");
    let seen = seen.lock().unwrap();
    assert!(seen[0].contains("accept: */*\r\n") && seen[0].contains("sec-fetch-mode: cors\r\n"));
    assert!(seen[0].contains("sec-fetch-site: same-origin\r\n") && !seen[0].contains("sec-fetch-user"));
    assert!(!seen[1].contains("sec-fetch") && seen[1].contains("Accept: text/x\r\n"));
    assert!(!seen[1].contains("accept: "));
}

#[test]
fn this_machine_needs_no_route_and_cookies_age() {
    let (addr, seen) = server(|request| match request.split(' ').nth(1) {
        Some("/set") => redirect(200, "set-cookie: a=1; Max-Age=60"),
        _ => page("here"),
    });
    let mut browser = Browser::new();
    let base = format!("http://localhost:{}", addr.port());
    browser.step(&format!("{base}/set"));
    browser.step(&format!("{base}/x/../y?q"));
    browser.advance(Duration::from_secs(61));
    browser.step(&base);
    let seen = seen.lock().unwrap();
    assert!(seen[1].starts_with("GET /y?q HTTP/1.1\r\n") && seen[1].contains("cookie: a=1\r\n"));
    assert!(seen[1].contains("sec-fetch-mode: navigate") && !seen[1].contains("x-forwarded-proto"));
    assert!(!seen[2].contains("cookie:"));
}
