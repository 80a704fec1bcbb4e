//! Many Envoys, many configurations, many requests: sessions go anywhere, nothing waits or leaks.

use std::time::Duration;

use envoy_cognito::config::Config as FilterConfig;
use envoy_cognito::identity::Identity;
use envoy_cognito::secret::{Entropy, NoEntropy};
use envoy_cognito::session::{CookieStore, Session};
use envoy_cognito::time::UnixTime;
use rig::{
    Bootstrap, Browser, Connection, Envoy, Filter, Listener, Options, RawRequest, Scratch, free_ports,
};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Rotation, Times};

use crate::own::{NAME, ORIGIN, Own, Wish, wait};
use crate::world::{PASSWORD, SESSION_KEY, USER, callback_of, merged};

/// Base64 of 32 other bytes.
const NEW_KEY: &str = "YWFhYWFhYWFhYWFhYWFhYWJiYmJiYmJiYmJiYmJiYmI=";

#[test]
fn envoys_that_share_a_key_share_sessions() {
    let own = Own::new(Wish {
        client: |client| {
            client.id_token_seconds = 4;
            client.access_token_seconds = 4;
            client.rotation = Some(Rotation { grace_seconds: 0 });
        },
        envoys: 2,
        ..Wish::default()
    });
    let at = |index: usize, browser: &Browser| browser.clone().route(ORIGIN, own.addr(index));
    let mut browser = own.browser();
    let start = browser.step(&own.url("/wanted"));
    let callback = callback_of(start.location().expect("a redirect to Cognito"));
    let mut browser = at(1, &browser);
    assert_eq!(
        browser.navigate(&callback).url,
        own.url("/wanted"),
        "begun at the first, finished at the second"
    );
    wait(Duration::from_millis(4_100));
    let mut browser = at(0, &browser);
    let refreshed = browser.fetch(&own.url("/json"));
    assert!(refreshed.set_cookie("__Host-auth").is_some(), "refreshed at the first");
    let mut browser = at(1, &browser);
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "good at the second");
    browser.navigate(&own.url("/.auth/sign-out"));
    assert!(browser.cookies(ORIGIN).is_empty(), "signed out at the second");
}

#[test]
fn a_race_between_envoys_signs_nobody_out() {
    let own = Own::new(Wish {
        client: |client| {
            client.id_token_seconds = 16;
            client.access_token_seconds = 16;
            client.rotation = Some(Rotation { grace_seconds: 0 });
        },
        envoys: 2,
        ..Wish::default()
    });
    let browser = own.signed_in();
    let cookies = browser.cookie_header(&own.url("/"));
    wait(Duration::from_millis(13_300));
    for index in [0, 1] {
        let answer = own.send(index, RawRequest::get("/json").header("cookie", &cookies));
        assert_eq!(answer.status, 200);
    }
    wait(Duration::from_millis(300));
    let lost = own.envoys.iter().filter(|envoy| envoy.log().contains("reason=invalid_grant")).count();
    assert!(lost <= 1, "without grace at most one of them gets new tokens");
    for index in [0, 1] {
        let answer = own.send(index, RawRequest::get("/json").header("cookie", &cookies));
        assert_eq!(answer.status, 200, "the tokens at hand are good until they expire");
    }
}

#[test]
fn the_session_key_is_rotated_under_live_sessions_and_sign_ins() {
    let mut own = Own::new(Wish {
        client: |client| {
            client.id_token_seconds = 6;
            client.access_token_seconds = 6;
        },
        ..Wish::default()
    });
    let mut browser = own.signed_in();
    let mut halfway = own.browser();
    let start = halfway.step(&own.url("/wanted"));
    own.restart(0, &json!({ "session": { "keys": [NEW_KEY, "${SESSION_KEY}"] } }));
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "a live session goes on");
    let callback = callback_of(start.location().expect("a redirect"));
    assert_eq!(halfway.navigate(&callback).status(), 200, "and so does a sign-in under way");
    wait(Duration::from_millis(6_100));
    assert!(browser.fetch(&own.url("/json")).set_cookie("__Host-auth").is_some(), "re-sealed by its refresh");
    own.restart(0, &json!({ "session": { "keys": [NEW_KEY] } }));
    assert_eq!(browser.fetch(&own.url("/json")).status, 200, "the old key may go then");
}

/// An Envoy whose listeners come from a file, so that they can be changed while it runs.
struct Reloading {
    envoy: Envoy,
    folder: Scratch,
}

