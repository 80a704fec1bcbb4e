//! The key set: when it is fetched, by which worker, and what is kept if a fetch fails.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::json;

use crate::harness::{Answer, Endpoint, Harness, Jar, public_modulus};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn fetches(harness: &Harness) -> usize {
    harness.cognito.calls(Endpoint::Keys)
}

/// The seconds between one fetch and the next.
fn pauses(harness: &Harness) -> Vec<u64> {
    let times = harness.cognito.called_at(Endpoint::Keys);
    times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect()
}

/// A person signs in at a worker, in a new browser. Returns the status of the callback.
fn sign_in_at(harness: &mut Harness, worker: usize) -> u16 {
    harness.worker = worker;
    harness.jar = Jar::default();
    harness.sign_in("/").status
}

#[test]
fn two_workers_fetch_the_set_once_at_the_first_tick() {
    let mut harness = Harness::asleep(2, json!({}));
    assert_eq!(fetches(&harness), 0);
    harness.settle();
    assert_eq!(fetches(&harness), 1);
    for worker in [0, 1] {
        assert_eq!(sign_in_at(&mut harness, worker), 302, "worker {worker}");
    }
    assert_eq!(fetches(&harness), 1);
}

#[test]
fn while_one_worker_fetches_the_other_waits_for_it() {
    let mut harness = Harness::asleep(2, json!({}));
    harness.cognito.keys = Answer::Held;
    harness.settle();
    harness.worker = 1;
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let stream = harness.navigate(&callback).parked();
    harness.pass(3 * SECOND);
    assert!(harness.decision(stream).is_none());
    assert_eq!(harness.held(), 1);
    harness.cognito.keys = Answer::Good;
    harness.release();
    assert_eq!(harness.decision(stream).unwrap().status, 302);
    assert_eq!(fetches(&harness), 1);
}

#[test]
fn a_worker_that_never_hears_back_holds_nobody_up_for_long() {
    // Its virtual machine may never come back.
    let mut harness = Harness::asleep(2, json!({}));
    harness.cognito.keys = Answer::Held;
    harness.settle();
    harness.cognito.keys = Answer::Good;
    harness.worker = 1;
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let stream = harness.navigate(&callback).parked();
    harness.pass(7 * SECOND);
    assert_eq!(harness.decision(stream).unwrap().status, 302);
    assert_eq!(fetches(&harness), 2);
}

#[test]
fn the_set_is_fetched_anew_every_hour_by_one_worker() {
    let mut harness = Harness::of_workers(2, json!({}));
    for hour in 1..=5 {
        harness.advance(HOUR - SECOND);
        assert_eq!(fetches(&harness), hour, "a second before");
        harness.advance(SECOND);
        assert_eq!(fetches(&harness), hour + 1, "on the hour");
    }
}

#[test]
fn a_key_that_was_withdrawn_is_refused_after_the_hour() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.cognito.published = vec!["another".to_owned()];
    assert_eq!(sign_in_at(&mut harness, 0), 302, "not known yet");
    harness.advance(HOUR);
    assert_eq!(sign_in_at(&mut harness, 0), 401);
    assert!(harness.log().contains("reason=id_token_unknown_key"));
}

#[test]
fn a_new_key_is_fetched_for_the_sign_in_that_shows_it() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.advance(SECOND);
    harness.cognito.rotate_keys("second");
    for worker in [1, 0, 1] {
        assert_eq!(sign_in_at(&mut harness, worker), 302, "worker {worker}");
    }
    assert_eq!(fetches(&harness), 2);
}

#[test]
fn keys_may_overlap() {
    let mut harness = Harness::new();
    harness.cognito.published.push("second".to_owned());
    for kid in ["first+key/of=the pool", "second", "first+key/of=the pool"] {
        kid.clone_into(&mut harness.cognito.signs_with);
        assert_eq!(sign_in_at(&mut harness, 0), 302, "{kid}");
    }
    assert_eq!(fetches(&harness), 2);
}

#[test]
fn unknown_keys_cause_one_fetch_a_minute_in_all_workers_together() {
    let mut harness = Harness::of_workers(2, json!({}));
    for attempt in 0..121 {
        harness.cognito.signs_with = format!("made up {attempt}");
        assert_eq!(sign_in_at(&mut harness, attempt % 2), 401, "attempt {attempt}");
        harness.advance(SECOND);
    }
    assert_eq!(pauses(&harness), [0, 60, 60], "the first is that of the start");
    harness.cognito.signs_with = harness.cognito.published[0].clone();
    assert_eq!(sign_in_at(&mut harness, 0), 302, "valid tokens are accepted meanwhile");
}

