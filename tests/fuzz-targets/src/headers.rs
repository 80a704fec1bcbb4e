//! Whole requests, as the host passes them: nobody without a session reaches a protected path, and no header that
//! goes upstream contains an identity that the client made up.

use std::sync::Arc;

use envoy_cognito::header_map;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::decision::{Decision, StreamId};
use envoy_cognito_core::http::{OwnedRequest, Request, RequestEdits};
use envoy_cognito_core::worker::authenticator::Authenticator;

use crate::cookies::has_ours;
use crate::fixed::{OURS, config, with_surroundings};
use crate::paths::{OPEN, assert_stays_open, document};

type Header = (Vec<u8>, Vec<u8>);

thread_local! {
    static CONFIG: Arc<Config> = config(&document(OPEN));
}

/// The input is the host's bytes; if it can't be parsed as such, one `name: value` per line.
pub fn run(data: &[u8]) {
    if let Some(headers) = header_map::parse(data) {
        CONFIG.with(|config| decide(config, Request::new(&headers)));
    }
    let lines = data.split(|byte| *byte == b'\n').take(60);
    let headers: Vec<Header> = lines.filter_map(header).collect();
    let bytes = serialized(&headers);
    let Some(parsed) = header_map::parse(&bytes) else {
        assert!(
            !headers.iter().all(|(name, _)| name.is_ascii()),
            "only names that can't be spelt are refused"
        );
        return;
    };
    let pairs = parsed.iter().map(|header| (header.name.to_vec(), header.value.to_vec()));
    assert_eq!(pairs.collect::<Vec<_>>(), headers);
    assert_eq!(OwnedRequest::of(Request::new(&parsed)).headers(), parsed);
    CONFIG.with(|config| decide(config, Request::new(&parsed)));
}

/// A line as a header; a name may begin with a colon.
fn header(line: &[u8]) -> Option<Header> {
    let colon = line.iter().skip(1).position(|byte| *byte == b':')? + 1;
    Some((line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec()))
}

fn serialized(headers: &[Header]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).expect("a short text").to_le_bytes();
    let mut bytes = number(headers.len()).to_vec();
    for (name, value) in headers {
        bytes.extend_from_slice(&[number(name.len()), number(value.len())].concat());
    }
    for (name, value) in headers {
        bytes.extend_from_slice(&[name, &b"\0"[..], value, b"\0"].concat());
    }
    bytes
}

fn decide(config: &Arc<Config>, request: Request<'_>) {
    with_surroundings(|around| {
        let mut authenticator = Authenticator::new(Arc::clone(config), around);
        match authenticator.handle_request(StreamId(1), request, around).decision {
            Decision::Forward(edits, _) => {
                assert_stays_open(OPEN, request.target());
                assert_eq!(edits.identity, None, "nobody is signed in");
                check_upstream(request, &edits);
            }
            Decision::Respond(response) => {
                assert!((200..=599).contains(&response.status), "{}", response.status);
                let bad = |value: &str| value.contains(char::is_control);
                assert!(!response.headers.iter().any(|(_, value)| bad(value)), "{:?}", response.headers);
                assert_eq!(response.header("cache-control"), Some("no-store"));
            }
            Decision::Read { .. } => panic!("no form is kept"),
            Decision::Park => assert!(request.has("authorization"), "only a token waits for keys"),
        }
        while let Some((_, callout)) = authenticator.poll_callout(around) {
            assert!(callout.endpoint.url.ends_with("/jwks.json"), "{} is called", callout.endpoint.url);
        }
    });
}

/// The upstream request contains no header and no cookie that could be mistaken for ours, and everything else.
fn check_upstream(request: Request<'_>, edits: &RequestEdits) {
    let fold = |name: &[u8]| -> Vec<u8> {
        let fold = |byte: &u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
        name.iter().map(fold).collect()
    };
    let is_ours = |name: &[u8]| OURS.iter().any(|ours| fold(ours.as_bytes()) == fold(name));
    let removed = |name: &[u8]| edits.remove.iter().any(|removed| removed.as_bytes() == name);
    for name in request.names() {
        assert!(!is_ours(name) || removed(name), "{} goes upstream", name.escape_ascii());
        assert!(!removed(name) || is_ours(name) || name == b"cookie", "{} is lost", name.escape_ascii());
    }
    for (name, value) in edits.set() {
        assert!(name == "cookie" && !has_ours(value) && !value.is_empty(), "{name} is set");
    }
    let cookies = request.values("cookie").any(has_ours);
    assert!(!cookies || edits.remove.iter().any(|name| name == "cookie") || edits.replace.is_some());
}
