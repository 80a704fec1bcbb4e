//! The images, and `docker compose up`. No container runs here: the commands of the compose file and the configuration
//! of its Envoy run on this machine instead, with free ports in the place of the containers' own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rig::{Browser, Envoy, Options, PATIENCE, RawRequest, Scratch, Supervised, eventually, free_ports, send};
use serde_json::Value;

use crate::files::{document, list, program, read, root, text, wasm};

const COMPOSE: &str = "envoy/docker-compose.yaml";
const DOCKERFILE: &str = "envoy/Dockerfile";

/// The instructions of the Dockerfile, each on one line.
fn instructions() -> Vec<String> {
    let text = read(DOCKERFILE).replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// What follows that instruction, in the stage of that name.
fn in_stage(stage: &str, instruction: &str) -> Vec<String> {
    let (all, mut inside, mut found) = (instructions(), false, Vec::new());
    for line in &all {
        if line.starts_with("FROM ") {
            inside = line.ends_with(&format!(" AS {stage}"));
        } else if let Some(rest) = line.strip_prefix(instruction).filter(|_| inside) {
            found.push(rest.trim().to_owned());
        }
    }
    found
}

fn argument(name: &str) -> String {
    let prefix = format!("ARG {name}=");
    instructions().iter().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).unwrap()
}

fn variable_of_makefile(name: &str) -> String {
    let prefix = format!("{name} := ");
    read("Makefile").lines().find_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).unwrap()
}

#[test]
fn every_image_is_built_of_pinned_ones() {
    assert_eq!(
        argument("ENVOY_VERSION"),
        variable_of_makefile("ENVOY_VERSION"),
        "what is tested is what runs"
    );
    let rust = argument("RUST_VERSION");
    assert_eq!(rust.split('.').count(), 3, "{rust}");
    let stages: Vec<String> =
        instructions().iter().filter_map(|line| line.split(" AS ").nth(1).map(str::to_owned)).collect();
    for line in instructions().iter().filter_map(|line| line.strip_prefix("FROM ")) {
        let image = line.split(' ').next().unwrap();
        let tag = image.split_once(':').map(|(_, tag)| tag);
        let known = image == "scratch" || stages.iter().any(|stage| stage == image);
        assert!(known || tag.is_some_and(|tag| tag != "latest"), "{line}");
    }
}

#[test]
fn the_wasm_image_is_one_layer_with_one_file() {
    assert!(instructions().contains(&"FROM scratch AS wasm".to_owned()));
    assert_eq!(in_stage("wasm", "COPY"), ["--from=build /out/plugin.wasm /plugin.wasm"]);
    assert_eq!(in_stage("wasm", "").len(), 1, "nothing else");
    // And an image by itself, not an index of images by machine: who loads it looks for linux/amd64 in one.
    let command = "docker build --provenance=false --file envoy/Dockerfile --target wasm ";
    for page in [DOCKERFILE, "docs/install.md"] {
        assert!(read(page).contains(command), "{page}");
    }
    // What `make build` makes, and not what the compiler leaves.
    let built = in_stage("build", "RUN").join("\n");
    assert!(
        built.contains("make build")
            && built.contains(&variable_of_makefile("WASM").replace("$(TARGET)", "wasm32-wasip1")),
        "{built}"
    );
}

