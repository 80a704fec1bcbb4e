//! The authorization request, with which the browser is redirected to Cognito, and the response that it returns with
//! (RFC 6749, section 4.1; PKCE: RFC 7636; OIDC Core, section 3.1.2).

use std::fmt;

use crate::crypto::secret::Secret;
use crate::http::{format_query, parse_query};
use crate::oidc::{CodeVerifier, Nonce};

/// An authorization request.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// The authorization endpoint, a URL without a fragment.
    pub endpoint: &'a str,
    /// The app client.
    pub client_id: &'a str,
    /// Where Cognito sends the code; registered there, letter for letter.
    pub redirect_uri: &'a str,
    /// The requested scopes.
    pub scopes: &'a [String],
    /// Returned with the code.
    pub state: &'a str,
    /// Returned in the ID token.
    pub nonce: &'a Nonce,
    /// Sent when the code is redeemed; this request only contains its challenge.
    pub code_verifier: &'a CodeVerifier,
    /// Parameters that the operator adds (`identity_provider`, `lang`, …), or lets visitors' links add.
    pub extra: &'a [(String, String)],
}

impl AuthorizationRequest<'_> {
    /// The URL to redirect the browser to.
    pub fn to_url(&self) -> String {
        let (scope, challenge) = (self.scopes.join(" "), self.code_verifier.challenge());
        let own = [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("scope", &scope),
            ("state", self.state),
            ("nonce", self.nonce.0.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let separator = if self.endpoint.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.endpoint, format_query(own.into_iter().chain(extra)))
    }
}

/// The parsed query of a callback.
#[derive(Debug)]
pub struct AuthorizationResponse {
    /// The state of the request that this responds to.
    pub state: Secret<String>,
    /// The result.
    pub outcome: AuthorizationOutcome,
    issuer: Option<String>,
}

/// The result of an authorization request.
#[derive(Debug)]
pub enum AuthorizationOutcome {
    /// An authorization code.
    Code(Secret<String>),
    /// An error. Anybody can put any text into the URL, so both texts are only logged, never shown on a page.
    Error {
        /// `error`, or the code that Cognito puts into `error_description` instead.
        code: String,
        /// `error_description`.
        description: String,
    },
}

/// Why a callback's query isn't an authorization response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAuthorizationResponse {
    /// There is no `state`, or it is empty.
    StateMissing,
    /// There is neither a `code` nor an `error`.
    CodeMissing,
    /// A parameter occurs twice (RFC 6749, section 3.1, forbids it).
    Repeated,
    /// `iss` (RFC 9207) names another issuer.
    OtherIssuer,
}

impl fmt::Display for NoAuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StateMissing => "no `state`",
            Self::CodeMissing => "neither `code` nor `error`",
            Self::Repeated => "a parameter occurs twice",
            Self::OtherIssuer => "`iss` is another issuer",
        })
    }
}

impl std::error::Error for NoAuthorizationResponse {}

impl AuthorizationResponse {
    /// Parses the query of a callback.
    ///
    /// # Errors
    /// If it isn't a response to one of our requests.
    pub fn parse(query: &[u8]) -> Result<Self, NoAuthorizationResponse> {
        let pairs = parse_query(query);
        let one = |name: &str| {
            let mut values = pairs.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone());
            match (values.next(), values.next()) {
                (value, None) => Ok(value),
                _ => Err(NoAuthorizationResponse::Repeated),
            }
        };
        let [state, code, error, description, iss] =
            [one("state")?, one("code")?, one("error")?, one("error_description")?, one("iss")?];
        let state = state.filter(|state| !state.is_empty()).ok_or(NoAuthorizationResponse::StateMissing)?;
        // An empty value counts as absent.
        let error = error.filter(|error| !error.is_empty());
        let outcome = match (error, code) {
            (Some(error), _) => error_outcome(error, description.unwrap_or_default()),
            (None, Some(code)) if !code.is_empty() => AuthorizationOutcome::Code(Secret::new(code)),
            (None, _) => return Err(NoAuthorizationResponse::CodeMissing),
        };
        Ok(Self { state: Secret::new(state), outcome, issuer: iss })
    }

    /// Whether it may come from that issuer: it doesn't name another one (RFC 9207, section 2.4).
    pub fn may_be_from(&self, issuer: &str) -> bool {
        self.issuer.as_deref().is_none_or(|named| named == issuer)
    }
}