impl Reloading {
    fn start(bootstrap: &Bootstrap) -> Self {
        let folder = Scratch::new().expect("a folder");
        let mut all = bootstrap.to_json();
        let listeners = all["static_resources"]["listeners"].take();
        all["static_resources"].as_object_mut().expect("an object").remove("listeners");
        all["node"] = json!({ "id": "test", "cluster": "test" });
        let path = folder.path().join("listeners.json");
        all["dynamic_resources"] = json!({ "lds_config": { "path_config_source": { "path": path } } });
        write(&folder, &listeners);
        Self { envoy: Envoy::start(&all.to_string(), &Options::default()), folder }
    }

    fn reload(&self, bootstrap: &Bootstrap) {
        let before = self.envoy.stat("listener_manager.lds.update_success");
        write(&self.folder, &bootstrap.to_json()["static_resources"]["listeners"]);
        let taken = rig::eventually(Duration::from_secs(10), || {
            (self.envoy.stat("listener_manager.lds.update_success") > before).then_some(())
        });
        assert!(taken.is_some(), "{}", self.envoy.log());
    }
}

/// Envoy watches for moves, which is how files are replaced as a whole.
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
    let open = rig::eventually(Duration::from_secs(10), || {
        (own.browser().fetch(&public).status == 200).then_some(())
    });
    assert!(open.is_some(), "the new configuration holds\n{}", reloading.envoy.log());
    assert_eq!(browser.navigate(&callback).url, own.url("/wanted"), "begun before, finished after");

    // And one that is waiting for its tokens while the configuration changes. (The rig has Envoy drain
    // its old listeners for a second; by itself it takes ten minutes.)
    let start = browser.step(&own.url("/.auth/sign-in?return=/again"));
    let callback = callback_of(start.location().expect("a redirect"));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(700)), Times::Next(1));
    let parked = std::thread::spawn(move || browser.navigate(&callback));
    wait(Duration::from_millis(300));
    reloading.reload(&bootstrap);
    let visit = parked.join().expect("an answer");
    assert_eq!(visit.url, own.url("/again"), "{visit}");
}

#[test]
fn an_envoy_that_drains_finishes_what_is_under_way() {
    let own = Own::new(Wish::default());
    let mut browser = own.browser();
    let start = browser.step(&own.url("/wanted"));
    let callback = callback_of(start.location().expect("a redirect"));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(600)), Times::Next(1));
    let parked = std::thread::spawn(move || browser.step(&callback));
    wait(Duration::from_millis(200));
    let drained = own.envoys[0].admin("POST", "/drain_listeners?graceful&skip_exit").expect("an answer");
    assert_eq!(drained.status, 200, "{}", drained.text());
    let answer = parked.join().expect("an answer");
    assert_eq!(answer.status, 302);
    assert!(answer.set_cookie("__Host-auth").is_some());
}

#[test]
fn filters_in_one_vm_do_not_disturb_each_other() {
    let own = Own::new(Wish { envoys: 1, ..Wish::default() });
    // The same pool, client and cookie name; other keys. One VM, one shared data.
    let ports = free_ports(3);
    let listener = |port: u16, name: &str, key: &str| {
        let listener = &own.bootstrap(0, &json!({ "session": { "keys": [key] } })).to_json()["static_resources"]
            ["listeners"][0];
        let mut copy = listener.clone();
        copy["name"] = json!(name);
        copy["address"]["socket_address"]["port_value"] = json!(port);
        copy
    };
    let mut all = own.bootstrap(0, &Value::Null).to_json();
    all["admin"]["address"]["socket_address"]["port_value"] = json!(ports[0]);
    all["static_resources"]["listeners"] =
        json!([listener(ports[1], "a", SESSION_KEY), listener(ports[2], "b", NEW_KEY)]);
    let envoy = Envoy::start(&all.to_string(), &Options::default());
    let browser = |port: u16| Browser::new().route(ORIGIN, ([127, 0, 0, 1], port).into());
    let (mut a, mut b) = (browser(ports[1]), browser(ports[2]));
    assert_eq!(a.sign_in(&own.url("/"), USER, PASSWORD).status(), 200, "{}", envoy.log());
    assert_eq!(b.sign_in(&own.url("/"), USER, PASSWORD).status(), 200);
    let mut a_at_b = a.clone().route(ORIGIN, ([127, 0, 0, 1], ports[2]).into());
    assert_eq!(a_at_b.fetch(&own.url("/json")).status, 401, "other keys, other sessions");
    assert_eq!(a.fetch(&own.url("/json")).status, 200);
    assert_eq!(b.fetch(&own.url("/json")).status, 200);
}

