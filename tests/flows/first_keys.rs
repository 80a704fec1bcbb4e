//! The first key set, right after the start: the filter requests it before Envoy has resolved Cognito's hosts, which
//! is normal.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use envoy_cognito_core::telemetry::event::Level;
use serde_json::json;

use crate::harness::{Answer, Endpoint, Harness};

const TICK: Duration = Duration::from_millis(250);
const SECOND: Duration = Duration::from_secs(1);
const MISSING: Answer = Answer::Fails(CalloutError::NotDispatched);

/// Workers whose Envoy can't make calls yet.
fn without_hosts(workers: usize) -> Harness {
    let mut harness = Harness::asleep(workers, json!({}));
    harness.cognito.keys = MISSING;
    harness.settle();
    harness
}

fn failures(harness: &mut Harness) -> u64 {
    harness.counted("jwks.failed")
}

#[test]
fn a_name_that_isnt_looked_up_yet_is_no_failure() {
    for late in [TICK, SECOND, 2 * SECOND, 4 * SECOND] {
        for workers in [1, 3] {
            let mut harness = without_hosts(workers);
            harness.pass(late);
            harness.cognito.keys = Answer::Good;
            harness.pass(2 * SECOND);
            let log = harness.log();
            assert!(!log.contains("jwks.failed") && !log.contains("cluster_missing"), "{late:?}: {log}");
            assert_eq!(log.matches("event=jwks.fetched").count(), 1, "{late:?}: {log}");
            assert_eq!(failures(&mut harness), 0, "{late:?}");
            harness.signed_in();
        }
    }
}

#[test]
fn a_postponed_fetch_is_logged_at_debug() {
    let mut harness = without_hosts(1);
    let log = harness.log();
    assert!(log.contains("event=jwks.postponed"), "{log}");
    assert_eq!(harness.level_of("jwks.postponed"), Some(Level::Debug));
}

#[test]
fn the_set_is_there_within_a_second_of_its_host() {
    let mut harness = without_hosts(2);
    harness.pass(3 * SECOND + 2 * TICK);
    harness.cognito.keys = Answer::Good;
    harness.pass(SECOND);
    assert!(harness.log().contains("event=jwks.fetched"));
}

#[test]
fn a_cluster_that_is_missing_is_told_five_seconds_after_the_start() {
    for workers in [1, 3] {
        let mut harness = without_hosts(workers);
        harness.pass(5 * SECOND - TICK);
        assert!(!harness.log().contains("jwks.failed"), "not yet");
        harness.pass(SECOND);
        let log = harness.log();
        assert!(log.contains("event=jwks.failed reason=cluster_missing hint="), "{log}");
        assert_eq!(failures(&mut harness), 1);
        assert_eq!(harness.level_of("jwks.failed"), Some(Level::Warn));
        // Later failures are also logged, ever more rarely, like any other failure.
        harness.pass(60 * SECOND);
        let told = harness.log().matches("event=jwks.failed reason=cluster_missing").count();
        assert!((3..=7).contains(&told), "{told}");
    }
}

#[test]
fn what_else_fails_at_the_start_is_told_at_once() {
    for (answer, reason) in [
        (Answer::says(503, "no healthy upstream"), "status"),
        (Answer::says(200, "<html>"), "no_usable_key"),
        (Answer::Fails(CalloutError::TimedOut), "timeout"),
        (Answer::Fails(CalloutError::Broken), "broken_off"),
    ] {
        let mut harness = Harness::asleep(1, json!({}));
        harness.cognito.keys = answer;
        harness.settle();
        let log = harness.log();
        assert!(log.contains(&format!("event=jwks.failed reason={reason}")), "{log}");
        assert_eq!(failures(&mut harness), 1, "{reason}");
    }
}

#[test]
fn a_cluster_that_goes_later_is_told_at_once() {
    let mut harness = Harness::new();
    harness.cognito.keys = MISSING;
    harness.cognito.signs_with = "unknown".to_owned();
    assert_eq!(harness.sign_in("/").status, 401, "a key that isn't known has the set fetched");
    let log = harness.log();
    assert!(log.contains("event=jwks.failed reason=cluster_missing"), "{log}");
}

#[test]
fn who_signs_in_meanwhile_waits_for_the_set() {
    let mut harness = without_hosts(1);
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let stream = harness.navigate(&callback).parked();
    harness.pass(2 * SECOND);
    assert!(harness.decision(stream).is_none());
    harness.cognito.keys = Answer::Good;
    harness.pass(SECOND);
    assert_eq!(harness.decision(stream).unwrap().status, 302);
}

#[test]
fn a_code_isnt_kept_waiting_for_a_cluster_that_is_missing() {
    // Envoy listens when its clusters are ready. So if a cluster has no hosts when a request arrives, it gets none.
    let mut harness = without_hosts(1);
    harness.cognito.token = MISSING;
    let response = harness.sign_in("/");
    assert_eq!(response.status, 503);
    assert!(harness.log().contains("event=sign_in.failed reason=cluster_missing"));
    assert_eq!(harness.cognito.calls(Endpoint::Keys), 1, "nobody waited");
}

#[test]
fn a_clock_set_back_right_after_the_start_hides_nothing() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.clock_off_by = 3_600_000;
    harness.cognito.keys = MISSING;
    harness.settle();
    harness.clock_off_by = 0;
    harness.pass(20 * SECOND);
    assert!(harness.log().contains("event=jwks.failed reason=cluster_missing"));
}