#[test]
fn nothing_runs_as_root() {
    let compose = document(COMPOSE);
    for (name, service) in compose["services"].as_object().unwrap() {
        let target = text(&service["build"]["target"]);
        let user = in_stage(target, "USER");
        assert!(user.len() == 1 && !["root", "0", "0:0"].contains(&user[0].as_str()), "{target}: {user:?}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["read_only"], true, "{name}");
    }
}

#[test]
fn what_is_copied_into_images_is_there_and_not_ignored() {
    let ignored = read(".dockerignore");
    let ignored: Vec<&str> =
        ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!([".git", "target", ".tools"].iter().all(|own| ignored.contains(own)), "{ignored:?}");
    let copied = in_stage("envoy", "COPY");
    let own: Vec<&str> = copied
        .iter()
        .filter(|line| !line.starts_with("--from="))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(own, ["envoy/docker.yaml"]);
    assert!(root().join(own[0]).is_file());
    // Cargo reads the manifest of every member.
    let manifest = read("Cargo.toml");
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    for member in members.split(", ").map(|member| member.trim_matches('"')) {
        assert!(
            !ignored.iter().any(|folder| member == *folder || member.starts_with(&format!("{folder}/"))),
            "{member}"
        );
    }
}

#[test]
fn the_compose_file_has_its_form() {
    let compose = document(COMPOSE);
    let services = compose["services"].as_object().unwrap();
    let envoy = read("envoy/docker.yaml");
    for (name, service) in services {
        let build = &service["build"];
        let context = root().join("envoy").join(text(&build["context"]));
        assert!(context.join(text(&build["dockerfile"])).is_file(), "{name}");
        let target = format!(" AS {}", text(&build["target"]));
        assert!(instructions().iter().any(|line| line.ends_with(&target)), "{name}: {target}");
        for (other, condition) in service["depends_on"].as_object().into_iter().flatten() {
            assert_eq!(condition["condition"], "service_healthy", "{name}");
            assert!(services[other]["healthcheck"]["test"].is_array(), "{other}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = text(port);
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port} would be open to the whole network");
        }
        if name != "envoy" {
            assert!(envoy.contains(&format!("address: {name}, ")), "Envoy calls it by its name: {name}");
        }
    }
    assert!(services["app"]["ports"].is_null(), "nobody goes around Envoy");
    let address = |cluster: &Value| {
        let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        text(&endpoint["address"]["socket_address"]["address"]).to_owned()
    };
    let called: Vec<String> =
        list(&document("envoy/docker.yaml")["static_resources"]["clusters"]).iter().map(address).collect();
    assert!(called.iter().all(|host| services.contains_key(host)), "{called:?}");
}

#[test]
fn docker_takes_the_compose_file() {
    let file = root().join(COMPOSE);
    let clients = [("docker-compose", &[][..]), ("docker", &["compose"][..])];
    let client = clients.into_iter().find(|(client, arguments)| {
        let asked = Command::new(client).args(*arguments).arg("version").output();
        // The first Docker Compose, which is no longer kept up, has another idea of these files.
        asked.is_ok_and(|output| {
            output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("version 1.")
        })
    });
    let Some((client, arguments)) = client else {
        // Past the capture of what tests print, for the summary of all tests.
        let _ = writeln!(
            std::io::stdout(),
            "\nskipped: whether Docker takes {COMPOSE}, because there is no docker compose"
        );
        return;
    };
    let output = Command::new(client)
        .args(arguments)
        .arg("-f")
        .arg(file)
        .args(["config", "--quiet"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The ports of the containers, and the ones that stand for them here.
struct Ports(BTreeMap<u16, u16>);

impl Ports {
    fn free() -> Self {
        let containers = [8080, 9230, 9231, 9232];
        Self(containers.into_iter().zip(free_ports(containers.len())).collect())
    }

    /// A text of the compose file or of Envoy's configuration with this machine in the place of the containers.
    fn here(&self, text: &str) -> String {
        let mut here = text.replace("0.0.0.0", "127.0.0.1");
        for (container, port) in &self.0 {
            for before in ["port_value: ", "127.0.0.1:"] {
                here = here.replace(&format!("{before}{container}"), &format!("{before}{port}"));
            }
        }
        for name in ["app", "cognito"] {
            here = here.replace(&format!("address: {name},"), "address: 127.0.0.1,");
        }
        here
    }
}

/// The command of a service.
fn start(service: &str, ports: &Ports, scratch: &Scratch) -> Supervised {
    let compose = document(COMPOSE);
    let command: Vec<String> =
        list(&compose["services"][service]["command"]).iter().map(|word| ports.here(text(word))).collect();
    let arguments: Vec<_> = command[1..].iter().map(Into::into).collect();
    Supervised::start(&program(&command[0]), &arguments, &[], scratch).unwrap()
}

#[test]
fn people_are_signed_in_by_what_docker_compose_starts() {
    let (ports, scratches) = (Ports::free(), [Scratch::new().unwrap(), Scratch::new().unwrap()]);
    let mut cognito = start("cognito", &ports, &scratches[0]);
    let mut app = start("app", &ports, &scratches[1]);
    // What the health checks ask.
    for port in [9230, 9231, 9232] {
        let address = ([127, 0, 0, 1], ports.0[&port]).into();
        let up = eventually(PATIENCE, || send(address, &RawRequest::get("/")).ok());
        assert!(
            up.is_some(),
            "{port}: {:?} {:?}\n{}{}",
            cognito.ended(),
            app.ended(),
            cognito.printed(),
            app.printed()
        );
    }

    let configuration =
        read("envoy/docker.yaml").replace("/etc/envoy/envoy_cognito.wasm", wasm().to_str().unwrap());
    let compose = document(COMPOSE);
    let environment = compose["services"]["envoy"]["environment"].as_object().unwrap();
    let options =
        environment.iter().fold(Options::default(), |options, (name, value)| options.env(name, text(value)));
    let options = options.env("SESSION_KEY", session_key());
    let envoy = Envoy::start(&ports.here(&configuration), &options);

    let address = format!("http://localhost:{}", ports.0[&8080]);
    let mut browser = Browser::new();
    let visit = browser.sign_in(&format!("{address}/reports"), "jsmith", "The@Password");
    assert_eq!(
        (visit.status(), visit.url.as_str()),
        (200, format!("{address}/reports").as_str()),
        "{visit}\n{}",
        envoy.log()
    );
    let pages = format!("http://127.0.0.1:{}/", ports.0[&9230]);
    assert!(visit.to_string().contains(&pages), "the browser goes where the port is published: {visit}");
    assert_eq!(browser.fetch(&format!("{address}/admin")).status, 200);
    assert_eq!(browser.fetch(&format!("{address}/internal/x")).status, 403);
}

/// What the entry point of the image hands to Envoy: an `envoy` that says so is called in the place of the real one.
fn session_key() -> String {
    let entry: Value = serde_json::from_str(&in_stage("envoy", "ENTRYPOINT")[0]).unwrap();
    let words: Vec<&str> = list(&entry).iter().map(text).collect();
    let folder = Scratch::new().unwrap();
    let envoy = folder.path().join("envoy");
    fs::write(&envoy, "#!/bin/sh\nprintf '%s\\n' \"$SESSION_KEY\" \"$*\"\n").unwrap();
    fs::set_permissions(&envoy, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let run = |own: Option<&str>| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("PATH", &path).env_remove("SESSION_KEY");
        command.envs(own.map(|key| ("SESSION_KEY", key)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let (key, arguments) = printed.split_once('\n').unwrap();
        assert_eq!(arguments.trim(), "-c /etc/envoy/envoy.yaml");
        key.to_owned()
    };
    assert_eq!(run(Some("one's own")), "one's own");
    let key = run(None);
    assert_eq!(STANDARD.decode(&key).unwrap().len(), 32, "{key}");
    assert_ne!(key, run(None), "a new one each time");
    key
}
