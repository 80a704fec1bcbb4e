//! Nothing of a request goes upstream before its decision: not its body, not its trailers, whatever Envoy's
//! `allow_on_headers_stop_iteration` does with a filter that stops at the headers.

use std::time::Duration;

use stand_in::{Endpoint, Fault, Times};

use crate::bearer::{text, tokens};
use crate::bearer_keys::under_key;
use crate::odd::odd;
use crate::own::wait;
use crate::parked_lab::{BODY, Kind, SHAPES, Sent, Shape, Site, kinds, lab, send};
use crate::world::{CLIENT_SECRET, USER};

/// What is observed of waiting requests: each response, and what the upstream finally received.
struct Seen {
    shape: Shape,
    status: u16,
    upstream: Vec<Vec<u8>>,
}

/// Sends a request of each shape at once, checks that none of it arrives while they wait, ends the wait, and returns
/// what was observed.
fn hold(
    kind: Kind,
    site: &Site,
    shapes: &[Shape],
    request: impl Fn(&str) -> Sent<'static> + Sync,
    waits: impl Fn() -> bool,
    end: impl FnOnce(),
) -> Vec<Seen> {
    let mark = |shape: &Shape| format!("held-{}-{shape:?}-", site.name);
    std::thread::scope(|scope| {
        let sent: Vec<_> = shapes
            .iter()
            .map(|shape| {
                let request = &request;
                (shape, scope.spawn(move || send(site, *shape, &request(&mark(shape)))))
            })
            .collect();
        let waiting = rig::eventually(rig::PATIENCE, || waits().then_some(()));
        assert!(waiting.is_some(), "{kind:?} {}: nobody waits", site.name);
        // Long enough for data that isn't held back to arrive.
        wait(Duration::from_millis(300));
        for (shape, _) in &sent {
            assert!(!odd().has_begun(&mark(shape)), "{kind:?} {shape:?}: it went upstream undecided");
        }
        end();
        let seen = |(shape, sent): (&Shape, std::thread::ScopedJoinHandle<'_, u16>)| Seen {
            shape: *shape,
            status: sent.join().expect("an answer"),
            upstream: odd().requests(&mark(shape)),
        };
        sent.into_iter().map(seen).collect()
    })
}

/// They went upstream once, complete, as John Smith's.
fn check_forwarded(kind: Kind, seen: &[Seen]) {
    for Seen { shape, status, upstream } in seen {
        if *status == 413 && *shape == Shape::Large && kind.is_whole {
            // In the module that cargo builds, Envoy can't pause the client; it buffers up to its limit and rejects
            // the rest.
            assert!(upstream.is_empty(), "{kind:?} {shape:?}");
            continue;
        }
        assert_eq!((*status, upstream.len()), (200, 1), "{kind:?} {shape:?}");
        let request = String::from_utf8_lossy(&upstream[0]);
        let lines: Vec<String> = request.lines().map(str::to_ascii_lowercase).collect();
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        let user = format!("x-auth-user: {USER}");
        assert_eq!((count(&user), count("x-auth-user:")), (1, 1), "{kind:?} {shape:?}: {lines:?}");
        assert!(BODY.iter().all(|piece| request.contains(piece)), "{kind:?} {shape:?}: {lines:?}");
        let has_trailers = matches!(shape, Shape::Trailers | Shape::Http2Trailers);
        assert_eq!(count("x-kept: yes"), usize::from(has_trailers), "{kind:?} {shape:?}: {lines:?}");
        // A token is random: it may contain any short text.
        let mut others = lines.iter().filter(|line| !line.starts_with("authorization:"));
        let foreign =
            others.find(|line| ["root", "__host-", "x_auth"].iter().any(|text| line.contains(text)));
        assert_eq!(foreign, None, "{kind:?} {shape:?}");
    }
}

/// None of them went upstream.
fn check_kept(kind: Kind, seen: &[Seen], expected: &[u16]) {
    for Seen { shape, status, upstream } in seen {
        let is_refused =
            expected.contains(status) || *status == 413 && *shape == Shape::Large && kind.is_whole;
        assert!(is_refused, "{kind:?} {shape:?}: {status}");
        assert!(upstream.is_empty(), "{kind:?} {shape:?}: it went upstream");
    }
    assert!(lab().envoy.alive() && !lab().envoy.log().contains("panicked"));
}

fn access_token(site: &Site) -> String {
    let tokens = tokens(&lab().cognito, &site.name, Some(CLIENT_SECRET), &site.name, "openid");
    text(&tokens, "access_token").to_owned()
}

