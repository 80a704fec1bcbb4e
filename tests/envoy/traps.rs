//! Where a host goes wrong first: requests that wait while their streams end, their calls are answered or their
//! configuration is replaced, empty header values, and gRPC clients. All of it holds for both artifacts.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rig::{Browser, Envoy, Load, Options, RawRequest, free_ports};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::aged::OVER;
use crate::own::{NAME, ORIGIN, Own, Wish, wait};
use crate::reload::Reloading;
use crate::world::{PASSWORD, USER, callback_of, header, parameter};

/// Several configurations in one Envoy, each with its own drivers, under one and four workers.
#[test]
fn several_configurations_in_one_envoy_do_not_disturb_each_other() {
    for workers in [1, 4] {
        let own = Own::new(Wish { envoys: 0, ..Wish::default() });
        let ports = free_ports(5);
        let mut all = own.bootstrap(0, &Value::Null).to_json();
        let listeners: Vec<Value> = ports[1..]
            .iter()
            .map(|port| {
                let rules = json!([{ "path": format!("/{port}"), "allow": "everyone" }]);
                let bootstrap = own.bootstrap(0, &json!({ "rules": rules })).to_json();
                let mut listener = bootstrap["static_resources"]["listeners"][0].clone();
                listener["name"] = json!(format!("listener-{port}"));
                listener["address"]["socket_address"]["port_value"] = json!(port);
                listener
            })
            .collect();
        all["static_resources"]["listeners"] = json!(listeners);
        let envoy = Envoy::start(&all.to_string(), &Options::default().concurrency(workers));
        let at = |port: u16| ([127, 0, 0, 1], port).into();
        let mut browser = Browser::new().route(ORIGIN, at(ports[1]));
        assert_eq!(browser.sign_in(&own.url("/"), USER, PASSWORD).status(), 200, "{}", envoy.log());
        for port in &ports[1..] {
            let mut browser = browser.clone().route(ORIGIN, at(*port));
            for _ in 0..workers * 2 {
                assert_eq!(browser.fetch(&own.url("/json")).status, 200, "they share the session key");
                let open = |path: u16| {
                    let request = RawRequest::get(format!("/{path}")).host("own.example.test");
                    rig::send(at(*port), &request).expect("an answer").status
                };
                for path in &ports[1..] {
                    assert_eq!(open(*path), if path == port { 200 } else { 401 }, "each has its own rules");
                }
            }
        }
        // One configuration waits for Cognito; the others don't.
        own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
        let mut waiting = Browser::new().route(ORIGIN, at(ports[1]));
        let start = waiting.step(&own.url("/json"));
        let callback = callback_of(start.location().expect("a redirect"));
        let parked = std::thread::spawn(move || waiting.step(&callback).status);
        let mut next = browser.clone().route(ORIGIN, at(ports[2]));
        assert_eq!(next.fetch(&own.url("/json")).status, 200);
        wait(Duration::from_millis(50));
        own.cognito().clear_faults(NAME);
        assert_eq!(parked.join().expect("an answer"), 302, "{}", envoy.log());
    }
}

/// Envoy refuses to add a header with an empty value: the filter must leave it out, not refuse the request.
#[test]
fn an_identity_header_whose_claim_is_empty_is_absent_and_a_forged_one_is_removed() {
    let own = Own::new(Wish {
        config: json!({ "headers": { "claims": { "x-auth-empty": "custom:empty" } } }),
        ..Wish::default()
    });
    for empty in [json!(""), json!("   "), json!(null), json!([])] {
        let claims = json!({ "custom:empty": empty, "email": "" }).as_object().expect("an object").clone();
        own.cognito().fault(Endpoint::Token, NAME, Fault::Claims(claims), Times::Next(1));
        let cookies = own.signed_in().cookie_header(&own.url("/"));
        let request = RawRequest::get("/json").header("cookie", cookies);
        let request =
            request.header("x-auth-empty", "forged").header("x-auth-email", "forged").header("x-own", "");
        let response = own.send(0, request);
        assert_eq!(response.status, 200, "{empty}: {}", own.envoys[0].log());
        let seen = response.json();
        for name in ["x-auth-empty", "x-auth-email"] {
            assert_eq!(header(&seen, name), None, "{empty}");
        }
        assert_eq!(header(&seen, "x-auth-user"), Some(USER));
        assert_eq!(header(&seen, "x-own"), Some(""), "the client's own empty headers stay");
    }
}

/// Envoy says `grpc-status: 0` (OK) in the name of a native module that doesn't say another status.
#[test]
fn a_grpc_client_is_told_of_every_refusal() {
    let own = Own::new(Wish {
        config: json!({
            "bearer": { "enabled": true },
            "rules": [{ "path": "/closed.Service/*", "allow": "nobody" }],
        }),
        cognito: false,
        ..Wish::default()
    });
    let call = |method: &str, more: &[(&str, &str)]| {
        let request = RawRequest::post(method, "").header("content-type", "application/grpc+proto");
        let request = more.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = own.send(0, request);
        (response.status, response.header("grpc-status").map(str::to_owned))
    };
    let told = |status: &str| (200, Some(status.to_owned()));
    assert_eq!(call("/open.Service/Method", &[]), told("16"), "401 is UNAUTHENTICATED");
    assert_eq!(call("/closed.Service/Method", &[]), told("7"), "403 is PERMISSION_DENIED");
    assert_eq!(call("/a%c0%ae.Service/Method", &[]), told("13"), "400 is INTERNAL");
    // Without keys the token can't be verified: the filter answers 503 after ten seconds.
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": own.config(&Value::Null)["endpoints"]["issuer"], "client_id": NAME, "token_use": "access",
        "sub": "x", "iat": 1_700_000_000, "exp": 4_102_444_800_u64,
    });
    let token = [part(json!({ "alg": "RS256", "kid": "x" })), part(claims), "AAAA".to_owned()].join(".");
    let bearer = format!("Bearer {token}");
    assert_eq!(call("/open.Service/Method", &[("authorization", &bearer)]), told("14"), "503 is UNAVAILABLE");
}

