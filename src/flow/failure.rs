//! Sign-ins that fail: what the person reads, what the operator finds in the log, and which status it is.
//! Every failure of a callback comes through here, and each ends on a page: never in a redirect.

use crate::config::Config;
use crate::event::{Event, Level};
use crate::flow::sign_in::sign_in_link;
use crate::http::Response;
use crate::oidc::authorization::NoAuthorizationResponse;
use crate::oidc::jwt::IdTokenError;
use crate::oidc::token::{OAuthError, TokenError};
use crate::page::Page;
use crate::return_to::ReturnTo;
use crate::session::NotKept;

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
    Token(TokenError),
    /// The ID token isn't good.
    IdToken(IdTokenError),
    /// There is no key set to verify it with, and none came in time.
    KeysMissing,
    /// Browsers wouldn't keep the session.
    NotKept(NotKept),
    /// Too many sign-ins at once.
    Busy,
    /// The host has no randomness.
    NoEntropy,
}

/// What a person reads.
struct Words {
    status: u16,
    title: &'static str,
    text: &'static str,
}

impl SignInFailure {
    /// The page: in plain words, with a reference and a way to try again.
    pub fn page(&self, config: &Config, reference: &str, return_to: &ReturnTo) -> Response {
        let Words { status, title, text } = self.words();
        let response = Page::new(status, title)
            .text(text)
            .action("Try again", &sign_in_link(&config.paths.sign_in, return_to))
            .reference(reference)
            .into_response();
        if status == 503 { response.with("retry-after", "5".to_owned()) } else { response }
    }

    fn words(&self) -> Words {
        let words = |status, title, text| Words { status, title, text };
        match self {
            Self::BadCallback(_) => words(
                400,
                "This link doesn't lead anywhere",
                "It looks like the end of a sign-in, but something is missing from it.",
            ),
            Self::FlowUnknown => words(
                400,
                "This sign-in can't be finished here",
                "It was started in another browser, or more than ten minutes ago, or your browser doesn't keep cookies for this site.",
            ),
            Self::AlreadyFinished => words(
                400,
                "This sign-in was finished before",
                "A sign-in can be used once only. If the page was reloaded, simply sign in again.",
            ),
            Self::Provider { .. } => words(
                401,
                "You were not signed in",
                "The sign-in service turned the sign-in down or it was cancelled.",
            ),
            Self::Token(TokenError::Refused { code: OAuthError::InvalidGrant, .. }) => words(
                401,
                "This sign-in has expired",
                "The sign-in service no longer accepts it. Please sign in again.",
            ),
            Self::Token(TokenError::TimedOut) => words(
                504,
                "The sign-in service is slow",
                "It didn't answer in time. You have done nothing wrong; please try again in a moment.",
            ),
            Self::Token(TokenError::Unavailable(_)) | Self::KeysMissing => words(
                503,
                "The sign-in service can't be reached",
                "You have done nothing wrong; please try again in a moment.",
            ),
            Self::Token(TokenError::NotDispatched) | Self::Busy | Self::NoEntropy => words(
                503,
                "Signing in isn't possible right now",
                "You have done nothing wrong; please try again in a moment.",
            ),
            Self::Token(TokenError::Refused { .. } | TokenError::Nonsense(_)) => words(
                502,
                "Signing in doesn't work here at the moment",
                "Something is set up wrongly between this site and its sign-in service. Its operators need to mend it.",
            ),
            Self::IdToken(_) => {
                words(401, "You were not signed in", "The sign-in service's answer could not be trusted.")
            }
            Self::NotKept(NotKept::NoEntropy) => Self::NoEntropy.words(),
            Self::NotKept(_) => words(
                431,
                "Your account carries too much data",
                "There is more in it than a browser can keep, perhaps too many groups. Signing in again won't help; please ask the site's operators.",
            ),
        }
    }

    /// A name out of a closed set, for the log and for metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::BadCallback(NoAuthorizationResponse::StateMissing) => "state_missing",
            Self::BadCallback(NoAuthorizationResponse::CodeMissing) => "code_missing",
            Self::BadCallback(NoAuthorizationResponse::Repeated) => "repeated_parameter",
            Self::BadCallback(NoAuthorizationResponse::OtherIssuer) => "other_issuer",
            Self::FlowUnknown => "flow_unknown",
            Self::AlreadyFinished => "already_finished",
            Self::Provider { .. } => "provider_error",
            Self::Token(TokenError::Refused { code, .. }) => code.code(),
            Self::Token(TokenError::Unavailable(_)) => "token_unavailable",
            Self::Token(TokenError::TimedOut) => "token_timeout",
            Self::Token(TokenError::NotDispatched) => "cluster_missing",
            Self::Token(TokenError::Nonsense(_)) => "token_nonsense",
            Self::IdToken(error) => error.reason(),
            Self::KeysMissing => "keys_missing",
            Self::NotKept(NotKept::NoEntropy) | Self::NoEntropy => "no_entropy",
            Self::NotKept(NotKept::IdentityTooLarge(_)) => "identity_too_large",
            Self::NotKept(NotKept::TokensTooLarge(_)) => "tokens_too_large",
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
            Self::Token(TokenError::Refused { description, .. }) if !description.is_empty() => {
                event = event.with("description", description);
            }
            Self::Token(TokenError::Unavailable(status) | TokenError::Nonsense(status)) => {
                event = event.with("status", status.to_string());
            }
            Self::NotKept(NotKept::IdentityTooLarge(size) | NotKept::TokensTooLarge(size)) => {
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
            Self::Token(TokenError::Refused { code: OAuthError::InvalidGrant, .. }) => Level::Warn,
            Self::Token(TokenError::Refused { .. } | TokenError::NotDispatched) | Self::NoEntropy => {
                Level::Error
            }
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
                TokenError::Refused { code: OAuthError::InvalidClient, .. } => {
                    "`client_id` or `client_secret` is wrong"
                }
                TokenError::Refused { code: OAuthError::UnauthorizedClient, .. } => {
                    "is the callback URL registered letter for letter, and the authorization code grant allowed?"
                }
                TokenError::Refused { code: OAuthError::InvalidGrant, .. } => {
                    "a code used twice or expired; or the client can't read every attribute behind a scope (`email` needs email and email_verified)"
                }
                TokenError::Refused { code: OAuthError::InvalidScope, .. } => {
                    "`scopes` has one that doesn't exist"
                }
                TokenError::Unavailable(503) => {
                    "Envoy answers 503 itself where the cluster `clusters.domain` has no healthy host; check its address, TLS and SNI"
                }
                TokenError::NotDispatched => {
                    "the cluster in `clusters.domain` is missing, has no hosts, or its circuit breaker is open"
                }
                TokenError::Nonsense(_) => "does `clusters.domain` lead to the user pool's domain?",
                _ => return None,
            },
            Self::IdToken(IdTokenError::Expired | IdTokenError::NotYetValid) => {
                "a clock is off by more than a minute: this machine's, most likely"
            }
            Self::IdToken(IdTokenError::Issuer) => {
                "does `user_pool_id` fit the domain? With an updated issuer, set `endpoints.issuer`"
            }
            Self::IdToken(IdTokenError::Audience) => "the tokens are for another app client than `client_id`",
            Self::IdToken(IdTokenError::UnknownKey) => "does `clusters.idp` lead to the issuer of this pool?",
            Self::KeysMissing => "the key set can't be fetched; check the cluster in `clusters.idp`",
            Self::NotKept(NotKept::IdentityTooLarge(_)) => {
                "the identity needs more than a browser's 4,096 bytes; drop roles or `headers.claims`"
            }
            _ => return None,
        })
    }
}
