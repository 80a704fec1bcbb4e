//! Names that can't be resolved: a name server for this test, which can fail.

use rig::{Envoy, Options};
use serde_json::{Value, json};

use super::stage::{Seen, Stage};
use crate::bearer::with;
use crate::name_server::{Mood, NameServer, lookup};
use crate::world::merged;

/// Replaces the stage's Envoy with one that resolves Cognito's hosts by name, in both ways that Envoy has.
fn by_name(stage: &mut Stage, server: &NameServer) {
    let mut bootstrap = stage.own.bootstrap(0, &Value::Null).to_json();
    for cluster in bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters") {
        let kind = match cluster["name"].as_str() {
            Some("cognito_domain") => "LOGICAL_DNS",
            Some("cognito_idp") => "STRICT_DNS",
            _ => continue,
        };
        let host = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address";
        *cluster.pointer_mut(host).expect("a host") = json!("cognito.test");
        *cluster = merged(cluster.take(), lookup(kind, server.addr));
    }
    stage.own.envoys.clear();
    stage.own.envoys.push(Envoy::start(&bootstrap.to_string(), &Options::default()));
}

/// Waits until Envoy has this result for each cluster.
fn until_lookups(stage: &Stage, outcome: &str) {
    for cluster in ["cognito_domain", "cognito_idp"] {
        let stat = format!("cluster.{cluster}.{outcome}");
        let before = stage.own.envoys[0].stat(&stat);
        let noticed =
            rig::eventually(rig::PATIENCE, || (stage.own.envoys[0].stat(&stat) >= before + 2).then_some(()));
        assert!(noticed.is_some(), "{stat}");
    }
}

pub fn gone_later() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let server = NameServer::start(Mood::Answers);
    by_name(&mut stage, &server);
    assert_eq!(stage.own.send(0, with(&stage.token, "/json")).status, 200, "the names are known");
    server.set(Mood::Fails);
    until_lookups(&stage, "update_failure");
    let seen = stage.seen();
    stage.check_recovery();
    seen
}

pub fn gone_from_the_start() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let server = NameServer::start(Mood::Fails);
    by_name(&mut stage, &server);
    let seen = stage.seen();
    server.set(Mood::Answers);
    until_lookups(&stage, "update_success");
    stage.check_recovery();
    seen
}
