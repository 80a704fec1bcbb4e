//! The driver with a host: what it requests, in which order, and what happens if the host refuses.

use std::time::Duration;

use envoy_cognito_core::decision::StreamId;
use envoy_cognito_core::driver::{CallHandle, Next, Stream};
use envoy_cognito_core::http::{CalloutResponse, Header, OwnedRequest, Request};
use serde_json::json;

use crate::harness::{Answer, Deed, Harness, NAVIGATE, Refreshing, upstream};

/// A new stream, with a request for `target` that carries the browser's cookies.
fn stream(harness: &mut Harness, target: &str) -> (Stream, OwnedRequest) {
    let id = StreamId(harness.next_stream);
    harness.next_stream += 1;
    let cookies = harness.jar.header();
    let headers = [
        (":method", "GET"),
        (":path", target),
        (":authority", "app.example.com"),
        (":scheme", "https"),
        ("accept", "*/*"),
        ("cookie", cookies.as_str()),
    ];
    (Stream::new(id), request(&headers))
}

fn request(headers: &[(&str, &str)]) -> OwnedRequest {
    let headers: Vec<_> = headers.iter().map(|(name, value)| Header::new(name, value.as_bytes())).collect();
    OwnedRequest::of(Request::new(&headers))
}

fn ask(harness: &mut Harness, stream: &mut Stream, request: &OwnedRequest) -> Next {
    let headers = request.headers();
    harness.on(0, |driver, host| driver.request_headers(stream, Some(Request::new(&headers)), host))
}

/// The status of a stream's response.
fn status(harness: &Harness, stream: &Stream) -> Option<u16> {
    harness.notes.streams.get(&stream.id())?.response.as_ref().map(|response| response.status)
}

/// A person whose tokens have expired and whose refresh gets no response: their next request waits.
fn waiting() -> (Harness, Stream) {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    harness.advance(Duration::from_secs(3600));
    harness.cognito.token = Answer::Held;
    let (mut stream, request) = stream(&mut harness, "/waits");
    assert_eq!(ask(&mut harness, &mut stream, &request), Next::Stop);
    assert_eq!((status(&harness, &stream), stream.is_open()), (None, false));
    harness.settle();
    assert_eq!(harness.held(), 1);
    (harness, stream)
}

#[test]
fn a_request_goes_on_once_its_headers_are_edited_and_not_before() {
    let mut harness = Harness::new();
    harness.signed_in();
    let (mut own, request) = stream(&mut harness, "/");
    assert_eq!(own.request_body(), Next::Stop, "nothing is decided yet");
    assert_eq!(ask(&mut harness, &mut own, &request), Next::Continue);
    assert_eq!(own.request_body(), Next::Continue);
    let told = &harness.notes.streams[&own.id()];
    assert!(upstream(told.edits.as_ref().unwrap(), "x-auth-user").is_some());
}

#[test]
fn a_host_that_refuses_the_edits_forwards_nothing() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.notes.refused = vec![Deed::EditRequest];
    let (mut own, request) = stream(&mut harness, "/");
    assert_eq!(ask(&mut harness, &mut own, &request), Next::Stop);
    assert_eq!((status(&harness, &own), own.request_body()), (Some(503), Next::Stop));
}

#[test]
fn headers_that_the_host_cannot_read_are_answered_with_503() {
    let mut harness = Harness::new();
    let mut own = Stream::new(StreamId(1_000));
    assert_eq!(harness.on(0, |driver, host| driver.request_headers(&mut own, None, host)), Next::Stop);
    assert_eq!(status(&harness, &own), Some(503));
}

#[test]
fn a_body_waits_as_long_as_its_request_and_goes_on_with_it() {
    let (mut harness, own) = waiting();
    assert_eq!(own.request_body(), Next::Stop);
    harness.cognito.token = Answer::Good;
    harness.release();
    assert_eq!(own.request_body(), Next::Continue);
    let told = &harness.notes.streams[&own.id()];
    assert!(told.resumed && told.response.is_none() && told.edits.is_some());
}

#[test]
fn a_request_that_waited_is_not_resumed_where_the_host_refuses_the_edits() {
    let (mut harness, own) = waiting();
    harness.notes.refused = vec![Deed::EditRequest];
    harness.cognito.token = Answer::Good;
    harness.release();
    assert_eq!((status(&harness, &own), own.request_body()), (Some(503), Next::Stop));
    assert!(!harness.notes.streams[&own.id()].resumed);
}

#[test]
fn a_stream_that_ended_while_it_waited_is_never_touched_again() {
    let (mut harness, own) = waiting();
    harness.on(0, |driver, _| driver.stream_ended(&own));
    harness.cognito.token = Answer::Good;
    harness.release();
    let told = harness.notes.streams.get(&own.id());
    assert!(told.is_none_or(|told| !told.resumed && told.response.is_none() && told.edits.is_none()));
    // The refresh completes all the same.
    assert!(harness.get("/").is_forwarded());
}

