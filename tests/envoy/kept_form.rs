//! `pages.keep_form`: a form that is posted without a session comes back after the sign-in.

use std::time::{Duration, Instant};

use rig::{Browser, Form, Load, Visit};
use serde_json::{Value, json};

use crate::own::{ORIGIN, Own, Wish};
use crate::world::{PASSWORD, Plan, USER, is_native, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let keeping = || plan(json!({ "pages": { "keep_form": true } }));
    let passing = keeping().listener(|listener| {
        listener.plugin_overrides = json!({ "allow_on_headers_stop_iteration": true });
    });
    vec![("keepform", passing), ("keepformheld", keeping())]
}

/// Sends a form of the page `from`.
fn send(browser: &mut Browser, from: &str, url: &str, fields: &[(&str, &str)]) -> Visit {
    browser.load(Load::form(from, "POST", url, fields).one_step()).expect("an answer")
}

/// Presses the button of a page.
fn press(browser: &mut Browser, page: &Visit) -> Visit {
    let form = Form::all(&page.text()).into_iter().next().unwrap_or_else(|| panic!("no form: {page}"));
    assert_eq!(form.method, "POST");
    let url = url::Url::parse(&page.url).and_then(|base| base.join(&form.action)).expect("an action");
    let fields: Vec<_> = form.inputs.iter().map(|(name, value, _)| (&**name, &**value)).collect();
    send(browser, &page.url, url.as_str(), &fields)
}

fn is_kept(page: &Visit) -> bool {
    page.text().contains("Continue with the form")
}

/// The sizes of the bodies that the app has received at an address.
fn posts(path: &str) -> Vec<usize> {
    let requests = world().app.requests().into_iter();
    let posts = requests.filter(|request| request.method == "POST" && request.path == path);
    posts.map(|request| request.body_bytes).collect()
}

#[test]
fn a_form_comes_back_after_the_sign_in_and_reaches_the_app_once() {
    let site = world().site("keepform");
    for size in [10, 20_000, 60_000] {
        let mut browser = site.browser();
        let path = format!("/orders/{size}?step=2");
        let (url, text) = (site.url(&path), "x".repeat(size));
        let fields = [("text", text.as_str()), ("line", "a\r\n\"<b>\" é&#13;"), ("empty", "")];
        let page = send(&mut browser, &site.url("/form"), &url, &fields);
        assert!(page.status() == 401 && is_kept(&page), "{page}");
        assert_eq!(posts(&path), [0; 0], "the app got nothing");
        let again = press(&mut browser, &page);
        assert!(again.status() == 401 && is_kept(&again), "nobody has signed in: {again}");
        let landing = browser.sign_in(&site.url("/.auth/sign-in?return=%2F.auth%2Fform"), USER, PASSWORD);
        assert!(landing.text().contains("Return to the tab with your form"), "{landing}");
        let offer = press(&mut browser, &again);
        assert_eq!(offer.status(), 200, "{offer}");
        assert!(
            offer.text().contains(&url) && offer.text().contains("You are signed in as jsmith"),
            "{offer}"
        );
        assert_eq!(posts(&path), [0; 0], "still nothing");
        let sent = press(&mut browser, &offer);
        assert_eq!((sent.status(), sent.url.as_str()), (200, url.as_str()), "{sent}");
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        assert_eq!(posts(&path), [encoded.len()], "what was typed, once");
    }
}

