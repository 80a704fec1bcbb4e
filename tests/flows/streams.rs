//! Streams that last end with the session or token behind them.

use std::sync::Arc;
use std::time::Duration;

use envoy_cognito_core::decision::StreamId;
use serde_json::json;

use crate::harness::{Answer, Harness, IDENTITY, Refreshing};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What the requests of streams have, one line for each kind.
const KINDS: [(&str, &str); 3] =
    [("upgrade", "websocket"), ("accept", "text/event-stream"), ("content-type", "application/grpc")];

/// Opens a stream with the browser's cookies and this header.
#[track_caller]
fn open_with(harness: &mut Harness, header: (&str, &str)) -> StreamId {
    let stream = StreamId(harness.next_stream);
    harness.streaming = true;
    let outcome = harness.request("GET", "/stream", &[header]);
    harness.streaming = false;
    assert!(outcome.is_forwarded(), "{outcome:?}");
    stream
}

#[track_caller]
fn open(harness: &mut Harness) -> StreamId {
    open_with(harness, KINDS[0])
}

/// The header of an API client, whose token is good for an hour.
fn bearer(harness: &mut Harness) -> String {
    let config = Arc::clone(&harness.config);
    format!("Bearer {}", harness.cognito.access_token(&config.pools[0], &json!({})))
}

fn sign_out(harness: &mut Harness) {
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
}

#[test]
fn signing_out_closes_all_streams_of_the_session_at_all_workers() {
    let mut harness = Harness::of_workers(3, json!({}));
    harness.signed_in();
    let mut streams = Vec::new();
    for worker in 0..3 {
        harness.worker = worker;
        streams.extend(KINDS.map(|kind| open_with(&mut harness, kind)));
    }
    let ordinary = open_with(&mut harness, ("accept", "*/*"));
    let mine = std::mem::take(&mut harness.jar);
    harness.signed_in();
    let other = open(&mut harness);
    harness.jar = mine;
    harness.log();
    harness.worker = 0;
    sign_out(&mut harness);
    harness.advance(500 * Duration::from_millis(1));
    assert!(streams.iter().all(|stream| !harness.lasts(*stream)), "{:?}", harness.notes.closed);
    assert!(harness.lasts(other), "another session's");
    assert!(harness.lasts(ordinary), "no stream that lasts, so nobody kept track of it");
    assert_eq!(harness.counted("streams.closed"), 9);
    let log = harness.log();
    assert!(log.contains("event=streams.closed reason=signed_out subject="), "{log}");
}

#[test]
fn the_worker_that_signs_out_closes_them_at_once() {
    let mut harness = Harness::new();
    harness.signed_in();
    let stream = open(&mut harness);
    sign_out(&mut harness);
    assert!(!harness.lasts(stream));
}

#[test]
fn a_stream_outlives_its_tokens_but_not_its_session() {
    let mut harness = Harness::with(json!({"session": {"lifetime": "8h"}}));
    harness.signed_in();
    let stream = open(&mut harness);
    // Nobody refreshes meanwhile: the stream makes no requests.
    harness.advance(7 * HOUR);
    assert!(harness.lasts(stream));
    harness.advance(HOUR - SECOND);
    assert!(harness.lasts(stream));
    harness.advance(SECOND);
    assert!(!harness.lasts(stream));
    assert!(harness.log().contains("event=streams.closed reason=ended "));
}

#[test]
fn a_stream_of_a_session_without_its_refresh_token_ends_with_its_tokens() {
    let mut harness = Harness::new();
    harness.signed_in();
    let all = harness.jar.header();
    let identity = all.split("; ").find(|cookie| cookie.starts_with(&format!("{IDENTITY}="))).unwrap();
    let copied = StreamId(harness.next_stream);
    harness.streaming = true;
    let headers = [("cookie", identity), ("upgrade", "websocket")];
    assert!(harness.bare_request("GET", "/stream", &headers).is_forwarded());
    harness.streaming = false;
    let stream = open(&mut harness);
    harness.advance(HOUR - SECOND);
    assert!(harness.lasts(copied) && harness.lasts(stream));
    harness.advance(SECOND);
    assert!(!harness.lasts(copied), "a stolen identity cookie");
    assert!(harness.lasts(stream));
}

#[test]
fn a_refused_refresh_closes_streams_when_the_tokens_expire() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.signed_in();
    let streams = [0, 1].map(|worker| {
        harness.worker = worker;
        open(&mut harness)
    });
    harness.advance(58 * MINUTE);
    harness.cognito.refreshing = Refreshing::Refused;
    assert!(harness.get("/").is_forwarded());
    assert!(harness.log().contains("event=refresh.failed reason=invalid_grant"));
    harness.advance(2 * MINUTE - SECOND);
    assert!(streams.iter().all(|stream| harness.lasts(*stream)), "the session lasts as long as its tokens");
    harness.advance(SECOND);
    harness.advance(SECOND);
    assert!(streams.iter().all(|stream| !harness.lasts(*stream)));
    let log = harness.log();
    assert_eq!(log.matches("event=streams.closed reason=refused ").count(), 2, "{log}");
    harness.signed_in();
    let again = open(&mut harness);
    harness.advance(MINUTE);
    assert!(harness.lasts(again));
}

