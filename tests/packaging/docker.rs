//! The images, and `docker compose up`. No container runs here. Instead, the commands of the compose file and its
//! Envoy configuration run on this machine, with free ports instead of the containers' own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rig::{Browser, Envoy, Options, PATIENCE, RawRequest, Scratch, Supervised, eventually, free_ports, send};
use serde_json::Value;

use crate::files::{document, list, module, program, read, root, text, wasm};

const COMPOSE: &str = "envoy/docker-compose.yaml";
const RELEASED: &str = "envoy/docker-compose.released.yaml";
const DOCKERFILE: &str = "envoy/Dockerfile";

/// The services with Envoy, of which one runs.
const ENVOYS: [&str; 2] = ["envoy", "envoy-native"];

/// The instructions of the Dockerfile, one line each.
fn instructions() -> Vec<String> {
    let text = read(DOCKERFILE).replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// The arguments of that instruction in the stage with that name.
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
    // This file would take precedence over the Rust of the image, and fetch another one.
    assert!(read(".dockerignore").lines().any(|line| line == "rust-toolchain.toml"));
    let stages: Vec<String> =
        instructions().iter().filter_map(|line| line.split(" AS ").nth(1).map(str::to_owned)).collect();
    for line in instructions().iter().filter_map(|line| line.strip_prefix("FROM ")) {
        let image = line.split(' ').find(|word| !word.starts_with("--")).unwrap();
        let tag = image.split_once(':').map(|(_, tag)| tag);
        let known = image == "scratch" || stages.iter().any(|stage| stage == image);
        assert!(known || tag.is_some_and(|tag| tag != "latest"), "{line}");
        // A short name may be looked up in any registry, depending on the machine.
        assert!(known || image.starts_with("docker.io/"), "{line}");
    }
    // Nothing else is downloaded, not even a frontend from a registry.
    assert!(!read(DOCKERFILE).to_lowercase().contains("syntax="), "a frontend");
    let shown = read("docs/install.md");
    assert!(shown.contains(" docker.io/envoyproxy/envoy:v") && !shown.contains(" envoyproxy/envoy:v"));
}

#[test]
fn what_is_fetched_is_fetched_before_the_sources_are_there() {
    let build = in_stage("build", "");
    let at = |start: &str| {
        build.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}"))
    };
    let fetch = "RUN make .tools/target binaryen";
    assert!(at("RUN apt-get") < at("COPY Makefile .") && at("COPY Makefile .") < at(fetch), "{build:?}");
    assert!(at(fetch) < at("COPY . ."), "a change of the sources fetches nothing: {build:?}");
    assert!(
        read("Makefile").contains("\nbuild: $(TOOLS)/target binaryen "),
        "that is what `make build` needs"
    );
    let native = in_stage("build-native", "");
    let at = |start: &str| native.iter().position(|line| line.starts_with(start)).unwrap();
    assert!(at("RUN apt-get") < at("COPY Makefile .") && at("COPY Makefile .") < at("RUN make zig"));
    assert!(at("RUN make zig") < at("COPY . ."), "{native:?}");
    // `make build-native` adds it too, which downloads nothing if it is there already.
    assert!(in_stage("build-native", "RUN").iter().any(|run| run.contains("rustup target add $machine-")));
    assert!(at("RUN case") < at("COPY . ."), "{native:?}");
    assert!(read("Makefile").contains("\nbuild-native: zig "), "that is what `make build-native` needs");
    // An argument changes all that follows, so each platform would do that again.
    assert!(at("RUN make zig") < at("ARG "), "{native:?}");
    assert_eq!(native[..3], build[..3], "done once for both");
}