fn posted(target: &str, headers: Vec<(&'static str, String)>) -> Sent<'static> {
    Sent { method: "POST", target: format!("/admin/{target}"), headers }
}

fn calls(site: &Site, endpoint: Endpoint) -> usize {
    let who = if endpoint == Endpoint::Jwks { site.pool_id() } else { site.name.clone() };
    lab().cognito.calls(endpoint, &who).len()
}

#[test]
fn a_body_waits_while_a_key_that_no_token_named_before_is_asked_for() {
    for &kind in kinds() {
        let site = lab().site(kind, "kid");
        let token = under_key(&access_token(&site), "never-heard-of");
        let fetched = rig::eventually(rig::PATIENCE, || (calls(&site, Endpoint::Jwks) > 0).then_some(()));
        assert!(fetched.is_some(), "{kind:?}");
        let before = calls(&site, Endpoint::Jwks);
        lab().cognito.fault(Endpoint::Jwks, &site.pool_id(), Fault::Held, Times::Next(1));
        let request = |mark: &str| posted(mark, vec![("authorization", format!("Bearer {token}"))]);
        let waits = || calls(&site, Endpoint::Jwks) > before;
        let end = || lab().cognito.clear_faults(&site.pool_id());
        check_kept(kind, &hold(kind, &site, &SHAPES, request, waits, end), &[401]);
    }
}

#[test]
fn a_body_waits_while_there_are_no_keys_yet_and_goes_on_whole() {
    for &kind in kinds() {
        let site = lab().site(kind, "keys");
        let token = access_token(&site);
        let request = |mark: &str| posted(mark, vec![("authorization", format!("Bearer {token}"))]);
        let before = calls(&site, Endpoint::Jwks);
        let waits = || calls(&site, Endpoint::Jwks) > before;
        let end = || lab().cognito.clear_faults(&site.pool_id());
        check_forwarded(kind, &hold(kind, &site, &SHAPES, request, waits, end));
    }
}

#[test]
fn a_body_waits_while_a_session_is_refreshed_and_goes_on_whole() {
    for &kind in kinds() {
        let site = lab().site(kind, "refresh");
        let session = site.session_over();
        let before = calls(&site, Endpoint::Token);
        lab().cognito.fault(Endpoint::Token, &site.name, Fault::Held, Times::Next(1));
        let request = |mark: &str| posted(mark, vec![("cookie", session.clone())]);
        let waits = || calls(&site, Endpoint::Token) > before;
        let end = || lab().cognito.clear_faults(&site.name);
        check_forwarded(kind, &hold(kind, &site, &SHAPES, request, waits, end));
    }
}

#[test]
fn a_body_never_goes_on_where_the_refresh_says_no() {
    for &kind in kinds() {
        let site = lab().site(kind, "over");
        let session = site.session_over();
        let before = calls(&site, Endpoint::Token);
        lab().cognito.revoke_all(&site.pool_id(), USER);
        lab().cognito.fault(Endpoint::Token, &site.name, Fault::Held, Times::Next(1));
        let request = |mark: &str| posted(mark, vec![("cookie", session.clone())]);
        let waits = || calls(&site, Endpoint::Token) > before;
        let end = || lab().cognito.clear_faults(&site.name);
        check_kept(kind, &hold(kind, &site, &SHAPES, request, waits, end), &[401]);
    }
}

#[test]
fn a_body_of_a_callback_goes_nowhere() {
    for &kind in kinds() {
        let site = lab().site(kind, "callback");
        let (target, cookies) = site.callback();
        let before = calls(&site, Endpoint::Token);
        lab().cognito.fault(Endpoint::Token, &site.name, Fault::Held, Times::Next(1));
        let request = |mark: &str| Sent {
            method: "GET",
            target: format!("{target}&mark={mark}"),
            headers: vec![("cookie", cookies.clone())],
        };
        let waits = || calls(&site, Endpoint::Token) > before;
        let end = || lab().cognito.clear_faults(&site.name);
        let seen = hold(kind, &site, &SHAPES, request, waits, end);
        // A worker that doesn't redeem the code reports that it is already redeemed.
        check_kept(kind, &seen, &[302, 400]);
        // The request that redeemed it may be the one that Envoy rejected for its size.
        assert!(seen.iter().any(|seen| matches!(seen.status, 302 | 413)), "{kind:?}");
    }
}
