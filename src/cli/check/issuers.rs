//! What `check` notes about the issuers of a pool.

use envoy_cognito_core::cognito::issuer::is_issuer_of;
use envoy_cognito_core::cognito::user_pool::UserPool;

/// The notes about the issuers of a pool, each with the setting that it is about.
pub fn notes(pool: &UserPool, user_pool_id: &str) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if let [only] = pool.issuers.as_slice() {
        if let Some(message) = plain_issuer(only) {
            notes.push(("endpoints.issuer", message));
        } else if is_issuer_of(only, user_pool_id) {
            let message = format!(
                "accepts only {only}; without this setting, both issuers of the pool are accepted, so that a switch of \
                 the pool from one to the other signs nobody out"
            );
            notes.push(("endpoints.issuer", message));
        }
    }
    if let Some(second) = &pool.endpoints.second_jwks
        && pool.clusters.api == pool.clusters.idp
    {
        let message = format!(
            "isn't set: the host of the updated issuer has no key set until the pool has switched; to get it from {} \
             until then, name a cluster that connects there",
            second.authority
        );
        notes.push(("clusters.api", message));
    }
    notes
}

/// The note about an `http` issuer. Cognito's own issuer never uses http.
fn plain_issuer(issuer: &str) -> Option<String> {
    let rest = issuer.strip_prefix("http://")?;
    let is_local = ["localhost", "127.", "[::1]"].iter().any(|local| rest.starts_with(local));
    (!is_local)
        .then(|| "is http, which is safe only for an emulator: the filter trusts the keys that it fetches from there".to_owned())
}
