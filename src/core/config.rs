//! The configuration: what the operator wrote, read once into what it means. A document with any fault
//! is refused whole, with all its faults at once.

mod bearer;
pub mod document;
mod endpoints;
pub mod environment;
mod headers;
mod pages;
mod paths;
mod pool;
pub mod reader;
mod rules;
mod session;
#[cfg(test)]
mod tests;
mod urls;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::cognito::identity::headers::IdentityHeaders;
use crate::cognito::pool::Pools;
pub use crate::config::bearer::BearerSettings;
use crate::config::document::DocumentError;
pub use crate::config::paths::Paths;
use crate::config::reader::{ConfigError, ConfigErrors, Section};
use crate::crypto::seal::Keyring;
use crate::crypto::secret::hex;
use crate::http::origin::Origin;
use crate::pages::page::Design;
use crate::rules::Rules;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user pools that people sign in at.
    pub pools: Pools,
    /// Scheme and authority that browsers see, where it isn't the request's own.
    pub public_url: Option<Origin<'static>>,
    /// Our own paths.
    pub paths: Paths,
    /// What cookies are sealed under.
    pub keyring: Keyring,
    /// How long a session may last, whatever is refreshed.
    pub lifetime: Duration,
    /// Sign in again after this long without a request.
    pub idle: Option<Duration>,
    /// How long before the tokens expire new ones are asked for.
    pub refresh_early: Duration,
    /// How long a session outlives its tokens while Cognito is down.
    pub stale_if_error: Duration,
    /// What the app is told.
    pub headers: IdentityHeaders,
    /// Who may see what.
    pub rules: Rules,
    /// Which bearer tokens are taken; none where it is absent.
    pub bearer: Option<BearerSettings>,
    /// Whether CORS preflights go upstream, whoever sends them. They carry no credentials by design.
    pub preflights_pass: bool,
    /// What the pages look like.
    pub pages: Design,
}

impl Config {
    /// Reads a document that is written as JSON. `environment` looks variables up.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn parse(
        json: &[u8],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        Self::of_document(document::parse(json), environment)
    }

    /// Reads a document, or reports why there is none. `environment` looks variables up.
    ///
    /// # Errors
    /// All faults, in the order of the document.
    pub fn of_document(
        document: Result<document::Node, DocumentError>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        let faults = ConfigErrors::default();
        let mut root = match document {
            Ok(root) => root,
            Err(error) => {
                faults.add("configuration", error);
                return Err(faults.into_vec());
            }
        };
        environment::substitute(&mut root, "", environment, &faults);
        let config = Self::read(&Section::new(String::new(), Some(&root), &faults));
        match faults.into_vec() {
            found if found.is_empty() => Ok(config),
            found => Err(found),
        }
    }

    fn read(root: &Section<'_>) -> Self {
        let public_url = urls::read_public_url(root);
        let paths = paths::read(root);
        let session = session::read(root, public_url.as_ref());
        let pools = pool::read(root, &session.cookies);
        let headers = headers::read(root);
        let bearer = bearer::read(root);
        let rules = rules::read(root, &pools);
        let preflights_pass = root.choice("cors_preflight", &[("deny", false), ("pass", true)], false);
        let pages = pages::read(root);
        root.finish();
        Self {
            pools,
            public_url,
            paths,
            keyring: session.keyring,
            lifetime: session.lifetime,
            idle: session.idle,
            refresh_early: session.refresh_early,
            stale_if_error: session.stale_if_error,
            headers,
            rules,
            bearer,
            preflights_pass,
            pages,
        }
    }

    /// Keeps the shared data of different configurations in one Envoy apart.
    pub fn scope(&self) -> String {
        let scopes = self.pools.iter().map(|pool| pool.scope(self.keyring.fingerprint()));
        let hash = scopes.fold(Sha256::new(), Sha256::chain_update).finalize();
        format!("envoy_cognito.{}", hex(hash.get(..8).unwrap_or_default()))
    }
}
