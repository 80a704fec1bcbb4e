//! `session.recheck`: whoever is signed out everywhere is out within minutes.

use std::time::Duration;

use rig::RawRequest;
use serde_json::json;
use stand_in::{Client, Endpoint, Fault, Rotation, Times};

use crate::own::{NAME, Own, Wish};
use crate::world::pool_id;

/// A little more than the setting of these tests.
const RECHECK: Duration = Duration::from_secs(303);

fn own(client: fn(&mut Client)) -> Own {
    Own::new(Wish { config: json!({ "session": { "recheck": "5m" } }), client, ..Wish::default() })
}

fn refreshes(own: &Own) -> usize {
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count()
}

#[test]
fn a_person_who_is_signed_out_everywhere_is_out_after_the_recheck_at_every_worker() {
    for client in
        [|_: &mut Client| {}, |client: &mut Client| client.rotation = Some(Rotation { grace_seconds: 0 })]
    {
        let own = own(client);
        let mut browser = own.signed_in();
        assert_eq!(browser.fetch(&own.url("/json")).status, 200);
        assert_eq!(refreshes(&own), 0, "the tokens are young");
        own.age(&mut browser, RECHECK);
        let asked = rig::eventually(rig::PATIENCE, || {
            assert_eq!(browser.fetch(&own.url("/json")).status, 200);
            own.envoys[0].log_line("event=refresh.completed")
        });
        assert!(asked.is_some(), "their age alone is a reason: {}", own.envoys[0].log());
        assert_eq!(browser.fetch(&own.url("/json")).status, 200, "this sets the new cookies");
        assert_eq!(refreshes(&own), 1);
        own.cognito().revoke_all(&pool_id(NAME), "jsmith");
        own.age(&mut browser, RECHECK - Duration::from_secs(2));
        let cookies = browser.cookie_header(&own.url("/"));
        let send = || own.send(0, RawRequest::get("/json").header("cookie", &cookies)).status;
        assert_eq!(send(), 200, "the request that asks doesn't wait");
        assert!(rig::eventually(rig::PATIENCE, || (send() == 401).then_some(())).is_some());
        // Each is a new connection, at either worker.
        assert!((0..16).all(|_| send() == 401));
        assert_eq!(browser.step(&own.url("/json")).status, 302, "a navigation signs in again");
        assert_eq!(refreshes(&own), 2);
        assert!(own.envoys[0].log_line("event=refresh.failed reason=invalid_grant").is_some());
    }
}

#[test]
fn a_recheck_that_cognito_doesnt_answer_signs_nobody_out() {
    let own = own(|_| {});
    let mut browser = own.signed_in();
    own.cognito().fault(Endpoint::Token, NAME, Fault::Status(500), Times::Always);
    own.age(&mut browser, RECHECK);
    let failed = rig::eventually(rig::PATIENCE, || {
        assert_eq!(browser.fetch(&own.url("/json")).status, 200);
        own.envoys[0].log_line("event=refresh.failed")
    });
    assert!(failed.is_some(), "{}", own.envoys[0].log());
    assert!((0..8).all(|_| browser.fetch(&own.url("/json")).status == 200));
}
