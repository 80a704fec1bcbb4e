//! Cases of `docs/security-cases.md`: a filter that crashes, and invalid files. The shipped file is modified for this,
//! because it can't be made to crash otherwise.

use std::path::{Path, PathBuf};

use rig::{Bootstrap, Envoy, Filter, Listener, Options, RawRequest, Scratch, free_ports};
use sample_app::SampleApp;
use serde_json::json;
use walrus::{ExportItem, Module};

use crate::fault_table::crash::{crashing, fragile};
use crate::world::{SESSION_KEY, config_at, filter, is_native, merged, native, skipped, wasm, world};

const HOST: &str = "case-wire.example.test";

/// The shipped wasm filter after a change, in a file with that name.
fn variant(folder: &Path, name: &str, change: impl FnOnce(&mut Module)) -> PathBuf {
    let mut module = Module::from_file(wasm()).expect("a module");
    change(&mut module);
    let path = folder.join(format!("{name}.wasm"));
    module.emit_wasm_file(&path).expect("written");
    path
}

fn without(module: &mut Module, export: &str) {
    module.exports.remove(export).expect(export);
}

/// The hooks of Envoy's dynamic modules that decide whether a request passes.
const HOOKS: [&str; 5] = [
    "on_program_init",
    "on_http_filter_config_new",
    "on_http_filter_new",
    "on_http_filter_request_headers",
    "on_http_filter_request_body",
];

/// The shipped native module without one of its hooks: it has another name.
fn without_hook(folder: &Path, hook: &str) -> PathBuf {
    let mut bytes = std::fs::read(native()).expect("the module");
    let name = format!("\0envoy_dynamic_module_{hook}\0");
    let places: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name.as_bytes())).collect();
    assert!(!places.is_empty(), "no {hook}");
    for place in places {
        bytes[place + name.len() - 2] = b'_';
    }
    let path = folder.join(format!("libwithout-{hook}.so"));
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Whether Envoy refuses to start with this file.
fn is_refused(module: &Path) -> bool {
    let ports = free_ports(3);
    let bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", ([127, 0, 0, 1], ports[2]).into())
        .listener(listener(ports[1], module, "FAIL_RELOAD"));
    Envoy::validate(&bootstrap.to_string(), &Options::default()).is_err()
}

/// Makes the callback with that name crash at once.
fn crash(module: &mut Module, export: &str) {
    let found = module.exports.iter().find(|found| found.name == export).expect(export);
    let ExportItem::Function(function) = found.item else { panic!("{export} isn't a function") };
    module
        .replace_exported_func(function, |(body, _)| {
            body.unreachable();
        })
        .expect("replaced");
}

/// A filter with a failure policy, at a separate port.
fn listener(port: u16, module: &Path, policy: &str) -> Listener {
    let cognito = &world().cognito;
    let config = merged(
        config_at("case-wire", &cognito.domain_url(), &cognito.idp_url()),
        json!({ "rules": [{ "path": "/public/**", "allow": "everyone" }] }),
    );
    let mut listener = Listener::new(port, Filter::Json(config)).env("SESSION_KEY", SESSION_KEY);
    let name = module.file_stem().and_then(|name| name.to_str()).expect("a name");
    listener.name = format!("{name}-{policy}");
    listener.vm_id = Some(listener.name.clone());
    listener.module = Some(module.to_owned());
    listener.failure_policy = policy.to_owned();
    listener
}

/// An Envoy with one listener for each of them.
fn envoy(app: &SampleApp, kinds: &[(PathBuf, &str)]) -> (Envoy, Vec<u16>) {
    let ports = free_ports(kinds.len() + 1);
    let cognito = &world().cognito;
    let mut bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", app.addr())
        .cluster("cognito_domain", cognito.domain_addr())
        .cluster("cognito_idp", cognito.idp_addr());
    for ((module, policy), port) in kinds.iter().zip(&ports[1..]) {
        bootstrap = bootstrap.listener(listener(*port, module, policy));
    }
    // Each module is compiled for each worker, which takes a while on a busy machine.
    let ready_within = std::time::Duration::from_secs(90);
    let options = Options { ready_within, ..Options::default().concurrency(1) };
    let envoy = Envoy::start(&bootstrap.to_string(), &options);
    (envoy, ports[1..].to_vec())
}

