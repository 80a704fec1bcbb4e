//! A real istiod, which reads files and ends with the test.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use control_planes::{manifest, program};
use rig::{Scratch, Supervised, eventually, free_ports};
use serde_json::{Value, json};

/// Which istiod: see `istiod/main.go`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With what pilot-discovery reads from files.
    Discovery,
    /// With its controller for WasmPlugins, which pilot-discovery has only for Kubernetes.
    WasmPlugins,
}

/// istiod, and the folder that it watches.
pub struct Istiod {
    process: Supervised,
    objects: Scratch,
    pub xds_port: u16,
    _mesh: Scratch,
}

/// Starting istiod and compiling the filter take long on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

impl Istiod {
    /// Starts istiod with these objects, and with the repository's `mesh-config.yaml`.
    pub fn start(kind: Kind, listed: &[Value]) -> Self {
        let (mesh, objects) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        write(objects.path(), listed);
        let mesh_file = mesh.path().join("mesh.yaml");
        std::fs::write(&mesh_file, mesh_config(kind, objects.path()).to_string()).unwrap();
        let ports = free_ports(3);
        let mut arguments = vec![
            format!("--grpcAddr=127.0.0.1:{}", ports[0]),
            format!("--httpAddr=127.0.0.1:{}", ports[1]),
            format!("--monitoringAddr=127.0.0.1:{}", ports[2]),
            format!("--meshConfig={}", mesh_file.display()),
        ];
        match kind {
            Kind::Discovery => {
                arguments.insert(0, "discovery".into());
            }
            Kind::WasmPlugins => {
                arguments.insert(0, "wasm-plugins".into());
                arguments.push(format!("--configDir={}", objects.path().display()));
            }
        }
        let arguments: Vec<_> = arguments.into_iter().map(Into::into).collect();
        let program = program("ISTIOD", "make test-istio");
        let process = Supervised::start(&program, &arguments, &environment(), &mesh).unwrap();
        let mut istiod = Self { process, objects, xds_port: ports[0], _mesh: mesh };
        // It opens this port when it has read everything.
        let ready = eventually(PATIENCE, || {
            assert!(istiod.process.ended().is_none(), "istiod ended:\n{}", istiod.log());
            TcpStream::connect(("127.0.0.1", istiod.xds_port)).ok()
        });
        assert!(ready.is_some(), "istiod isn't ready:\n{}", istiod.log());
        istiod
    }

    /// Replaces all objects.
    pub fn apply(&self, listed: &[Value]) {
        write(self.objects.path(), listed);
    }

    pub fn log(&self) -> String {
        self.process.printed()
    }
}

fn mesh_config(kind: Kind, objects: &Path) -> Value {
    let mut mesh = manifest("envoy/istio/mesh-config.yaml")["meshConfig"].take();
    // The load balancer in front of the gateway, as envoy/istio/README.md says.
    mesh["defaultConfig"] = json!({ "gatewayTopology": { "numTrustedProxies": 1 } });
    if kind == Kind::Discovery {
        mesh["configSources"] = json!([{ "address": format!("fs://{}", objects.display()) }]);
    }
    mesh
}

/// Switches off what needs Kubernetes, certificates, or filters that only Istio's own Envoy has.
fn environment() -> Vec<(String, String)> {
    let variables = [
        ("POD_NAME", "istiod"),
        ("POD_NAMESPACE", "istio-system"),
        ("CLUSTER_ID", "Kubernetes"),
        ("ENABLE_CA_SERVER", "false"),
        ("PILOT_CERT_PROVIDER", "none"),
        // istio.metadata_exchange and istio.alpn.
        ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
        ("PILOT_ENABLE_ALPN_FILTER", "false"),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Renamed when it is whole: istiod reads the folder at any change.
fn write(folder: &Path, objects: &[Value]) {
    // JSON is YAML.
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    let (new, file) = (folder.join("objects.new"), folder.join("objects.yaml"));
    std::fs::write(&new, text.join("\n---\n")).unwrap();
    std::fs::rename(new, file).unwrap();
}
