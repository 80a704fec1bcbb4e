//! Attributes that an ID token lacks, requested with the access token from `userInfo` (OIDC Core, section 5.3;
//! Cognito: "userInfo endpoint") or `GetUser` (Cognito: user pools API).

use std::fmt;

use crate::cognito::user_pool::{AttributesFrom, UserPool};
use crate::crypto::secret::Secret;
use crate::http::{Callout, CalloutResponse, CalloutResult, MAX_CALLOUT_BODY};
use crate::json::{self, Json, Members};
use crate::oidc::AccessToken;
use crate::oidc::call::CallError;
use crate::oidc::jwt::Claims;

/// What Cognito returned about the person of an ID token. It adds to the token's claims and never replaces one.
#[derive(Clone, Debug, Default)]
pub struct UserAttributes(Members);

/// Why there are no attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributesError {
    /// No usable response.
    Call(CallError),
    /// Cognito rejected the access token: it was revoked, or lacks the scope. Carries the status.
    Refused(u16),
    /// They belong to another person (OIDC Core, section 5.3.2).
    Subject,
}

impl AttributesError {
    /// A short name for logs and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Call(CallError::Unavailable(_)) => "attributes_unavailable",
            Self::Call(CallError::TimedOut) => "attributes_timeout",
            Self::Call(CallError::NotDispatched) => "cluster_missing",
            Self::Call(CallError::InvalidResponse(_)) => "attributes_nonsense",
            Self::Refused(_) => "attributes_refused",
            Self::Subject => "attributes_subject",
        }
    }

    /// Whether a later call may succeed.
    pub const fn may_pass(self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Subject)
    }
}

impl From<CallError> for AttributesError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for AttributesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Refused(status) => write!(f, "the access token was refused: status {status}"),
            Self::Subject => f.write_str("the attributes are another person's"),
        }
    }
}

impl std::error::Error for AttributesError {}

impl UserAttributes {
    /// An attribute, by the name of its claim. Groups and all other names that begin with `cognito:` are only read
    /// from tokens.
    pub fn get(&self, name: &str) -> Option<Json<'_>> {
        self.0.get(name).filter(|_| !name.starts_with("cognito:"))
    }

    /// The call that requests them; `None` if only the ID token is used.
    pub fn ask(pool: &UserPool, token: &AccessToken) -> Option<Callout> {
        let text = |value: &str| Secret::new(value.to_owned());
        let mut headers = vec![("accept-encoding", text("identity"))];
        let (cluster, method, endpoint, body) = match pool.attributes_from {
            AttributesFrom::IdToken => return None,
            AttributesFrom::UserInfo => {
                headers.push(("accept", text("application/json")));
                headers.push(("authorization", Secret::new(format!("Bearer {}", token.0.expose()))));
                (&pool.clusters.domain, "GET", &pool.endpoints.userinfo, Vec::new())
            }
            AttributesFrom::GetUser => {
                headers.push(("content-type", text("application/x-amz-json-1.1")));
                headers.push(("x-amz-target", text("AWSCognitoIdentityProviderService.GetUser")));
                let body = json::object_of("AccessToken", token.0.expose());
                (&pool.clusters.api, "POST", &pool.endpoints.api, body.into_bytes())
            }
        };
        Some(Callout {
            cluster: cluster.clone(),
            method,
            endpoint: endpoint.clone(),
            headers,
            body: Secret::new(body),
            timeout: pool.timeouts.userinfo,
            max_body: MAX_CALLOUT_BODY,
        })
    }

    /// Reads the response, which must be about the same person as `claims`.
    ///
    /// # Errors
    /// If it has no attributes of that person.
    pub fn read(
        from: AttributesFrom,
        result: &CalloutResult,
        claims: &Claims,
    ) -> Result<Self, AttributesError> {
        let response = result.as_ref().map_err(|error| CallError::from(*error))?;
        let document = Members::read(&response.body);
        if response.status != 200 {
            return Err(refusal(response, document.as_ref()));
        }
        let found = match from {
            AttributesFrom::GetUser => document.as_ref().and_then(user_attributes),
            AttributesFrom::IdToken | AttributesFrom::UserInfo => document,
        };
        let found = found.ok_or(CallError::InvalidResponse(200))?;
        match found.text("sub") {
            Some(subject) if subject == claims.subject() => Ok(Self(found)),
            Some(_) => Err(AttributesError::Subject),
            None => Err(CallError::InvalidResponse(200).into()),
        }
    }
}

/// The error for a status other than 200. Cognito throttles with 429; its API also uses 400 with a type that says so.
fn refusal(response: &CalloutResponse, document: Option<&Members>) -> AttributesError {
    let kind = document.and_then(|document| document.text("__type")).unwrap_or_default();
    // The type may have a namespace in front: `com.amazonaws…#TooManyRequestsException`.
    let later = ["TooManyRequestsException", "InternalErrorException", "LimitExceededException"];
    match response.status {
        504 => CallError::TimedOut.into(),
        400 if later.iter().any(|name| kind.ends_with(name)) => CallError::Unavailable(400).into(),
        400 | 401 => AttributesError::Refused(response.status),
        // 403 comes from a web application firewall, not from Cognito.
        status if matches!(status, 403 | 429) || status >= 500 => CallError::Unavailable(status).into(),
        status => CallError::InvalidResponse(status).into(),
    }
}

/// `UserAttributes` of `GetUser`: a list of names and values, all of them texts.
fn user_attributes(document: &Members) -> Option<Members> {
    Members::named_by(document.get("UserAttributes")?, "Name", "Value")
}
