//! The counters. They are a closed set, so a host can define all of them before the first request.

use std::borrow::Cow;

/// A counter in Envoy's statistics. Its name there begins with `envoy_cognito.`; `docs/operations.md` describes each.
///
/// Reasons come from the errors that they describe. A test compares the tables below with those errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// A request came with a valid session.
    SessionAccepted,
    /// A rule let a request pass.
    AuthzAllowed,
    /// A request came with a valid bearer token.
    BearerAccepted,
    /// A person was sent to Cognito to sign in.
    SignInStarted,
    /// A session began.
    SignInCompleted,
    /// A sign-in failed, for this reason.
    SignInFailed(&'static str),
    /// The identity cookie of a request could not be decrypted.
    SessionNotOpened,
    /// The person has signed out of the session of a request.
    SessionSignedOut,
    /// The deny list names the session of a request.
    SessionRevoked,
    /// The session of a request has ended, or its tokens have expired and can't be refreshed.
    SessionExpired,
    /// A refresh returned new tokens.
    RefreshCompleted,
    /// A request used the result of a refresh before its browser had the new cookies.
    RefreshShared,
    /// A refresh failed, for this reason.
    RefreshFailed(&'static str),
    /// A rule refused a request.
    AuthzDenied,
    /// A rule in shadow mode would have refused a request.
    AuthzShadowDenied,
    /// A bearer token was rejected, for this reason.
    BearerRejected(&'static str),
    /// A key set was fetched.
    JwksFetched,
    /// A key set could not be fetched.
    JwksFailed,
    /// A person signed out.
    SignOut,
    /// The list of sign-outs was full, and the oldest were dropped.
    SignOutListFull,
    /// The deny list was fetched, or is unchanged.
    RevocationsFetched,
    /// The deny list could not be fetched, or is malformed.
    RevocationsFailed,
    /// A stream was closed because its session is over.
    StreamClosed,
    /// A stream was closed to make room: too many were open.
    StreamDisplaced,
}

impl Counter {
    /// The counters without a reason, each at its [`Counter::slot`].
    pub(super) const WITHOUT_REASON: [Self; Self::SLOTS] = [
        Self::SessionAccepted,
        Self::AuthzAllowed,
        Self::BearerAccepted,
        Self::SignInStarted,
        Self::SignInCompleted,
        Self::SessionNotOpened,
        Self::SessionExpired,
        Self::RefreshCompleted,
        Self::RefreshShared,
        Self::AuthzDenied,
        Self::AuthzShadowDenied,
        Self::JwksFetched,
        Self::JwksFailed,
        Self::SignOut,
        Self::SessionSignedOut,
        Self::SignOutListFull,
        Self::SessionRevoked,
        Self::RevocationsFetched,
        Self::RevocationsFailed,
        Self::StreamClosed,
        Self::StreamDisplaced,
    ];

    /// The number of counters without a reason.
    pub(super) const SLOTS: usize = 21;

    /// The counters with a reason that the alerts in `docs/operations.md` watch. They exist from the start, because
    /// Prometheus sees no increase in a series that begins at one.
    const WATCHED: [Self; 8] = [
        Self::SignInFailed("invalid_client"),
        Self::SignInFailed("unauthorized_client"),
        Self::SignInFailed("invalid_scope"),
        Self::SignInFailed("cluster_missing"),
        Self::SignInFailed("id_token_expired"),
        Self::SignInFailed("id_token_not_yet_valid"),
        Self::RefreshFailed("token_unavailable"),
        Self::RefreshFailed("token_timeout"),
    ];

    /// All possible counters.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::WITHOUT_REASON
            .into_iter()
            .chain(SIGN_IN_REASONS.into_iter().chain(TOKEN_REASONS).map(Self::SignInFailed))
            .chain(TOKEN_REASONS.into_iter().map(Self::RefreshFailed))
            .chain(BEARER_REASONS.into_iter().map(Self::BearerRejected))
    }

    /// The counters that exist in Envoy from the start, at zero.
    pub(super) fn initial() -> impl Iterator<Item = Self> {
        Self::WITHOUT_REASON.into_iter().chain(Self::WATCHED)
    }

    /// The index of a counter in the array; `None` if it has a reason.
    pub(super) const fn slot(self) -> Option<usize> {
        Some(match self {
            Self::SessionAccepted => 0,
            Self::AuthzAllowed => 1,
            Self::BearerAccepted => 2,
            Self::SignInStarted => 3,
            Self::SignInCompleted => 4,
            Self::SessionNotOpened => 5,
            Self::SessionExpired => 6,
            Self::RefreshCompleted => 7,
            Self::RefreshShared => 8,
            Self::AuthzDenied => 9,
            Self::AuthzShadowDenied => 10,
            Self::JwksFetched => 11,
            Self::JwksFailed => 12,
            Self::SignOut => 13,
            Self::SessionSignedOut => 14,
            Self::SignOutListFull => 15,
            Self::SessionRevoked => 16,
            Self::RevocationsFetched => 17,
            Self::RevocationsFailed => 18,
            Self::StreamClosed => 19,
            Self::StreamDisplaced => 20,
            Self::SignInFailed(_) | Self::RefreshFailed(_) | Self::BearerRejected(_) => return None,
        })
    }

    /// Its name without the reason. The log event that it counts has the same name.
    pub const fn base_name(self) -> &'static str {
        match self {
            Self::SessionAccepted => "session.accepted",
            Self::AuthzAllowed => "authz.allowed",
            Self::BearerAccepted => "bearer.accepted",
            Self::SignInStarted => "sign_in.started",
            Self::SignInCompleted => "sign_in.completed",
            Self::SignInFailed(_) => "sign_in.failed",
            Self::SessionNotOpened => "session.rejected.not_opened",
            Self::SessionExpired => "session.expired",
            Self::RefreshCompleted => "refresh.completed",
            Self::RefreshShared => "refresh.shared",
            Self::RefreshFailed(_) => "refresh.failed",
            Self::AuthzDenied => "authz.denied",
            Self::AuthzShadowDenied => "authz.shadow_denied",
            Self::BearerRejected(_) => "bearer.rejected",
            Self::JwksFetched => "jwks.fetched",
            Self::JwksFailed => "jwks.failed",
            Self::SignOut => "sign_out",
            Self::SessionSignedOut => "session.rejected.signed_out",
            Self::SignOutListFull => "sign_out.list_full",
            Self::SessionRevoked => "session.rejected.revoked",
            Self::RevocationsFetched => "revocations.fetched",
            Self::RevocationsFailed => "revocations.failed",
            Self::StreamClosed => "streams.closed",
            Self::StreamDisplaced => "streams.displaced",
        }
    }

    /// Its reason, if it has one.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::SignInFailed(reason) | Self::RefreshFailed(reason) | Self::BearerRejected(reason) => {
                Some(reason)
            }
            _ => None,
        }
    }

    /// Its full name, without the prefix `envoy_cognito.`.
    pub fn name(self) -> Cow<'static, str> {
        let base = self.base_name();
        match self.reason() {
            Some(reason) => Cow::Owned([base, reason].join(".")),
            None => Cow::Borrowed(base),
        }
    }
}

