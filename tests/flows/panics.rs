//! The driver panics, which would be a bug, and its host catches that: nobody is left waiting.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use envoy_cognito_core::decision::{AccessDecision, StreamId};
use envoy_cognito_core::driver::Driver;
use serde_json::json;

use crate::harness::{Answer, FakeHost, Harness, Refreshing};

/// All held calls are answered as Cognito is configured now, and the verification of the first token panics.
fn answer_with_a_panic(harness: &mut Harness) {
    let (calls, answers) = (harness.held_calls(), harness.late_answers());
    harness.rs256.panics.set(true);
    for ((worker, call), answer) in calls.into_iter().zip(answers) {
        survive(harness, worker, |driver, host| driver.call_answered(call, Some(answer), host));
    }
    assert!(!harness.rs256.panics.get(), "it has panicked");
}

/// Does what a host does that catches panics.
fn survive(harness: &mut Harness, worker: usize, work: impl FnOnce(&mut Driver, &mut FakeHost<'_>)) {
    harness.on(worker, |driver, host| {
        if catch_unwind(AssertUnwindSafe(|| work(driver, host))).is_err() {
            driver.panicked(host);
        }
    });
}

/// A browser that has come back from Cognito, and waits.
fn returning(harness: &mut Harness) -> (String, StreamId) {
    let location = harness.start("/.auth/sign-in");
    let callback = harness.authorize(&location);
    let waiting = harness.navigate(&callback).parked();
    (callback, waiting)
}

#[test]
fn who_waits_for_the_answer_that_panics_gets_503_at_once_and_others_are_signed_in() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let (callback, first) = returning(&mut harness);
    let reload = harness.navigate(&callback).parked();
    let (_, other) = returning(&mut harness);
    harness.cognito.token = Answer::Good;
    answer_with_a_panic(&mut harness);
    for lost in [first, reload] {
        assert_eq!(harness.decision(lost).unwrap().status, 503);
        assert_eq!(harness.access.take().unwrap().decision, AccessDecision::Refused);
    }
    assert_eq!(harness.decision(other).unwrap().status, 302);
    assert!(harness.is_signed_in());
    harness.settle();
    assert_eq!(harness.decisions(), 0, "each is decided once");
    harness.signed_in();
}

/// As after any failed refresh, `stale_if_error` says for how long expired tokens are still good.
#[test]
fn a_refresh_whose_answer_panics_has_failed_and_is_tried_again_after_the_usual_pause() {
    for (expired_for, is_forwarded) in [(60, true), (3_600, false)] {
        let mut harness = Harness::with(json!({ "session": { "stale_if_error": "5m" } }));
        harness.cognito.refreshing = Refreshing::Kept;
        harness.signed_in();
        harness.advance(Duration::from_secs(3_600 + expired_for));
        harness.cognito.token = Answer::Held;
        let waiting = [harness.get("/one").parked(), harness.get("/two").parked()];
        assert_eq!(harness.held(), 1);
        harness.cognito.token = Answer::Good;
        answer_with_a_panic(&mut harness);
        let now = waiting.map(|waiting| harness.outcome(waiting).expect("decided at once"));
        for outcome in now.into_iter().chain([harness.get("/after")]) {
            match is_forwarded {
                true => _ = outcome.forwarded(),
                false => assert_eq!(outcome.answered().status, 503),
            }
        }
        assert!(!harness.log().contains("event=refresh.completed"));
        harness.pass(Duration::from_secs(2));
        assert!(harness.get("/").is_forwarded(), "the session is still there");
        assert!(harness.log().contains("event=refresh.completed"));
    }
}

#[test]
fn a_refresh_beside_a_request_may_panic_and_the_session_stays() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    harness.advance(Duration::from_secs(3_500));
    harness.cognito.token = Answer::Held;
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.held(), 1);
    harness.cognito.token = Answer::Good;
    answer_with_a_panic(&mut harness);
    assert!(harness.get("/").is_forwarded());
    harness.pass(Duration::from_secs(2));
    assert!(harness.get("/").is_forwarded());
    assert!(harness.log().contains("event=refresh.completed"));
}

#[test]
fn a_panic_while_several_sign_ins_wait_for_keys_leaves_none_of_them_waiting() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.cognito.keys = Answer::Held;
    harness.settle();
    let waiting = [returning(&mut harness).1, returning(&mut harness).1];
    assert_eq!(harness.held(), 1, "the keys");
    harness.cognito.keys = Answer::Good;
    answer_with_a_panic(&mut harness);
    for waiting in waiting {
        assert_eq!(harness.decision(waiting).unwrap().status, 503);
    }
    harness.settle();
    harness.signed_in();
}

#[test]
fn a_panic_loses_nobody_who_waits_for_something_else() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    harness.advance(Duration::from_secs(3600));
    harness.cognito.token = Answer::Held;
    let refreshing = harness.get("/").parked();
    let (_, returning) = returning(&mut harness);
    // A panic of anything else.
    survive(&mut harness, 0, |_, _| panic!("a bug"));
    assert!(harness.decision(refreshing).is_none() && harness.decision(returning).is_none());
    harness.cognito.token = Answer::Good;
    harness.release();
    assert!(harness.outcome(refreshing).unwrap().is_forwarded());
    assert_eq!(harness.decision(returning).unwrap().status, 302);
}
