//! Why a token is rejected.

use std::fmt;

/// Why a token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtError {
    /// The key set has no key with that id; a newer set may have it.
    UnknownKey,
    /// Not a JWT, or too long.
    Malformed,
    /// An algorithm other than RS256.
    Algorithm,
    /// No `kid`.
    KeyIdMissing,
    /// The signature was not made with the key.
    Signature,
    /// `iss` is another issuer.
    Issuer,
    /// `aud` is another client, or there are several audiences.
    Audience,
    /// `aud` of an access token is another resource (RFC 8707).
    Resource,
    /// Expired, issued longer ago than tokens are valid, or without `exp`.
    Expired,
    /// Issued in the future, not valid yet, or without `iat`: a clock is wrong.
    NotYetValid,
    /// `nonce` isn't the one of this sign-in.
    Nonce,
    /// There is no `nonce`, which Cognito always sends back.
    NonceMissing,
    /// Another kind of token.
    TokenUse,
    /// There is no `token_use`, which no provider but Cognito sends.
    TokenUseMissing,
    /// `at_hash` isn't the hash of the access token in the same response.
    AccessTokenHash,
    /// No usable `sub`, or another person's.
    Subject,
    /// The deny list names it, or the person it was issued to.
    Revoked,
}

impl JwtError {
    /// A short name for logs and metrics, for an ID token at sign-in or refresh.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::UnknownKey => "id_token_unknown_key",
            Self::Malformed => "id_token_malformed",
            Self::Algorithm => "id_token_algorithm",
            Self::KeyIdMissing => "id_token_kid_missing",
            Self::Signature => "id_token_signature",
            Self::Issuer => "id_token_issuer",
            Self::Audience | Self::Resource => "id_token_audience",
            Self::Expired => "id_token_expired",
            Self::NotYetValid => "id_token_not_yet_valid",
            Self::Nonce | Self::NonceMissing => "id_token_nonce",
            Self::TokenUse | Self::TokenUseMissing => "id_token_token_use",
            Self::AccessTokenHash => "id_token_at_hash",
            Self::Subject => "id_token_subject",
            Self::Revoked => "id_token_revoked",
        }
    }

    /// The reason in logs and metrics, for a bearer token. Only ID tokens are checked for nonce and `at_hash`.
    pub const fn bearer_reason(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::Malformed | Self::Nonce | Self::NonceMissing | Self::AccessTokenHash => "malformed",
            Self::Algorithm => "algorithm",
            Self::KeyIdMissing => "kid_missing",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience | Self::Resource => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::TokenUse | Self::TokenUseMissing => "token_use",
            Self::Subject => "subject",
            Self::Revoked => "revoked",
        }
    }
}

impl JwtError {
    /// What the operator can do about a bearer token that this error rejects, if that isn't obvious.
    pub const fn bearer_hint(self) -> Option<&'static str> {
        match self {
            Self::Resource => Some(
                "the token's `aud` names another resource: add it to `bearer.resources` if its tokens are meant for this API",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownKey => "the key set has no key of this `kid`",
            Self::Malformed => "not a JWT",
            Self::Algorithm => "`alg` is not RS256",
            Self::KeyIdMissing => "no `kid`",
            Self::Signature => "the signature does not verify",
            Self::Issuer => "`iss` is another issuer",
            Self::Resource => "`aud` is another resource",
            Self::Audience => "`aud` or `client_id` is another client",
            Self::Expired => "expired, or no `exp`",
            Self::NotYetValid => "not valid yet, or no `iat`",
            Self::Nonce => "`nonce` is another sign-in's",
            Self::NonceMissing => "no `nonce`",
            Self::TokenUse => "`token_use` is another kind",
            Self::TokenUseMissing => "no `token_use`",
            Self::AccessTokenHash => "`at_hash` does not fit the access token",
            Self::Subject => "no usable `sub`, or another person's",
            Self::Revoked => "on the deny list",
        })
    }
}

impl std::error::Error for JwtError {}