/// The state of a sign-in that the browser has begun.
fn state_of(location: &str) -> String {
    parameter(location, "state").expect("a state")
}

/// Streams end while their calls are answered: the answer of a call races with the end of the stream that wants it.
#[test]
fn streams_that_end_while_their_answers_arrive_do_no_harm() {
    let own = Own::new(Wish { workers: 4, ..Wish::default() });
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(20)), Times::Always);
    std::thread::scope(|scope| {
        for lane in 0..8_u64 {
            let own = &own;
            scope.spawn(move || {
                for turn in 0..25 {
                    let mut browser = own.browser();
                    let start = browser.step(&own.url("/"));
                    let state = state_of(start.location().expect("a redirect"));
                    let request = RawRequest::get(format!("/.auth/callback?code=made-up&state={state}"))
                        .host("own.example.test")
                        .header("cookie", browser.cookie_header(&own.url("/.auth/callback")));
                    let pending = rig::open(own.addr(0), &request).expect("sent");
                    // From before the answer until after it.
                    wait(Duration::from_millis((lane * 25 + turn) % 45));
                    drop(pending);
                }
            });
        }
    });
    own.cognito().clear_faults(NAME);
    let mut browser = own.signed_in();
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
    let envoy = &own.envoys[0];
    assert!(envoy.alive() && !envoy.log().contains("panicked"), "{}", envoy.log());
    let left = rig::eventually(rig::PATIENCE, || {
        let active: i64 = envoy
            .stats("http.")
            .iter()
            .filter(|(name, _)| name.ends_with("downstream_rq_active"))
            .filter(|(name, _)| !name.contains("admin"))
            .map(|(_, count)| *count)
            .sum();
        (active == 0).then_some(())
    });
    assert!(left.is_some(), "no request is left waiting");
}

#[test]
fn a_hundred_sign_ins_that_wait_are_finished_at_once() {
    for workers in [1, 4] {
        let own = Own::new(Wish { workers, ..Wish::default() });
        let began: Vec<_> = (0..100)
            .map(|_| {
                let mut browser = own.browser();
                let start = browser.step(&own.url("/json"));
                (callback_of(start.location().expect("a redirect")), browser)
            })
            .collect();
        own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Always);
        std::thread::scope(|scope| {
            let waiting: Vec<_> = began
                .into_iter()
                .map(|(callback, mut browser)| scope.spawn(move || browser.step(&callback)))
                .collect();
            let all = || (own.cognito().calls(Endpoint::Token, NAME).len() >= 100).then_some(());
            assert!(rig::eventually(rig::PATIENCE, all).is_some(), "all wait");
            own.cognito().clear_faults(NAME);
            for answer in waiting {
                let answer = answer.join().expect("an answer");
                assert_eq!(answer.status, 302, "{workers}: {}", own.envoys[0].log());
                assert!(answer.set_cookie("__Host-auth").is_some());
            }
        });
        assert!(own.envoys[0].alive() && !own.envoys[0].log().contains("panicked"));
    }
}

/// Configurations come and go while requests wait in the old ones and calls are under way.
#[test]
fn configurations_are_replaced_while_calls_are_under_way() {
    let mut own = Own::new(Wish { workers: 2, ..Wish::default() });
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
    let bootstraps = [json!("/one/**"), json!("/two/**")]
        .map(|path| own.bootstrap(0, &json!({ "rules": [{ "path": path, "allow": "everyone" }] })));
    own.envoys.clear();
    let reloading = Reloading::start(&bootstraps[0]);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(300)), Times::Always);
    std::thread::scope(|scope| {
        for lane in 0..4 {
            let (own, cookies) = (&own, &cookies);
            scope.spawn(move || {
                for turn in 0..20 {
                    // A request that waits for a refresh, or one that comes back from Cognito with a made-up code.
                    let request = if (lane + turn) % 2 == 0 {
                        RawRequest::get("/json").header("cookie", cookies)
                    } else {
                        let mut browser = own.browser();
                        let Ok(visit) = browser.load(Load::typed(&own.url("/")).one_step()) else {
                            continue;
                        };
                        let Some(location) = visit.response.location() else { continue };
                        let target = format!("/.auth/callback?code=made-up&state={}", state_of(location));
                        RawRequest::get(target)
                            .header("cookie", browser.cookie_header(&own.url("/.auth/callback")))
                    };
                    // While a listener is replaced, a connection can be refused, or reset after the drain time.
                    let Ok(response) = rig::send(own.addr(0), &request.host("own.example.test")) else {
                        continue;
                    };
                    assert!([200, 302, 400, 401, 503].contains(&response.status), "{response:?}");
                }
            });
        }
        for round in 1..=8 {
            wait(Duration::from_millis(200));
            reloading.reload(&bootstraps[round % 2]);
        }
    });
    own.cognito().clear_faults(NAME);
    assert!(
        reloading.envoy.alive() && !reloading.envoy.log().contains("panicked"),
        "{}",
        reloading.envoy.log()
    );
    let again = rig::eventually(rig::PATIENCE, || {
        let request = RawRequest::get("/json").host("own.example.test").header("cookie", &cookies);
        rig::send(own.addr(0), &request).ok().filter(|response| response.status == 200)
    });
    assert!(again.is_some(), "the session outlives all of it\n{}", reloading.envoy.log());
}
