//! The Envoy configuration that the command writes, in a real Envoy.

use std::path::{Path, PathBuf};

use rig::{Envoy, Options, Scratch};

use crate::documents::{CLUSTERS, envoy, settings};
use crate::{SESSION_KEY, check, run};

/// The built filter.
fn wasm() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/wasm32-wasip1/release/envoy_cognito.wasm");
    let path = std::env::var_os("ENVOY_COGNITO_WASM").map_or_else(|| PathBuf::from(built), PathBuf::from);
    assert!(path.exists(), "the filter isn't built: run `make test`, which builds it first");
    path
}

const NEEDED: [&str; 9] = [
    "envoy",
    "--user-pool-id",
    "us-east-1_UFeMzbuJe",
    "--client-id",
    "2jvuq8gkhfoh7u4fdfihiditj5",
    "--domain",
    "myapp.auth.us-east-1.amazoncognito.com",
    "--upstream",
    "127.0.0.1:9000",
];

#[track_caller]
fn assert_good(arguments: &[&str]) -> String {
    let wasm = wasm();
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/authority.pem");
    let written = run(&NEEDED)
        .arguments(&["--wasm", wasm.to_str().unwrap(), "--ca", tls])
        .arguments(arguments)
        .outcome()
        .expect(0)
        .out;
    let checked = check(&written).arguments(&["--json"]).outcome().expect(0);
    assert_eq!(checked.findings("warnings"), [""; 0]);
    let options = Options::default()
        .env("SESSION_KEY", SESSION_KEY)
        .env("MY_KEY", SESSION_KEY)
        .env("MY_SECRET", "an-app-clients-secret");
    Envoy::validate(&written, &options).unwrap_or_else(|error| panic!("{error}\n{written}"));
    written
}

#[test]
fn the_required_arguments_are_enough() {
    let written = assert_good(&[]);
    assert!(written.contains("address: \"0.0.0.0\", port_value: 8080"), "{written}");
}

#[test]
fn all_arguments_work_together() {
    let written = assert_good(&[
        "--public-url=https://app.example.com",
        "--listen=[::1]:8443",
        "--admin=127.0.0.1:9902",
        "--client-secret-env=MY_SECRET",
        "--session-key-env=MY_KEY",
        "--trusted-hops=1",
        "--open=/healthz",
        "--open=/public/**",
    ]);
    for part in
        ["xff_num_trusted_hops: 1", "https://app.example.com/.auth/callback", "client_secret: ${MY_SECRET}"]
    {
        assert!(written.contains(part), "{part}: {written}");
    }
}

/// The built native module.
fn module() -> String {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/native/libenvoy_cognito.so");
    assert!(Path::new(built).exists(), "the native module isn't built: run `make build-native`");
    built.to_owned()
}

#[test]
fn the_native_module_can_be_chosen() {
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/authority.pem");
    let name = concat!("envoy_cognito-", env!("CARGO_PKG_VERSION"));
    let folder = Scratch::new().unwrap();
    std::fs::copy(module(), folder.path().join(format!("lib{name}.so"))).unwrap();
    let options = Options::default()
        .env("SESSION_KEY", SESSION_KEY)
        .env("MY_SECRET", "an-app-clients-secret")
        .env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder.path().to_str().unwrap().to_owned());
    for (module, part) in [
        (None, format!("name: {name}\n")),
        (
            Some(name.to_owned()),
            format!("Put lib{name}.so into the folder that ENVOY_DYNAMIC_MODULES_SEARCH_PATH"),
        ),
        (Some(module()), "module: { local: { filename: ".to_owned()),
    ] {
        let module = module.iter().flat_map(|module| ["--module", module.as_str()]);
        let written = run(&NEEDED)
            .arguments(&["--native", "--ca", tls, "--client-secret-env=MY_SECRET", "--open=/healthz"])
            .arguments(&module.collect::<Vec<_>>())
            .outcome()
            .expect(0)
            .out;
        assert!(written.contains(&part), "{part}: {written}");
        check(&written).arguments(&["--strict"]).outcome().expect(0);
        Envoy::validate(&written, &options).unwrap_or_else(|error| panic!("{error}\n{written}"));
    }
    run(&NEEDED).arguments(&["--module", "x"]).outcome().expect(2);
    run(&NEEDED).arguments(&["--native", "--wasm", "x"]).outcome().expect(2);
}

#[test]
fn localhost_needs_no_tls() {
    let written = assert_good(&["--public-url", "http://localhost:8080"]);
    assert!(written.contains("cookie: { secure: false }"));
}

