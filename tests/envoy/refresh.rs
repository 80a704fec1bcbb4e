//! Refreshing: nobody notices it, and a refresh token is used once.

use std::time::{Duration, Instant};

use rig::RawRequest;
use serde_json::json;
use stand_in::{Client, Endpoint, Fault, Rotation, Times};

use crate::aged::{DUE, OVER};
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::world::{header, pool_id};

/// Refresh tokens that can be used once.
fn rotating(client: &mut Client) {
    client.rotation = Some(Rotation { grace_seconds: 0 });
}

fn refreshes(own: &Own) -> usize {
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count()
}

fn identity(browser: &rig::Browser) -> String {
    browser.cookie(ORIGIN, "__Host-auth").expect("a session").value
}

#[test]
fn a_refresh_runs_beside_the_request_and_its_cookies_ride_on_the_next_answer() {
    let own = Own::new(Wish::default());
    let mut browser = own.signed_in();
    let before = identity(&browser);
    browser.fetch(&own.url("/json"));
    assert_eq!(identity(&browser), before, "nothing is refreshed before it is due");
    own.age(&mut browser, DUE);
    let before = identity(&browser);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
    let response = browser.fetch(&own.url("/json"));
    assert!(!own.envoys[0].log().contains("event=refresh.completed"), "the request doesn't wait");
    assert_eq!(header(&response.json(), "x-auth-user"), Some("jsmith"));
    assert_eq!(identity(&browser), before);
    own.cognito().clear_faults(NAME);
    let renewed = rig::eventually(rig::PATIENCE, || {
        let response = browser.fetch(&own.url("/json"));
        assert_eq!(response.status, 200);
        (identity(&browser) != before).then_some(response)
    });
    let renewed = renewed.expect("a later response sets the new cookies");
    assert_eq!(renewed.header("cache-control"), Some("no-store"));
    assert_eq!(refreshes(&own), 1);
    own.age(&mut browser, OVER - DUE);
    assert_eq!(
        browser.fetch(&own.url("/json")).status,
        200,
        "the old tokens would have expired, the new ones are valid"
    );
    assert_eq!(refreshes(&own), 1);
}

#[test]
fn an_expired_session_waits_for_its_refresh_and_is_judged_anew() {
    for rotation in [false, true] {
        let own = match rotation {
            false => Own::new(Wish::default()),
            true => Own::new(Wish { client: rotating, ..Wish::default() }),
        };
        let mut browser = own.signed_in();
        for round in 1..=2 {
            // Aged by less than before, so that later times stay later.
            own.age(&mut browser, OVER - Duration::from_secs(2) * u32::try_from(round).expect("a few"));
            own.cognito().set_attribute(
                &pool_id(NAME),
                "jsmith",
                "custom:roles",
                Some(&format!("round{round}")),
            );
            let seen = browser.fetch(&own.url("/json")).json();
            assert_eq!(header(&seen, "x-auth-roles"), Some(format!("round{round}").as_str()), "{rotation}");
            assert_eq!(refreshes(&own), round, "{rotation}");
        }
        assert!(browser.refused_cookies().is_empty());
    }
}

#[test]
fn two_hundred_requests_at_the_moment_of_expiry_are_one_refresh() {
    let own = Own::new(Wish { client: rotating, workers: 4, ..Wish::default() });
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(200)), Times::Always);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| own.send(0, RawRequest::get("/json").header("cookie", &cookies))))
            .collect();
        requests.into_iter().map(|request| request.join().expect("an answer")).collect()
    });
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    let seen = refreshes(&own);
    println!("200 requests at once, 4 workers, rotation without grace: {good} served, {seen} refreshes");
    assert_eq!(good, 200);
    assert_eq!(seen, 1);
    assert!(answers.iter().all(|answer| answer.set_cookie("__Host-auth").is_some()), "each gets the cookies");
    let straggler = own.send(0, RawRequest::get("/json").header("cookie", &cookies));
    assert_eq!(straggler.status, 200, "the previous cookies still work");
    assert_eq!(refreshes(&own), 1);
}

