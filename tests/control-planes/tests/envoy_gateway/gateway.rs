//! A real Envoy Gateway on this machine, with the real Envoy that it starts. Both end with the test.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control_planes::{environment, program};
use rig::{Envoy, RawRequest, Scratch, Supervised, eventually, free_port, send};
use serde_json::{Value, json};

use crate::manifests::secret;

/// Compiling the filter takes long on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Of its xDS server and of its server for `.wasm` files. It has no setting for them.
const PORTS: [u16; 2] = [18_000, 18_002];

/// So there can only be one at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Envoy Gateway, and the folder that it watches.
pub struct Gateway {
    process: Supervised,
    home: PathBuf,
    objects: Scratch,
    /// Whether Envoy can fetch `.wasm` files from Envoy Gateway, from the next [`apply`](Self::apply) on.
    pub reachable: bool,
    _scratch: Scratch,
    _turn: MutexGuard<'static, ()>,
}

impl Gateway {
    pub fn start(objects: &[Value]) -> Self {
        let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        for port in PORTS {
            let free = TcpListener::bind(("0.0.0.0", port));
            assert!(free.is_ok(), "port {port} is in use, and Envoy Gateway can use no other: {free:?}");
        }
        let (scratch, watched) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        let (home, program) =
            (scratch.path().to_owned(), program("ENVOY_GATEWAY", "make test-envoy-gateway"));
        // The certificates of Envoy Gateway and of its Envoys.
        let mut certificates = Command::new(&program);
        certificates.args(["certgen", "--local", "--config-home"]).arg(home.join("config"));
        let output = certificates.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        provide_envoy(&home);
        write(watched.path(), &home, objects, true);
        let settings = home.join("envoy-gateway.yaml");
        std::fs::write(&settings, configuration(&home, watched.path()).to_string()).unwrap();
        let mut variables = environment();
        // It keeps `.wasm` files in `.eg/wasm`.
        variables.push(("HOME".into(), home.to_str().expect("UTF-8").into()));
        let arguments = ["server".into(), "--config-path".into(), settings.into()];
        let process = Supervised::start(&program, &arguments, &variables, &scratch).unwrap();
        Self { process, home, objects: watched, reachable: true, _scratch: scratch, _turn: turn }
    }

    /// Replaces all objects.
    pub fn apply(&self, objects: &[Value]) {
        write(self.objects.path(), &self.home, objects, self.reachable);
    }

    pub fn assert_runs(&mut self) {
        let log = self.log();
        assert!(self.process.ended().is_none(), "Envoy Gateway ended:\n{log}");
        assert!(!log.contains("failed to run envoy"), "{log}");
    }

    /// Everything that Envoy Gateway and its Envoy have printed, access logs included.
    pub fn log(&self) -> String {
        self.process.printed()
    }

    pub fn log_line(&self, text: &str) -> Option<String> {
        eventually(PATIENCE, || self.log().lines().find(|line| line.contains(text)).map(str::to_owned))
    }

    /// The last status that Envoy Gateway gave to an object of this kind.
    pub fn status(&self, kind: &str) -> String {
        let log = self.log();
        let last = log.rsplit_once(&format!("Got new status for {kind}\n")).unwrap_or_default().1;
        // A line with its fields ends an entry of the log.
        last.split_once("\n\t{").unwrap_or_default().0.to_owned()
    }

    /// A counter or gauge of Envoy.
    pub fn stat(&self, name: &str) -> i64 {
        let file = std::fs::read_dir(self.home.join("run")).unwrap().flatten();
        let mut file = file.map(|entry| entry.path().join("admin-address.txt")).filter(|file| file.is_file());
        let address = std::fs::read_to_string(file.next().expect("Envoy's admin address")).unwrap();
        let answer = send(address.trim().parse().unwrap(), &RawRequest::get("/stats")).unwrap().text();
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

/// Envoy Gateway downloads no Envoy if it finds one of the version that it wants.
fn provide_envoy(home: &Path) {
    let (major, minor) = Envoy::version();
    let version = format!("{major}.{minor}.0");
    let folder = home.join("data/envoy-versions").join(&version).join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let real = Envoy::binary().and_then(|path| path.canonicalize().map_err(|error| error.to_string()));
    symlink(real.unwrap_or_else(|error| panic!("{error}")), folder.join("envoy")).unwrap();
    std::fs::write(home.join("config/envoy-version"), version).unwrap();
}

/// Objects from files, Envoys on this machine, and the two extensions of its API that the tests need.
fn configuration(home: &Path, objects: &Path) -> Value {
    json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyGateway",
        "gateway": { "controllerName": "gateway.envoyproxy.io/gatewayclass-controller" },
        "provider": { "type": "Custom", "custom": {
            "resource": { "type": "File", "file": { "paths": [objects] } },
            "infrastructure": { "type": "Host", "host": {
                "configHome": home.join("config"), "dataHome": home.join("data"),
                "stateHome": home.join("state"), "runtimeDir": home.join("run"),
            } },
        } },
        "admin": { "address": { "host": "127.0.0.1", "port": free_port() } },
        "telemetry": { "metrics": { "prometheus": { "disable": true } } },
        "extensionApis": { "enableBackend": true, "enableEnvoyPatchPolicy": true },
    })
}

/// Renamed when it is whole: Envoy Gateway reads the folder at any change of a file that isn't hidden.
fn write(folder: &Path, home: &Path, objects: &[Value], reachable: bool) {
    // JSON is YAML.
    let text: Vec<String> =
        objects.iter().chain(&missing(home, objects, reachable)).map(Value::to_string).collect();
    let (new, file) = (folder.join(".new"), folder.join("objects.yaml"));
    std::fs::write(&new, text.join("\n---\n")).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// What Envoy Gateway finds in a cluster and not on a host: the Secret with the certificate of the Envoys, and its own
/// Service, by which they fetch `.wasm` files.
fn missing(home: &Path, objects: &[Value], reachable: bool) -> Vec<Value> {
    let folder = home.join("config/certs/envoy");
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let (authority, certificate, key) = (read("ca.crt"), read("tls.crt"), read("tls.key"));
    let files = [("ca.crt", &*authority), ("tls.crt", &certificate), ("tls.key", &key)];
    let mut made = vec![secret(["envoy-gateway-system", "envoy"], &files)];
    if objects.iter().any(|object| object["spec"]["wasm"].is_array()) {
        let replace = |path: &str, value: Value| {
            json!({
                "type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "wasm_cluster",
                "operation": { "op": "replace", "path": path, "value": value },
            })
        };
        let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
        let port = if reachable { PORTS[1] } else { free_port() };
        let authority =
            "/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca/filename";
        made.push(json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyPatchPolicy",
            "metadata": { "name": "host", "namespace": "app" },
            "spec": {
                "targetRef": { "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "app" },
                "type": "JSONPatch",
                "jsonPatches": [
                    replace(&format!("{endpoint}/address"), "127.0.0.1".into()),
                    replace(&format!("{endpoint}/port_value"), port.into()),
                    replace(authority, folder.join("ca.crt").to_str().expect("UTF-8").into()),
                ],
            },
        }));
    }
    made
}
