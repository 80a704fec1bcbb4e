//! What people, clients and operators see at a gateway of Envoy Gateway.

use std::time::{Duration, Instant};

use control_planes::{Site, assert_is_john_smith, browser, fetch, seen, sign_in};
use rig::{Browser, RawRequest, Response, eventually, send};
use serde_json::{Value, json};

use crate::edge::Edge;
use crate::gateway::{Gateway, PATIENCE};
use crate::manifests::{Form, config_of, guard, policy, with_rule, without_filter};

/// A gateway with the filter.
struct World {
    site: Site,
    edge: Edge,
    gateway: Gateway,
    form: Form,
}

impl World {
    /// With the filter, and with `security-policy.yaml`.
    fn new(form: Form) -> Self {
        let world = Self::with(form, |policy| vec![policy, guard()]);
        world.becomes_accepted("SecurityPolicy");
        let open = eventually(PATIENCE, || (world.raw("/healthz").status == 200).then_some(()));
        assert!(open.is_some(), "{}", world.gateway.log());
        world
    }

    /// With these policies instead of the filter's. Waits until the gateway answers: a new Envoy lets nobody through.
    fn with(form: Form, policies: impl Fn(Value) -> Vec<Value>) -> Self {
        let (site, edge) = (Site::start(), Edge::start());
        let mut objects = without_filter(&site, &edge, form);
        objects.extend(policies(policy(&site, &edge, form)));
        let gateway = Gateway::start(&objects);
        let mut world = Self { site, edge, gateway, form };
        // While the gateway has no listener, the way to it answers 503.
        let answered = eventually(PATIENCE, || {
            world.gateway.assert_runs();
            (world.raw("/reports").status != 503).then_some(())
        });
        assert!(answered.is_some(), "{}", world.gateway.log());
        assert_eq!(world.site.app.count(), 0);
        world
    }

    /// The filter's policy of the manifests.
    fn policy(&self) -> Value {
        policy(&self.site, &self.edge, self.form)
    }

    /// Replaces the policies.
    fn apply(&self, policies: &[Value]) {
        let objects = without_filter(&self.site, &self.edge, self.form);
        self.gateway.apply(&[&objects, policies].concat());
    }

    fn raw(&self, path: &str) -> Response {
        self.send(&RawRequest::get(path))
    }

    fn send(&self, request: &RawRequest) -> Response {
        let request = request.clone().host("app.example.com");
        send(([127, 0, 0, 1], self.edge.door).into(), &request).expect("an answer")
    }

    fn signed_in(&self) -> Browser {
        let mut browser = browser(self.edge.door);
        sign_in(&mut browser, "/reports?year=2026");
        browser
    }

    /// Waits until the gateway answers a browser's request with the last of these. Nobody gets an answer that isn't among them.
    fn becomes(&self, browser: &mut Browser, path: &str, statuses: &[u16]) {
        let reached = eventually(PATIENCE, || {
            let answer = fetch(browser, path);
            assert!(statuses.contains(&answer.status), "{answer:?}\n{}", self.gateway.log());
            (Some(&answer.status) == statuses.last()).then_some(())
        });
        assert!(reached.is_some(), "{path}: not {statuses:?}\n{}", self.gateway.log());
    }

    /// Waits until Envoy Gateway has nothing against a policy, whatever Envoy makes of it.
    fn becomes_accepted(&self, kind: &str) {
        let accepted = eventually(PATIENCE, || is_good(&self.gateway.status(kind)).then_some(()));
        assert!(accepted.is_some(), "{kind}\n{}", self.gateway.log());
    }

    fn assert_accepted(&self) {
        // It calls an EnvoyProxy unknown.
        for kind in ["GatewayClass", "Unknown", "HTTPRoute", "EnvoyExtensionPolicy"] {
            let status = self.gateway.status(kind);
            assert!(is_good(&status), "{kind}: {status}");
        }
    }
}

/// A status without a bad condition.
fn is_good(status: &str) -> bool {
    status.contains("type: Accepted") && !status.contains("status: \"False\"")
}

/// The rules, headers, log and metrics of the manifests.
fn assert_works_as_shipped(world: &World, metrics: &str) {
    world.assert_accepted();
    assert_eq!(world.raw("/healthz").status, 200, "a public path");
    let refused = world.raw("/reports");
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("unauthenticated")));

    let mut person = world.signed_in();
    assert_is_john_smith(&mut person);

    let forged =
        RawRequest::get("/healthz").header("x-auth-user", "root").header("accept", "application/json");
    let answer = world.send(&forged);
    assert!(answer.status == 200 && !answer.text().contains("root"), "{answer:?}");

    let line = world.gateway.log_line("\"path\":\"/reports\"").expect("an access log");
    assert!(world.gateway.log_line("\"user\":\"jsmith\"").is_some(), "{line}");
    assert!(world.gateway.stat(&format!("{metrics}.envoy_cognito.sign_in.completed")) > 0);
}

#[test]
fn people_sign_in_with_the_filter_from_an_image() {
    assert_works_as_shipped(&World::new(Form::Image), "wasmcustom");
}

#[test]
fn people_sign_in_with_the_filter_from_a_web_server() {
    let world = World::with(Form::File, |policy| vec![policy]);
    assert_works_as_shipped(&world, "wasmcustom");
}