#[test]
fn a_call_that_the_host_does_not_take_is_known_at_once() {
    let mut harness = Harness::new();
    let location = harness.start("/wanted");
    let callback = harness.authorize(&location);
    harness.notes.refused = vec![Deed::Call];
    let page = harness.navigate(&callback).answered();
    assert_eq!(page.status, 503, "{page:?}");
    assert!(harness.log().contains("event=sign_in.failed reason=cluster_missing"));
}

#[test]
fn no_answer_is_a_timeout_after_the_deadline_and_a_broken_call_before() {
    for (waited, reason) in [(4_000, "token_unavailable"), (4_950, "token_timeout")] {
        let mut harness = Harness::new();
        let location = harness.start("/wanted");
        let callback = harness.authorize(&location);
        harness.cognito.token = Answer::Held;
        let waiting = harness.navigate(&callback).parked();
        let (worker, call) = harness.held_calls()[0];
        harness.advance(Duration::from_millis(waited));
        harness.on(worker, |driver, host| driver.call_answered(call, None, host));
        assert!(harness.log().contains(&format!("reason={reason}")), "{waited} ms");
        assert!(harness.decision(waiting).is_some());
    }
}

#[test]
fn an_answer_of_no_call_changes_nothing() {
    let (mut harness, own) = waiting();
    let answer = Ok(CalloutResponse { status: 200, body: b"{}".to_vec(), etag: None });
    harness.on(0, |driver, host| driver.call_answered(CallHandle(9_999), Some(answer), host));
    assert_eq!((status(&harness, &own), own.is_open()), (None, false));
}

#[test]
fn what_the_log_says_of_an_answer_is_written_before_it_is_given() {
    let mut harness = Harness::new();
    let location = harness.start("/wanted");
    let callback = harness.authorize(&location);
    harness.cognito.token = Answer::Held;
    harness.navigate(&callback).parked();
    harness.notes.order.clear();
    harness.cognito.token = Answer::Good;
    harness.release();
    let at = |what: &str| harness.notes.order.iter().position(|done| *done == what);
    assert!(at("log") < at("respond"), "{:?}", harness.notes.order);
}

#[test]
fn no_more_than_sixteen_waiting_requests_are_settled_in_one_go() {
    let (mut harness, _) = waiting();
    let mut streams = Vec::new();
    for number in 0..40 {
        let (mut own, request) = stream(&mut harness, &format!("/{number}"));
        assert_eq!(ask(&mut harness, &mut own, &request), Next::Stop);
        streams.push(own);
    }
    let open = |streams: &[Stream]| streams.iter().filter(|own| own.is_open()).count();
    let (worker, call) = harness.held_calls()[0];
    harness.cognito.token = Answer::Good;
    let answer = harness.late_answers().remove(0);
    harness.on(worker, |driver, host| driver.call_answered(call, Some(answer), host));
    // The first one that waits isn't one of these.
    assert_eq!(open(&streams), 15);
    assert_eq!(
        harness.notes.wake_after[&worker],
        Duration::from_millis(1),
        "the rest waits for nothing else"
    );
    harness.on(worker, |driver, host| driver.wake(host));
    assert_eq!(open(&streams), 31);
    harness.on(worker, |driver, host| driver.wake(host));
    assert_eq!(open(&streams), 40);
}

#[test]
fn no_more_than_sixty_four_calls_are_made_in_one_go() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let mut callbacks = Vec::new();
    for _ in 0..100 {
        let location = harness.start("/wanted");
        callbacks.push((harness.authorize(&location), harness.jar.header()));
        harness.jar = crate::harness::Jar::default();
    }
    for (target, cookies) in callbacks {
        let id = StreamId(harness.next_stream);
        harness.next_stream += 1;
        let headers = [
            (":method", "GET"),
            (":path", target.as_str()),
            (":authority", "app.example.com"),
            (":scheme", "https"),
            NAVIGATE[0],
            NAVIGATE[1],
            ("cookie", cookies.as_str()),
        ];
        let mut own = Stream::new(id);
        assert_eq!(ask(&mut harness, &mut own, &request(&headers)), Next::Stop);
        assert_eq!(status(&harness, &own), None, "{target}");
    }
    harness.on(0, |driver, host| driver.wake(host));
    assert_eq!(harness.notes.calls.len(), 64);
    harness.on(0, |driver, host| driver.wake(host));
    assert_eq!(harness.notes.calls.len(), 100);
}