#[test]
fn what_is_too_large_or_comes_from_elsewhere_is_not_kept() {
    let site = world().site("keepform");
    let mut browser = site.browser();
    let url = site.url("/orders");
    let large = "x".repeat(65_536);
    for (from, fields) in [
        (site.url("/"), [("a", large.as_str())]),
        ("https://evil.test/".to_owned(), [("a", "b")]),
        ("https://other.example.test/".to_owned(), [("a", "b")]),
    ] {
        let page = send(&mut browser, &from, &url, &fields);
        assert!(page.status() == 401 && !is_kept(&page), "{from}: {page}");
        assert!(page.text().contains("back button"), "{from}");
    }
    let kept = send(&mut browser, &site.url("/"), &url, &[("a", "b")]);
    let sealed = &Form::all(&kept.text())[0].inputs[0].1;
    let visit = browser.sign_in(&site.url("/.auth/form"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}");
    for from in ["https://evil.test/", "https://other.example.test/"] {
        let refused = send(&mut browser, from, &site.url("/.auth/form"), &[("form", sealed)]);
        assert_eq!(refused.status(), 403, "{from}: {refused}");
        assert!(Form::all(&refused.text()).is_empty());
    }
}

#[test]
fn where_envoy_holds_bodies_back_people_get_the_page_as_always() {
    let site = world().site("keepformheld");
    let mut browser = site.browser();
    let mut post = || {
        let asked = Instant::now();
        let page = send(&mut browser, &site.url("/"), &site.url("/orders"), &[("a", "b")]);
        assert_eq!(page.status(), 401, "{page}");
        (is_kept(&page), asked.elapsed())
    };
    let (is_first_kept, _) = post();
    assert_eq!(is_first_kept, is_native(), "the native module needs no setting of Envoy's");
    if !is_native() {
        let (kept, took) = (0..8).map(|_| post()).min_by_key(|(_, took)| *took).expect("some");
        assert!(!kept && took < Duration::from_millis(1500), "nobody waits for it again: {took:?}");
    }
}

/// Sets `allow_on_headers_stop_iteration` for every wasm filter.
fn pass_bodies(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            if fields.contains_key("vm_config") {
                fields.insert("allow_on_headers_stop_iteration".to_owned(), json!(true));
            }
            fields.values_mut().for_each(pass_bodies);
        }
        Value::Array(items) => items.iter_mut().for_each(pass_bodies),
        _ => {}
    }
}

#[test]
fn bodies_that_never_end_hold_nobody_up() {
    use std::io::{Read, Write};
    let config = json!({ "pages": { "keep_form": true } });
    let own = Own::new(Wish { config, workers: 1, envoys: 0, ..Wish::default() });
    let mut bootstrap = own.bootstrap(0, &Value::Null).to_json();
    pass_bodies(&mut bootstrap);
    let envoy = rig::Envoy::start(&bootstrap.to_string(), &rig::Options::default().concurrency(1));
    let head = "POST /orders HTTP/1.1\r\nhost: own.example.test\r\nx-forwarded-proto: https\r\n\
                sec-fetch-site: same-origin\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n\
                accept: text/html\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\n";
    let begin = |body: &[u8]| {
        let mut connection = std::net::TcpStream::connect(own.addr(0)).expect("a connection");
        connection.write_all(head.as_bytes()).expect("sent");
        connection.write_all(body).expect("sent");
        connection
    };
    let answer = |connection: &mut std::net::TcpStream| {
        connection.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut text = vec![0; 16 * 1024];
        let mut seen = String::new();
        while !seen.contains("</html>") {
            let count = connection.read(&mut text).expect("an answer");
            assert!(count > 0, "closed after: {seen}");
            seen.push_str(&String::from_utf8_lossy(&text[..count]));
        }
        seen
    };
    // One whole form first, so that the filter knows that bodies are passed.
    assert!(answer(&mut begin(b"a=1234567")).contains("Continue with the form"), "{}", envoy.log());
    // More than the filter reads at once; all but the last leave.
    let mut stalled: Vec<_> = (0..70).map(|_| begin(b"a=12")).collect();
    let last = answer(stalled.last_mut().expect("some"));
    assert!(last.contains("back button"), "there is no room to read it: {last}");
    stalled.truncate(1);
    let free = || answer(&mut begin(b"a=1234567")).contains("Continue with the form").then_some(());
    assert!(rig::eventually(rig::PATIENCE, free).is_some(), "who has left needs no room");
    let late = answer(&mut stalled[0]);
    assert!(late.starts_with("HTTP/1.1 401") && late.contains("back button"), "{late}");
    assert!(Browser::new().route(ORIGIN, own.addr(0)).fetch(&own.url("/json")).status == 401);
}
