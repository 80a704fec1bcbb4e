//! `envoy-cognito key`: a fresh session key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use envoy_cognito_core::crypto::seal::KEY_LEN;

/// A key out of the system's randomness, as `session.keys` takes it.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn fresh() -> Result<String, getrandom::Error> {
    let mut key = [0; KEY_LEN];
    getrandom::getrandom(&mut key)?;
    Ok(STANDARD.encode(key))
}