#[test]
fn the_host_is_asked_again_for_a_wake_that_it_refused() {
    let mut harness = Harness::new();
    let location = harness.start("/wanted");
    let callback = harness.authorize(&location);
    let (mut own, request) = stream(&mut harness, &callback);
    harness.notes.wake_after.clear();
    harness.notes.refused = vec![Deed::Wake];
    assert_eq!(ask(&mut harness, &mut own, &request), Next::Stop);
    assert!(harness.notes.wake_after.is_empty());
    harness.notes.refused.clear();
    let (mut other, request) = stream(&mut harness, "/other");
    assert_eq!(ask(&mut harness, &mut other, &request), Next::Stop);
    assert_eq!(harness.notes.wake_after[&0], Duration::from_millis(1), "a call is to be made");
}

#[test]
fn an_app_cannot_set_our_cookies_and_keeps_its_own() {
    let mut harness = Harness::new();
    harness.signed_in();
    let (mut own, request) = stream(&mut harness, "/");
    assert_eq!(ask(&mut harness, &mut own, &request), Next::Continue);
    let told = harness.notes.streams.get_mut(&own.id()).unwrap();
    told.app_cookies =
        vec![b"theirs=1".to_vec(), b"__Host-auth=x; Path=/; Secure".to_vec(), b"more=\xff".to_vec()];
    assert_eq!(harness.on(0, |driver, host| driver.response_headers(&own, host)), Next::Continue);
    let edits = harness.notes.streams[&own.id()].response_edits.clone().unwrap();
    assert_eq!(edits.remove, ["set-cookie"]);
    assert_eq!(edits.add, [("set-cookie", b"theirs=1".to_vec()), ("set-cookie", b"more=\xff".to_vec())]);
}

#[test]
fn no_cache_keeps_an_answer_that_our_cookies_ride_on() {
    let mut harness = Harness::with(json!({ "session": { "idle": "10m" } }));
    harness.signed_in();
    harness.advance(Duration::from_secs(120));
    let (mut own, request) = stream(&mut harness, "/");
    assert_eq!(ask(&mut harness, &mut own, &request), Next::Continue);
    assert_eq!(harness.on(0, |driver, host| driver.response_headers(&own, host)), Next::Continue);
    let edits = harness.notes.streams[&own.id()].response_edits.clone().unwrap();
    assert!(edits.remove.contains(&"cache-control") && edits.remove.contains(&"expires"));
    assert_eq!(edits.add[0], ("cache-control", b"no-store".to_vec()));
    assert!(edits.add[1].1.starts_with(b"__Host-auth="), "{edits:?}");
}

#[test]
fn an_answer_that_the_host_does_not_let_us_edit_is_not_passed_on() {
    for deed in [Deed::ReadResponse, Deed::EditResponse] {
        let mut harness = Harness::with(json!({ "session": { "idle": "10m" } }));
        harness.signed_in();
        harness.advance(Duration::from_secs(120));
        let (mut own, request) = stream(&mut harness, "/");
        assert_eq!(ask(&mut harness, &mut own, &request), Next::Continue);
        harness.notes.refused = vec![deed];
        assert_eq!(harness.on(0, |driver, host| driver.response_headers(&own, host)), Next::Stop, "{deed:?}");
        assert_eq!(status(&harness, &own), Some(503), "{deed:?}");
    }
}

#[test]
fn identity_headers_in_trailers_are_taken_out_before_they_go_on() {
    let mut harness = Harness::new();
    harness.signed_in();
    let (mut own, request) = stream(&mut harness, "/");
    assert_eq!(ask(&mut harness, &mut own, &request), Next::Continue);
    let names: [&[u8]; 3] = [b"x-checksum", b"x-auth-user", b"X_Auth_Roles"];
    let trailers = |harness: &mut Harness, own: &Stream| {
        harness.on(0, |driver, host| driver.request_trailers(own, names.into_iter(), host))
    };
    assert_eq!(trailers(&mut harness, &own), Next::Continue);
    assert_eq!(harness.notes.streams[&own.id()].removed_trailers, ["x-auth-user", "X_Auth_Roles"]);
    harness.notes.refused = vec![Deed::RemoveTrailers];
    assert_eq!(trailers(&mut harness, &own), Next::Stop);
    assert_eq!(status(&harness, &own), Some(503));
}

#[test]
fn trailers_of_a_request_that_waits_are_edited_and_held_back() {
    let (mut harness, own) = waiting();
    let names: [&[u8]; 1] = [b"x-auth-user"];
    let next = harness.on(0, |driver, host| driver.request_trailers(&own, names.into_iter(), host));
    assert_eq!(next, Next::Stop);
    assert_eq!(harness.notes.streams[&own.id()].removed_trailers, ["x-auth-user"]);
}

/// Two hosts can use it, one of them in several threads.
#[test]
fn a_configuration_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<envoy_cognito_core::config::Config>();
}
