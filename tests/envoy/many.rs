//! Many Envoys, many configurations, many requests: sessions work everywhere, and nothing waits or leaks.

use std::time::Duration;

use rig::{Bootstrap, Browser, Connection, Envoy, Filter, Listener, Options, RawRequest, free_ports};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Rotation, Times};

use crate::aged::{DUE, OVER};
use crate::own::{NAME, ORIGIN, Own, Wish, wait};
use crate::sealed::{resident, sealed_sessions};
use crate::world::{PASSWORD, SESSION_KEY, USER, callback_of};

/// Base64 of another 32 bytes.
const NEW_KEY: &str = "YWFhYWFhYWFhYWFhYWFhYWJiYmJiYmJiYmJiYmJiYmI=";

#[test]
fn envoys_that_share_a_key_share_sessions() {
    let own = Own::new(Wish {
        client: |client| client.rotation = Some(Rotation { grace_seconds: 0 }),
        envoys: 2,
        ..Wish::default()
    });
    let at = |index: usize, browser: &Browser| browser.clone().route(ORIGIN, own.addr(index));
    let mut browser = own.browser();
    let start = browser.step(&own.url("/wanted"));
    let callback = callback_of(start.location().expect("a redirect to Cognito"));
    let mut browser = at(1, &browser);
    assert_eq!(
        browser.navigate(&callback).url,
        own.url("/wanted"),
        "begun at the first, finished at the second"
    );
    own.age(&mut browser, OVER);
    let mut browser = at(0, &browser);
    let refreshed = browser.fetch(&own.url("/json"));
    assert!(refreshed.set_cookie("__Host-auth").is_some(), "refreshed at the first");
    let mut browser = at(1, &browser);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "good at the second");
    browser.navigate(&own.url("/.auth/sign-out"));
    assert!(browser.cookies(ORIGIN).is_empty(), "signed out at the second");
}

#[test]
fn a_race_between_envoys_signs_nobody_out() {
    let own = Own::new(Wish {
        client: |client| client.rotation = Some(Rotation { grace_seconds: 0 }),
        envoys: 2,
        ..Wish::default()
    });
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), DUE);
    for index in [0, 1] {
        let answer = own.send(index, RawRequest::get("/json").header("cookie", &cookies));
        assert_eq!(answer.status, 200);
    }
    let ended = |envoy: &Envoy| envoy.log_line("event=refresh.").is_some();
    let all_ended = || own.envoys.iter().all(ended).then_some(());
    assert!(rig::eventually(rig::PATIENCE, all_ended).is_some());
    let lost = own.envoys.iter().filter(|envoy| envoy.log().contains("reason=invalid_grant")).count();
    assert!(lost <= 1, "without grace at most one of them gets new tokens");
    for index in [0, 1] {
        let answer = own.send(index, RawRequest::get("/json").header("cookie", &cookies));
        assert_eq!(answer.status, 200, "the tokens at hand are good until they expire");
    }
}

#[test]
fn the_session_key_is_rotated_under_live_sessions_and_sign_ins() {
    let mut own = Own::new(Wish::default());
    let mut browser = own.signed_in();
    let mut halfway = own.browser();
    let start = halfway.step(&own.url("/wanted"));
    own.restart(0, &json!({ "session": { "keys": [NEW_KEY, "${SESSION_KEY}"] } }));
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "an existing session continues");
    let callback = callback_of(start.location().expect("a redirect"));
    assert_eq!(halfway.navigate(&callback).status(), 200, "and so does a sign-in in progress");
    own.age(&mut browser, OVER);
    assert!(
        browser.fetch(&own.url("/json")).set_cookie("__Host-auth").is_some(),
        "encrypted with the new key by its refresh"
    );
    own.restart(0, &json!({ "session": { "keys": [NEW_KEY] } }));
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "then the old key is no longer needed");
}

#[test]
fn an_envoy_that_drains_finishes_what_is_under_way() {
    let own = Own::new(Wish::default());
    let mut browser = own.browser();
    let start = browser.step(&own.url("/wanted"));
    let callback = callback_of(start.location().expect("a redirect"));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
    let parked = std::thread::spawn(move || browser.step(&callback));
    let asked = || (!own.cognito().calls(Endpoint::Token, NAME).is_empty()).then_some(());
    assert!(rig::eventually(rig::PATIENCE, asked).is_some(), "it waits");
    let drained = own.envoys[0].admin("POST", "/drain_listeners?graceful&skip_exit").expect("an answer");
    assert_eq!(drained.status, 200, "{}", drained.text());
    own.cognito().clear_faults(NAME);
    let answer = parked.join().expect("an answer");
    assert_eq!(answer.status, 302);
    assert!(answer.set_cookie("__Host-auth").is_some());
}

