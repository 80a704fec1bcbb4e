//! Sign-ins that fail: the page, the log line and the status. Every failure of a callback ends on a page, never in a
//! redirect.

use crate::cognito::attributes::AttributesError;
use crate::config::Config;
use crate::crypto::seal::SealError;
use crate::flow::destination::Link;
use crate::http::Response;
use crate::oidc::authorization::NoAuthorizationResponse;
use crate::oidc::call::CallError;
use crate::oidc::jwt::JwtError;
use crate::oidc::token::{OAuthError, TokenEndpointError};
use crate::pages::messages::{self, Words};
use crate::pages::page::Page;
use crate::session::StoreError;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// Why a sign-in failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInFailure {
    /// The callback's query isn't an authorization response.
    BadCallback(NoAuthorizationResponse),
    /// No flow cookie matches the state: the sign-in started in another browser, more than ten minutes ago, or never.
    FlowUnknown,
    /// The code of this sign-in is already redeemed.
    AlreadyFinished,
    /// Cognito sent an error to the callback.
    Provider {
        /// `error`, with any value.
        code: String,
        /// `error_description`, with any value.
        description: String,
    },
    /// The token endpoint returned no tokens.
    Token(TokenEndpointError),
    /// The ID token was rejected.
    IdToken(JwtError),
    /// The attributes that the ID token lacks are missing.
    Attributes(AttributesError),
    /// There is no key set to verify the ID token with, and none arrived in time.
    KeysMissing,
    /// The session can't be stored in cookies.
    Session(StoreError),
    /// Too many sign-ins at once.
    Busy,
    /// The sign-in can't be stored in cookies.
    Seal(SealError),
}

impl SignInFailure {
    /// The page, with a reference and a way to try again. It sets the cookies of the link.
    pub fn page(&self, config: &Config, reference: &str, again: &Link) -> Response {
        let (status, words) = self.words();
        let page = Page::saying(&config.pages, status, words);
        let address = again.url(&config.paths.sign_in);
        let page = match self {
            // Trying again doesn't help until the operator has changed something.
            Self::Session(_) | Self::IdToken(JwtError::Revoked) => page.link(messages::TRY_AGAIN, &address),
            _ => page.action(messages::TRY_AGAIN, &address),
        };
        let response = page.reference(reference).into_response().with_cookies(again.cookies.iter().cloned());
        if status == 503 { response.with("retry-after", "5".to_owned()) } else { response }
    }

    fn words(&self) -> (u16, Words) {
        match self {
            Self::BadCallback(_) => (400, messages::BAD_CALLBACK),
            Self::FlowUnknown => (400, messages::FLOW_UNKNOWN),
            Self::AlreadyFinished => (400, messages::ALREADY_FINISHED),
            Self::Provider { .. } => (401, messages::TURNED_DOWN),
            Self::Token(TokenEndpointError::Refused { code: OAuthError::InvalidGrant, .. }) => {
                (401, messages::SIGN_IN_EXPIRED)
            }
            Self::Token(TokenEndpointError::Call(error)) | Self::Attributes(AttributesError::Call(error)) => {
                match error {
                    CallError::TimedOut => (504, messages::SERVICE_SLOW),
                    CallError::Unavailable(_) => (503, messages::SERVICE_AWAY),
                    CallError::NotDispatched => (503, messages::NOT_NOW),
                    CallError::InvalidResponse(_) => (502, messages::SET_UP_WRONGLY),
                }
            }
            Self::KeysMissing => (503, messages::SERVICE_AWAY),
            Self::Session(StoreError::Seal(_)) | Self::Seal(_) | Self::Busy => (503, messages::NOT_NOW),
            Self::Token(TokenEndpointError::Refused { .. })
            | Self::Attributes(AttributesError::Refused(_)) => (502, messages::SET_UP_WRONGLY),
            Self::IdToken(JwtError::Revoked) => (403, messages::REVOKED),
            Self::IdToken(_) | Self::Attributes(AttributesError::Subject) => (401, messages::NOT_TRUSTED),
            Self::Session(_) => (431, messages::TOO_MUCH_DATA),
        }
    }

