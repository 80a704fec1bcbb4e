//! The token endpoint: its requests and responses (RFC 6749, sections 4.1.3, 5 and 6), and token revocation (RFC
//! 7009).

use std::fmt;
use std::time::Duration;

use crate::crypto::secret::Secret;
use crate::http::{Callout, CalloutResult, Endpoint, format_query};
use crate::json::{Json, Members};
use crate::oidc::call::CallError;
use crate::oidc::{AccessToken, ClientSecret, CodeVerifier, IdToken, RefreshToken};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Calls Cognito's OAuth endpoints.
#[derive(Clone, Copy, Debug)]
pub struct TokenClient<'a> {
    /// The app client.
    pub client_id: &'a str,
    /// Its secret; a public client has none.
    pub client_secret: Option<&'a ClientSecret>,
    /// The Envoy cluster to call through.
    pub cluster: &'a str,
    /// How long a response may take.
    pub timeout: Duration,
}

impl TokenClient<'_> {
    /// A form POST with client authentication. Cognito expects plain base64 of `id:secret`, without the form-encoding
    /// that RFC 6749, section 2.3.1, requires. A public client sends only its `client_id`; a confidential client may
    /// send it too.
    fn post(&self, endpoint: &Endpoint, form: &[(&str, &str)]) -> Callout {
        let client_id = [("client_id", self.client_id)];
        let body = format_query(form.iter().copied().chain(client_id));
        let mut headers: Vec<(&str, Secret<String>)> = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
            // The filter can't read compressed responses.
            ("accept-encoding", "identity"),
        ]
        .map(|(name, value)| (name, Secret::new(value.to_owned())))
        .into();
        if let Some(secret) = self.client_secret {
            let credentials = STANDARD.encode(format!("{}:{}", self.client_id, secret.0.expose()));
            headers.push(("authorization", Secret::new(format!("Basic {credentials}"))));
        }
        Callout {
            cluster: self.cluster.to_owned(),
            method: "POST",
            endpoint: endpoint.clone(),
            headers,
            body: Secret::new(body.into_bytes()),
            timeout: self.timeout,
        }
    }

    /// Redeems an authorization code (RFC 6749, section 4.1.3).
    pub fn redeem(
        &self,
        endpoint: &Endpoint,
        code: &Secret<String>,
        redirect_uri: &str,
        verifier: &CodeVerifier,
    ) -> Callout {
        self.post(
            endpoint,
            &[
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("redirect_uri", redirect_uri),
                ("code_verifier", verifier.0.expose()),
            ],
        )
    }

    /// Requests new tokens (RFC 6749, section 6).
    pub fn refresh(&self, endpoint: &Endpoint, token: &RefreshToken) -> Callout {
        self.post(endpoint, &[("grant_type", "refresh_token"), ("refresh_token", token.0.expose())])
    }

    /// Revokes a refresh token, and with it all tokens of its family (RFC 7009, section 2.1).
    pub fn revoke(&self, endpoint: &Endpoint, token: &RefreshToken) -> Callout {
        self.post(endpoint, &[("token", token.0.expose())])
    }
}

/// The tokens that the endpoint returned for an authorization code or a refresh token.
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// The ID token, not verified yet.
    pub id_token: IdToken,
    /// The access token.
    pub access_token: AccessToken,
    /// The refresh token. Cognito returns one for every code, but for a refresh token only if rotation is on;
    /// otherwise the old one stays valid.
    pub refresh_token: Option<RefreshToken>,
    /// How long the access token is valid (RFC 6749, section 5.1).
    pub expires_in: Option<Duration>,
}

/// Why the token endpoint returned no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenEndpointError {
    /// An error response of RFC 6749, section 5.2: the request was understood and refused.
    Refused {
        /// `error`.
        code: OAuthError,
        /// `error_description`; may be empty.
        description: String,
    },
    /// There is no usable response. A 400 that isn't an OAuth error counts as unavailable: Cognito throttles that
    /// way.
    Call(CallError),
}