#[test]
fn filters_in_one_vm_do_not_disturb_each_other() {
    let own = Own::new(Wish { envoys: 1, ..Wish::default() });
    // The same pool, client and cookie name, but other keys. One VM, one set of shared data.
    let ports = free_ports(3);
    let listener = |port: u16, name: &str, key: &str| {
        let listener = &own.bootstrap(0, &json!({ "session": { "keys": [key] } })).to_json()["static_resources"]
            ["listeners"][0];
        let mut copy = listener.clone();
        copy["name"] = json!(name);
        copy["address"]["socket_address"]["port_value"] = json!(port);
        copy
    };
    let mut all = own.bootstrap(0, &Value::Null).to_json();
    all["admin"]["address"]["socket_address"]["port_value"] = json!(ports[0]);
    all["static_resources"]["listeners"] =
        json!([listener(ports[1], "a", SESSION_KEY), listener(ports[2], "b", NEW_KEY)]);
    let envoy = Envoy::start(&all.to_string(), &Options::default());
    let browser = |port: u16| Browser::new().route(ORIGIN, ([127, 0, 0, 1], port).into());
    let (mut a, mut b) = (browser(ports[1]), browser(ports[2]));
    assert_eq!(a.sign_in(&own.url("/"), USER, PASSWORD).status(), 200, "{}", envoy.log());
    assert_eq!(b.sign_in(&own.url("/"), USER, PASSWORD).status(), 200);
    let mut a_at_b = a.clone().route(ORIGIN, ([127, 0, 0, 1], ports[2]).into());
    assert_eq!(a_at_b.fetch(&own.url("/json")).status, 401, "sessions with other keys aren't accepted");
    assert_eq!(a.fetch(&own.url("/json")).status, 200);
    assert_eq!(b.fetch(&own.url("/json")).status, 200);
}

#[test]
fn clients_that_leave_while_a_refresh_is_under_way_do_no_harm() {
    let own = Own::new(Wish {
        client: |client| client.rotation = Some(Rotation { grace_seconds: 0 }),
        ..Wish::default()
    });
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
    for _ in 0..20 {
        let request = RawRequest::get("/json").host("own.example.test").header("cookie", &cookies);
        let pending = rig::open(own.addr(0), &request).expect("sent");
        wait(Duration::from_millis(10));
        drop(pending);
    }
    own.cognito().clear_faults(NAME);
    let done = || own.envoys[0].log_line("event=refresh.completed");
    assert!(rig::eventually(rig::PATIENCE, done).is_some(), "{}", own.envoys[0].log());
    let after = own.send(0, RawRequest::get("/json").header("cookie", &cookies));
    assert_eq!(after.status, 200, "the refresh that nobody waited for wasn't lost");
    assert!(after.set_cookie("__Host-auth").is_some());
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    assert_eq!(calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count(), 1);
}

#[test]
fn a_long_run_leaves_memory_flat() {
    let mut own = Own::new(Wish::default());
    let config = own.config(&Value::Null);
    let sessions = sealed_sessions(&config, 5_000);
    // Envoy responds itself, so that only Envoy and the filter are measured.
    own.envoys.clear();
    let ports = free_ports(2);
    let listener = Listener::new(ports[1], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY).direct();
    let direct = Bootstrap::new(ports[0], crate::world::filter())
        .cluster("cognito_domain", own.cognito().domain_addr())
        .cluster("cognito_idp", own.cognito().idp_addr())
        .listener(listener);
    let envoy = Envoy::start(&direct.to_string(), &Options::default());
    let addr = ([127, 0, 0, 1], ports[1]).into();
    let run = |from: usize, to: usize| {
        std::thread::scope(|scope| {
            for half in 0..2 {
                let sessions = &sessions;
                scope.spawn(move || {
                    let mut connection = Connection::open(addr).expect("a connection");
                    for number in (from + half..to).step_by(2) {
                        let cookie = &sessions[number % sessions.len()];
                        let request = RawRequest::get("/").host("own.example.test").header("cookie", cookie);
                        assert_eq!(connection.send(&request).expect("an answer").status, 200);
                    }
                });
            }
        });
    };
    let sign_in = |count: usize| {
        for _ in 0..count {
            let mut browser = Browser::new().route(ORIGIN, addr);
            assert_eq!(browser.sign_in(&format!("{ORIGIN}/"), USER, PASSWORD).status(), 200);
        }
    };
    run(0, 20_000);
    sign_in(100);
    let warm = resident(&envoy);
    run(20_000, 60_000);
    sign_in(200);
    let half = resident(&envoy);
    run(60_000, 100_000);
    sign_in(200);
    let end = resident(&envoy);
    println!(
        "100,000 requests, 5,000 sessions, 500 sign-ins: Envoy's memory {} MB after a fifth, {} MB after three, {} MB at the end",
        warm / 1024,
        half / 1024,
        end / 1024
    );
    assert!(end < warm + 16 * 1024, "{warm} KB, {half} KB, {end} KB");
}