/// Cognito reports a wrong scope with `error=invalid_request` and the actual code in the description.
fn error_outcome(error: String, description: String) -> AuthorizationOutcome {
    match description.as_str() {
        "invalid_scope" | "unauthorized_client" | "login_required" => {
            AuthorizationOutcome::Error { code: description.clone(), description }
        }
        _ => AuthorizationOutcome::Error { code: error, description },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_has_what_the_standards_ask_for() {
        let url = AuthorizationRequest {
            endpoint: "https://login.example.com/oauth2/authorize",
            client_id: "client",
            redirect_uri: "https://app.example.com/.auth/callback",
            scopes: &["openid".to_owned(), "email".to_owned()],
            state: "s&t",
            nonce: &Nonce(Secret::new("n".to_owned())),
            code_verifier: &CodeVerifier(Secret::new(
                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            )),
            extra: &[("identity_provider".to_owned(), "Google".to_owned())],
        }
        .to_url();
        assert_eq!(
            url,
            "https://login.example.com/oauth2/authorize?response_type=code&client_id=client\
             &redirect_uri=https%3A%2F%2Fapp.example.com%2F.auth%2Fcallback&scope=openid+email&state=s%26t\
             &nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
             &identity_provider=Google"
        );
    }

    fn parse(query: &str) -> Result<AuthorizationResponse, NoAuthorizationResponse> {
        AuthorizationResponse::parse(query.as_bytes())
    }

    #[test]
    fn a_response_is_a_code_or_an_error() {
        let response = parse("state=s&code=c%2B").unwrap();
        assert_eq!(response.state.expose(), "s");
        assert!(matches!(response.outcome, AuthorizationOutcome::Code(code) if code.expose() == "c+"));
        assert!(
            matches!(parse("state=s&error=&code=c").unwrap().outcome, AuthorizationOutcome::Code(_)),
            "no error"
        );
        let check = |query, expected: &str| match parse(query).unwrap().outcome {
            AuthorizationOutcome::Error { code, .. } => assert_eq!(code, expected, "{query}"),
            AuthorizationOutcome::Code(_) => panic!("{query} has no code"),
        };
        check("state=s&error=access_denied&error_description=User+cancelled", "access_denied");
        check("error_description=invalid_scope&state=s&error=invalid_request", "invalid_scope");
        check("state=s&code=c&error=server_error", "server_error");
    }

    #[test]
    fn what_is_no_response_is_told_apart() {
        use NoAuthorizationResponse::*;
        let check = |query: &str, why| assert_eq!(parse(query).unwrap_err(), why, "{query}");
        for query in ["", "&&&", "code=c", "state=&code=c", "error=access_denied"] {
            check(query, StateMissing);
        }
        for query in ["state=s", "state=s&code=", "state=s&error="] {
            check(query, CodeMissing);
        }
        for query in ["state=s&state=t&code=c", "state=s&code=c&code=d", "state=s&error=a&error=b"] {
            check(query, Repeated);
        }
    }

    #[test]
    fn an_issuer_that_is_named_must_be_the_right_one() {
        let ours = |query: &str| parse(query).unwrap().may_be_from("https://issuer");
        for iss in ["", "https%3A%2F%2Fissuer%2F", "https%3A%2F%2Fevil"] {
            assert!(!ours(&format!("state=s&code=c&iss={iss}")), "{iss}");
        }
        assert!(ours("state=s&code=c&iss=https%3A%2F%2Fissuer") && ours("state=s&code=c"));
    }
}