#[test]
fn many_sign_ins_with_unknown_keys_at_once_share_one_fetch() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.advance(SECOND);
    harness.cognito.rotate_keys("second");
    harness.cognito.keys = Answer::Held;
    let mut streams = Vec::new();
    for visitor in 0..20 {
        harness.worker = visitor % 2;
        harness.jar = Jar::default();
        let location = harness.start("/");
        let callback = harness.authorize(&location);
        streams.push(harness.navigate(&callback).parked());
    }
    assert_eq!(harness.held(), 1);
    harness.cognito.keys = Answer::Good;
    harness.release();
    for stream in streams {
        assert_eq!(harness.decision(stream).unwrap().status, 302);
    }
    assert_eq!(fetches(&harness), 2);
}

#[test]
fn a_failing_fetch_is_repeated_ever_more_seldom_up_to_a_minute() {
    let mut harness = Harness::asleep(2, json!({}));
    harness.cognito.keys = Answer::says(500, "");
    harness.settle();
    harness.pass(6 * MINUTE);
    assert_eq!(pauses(&harness), [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    harness.cognito.keys = Answer::Good;
    harness.pass(MINUTE);
    assert_eq!(sign_in_at(&mut harness, 0), 302, "it recovers by itself");
    assert_eq!(sign_in_at(&mut harness, 1), 302);
    assert_eq!(fetches(&harness), 12);
}

#[test]
fn while_somebody_waits_it_is_tried_every_second() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.cognito.keys = Answer::says(500, "");
    harness.settle();
    harness.pass(3 * MINUTE);
    let before = fetches(&harness);
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let stream = harness.navigate(&callback).parked();
    harness.pass(3 * SECOND);
    assert!((3..=4).contains(&(fetches(&harness) - before)), "{:?}", pauses(&harness));
    harness.cognito.keys = Answer::Good;
    harness.pass(SECOND);
    assert_eq!(harness.decision(stream).unwrap().status, 302);
}

#[test]
fn a_sign_in_waits_ten_seconds_for_the_set_and_then_ends_on_a_page() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.cognito.keys = Answer::Fails(CalloutError::TimedOut);
    harness.settle();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let stream = harness.navigate(&callback).parked();
    harness.pass(10 * SECOND - Duration::from_millis(250));
    assert!(harness.decision(stream).is_none());
    harness.pass(Duration::from_millis(250));
    let response = harness.decision(stream).unwrap();
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    assert!(harness.log().contains("reason=keys_missing"));
    assert!(fetches(&harness) <= 12, "{:?}", pauses(&harness));
}

#[test]
fn sessions_are_served_while_no_key_set_can_be_had() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.cognito.keys = Answer::Fails(CalloutError::NotDispatched);
    // After a restart there are neither keys nor shared data.
    let mut restarted = Harness::asleep(2, json!({}));
    restarted.cognito.keys = Answer::Fails(CalloutError::NotDispatched);
    restarted.jar = harness.jar.clone();
    for worker in [0, 1] {
        restarted.worker = worker;
        assert!(restarted.is_signed_in());
    }
}

