//! A configuration that changes again and again under load: a new client secret, another order of keys, other rules.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rig::RawRequest;
use serde_json::{Value, json};

use crate::own::{HOST, NAME, Own, Wish, wait};
use crate::reload::Reloading;
use crate::sealed::resident;
use crate::world::{CLIENT_SECRET, SESSION_KEY, USER, header};

const CHANGES: usize = 50;
const CLIENTS: usize = 4;
const NEW_SECRET: &str = "another+secret/of=the-client";
/// Base64 of 32 bytes.
const OTHER_KEY: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=";

/// Each differs from the one before in the secret, the first key and the rules.
fn changed(round: usize) -> Value {
    let secret = if round.is_multiple_of(2) { NEW_SECRET } else { CLIENT_SECRET };
    let keys = if round.is_multiple_of(2) { [OTHER_KEY, SESSION_KEY] } else { [SESSION_KEY, OTHER_KEY] };
    let rules = json!([{ "path": format!("/public/{round}/**"), "allow": "everyone" }]);
    json!({ "client_secret": secret, "session": { "keys": keys }, "rules": rules })
}

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    failures: AtomicUsize,
    is_over: AtomicBool,
}

/// Sends requests of one session until it is over, each over a connection of its own.
fn send(own: &Own, cookies: &str, seen: &Seen) {
    while !seen.is_over.load(Ordering::SeqCst) {
        let request = RawRequest::get("/json").host(HOST).header("cookie", cookies);
        let answer = rig::send(own.addr(0), &request);
        let is_good = answer.as_ref().is_ok_and(|response| {
            response.status == 200 && header(&response.json(), "x-auth-user") == Some(USER)
        });
        seen.requests.fetch_add(1, Ordering::SeqCst);
        if !is_good {
            seen.failures.fetch_add(1, Ordering::SeqCst);
            println!("failed: {answer:?}");
        }
    }
}

/// The virtual machines of the wasm filter; 0 with the native module.
fn machines(reloading: &Reloading) -> i64 {
    reloading.envoy.stat("wasm.envoy.wasm.runtime.v8.active")
}

#[test]
fn fifty_changes_under_load_sign_nobody_out_fail_no_request_and_leave_nothing_in_memory() {
    let mut own = Own::new(Wish { config: changed(CHANGES), ..Wish::default() });
    own.cognito().set_secrets(NAME, CLIENT_SECRET, Some(NEW_SECRET));
    own.envoys.clear();
    let reloading = Reloading::start(&own.bootstrap(0, &Value::Null));
    let browser = own.signed_in();
    let cookies = browser.cookie_header(&own.url("/"));
    let (before, seen) = (machines(&reloading), Seen::default());
    let mut memory = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| send(&own, &cookies, &seen));
        }
        for round in 0..CHANGES {
            reloading.reload(&own.bootstrap(0, &changed(round)));
            wait(Duration::from_millis(100));
            memory.push(resident(&reloading.envoy));
        }
        seen.is_over.store(true, Ordering::SeqCst);
    });
    let gone = rig::eventually(rig::PATIENCE, || (machines(&reloading) <= before).then_some(()));
    let (requests, failures) = (seen.requests.load(Ordering::SeqCst), seen.failures.load(Ordering::SeqCst));
    let after = resident(&reloading.envoy);
    println!(
        "{CHANGES} changes, {requests} requests, {failures} failed; virtual machines {before} before, {} after; \
         memory {memory:?} kB, {after} at the end",
        machines(&reloading)
    );
    assert_eq!(failures, 0, "of {requests}\n{}", reloading.envoy.log());
    assert!(requests >= CHANGES, "{requests}");
    // Forty more configurations that stayed would need far more.
    let settled = memory.get(9).copied().unwrap_or_default();
    assert!(after < settled + 20_000, "{settled} kB after ten changes, {after} kB after all");
    assert!(gone.is_some(), "{} virtual machines, {before} before", machines(&reloading));
    assert_eq!(browser.clone().fetch(&own.url("/json")).status, 200, "still signed in");
    assert!(own.signed_in().fetch(&own.url("/json")).status == 200, "people sign in");
}
