//! Why a session can't be stored.

use std::fmt;

use crate::crypto::seal::SealError;
use crate::crypto::secret::NoEntropy;

/// Why a session can't be stored in cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The identity cookie would have this many bytes, and browsers would drop it.
    IdentityTooLarge(usize),
    /// The tokens would need too many cookies. Carries their sealed length in characters.
    TokensTooLarge(usize),
    /// The value could not be sealed.
    Seal(SealError),
}

impl StoreError {
    /// A short name for logs and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::IdentityTooLarge(_) => "identity_too_large",
            Self::TokensTooLarge(_) => "tokens_too_large",
            Self::Seal(error) => error.reason(),
        }
    }
}

impl From<SealError> for StoreError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl From<NoEntropy> for StoreError {
    fn from(error: NoEntropy) -> Self {
        Self::Seal(error.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdentityTooLarge(size) => write!(f, "the identity cookie would have {size} bytes"),
            Self::TokensTooLarge(size) => write!(f, "the sealed tokens have {size} characters"),
            Self::Seal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StoreError {}