/// Reasons that only sign-ins can fail for.
const SIGN_IN_REASONS: [&str; 8] = [
    "state_missing",
    "code_missing",
    "repeated_parameter",
    "other_issuer",
    "flow_unknown",
    "already_finished",
    "provider_error",
    "busy",
];

/// Reasons that both sign-ins and refreshes can fail for: no tokens were returned, or they can't be trusted or
/// stored.
const TOKEN_REASONS: [&str; 34] = [
    "token_unavailable",
    "token_timeout",
    "cluster_missing",
    "token_nonsense",
    "no_entropy",
    "seal_failed",
    "invalid_grant",
    "identity_too_large",
    "tokens_too_large",
    "keys_missing",
    "invalid_request",
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "attributes_unavailable",
    "attributes_timeout",
    "attributes_refused",
    "attributes_nonsense",
    "attributes_subject",
    "id_token_unknown_key",
    "id_token_malformed",
    "id_token_algorithm",
    "id_token_kid_missing",
    "id_token_signature",
    "id_token_issuer",
    "id_token_audience",
    "id_token_expired",
    "id_token_not_yet_valid",
    "id_token_nonce",
    "id_token_token_use",
    "id_token_at_hash",
    "id_token_subject",
    "id_token_revoked",
];

/// Reasons for rejecting bearer tokens.
const BEARER_REASONS: [&str; 12] = [
    "malformed",
    "issuer",
    "audience",
    "token_use",
    "expired",
    "not_yet_valid",
    "unknown_key",
    "signature",
    "algorithm",
    "kid_missing",
    "subject",
    "revoked",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_counter_has_a_slot_or_a_reason_and_a_name_of_its_own() {
        for (slot, counter) in Counter::WITHOUT_REASON.into_iter().enumerate() {
            assert_eq!((counter.slot(), counter.reason()), (Some(slot), None), "{counter:?}");
        }
        let names: Vec<_> = Counter::all().map(Counter::name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        for counter in Counter::all().skip(Counter::SLOTS) {
            assert!(counter.slot().is_none() && counter.reason().is_some(), "{counter:?}");
        }
        assert_eq!(Counter::SignInFailed("busy").name(), "sign_in.failed.busy");
    }

    #[test]
    fn what_is_there_from_the_start_is_among_all() {
        let all: Vec<_> = Counter::all().collect();
        assert!(Counter::initial().all(|counter| all.contains(&counter)));
    }
}
