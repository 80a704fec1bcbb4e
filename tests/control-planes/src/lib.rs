//! What tests of a control plane need: the repository's manifests, and the site that they describe, with a stand-in for
//! Cognito and a sample app.

use std::path::{Path, PathBuf};

use rig::{Browser, Response};
use sample_app::SampleApp;
use serde::Deserialize as _;
use serde_json::{Value, json};
use stand_in::{Config, StandIn};

/// The address in the manifests.
pub const ORIGIN: &str = "https://app.example.com";
/// Base64 of 32 bytes.
const SESSION_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// All documents of a YAML file of the repository.
///
/// # Panics
/// Here and below: if a file is missing or isn't what the tests take it for.
#[must_use]
#[track_caller]
pub fn manifests(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let documents = yaml_serde::Deserializer::from_str(&text).map(Value::deserialize);
    documents.map(|document| document.unwrap_or_else(|error| panic!("{file}: {error}"))).collect()
}

/// The only document of a YAML file of the repository.
#[must_use]
#[track_caller]
pub fn manifest(file: &str) -> Value {
    let mut documents = manifests(file);
    assert_eq!(documents.len(), 1, "{file}");
    documents.remove(0)
}

/// A program that `make` builds with Go; `variable` may name another one.
#[must_use]
#[track_caller]
pub fn program(variable: &str, make: &str) -> PathBuf {
    let named = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run `{make}`"));
    let path = root().join(named);
    assert!(path.is_file(), "no {}: run `{make}`", path.display());
    path
}

/// The wasm filter, with its whole path.
#[must_use]
#[track_caller]
pub fn wasm() -> PathBuf {
    let path = root().join("target/wasm32-wasip1/release/envoy_cognito.wasm");
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}: run `make build`", path.display()))
}

/// The environment of the proxy, as the Secret of the manifests gives it.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    let values = [
        ("COGNITO_USER_POOL_ID", "us-east-1_UFeMzbuJe"),
        ("COGNITO_CLIENT_ID", "2jvuq8gkhfoh7u4fdfihiditj5"),
        ("COGNITO_CLIENT_SECRET", "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf"),
        ("SESSION_KEY", SESSION_KEY),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Cognito and the app behind the gateway.
pub struct Site {
    pub cognito: StandIn,
    pub app: SampleApp,
}

impl Site {
    /// The demo's pool and people, with the client's URLs for [`ORIGIN`].
    #[must_use]
    pub fn start() -> Self {
        let mut config = Config::demo();
        for client in config.pools.iter_mut().flat_map(|pool| &mut pool.clients) {
            client.callback_urls = vec![format!("{ORIGIN}/.auth/callback")];
            client.logout_urls = vec![format!("{ORIGIN}/.auth/signed-out")];
        }
        Self {
            cognito: StandIn::start(config).expect("a stand-in"),
            app: SampleApp::start().expect("an app"),
        }
    }

    /// The setting that the stand-in needs: it has other addresses than Cognito, and no TLS.
    #[must_use]
    pub fn endpoints(&self) -> Value {
        let domain = self.cognito.domain_url();
        json!({
            "issuer": self.cognito.issuer("us-east-1_UFeMzbuJe"),
            "authorize": format!("{domain}/oauth2/authorize"),
            "token": format!("{domain}/oauth2/token"),
            "revoke": format!("{domain}/oauth2/revoke"),
            "logout": format!("{domain}/logout"),
        })
    }
}

/// A browser that reaches the gateway at this port of 127.0.0.1, through a load balancer that ends TLS.
#[must_use]
pub fn browser(port: u16) -> Browser {
    Browser::new().route(ORIGIN, ([127, 0, 0, 1], port).into())
}

/// Signs John Smith in on the way to a page, which must appear.
#[track_caller]
pub fn sign_in(browser: &mut Browser, path: &str) {
    let visit = browser.sign_in(&format!("{ORIGIN}{path}"), "jsmith", "The@Password");
    assert_eq!((visit.status(), visit.url.as_str()), (200, format!("{ORIGIN}{path}").as_str()), "{visit}");
}

/// What a script of the site gets.
#[track_caller]
pub fn fetch(browser: &mut Browser, path: &str) -> Response {
    browser.fetch(&format!("{ORIGIN}{path}"))
}

/// A header that the app received, from its JSON answer.
#[must_use]
#[track_caller]
pub fn seen(response: &Response, name: &str) -> Vec<String> {
    assert_eq!(response.status, 200, "{response:?}");
    let json = response.json();
    let headers = json["headers"].as_array().expect("the app's answer").iter();
    headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().expect("text").to_owned()).collect()
}

/// The app sees John Smith with his roles and without the filter's cookies, and the rules of the manifests hold for him.
#[track_caller]
pub fn assert_is_john_smith(person: &mut Browser) {
    let answer = fetch(person, "/json");
    assert_eq!(seen(&answer, "x-auth-user"), ["jsmith"]);
    assert_eq!(seen(&answer, "x-auth-roles"), ["authp/admin,authp/user"]);
    assert!(seen(&answer, "cookie").iter().all(|cookie| !cookie.contains("__Host-auth")), "{answer:?}");
    assert_eq!(fetch(person, "/admin/x").status, 403, "nobody is called admin here");
}
