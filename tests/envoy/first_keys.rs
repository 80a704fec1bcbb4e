//! The first call for the key set comes before Envoy has resolved Cognito's hosts. That is only a failure if it
//! lasts.

use std::path::{Path, PathBuf};

use rig::{Browser, Envoy, Options, Scratch, eventually, static_cluster};
use serde_json::{Value, json};

use crate::name_server::{Mood, NameServer, lookup};
use crate::own::{ORIGIN, Own, Wish};
use crate::world::{PASSWORD, USER, merged, pass_on_metrics};

const POSTPONED: &str = "event=jwks.postponed";
const FAILED: &str = "event=jwks.failed";
const FETCHED: &str = "event=jwks.fetched";

/// An Envoy that is about to start, whose log can be read meanwhile.
struct Starting {
    own: Own,
    bootstrap: Value,
    folder: Scratch,
}

impl Starting {
    fn new() -> Self {
        let own = Own::new(Wish { envoys: 0, ..Wish::default() });
        let bootstrap = own.bootstrap(0, &Value::Null).to_json();
        Self { own, bootstrap, folder: Scratch::new().expect("a folder") }
    }

    /// Changes a cluster, or removes it if the change is `null`.
    fn cluster(&mut self, name: &str, change: &Value) {
        let clusters = self.bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
        if change.is_null() {
            clusters.retain(|cluster| cluster["name"] != name);
            return;
        }
        let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == name).expect(name);
        *cluster = merged(cluster.take(), change.clone());
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("envoy.log")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    #[track_caller]
    fn logs(&self, text: &str) {
        let seen = eventually(rig::PATIENCE, || self.log().contains(text).then_some(()));
        assert!(seen.is_some(), "no {text} in:\n{}", self.log());
    }

    /// Starts it, and runs `then` as soon as the filter has requested the key set in vain.
    fn start(&self, then: impl FnOnce()) -> Envoy {
        let path = self.log_path().display().to_string();
        let options = Options { arguments: vec!["--log-path".to_owned(), path], ..Options::default() };
        std::thread::scope(|scope| {
            let envoy = scope.spawn(|| Envoy::start(&self.bootstrap.to_string(), &options));
            self.logs(POSTPONED);
            then();
            envoy.join().expect("an Envoy")
        })
    }

    fn signs_in(&self) {
        let mut browser = Browser::new().route(ORIGIN, self.own.addr(0));
        let visit = browser.sign_in(&self.own.url("/json"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.log());
    }

    /// Everything works, and the log says nothing else.
    fn assert_no_alarm(&self, envoy: &Envoy) {
        self.logs(FETCHED);
        self.signs_in();
        let log = self.log();
        assert!(!log.contains(FAILED) && !log.contains("cluster_missing"), "{log}");
        assert_eq!(envoy.stat("wasmcustom.envoy_cognito.jwks.failed"), 0);
    }
}

fn late(kind: &str) {
    let mut starting = Starting::new();
    let server = NameServer::start(Mood::Waits);
    let named = json!([{ "lb_endpoints": [{ "endpoint": { "address": { "socket_address": {
        "address": "cognito.test", "port_value": starting.own.cognito().idp_addr().port(),
    } } } }] }]);
    let change = merged(lookup(kind, server.addr), json!({ "load_assignment": { "endpoints": named } }));
    starting.cluster("cognito_idp", &change);
    let envoy = starting.start(|| server.set(Mood::Answers));
    starting.assert_no_alarm(&envoy);
}

#[test]
fn a_name_of_logical_dns_that_resolves_late_is_no_alarm() {
    late("LOGICAL_DNS");
}

#[test]
fn a_name_of_strict_dns_that_resolves_late_is_no_alarm() {
    late("STRICT_DNS");
}

/// Writes a file of clusters that Envoy watches.
fn write(file: &Path, clusters: &[Value]) {
    let kind = json!({ "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
    let resources: Vec<Value> =
        clusters.iter().map(|cluster| merged(cluster.clone(), kind.clone())).collect();
    let new = file.with_extension("new");
    std::fs::write(&new, json!({ "resources": resources }).to_string()).expect("written");
    std::fs::rename(new, file).expect("moved");
}

#[test]
fn a_cluster_that_is_added_after_the_start_is_no_alarm() {
    let mut starting = Starting::new();
    let file = starting.folder.path().join("clusters.json");
    write(&file, &[]);
    starting.cluster("cognito_idp", &Value::Null);
    let dynamic = json!({
        "node": { "id": "test", "cluster": "test" },
        "dynamic_resources": { "cds_config": { "path_config_source": { "path": file } } },
    });
    starting.bootstrap = merged(starting.bootstrap.take(), dynamic);
    let cluster = static_cluster("cognito_idp", starting.own.cognito().idp_addr());
    let envoy = starting.start(|| write(&file, &[cluster]));
    starting.assert_no_alarm(&envoy);
}

#[test]
fn a_cluster_that_stays_away_is_told_and_counted() {
    let mut starting = Starting::new();
    starting.cluster("cognito_idp", &Value::Null);
    let envoy = starting.start(|| {});
    starting.logs("event=jwks.failed reason=cluster_missing hint=");
    let log = starting.log();
    let (before, _) = log.split_once(FAILED).expect("a failure");
    assert!(before.matches(POSTPONED).count() >= 2, "it was asked again meanwhile: {log}");
    let counted = || {
        pass_on_metrics(starting.own.addr(0));
        (envoy.stat("wasmcustom.envoy_cognito.jwks.failed") >= 1).then_some(())
    };
    assert!(eventually(rig::PATIENCE, counted).is_some());
}