#[test]
fn an_outage_of_cognito_closes_no_stream() {
    let mut harness = Harness::new();
    harness.signed_in();
    let stream = open(&mut harness);
    harness.cognito.token = Answer::says(500, "");
    harness.advance(HOUR);
    assert!(harness.get("/").is_forwarded(), "as long as `stale_if_error`");
    harness.advance(2 * HOUR);
    assert_eq!(harness.get("/").answered().status, 503);
    assert!(harness.lasts(stream));
}

#[test]
fn a_stream_is_not_longer_than_its_limit() {
    let mut harness = Harness::with(json!({"session": {"max_stream": "10m"}}));
    harness.signed_in();
    let first = open(&mut harness);
    harness.advance(6 * MINUTE);
    let second = open(&mut harness);
    harness.advance(4 * MINUTE);
    assert!(!harness.lasts(first) && harness.lasts(second));
    harness.advance(6 * MINUTE);
    assert!(!harness.lasts(second));
    assert!(harness.log().contains("event=streams.closed reason=max_stream "));
    assert!(harness.is_signed_in(), "it can be opened again");
}

#[test]
fn an_idle_session_keeps_no_stream_open_but_requests_do() {
    let mut harness = Harness::with(json!({"session": {"idle": "30m"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let stream = open(&mut harness);
    for _ in 0..4 {
        harness.advance(20 * MINUTE);
        assert!(harness.get("/").is_forwarded());
    }
    assert!(harness.lasts(stream));
    harness.advance(30 * MINUTE - SECOND);
    assert!(harness.lasts(stream));
    harness.advance(SECOND);
    assert!(!harness.lasts(stream));
    assert!(harness.log().contains("event=streams.closed reason=idle "));
}

#[test]
fn the_deny_list_closes_streams_of_sessions_and_of_bearer_tokens() {
    let list = json!({"cluster": "revocations", "host": "lists.example.com", "path": "/revoked.json"});
    let mut harness = Harness::with(json!({"revocations": list, "bearer": {"enabled": true}}));
    harness.signed_in();
    let mut streams = vec![open(&mut harness)];
    let authorization = bearer(&mut harness);
    harness.streaming = true;
    for _ in 0..2 {
        streams.push(StreamId(harness.next_stream));
        let headers = [("authorization", authorization.as_str()), KINDS[2]];
        assert!(harness.bare_request("POST", "/stream", &headers).is_forwarded());
    }
    harness.streaming = false;
    harness.advance(2 * MINUTE);
    assert!(streams.iter().all(|stream| harness.lasts(*stream)));
    harness.hung_up(streams[1]);
    harness.cognito.deny_list.document = json!({"before": "2030-01-01T00:00:00Z"});
    harness.advance(31 * SECOND);
    assert!(!harness.lasts(streams[0]) && !harness.lasts(streams[2]));
    assert!(!harness.notes.closed.contains(&streams[1]), "it had ended");
    assert_eq!(harness.counted("streams.closed"), 2);
}

#[test]
fn a_stream_of_a_bearer_token_ends_with_the_token() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}, "session": {"idle": "10m"}}));
    let authorization = bearer(&mut harness);
    let stream = StreamId(harness.next_stream);
    harness.streaming = true;
    let headers = [("authorization", authorization.as_str()), KINDS[2]];
    assert!(harness.bare_request("POST", "/stream", &headers).is_forwarded());
    harness.advance(HOUR - SECOND);
    assert!(harness.lasts(stream));
    harness.advance(SECOND);
    assert!(!harness.lasts(stream));
    let log = harness.log();
    assert!(log.contains("event=streams.closed reason=ended subject="), "{log}");
}

#[test]
fn a_stream_that_had_to_wait_for_a_refresh_is_kept_track_of_too() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.advance(2 * HOUR);
    harness.cognito.refreshing = Refreshing::Kept;
    harness.cognito.token = Answer::Held;
    harness.streaming = true;
    let stream = harness.request("GET", "/stream", &[KINDS[0]]).parked();
    harness.cognito.token = Answer::Good;
    harness.release();
    assert!(harness.outcome(stream).is_some_and(|outcome| outcome.is_forwarded()));
    harness.streaming = false;
    assert!(harness.lasts(stream));
    sign_out(&mut harness);
    assert!(!harness.lasts(stream));
}

#[test]
fn nobody_is_kept_track_of_without_an_identity() {
    let rules = json!([{"path": "/stream", "allow": "optional"}]);
    let mut harness = Harness::with(json!({"rules": rules, "session": {"max_stream": "1m"}}));
    let stream = open(&mut harness);
    harness.advance(HOUR);
    assert!(harness.lasts(stream), "there is no session to end");
    assert_eq!(harness.counted("streams.closed"), 0);
}

#[test]
fn of_too_many_streams_the_oldest_is_closed() {
    let mut harness = Harness::new();
    harness.signed_in();
    let first = open(&mut harness);
    let streams: Vec<_> = (1..10_000).map(|_| open(&mut harness)).collect();
    assert!(harness.lasts(first));
    let newest = open(&mut harness);
    assert!(!harness.lasts(first));
    assert_eq!(harness.counted("streams.displaced"), 1);
    sign_out(&mut harness);
    for _ in 0..10_000 / 16 + 1 {
        harness.advance(Duration::from_millis(1));
    }
    let left = streams.iter().chain([&newest]).filter(|stream| harness.lasts(**stream)).count();
    assert_eq!(left, 0);
    assert_eq!(harness.counted("streams.closed"), 10_000);
}
