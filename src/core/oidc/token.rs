//! The token endpoint: its requests and responses (RFC 6749, sections 4.1.3, 5 and 6), and token revocation (RFC
//! 7009).

use std::fmt;
use std::time::Duration;

use crate::crypto::secret::Secret;
use crate::http::{Callout, CalloutResult, Endpoint, MAX_CALLOUT_BODY, format_query};
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
            max_body: MAX_CALLOUT_BODY,
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
mod tests;