#[test]
fn tls_can_end_in_envoy() {
    let written = run(&NEEDED)
        .arguments(&["--tls-cert", "/etc/tls/cert.pem", "--tls-key", "/etc/tls/key.pem"])
        .outcome()
        .expect(0)
        .out;
    let tree: serde_json::Value = yaml_serde::from_str(&written).unwrap();
    let socket = &tree["static_resources"]["listeners"][0]["filter_chains"][0]["transport_socket"];
    let pair = &socket["typed_config"]["common_tls_context"]["tls_certificates"][0];
    assert_eq!(pair["certificate_chain"]["filename"], "/etc/tls/cert.pem");
    assert_eq!(pair["private_key"]["filename"], "/etc/tls/key.pem");
    run(&NEEDED).arguments(&["--tls-cert", "x"]).outcome().expect(2);
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_by_their_names() {
    let outcome = run(&[
        "envoy",
        "--user-pool-id",
        "x",
        "--client-id",
        "a b",
        "--domain",
        "https://x",
        "--upstream",
        "app",
        "--listen",
        "app:80",
        "--session-key-env",
        "A-B",
        "--open",
        "x",
    ])
    .outcome()
    .expect(2);
    for part in [
        "--user-pool-id: `x` is not a valid pool id",
        "--client-id: `a b` is not a valid app client id",
        "--domain: `https://x` has a scheme",
        "--upstream: `app` is not a valid HOST:PORT, such as app.internal:8000",
        "--listen: `app` is not an IP address",
        "`A-B` is not a valid name of an environment variable",
        "--open: `x` must begin with a slash",
    ] {
        assert!(outcome.err.contains(part), "{part}\nis missing in\n{}", outcome.err);
    }
    assert_eq!(outcome.out, "");
}

#[test]
fn the_secret_and_the_key_need_different_variables() {
    let outcome = run(&NEEDED).arguments(&["--client-secret-env", "SESSION_KEY"]).outcome().expect(2);
    assert!(outcome.err.contains("`SESSION_KEY` can't hold both"), "{}", outcome.err);
}

#[test]
fn a_variable_in_an_argument_stays_text() {
    let written = run(&NEEDED).arguments(&["--open", "/${HOME}/**"]).outcome().expect(0).out;
    assert!(written.contains(r#"path: "/$${HOME}/**""#), "{written}");
}

/// The command reports the same about a scalar as the filter does when a real Envoy has read it.
#[test]
fn envoy_reads_yaml_like_the_command() {
    let odd = "pages: { title: x }
scopes: [ openid, on, y, Yes, 0x1F, 010, 08, ~, Null, 1e3, TRUE, tRue, .5, \"12\", !!str 13, 2020-01-01, 0o17 ]
roles: { separator: !!int , claims: [ 1_000, +5, -7, n, N, NO, oN, 4294967296, 2147483647, off ] }
authorize_params: { lang: 1.5, prompt: yes, <<: { login_hint: x } }
";
    let text = envoy(&(settings() + odd), CLUSTERS)
        .replace("failure_policy: FAIL_RELOAD\n", "failure_policy: FAIL_CLOSED\n")
        .replace(
            "                        vm_config:\n",
            &format!(
                "                        vm_config:\n                          runtime: envoy.wasm.runtime.v8\n                          code: {{ local: {{ filename: {} }} }}\n",
                wasm().display()
            ),
        );
    let ours = check(&text).env("CLIENT_ID", "abc").arguments(&["--json"]).outcome().expect(1);
    // The parts that Envoy requires around the filter.
    let whole = text
        .replace(
            "              typed_config:\n                http_filters:",
            "              typed_config:\n                \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n                stat_prefix: x\n                route_config: {}\n                http_filters:",
        )
        .replace(
            "- name: envoy.filters.http.router\n",
            "- name: envoy.filters.http.router\n                    typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }\n",
        )
        .replace(
            "    - name: app\n      filter_chains:",
            "    - name: app\n      address: { socket_address: { address: 127.0.0.1, port_value: 1 } }\n      filter_chains:",
        );
    let whole = whole.split("  clusters:\n").next().unwrap().to_owned();
    let said = Envoy::validate(&whole, &Options::default().env("CLIENT_ID", "abc")).unwrap_err();
    let mut theirs: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_once("envoy_cognito configuration: "))
        .map(|(_, fault)| fault)
        .collect();
    theirs.sort_unstable();
    let of_filter = ours.faults();
    let mut ours: Vec<&str> = of_filter.iter().map(|fault| fault.split_once(' ').unwrap().1).collect();
    ours.sort_unstable();
    assert!(theirs.len() > 10, "{said}");
    assert_eq!(ours, theirs);
}