#[test]
fn the_last_good_set_is_kept_whatever_comes_instead() {
    let mut harness = Harness::of_workers(2, json!({}));
    let mut check = |answer: Answer, reason: &str| {
        harness.cognito.keys = answer;
        // An hour for the timer, and time for the pause after the previous failure.
        harness.advance(HOUR);
        let before = fetches(&harness);
        harness.advance(2 * MINUTE);
        assert_eq!(fetches(&harness), before + 1, "{reason}: it was tried");
        let log = harness.log();
        assert!(log.contains(&format!("event=jwks.failed reason={reason}")), "{reason}: {log}");
        for worker in [0, 1] {
            assert_eq!(sign_in_at(&mut harness, worker), 302, "{reason}, worker {worker}");
        }
    };
    let weak = json!({"keys": [{"kty": "RSA", "kid": "first+key/of=the pool", "n": "AQAB", "e": "AQAB"}]});
    let encryption = json!({"keys": [
        {"kty": "RSA", "kid": "x", "n": public_modulus(), "e": "AQAB", "use": "enc"},
        {"kty": "RSA", "kid": "y", "n": public_modulus(), "e": "AQAB", "alg": "RS512"},
        {"kty": "oct", "kid": "z", "k": "AAAA"},
    ]});
    check(Answer::says(500, ""), "status");
    check(Answer::says(301, ""), "status");
    check(Answer::says(404, r#"{"keys":[]}"#), "status");
    check(Answer::says(200, ""), "no_usable_key");
    check(Answer::says(200, "<html>"), "no_usable_key");
    check(Answer::says(200, "{}"), "no_usable_key");
    check(Answer::says(200, "[]"), "no_usable_key");
    check(Answer::says(200, r#"{"keys":[]}"#), "no_usable_key");
    check(Answer::says(200, r#"{"keys":{}}"#), "no_usable_key");
    check(Answer::says(200, r#"{"keys":[{"kty":"RSA""#), "no_usable_key");
    check(Answer::says(200, &weak.to_string()), "no_usable_key");
    check(Answer::says(200, &encryption.to_string()), "no_usable_key");
    check(Answer::Fails(CalloutError::TimedOut), "timeout");
    check(Answer::Fails(CalloutError::TooLarge), "too_large");
    check(Answer::Fails(CalloutError::Broken), "broken_off");
    check(Answer::Fails(CalloutError::NotDispatched), "cluster_missing");
}

#[test]
fn broken_keys_take_no_good_one_down() {
    let mut harness = Harness::asleep(1, json!({}));
    let mut set = harness.cognito.key_set();
    let keys = set["keys"].as_array_mut().unwrap();
    let good = keys.pop().unwrap();
    keys.extend([json!(null), json!(7), json!({}), json!({"kty": "RSA", "kid": 7})]);
    keys.extend([json!({"kty": "RSA", "kid": "k", "n": "!", "e": "AQAB"}), good]);
    harness.cognito.keys = Answer::Says(200, set.to_string());
    harness.settle();
    harness.signed_in();
}

#[test]
fn a_clock_set_back_doesnt_stop_a_fetch_that_another_worker_began() {
    let mut harness = Harness::asleep(2, json!({}));
    harness.clock_off_by = 3_600_000;
    harness.cognito.keys = Answer::Held;
    harness.settle();
    harness.clock_off_by = 0;
    harness.cognito.keys = Answer::Good;
    assert_eq!(sign_in_at(&mut harness, 1), 302, "nobody waits until that hour comes");
}

#[test]
fn a_clock_set_back_doesnt_stop_fetches_for_unknown_keys() {
    let mut harness = Harness::new();
    harness.clock_off_by = 30_000;
    harness.cognito.signs_with = "made up".to_owned();
    assert_eq!(sign_in_at(&mut harness, 0), 401);
    assert_eq!(fetches(&harness), 2);
    harness.clock_off_by = 0;
    harness.cognito.rotate_keys("second");
    assert_eq!(sign_in_at(&mut harness, 0), 302);
}

#[test]
fn a_clock_set_back_doesnt_stretch_the_pause_after_a_failure() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.clock_off_by = 3_600_000;
    harness.cognito.keys = Answer::says(500, "");
    harness.settle();
    harness.pass(2 * MINUTE);
    harness.clock_off_by = 0;
    harness.cognito.keys = Answer::Good;
    harness.pass(SECOND);
    harness.signed_in();
}

#[test]
fn a_clock_set_back_doesnt_stop_the_hourly_fetch() {
    let mut harness = Harness::asleep(1, json!({}));
    harness.clock_off_by = 365 * 24 * 3_600_000;
    harness.settle();
    harness.clock_off_by = 0;
    harness.advance(HOUR);
    harness.advance(HOUR);
    assert!(fetches(&harness) >= 2, "the set is two hours old");
}

#[test]
fn a_clock_set_back_doesnt_keep_a_new_set_from_the_other_workers() {
    let mut harness = Harness::asleep(2, json!({}));
    harness.clock_off_by = 3_600_000;
    harness.settle();
    harness.clock_off_by = 0;
    harness.cognito.rotate_keys("second");
    assert_eq!(sign_in_at(&mut harness, 0), 302);
    assert_eq!(sign_in_at(&mut harness, 1), 302, "worker 0 has fetched the key");
}

#[test]
fn a_set_fetched_within_the_same_second_reaches_the_other_workers() {
    let mut harness = Harness::asleep(2, json!({}));
    harness.clock_off_by = 200;
    harness.settle();
    harness.cognito.rotate_keys("second");
    harness.advance(Duration::from_millis(300));
    assert_eq!(sign_in_at(&mut harness, 1), 302);
    assert_eq!(sign_in_at(&mut harness, 0), 302, "worker 1 has fetched the key");
}
