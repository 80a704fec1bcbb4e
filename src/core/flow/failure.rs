//! Sign-ins that fail: what the person reads, what the operator finds in the log, and which status it is.
//! Every failure of a callback comes through here, and each ends on a page: never in a redirect.

use crate::cognito::attributes::AttributesError;
use crate::config::Config;
use crate::flow::destination::Link;
use crate::http::Response;
use crate::oidc::authorization::NoAuthorizationResponse;
use crate::oidc::jwt::JwtError;
use crate::oidc::token::{OAuthError, TokenEndpointError};
use crate::pages::messages::{self, Words};
use crate::pages::page::Page;
use crate::session::StoreError;
use crate::telemetry::event::{Event, Level};

/// Why a sign-in failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInFailure {
    /// The callback's query is no authorization response.
    BadCallback(NoAuthorizationResponse),
    /// No flow cookie opens for the state: begun in another browser, over ten minutes ago, or never.
    FlowUnknown,
    /// The code of this sign-in was redeemed before.
    AlreadyFinished,
    /// Cognito sent an error to the callback.
    Provider {
        /// `error`, whatever it says.
        code: String,
        /// `error_description`, likewise.
        description: String,
    },
    /// The token endpoint gave no tokens.
    Token(TokenEndpointError),
    /// The ID token isn't good.
    IdToken(JwtError),
    /// The attributes that the ID token lacks can't be had.
    Attributes(AttributesError),
    /// There is no key set to verify it with, and none came in time.
    KeysMissing,
    /// Browsers wouldn't keep the session.
    StoreError(StoreError),
    /// Too many sign-ins at once.
    Busy,
    /// The host has no randomness.
    NoEntropy,
}

impl SignInFailure {
    /// The page: in plain words, with a reference and a way to try again.
    /// The cookies of the link go with it.
    pub fn page(&self, config: &Config, reference: &str, again: &Link) -> Response {
        let (status, words) = self.words();
        let page = Page::saying(&config.pages, status, words);
        let address = again.url(&config.paths.sign_in);
        let page = match self {
            // That won't help before somebody has mended it.
            Self::StoreError(_) => page.link(messages::TRY_AGAIN, &address),
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
            Self::Token(TokenEndpointError::TimedOut) | Self::Attributes(AttributesError::TimedOut) => {
                (504, messages::SERVICE_SLOW)
            }
            Self::Token(TokenEndpointError::Unavailable(_))
            | Self::Attributes(AttributesError::Unavailable(_))
            | Self::KeysMissing => (503, messages::SERVICE_AWAY),
            Self::Token(TokenEndpointError::NotDispatched)
            | Self::Attributes(AttributesError::NotDispatched)
            | Self::StoreError(StoreError::NoEntropy)
            | Self::Busy
            | Self::NoEntropy => (503, messages::NOT_NOW),
            Self::Token(TokenEndpointError::Refused { .. } | TokenEndpointError::InvalidResponse(_))
            | Self::Attributes(AttributesError::Refused(_) | AttributesError::InvalidResponse(_)) => {
                (502, messages::SET_UP_WRONGLY)
            }
            Self::IdToken(_) | Self::Attributes(AttributesError::Subject) => (401, messages::NOT_TRUSTED),
            Self::StoreError(_) => (431, messages::TOO_MUCH_DATA),
        }
    }