#[test]
fn stages_that_run_at_once_do_not_disturb_each_other() {
    for (stage, machine) in
        [("build", "$BUILDARCH"), ("build-native", "$BUILDARCH"), ("build-demo", "$TARGETARCH")]
    {
        let all = in_stage(stage, "");
        let run = all.iter().position(|line| line.starts_with("RUN --mount=")).unwrap();
        // Builds for two platforms need two target folders.
        assert!(
            all[run].contains(&format!("target=/src/target,id=envoy-cognito-target-{machine} ")),
            "{all:?}"
        );
        assert!(all[..run].contains(&format!("ARG {}", &machine[1..])), "{stage}");
        // Cargo's lock is beside its registry, so the cache must have both.
        assert!(all[run].contains("--mount=type=cache,target=/cargo,id=envoy-cognito-cargo "), "{all:?}");
        assert!(all[run].contains(" CARGO_HOME=/cargo "), "{all:?}");
        for other in (0..all.len()).filter(|index| *index != run) {
            assert!(!all[other].contains("cargo"), "{}", all[other]);
        }
    }
}

#[test]
fn secrets_get_into_no_image_and_no_commit() {
    for file in [".gitignore", ".dockerignore"] {
        let text = read(file);
        assert!(["*.env", ".env"].iter().all(|own| text.lines().any(|line| line == *own)), "{file}");
    }
    // In `.dockerignore`, a pattern without `**/` only applies to the root.
    assert!(read(".dockerignore").lines().any(|line| line == "**/*.env"));
    assert!(read("docs/install.md").contains("--env-file secrets.env"), "what people are told to write");
}

#[test]
fn docker_compose_is_told_to_build_what_it_runs() {
    let mut told = 0;
    for page in
        ["README.md", "docs/install.md", "docs/local.md", "envoy/README.md", COMPOSE, "CONTRIBUTING.md"]
    {
        let text = read(page);
        for command in text.split("docker compose -f envoy/docker-compose.yaml up").skip(1) {
            assert!(command.starts_with(" --build"), "{page}");
            told += 1;
        }
    }
    assert!(told >= 4, "{told}");
}

#[test]
fn what_is_removed_includes_the_service_of_the_profile() {
    let told: Vec<String> = [COMPOSE, RELEASED, "envoy/README.md"]
        .iter()
        .flat_map(|page| read(page).lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.contains("docker compose ") && line.contains(" down"))
        .collect();
    assert!(told.len() >= 3, "{told:?}");
    for line in told {
        // With a file, Compose ignores services of a profile. Without one, it removes all containers of the project.
        let all = if line.contains(" -f ") { " --profile native down" } else { " -p envoy-cognito down" };
        assert!(line.contains(all), "{line}");
    }
    assert_eq!(
        [document(COMPOSE), document(RELEASED)].map(|file| file["name"].clone()),
        ["envoy-cognito"; 2]
    );
}

#[test]
fn the_wasm_image_is_one_layer_with_one_file() {
    assert!(instructions().contains(&"FROM scratch AS wasm".to_owned()));
    assert_eq!(in_stage("wasm", "COPY"), ["--from=build /out/plugin.wasm /plugin.wasm"]);
    assert_eq!(in_stage("wasm", "").len(), 1, "nothing else");
    // A single image, not an index of images per platform: loaders look for linux/amd64 in an index.
    let command = "docker build --provenance=false --file envoy/Dockerfile --target wasm ";
    for page in [DOCKERFILE, "docs/install.md"] {
        assert!(read(page).contains(command), "{page}");
    }
    // The output of `make build`, not the compiler's.
    let built = in_stage("build", "RUN").join("\n");
    assert!(
        built.contains("make build")
            && built.contains(&variable_of_makefile("WASM").replace("$(TARGET)", "wasm32-wasip1")),
        "{built}"
    );
}

#[test]
fn the_native_image_is_one_layer_with_one_file_that_has_the_version() {
    assert!(instructions().contains(&"FROM scratch AS native".to_owned()));
    assert_eq!(in_stage("native", ""), ["COPY --from=build-native /out/ /"], "nothing else");
    assert_eq!(argument("VERSION"), env!("CARGO_PKG_VERSION"));
    let built = in_stage("build-native", "RUN").join("\n");
    assert!(
        built.contains("/out/libenvoy_cognito-$VERSION.so") && built.contains("make build-native"),
        "{built}"
    );
    for (platform, machine) in [("amd64", "x86_64"), ("arm64", "aarch64")] {
        assert!(built.contains(&format!("{platform}) machine={machine} ;;")), "{built}");
    }
    for name in ["TARGETARCH", "VERSION"] {
        assert!(in_stage("build-native", "ARG").contains(&name.to_owned()), "else it is empty in the stage");
    }
    let shown =
        "docker buildx build --platform linux/amd64,linux/arm64 --file envoy/Dockerfile --target native ";
    assert!(read("docs/install.md").contains(shown));
}

