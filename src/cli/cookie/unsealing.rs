//! The configurations of a file, with the keys that open a cookie.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::seal::{KEY_LEN, Keyring};

use crate::check::files;
use crate::check::reading;
use crate::documents::source::Source;
use crate::envoy::variables::Environment;
use crate::settings;

/// The variable that holds the key if nothing names another.
const USUAL: &str = "SESSION_KEY";

/// The valid configurations of a file. `key_env` names the variable that holds the key.
///
/// # Errors
/// If there is none, or if a value that the cookie is bound to isn't known.
pub fn configs(
    source: &Source,
    key_env: Option<&str>,
    host_given: bool,
    environment: &Environment,
) -> Result<Vec<Config>, String> {
    let contents = files::read(source);
    if contents.plugins.is_empty() {
        return Err(format!("{}: it contains no configuration of this filter", source.name));
    }
    let given = key_env.map(|name| key(name, environment)).transpose()?;
    let mut configs = Vec::new();
    for plugin in &contents.plugins {
        let reading = reading::read(plugin, environment, true);
        let Some(mut config) = reading.config else {
            let fault = reading.findings.first().map(|fault| format!(" ({}: {})", fault.path, fault.message));
            return Err(format!(
                "{} has errors{}; `check` lists them all",
                source.name,
                fault.unwrap_or_default()
            ));
        };
        let matters = |path: &str| is_bound(path, host_given);
        let missing: Vec<&str> =
            reading.unknown.iter().filter(|(path, _)| matters(path)).map(|(_, name)| name.as_str()).collect();
        if !missing.is_empty() {
            return Err(format!(
                "the cookie depends on the values of {}: set the same values as for the filter",
                missing.join(", ")
            ));
        }
        let unknown_keys: Vec<&str> = reading
            .unknown
            .iter()
            .filter(|(path, _)| path.starts_with("session.keys"))
            .map(|(_, name)| name.as_str())
            .collect();
        if let Some(key) = given {
            config.keyring = Keyring::new(&[key]);
        } else if !unknown_keys.is_empty() {
            let key = key(USUAL, environment).map_err(|_| {
                format!(
                    "the session key isn't known: set {}, or name the key's variable with --key-env",
                    unknown_keys.join(", ")
                )
            })?;
            config.keyring = Keyring::new(&[key]);
        }
        if reading.unknown.iter().any(|(path, _)| path == "public_url") {
            // The user's `--host` replaces it.
            config.public_url = None;
        }
        configs.push(config);
    }
    Ok(configs)
}

/// Whether the value at a path is part of a cookie's seal or name. For `public_url` this is only its host.
fn is_bound(path: &str, host_given: bool) -> bool {
    settings::at(path)
        .is_some_and(|setting| setting.binds_cookie && !(host_given && setting.path == "public_url"))
}

/// The key in a variable.
fn key(name: &str, environment: &Environment) -> Result<[u8; KEY_LEN], String> {
    let text = environment.get(name).ok_or_else(|| {
        format!("the environment variable {name}, which should contain the session key, is not set")
    })?;
    let text = text.trim().trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text));
    let bytes = bytes.map_err(|_| format!("{name} contains no session key: it is not base64"))?;
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        format!("{name} contains no session key: {} bytes, {KEY_LEN} are needed", bytes.len())
    })
}