    /// A name out of a closed set, for the log and for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            // Cognito says the same of them by way of the browser as at the token endpoint.
            Self::Provider { code, .. } if code == "invalid_scope" => "invalid_scope",
            Self::Provider { code, .. } if code == "unauthorized_client" => "unauthorized_client",
            Self::BadCallback(NoAuthorizationResponse::StateMissing) => "state_missing",
            Self::BadCallback(NoAuthorizationResponse::CodeMissing) => "code_missing",
            Self::BadCallback(NoAuthorizationResponse::Repeated) => "repeated_parameter",
            Self::BadCallback(NoAuthorizationResponse::OtherIssuer) => "other_issuer",
            Self::FlowUnknown => "flow_unknown",
            Self::AlreadyFinished => "already_finished",
            Self::Provider { .. } => "provider_error",
            Self::Token(TokenEndpointError::Refused { code, .. }) => code.code(),
            Self::Token(TokenEndpointError::Unavailable(_)) => "token_unavailable",
            Self::Token(TokenEndpointError::TimedOut) => "token_timeout",
            Self::Token(TokenEndpointError::NotDispatched) => "cluster_missing",
            Self::Token(TokenEndpointError::InvalidResponse(_)) => "token_nonsense",
            Self::IdToken(error) => error.reason(),
            Self::Attributes(error) => error.reason(),
            Self::KeysMissing => "keys_missing",
            Self::StoreError(StoreError::NoEntropy) | Self::NoEntropy => "no_entropy",
            Self::StoreError(StoreError::IdentityTooLarge(_)) => "identity_too_large",
            Self::StoreError(StoreError::TokensTooLarge(_)) => "tokens_too_large",
            Self::Busy => "busy",
        }
    }

    /// The log line, with what the operator can do about it.
    pub fn event(&self, reference: &str) -> Event {
        let mut event = Event::new(self.level(), "sign_in.failed")
            .with("reason", self.reason())
            .with("request_id", reference);
        match self {
            Self::Provider { code, description } => {
                event = event.with("error", code).with("description", description);
            }
            Self::Token(TokenEndpointError::Refused { description, .. }) if !description.is_empty() => {
                event = event.with("description", description);
            }
            Self::Token(
                TokenEndpointError::Unavailable(status) | TokenEndpointError::InvalidResponse(status),
            ) => {
                event = event.with("status", status.to_string());
            }
            Self::Attributes(
                AttributesError::Unavailable(status)
                | AttributesError::Refused(status)
                | AttributesError::InvalidResponse(status),
            ) => {
                event = event.with("status", status.to_string());
            }
            Self::StoreError(StoreError::IdentityTooLarge(size) | StoreError::TokensTooLarge(size)) => {
                event = event.with("bytes", size.to_string());
            }
            _ => {}
        }
        match self.hint() {
            Some(hint) => event.with("hint", hint),
            None => event,
        }
    }

    const fn level(&self) -> Level {
        match self {
            Self::BadCallback(_) | Self::FlowUnknown | Self::AlreadyFinished => Level::Info,
            Self::Token(TokenEndpointError::Refused { code: OAuthError::InvalidGrant, .. }) => Level::Warn,
            Self::Token(TokenEndpointError::Refused { .. } | TokenEndpointError::NotDispatched)
            | Self::Attributes(AttributesError::Refused(_) | AttributesError::NotDispatched)
            | Self::NoEntropy => Level::Error,
            _ => Level::Warn,
        }
    }

    /// What the operator should look at.
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
                TokenEndpointError::Unavailable(503) => {
                    "Envoy answers 503 itself where the cluster `clusters.domain` has no healthy host; check its address, TLS and SNI"
                }
                TokenEndpointError::NotDispatched => {
                    "the cluster in `clusters.domain` is missing, has no hosts, or its circuit breaker is open"
                }
                TokenEndpointError::InvalidResponse(_) => {
                    "does `clusters.domain` lead to the user pool's domain?"
                }
                _ => return None,
            },
            Self::IdToken(JwtError::Expired | JwtError::NotYetValid) => {
                "a clock is off by more than a minute: this machine's, most likely"
            }
            Self::IdToken(JwtError::Issuer) => {
                "does `user_pool_id` fit the domain? With an updated issuer, set `endpoints.issuer`"
            }
            Self::IdToken(JwtError::Audience) => "the tokens are for another app client than `client_id`",
            Self::IdToken(JwtError::UnknownKey) => "does `clusters.idp` lead to the issuer of this pool?",
            Self::IdToken(JwtError::NonceMissing) => {
                "the ID token has no nonce: not Cognito's. For emulators see docs/emulators.md"
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
            Self::Attributes(AttributesError::NotDispatched) => {
                "userInfo is called through the cluster in `clusters.domain`, GetUser through that in `clusters.idp`; one is missing, has no hosts, or its circuit breaker is open"
            }
            Self::Attributes(AttributesError::InvalidResponse(_)) => {
                "does the cluster that attributes are asked through lead to Cognito?"
            }
            Self::KeysMissing => "the key set can't be fetched; check the cluster in `clusters.idp`",
            Self::StoreError(StoreError::IdentityTooLarge(_)) => {
                "the identity needs more than a browser's 4,096 bytes; drop roles or `headers.claims`"
            }
            _ => return None,
        })
    }
}
