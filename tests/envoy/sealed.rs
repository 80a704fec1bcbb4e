//! Thousands of sessions, and what they cost Envoy.

use std::time::Duration;

use envoy_cognito_core::cognito::identity::Identity;
use envoy_cognito_core::config::Config as FilterConfig;
use envoy_cognito_core::crypto::secret::Entropy;
use envoy_cognito_core::session::{CookieStore, Session};
use envoy_cognito_core::time::UnixTime;
use rig::Envoy;
use serde_json::Value;

use crate::aged::Counter;
use crate::world::SESSION_KEY;

/// Cookies of sessions without a sign-in: sealed here, with Envoy's key.
pub fn sealed_sessions(config: &Value, count: usize) -> Vec<String> {
    let config = FilterConfig::parse(config.to_string().as_bytes(), &|_| Some(SESSION_KEY.to_owned()))
        .expect("a configuration");
    let store = CookieStore::new(&config, &config.pools[0], "own.example.test");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = UnixTime::from_secs(now.as_secs());
    let mut entropy = Counter(1);
    (0..count)
        .map(|number| {
            let mut id = [0; 16];
            entropy.fill(&mut id).expect("random");
            let session = Session {
                id,
                signed_in_at: now,
                renewed_at: now,
                expires_at: now.plus(Duration::from_secs(3600)),
                seen_at: now,
                identity: Identity { subject: format!("user-{number}"), ..Identity::default() }.into(),
            };
            format!("__Host-auth={}", store.seal("__Host-auth", &session, &mut entropy).expect("sealed"))
        })
        .collect()
}

/// The resident memory of Envoy, in kilobytes.
pub fn resident(envoy: &Envoy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", envoy.pid())).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
