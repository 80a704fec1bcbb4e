//! The result of fetching a key set, and its log line.

use std::fmt;

use crate::http::CalloutResult;
use crate::oidc::call::CallError;
use crate::oidc::jwks::{KeySet, NoUsableKey};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// Why a fetch returned no keys. The current set stays in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// Envoy has no host to call yet. That is normal right after the start; the next attempt follows in a second.
    NoHostYet,
    /// The call returned no usable response.
    Call(CallError),
    /// The response contains no usable key.
    NoUsableKey,
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHostYet => "Envoy has no host to call for the key set yet",
            Self::Call(CallError::NotDispatched) => "Envoy could not call the key set's endpoint",
            Self::Call(CallError::TimedOut) => "the key set's endpoint did not respond in time",
            Self::Call(CallError::Unavailable(0)) => "the key set's response ended too early",
            Self::Call(CallError::InvalidResponse(0)) => "the key set's response is too large",
            Self::Call(CallError::Unavailable(status) | CallError::InvalidResponse(status)) => {
                return write!(f, "the key set's endpoint responded with status {status}");
            }
            Self::NoUsableKey => return NoUsableKey.fmt(f),
        })
    }
}

impl std::error::Error for FetchError {}

/// The keys in a response, and the document that contains them.
pub(super) fn read_response(result: &CalloutResult) -> Result<(KeySet, &[u8]), FetchError> {
    let response = result.as_ref().map_err(|error| CallError::from(*error))?;
    match response.status {
        200 => {
            let keys = KeySet::parse(&response.body).map_err(|NoUsableKey| FetchError::NoUsableKey)?;
            Ok((keys, &response.body))
        }
        // 0 is a response without a status.
        status @ (0 | 429 | 500..) => Err(CallError::Unavailable(status).into()),
        status => Err(CallError::InvalidResponse(status).into()),
    }
}

/// The log line of a fetch for `pool`, which is empty if the pool has no name.
pub fn fetch_event(outcome: Result<usize, FetchError>, pool: &str) -> Event {
    let failed = |reason: &str| Event::counted(Level::Warn, Counter::JwksFailed).with("reason", reason);
    let event = match outcome {
        Ok(keys) => Event::counted(Level::Info, Counter::JwksFetched).with("keys", keys.to_string()),
        Err(FetchError::NoHostYet) => Event::new(Level::Debug, "jwks.postponed").with(
            "hint",
            "Envoy has no host of the cluster in `clusters.idp` yet; the next attempt comes in a second",
        ),
        Err(FetchError::Call(CallError::NotDispatched)) => failed("cluster_missing").with(
            "hint",
            "the cluster in `clusters.idp` is missing, has no hosts, or its circuit breaker is open",
        ),
        Err(FetchError::Call(CallError::TimedOut)) => failed("timeout"),
        Err(FetchError::Call(CallError::Unavailable(0))) => failed("broken_off"),
        Err(FetchError::Call(CallError::InvalidResponse(0))) => failed("too_large"),
        Err(FetchError::Call(CallError::Unavailable(status) | CallError::InvalidResponse(status))) => {
            failed("status").with("status", status.to_string())
        }
        Err(FetchError::NoUsableKey) => failed("no_usable_key"),
    };
    event.of_pool(pool)
}
