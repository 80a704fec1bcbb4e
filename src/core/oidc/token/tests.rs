//! Responses of the token endpoint, and how a request authenticates the client.

use super::*;
use crate::http::CalloutResponse;

fn parse(status: u16, body: &str) -> Result<TokenResponse, TokenEndpointError> {
    parse_token_response(&Ok(CalloutResponse { status, body: body.as_bytes().to_vec(), etag: None }))
}

fn invalid(status: u16) -> TokenEndpointError {
    CallError::InvalidResponse(status).into()
}

fn unavailable(status: u16) -> TokenEndpointError {
    CallError::Unavailable(status).into()
}

#[test]
fn tokens_are_read() {
    let body =
        r#"{"id_token":"i","access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3600}"#;
    let tokens = parse(200, body).unwrap();
    assert_eq!(tokens.id_token.0.expose(), "i");
    assert_eq!(tokens.refresh_token.unwrap().0.expose(), "r");
}

#[test]
fn what_is_empty_is_absent() {
    let tokens = r#""id_token":"i","access_token":"a""#;
    for refresh_token in [r#""""#, r#"" ""#, r#""\n\t""#, "null", "7", "[]", "{}", "false"] {
        let body = format!(
            r#"{{{tokens},"error":{refresh_token},"refresh_token":{refresh_token},"token_type":""}}"#
        );
        assert!(parse(200, &body).unwrap().refresh_token.is_none(), "{body}");
    }
    for token in [r#""""#, r#"" ""#, "null", "[]", r#""\ud800""#, r#""a\r\nb""#] {
        let body = format!(r#"{{"id_token":"i","access_token":{token}}}"#);
        assert_eq!(parse(200, &body).unwrap_err(), invalid(200), "{body}");
    }
    for token in [r#""""#, r#"" ""#, "null", "[]", "1e999"] {
        let body = format!(r#"{{"id_token":{token},"access_token":"a"}}"#);
        assert_eq!(parse(200, &body).unwrap_err(), invalid(200), "{body}");
    }
}

#[test]
fn a_lifetime_is_a_time_to_come() {
    let lifetime = |expires_in: &str| {
        let body = format!(r#"{{"id_token":"i","access_token":"a","expires_in":{expires_in}}}"#);
        parse(200, &body).unwrap().expires_in
    };
    for (expires_in, seconds) in [("3600", 3600), ("3.6e3", 3600), (r#""3600""#, 3600), (r#"" 300 ""#, 300)] {
        assert_eq!(lifetime(expires_in), Some(Duration::from_secs(seconds)), "{expires_in}");
    }
    for nothing in [
        "0",
        "-1",
        "null",
        r#""""#,
        r#""soon""#,
        r#""-1""#,
        r#""NaN""#,
        r#""inf""#,
        "[]",
        "{}",
        "true",
        "1e999",
    ] {
        assert_eq!(lifetime(nothing), None, "{nothing}");
    }
    assert_eq!(lifetime("1e300"), Some(Duration::from_secs(u64::MAX)));
}

#[test]
fn a_text_that_was_cut_short_hides_no_error() {
    let body = r#"{"error":"invalid_grant","error_description":"half \ud83d"}"#;
    let description = "half \u{fffd}".to_owned();
    let expected = TokenEndpointError::Refused { code: OAuthError::InvalidGrant, description };
    assert_eq!(parse(400, body).unwrap_err(), expected);
}

#[test]
fn every_other_answer_has_its_own_meaning() {
    let check = |status, body, expected| assert_eq!(parse(status, body).unwrap_err(), expected, "{body}");
    for status in [500, 502, 503, 429] {
        check(status, "<html>", unavailable(status));
        check(status, r#"{"id_token":"i","access_token":"a"}"#, unavailable(status));
    }
    check(504, "", CallError::TimedOut.into());
    check(400, r#"{"__type":"TooManyRequestsException"}"#, unavailable(400));
    check(400, r#"{"error":"something_new"}"#, unavailable(400));
    for status in [400, 401, 200] {
        let description = String::new();
        let expected = TokenEndpointError::Refused { code: OAuthError::InvalidClient, description };
        check(status, r#"{"error":"invalid_client"}"#, expected);
    }
    for (status, body) in [
        (200, ""),
        (200, "<html></html>"),
        (200, "[]"),
        (200, r#"["i","a","r",null,null]"#),
        (200, r#"{"id_token":"i","#),
        (200, r#"{"access_token":"a"}"#),
        (200, r#"{"id_token":1,"access_token":"a"}"#),
        (204, ""),
        (302, ""),
        (307, r#"{"id_token":"i","access_token":"a"}"#),
        (404, ""),
    ] {
        check(status, body, invalid(status));
    }
}

#[test]
fn the_secret_goes_as_plain_base64_and_is_not_printed() {
    let secret = ClientSecret(Secret::new("s+%&:é".to_owned()));
    let caller = TokenClient {
        client_id: "id",
        client_secret: Some(&secret),
        cluster: "c",
        timeout: Duration::from_secs(5),
    };
    let endpoint = Endpoint::new(&url::Url::parse("https://d/oauth2/token").unwrap());
    let verifier = CodeVerifier(Secret::new("v".to_owned()));
    let callout = caller.redeem(&endpoint, &Secret::new("c&d".to_owned()), "https://app/cb", &verifier);
    let (_, authorization) =
        callout.headers.iter().find(|(name, _)| *name == "authorization").unwrap().clone();
    assert_eq!(authorization.expose(), &format!("Basic {}", STANDARD.encode("id:s+%&:é")));
    assert_eq!(
        String::from_utf8(callout.body.expose().clone()).unwrap(),
        "grant_type=authorization_code&code=c%26d&redirect_uri=https%3A%2F%2Fapp%2Fcb&code_verifier=v&client_id=id"
    );
    let printed = format!("{callout:?}");
    assert!(!printed.contains("c&d") && !printed.contains("s+%"), "{printed}");
}
