//! Calls to Cognito that returned no usable response, from any endpoint.

use std::fmt;

use crate::http::CalloutError;

/// Why a call returned no usable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// There was no response, or it asked to try later: 5xx or 429. Carries the status; 0 if there was no response.
    Unavailable(u16),
    /// No response in time.
    TimedOut,
    /// Envoy has no such cluster, or didn't accept the call.
    NotDispatched,
    /// The response can't be read, or is too large. Carries the status; 0 if it is too large.
    InvalidResponse(u16),
}

impl CallError {
    /// The status code, if the error is about one.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Unavailable(status) | Self::InvalidResponse(status) => Some(status),
            Self::TimedOut | Self::NotDispatched => None,
        }
    }
}

impl From<CalloutError> for CallError {
    fn from(error: CalloutError) -> Self {
        match error {
            CalloutError::TimedOut => Self::TimedOut,
            CalloutError::NotDispatched => Self::NotDispatched,
            CalloutError::Broken => Self::Unavailable(0),
            CalloutError::TooLarge => Self::InvalidResponse(0),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(0) => f.write_str("no answer"),
            Self::Unavailable(status) => write!(f, "unavailable: status {status}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NotDispatched => f.write_str("not dispatched: the cluster is missing or has no hosts"),
            Self::InvalidResponse(0) => f.write_str("the answer is too large"),
            Self::InvalidResponse(status) => write!(f, "invalid answer: status {status}"),
        }
    }
}

impl std::error::Error for CallError {}
