//! Secrets by SDS, from files: they change without a restart, and nobody is signed out.

use std::time::Duration;

use rig::{Envoy, Options, RawRequest, Scratch};
use serde_json::{Value, json};

use crate::aged::OVER;
use crate::own::{NAME, Own, Wish};
use crate::world::{CLIENT_SECRET, PASSWORD, SESSION_KEY, USER, is_native, skipped};

/// The first version that gives secrets to modules.
const FIRST: (u32, u32) = (1, 40);

/// Base64 of 32 bytes.
const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn can_get_secrets() -> bool {
    is_native() && Envoy::version() >= FIRST
}

/// Secrets as files that Envoy watches.
struct Secrets(Scratch);

impl Secrets {
    fn new(secrets: &[(&str, &str)]) -> Self {
        let files = Self(Scratch::new().expect("a folder"));
        secrets.iter().for_each(|(name, value)| files.set(name, Some(value)));
        files
    }

    /// Moves a file into place, which is what Envoy watches for. Without a value, the file has no secret.
    fn set(&self, name: &str, value: Option<&str>) {
        let secret = |value| {
            json!({
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
                "name": name,
                "generic_secret": { "secret": { "inline_string": value } },
            })
        };
        let resources: Vec<Value> = value.map(secret).into_iter().collect();
        let new = self.0.path().join("new");
        std::fs::write(&new, json!({ "resources": resources }).to_string()).expect("written");
        std::fs::rename(&new, self.0.path().join(format!("{name}.json"))).expect("moved");
    }

    /// The section `sds` with these secrets.
    fn sources(&self, names: &[&str]) -> Value {
        let folder = self.0.path();
        let source = |name: &&str| {
            let path = json!({ "path": folder.join(format!("{name}.json")), "watched_directory": { "path": folder } });
            let source = json!({ "path_config_source": path, "resource_api_version": "V3", "initial_fetch_timeout": "0.5s" });
            ((*name).to_owned(), source)
        };
        Value::Object(names.iter().map(source).collect())
    }
}

/// An Envoy whose filter has these settings beside its own. `None` if this host can't get secrets.
fn start(config: &Value) -> Option<Own> {
    if !can_get_secrets() {
        skipped("secrets by SDS, because only the native module has them, with Envoy 1.40 and later");
        return None;
    }
    let mut own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let bootstrap = own.bootstrap(0, config).with(json!({ "node": { "id": "test", "cluster": "test" } }));
    own.envoys.push(Envoy::start(
        &bootstrap.to_string(),
        &Options::default().env("SESSION_KEY", SESSION_KEY).concurrency(2),
    ));
    Some(own)
}

/// Waits until the main thread, too, has seen that all secrets have come. A later value is a change.
#[track_caller]
fn complete(own: &Own) {
    let seen = rig::eventually(rig::PATIENCE, || own.envoys[0].log_line("secrets.complete"));
    assert!(seen.is_some(), "{}", own.envoys[0].log());
}

#[track_caller]
fn counted(own: &Own, counter: &str, times: i64) {
    let name = format!("wasmcustom.envoy_cognito.secrets.{counter}");
    let seen = rig::eventually(rig::PATIENCE, || (own.envoys[0].stat(&name) >= times).then_some(()));
    assert!(seen.is_some(), "{name} isn't {times}\n{}", own.envoys[0].log());
}

#[test]
fn a_client_secret_changes_without_a_restart_and_nobody_is_signed_out() {
    let secrets = Secrets::new(&[("client", CLIENT_SECRET)]);
    let config = json!({ "client_secret": "${sds:client}", "sds": secrets.sources(&["client"]) });
    let Some(own) = start(&config) else { return };
    let mut early = own.signed_in();
    let (mut pending, mut idle) = (own.browser(), own.signed_in());
    let redirect = pending.step(&own.url("/wanted"));
    complete(&own);
    let loads = |own: &Own| own.envoys[0].stat("listener_manager.listener_create_success");
    let loads_before = loads(&own);
    let new = "another+secret/of=the-same-client";
    own.cognito().set_client_secret(NAME, new);
    // A line break at the end of a file is no part of a secret.
    secrets.set("client", Some(&format!("{new}\n")));
    counted(&own, "changed", 1);
    assert_eq!(early.fetch(&own.url("/json")).status, 200);
    own.age(&mut idle, OVER);
    assert_eq!(
        idle.fetch(&own.url("/json")).status,
        200,
        "refreshed with the new secret\n{}",
        own.envoys[0].log()
    );
    let visit = pending.sign_in(redirect.location().expect("a redirect"), USER, PASSWORD);
    assert_eq!(
        (visit.status(), visit.url.as_str()),
        (200, own.url("/wanted").as_str()),
        "begun before\n{visit}"
    );
    own.signed_in();
    assert_eq!(loads(&own), loads_before, "no restart, no reload");
    for secret in [CLIENT_SECRET, new] {
        assert!(!own.envoys[0].log().contains(secret));
    }
}

