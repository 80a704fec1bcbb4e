//! The host floor: the only one that says `proxy_wasm`. It reads, asks the core, and obeys; it knows
//! nothing of sign-ins.

mod abi;
mod http_context;
mod metrics;
mod root_context;
mod signatures;
mod worker;

use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{LogLevel, MapType};

use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::decision::AccessRecord;
use envoy_cognito_core::http::{Callout, RequestEdits, Response};
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};
use envoy_cognito_core::telemetry::event::{Event, Level};
use envoy_cognito_core::time::UnixTime;

/// What the host's clock says; 1970 where it says nothing or something earlier.
fn now() -> UnixTime {
    let since_1970 = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
    let millis = since_1970.unwrap_or(Duration::ZERO).as_millis();
    UnixTime::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The host's random generator, by way of WASI.
struct HostEntropy;

impl Entropy for HostEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::getrandom(out).map_err(|_| NoEntropy)
    }
}

/// The host's shared data.
struct HostSharedData;

impl SharedData for HostSharedData {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let (value, version) = hostcalls::get_shared_data(key).ok()?;
        Some((value.unwrap_or_default(), Version(version?)))
    }

    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict> {
        let version = version.map(|Version(version)| version);
        hostcalls::set_shared_data(key, Some(value), version).map_err(|_| Conflict)
    }
}

fn log(event: &Event) {
    let level = match event.level {
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    };
    // Without a log there is nowhere to say so.
    let _ = hostcalls::log(level, &format!("envoy_cognito {event}"));
}

/// Tells the access log of the stream whose context is in effect, as filter state that
/// `%FILTER_STATE(wasm.envoy_cognito.user:PLAIN)%` reads. Where the host doesn't take it, the log lacks it.
fn tell_access_log(access: &AccessRecord) {
    abi::set_property("envoy_cognito.decision", access.decision.name());
    if let Some(rule) = &access.rule {
        abi::set_property("envoy_cognito.rule", rule);
    }
    if let Some(person) = &access.person {
        if !person.user.is_empty() {
            abi::set_property("envoy_cognito.user", &person.user);
        }
        abi::set_property("envoy_cognito.subject", &person.subject);
        if !person.roles.is_empty() {
            abi::set_property("envoy_cognito.roles", &person.roles);
        }
    }
}

/// Changes the headers of the stream whose context is in effect.
///
/// # Errors
/// Where the host refuses; the request must not go on then.
fn apply_edits(edits: &RequestEdits) -> Result<(), proxy_wasm::types::Status> {
    for name in &edits.remove {
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, name)?;
    }
    for (name, value) in &edits.replace {
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value))?;
    }
    for (name, value) in edits.added() {
        hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value)?;
    }
    Ok(())
}

/// Headers by which an upstream allows caches to keep an answer. One that carries cookies is for one
/// browser alone.
const CACHING: [&str; 5] = ["cache-control", "expires", "cdn-cache-control", "surrogate-control", "pragma"];

/// Lets cookies ride on the answer of the stream whose context is in effect.
///
/// # Errors
/// Where the host refuses.
fn set_cookies(cookies: &[String]) -> Result<(), proxy_wasm::types::Status> {
    for name in CACHING {
        hostcalls::remove_map_value(MapType::HttpResponseHeaders, name)?;
    }
    hostcalls::add_map_value(MapType::HttpResponseHeaders, "cache-control", "no-store")?;
    for cookie in cookies {
        hostcalls::add_map_value(MapType::HttpResponseHeaders, "set-cookie", cookie)?;
    }
    Ok(())
}

/// Answers the stream whose context is in effect.
fn respond(response: &Response) {
    let headers = response.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = Some(response.body.as_bytes()).filter(|body| !body.is_empty());
    // A stream that is gone can't be answered, and needn't be.
    let _ = hostcalls::send_http_response(u32::from(response.status), headers, body);
}

/// Hands a call to the host. Gives the host's name for it.
fn dispatch(callout: &Callout) -> Option<u32> {
    let endpoint = &callout.endpoint;
    let mut headers = vec![
        (":method", callout.method),
        (":scheme", endpoint.scheme.as_str()),
        (":authority", endpoint.authority.as_str()),
        (":path", endpoint.target.as_str()),
    ];
    headers.extend(callout.headers.iter().map(|(name, value)| (*name, value.expose().as_str())));
    let body = Some(callout.body.expose().as_slice()).filter(|body| !body.is_empty());
    hostcalls::dispatch_http_call(&callout.cluster, headers, body, Vec::new(), callout.timeout).ok()
}
