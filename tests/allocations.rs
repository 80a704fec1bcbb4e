//! A request of a known session costs no allocation in the core, so its cost doesn't depend on the allocator.

// A test that can't go on may panic; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

use std::borrow::Cow;
use std::time::Duration;

use allocation_counter::{measure, opt_out};
use envoy_cognito_core::decision::{AccessDecision, AccessRecord, HostEnv, StreamId};
use envoy_cognito_core::driver::{CallHandle, Host, Next, Refused, ResponseHeaderEdits, Stream};
use envoy_cognito_core::http::{Callout, Header, Request, RequestEdits, Response};
use envoy_cognito_core::telemetry::event::Event;
use envoy_cognito_core::telemetry::metrics::Metric;
use serde_json::{Value, json};

use crate::flows::harness::{FakeHost, Harness, SESSION_KEY};

#[allow(dead_code, unused_imports)]
mod flows {
    pub mod harness;
}

#[path = "shared/fixed_randomness.rs"]
mod fixed_randomness;

/// What a request has come to.
struct Seen {
    next: Next,
    access: AccessRecord,
    edits: RequestEdits,
    allocations: u64,
}

/// A host that keeps what it gets, without counting its own allocations.
struct Keeper<'k, 'h> {
    fake: &'k mut FakeHost<'h>,
    access: Option<AccessRecord>,
    edits: Option<RequestEdits>,
}

impl Host for Keeper<'_, '_> {
    fn env(&mut self) -> HostEnv<'_> {
        self.fake.env()
    }

    fn log(&mut self, event: Event) {
        panic!("logged: {event}");
    }

    fn record(&mut self, _: Vec<Metric>) {}

    fn call(&mut self, callout: Callout) -> Option<CallHandle> {
        panic!("called: {}", callout.endpoint.url);
    }

    fn wake_after(&mut self, _: Duration) -> Result<(), Refused> {
        Ok(())
    }

    fn log_access(&mut self, _: StreamId, record: AccessRecord) {
        opt_out(|| self.access = Some(record));
    }

    fn edit_request(&mut self, _: StreamId, edits: RequestEdits) -> Result<(), Refused> {
        opt_out(|| self.edits = Some(edits));
        Ok(())
    }

    fn remove_request_trailers(&mut self, _: StreamId, names: Vec<Cow<'static, str>>) -> Result<(), Refused> {
        panic!("trailers: {names:?}");
    }

    fn response_values(&mut self, _: StreamId, _: &'static str) -> Result<Vec<Vec<u8>>, Refused> {
        Ok(Vec::new())
    }

    fn edit_response(&mut self, _: StreamId, _: ResponseHeaderEdits) -> Result<(), Refused> {
        Ok(())
    }

    fn respond(&mut self, _: StreamId, response: Response) {
        panic!("answered: {response:?}");
    }

    fn resume(&mut self, stream: StreamId) {
        panic!("{stream:?} didn't wait");
    }

    fn may_close(&mut self, stream: StreamId) {
        panic!("{stream:?} is an ordinary request");
    }

    fn close(&mut self, stream: StreamId) {
        panic!("{stream:?} is an ordinary request");
    }
}

