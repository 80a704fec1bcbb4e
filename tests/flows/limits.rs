//! Too much of something, or none of it: everything has a limit, and beyond it a clear response.

use std::time::Duration;

use envoy_cognito_core::session::FlowId;
use envoy_cognito_core::shared::replay_guard::ReplayGuard;
use envoy_cognito_core::time::UnixTime;
use serde_json::json;

use crate::harness::{
    Answer, Endpoint, FLOW, Harness, IDENTITY, Jar, Memory, TOKENS, cookies_deleted, cookies_set,
    set_cookies, upstream,
};

/// A visitor with a new browser returns from Cognito while no call gets a response.
fn park(harness: &mut Harness, target: &str) -> crate::harness::Outcome {
    harness.jar = Jar::default();
    let location = harness.start(target);
    let callback = harness.authorize(&location);
    harness.navigate(&callback)
}

#[test]
fn sign_ins_that_wait_are_bounded_and_the_next_is_asked_to_try_again() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let streams: Vec<_> = (0..256).map(|_| park(&mut harness, "/").parked()).collect();
    let response = park(&mut harness, "/").answered();
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    assert!(harness.log().contains("reason=busy"));
    assert_eq!(harness.cognito.calls(Endpoint::Token), 128, "the rest waits its turn");
    // The one who was turned away still has the flow, and its code is unused.
    let flow = harness.jar.clone();
    assert_eq!(flow.names(FLOW).len(), 1);
    harness.cognito.token = Answer::says(500, "");
    harness.release();
    for stream in streams {
        assert_eq!(harness.decision(stream).unwrap().status, 503);
    }
    harness.cognito.token = Answer::Good;
    assert_eq!(park(&mut harness, "/").answered().status, 302, "there is room again");
}

#[test]
fn whoever_is_turned_away_can_reload() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    for _ in 0..256 {
        let _ = park(&mut harness, "/").parked();
    }
    harness.jar = Jar::default();
    let location = harness.start("/wanted");
    let callback = harness.authorize(&location);
    assert_eq!(harness.navigate(&callback).answered().status, 503);
    harness.cognito.token = Answer::says(500, "");
    harness.release();
    harness.cognito.token = Answer::Good;
    let response = harness.navigate(&callback).answered();
    assert_eq!((response.status, response.header("location")), (302, Some("/wanted")));
}

#[test]
fn others_are_served_while_sign_ins_wait() {
    let mut harness = Harness::new();
    harness.signed_in();
    let session = harness.jar.clone();
    harness.cognito.token = Answer::Held;
    for _ in 0..10 {
        let _ = park(&mut harness, "/").parked();
    }
    harness.jar = session;
    assert!(harness.navigate("/").is_forwarded());
}

#[test]
fn everybody_gets_their_own_session() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let mut waiting = Vec::new();
    for visitor in 0..10 {
        let stream = park(&mut harness, &format!("/page/{visitor}")).parked();
        waiting.push((stream, std::mem::take(&mut harness.jar)));
    }
    harness.cognito.token = Answer::Good;
    harness.release();
    for (visitor, (stream, jar)) in waiting.into_iter().enumerate() {
        harness.jar = jar;
        let response = harness.decision(stream).unwrap();
        assert_eq!(response.header("location"), Some(format!("/page/{visitor}").as_str()));
        assert_eq!(cookies_deleted(&response).len(), 1);
        assert!(harness.jar.names(FLOW).is_empty(), "the flow that is deleted is the visitor's own");
        assert!(harness.is_signed_in());
    }
}

#[test]
fn a_stream_that_is_gone_is_not_answered_and_neither_is_the_next_of_its_number() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let gone = park(&mut harness, "/theirs").parked();
    harness.gone(gone);
    // One request starts the sign-in, the next one is the callback.
    harness.next_stream = gone.0 - 1;
    let next = park(&mut harness, "/mine").parked();
    assert_eq!(next, gone, "the host uses numbers again");
    harness.cognito.token = Answer::Good;
    harness.release();
    let response = harness.decision(next).unwrap();
    assert_eq!(response.header("location"), Some("/mine"));
    assert_eq!(harness.decisions(), 0);
    assert!(harness.is_signed_in());
}

#[test]
fn a_stream_that_goes_between_decision_and_answer_is_not_answered() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.cognito.keys = Answer::Held;
    harness.settle();
    let gone = park(&mut harness, "/").parked();
    harness.gone(gone);
    harness.cognito.keys = Answer::Good;
    harness.release();
    assert_eq!(harness.decisions(), 0);
    let log = harness.log();
    assert!(log.contains("event=sign_in.completed"), "its code was redeemed, and the log says so: {log}");
}