impl TokenEndpointError {
    /// A short name for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code.code(),
            Self::Call(CallError::Unavailable(_)) => "token_unavailable",
            Self::Call(CallError::TimedOut) => "token_timeout",
            Self::Call(CallError::NotDispatched) => "cluster_missing",
            Self::Call(CallError::InvalidResponse(_)) => "token_nonsense",
        }
    }
}

impl From<CallError> for TokenEndpointError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for TokenEndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, description } => write!(f, "refused: {}: {description}", code.code()),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TokenEndpointError {}

/// The `error` of an error response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthError {
    /// A parameter is missing or malformed.
    InvalidRequest,
    /// Unknown client or wrong secret.
    InvalidClient,
    /// The code or refresh token is already used, expired, revoked, or issued to another client.
    InvalidGrant,
    /// The client may not use this grant. At Cognito also: `redirect_uri` differs from that of the authorization
    /// request.
    UnauthorizedClient,
    /// Cognito doesn't know this grant.
    UnsupportedGrantType,
    /// A scope that doesn't exist.
    InvalidScope,
}

impl OAuthError {
    fn parse(code: &str) -> Option<Self> {
        Some(match code {
            "invalid_request" => Self::InvalidRequest,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            "invalid_scope" => Self::InvalidScope,
            _ => return None,
        })
    }

    /// The code as written in the standard.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

/// Reads the response of the token endpoint.
///
/// # Errors
/// If it contains no tokens.
pub fn parse_token_response(result: &CalloutResult) -> Result<TokenResponse, TokenEndpointError> {
    let response = result.as_ref().map_err(|error| CallError::from(*error))?;
    let status = response.status;
    // Envoy itself responds with this if a call takes too long.
    if status == 504 {
        return Err(CallError::TimedOut.into());
    }
    if status >= 500 || status == 429 {
        return Err(CallError::Unavailable(status).into());
    }
    let body = Members::read(&response.body).unwrap_or_default();
    if let Some(error) = body.text("error") {
        return Err(match OAuthError::parse(&error) {
            Some(code) => {
                let description = body.text("error_description").unwrap_or_default();
                TokenEndpointError::Refused { code, description }
            }
            None => CallError::Unavailable(status).into(),
        });
    }
    let access_token = body.text("access_token").filter(|token| is_access_token(token));
    match (status, body.text("id_token"), access_token) {
        (200, Some(id_token), Some(access_token)) => Ok(TokenResponse {
            id_token: IdToken(Secret::new(id_token)),
            access_token: AccessToken(Secret::new(access_token)),
            refresh_token: body.text("refresh_token").map(|token| RefreshToken(Secret::new(token))),
            expires_in: body.get("expires_in").and_then(lifetime),
        }),
        (400, ..) => Err(CallError::Unavailable(status).into()),
        _ => Err(CallError::InvalidResponse(status).into()),
    }
}

/// RFC 6749, appendix A.12. The token is put into headers unchanged.
fn is_access_token(token: &str) -> bool {
    token.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// `expires_in`. Some servers send it as a text. Values below one second count as absent.
fn lifetime(expires_in: Json<'_>) -> Option<Duration> {
    let text = expires_in.text();
    let expires_in = text.as_deref().map_or(expires_in, |text| Json::unread(text.trim()));
    let seconds = expires_in.number().filter(|seconds| *seconds >= 1.0)?;
    // `as` saturates. Such a token never expires, but other limits end the session earlier.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(Duration::from_secs(seconds as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::CalloutResponse;

    fn parse(status: u16, body: &str) -> Result<TokenResponse, TokenEndpointError> {
        parse_token_response(&Ok(CalloutResponse { status, body: body.as_bytes().to_vec() }))
    }

    fn invalid(status: u16) -> TokenEndpointError {
        CallError::InvalidResponse(status).into()
    }

    fn unavailable(status: u16) -> TokenEndpointError {
        CallError::Unavailable(status).into()
    }

    #[test]
    fn tokens_are_read() {
        let body = r#"{"id_token":"i","access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":3600}"#;
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
        for (expires_in, seconds) in
            [("3600", 3600), ("3.6e3", 3600), (r#""3600""#, 3600), (r#"" 300 ""#, 300)]
        {
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
}
