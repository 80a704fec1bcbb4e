//! Callback queries: a response has one state and one code, and without its flow cookie no call is made.

use std::sync::Arc;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::decision::{Decision, StreamId};
use envoy_cognito_core::http::{Header, Request};
use envoy_cognito_core::oidc::authorization::{AuthorizationOutcome, AuthorizationResponse};
use envoy_cognito_core::worker::authenticator::Authenticator;

use crate::fixed::{HOST, ISSUER, config, with_surroundings};

thread_local! {
    static CONFIG: Arc<Config> = config("[]");
}

/// The input is the query of a callback.
pub fn run(data: &[u8]) {
    check_response(data);
    let target = [b"/.auth/callback?", data].concat();
    let headers = [
        Header::new(":method", b"GET"),
        Header::new(":path", &target),
        Header::new(":authority", HOST.as_bytes()),
        Header::new("x-forwarded-proto", b"https"),
        Header::new("sec-fetch-mode", b"navigate"),
    ];
    CONFIG.with(|config| no_call_without_a_flow(config, Request::new(&headers)));
}

fn check_response(query: &[u8]) {
    let Ok(response) = AuthorizationResponse::parse(query) else { return };
    let state = only(query, "state").expect("one state");
    assert!(!state.is_empty() && response.state.expose() == &state, "{state:?}");
    match &response.outcome {
        AuthorizationOutcome::Code(code) => {
            assert_eq!(only(query, "code").as_ref(), Some(code.expose()), "one code");
            assert!(!code.expose().is_empty() && only(query, "error").is_none(), "a code and no error");
        }
        AuthorizationOutcome::Error { .. } => {
            assert!(only(query, "error").is_some(), "an error that was sent")
        }
    }
    let issuer = only(query, "iss");
    assert_eq!(response.may_be_from(ISSUER), issuer.is_none_or(|issuer| issuer == ISSUER));
    assert!(!format!("{response:?}").contains("Secret(\""), "the state and the code are not printed");
}

/// The value of a parameter that occurs once.
fn only(query: &[u8], name: &str) -> Option<String> {
    let values = query.split(|byte| *byte == b'&').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let value = pair.get(equals + 1..).unwrap_or_default();
        (decoded(&pair[..equals]) == name).then(|| decoded(value))
    });
    let values: Vec<String> = values.collect();
    assert!(values.len() <= 1, "`{name}` comes once, if at all");
    values.into_iter().next()
}

/// Decodes a text as in forms (WHATWG URL, application/x-www-form-urlencoded).
fn decoded(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        at += 1;
        match (byte, digit(at), digit(at + 1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high << 4 | low).expect("two digits"));
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A browser without a flow cookie gets a page and no cookies, and no call is made.
fn no_call_without_a_flow(config: &Arc<Config>, request: Request<'_>) {
    with_surroundings(|around| {
        let mut authenticator = Authenticator::new(Arc::clone(config), around);
        let decision = authenticator.handle_request(StreamId(1), request, around).decision;
        let Decision::Respond(response) = decision else { panic!("not answered: {decision:?}") };
        assert!((400..500).contains(&response.status), "{}", response.status);
        assert_eq!(response.header("location"), None, "nobody is sent anywhere");
        let kept = response
            .headers
            .iter()
            .filter(|(name, value)| *name == "set-cookie" && !value.contains("Max-Age=0"));
        assert_eq!(kept.count(), 0, "no cookie is set");
        while let Some((_, callout)) = authenticator.poll_callout(around) {
            assert!(callout.endpoint.url.ends_with("/jwks.json"), "{} is called", callout.endpoint.url);
        }
    });
}