/// Sends what a browser sends with a click on a link, twice, and looks at the second request.
fn second(patch: Value, target: &str, cookies: impl Fn(&str) -> Vec<String>) -> Seen {
    let mut harness = Harness::with(patch);
    harness.signed_in();
    let cookies = cookies(&harness.jar.header());
    let mut headers: Vec<Header> = [
        (":authority", "app.example.com"),
        (":method", "GET"),
        (":path", target),
        (":scheme", "https"),
        ("sec-ch-ua", r#""Chromium";v="140", "Not=A?Brand";v="24""#),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", "\"Linux\""),
        ("upgrade-insecure-requests", "1"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-user", "?1"),
        ("sec-fetch-dest", "document"),
        ("referer", "https://app.example.com/"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-US,en;q=0.9"),
        ("priority", "u=0, i"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "1b0d4ff3-3d3d-4a8e-8d4c-2a1b4d9f5c11"),
    ]
    .iter()
    .map(|(name, value)| Header::new(name, value.as_bytes()))
    .collect();
    headers.extend(cookies.iter().map(|line| Header::new("cookie", line.as_bytes())));
    let request = Some(Request::new(&headers));
    let mut seen = None;
    for stream in [1001, 1002] {
        let mut stream = Stream::new(StreamId(stream));
        seen = harness.on(0, |driver, fake| {
            let (mut host, mut next) = (Keeper { fake, access: None, edits: None }, Next::Stop);
            let counted = measure(|| next = driver.request_headers(&mut stream, request, &mut host));
            let (access, edits) = (host.access.expect("a record"), host.edits.expect("edits"));
            Some(Seen { next, access, edits, allocations: counted.count_total })
        });
        harness.on(0, |driver, _| driver.stream_ended(&stream));
    }
    let seen = seen.expect("two requests");
    assert_eq!((seen.next, seen.access.decision), (Next::Continue, AccessDecision::Forwarded));
    let added: Vec<&str> = seen.edits.added().map(|(name, _)| name.as_str()).collect();
    assert!(added.contains(&"x-auth-subject"), "{added:?}");
    seen
}

/// The allocations of a known session's request, with the x-auth preset and these settings.
#[track_caller]
fn check(settings: Value, target: &str, cookies: impl Fn(&str) -> Vec<String>, allocations: u64) -> Seen {
    let mut patch = json!({"headers": {"preset": "x-auth"}});
    patch.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
    let seen = second(patch, target, cookies);
    assert_eq!(seen.allocations, allocations, "{settings} {target}");
    seen
}

fn only_ours(ours: &str) -> Vec<String> {
    vec![ours.to_owned()]
}

#[test]
fn a_known_session_costs_no_allocation() {
    let seen = check(json!({}), "/orders/42?page=2", only_ours, 0);
    assert_eq!(seen.edits.remove.as_slice(), ["cookie"]);
    assert_eq!(seen.access.rule.as_deref(), Some("default"));
}

#[test]
fn settings_that_many_people_have_cost_none_either() {
    let rules = json!({"rules": [
        {"path": "/public/**", "allow": "everyone"},
        {"name": "orders", "path": "/orders/**", "methods": ["GET"]},
        {"path": "/shop/**", "hosts": ["app.example.com"]},
        {"path": "/old/**", "allow": "nobody", "mode": "shadow"},
    ]});
    assert_eq!(check(rules.clone(), "/orders/42", only_ours, 0).access.rule.as_deref(), Some("orders"));
    assert_eq!(check(rules, "/shop/", only_ours, 0).access.rule.as_deref(), Some("2"));
    check(json!({"session": {"keys": [SESSION_KEY], "idle": "1h"}}), "/", only_ours, 0);
    check(json!({"bearer": {}}), "/", only_ours, 0);
    let list = json!({"cluster": "revocations", "host": "lists.example.com", "path": "/revoked.json"});
    check(json!({"revocations": list}), "/", only_ours, 0);
    check(json!({"public_url": "https://app.example.com"}), "/", only_ours, 0);
    check(json!({"paths": {"callback": "/"}}), "/?page=2&sort=name", only_ours, 0);
}

#[test]
fn rules_that_ask_for_claims_and_a_recent_strong_sign_in_cost_none_either() {
    let shadow = json!({"path": "/elsewhere/**", "claims": {"sub": "55*"}, "mode": "shadow"});
    let rules = json!({"rules": [shadow, {
        "name": "payroll",
        "path": "/payroll/**",
        "roles_any": ["authp/user"],
        "claims": {"email": ["*@other.test", "*@example.com"], "email_verified": true, "sub": "55*"},
        "max_age": "15m",
        "acr_any": ["urn:cognito:loa:1"],
        "amr_any": ["mfa", "pwd"],
    }]});
    assert_eq!(check(rules, "/payroll/may", only_ours, 0).access.rule.as_deref(), Some("payroll"));
}

#[test]
fn cookies_that_stay_cost_one_allocation_for_what_is_left() {
    let seen = check(json!({}), "/", |ours| vec![format!("theme=dark; {ours}; lang=en")], 1);
    let left = seen.edits.replace.expect("a cookie header without ours");
    assert_eq!(left, ("cookie", b"theme=dark; lang=en".to_vec()));
    // The cookies of a site with much advertising don't fit on the stack.
    check(json!({}), "/", |ours| vec![format!("{ours}{}", "; a=b".repeat(20))], 2);
}
