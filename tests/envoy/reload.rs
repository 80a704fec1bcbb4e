//! A configuration that is replaced while Envoy runs.

use rig::{Bootstrap, Envoy, Options, Scratch};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::own::{NAME, Own, Wish};
use crate::world::{SESSION_KEY, callback_of, merged};

/// An Envoy whose listeners come from a file, so that they can be changed while it runs.
pub struct Reloading {
    pub envoy: Envoy,
    folder: Scratch,
}

impl Reloading {
    pub fn start(bootstrap: &Bootstrap) -> Self {
        Self::start_json(bootstrap.to_json())
    }

    pub fn start_json(mut all: Value) -> Self {
        let folder = Scratch::new().expect("a folder");
        let listeners = all["static_resources"]["listeners"].take();
        all["static_resources"].as_object_mut().expect("an object").remove("listeners");
        all["node"] = json!({ "id": "test", "cluster": "test" });
        let path = folder.path().join("listeners.json");
        all["dynamic_resources"] = json!({ "lds_config": { "path_config_source": { "path": path } } });
        write(&folder, &listeners);
        // The native module sees Envoy's own environment.
        let options = Options::default().env("SESSION_KEY", SESSION_KEY);
        Self { envoy: Envoy::start(&all.to_string(), &options), folder }
    }

    pub fn reload(&self, bootstrap: &Bootstrap) {
        self.reload_json(&bootstrap.to_json());
    }

    pub fn reload_json(&self, bootstrap: &Value) {
        let before = self.envoy.stat("listener_manager.lds.update_success");
        write(&self.folder, &bootstrap["static_resources"]["listeners"]);
        let taken = rig::eventually(rig::PATIENCE, || {
            (self.envoy.stat("listener_manager.lds.update_success") > before).then_some(())
        });
        assert!(taken.is_some(), "{}", self.envoy.log());
    }
}

/// Envoy watches for moves, because files are usually replaced as a whole.
fn write(folder: &Scratch, listeners: &Value) {
    let resources: Vec<Value> = listeners
        .as_array()
        .expect("listeners")
        .iter()
        .map(|listener| {
            merged(
                listener.clone(),
                json!({ "@type": "type.googleapis.com/envoy.config.listener.v3.Listener" }),
            )
        })
        .collect();
    let new = folder.path().join("new.json");
    std::fs::write(&new, json!({ "resources": resources }).to_string()).expect("written");
    std::fs::rename(new, folder.path().join("listeners.json")).expect("moved");
}

#[test]
fn a_reload_in_the_middle_of_a_sign_in_loses_nothing() {
    let mut own = Own::new(Wish { envoys: 1, ..Wish::default() });
    let bootstrap = own.bootstrap(0, &Value::Null);
    own.envoys.clear();
    let reloading = Reloading::start(&bootstrap);
    let mut browser = own.browser();
    let start = browser.step(&own.url("/wanted"));
    let callback = callback_of(start.location().expect("a redirect"));
    let changed = own.bootstrap(0, &json!({ "rules": [{ "path": "/public/**", "allow": "everyone" }] }));
    reloading.reload(&changed);
    let public = own.url("/public/json");
    let open = rig::eventually(rig::PATIENCE, || (own.browser().fetch(&public).status == 200).then_some(()));
    assert!(open.is_some(), "the new configuration is in use\n{}", reloading.envoy.log());
    assert_eq!(browser.navigate(&callback).url, own.url("/wanted"), "started before, finished after");

    // A browser that waits for its tokens while the configuration changes. (The rig makes Envoy drain its old
    // listeners for a second; the default is ten minutes.)
    let start = browser.step(&own.url("/.auth/sign-in?return=/again"));
    let callback = callback_of(start.location().expect("a redirect"));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
    let before = own.cognito().calls(Endpoint::Token, NAME).len();
    let parked = std::thread::spawn(move || browser.navigate(&callback));
    let waits = || (own.cognito().calls(Endpoint::Token, NAME).len() > before).then_some(());
    assert!(rig::eventually(rig::PATIENCE, waits).is_some(), "it waits");
    reloading.reload(&bootstrap);
    own.cognito().clear_faults(NAME);
    let visit = parked.join().expect("an answer");
    assert_eq!(visit.url, own.url("/again"), "{visit}");
}