#[test]
fn envoy_searches_the_module_where_the_image_has_it() {
    assert!(
        instructions()
            .contains(&"FROM docker.io/envoyproxy/envoy:v${ENVOY_VERSION} AS envoy-native".to_owned())
    );
    let copied = in_stage("envoy-native", "COPY");
    let folder = copied[0].strip_prefix("--from=build-native /out/ ").unwrap();
    assert_eq!(
        in_stage("envoy-native", "ENV"),
        [format!("ENVOY_DYNAMIC_MODULES_SEARCH_PATH={}", folder.trim_end_matches('/'))]
    );
    assert!(instructions().contains(&"FROM envoy-native AS demo-native".to_owned()));
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
    for (stage, file) in [("envoy", "envoy/docker.yaml"), ("demo-native", "envoy/docker-native.yaml")] {
        let copied = in_stage(stage, "COPY");
        let own: Vec<&str> = copied
            .iter()
            .filter(|line| !line.starts_with("--from="))
            // Envoy's user can read it, whatever umask the checkout had.
            .map(|line| line.strip_prefix("--chmod=644 ").unwrap_or_else(|| panic!("{line}")))
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        assert_eq!(own, [file]);
        assert!(root().join(file).is_file());
    }
    // Cargo reads the manifest of every workspace member.
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
        if !ENVOYS.contains(&name.as_str()) {
            assert!(envoy.contains(&format!("address: {name}, ")), "Envoy calls it by its name: {name}");
        }
    }
    assert!(services["app"]["ports"].is_null(), "nobody goes around Envoy");
    let images: BTreeSet<&str> = services.values().map(|service| text(&service["image"])).collect();
    assert_eq!(images.len(), services.len(), "no service runs another's image: {images:?}");
    // Settings that people change: the port, and a key that outlives the container.
    assert_eq!(services["envoy"]["ports"], serde_json::json!(["127.0.0.1:${DEMO_PORT:-8080}:8080"]));
    assert_eq!(services["envoy"]["environment"]["SESSION_KEY"], "${SESSION_KEY:-}");
    // The same with the native module, which starts only if it is asked for, and has the other one's name then.
    let native = &services["envoy-native"];
    assert_eq!(native["profiles"], serde_json::json!(["native"]));
    assert_eq!(native["networks"]["default"]["aliases"], serde_json::json!(["envoy"]));
    for shared in ["environment", "ports", "depends_on", "healthcheck"] {
        assert_eq!(native[shared], services["envoy"][shared], "{shared}");
    }
    let page = read("envoy/README.md");
    let command = " up --build envoy-native cognito app\n";
    assert!(page.contains(command) && read(COMPOSE).contains(command));
    assert!(["`DEMO_PORT`", "`SESSION_KEY`"].iter().all(|name| page.contains(name)));
    let address = |cluster: &Value| {
        let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        text(&endpoint["address"]["socket_address"]["address"]).to_owned()
    };
    let called: Vec<String> =
        list(&document("envoy/docker.yaml")["static_resources"]["clusters"]).iter().map(address).collect();
    assert!(called.iter().all(|host| services.contains_key(host)), "{called:?}");
}

#[test]
fn a_release_is_started_as_what_is_built_here() {
    let (mut here, mut released) = (document(COMPOSE), document(RELEASED));
    for service in here["services"].as_object_mut().unwrap().values_mut() {
        service.as_object_mut().unwrap().retain(|name, _| !["image", "build"].contains(&name.as_str()));
    }
    for service in released["services"].as_object_mut().unwrap().values_mut() {
        let image = service.as_object_mut().unwrap().remove("image").unwrap();
        assert!(text(&image).starts_with("${IMAGES:?"), "{image}");
    }
    assert_eq!(here, released);
    assert!(!read(RELEASED).contains("build:"), "nothing is built");
    assert!(read("envoy/README.md").contains("docker-compose.released.yaml up\n"));
}

