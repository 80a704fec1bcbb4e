//! `envoy-cognito key`: a new session key.

use std::io::Write;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use envoy_cognito_core::crypto::seal::KEY_LEN;

use crate::output::{Failure, print};

/// Prints a new key.
///
/// # Errors
/// If the system has no randomness.
pub fn run(out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let key = fresh().map_err(|error| format!("the system provides no random numbers: {error}"))?;
    print(out, &format!("{key}\n"))
}

/// A key from the system's random number generator, in the form that `session.keys` accepts.
fn fresh() -> Result<String, getrandom::Error> {
    let mut key = [0; KEY_LEN];
    getrandom::getrandom(&mut key)?;
    Ok(STANDARD.encode(key))
}