#[test]
fn clients_that_leave_while_a_refresh_is_under_way_do_no_harm() {
    let own = Own::new(Wish {
        client: |client| {
            client.id_token_seconds = 3;
            client.access_token_seconds = 3;
            client.rotation = Some(Rotation { grace_seconds: 0 });
        },
        ..Wish::default()
    });
    let cookies = own.signed_in().cookie_header(&own.url("/"));
    wait(Duration::from_millis(3_100));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(500)), Times::Next(1));
    for _ in 0..20 {
        let request = RawRequest::get("/json").host("own.example.test").header("cookie", &cookies);
        let pending = rig::open(own.addr(0), &request).expect("sent");
        wait(Duration::from_millis(10));
        drop(pending);
    }
    wait(Duration::from_millis(800));
    let after = own.send(0, RawRequest::get("/json").header("cookie", &cookies));
    assert_eq!(after.status, 200, "the refresh that nobody waited for wasn't lost");
    assert!(after.set_cookie("__Host-auth").is_some());
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    assert_eq!(calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count(), 1);
}

/// Random enough to make sessions with.
struct Counter(u64);

impl Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 33) as u8;
        }
        Ok(())
    }
}

/// Cookies of sessions that no sign-in has made: sealed here, with the key that Envoy has.
fn sealed_sessions(config: &Value, count: usize) -> Vec<String> {
    let config = FilterConfig::parse(config.to_string().as_bytes(), &|_| Some(SESSION_KEY.to_owned()))
        .expect("a configuration");
    let store = CookieStore::new(&config, &config.pools[0], "own.example.test");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = UnixTime::from_secs(now.as_secs());
    let mut entropy = Counter(1);
    (0..count)
        .map(|number| {
            let mut id = [0; 16];
            entropy.fill(&mut id).expect("random");
            let session = Session {
                id,
                signed_in_at: now,
                renewed_at: now,
                expires_at: now.plus(Duration::from_secs(3600)),
                seen_at: now,
                identity: Identity { subject: format!("user-{number}"), ..Identity::default() }.into(),
            };
            format!("__Host-auth={}", store.seal("__Host-auth", &session, &mut entropy).expect("sealed"))
        })
        .collect()
}

/// Resident memory of Envoy, in kilobytes.
fn resident(envoy: &Envoy) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", envoy.pid())).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn a_long_run_leaves_memory_flat() {
    let mut own = Own::new(Wish::default());
    let bootstrap = own.bootstrap(0, &Value::Null).to_json();
    let filter = &bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        ["http_filters"][0];
    let config: Value = serde_json::from_str(
        filter["typed_config"]["config"]["configuration"]["value"].as_str().expect("JSON"),
    )
    .expect("JSON");
    let sessions = sealed_sessions(&config, 5_000);
    // Envoy answers itself, so that what is measured is Envoy with the filter.
    own.envoys.clear();
    let ports = free_ports(2);
    let listener = Listener::new(ports[1], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY).direct();
    let direct = Bootstrap::new(ports[0], crate::world::wasm())
        .cluster("cognito_domain", own.cognito().domain_addr())
        .cluster("cognito_idp", own.cognito().idp_addr())
        .listener(listener);
    let envoy = Envoy::start(&direct.to_string(), &Options::default());
    let addr = ([127, 0, 0, 1], ports[1]).into();
    let run = |from: usize, to: usize| {
        std::thread::scope(|scope| {
            for half in 0..2 {
                let sessions = &sessions;
                scope.spawn(move || {
                    let mut connection = Connection::open(addr).expect("a connection");
                    for number in (from + half..to).step_by(2) {
                        let cookie = &sessions[number % sessions.len()];
                        let request = RawRequest::get("/").host("own.example.test").header("cookie", cookie);
                        assert_eq!(connection.send(&request).expect("an answer").status, 200);
                    }
                });
            }
        });
    };
    let sign_in = |count: usize| {
        for _ in 0..count {
            let mut browser = Browser::new().route(ORIGIN, addr);
            assert_eq!(browser.sign_in(&format!("{ORIGIN}/"), USER, PASSWORD).status(), 200);
        }
    };
    run(0, 20_000);
    sign_in(100);
    let warm = resident(&envoy);
    run(20_000, 60_000);
    sign_in(200);
    let half = resident(&envoy);
    run(60_000, 100_000);
    sign_in(200);
    let end = resident(&envoy);
    println!(
        "100,000 requests, 5,000 sessions, 500 sign-ins: Envoy's memory {} MB after a fifth, {} MB after three, {} MB at the end",
        warm / 1024,
        half / 1024,
        end / 1024
    );
    assert!(end < warm + 16 * 1024, "{warm} KB, {half} KB, {end} KB");
}
