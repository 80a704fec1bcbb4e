//! Cases of `docs/security-cases.md`: sixteen workers, and three Envoys.

use std::collections::BTreeSet;
use std::time::Duration;

use rig::{RawRequest, Response};
use serde_json::Value;
use stand_in::{Client, Endpoint, Fault, Rotation, Times};

use crate::aged::OVER;
use crate::own::{NAME, Own, Wish};
use crate::world::{callback_of, parameter, pool_id};

const WORKERS: u32 = 16;

fn rotating(client: &mut Client, grace_seconds: u64) {
    client.rotation = Some(Rotation { grace_seconds });
}

fn refreshes(own: &Own) -> usize {
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count()
}

/// This number of requests at each Envoy at once.
fn at_once(own: &Own, count: usize, cookies: &str) -> Vec<Response> {
    std::thread::scope(|scope| {
        let send = |index: usize| {
            let request = RawRequest::get("/json").header("cookie", cookies);
            scope.spawn(move || own.send(index, request))
        };
        let sent: Vec<_> =
            (0..count * own.envoys.len()).map(|number| send(number % own.envoys.len())).collect();
        sent.into_iter().map(|sent| sent.join().expect("an answer")).collect()
    })
}

#[test]
fn case_100_165_sixteen_workers_are_one_envoy() {
    let own = Own::new(Wish { client: |client| rotating(client, 0), workers: WORKERS, ..Wish::default() });
    // Started at one worker, completed at another: each connection belongs to one worker, and every step uses a new
    // connection.
    for _ in 0..20 {
        let mut browser = own.browser();
        let start = browser.step(&own.url("/wanted"));
        let landed = browser.navigate(&callback_of(start.location().expect("a location")));
        assert_eq!((landed.status(), landed.url.as_str()), (200, own.url("/wanted").as_str()), "{landed}");
    }
    let fetches = own.cognito().calls(Endpoint::Jwks, &pool_id(NAME)).len();
    // On a very busy machine, a fetch may time out while sixteen workers start.
    let failed = own.envoys[0].log().matches("event=jwks.failed").count();
    assert!(fetches <= 1 + failed, "{fetches} fetches for all of them\n{}", own.envoys[0].log());
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(300)), Times::Always);
    let answers = at_once(&own, 50, &cookies);
    assert!(answers.iter().all(|answer| answer.status == 200), "nobody fails");
    assert_eq!(refreshes(&own), 1, "although the old refresh token becomes invalid at once");
}

#[test]
fn case_100_with_a_grace_period_three_envoys_refresh_one_session_at_once_and_nobody_fails() {
    for client in [|client: &mut Client| rotating(client, 10), |client: &mut Client| rotating(client, 60)] {
        let own = Own::new(Wish { client, envoys: 3, ..Wish::default() });
        let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
        own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(300)), Times::Always);
        let answers = at_once(&own, 50, &cookies);
        assert!(answers.iter().all(|answer| answer.status == 200), "nobody fails");
        assert_eq!(refreshes(&own), 3, "one for each Envoy");
        own.cognito().clear_faults(NAME);
        // Whichever cookies the browser keeps, the session continues.
        for answer in [&answers[0], &answers[1], &answers[2]] {
            let jar: Vec<String> = answer
                .set_cookies()
                .iter()
                .map(|cookie| format!("{}={}", cookie.name, cookie.value))
                .collect();
            // Aged by less than before, so that later times stay later.
            let jar = own.aged(&jar.join("; "), OVER - Duration::from_secs(4));
            let next = own.send(0, RawRequest::get("/json").header("cookie", jar));
            assert_eq!(next.status, 200, "{}", own.envoys[0].log());
        }
    }
}

#[test]
fn case_166_sixteen_workers_draw_nothing_twice_nor_after_a_restart() {
    let mut own = Own::new(Wish { workers: WORKERS, ..Wish::default() });
    let mut seen = BTreeSet::new();
    for start in 0..3 {
        if start > 0 {
            own.restart(0, &Value::Null);
        }
        for _ in 0..500 {
            let request = RawRequest::get("/x").header("sec-fetch-mode", "navigate");
            let response = own.send(0, request);
            let url = response.location().expect("a location");
            for name in ["state", "nonce", "code_challenge"] {
                assert!(seen.insert(parameter(url, name).expect(name)), "{name} occurs twice");
            }
            let cookie = response.set_cookies().remove(0);
            // The seal's nonce comes first: 24 bytes.
            assert!(seen.insert(cookie.value[..32].to_owned()), "a nonce occurs twice");
        }
    }
    assert_eq!(seen.len(), 3 * 500 * 4);
}
