//! The configuration that targets share, and a host that provides the minimum to the core.

use std::sync::Arc;

use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::decision::HostEnv;
use envoy_cognito_core::oidc::jwt::{PortableRs256, VerifyRs256};
use envoy_cognito_core::session::CookieStore;
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};
use envoy_cognito_core::time::UnixTime;

use crate::Random;

/// 2026-02-03 04:05:06; the tokens in `fixtures` are valid for an hour from then.
pub const NOW: UnixTime = UnixTime::from_secs(1_770_091_506);

/// The host of the requests.
pub const HOST: &str = "app.example.com";

/// The app client of the configuration.
pub const CLIENT: &str = "client";

/// The issuer that follows from the configuration.
pub const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";

/// Headers that this configuration can set.
pub const OURS: [&str; 5] = ["x-auth-user", "x-auth-subject", "x-auth-email", "x-auth-name", "x-auth-roles"];

/// A configuration with these rules.
pub fn config(rules: &str) -> Arc<Config> {
    parse(&format!("\"rules\": {rules}"))
}

/// A configuration that keeps forms.
pub fn keeping_forms() -> Arc<Config> {
    parse("\"pages\": {\"keep_form\": true}")
}

fn parse(more: &str) -> Arc<Config> {
    let document = format!(
        r#"{{"user_pool_id": "us-east-1_UFeMzbuJe", "client_id": "{CLIENT}",
            "domain": "myapp.auth.us-east-1.amazoncognito.com",
            "session": {{"keys": ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]}},
            "bearer": {{"enabled": true, "token_use": ["access", "id"]}},
            {more}}}"#
    );
    Arc::new(Config::parse(document.as_bytes(), &|_| None).expect("a good configuration"))
}

/// The pool of a configuration.
pub fn pool(config: &Config) -> &Arc<Pool> {
    config.pools.first().expect("one pool")
}

/// The browser's cookies for [`HOST`].
pub fn store(config: &Config) -> CookieStore<'_> {
    CookieStore::new(config, pool(config), HOST)
}

/// Not random: the same bytes in every run.
pub struct Counted(pub Random);

impl Entropy for Counted {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        out.copy_from_slice(&self.0.bytes(out.len()));
        Ok(())
    }
}

/// Shared data that stores nothing.
pub struct Nothing;

impl SharedData for Nothing {
    fn get(&self, _: &str) -> Option<(Vec<u8>, Version)> {
        None
    }

    fn set(&self, _: &str, _: &[u8], _: Option<Version>) -> Result<(), Conflict> {
        Ok(())
    }
}

/// Runs the call with this host's environment.
pub fn with_surroundings<T>(call: impl FnOnce(&mut HostEnv<'_>) -> T) -> T {
    let rs256: &dyn VerifyRs256 = &PortableRs256;
    let mut entropy = Counted(Random(1));
    call(&mut HostEnv { now: NOW, entropy: &mut entropy, rs256, shared: &Nothing })
}
