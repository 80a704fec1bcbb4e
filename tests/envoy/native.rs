//! The native module: where it differs from the wasm filter, and which Envoys take it.

use rig::{Bootstrap, Envoy, Filter, Listener, Options, RawRequest, Scratch, free_ports};
use serde_json::{Value, json};
use stand_in::Endpoint;

use crate::configuration::good;
use crate::fault_table::crash::{crashing, fragile};
use crate::own::{NAME, Own, Wish};
use crate::reload::Reloading;
use crate::world::{SESSION_KEY, is_native, native, pool_id, skipped};

/// The first version whose ABI has all that the module needs.
const FIRST: (u32, u32) = (1, 38);

/// This test runs the native module whichever artifact the others run, because older Envoys only run the wasm filter.
#[test]
fn an_envoy_before_1_38_refuses_the_native_module_and_says_which_one_it_needs() {
    let ports = free_ports(3);
    let config = good();
    let bootstrap = Bootstrap::new(ports[0], native())
        .cluster("app", ([127, 0, 0, 1], ports[2]).into())
        .listener(Listener::new(ports[1], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY));
    // By name, and with nothing else: 1.36 and 1.37 refuse a configuration with the newer fields without loading the
    // module.
    let mut bootstrap = bootstrap.to_json();
    let filter = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
    let filter = bootstrap.pointer_mut(filter).expect("the filter");
    filter["typed_config"]["dynamic_module_config"] = json!({ "name": "envoy_cognito" });
    let folder = Scratch::new().expect("a folder");
    std::fs::copy(native(), folder.path().join("libenvoy_cognito.so")).expect("copied");
    let folder = folder.path().to_str().expect("a path");
    let options = Options::default().env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder);
    let outcome = Envoy::validate(&bootstrap.to_string(), &options);
    if Envoy::version() >= FIRST {
        return outcome.expect("this Envoy takes it");
    }
    let log = outcome.expect_err("this Envoy can't run it");
    assert!(log.contains("needs Envoy 1.38 or later"), "{log}");
    let started = Envoy::try_start(&bootstrap.to_string(), &options);
    assert!(started.is_err(), "no Envoy starts without its filter");
}

/// Whether this test can't be run, because it is about the native module and another artifact is tested.
fn is_about_another(what: &str) -> bool {
    if !is_native() {
        skipped(&format!("{what}, because this is about the native module"));
    }
    !is_native()
}

/// The names of an Envoy's threads.
fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.ok()?.path().join("comm")).ok().map(|name| name.trim().to_owned())
    };
    tasks.filter_map(name).collect()
}

#[test]
fn validating_a_configuration_makes_no_call() {
    let own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let bootstrap = own.bootstrap(0, &Value::Null).to_string();
    Envoy::validate(&bootstrap, &Options::default()).expect("valid");
    let calls = own.cognito().calls(Endpoint::Jwks, &pool_id(NAME));
    assert!(calls.is_empty(), "{calls:?}");
}

#[test]
fn a_configuration_of_the_native_module_has_one_thread_until_it_is_replaced() {
    if is_about_another("how many threads a configuration has") {
        return;
    }
    let own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let bootstrap = own.bootstrap(0, &Value::Null);
    let reloading = Reloading::start(&bootstrap);
    let own_threads =
        || threads(reloading.envoy.pid()).iter().filter(|name| *name == "envoy_cognito").count();
    // A thread sets its name itself, once it runs.
    let one = || rig::eventually(rig::PATIENCE, || (own_threads() == 1).then_some(()));
    assert!(one().is_some(), "{:?}", threads(reloading.envoy.pid()));
    for round in 0..5 {
        let rules = json!({ "rules": [{ "path": format!("/{round}/**"), "allow": "everyone" }] });
        reloading.reload(&own.bootstrap(0, &rules));
    }
    assert!(one().is_some(), "{:?}", threads(reloading.envoy.pid()));
    assert!(reloading.envoy.alive());
}

/// A file in the place of another one, with the same name: Envoy keeps the first one mapped.
#[test]
fn a_replaced_file_is_not_loaded_under_its_old_name() {
    if is_about_another("what Envoy does with a replaced file") {
        return;
    }
    let folder = Scratch::new().expect("a folder");
    let file = folder.path().join("libmodule.so");
    std::fs::copy(native(), &file).expect("copied");
    let own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let with_file = |more: &Value| {
        let text = own.bootstrap(0, more).to_json().to_string();
        let text = text.replace(native().to_str().expect("a path"), file.to_str().expect("a path"));
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    let reloading = Reloading::start_json(with_file(&Value::Null));
    std::fs::rename(fragile(folder.path()), &file).expect("moved");
    reloading.reload_json(&with_file(&json!({ "rules": [{ "path": "/new", "allow": "everyone" }] })));
    let taken =
        rig::eventually(rig::PATIENCE, || (own.send(0, RawRequest::get("/new")).status == 200).then_some(()));
    assert!(taken.is_some(), "the new configuration is in use\n{}", reloading.envoy.log());
    let request = crashing("/new");
    assert_eq!(own.send(0, request).status, 200, "the old file doesn't panic");
}