#[test]
fn cookies_are_delivered_on_every_kind_of_answer() {
    let own = Own::new(Wish::default());
    type Kind = (&'static str, fn() -> RawRequest);
    let kinds: [Kind; 5] = [
        ("HEAD", || RawRequest::new("HEAD", "/json")),
        ("304", || RawRequest::get("/json").header("x-sample-status", "304")),
        ("503", || RawRequest::get("/json").header("x-sample-status", "503")),
        ("POST", || RawRequest::post("/json", "x=1")),
        ("gRPC", || RawRequest::post("/svc/Method", "").header("content-type", "application/grpc")),
    ];
    for (kind, request) in kinds {
        let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
        let response = own.send(0, request().header("cookie", &cookies));
        assert!(response.set_cookie("__Host-auth").is_some(), "{kind}: {}", response.status);
        assert_eq!(response.header("cache-control"), Some("no-store"), "{kind}");
    }
}

#[test]
fn only_invalid_grant_ends_a_session() {
    let mut own = Own::new(Wish::default());
    let mut browser = own.signed_in();
    let mut revoked = own.signed_in();
    own.age(&mut browser, OVER);
    for fault in [
        Fault::Status(500),
        Fault::Status(429),
        Fault::Status(400),
        Fault::Html,
        Fault::Truncated,
        Fault::Reset,
        Fault::OAuthError("invalid_client".to_owned()),
    ] {
        let what = format!("{fault:?}");
        own.cognito().fault(Endpoint::Token, NAME, fault, Times::Always);
        assert_eq!(browser.fetch(&own.url("/json")).status, 200, "{what}: served all the same");
        own.cognito().clear_faults(NAME);
        assert!(own.envoys[0].log_line("event=refresh.failed").is_some(), "{what}");
        // Another Envoy, which doesn't pause after Cognito's failure.
        own.restart(0, &serde_json::Value::Null);
    }
    let recovered = browser.fetch(&own.url("/json"));
    assert!(recovered.set_cookie("__Host-auth").is_some(), "it is refreshed when Cognito works again");
    own.cognito().revoke_all(&pool_id(NAME), "jsmith");
    own.age(&mut revoked, OVER);
    assert_eq!(revoked.fetch(&own.url("/json")).status, 401, "a revoked session has ended");
    assert_eq!(revoked.step(&own.url("/json")).status, 302, "and a navigation signs in again");
}

#[test]
fn what_a_refresh_brings_is_verified() {
    let own = Own::new(Wish::default());
    for fault in
        [Fault::OtherSubject, Fault::WrongIssuer, Fault::BadSignature, Fault::AlgNone, Fault::WrongAudience]
    {
        let what = format!("{fault:?}");
        let mut browser = own.signed_in();
        own.age(&mut browser, OVER);
        let before = identity(&browser);
        own.cognito().fault(Endpoint::Token, NAME, fault, Times::Next(1));
        assert_eq!(browser.fetch(&own.url("/json")).status, 401, "{what}");
        assert_eq!(identity(&browser), before, "{what}: nothing of it is kept");
    }
}

#[test]
fn cognito_may_be_down_and_envoy_restarted_meanwhile() {
    let config = json!({ "session": { "stale_if_error": "1h" } });
    let mut own = Own::new(Wish { config, ..Wish::default() });
    let mut browser = own.signed_in();
    own.cognito = None;
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
    own.age(&mut browser, OVER);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "after its tokens have expired");
    own.restart(0, &serde_json::Value::Null);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "by an Envoy that has never reached Cognito");
    own.age(&mut browser, Duration::from_secs(3_600));
    let late = browser.fetch(&own.url("/json"));
    assert_eq!(late.status, 503, "not for ever");
    assert!(late.header("retry-after").is_some());
    assert!(browser.cookie(ORIGIN, "__Host-auth").is_some(), "and the session is kept");
}

#[test]
fn signing_out_wins_over_a_refresh_under_way() {
    let own = Own::new(Wish::default());
    let mut browser = own.signed_in();
    own.age(&mut browser, DUE);
    let cookies = browser.cookie_header(&own.url("/"));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
    assert_eq!(own.send(0, RawRequest::get("/json").header("cookie", &cookies)).status, 200);
    let under_way = || (refreshes(&own) == 1).then_some(());
    assert!(rig::eventually(rig::PATIENCE, under_way).is_some());
    browser.navigate(&own.url("/.auth/sign-out"));
    assert!(!own.envoys[0].log().contains("event=refresh.completed"), "it is under way");
    own.cognito().clear_faults(NAME);
    let ended = || own.envoys[0].log_line("event=refresh.completed");
    assert!(rig::eventually(rig::PATIENCE, ended).is_some(), "{}", own.envoys[0].log());
    let late = own.send(0, RawRequest::get("/json").header("cookie", &cookies));
    assert_eq!(late.status, 401, "although its tokens are valid for another while");
    let set = late.set_cookies();
    assert!(set.iter().all(|cookie| cookie.value.is_empty()), "nothing sets the cookies again: {set:?}");
    assert!(browser.cookies(ORIGIN).is_empty());
}

#[test]
fn a_session_ends_when_it_is_idle() {
    let config = json!({ "session": { "idle": "10m" } });
    let own = Own::new(Wish { config, ..Wish::default() });
    let mut browser = own.signed_in();
    let mut idle = browser.clone();
    for _ in 0..3 {
        let minutes = Duration::from_secs(8 * 60);
        own.age(&mut browser, minutes);
        own.age(&mut idle, minutes);
        let before = identity(&browser);
        assert_eq!(browser.fetch(&own.url("/json")).status, 200);
        assert_ne!(identity(&browser), before, "the session records when the person was seen");
    }
    assert_eq!(idle.fetch(&own.url("/json")).status, 401);
}

#[test]
fn a_slow_token_endpoint_holds_nobody_up_for_long() {
    let config = json!({ "timeouts": { "token": "4s" } });
    let own = Own::new(Wish { config, ..Wish::default() });
    let mut browser = own.signed_in();
    own.age(&mut browser, OVER);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_secs(60)), Times::Always);
    let asked = Instant::now();
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
    assert!(asked.elapsed() < Duration::from_secs(55), "it is given up: {:?}", asked.elapsed());
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
    assert_eq!(refreshes(&own), 1, "the next one isn't held up: nobody asks again so soon");
    assert!(own.envoys[0].log_line("refresh.failed reason=token_timeout").is_some());
}

#[test]
fn a_cluster_without_hosts_signs_nobody_out() {
    let mut own = Own::new(Wish::default());
    let mut browser = own.signed_in();
    own.envoys.remove(0).stop();
    let mut bootstrap = own.bootstrap(0, &serde_json::Value::Null).to_json();
    for cluster in bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters") {
        if cluster["name"] != "app" {
            cluster["load_assignment"]["endpoints"] = json!([]);
        }
    }
    own.envoys.push(rig::Envoy::start(&bootstrap.to_string(), &rig::Options::default()));
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
    own.age(&mut browser, OVER);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "{}", own.envoys[0].log());
    assert!(own.envoys[0].log_line("refresh.failed reason=cluster_missing").is_some());
    assert!(!own.envoys[0].log().contains("panicked"), "{}", own.envoys[0].log());
}