#[test]
fn session_keys_are_rotated_without_a_restart() {
    let secrets = Secrets::new(&[("first", SESSION_KEY), ("second", OTHER_KEY)]);
    let keys = json!({ "keys": ["${sds:first}", "${sds:second}"] });
    let Some(own) = start(&json!({ "session": keys, "sds": secrets.sources(&["first", "second"]) })) else {
        return;
    };
    let mut browser = own.signed_in();
    let before = browser.cookie_header(&own.url("/"));
    complete(&own);
    // For a moment both are the same, which is invalid.
    secrets.set("first", Some(OTHER_KEY));
    secrets.set("second", Some(SESSION_KEY));
    counted(&own, "changed", 1);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "sealed with what is now the second key");
    own.signed_in();
    secrets.set("second", Some("c29tZXRoaW5nIGVsc2UsIGFsc28gMzIgYnl0ZXMgISE="));
    counted(&own, "changed", 2);
    let answer = own.send(0, RawRequest::get("/json").header("cookie", &before));
    assert_eq!(answer.status, 401, "the first key is gone");
}

#[test]
fn with_an_invalid_secret_the_last_good_one_stays_in_use() {
    let secrets = Secrets::new(&[("key", SESSION_KEY)]);
    let config = json!({ "session": { "keys": ["${sds:key}"] }, "sds": secrets.sources(&["key"]) });
    let Some(own) = start(&config) else { return };
    let mut browser = own.signed_in();
    complete(&own);
    secrets.set("key", Some("MTYgYnl0ZXMgb25seSE="));
    counted(&own, "refused", 1);
    let log = own.envoys[0].log();
    assert!(log.contains("configuration: session.keys[0]: 14 bytes, 32 are needed"), "{log}");
    assert!(log.contains("secrets.refused") && !log.contains("MTYgYnl0ZXMgb25seSE"), "{log}");
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
    own.signed_in();
    secrets.set("key", Some(SESSION_KEY));
    counted(&own, "changed", 1);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
}

#[test]
fn until_a_secret_has_come_nothing_goes_to_the_app() {
    let secrets = Secrets::new(&[]);
    secrets.set("key", None);
    let rules = json!([{ "path": "/public/**", "allow": "everyone" }]);
    let config =
        json!({ "session": { "keys": ["${sds:key}"] }, "rules": rules, "sds": secrets.sources(&["key"]) });
    let Some(own) = start(&config) else { return };
    for path in ["/", "/public/page", "/.auth/me"] {
        let request = RawRequest::post(path, "x=1").header("x-auth-user", "root");
        assert_eq!(own.send(0, request).status, 503, "{path}");
    }
    assert!(own.envoys[0].log().contains("secrets.missing secret=\"key\""), "{}", own.envoys[0].log());
    assert!(own.app.requests().is_empty());
    secrets.set("key", Some(SESSION_KEY));
    let open = || (own.send(0, RawRequest::get("/public/page")).status == 200).then_some(());
    assert!(rig::eventually(rig::PATIENCE, open).is_some(), "{}", own.envoys[0].log());
    own.signed_in();
}

#[test]
fn a_static_secret_of_the_bootstrap_needs_no_source() {
    let secret =
        json!({ "name": "client", "generic_secret": { "secret": { "inline_string": CLIENT_SECRET } } });
    if !can_get_secrets() {
        return skipped("static secrets, because only the native module has them, with Envoy 1.40 and later");
    }
    let mut own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let mut bootstrap = own.bootstrap(0, &json!({ "client_secret": "${sds:client}" })).to_json();
    bootstrap["static_resources"]["secrets"] = json!([secret]);
    let options = Options::default().env("SESSION_KEY", SESSION_KEY);
    own.envoys.push(Envoy::start(&bootstrap.to_string(), &options));
    own.signed_in();
}

#[test]
fn a_host_without_secrets_refuses_a_configuration_that_needs_one() {
    let own = Own::new(Wish { envoys: 0, cognito: false, ..Wish::default() });
    let name = if can_get_secrets() { "unknown" } else { "client" };
    let bootstrap = own.bootstrap(0, &json!({ "client_secret": format!("${{sds:{name}}}") }));
    let options = Options::default().env("SESSION_KEY", SESSION_KEY);
    let log = Envoy::validate(&bootstrap.to_string(), &options).expect_err("refused");
    let why = if can_get_secrets() {
        "Envoy refuses the secret unknown"
    } else {
        "client_secret: the secret client isn't available: secrets by SDS need the native module and Envoy 1.40 or later"
    };
    assert!(log.contains(why), "{log}");
}

/// How long a change may take, for the documentation: Envoy reads a moved file at once, and the filter looks every second.
#[test]
fn a_new_secret_is_in_use_within_seconds() {
    let secrets = Secrets::new(&[("client", CLIENT_SECRET)]);
    let config = json!({ "client_secret": "${sds:client}", "sds": secrets.sources(&["client"]) });
    let Some(own) = start(&config) else { return };
    complete(&own);
    let begun = std::time::Instant::now();
    secrets.set("client", Some("something-else-that-is-long"));
    counted(&own, "changed", 1);
    println!("a new secret was in use after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(60));
}