#[test]
fn people_sign_in_with_the_native_module() {
    assert_works_as_shipped(&World::new(Form::Module), "dynamicmodulescustom");
}

#[test]
fn a_change_of_the_configuration_signs_nobody_out() {
    let world = World::new(Form::Image);
    let mut person = world.signed_in();
    let policy = world.policy();
    for (rule, statuses) in [("nobody", [200, 403]), ("signed_in", [403, 200]), ("nobody", [200, 403])] {
        world.apply(&[with_rule(&policy, json!({ "path": "/reports", "allow": rule })), guard()]);
        world.becomes(&mut person, "/reports", &statuses);
        assert_eq!(seen(&fetch(&mut person, "/json"), "x-auth-user"), ["jsmith"], "still signed in");
    }
}

/// A wrong checksum stands for everything that keeps Envoy Gateway from the file.
fn with_a_wrong_checksum(mut policy: Value) -> Value {
    policy["spec"]["wasm"][0]["code"]["http"]["sha256"] = "0".repeat(64).into();
    policy
}

#[test]
fn a_policy_whose_filter_cant_be_fetched_answers_every_request_with_500() {
    let world = World::with(Form::File, |policy| vec![with_a_wrong_checksum(policy)]);
    for path in ["/healthz", "/reports", "/.auth/callback"] {
        assert_eq!(world.raw(path).status, 500, "{path}");
    }
    let status = world.gateway.status("EnvoyExtensionPolicy");
    assert!(status.contains("status: \"False\"") && status.contains("does not match"), "{status}");
    assert_eq!(world.site.app.count(), 0);
}

#[test]
fn a_mended_policy_lets_nobody_through_with_the_security_policy() {
    let world = World::with(Form::File, |policy| vec![with_a_wrong_checksum(policy), guard()]);
    assert_eq!(world.raw("/healthz").status, 403);
    world.apply(&[world.policy(), guard()]);
    world.becomes(&mut browser(world.edge.door), "/reports", &[403, 401]);
    assert_eq!(world.site.app.count(), 0);
    // Each of Envoy's workers has the filter at its own time.
    let open = eventually(PATIENCE, || (0..20).all(|_| world.raw("/healthz").status == 200).then_some(()));
    assert!(open.is_some(), "{}", world.gateway.log());
    assert_works_as_shipped(&world, "wasmcustom");
}

/// Envoy has the routes of a mended policy before it has the filter. It can't fetch the filter here; else this takes moments.
#[test]
fn without_the_security_policy_a_mended_policy_is_open_until_envoy_has_the_filter() {
    let mut world = World::with(Form::File, |policy| vec![with_a_wrong_checksum(policy)]);
    world.gateway.reachable = false;
    world.apply(&[world.policy()]);
    world.becomes(&mut browser(world.edge.door), "/reports", &[500, 200]);
    world.becomes_accepted("EnvoyExtensionPolicy");
}

#[test]
fn with_the_security_policy_a_mended_policy_is_closed_until_envoy_has_the_filter() {
    let mut world = World::with(Form::File, |policy| vec![with_a_wrong_checksum(policy), guard()]);
    world.gateway.reachable = false;
    world.apply(&[world.policy(), guard()]);
    for _ in 0..100 {
        for path in ["/reports", "/healthz"] {
            assert_eq!(world.raw(path).status, 403, "{path}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    world.becomes_accepted("EnvoyExtensionPolicy");
    assert_eq!(world.site.app.count(), 0);
}

/// Another policy of another name, another form: the filter has another name in Envoy.
#[test]
fn the_security_policy_closes_the_site_while_one_filter_takes_over_from_another() {
    let mut world = World::new(Form::Module);
    let mut stranger = browser(world.edge.door);
    let mut person = world.signed_in();
    for form in [Form::Image, Form::Module] {
        let reached = world.site.app.count();
        world.form = form;
        let mut policy = world.policy();
        policy["metadata"]["name"] = format!("new-{}", form == Form::Image).into();
        world.apply(&[policy, guard()]);
        let end = Instant::now() + Duration::from_secs(8);
        while Instant::now() < end {
            let status = fetch(&mut stranger, "/reports").status;
            assert!([401, 403].contains(&status), "{status}");
        }
        assert_eq!(world.site.app.count(), reached);
        assert_eq!(seen(&fetch(&mut person, "/json"), "x-auth-user"), ["jsmith"], "still signed in");
    }
}

/// A configuration that the filter refuses never opens the gateway.
#[test]
fn a_gateway_whose_filter_is_refused_serves_nothing() {
    for form in [Form::Image, Form::Module] {
        let (site, edge) = (Site::start(), Edge::start());
        let mut broken = policy(&site, &edge, form);
        config_of(&mut broken)["ruels"] = json!([]);
        let gateway = Gateway::start(&[without_filter(&site, &edge, form), vec![broken]].concat());
        assert!(gateway.log_line("ruels: unknown setting").is_some(), "{}", gateway.log());
        let world = World { site, edge, gateway, form };
        for _ in 0..20 {
            assert!(world.raw("/healthz").status >= 500);
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(world.site.app.count(), 0);
    }
}
