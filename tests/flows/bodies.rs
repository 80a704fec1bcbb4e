//! Bodies that the driver reads: how many, for how long, and what happens if the host doesn't pass them.

use std::time::Duration;

use envoy_cognito_core::decision::StreamId;
use serde_json::json;

use crate::harness::{Harness, NAVIGATE, Outcome};

const FORM: [(&str, &str); 5] = [
    NAVIGATE[0],
    NAVIGATE[1],
    ("sec-fetch-site", "same-origin"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-length", "9"),
];

fn keeping() -> Harness {
    Harness::with(json!({"pages": {"keep_form": true}}))
}

/// Sends the headers of a form; its body doesn't come.
#[track_caller]
fn begin(harness: &mut Harness) -> StreamId {
    harness.request("POST", "/orders", &FORM).parked()
}

#[track_caller]
fn is_kept(harness: &mut Harness) -> bool {
    let page = match harness.post("/orders", &FORM, &[b"a=12", b"34567"]) {
        Outcome::Answered(page) => page,
        other => panic!("{other:?}"),
    };
    assert_eq!(page.status, 401);
    page.body.contains("<form")
}

#[test]
fn a_host_that_passes_no_bodies_is_found_out_and_asked_again_later() {
    let mut harness = keeping();
    let first = begin(&mut harness);
    assert!(harness.notes.wake_after[&0] <= Duration::from_millis(250), "it must look at it soon");
    harness.pass(Duration::from_millis(1_750));
    assert!(harness.outcome(first).is_none());
    harness.pass(Duration::from_millis(250));
    let page = harness.outcome(first).expect("an end").answered();
    assert!(page.status == 401 && page.body.contains("back button"), "{}", page.body);
    let log = harness.log();
    assert!(
        log.contains("event=form.unreadable hint=") && log.contains("allow_on_headers_stop_iteration"),
        "{log}"
    );
    for _ in 0..3 {
        let page = harness.request("POST", "/orders", &FORM).answered();
        assert!(page.body.contains("back button"), "nobody waits again");
    }
    assert!(!harness.log().contains("form.unreadable"), "it is said once");
    harness.advance(Duration::from_secs(600));
    assert!(is_kept(&mut harness), "the setting may have changed");
}

#[test]
fn a_slow_body_is_waited_for_once_the_host_has_passed_one() {
    let mut harness = keeping();
    assert!(is_kept(&mut harness));
    let slow = begin(&mut harness);
    harness.pass(Duration::from_millis(19_750));
    assert!(harness.outcome(slow).is_none());
    harness.pass(Duration::from_millis(250));
    let page = harness.outcome(slow).expect("an end").answered();
    assert!(page.body.contains("back button"), "{}", page.body);
    assert!(!harness.log().contains("form.unreadable"));
    assert!(is_kept(&mut harness), "others aren't held up");
}

#[test]
fn a_worker_reads_a_limited_number_of_bodies() {
    let mut harness = keeping();
    assert!(is_kept(&mut harness));
    harness.pass(Duration::from_secs(1));
    let idle = harness.notes.wake_after[&0];
    let streams: Vec<_> = (0..64).map(|_| begin(&mut harness)).collect();
    let page = harness.request("POST", "/orders", &FORM).answered();
    assert!(page.body.contains("back button"), "there is no room");
    harness.gone(streams[0]);
    assert!(is_kept(&mut harness), "who has left needs no room");
    for stream in &streams[1..] {
        harness.gone(*stream);
    }
    harness.pass(Duration::from_secs(1));
    assert_eq!(harness.notes.wake_after[&0], idle, "nothing is left to look at");
}
