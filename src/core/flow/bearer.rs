//! API clients: the token in `Authorization` (RFC 6750, section 2.1), and the response to a bad token.

use crate::flow::context::RequestContext;
use crate::flow::resource_metadata::challenge;
use crate::http::{Request, Response};
use crate::json;
use crate::oidc::jwt::JwtError;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// The bearer token of a request's `Authorization` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// There is no bearer token.
    Absent,
    /// One well-formed token.
    Token(&'a str),
    /// There is a bearer token, but it is malformed.
    Malformed,
}

/// Finds the bearer token of a request. More than one credential is ambiguous and therefore malformed.
pub fn bearer_of(request: Request<'_>) -> Bearer<'_> {
    // Proxies join repeated headers with a comma.
    let is_bearer = |value: &[u8]| {
        value.split(|byte| *byte == b',').any(|credential| {
            // The word `bearer`, unless it is part of a longer word, announces a token, whatever follows.
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let scheme = credential.trim_ascii_start().split(|byte| !is_word(byte)).next();
            scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
        })
    };
    if !request.values("authorization").any(is_bearer) {
        return Bearer::Absent;
    }
    let value = request.text("authorization").and_then(|value| value.split_once(' '));
    let token = value.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token.map(|(_, token)| token.trim_matches(' ')) {
        Some(token) if is_b64token(token) => Bearer::Token(token),
        _ => Bearer::Malformed,
    }
}

/// Whether the text is a `b64token` (RFC 6750, section 2.1).
fn is_b64token(token: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(plain)
}

/// `401` for a rejected token (RFC 6750, section 3.1). It is always JSON and never a redirect, because an API client
/// can't sign in. Only the log says which check failed.
pub fn invalid_token(ctx: &RequestContext<'_>, error: JwtError) -> (Response, Event) {
    let response = Response::json(401, json::object_of("error", "invalid_token"))
        .with("www-authenticate", challenge(ctx, "error=\"invalid_token\""));
    let event = Event::counted(Level::Info, Counter::BearerRejected(error.bearer_reason()))
        .with("request_id", ctx.reference());
    let event = match error.bearer_hint() {
        Some(hint) => event.with("hint", hint),
        None => event,
    };
    (response, event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Header;

    #[test]
    fn one_well_formed_token_is_taken_and_nothing_like_it() {
        let bearer = |values: &[&str]| {
            let headers = values.iter().map(|value| Header::new("authorization", value.as_bytes()));
            match bearer_of(Request::new(&headers.collect::<Vec<_>>())) {
                Bearer::Absent => "absent".to_owned(),
                Bearer::Token(token) => format!("token {token}"),
                Bearer::Malformed => "malformed".to_owned(),
            }
        };
        for value in ["Bearer a.b-c_d", "BEARER a.b-c_d", "bearer a.b-c_d", "Bearer   a.b-c_d"] {
            assert_eq!(bearer(&[value]), "token a.b-c_d", "{value}");
        }
        assert_eq!(bearer(&["Bearer abc=="]), "token abc==");
        for value in [
            "Bearer",
            "Bearer ",
            "bearer  ",
            "Bearer\tx",
            "Bearer:x",
            "Bearer,x",
            "Bearer a b",
            "Bearer x,Bearer y",
            "Bearer \u{e9}",
            "Bearer =",
        ] {
            assert_eq!(bearer(&[value]), "malformed", "{value}");
        }
        assert_eq!(bearer(&["Bearer a", "Bearer a"]), "malformed");
        assert_eq!(bearer(&["Basic eDp5", "Bearer a"]), "malformed");
        assert_eq!(bearer(&["Basic eDp5,Bearer a"]), "malformed");
        assert_eq!(bearer(&["Basic eDp5, bearer a"]), "malformed");
        for value in ["", "Basic eDp5", "Bearerx a", "a.b.c", "Digest Bearer"] {
            assert_eq!(bearer(&[value]), "absent", "{value}");
        }
        assert_eq!(bearer(&[]), "absent");
    }
}
