//! Clocks: a leeway of exactly one minute; and a machine whose clock is wrong and then right again.

use std::time::Duration;

use crate::harness::{Endpoint, Harness, Jar};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const HOUR_MILLIS: i64 = 3_600_000;
/// From the start of the tests to a day in 2040, in milliseconds.
const TO_2040: i64 = 14 * 365 * 24 * HOUR_MILLIS;
/// Longer ago than 1970.
const BEFORE_1970: i64 = -100 * 365 * 24 * HOUR_MILLIS;

#[test]
fn a_minute_of_leeway_and_not_a_millisecond_more() {
    // The machine's clock, compared with the time in the token.
    let check = |claim: &'static str, off_by: i64, expected: Option<&str>| {
        let mut harness = Harness::new();
        let issued = harness.now().secs();
        harness.cognito.tamper = Some(Box::new(move |token| {
            token.claim("iat", issued - 7_200);
            token.claim("exp", issued + 7_200);
            token.claim(claim, issued);
        }));
        harness.clock_off_by = off_by;
        let response = harness.sign_in("/");
        let reason = expected.map(|reason| format!("reason={reason} "));
        let log = harness.log();
        assert_eq!(response.status, if expected.is_some() { 401 } else { 302 }, "{claim} {off_by}: {log}");
        assert!(reason.is_none_or(|reason| log.contains(&reason)), "{claim} {off_by}: {log}");
    };
    check("exp", -1, None);
    check("exp", 0, None);
    check("exp", 59_999, None);
    check("exp", 60_000, Some("id_token_expired"));
    check("exp", 60_001, Some("id_token_expired"));
    check("iat", 0, None);
    check("iat", -59_999, None);
    check("iat", -60_000, None);
    check("iat", -60_001, Some("id_token_not_yet_valid"));
    check("nbf", 0, None);
    check("nbf", -60_000, None);
    check("nbf", -60_001, Some("id_token_not_yet_valid"));
}

#[test]
fn a_session_of_a_token_in_its_leeway_lasts_a_minute_and_no_loop_begins() {
    let mut harness = Harness::new();
    let now = harness.now().secs();
    harness.cognito.tamper = Some(Box::new(move |token| token.claim("exp", now - 30)));
    harness.signed_in();
    harness.advance(Duration::from_millis(59_999));
    assert!(harness.is_signed_in());
    harness.advance(Duration::from_millis(1));
    assert!(!harness.is_signed_in());
}

#[test]
fn sign_ins_fail_on_a_page_that_hints_at_the_clock_and_work_once_it_is_right() {
    let check = |off_by: i64, reason: &str| {
        let mut harness = Harness::new();
        harness.clock_off_by = off_by;
        let response = harness.sign_in("/");
        assert_eq!(response.status, 401, "{reason}");
        let log = harness.log();
        assert!(log.contains(&format!("reason={reason} ")), "{log}");
        assert!(log.contains("hint=\"a clock is off"), "{log}");
        harness.clock_off_by = 0;
        harness.signed_in();
        harness.advance(HOUR - SECOND);
        assert!(harness.is_signed_in());
        harness.advance(SECOND);
        assert!(!harness.is_signed_in());
    };
    check(-HOUR_MILLIS, "id_token_not_yet_valid");
    check(BEFORE_1970, "id_token_not_yet_valid");
    check(HOUR_MILLIS + 60_000, "id_token_expired");
    check(TO_2040, "id_token_expired");
    check(i64::MAX, "id_token_expired");
}

#[test]
fn a_machine_that_starts_with_a_wrong_clock_works_once_it_is_right() {
    for off_by in [-HOUR_MILLIS, HOUR_MILLIS, TO_2040, BEFORE_1970, i64::MAX] {
        let mut harness = Harness::asleep(2, serde_json::json!({}));
        harness.clock_off_by = off_by;
        harness.settle();
        assert_eq!(harness.cognito.calls(Endpoint::Keys), 1, "{off_by}: no clock is needed for that");
        harness.clock_off_by = 0;
        for worker in [0, 1] {
            harness.worker = worker;
            harness.jar = Jar::default();
            harness.signed_in();
        }
    }
}

#[test]
fn a_clock_an_hour_ahead_makes_no_session_longer() {
    let mut harness = Harness::new();
    harness.clock_off_by = HOUR_MILLIS;
    harness.signed_in();
    harness.clock_off_by = 0;
    assert!(harness.is_signed_in());
    harness.advance(HOUR + Duration::from_secs(60));
    assert!(!harness.is_signed_in());
}

#[test]
fn a_session_outlives_a_clock_that_is_wrong_for_a_while() {
    let mut harness = Harness::new();
    harness.signed_in();
    let mut check = |off_by: i64, expected: bool| {
        harness.clock_off_by = off_by;
        harness.settle();
        assert_eq!(harness.is_signed_in(), expected, "{off_by}");
        harness.clock_off_by = 0;
        assert!(harness.is_signed_in(), "right again after {off_by}");
    };
    check(HOUR_MILLIS - 1, true);
    check(HOUR_MILLIS, false);
    check(TO_2040, false);
    check(i64::MAX, false);
    check(-HOUR_MILLIS, true);
    check(BEFORE_1970, true);
}

#[test]
fn a_sign_in_under_way_outlives_a_clock_that_is_set_right() {
    for off_by in [-60_000, 60_000, HOUR_MILLIS, TO_2040] {
        let mut harness = Harness::new();
        harness.clock_off_by = off_by;
        let location = harness.start("/");
        let callback = harness.authorize(&location);
        harness.clock_off_by = 0;
        assert_eq!(harness.navigate(&callback).answered().status, 302, "{off_by}");
        assert_eq!(
            harness.navigate(&callback).answered().header("location"),
            Some("/"),
            "{off_by}: once only"
        );
        assert_eq!(harness.cognito.calls(Endpoint::Token), 1, "{off_by}");
    }
}

#[test]
fn a_token_that_expires_beyond_all_time_is_merely_far_away() {
    for expires_at in [serde_json::json!(u64::MAX), serde_json::json!(1e300)] {
        let mut harness = Harness::new();
        harness.cognito.tamper = Some(Box::new(move |token| token.claim("exp", expires_at.clone())));
        harness.cognito.token_members = serde_json::json!({"expires_in": u64::MAX});
        harness.signed_in();
        harness.advance(12 * HOUR - SECOND);
        assert!(harness.is_signed_in());
        harness.advance(SECOND);
        assert!(!harness.is_signed_in(), "its lifetime is over");
    }
}

#[test]
fn after_2038_everything_is_as_before() {
    let mut harness = Harness::new();
    harness.advance(Duration::from_millis(TO_2040.unsigned_abs()));
    harness.signed_in();
    assert_eq!(harness.cognito.calls(Endpoint::Keys), 2, "the set of 2026 was too old");
}