#[test]
fn docker_takes_the_compose_file() {
    for file in [COMPOSE, RELEASED] {
        assert_docker_takes(file);
    }
}

fn assert_docker_takes(name: &str) {
    let file = root().join(name);
    let clients = [("docker-compose", &[][..]), ("docker", &["compose"][..])];
    let client = clients.into_iter().find(|(client, arguments)| {
        let asked = Command::new(client).args(*arguments).arg("version").output();
        // The first version of Docker Compose, which is no longer maintained, reads these files differently.
        asked.is_ok_and(|output| {
            output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("version 1.")
        })
    });
    let Some((client, arguments)) = client else {
        // Printed past the test's output capture, for the summary of all tests.
        let _ = writeln!(
            std::io::stdout(),
            "\nskipped: whether Docker takes {name}, because there is no docker compose"
        );
        return;
    };
    let output = Command::new(client)
        .args(arguments)
        .arg("-f")
        .arg(file)
        .args(["config", "--quiet"])
        .env("IMAGES", "registry.example.com/envoy-cognito")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The ports of the containers, and the ports used for them here.
struct Ports(BTreeMap<u16, u16>);

impl Ports {
    fn free() -> Self {
        let containers = [8080, 9230, 9231, 9232, 9233];
        Self(containers.into_iter().zip(free_ports(containers.len())).collect())
    }

    /// A text of the compose file or of Envoy's configuration, changed to use this machine instead of the containers.
    fn here(&self, text: &str) -> String {
        let mut here = text.replace("0.0.0.0", "127.0.0.1").replace("${DEMO_PORT:-8080}", "8080");
        for (container, port) in &self.0 {
            for before in ["port_value: ", "127.0.0.1:", "localhost:"] {
                here = here.replace(&format!("{before}{container}"), &format!("{before}{port}"));
            }
            here = here.replace(&format!("envoy:{container}"), &format!("127.0.0.1:{port}"));
        }
        for name in ["app", "cognito"] {
            here = here.replace(&format!("address: {name},"), "address: 127.0.0.1,");
        }
        here
    }
}

/// Starts the command of a service.
fn start(service: &str, ports: &Ports, scratch: &Scratch) -> Supervised {
    let compose = document(COMPOSE);
    let command: Vec<String> =
        list(&compose["services"][service]["command"]).iter().map(|word| ports.here(text(word))).collect();
    let arguments: Vec<_> = command.iter().map(Into::into).collect();
    // The image has the program that its stage is named after.
    let stage = text(&compose["services"][service]["build"]["target"]);
    assert_eq!(in_stage(stage, "ENTRYPOINT"), [format!("[\"{stage}\"]")]);
    Supervised::start(&program(stage), &arguments, &[], scratch).unwrap()
}

#[test]
fn people_are_signed_in_by_what_docker_compose_starts() {
    let configuration =
        read("envoy/docker.yaml").replace("/etc/envoy/envoy_cognito.wasm", wasm().to_str().unwrap());
    assert_signs_in("envoy", &configuration, Options::default());
}

#[test]
fn people_are_signed_in_by_the_native_module_that_docker_compose_starts() {
    let modules = Scratch::new().unwrap();
    let name = format!("libenvoy_cognito-{}.so", env!("CARGO_PKG_VERSION"));
    fs::copy(module(), modules.path().join(name)).unwrap();
    let options = Options::default()
        .env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", modules.path().to_str().unwrap().to_owned());
    assert_signs_in("envoy-native", &read("envoy/docker-native.yaml"), options);
}

fn assert_signs_in(service: &str, configuration: &str, options: Options) {
    let (ports, scratches) = (Ports::free(), [Scratch::new().unwrap(), Scratch::new().unwrap()]);
    let mut cognito = start("cognito", &ports, &scratches[0]);
    let mut app = start("app", &ports, &scratches[1]);
    // The ports of the health checks.
    for port in [9230, 9231, 9232, 9233] {
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

    let compose = document(COMPOSE);
    let environment = compose["services"][service]["environment"].as_object().unwrap();
    let options = environment.iter().fold(options, |options, (name, value)| options.env(name, text(value)));
    let options = options.env("SESSION_KEY", session_key());
    let address = format!("http://localhost:{}", ports.0[&8080]);
    assert!(!app.printed().contains(&address), "there is nothing to open yet: {}", app.printed());
    let envoy = Envoy::start(&ports.here(configuration), &options);
    let said = format!("Open {address} and sign in as jsmith with the password The@Password.");
    let greeted = eventually(PATIENCE, || app.printed().contains(&said).then_some(()));
    assert!(greeted.is_some(), "{}", app.printed());
    // The address where others reach it, not the one where it listens in its container.
    assert!(cognito.printed().contains(&format!("domain http://127.0.0.1:{}", ports.0[&9230])));
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
    // As the first process of a container, neither receives a signal unless it installs a handler.
    for (name, mut service) in [("cognito", cognito), ("app", app)] {
        assert_eq!(service.stop().unwrap().code(), Some(0), "{name} ends when it is told to");
    }
}

#[test]
fn the_demo_stops_when_it_is_told_to() {
    for stage in ["stand-in", "sample-app"] {
        assert_eq!(in_stage(stage, "STOPSIGNAL"), ["SIGINT"]);
    }
}

/// The words of an instruction in a stage of an Envoy image.
fn words_of(stage: &str, instruction: &str) -> Vec<String> {
    let words: Value = serde_json::from_str(&in_stage(stage, instruction)[0]).unwrap();
    list(&words).iter().map(|word| text(word).to_owned()).collect()
}

/// The arguments that the image's entry point passes to Envoy: a fake `envoy` prints them. Returns the session key
/// and the arguments.
fn entered(own_key: Option<&str>, arguments: &[String]) -> (String, String) {
    let words = words_of("envoy", "ENTRYPOINT");
    assert_eq!(words, words_of("demo-native", "ENTRYPOINT"));
    let folder = Scratch::new().unwrap();
    let envoy = folder.path().join("envoy");
    fs::write(&envoy, "#!/bin/sh\nprintf '%s\\n' \"$SESSION_KEY\" \"$*\"\n").unwrap();
    fs::set_permissions(&envoy, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments).env("PATH", &path).env_remove("SESSION_KEY");
    command.envs(own_key.map(|key| ("SESSION_KEY", key)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let (key, arguments) = printed.split_once('\n').unwrap();
    (key.to_owned(), arguments.trim().to_owned())
}

fn session_key() -> String {
    assert_eq!(entered(Some("one's own"), &[]).0, "one's own");
    // Docker Compose passes an unset variable as an empty one.
    let key = entered(Some(""), &[]).0;
    assert_eq!(STANDARD.decode(&key).unwrap().len(), 32, "{key}");
    assert_ne!(key, entered(None, &[]).0, "a new one each time");
    key
}

#[test]
fn what_follows_the_name_of_the_image_goes_to_envoy() {
    let arguments = |given: &[&str]| {
        let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
        entered(None, &given).1
    };
    assert_eq!(arguments(&[]), "-c /etc/envoy/envoy.yaml");
    assert_eq!(arguments(&["--mode", "validate"]), "-c /etc/envoy/envoy.yaml --mode validate");
    assert_eq!(arguments(&["a b", "$HOME"]), "-c /etc/envoy/envoy.yaml a b $HOME");
}

#[test]
fn envoy_says_little_but_what_the_filter_says() {
    for (stage, lines) in [("envoy", "wasm:info"), ("demo-native", "dynamic_modules:info")] {
        let usual = words_of(stage, "CMD");
        assert_eq!(entered(None, &usual).1, format!("-c /etc/envoy/envoy.yaml {}", usual.join(" ")));
        let value = |name: &str| {
            let at =
                usual.iter().position(|word| word == name).unwrap_or_else(|| panic!("{name}: {usual:?}"));
            usual[at + 1].as_str()
        };
        assert_eq!((value("--log-level"), value("--component-log-level")), ("warning", lines));
        let workers: u32 = value("--concurrency").parse().unwrap();
        assert!((1..=4).contains(&workers), "each worker has the wasm filter once");
    }
}
