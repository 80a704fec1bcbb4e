//! What people, clients and operators see at a gateway of Istio.

use control_planes::{Site, assert_is_john_smith, browser, fetch, seen, sign_in};
use rig::{Browser, Envoy, RawRequest, Response, eventually, free_port, send};
use serde_json::{Value, json};

use crate::gateway;
use crate::istiod::{Istiod, Kind, PATIENCE};
use crate::manifests::{Objects, authorization_policy, traffic_extension, wasm_plugin, with_rule};

/// A gateway with the filter.
struct World {
    site: Site,
    istiod: Istiod,
    objects: Objects,
    envoy: Envoy,
}

impl World {
    fn new(kind: Kind, filters: &[fn(&Site) -> Value]) -> Self {
        let site = Site::start();
        let mut objects = Objects::without_filter(&site, free_port());
        let base = objects.listed.clone();
        objects.listed.extend(filters.iter().map(|filter| filter(&site)));
        let istiod = Istiod::start(kind, &objects.listed);
        let envoy = gateway::start(&istiod);
        objects.listed = base;
        let world = Self { site, istiod, objects, envoy };
        let answered = eventually(PATIENCE, || world.raw("/healthz").ok());
        assert!(answered.is_some(), "{}\n{}", world.istiod.log(), world.envoy.log());
        world
    }

    /// A request of no browser, straight to the gateway.
    fn raw(&self, path: &str) -> std::io::Result<Response> {
        let request = RawRequest::get(path).host("app.example.com").header("x-forwarded-proto", "https");
        send(([127, 0, 0, 1], self.objects.port).into(), &request)
    }

    fn signed_in(&self) -> Browser {
        let mut browser = browser(self.objects.port);
        sign_in(&mut browser, "/reports?year=2026");
        browser
    }

    /// Waits until the gateway answers a browser's request with this status. No answer on the way is another one than this
    /// and `before`.
    fn becomes(&self, browser: &mut Browser, path: &str, before: u16, status: u16) {
        let reached = eventually(PATIENCE, || {
            let answer = fetch(browser, path);
            assert!([before, status].contains(&answer.status), "{answer:?}\n{}", self.envoy.log());
            (answer.status == status).then_some(())
        });
        assert!(reached.is_some(), "{path}: not {status}\n{}\n{}", self.istiod.log(), self.envoy.log());
    }
}

/// The rules, headers, log and metrics of the manifests.
fn assert_works_as_shipped(world: &World) -> Browser {
    assert_eq!(world.raw("/healthz").unwrap().status, 200, "a public path");
    let refused = world.raw("/reports").unwrap();
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("unauthenticated")));

    let mut person = world.signed_in();
    assert_is_john_smith(&mut person);

    let request = RawRequest::get("/healthz").host("app.example.com").header("x-auth-user", "root");
    let request = request.header("x-forwarded-proto", "https").header("accept", "application/json");
    let answer = send(([127, 0, 0, 1], world.objects.port).into(), &request).unwrap();
    assert!(answer.status == 200 && !answer.text().contains("root"), "{answer:?}");

    // mesh-config.yaml and telemetry.yaml.
    let line = world.envoy.log_line("\"path\":\"/reports\"").expect("an access log");
    assert!(world.envoy.log_line("\"user\":\"jsmith\"").is_some(), "{line}");
    assert!(world.envoy.stat("wasmcustom.envoy_cognito.sign_in.completed") > 0, "Istio shows the metrics");
    person
}

#[test]
fn people_sign_in_with_the_traffic_extension() {
    let world = World::new(Kind::Discovery, &[traffic_extension]);
    assert_works_as_shipped(&world);
}

#[test]
fn people_sign_in_with_the_wasm_plugin() {
    let world = World::new(Kind::WasmPlugins, &[wasm_plugin]);
    assert_works_as_shipped(&world);
}