#[test]
fn of_two_who_wait_for_one_answer_the_one_left_gets_it() {
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let location = harness.start("/wanted");
    let callback = harness.authorize(&location);
    let first = harness.navigate(&callback).parked();
    let second = harness.navigate(&callback).parked();
    harness.gone(first);
    harness.cognito.token = Answer::Good;
    harness.release();
    assert!(harness.decision(first).is_none());
    assert_eq!(harness.decision(second).unwrap().header("location"), Some("/wanted"));
}

#[test]
fn a_late_answer_is_answered_once() {
    // The host reports a timeout; a response after that belongs to no call.
    let mut harness = Harness::new();
    harness.cognito.token = Answer::Held;
    let stream = park(&mut harness, "/").parked();
    harness.advance(Duration::from_secs(3600));
    assert!(harness.decision(stream).is_none(), "the host answers every call, so the core waits for it");
    harness.cognito.token = Answer::says(504, "");
    harness.release();
    assert_eq!(harness.decision(stream).unwrap().status, 504);
    harness.release();
    assert_eq!(harness.decisions(), 0);
}

#[test]
fn without_randomness_no_sign_in_begins_and_none_half_way() {
    let mut needed = 0;
    loop {
        let mut harness = Harness::new();
        harness.entropy.left = Some(needed);
        let response = harness.navigate("/").answered();
        if response.status == 302 {
            break;
        }
        assert_eq!(response.status, 503, "after {needed} draws");
        assert_eq!(set_cookies(&response).count(), 0, "after {needed} draws");
        assert_eq!(response.header("location"), None, "after {needed} draws");
        assert!(harness.log().contains("reason=no_entropy"), "after {needed} draws");
        harness.entropy.left = None;
        harness.signed_in();
        needed += 1;
    }
    assert!(needed >= 4, "nonce, verifier, state and seal");
}

#[test]
fn without_randomness_no_sign_in_ends_with_half_a_session() {
    let mut needed = 0;
    loop {
        let mut harness = Harness::new();
        let location = harness.start("/");
        let callback = harness.authorize(&location);
        harness.entropy.left = Some(needed);
        let response = harness.navigate(&callback).answered();
        if response.status == 302 {
            break;
        }
        assert_eq!(response.status, 503, "after {needed} draws");
        assert!(cookies_set(&response).is_empty(), "after {needed} draws");
        assert_eq!(harness.jar.get(IDENTITY), None);
        assert_eq!(harness.jar.get(TOKENS), None);
        assert!(harness.log().contains("reason=no_entropy"), "after {needed} draws");
        needed += 1;
    }
    assert!(needed >= 3, "the session's id and two seals");
}

#[test]
fn sessions_need_no_randomness() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.entropy.left = Some(0);
    assert_eq!(upstream(&harness.navigate("/").forwarded(), "x-auth-user"), Some("jsmith"));
    assert_eq!(harness.get("/.auth/me").answered().status, 200);
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
}

#[test]
fn shared_data_in_trouble_means_no_unguarded_fetch_and_sign_ins_go_on() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.shared.contended.set(true);
    for attempt in 0..10 {
        harness.worker = attempt % 2;
        assert_eq!(park(&mut harness, "/").answered().status, 302, "attempt {attempt}");
    }
    harness.cognito.signs_with = "made up".to_owned();
    for attempt in 0..10 {
        harness.worker = attempt % 2;
        assert_eq!(park(&mut harness, "/").answered().status, 401, "attempt {attempt}");
        harness.advance(Duration::from_secs(61));
    }
    harness.advance(Duration::from_secs(7200));
    assert_eq!(harness.cognito.calls(Endpoint::Keys), 1, "that of the start");
    harness.shared.contended.set(false);
    harness.cognito.rotate_keys("second");
    assert_eq!(park(&mut harness, "/").answered().status, 302, "it recovers by itself");
}

#[test]
fn what_workers_remember_of_spent_sign_ins_is_bounded_and_forgotten_in_time() {
    let shared = Memory::default();
    let spent = ReplayGuard::new("scope", &shared);
    let start = UnixTime::from_secs(1_770_091_506);
    // All of them are in one record, the worst possible case.
    let id = |number: u32| FlowId::parse(&format!("0{number:015x}")).unwrap();
    for number in 0..1_000 {
        assert!(spent.first_use(&id(number), start, &shared), "sign-in {number}");
    }
    assert!(shared.size() < 8 * 1024, "{} bytes", shared.size());
    for number in 800..1_000 {
        assert!(!spent.first_use(&id(number), start, &shared), "sign-in {number} was recent");
    }
    let later = start.plus(Duration::from_secs(601));
    assert!(spent.first_use(&id(1_000), later, &shared));
    assert!(shared.size() < 64, "expired entries are removed: {} bytes", shared.size());
}
