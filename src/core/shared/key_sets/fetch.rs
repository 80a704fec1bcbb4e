//! The calls that fetch a key set, their result, and its log line.

use std::fmt;
use std::time::Duration;

use crate::cognito::user_pool::UserPool;
use crate::http::{Callout, CalloutResult, MAX_CALLOUT_BODY};
use crate::oidc::call::CallError;
use crate::oidc::jwks::{KeySet, NoUsableKey};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// The place that is asked for a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysAt {
    /// `endpoints.jwks`, through `clusters.idp`.
    First,
    /// Where a pool has its keys whose issuer isn't updated: the API's host, through `clusters.api`.
    Second,
}

/// The call that fetches the key set of a pool. `None` if the pool has no second place.
pub fn fetch_keys(pool: &UserPool, at: KeysAt) -> Option<Callout> {
    let (cluster, endpoint) = match at {
        KeysAt::First => (&pool.clusters.idp, &pool.endpoints.jwks),
        KeysAt::Second => (&pool.clusters.api, pool.endpoints.second_jwks.as_ref()?),
    };
    Some(Callout::get_json(cluster, endpoint.clone(), pool.timeouts.jwks, MAX_CALLOUT_BODY))
}

/// How long a fetch may take: it may need two calls.
pub(super) fn longest_fetch(pool: &UserPool) -> Duration {
    pool.timeouts.jwks * if pool.endpoints.second_jwks.is_some() { 2 } else { 1 }
}

/// Whether that host has no key set of the pool, so that the second place is asked. An outage is none: then the
/// current set stays in use.
pub fn is_refusal(result: &CalloutResult) -> bool {
    result.as_ref().is_ok_and(|response| (400..500).contains(&response.status) && response.status != 429)
}

/// The log line for a key set that is fetched from the second place.
pub fn refusal_event(result: &CalloutResult, pool: &str) -> Event {
    let status = result.as_ref().map_or(0, |response| response.status);
    Event::new(Level::Info, "jwks.second_place")
        .with("status", status.to_string())
        .with(
            "hint",
            "the host of the updated issuer has no key set of this pool, so the original issuer's is asked through `clusters.api`",
        )
        .of_pool(pool)
}

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
