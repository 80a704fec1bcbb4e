//! Responses of the token endpoint: only a successful response yields tokens.

use envoy_cognito_core::http::CalloutResponse;
use envoy_cognito_core::oidc::token::{TokenEndpointError, parse_token_response};
use serde_json::Value;

/// Statuses that the first byte of the input selects from.
const STATUSES: [u16; 12] = [200, 201, 204, 301, 302, 400, 401, 403, 404, 429, 500, 504];

/// The first byte of the input is the status, the rest is the body.
pub fn run(data: &[u8]) {
    let Some((status, body)) = data.split_first() else { return };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let answer = Ok(CalloutResponse { status, body: body.to_vec(), etag: None });
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    match parse_token_response(&answer) {
        Ok(tokens) => {
            assert_eq!(status, 200, "only a 200 has tokens");
            assert_eq!(text("error"), None, "an error has no tokens");
            assert_eq!(text("id_token"), Some(tokens.id_token.0.expose().as_str()));
            assert_eq!(text("access_token"), Some(tokens.access_token.0.expose().as_str()));
            let refresh = tokens.refresh_token.as_ref().map(|token| token.0.expose().as_str());
            assert_eq!(text("refresh_token"), refresh);
            let printed = format!("{tokens:?}");
            let long = [text("id_token"), text("access_token"), refresh].into_iter().flatten();
            assert!(!long.filter(|token| token.len() > 20).any(|token| printed.contains(token)), "{printed}");
        }
        Err(TokenEndpointError::Refused { code, .. }) => {
            // A temporary failure must not use up a code, and a refusal ends a session.
            assert!(status < 500 && status != 429, "{status} isn't a refusal");
            assert_eq!(text("error"), Some(code.code()));
        }
        Err(_) => {}
    }
}
