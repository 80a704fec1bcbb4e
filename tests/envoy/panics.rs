//! The native module panics outside a request's own hooks: while Cognito's response is handled, and when a stream begins.
//! It shouldn't, so a module with a feature for tests does.

use std::time::{Duration, Instant};

use rig::{Browser, Envoy, Options, RawRequest, Response, Scratch};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::aged::OVER;
use crate::fault_table::crash::{PANIC, fragile};
use crate::own::{NAME, Own, Wish};
use crate::world::{callback_of, is_native, skipped};

/// Envoy's default is five minutes: nobody here waits for that.
const AT_ONCE: Duration = Duration::from_secs(20);

/// An Envoy with one worker and a module that can be made to panic. `None` if the wasm filter is tested.
fn fragile_envoy(config: Value) -> Option<(Own, Scratch)> {
    if !is_native() {
        skipped("panics of the native module");
        return None;
    }
    let folder = Scratch::new().expect("a folder");
    let mut own = Own::new(Wish { config, envoys: 0, ..Wish::default() });
    let mut bootstrap = own.bootstrap(0, &Value::Null).to_json();
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    let manager = bootstrap.pointer_mut(manager).expect("a connection manager");
    manager["http_protocol_options"] = json!({ "enable_trailers": true });
    let bootstrap = bootstrap.to_string();
    let shipped = crate::world::filter().to_str().expect("a path").to_owned();
    let bootstrap = bootstrap.replace(&shipped, fragile(folder.path()).to_str().expect("a path"));
    own.envoys.push(Envoy::start(&bootstrap, &Options::default().concurrency(1)));
    Some((own, folder))
}

/// Has the next one of these panic.
fn ask_for_panic(own: &Own, place: &str) {
    let asked = own.send(0, RawRequest::get("/json").header(PANIC, place));
    assert_eq!(asked.status, 401, "this request itself is decided as usual");
}

/// `count` panics have been caught and logged, without what they say.
fn assert_panics(own: &Own, count: i64) {
    let envoy = &own.envoys[0];
    assert!(envoy.log_line("envoy_cognito panicked at ").is_some(), "{}", envoy.log());
    assert!(!envoy.log().contains("asked to panic"), "{}", envoy.log());
    // Before 1.39, only a stream can count, and these panics belong to none.
    if Envoy::version() >= (1, 39) {
        assert_eq!(envoy.stat("wasmcustom.envoy_cognito.panics"), count);
    }
    assert!(envoy.alive());
}

/// A browser that is about to load its callback, and the callback.
fn returning(own: &Own) -> (Browser, String) {
    let mut browser = own.browser();
    let start = browser.step(&own.url("/json"));
    let callback = callback_of(start.location().expect("a redirect"));
    (browser, callback)
}

/// Loads each, and ends the fault when all of them wait at Cognito. Returns their responses.
fn load_together(own: &Own, all: Vec<(Browser, String)>) -> (Vec<Response>, Duration) {
    let (asked, count) = (own.cognito().calls(Endpoint::Token, NAME).len(), all.len());
    std::thread::scope(|scope| {
        let load = |(mut browser, url): (Browser, String)| scope.spawn(move || browser.step(&url));
        let loads: Vec<_> = all.into_iter().map(load).collect();
        let wait = || (own.cognito().calls(Endpoint::Token, NAME).len() >= asked + count).then_some(());
        assert!(rig::eventually(rig::PATIENCE, wait).is_some(), "all wait");
        let released = Instant::now();
        own.cognito().clear_faults(NAME);
        let responses = loads.into_iter().map(|load| load.join().expect("a response")).collect();
        (responses, released.elapsed())
    })
}

#[test]
fn a_sign_in_whose_answer_panics_gets_503_at_once_and_others_go_on() {
    let Some((own, _folder)) = fragile_envoy(json!({})) else { return };
    let mut present = own.signed_in();
    let all = vec![returning(&own), returning(&own), returning(&own)];
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Always);
    ask_for_panic(&own, "signature");
    let (responses, took) = load_together(&own, all);
    let mut seen: Vec<u16> = responses.iter().map(|response| response.status).collect();
    seen.sort_unstable();
    assert_eq!(seen, [302, 302, 503], "one answer has panicked\n{}", own.envoys[0].log());
    assert!(took < AT_ONCE, "{took:?}");
    let lost = responses.iter().find(|response| response.status == 503).expect("one");
    assert_eq!(lost.header("cache-control"), Some("no-store"));
    assert!(lost.set_cookies().is_empty() && lost.body.is_empty(), "{lost:?}");
    assert_panics(&own, 1);
    assert_eq!(present.fetch(&own.url("/json")).status, 200);
    own.signed_in();
}

#[test]
fn a_refresh_whose_answer_panics_has_failed_and_is_made_again() {
    let config = json!({ "session": { "stale_if_error": "0s" } });
    let Some((own, _folder)) = fragile_envoy(config) else { return };
    let mut browser = own.signed_in();
    own.age(&mut browser, OVER);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Always);
    ask_for_panic(&own, "signature");
    let (responses, took) = load_together(&own, vec![(browser.clone(), own.url("/json"))]);
    assert_eq!(responses[0].status, 503, "{}", own.envoys[0].log());
    assert!(took < AT_ONCE, "{took:?}");
    assert_panics(&own, 1);
    let renewed = rig::eventually(rig::PATIENCE, || {
        let response = browser.fetch(&own.url("/json"));
        assert!([200, 503].contains(&response.status), "{response:?}");
        (response.status == 200).then_some(())
    });
    assert!(renewed.is_some(), "the session is still there\n{}", own.envoys[0].log());
}

/// Envoy 1.40 answers for a stream that has no filter. 1.38 and 1.39 go on calling the filter's hooks with a null pointer.
#[test]
fn a_request_whose_stream_cannot_begin_is_refused_with_its_body_and_trailers() {
    let rules = json!({ "rules": [{ "path": "/public/**", "allow": "everyone" }] });
    let Some((own, _folder)) = fragile_envoy(rules) else { return };
    let cookies = own.signed_in().cookie_header(&own.url("/"));
    let chunked = |body: &'static str| {
        let request = RawRequest::new("POST", "/json").header("transfer-encoding", "chunked");
        request.header("trailer", "x-kept").body(body)
    };
    let requests = [
        RawRequest::get("/public/json"),
        RawRequest::get("/json").header("cookie", &cookies),
        RawRequest::post("/json", "a body").header("cookie", &cookies),
        chunked("3\r\nabc\r\n0\r\n\r\n").header("cookie", &cookies),
        chunked("3\r\nabc\r\n0\r\nx-kept: yes\r\n\r\n").header("cookie", &cookies),
        RawRequest::get("/.auth/sign-in"),
    ];
    let refused = if Envoy::version() >= (1, 40) { 500 } else { 503 };
    own.app.clear();
    for (number, request) in (1..).zip(requests) {
        ask_for_panic(&own, "stream");
        let response = own.send(0, request.clone());
        assert_eq!(response.status, refused, "{request:?}\n{}", own.envoys[0].log());
        assert!(response.set_cookies().is_empty(), "{response:?}");
        assert_eq!(own.app.count(), 0, "{request:?}");
        assert_panics(&own, number);
    }
    assert_eq!(own.send(0, RawRequest::get("/public/json")).status, 200, "the next one is served");
}