fn status(port: u16, target: &str) -> u16 {
    let request = RawRequest::get(target).host(HOST);
    rig::send(([127, 0, 0, 1], port).into(), &request).map_or(0, |response| response.status)
}

#[test]
fn case_159_160_a_filter_that_crashes_or_is_incomplete_lets_nobody_in() {
    let folder = Scratch::new().expect("a folder");
    if is_native() {
        return native_lets_nobody_in(folder.path());
    }
    let mut kinds = Vec::new();
    for callback in ["proxy_on_request_headers", "proxy_on_tick", "proxy_on_http_call_response"] {
        let module = variant(folder.path(), callback, |module| crash(module, callback));
        kinds.extend(["FAIL_CLOSED", "FAIL_RELOAD"].map(|policy| (module.clone(), policy)));
    }
    let unconfigured = variant(folder.path(), "unconfigured", |module| without(module, "proxy_on_configure"));
    kinds.push((unconfigured, "FAIL_RELOAD"));
    let app = SampleApp::start().expect("a sample app");
    let (envoy, ports) = envoy(&app, &kinds);
    for ((module, policy), port) in kinds.iter().zip(ports) {
        let what = format!("{} under {policy}", module.display());
        for round in 0..3 {
            let status = status(port, "/guarded/json");
            assert!([401, 500, 503].contains(&status), "{what}, round {round}: {status}");
        }
        let crashes_on_requests = module.ends_with("proxy_on_request_headers.wasm");
        if crashes_on_requests || module.ends_with("unconfigured.wasm") {
            let status = status(port, "/public/json");
            assert!([500, 503].contains(&status), "{what}: {status}");
        }
    }
    let guarded = app.requests().into_iter().find(|request| request.path.starts_with("/guarded"));
    assert!(guarded.is_none(), "{guarded:?}");
    assert!(envoy.alive());
    assert!(envoy.log().contains("unreachable"), "they did crash\n{}", envoy.log());
}

/// A panic is a 503, and Envoy refuses a module that lacks a hook.
fn native_lets_nobody_in(folder: &Path) {
    let app = SampleApp::start().expect("a sample app");
    let (envoy, ports) = envoy(&app, &[(fragile(folder), "")]);
    let ask = |request: RawRequest| {
        rig::send(([127, 0, 0, 1], ports[0]).into(), &request.host(HOST)).expect("an answer").status
    };
    for _ in 0..3 {
        assert_eq!(ask(crashing("/guarded/json")), 503);
        assert_eq!(ask(crashing("/public/json")), 503);
        assert_eq!(ask(RawRequest::get("/guarded/json")), 401, "{}", envoy.log());
    }
    let requests = app.requests();
    assert!(requests.is_empty(), "{requests:?}");
    assert!(envoy.alive() && envoy.log().contains("panicked"), "it did panic\n{}", envoy.log());
    for hook in HOOKS {
        assert!(is_refused(&without_hook(folder, hook)), "without {hook}");
    }
    assert!(!is_refused(&native()));
}

/// This is why all examples set the policy, and why the exports are tested.
#[test]
fn case_159_160_what_fails_open_is_open() {
    if is_native() {
        return skipped("whether FAIL_OPEN is open, because a native module has no failure policy");
    }
    let folder = Scratch::new().expect("a folder");
    let callback = "proxy_on_request_headers";
    let crashing = variant(folder.path(), "crashing", |module| crash(module, callback));
    let missing = variant(folder.path(), "missing", |module| without(module, callback));
    let app = SampleApp::start().expect("a sample app");
    let (_envoy, ports) = envoy(&app, &[(crashing, "FAIL_OPEN"), (missing, "FAIL_RELOAD")]);
    // The request that causes the crash fails; the following ones meet no filter at all.
    let _ = status(ports[0], "/guarded/json");
    assert_eq!([status(ports[0], "/guarded/json"), status(ports[1], "/guarded/json")], [200, 200]);
}

