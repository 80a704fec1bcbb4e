//! Secrets by SDS, since Envoy 1.40: Envoy gets them and keeps them up to date. It tells nobody of a new value, so the
//! filter looks for one every second.

use std::time::Duration;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::environment::SDS;
use envoy_cognito_core::config::reader::ConfigError;
use envoy_cognito_core::config::sds::sources;
use envoy_cognito_core::crypto::secret::Secret;
use parking_lot::Mutex;

use crate::abi::{ConfigHandle, SecretId, StreamHandle, has_secrets};

/// How often secrets are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A configuration's document, and the secrets that it refers to.
pub(crate) struct Secrets {
    envoy: ConfigHandle,
    document: Vec<u8>,
    subscribed: Vec<(String, SecretId)>,
    /// The values that were last looked at.
    seen: Mutex<Values>,
}

/// The value of each secret. `None` as long as it hasn't come.
type Values = Vec<Option<Secret<String>>>;

/// What a look at the secrets has found.
pub(crate) enum News {
    /// Nothing new, or a secret is missing.
    None,
    /// No secret is missing any more.
    Complete(Config),
    /// A secret has another value.
    Changed(Config),
    /// A secret has another value, with which the configuration is invalid.
    Refused(Vec<ConfigError>),
}

impl Secrets {
    /// Has Envoy get the secrets that a document refers to.
    ///
    /// # Errors
    /// A message for the operator, if Envoy refuses.
    pub(crate) fn subscribe(envoy: ConfigHandle, document: &[u8]) -> Result<Self, String> {
        let mut subscribed = Vec::new();
        // Without this ability of Envoy, reading the document reports each text that refers to a secret.
        if has_secrets() {
            for source in sources(document, &variable) {
                let refused = || format!("Envoy refuses the secret {}; its log says why", source.name);
                let id = envoy.subscribe(&source.name, &source.config_source).ok_or_else(refused)?;
                subscribed.push((source.name, id));
            }
        }
        Ok(Self { envoy, document: document.to_vec(), subscribed, seen: Mutex::default() })
    }

    /// Whether there are any.
    pub(crate) const fn are_used(&self) -> bool {
        !self.subscribed.is_empty()
    }

    /// Reads the configuration with the values of now. `Ok(None)` if it is valid as far as that can be said while a
    /// secret is missing.
    ///
    /// # Errors
    /// All errors of the document.
    pub(crate) fn first_config(&self) -> Result<Option<Config>, Vec<ConfigError>> {
        let values = self.values(|id| self.envoy.secret(id));
        let config = self.read(&values)?;
        let config = is_complete(&values).then_some(config);
        *self.seen.lock() = values;
        Ok(config)
    }

    /// Looks whether a value has changed. Only on the main thread.
    pub(crate) fn look(&self) -> News {
        let values = self.values(|id| self.envoy.secret(id));
        let mut seen = self.seen.lock();
        if !is_complete(&values) || is_same(&values, &seen) {
            return News::None;
        }
        let were_missing = !is_complete(&seen);
        seen.clone_from(&values);
        match self.read(&values) {
            Ok(config) if were_missing => News::Complete(config),
            Ok(config) => News::Changed(config),
            Err(errors) => News::Refused(errors),
        }
    }

    /// The configuration with the values of now, on a stream's worker. `None` if a secret is missing or invalid.
    pub(crate) fn config_on(&self, envoy: &StreamHandle<'_>) -> Option<Config> {
        let values = self.values(|id| envoy.secret(id));
        if is_complete(&values) { self.read(&values).ok() } else { None }
    }

    /// The names of the secrets that haven't come yet.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        let is_missing = |id: &SecretId| self.envoy.secret(*id).is_none();
        self.subscribed.iter().filter(move |(_, id)| is_missing(id)).map(|(name, _)| name.as_str())
    }

    fn values(&self, get: impl Fn(SecretId) -> Option<Vec<u8>>) -> Values {
        let value = |(_, id): &(String, SecretId)| {
            let text = String::from_utf8(get(*id)?).unwrap_or_default();
            // A secret that comes from a file often ends with a line break.
            Some(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        };
        self.subscribed.iter().map(value).collect()
    }

    fn read(&self, values: &Values) -> Result<Config, Vec<ConfigError>> {
        Config::parse(&self.document, &|name| {
            let Some(secret) = name.strip_prefix(SDS) else { return variable(name) };
            let number = self.subscribed.iter().position(|(known, _)| known == secret)?;
            Some(match values.get(number)? {
                Some(value) => value.expose().clone(),
                None => stand_in(number),
            })
        })
    }
}

/// An environment variable of Envoy.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Stands in for a missing secret, while the rest of the document is checked. It could be a session key, a different one
/// for each number.
fn stand_in(number: usize) -> String {
    format!("{number:0>42}A")
}

fn is_complete(values: &Values) -> bool {
    values.iter().all(Option::is_some)
}

fn is_same(one: &Values, other: &Values) -> bool {
    let same = |(one, other): (&Option<Secret<String>>, &Option<Secret<String>>)| match (one, other) {
        (Some(one), Some(other)) => one.matches(other.expose().as_bytes()),
        (None, None) => true,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_accepted_as_a_session_key() {
        let document = |keys: &[String]| {
            format!(
                r#"{{"user_pool_id":"us-east-1_UFeMzbuJe","client_id":"c","domain":"a.example.com","session":{{"keys":{keys:?}}}}}"#
            )
        };
        let keys: Vec<_> = (0..30).map(stand_in).collect();
        assert!(Config::parse(document(&keys).as_bytes(), &|_| None).is_ok());
    }

    #[test]
    fn values_are_the_same_only_if_all_are() {
        let values = |texts: &[Option<&str>]| -> Values {
            texts.iter().map(|text| text.map(|text| Secret::new(text.to_owned()))).collect()
        };
        let one = values(&[Some("a"), None]);
        assert!(is_same(&one, &one.clone()));
        for other in [&[Some("a"), Some("b")][..], &[None, None], &[Some("a")], &[Some("b"), None]] {
            assert!(!is_same(&one, &values(other)));
        }
    }
}