#[test]
fn a_change_of_the_configuration_signs_nobody_out() {
    let world = World::new(Kind::Discovery, &[traffic_extension]);
    let mut person = world.signed_in();
    let extension = traffic_extension(&world.site);
    for (rule, status) in [("nobody", 403), ("signed_in", 200), ("nobody", 403)] {
        let changed = with_rule(&extension, json!({ "path": "/reports", "allow": rule }));
        world.istiod.apply(&world.objects.and(&changed));
        world.becomes(&mut person, "/reports", if status == 200 { 403 } else { 200 }, status);
        assert_eq!(seen(&fetch(&mut person, "/json"), "x-auth-user"), ["jsmith"], "still signed in");
    }
    // One that the filter refuses changes nothing.
    let mut broken = with_rule(&extension, json!({ "path": "/reports", "allow": "nobody" }));
    broken["spec"]["wasm"]["pluginConfig"]["ruels"] = json!([]);
    world.istiod.apply(&world.objects.and(&broken));
    assert!(world.envoy.log_line("ruels: unknown setting").is_some(), "{}", world.envoy.log());
    assert_eq!(fetch(&mut person, "/reports").status, 403);
    assert_eq!(seen(&fetch(&mut person, "/json"), "x-auth-user"), ["jsmith"]);
}

/// While both are there, nobody gets through: each filter keeps its cookies and headers from what comes after it.
#[test]
fn a_traffic_extension_takes_over_from_a_wasm_plugin_and_nobody_is_signed_out() {
    let world = World::new(Kind::WasmPlugins, &[wasm_plugin]);
    let mut person = world.signed_in();
    let both = [world.objects.and(&wasm_plugin(&world.site)), vec![traffic_extension(&world.site)]].concat();
    world.istiod.apply(&both);
    world.becomes(&mut person, "/json", 200, 401);
    world.istiod.apply(&world.objects.and(&traffic_extension(&world.site)));
    world.becomes(&mut person, "/json", 401, 200);
    assert_eq!(seen(&fetch(&mut person, "/json"), "x-auth-user"), ["jsmith"]);
}

#[test]
fn an_authorization_policy_sees_the_headers_of_the_filter_alone() {
    let site = Site::start();
    let mut objects = Objects::without_filter(&site, free_port());
    // Without a session, the filter lets these pass, but not their headers.
    let optional = with_rule(&traffic_extension(&site), json!({ "path": "/json", "allow": "optional" }));
    objects.listed.extend([optional, authorization_policy()]);
    let istiod = Istiod::start(Kind::Discovery, &objects.listed);
    let world = World { envoy: gateway::start(&istiod), site, istiod, objects };
    assert!(eventually(PATIENCE, || world.raw("/healthz").ok()).is_some_and(|answer| answer.status == 200));
    let forged = RawRequest::get("/json").host("app.example.com").header("x-auth-subject", "somebody");
    let answer = send(([127, 0, 0, 1], world.objects.port).into(), &forged).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (403, "RBAC: access denied"));
    let mut person = world.signed_in();
    assert_eq!(seen(&fetch(&mut person, "/json"), "x-auth-user"), ["jsmith"]);
    assert!(world.site.app.count() > 0);
}

/// A configuration that the filter refuses never opens the gateway.
#[test]
fn a_gateway_whose_filter_is_refused_serves_nothing() {
    let site = Site::start();
    let port = free_port();
    let mut broken = traffic_extension(&site);
    broken["spec"]["wasm"]["pluginConfig"]["ruels"] = json!([]);
    let istiod = Istiod::start(Kind::Discovery, &Objects::without_filter(&site, port).and(&broken));
    let envoy = gateway::start(&istiod);
    let said = eventually(PATIENCE, || envoy.log_line("ruels: unknown setting"));
    assert!(said.is_some(), "{}", envoy.log());
    for _ in 0..20 {
        let request =
            RawRequest::get("/healthz").host("app.example.com").header("x-forwarded-proto", "https");
        let answer = send(([127, 0, 0, 1], port).into(), &request);
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status >= 500));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(site.app.count(), 0);
}

/// Istio converts WasmPlugins only if it reads them from Kubernetes: from files (`fs://`) they have no effect. The site is
/// then open.
#[test]
fn istiod_ignores_a_wasm_plugin_from_a_file() {
    let world = World::new(Kind::Discovery, &[wasm_plugin]);
    assert_eq!(world.raw("/reports").unwrap().status, 200);
}
