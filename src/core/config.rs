//! The configuration: reads what the operator wrote once, and checks it. A document with any error is refused
//! as a whole, and all its errors are reported together.

mod bearer;
pub mod document;
mod endpoints;
pub mod environment;
mod headers;
mod issuers;
mod pages;
mod paths;
mod pool;
pub mod reader;
mod revocations;
mod roles;
mod rules;
pub mod sds;
mod session;
mod sign_in_params;
mod templates;
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
pub use crate::config::revocations::RevocationSettings;
use crate::crypto::seal::Keyring;
use crate::crypto::secret::hex;
use crate::http::origin::Origin;
use crate::pages::page::Design;
use crate::rules::Rules;

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user pools in which people can sign in.
    pub pools: Pools,
    /// Scheme and authority that browsers see, if they differ from the request's.
    pub public_url: Option<Origin<'static>>,
    /// The filter's own paths.
    pub paths: Paths,
    /// The keys that seal the cookies.
    pub keyring: Keyring,
    /// The maximum length of a session, even if its tokens are refreshed.
    pub lifetime: Duration,
    /// The maximum time without a request before the person must sign in again.
    pub idle: Option<Duration>,
    /// How long before they expire the tokens are refreshed.
    pub refresh_early: Duration,
    /// The age at which the tokens are refreshed even if they don't expire soon. If Cognito then refuses, the session
    /// ends at once.
    pub recheck: Option<Duration>,
    /// How long a session remains valid after its tokens expire while Cognito is down.
    pub stale_if_error: Duration,
    /// The maximum length of a WebSocket, a stream of server-sent events or a gRPC stream of a signed-in person.
    pub max_stream: Option<Duration>,
    /// The headers that the app gets.
    pub headers: IdentityHeaders,
    /// Who may access what.
    pub rules: Rules,
    /// Which bearer tokens are accepted; `None` accepts none.
    pub bearer: Option<BearerSettings>,
    /// The deny list that all Envoys share, if there is one.
    pub revocations: Option<RevocationSettings>,
    /// Whether CORS preflights are forwarded regardless of the sender. By design they carry no credentials.
    pub preflights_pass: bool,
    /// The design of the pages.
    pub pages: Design,
    /// Whether people can add a passkey to their account: their identity page links Cognito's page for that.
    pub passkeys: bool,
    /// Whether a form that is posted without a session is kept in the page that asks to sign in.
    pub keep_form: bool,
}

impl Config {
    /// Reads a JSON document. `environment` looks up variables, and secrets as `sds:NAME`.
    ///
    /// # Errors
    /// All errors, in the order of the document.
    pub fn parse(
        json: &[u8],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<ConfigError>> {
        Self::of_document(document::parse(json), environment)
    }

    /// Reads a document, or reports why it can't be read. `environment` looks up variables.
    ///
    /// # Errors
    /// All errors, in the order of the document.
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
        let used = sds::Used::default();
        let lookup = |name: &str| {
            used.note(name);
            environment(name)
        };
        environment::substitute(&mut root, "", &lookup, &faults);
        let section = Section::new(String::new(), Some(&root), &faults);
        sds::read(&section, &used);
        let config = Self::read(&section);
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
        let headers = headers::read(root, &pools);
        let bearer = bearer::read(root);
        let revocations = revocations::read(root);
        let rules = rules::read(root, &pools);
        let preflights_pass = root.choice("cors_preflight", &[("deny", false), ("pass", true)], false);
        let pages = pages::read(root, &paths);
        root.finish();
        Self {
            pools,
            public_url,
            paths,
            keyring: session.keyring,
            lifetime: session.lifetime,
            idle: session.idle,
            refresh_early: session.refresh_early,
            recheck: session.recheck,
            stale_if_error: session.stale_if_error,
            max_stream: session.max_stream,
            headers,
            rules,
            bearer,
            revocations,
            preflights_pass,
            pages: pages.design,
            passkeys: pages.passkeys,
            keep_form: pages.keep_form,
        }
    }

    /// A name that separates the shared data of different configurations in one Envoy.
    pub fn scope(&self) -> String {
        let scopes = self.pools.iter().map(|pool| pool.scope(self.keyring.fingerprint()));
        let hash = scopes.fold(Sha256::new(), Sha256::chain_update).finalize();
        format!("envoy_cognito.{}", hex(hash.get(..8).unwrap_or_default()))
    }
}