#[test]
fn case_160_what_is_no_module_keeps_envoy_from_starting() {
    let folder = Scratch::new().expect("a folder");
    let whole = std::fs::read(filter()).expect("the module");
    let without_abi = if is_native() {
        without_hook(folder.path(), HOOKS[0])
    } else {
        variant(folder.path(), "no-abi", |module| without(module, "proxy_abi_version_0_2_1"))
    };
    let mut files = vec![without_abi];
    let ending = if is_native() { "so" } else { "wasm" };
    for (name, bytes) in [("empty", &[][..]), ("half", &whole[..whole.len() / 2]), ("text", b"no module")] {
        let path = folder.path().join(format!("{name}.{ending}"));
        std::fs::write(&path, bytes).expect("written");
        files.push(path);
    }
    for module in files {
        assert!(is_refused(&module), "{}", module.display());
    }
}

#[test]
fn case_159_every_shipped_configuration_says_what_a_crash_does() {
    for (file, text) in [
        ("docs/cognito.md", include_str!("../../docs/cognito.md")),
        ("envoy/docker.yaml", include_str!("../../envoy/docker.yaml")),
        ("envoy/envoy.yaml", include_str!("../../envoy/envoy.yaml")),
        ("envoy/demo.yaml", include_str!("../../envoy/demo.yaml")),
    ] {
        let filters = text.matches("envoy.extensions.filters.http.wasm.v3.Wasm").count();
        assert!(filters > 0, "{file}");
        assert_eq!(text.matches("failure_policy: FAIL_RELOAD").count(), filters, "{file}");
    }
}

#[test]
fn case_076_every_cluster_of_the_shipped_configuration_checks_certificates() {
    let shipped: serde_json::Value =
        yaml_serde::from_str(include_str!("../../envoy/envoy.yaml")).expect("YAML");
    let clusters = shipped["static_resources"]["clusters"].as_array().expect("clusters");
    let ours = clusters
        .iter()
        .filter(|cluster| cluster["name"].as_str().is_some_and(|name| name.starts_with("cognito")));
    let mut checked = 0;
    for cluster in ours {
        let tls = &cluster["transport_socket"]["typed_config"];
        let validation = &tls["common_tls_context"]["validation_context"];
        assert!(validation["trusted_ca"].is_object(), "{}: the trusted authorities", cluster["name"]);
        let names = &validation["match_typed_subject_alt_names"];
        let names = names.as_array().expect("which name");
        assert!(!names.is_empty() && tls["sni"].is_string(), "{}: the expected name", cluster["name"]);
        checked += 1;
    }
    assert_eq!(checked, 2);
}

/// The wasm filter. A native module can do whatever Envoy can.
#[test]
fn case_178_the_module_can_do_little_to_its_host() {
    let module = std::fs::read(wasm()).expect("the module");
    let mut imports: Vec<(String, String)> = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&module) {
        if let wasmparser::Payload::ImportSection(section) = payload.expect("a module") {
            let all = section.into_imports().map(|import| import.expect("an import"));
            imports.extend(all.map(|import| (import.module.to_owned(), import.name.to_owned())));
        }
    }
    let of = |wanted: &str| {
        let mut names: Vec<&str> =
            imports.iter().filter(|(module, _)| module == wanted).map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    };
    // No files, no sockets, and only Envoy's clock.
    let wasi = ["environ_get", "environ_sizes_get", "fd_write", "proc_exit", "random_get"];
    assert_eq!(of("wasi_snapshot_preview1"), wasi);
    let envoys = of("env");
    assert_eq!(envoys.len() + wasi.len(), imports.len(), "{imports:?}");
    for name in envoys {
        assert!(name.starts_with("proxy_"), "{name}");
        for unused in ["grpc", "queue", "set_buffer", "set_header_map_pairs", "stream_close"] {
            assert!(!name.contains(unused), "{name}");
        }
    }
}

/// The timing leak of RUSTSEC-2023-0071 concerns private keys.
#[test]
fn case_178_the_filter_has_no_private_key_to_leak() {
    fn check(folder: &Path) -> usize {
        let entries =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries
            .map(|path| {
                if path.is_dir() {
                    return check(&path);
                }
                let source = std::fs::read_to_string(&path).expect("a source");
                for word in ["RsaPrivateKey", "SigningKey", "PrivateKey", "BEGIN RSA", "decrypt_blinded"] {
                    assert!(!source.contains(word), "{}: {word}", path.display());
                }
                1
            })
            .sum()
    }
    assert!(check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../src"))) > 40, "all sources");
}