    /// A short name for logs and metrics, from a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            // Cognito reports these in the callback with the same meaning as at the token endpoint.
            Self::Provider { code, .. } if code == "invalid_scope" => "invalid_scope",
            Self::Provider { code, .. } if code == "unauthorized_client" => "unauthorized_client",
            Self::BadCallback(NoAuthorizationResponse::StateMissing) => "state_missing",
            Self::BadCallback(NoAuthorizationResponse::CodeMissing) => "code_missing",
            Self::BadCallback(NoAuthorizationResponse::Repeated) => "repeated_parameter",
            Self::BadCallback(NoAuthorizationResponse::OtherIssuer) => "other_issuer",
            Self::FlowUnknown => "flow_unknown",
            Self::AlreadyFinished => "already_finished",
            Self::Provider { .. } => "provider_error",
            Self::Token(error) => error.reason(),
            Self::IdToken(error) => error.reason(),
            Self::Attributes(error) => error.reason(),
            Self::KeysMissing => "keys_missing",
            Self::Session(error) => error.reason(),
            Self::Seal(error) => error.reason(),
            Self::Busy => "busy",
        }
    }

    /// The log line, with a hint for the operator.
    pub fn event(&self, reference: &str) -> Event {
        let mut event =
            Event::counted(self.level(), Counter::SignInFailed(self.reason())).with("request_id", reference);
        match self {
            Self::Provider { code, description } => {
                event = event.with("error", code).with("description", description);
            }
            Self::Token(TokenEndpointError::Refused { description, .. }) if !description.is_empty() => {
                event = event.with("description", description);
            }
            Self::Attributes(AttributesError::Refused(status)) => {
                event = event.with("status", status.to_string());
            }
            Self::Session(StoreError::IdentityTooLarge(size) | StoreError::TokensTooLarge(size)) => {
                event = event.with("bytes", size.to_string());
            }
            _ => {}
        }
        if let Some(status) = self.call_error().and_then(CallError::status) {
            event = event.with("status", status.to_string());
        }
        match self.hint() {
            Some(hint) => event.with("hint", hint),
            None => event,
        }
    }

    const fn call_error(&self) -> Option<CallError> {
        match self {
            Self::Token(TokenEndpointError::Call(error)) | Self::Attributes(AttributesError::Call(error)) => {
                Some(*error)
            }
            _ => None,
        }
    }

    const fn level(&self) -> Level {
        match self {
            Self::BadCallback(_) | Self::FlowUnknown | Self::AlreadyFinished => Level::Info,
            Self::Token(TokenEndpointError::Refused { code: OAuthError::InvalidGrant, .. }) => Level::Warn,
            Self::Token(
                TokenEndpointError::Refused { .. } | TokenEndpointError::Call(CallError::NotDispatched),
            )
            | Self::Attributes(
                AttributesError::Refused(_) | AttributesError::Call(CallError::NotDispatched),
            )
            | Self::Seal(_) => Level::Error,
            _ => Level::Warn,
        }
    }

    /// What the operator should check.
    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Provider { code, .. } => match code.as_str() {
                "invalid_scope" => "`scopes` asks for one that the app client doesn't allow",
                "unauthorized_client" => "allow the authorization code grant for the app client",
                "login_required" => "`authorize_params.prompt` is `none` and nobody was signed in at Cognito",
                _ => return None,
            },
            Self::Token(error) => match error {
                TokenEndpointError::Refused { code: OAuthError::InvalidClient, .. } => {
                    "`client_id` or `client_secret` is wrong"
                }
                TokenEndpointError::Refused { code: OAuthError::UnauthorizedClient, .. } => {
                    "is the callback URL registered letter for letter, and the authorization code grant allowed?"
                }
                TokenEndpointError::Refused { code: OAuthError::InvalidGrant, .. } => {
                    "a code used twice or expired; or the client can't read every attribute behind a scope (`email` needs email and email_verified)"
                }
                TokenEndpointError::Refused { code: OAuthError::InvalidScope, .. } => {
                    "`scopes` has one that doesn't exist"
                }
                TokenEndpointError::Call(CallError::Unavailable(503)) => {
                    "Envoy answers 503 itself where the cluster `clusters.domain` has no healthy host; check its address, TLS and SNI"
                }
                TokenEndpointError::Call(CallError::NotDispatched) => {
                    "the cluster in `clusters.domain` is missing, has no hosts, or its circuit breaker is open"
                }
                TokenEndpointError::Call(CallError::InvalidResponse(_)) => {
                    "does `clusters.domain` lead to the user pool's domain?"
                }
                _ => return None,
            },
            Self::IdToken(JwtError::Expired | JwtError::NotYetValid) => {
                "a clock is off by more than a minute: this machine's, most likely"
            }
            Self::IdToken(JwtError::Revoked) => {
                "the deny list of `revocations` names the person or the token"
            }
            Self::IdToken(JwtError::Issuer) => {
                "does `user_pool_id` fit the domain? A replica's Region belongs in `replica_regions`; with `endpoints.issuer` only that one is accepted"
            }
            Self::IdToken(JwtError::Audience) => "the tokens are for another app client than `client_id`",
            Self::IdToken(JwtError::UnknownKey) => "does `clusters.idp` lead to the issuer of this pool?",
            Self::IdToken(JwtError::NonceMissing) => {
                "the ID token has no nonce: not Cognito's. For emulators see docs/local.md"
            }
            Self::IdToken(JwtError::Nonce) => {
                "the ID token is of another sign-in: its code wasn't meant for this browser"
            }
            Self::IdToken(JwtError::TokenUseMissing) => {
                "the ID token has no token_use: not Cognito's. Other providers are not supported"
            }
            Self::IdToken(JwtError::TokenUse) => {
                "the token endpoint sent another kind of token as the ID token"
            }
            Self::IdToken(JwtError::Algorithm | JwtError::KeyIdMissing | JwtError::Malformed) => {
                "Cognito sends a JWT with `kid`, signed by RS256: does `clusters.domain` lead to Cognito?"
            }
            Self::IdToken(JwtError::Signature) => {
                "signed by another key of that `kid`: does `clusters.idp` lead to the issuer of this pool?"
            }
            Self::IdToken(JwtError::AccessTokenHash | JwtError::Subject) => {
                "not as Cognito sends it: does `clusters.domain` lead to Cognito?"
            }
            Self::Attributes(AttributesError::Refused(_)) => {
                "Cognito doesn't take the access token; for `attributes_from: get_user` the app client must allow the scope aws.cognito.signin.user.admin"
            }
            Self::Attributes(AttributesError::Call(CallError::NotDispatched)) => {
                "userInfo is called through the cluster in `clusters.domain`, GetUser through that in `clusters.api`; one is missing, has no hosts, or its circuit breaker is open"
            }
            Self::Attributes(AttributesError::Call(CallError::InvalidResponse(_))) => {
                "does the cluster that attributes are asked through lead to Cognito?"
            }
            Self::KeysMissing => "the key set can't be fetched; check the cluster in `clusters.idp`",
            Self::Session(StoreError::IdentityTooLarge(_)) => {
                "the identity needs more than a browser's 4,096 bytes; drop roles or `headers.claims`"
            }
            _ => return None,
        })
    }
}
