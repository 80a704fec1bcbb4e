//! `${NAME}`.

use crate::{CLIENT_SECRET, File, SESSION_KEY, SHORT_KEY, check, good, run};

fn with_variables() -> String {
    good().replace(SESSION_KEY, "${SESSION_KEY}").replace("2jvuq8gkhfoh7u4fdfihiditj5", "${CLIENT_ID}")
        + "client_secret: ${CLIENT_SECRET}\npublic_url: https://${HOST}\n"
}

#[test]
fn an_unset_variable_is_a_fault_that_names_it() {
    let outcome = check(&with_variables()).env("CLIENT_ID", "abc").arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        [
            "4:20 session.keys[0]: the environment variable SESSION_KEY is not set",
            "5:16 client_secret: the environment variable CLIENT_SECRET is not set",
            "6:13 public_url: the environment variable HOST is not set",
        ]
    );
}

#[test]
fn values_come_from_the_environment_and_are_checked() {
    let set = |key: &str| {
        check(&with_variables())
            .env("CLIENT_ID", "abc")
            .env("CLIENT_SECRET", CLIENT_SECRET)
            .env("HOST", "app.example.com")
            .env("SESSION_KEY", key)
    };
    let outcome = set(SESSION_KEY).outcome().expect(0);
    assert!(outcome.out.contains("https://app.example.com/.auth/callback"), "{}", outcome.out);
    let outcome = set(SHORT_KEY).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(outcome.faults(), ["4:20 session.keys[0]: 16 bytes, 32 are needed"]);
}

#[test]
fn values_come_from_files() {
    let file = File::new(
        "variables.env",
        &format!(
            "# for the check\nexport CLIENT_ID=from-file\nHOST=app.example.com\nCLIENT_SECRET={CLIENT_SECRET}\nSESSION_KEY={SESSION_KEY}\n"
        ),
    );
    let checked = |()| check(&with_variables()).arguments(&["--env-file", file.path()]);
    assert!(checked(()).outcome().expect(0).out.contains("client-id from-file"));
    let outcome = checked(()).env("CLIENT_ID", "from-environment").outcome().expect(0);
    assert!(outcome.out.contains("client-id from-environment"), "the environment wins: {}", outcome.out);
    let broken = File::new("broken.env", "A=1\nnot a pair\n");
    let outcome = run(&["check", "-", "--env-file", broken.path()]).outcome().expect(2);
    assert!(outcome.err.contains("broken.env:2: "), "{}", outcome.err);
}

#[test]
fn values_may_be_left_to_the_filter() {
    let outcome = check(&with_variables()).arguments(&["--allow-unset"]).outcome().expect(0);
    for part in [
        "note: <stdin>:4:20: session.keys[0]: the value of SESSION_KEY couldn't be checked: it isn't set here\n",
        "callback URLs        https://${HOST}/.auth/callback\n",
        "for the app client ${CLIENT_ID} of the user pool us-east-1_UFeMzbuJe:\n",
    ] {
        assert!(outcome.out.contains(part), "{part}\nis missing in\n{}", outcome.out);
    }
    assert!(!outcome.out.contains("standin"), "{}", outcome.out);
}

#[test]
fn what_is_known_is_checked_beside_what_is_not() {
    let text = with_variables() + "rules: [ { path: x } ]\nsession_: 1\n";
    let outcome = check(&text).arguments(&["--allow-unset", "--json"]).outcome().expect(1);
    let faults = outcome.faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("7:18 rules[0].path: "));
}

#[test]
fn nothing_is_wrong_with_a_value_that_nobody_knows() {
    // Each is in a place where only some texts are valid.
    let text = "
user_pool_id: ${A}
client_id: ${B}
domain: ${C}
scopes: [ openid, \"${D}\" ]
public_url: ${E}
endpoints: { issuer: \"${F}\", token: \"https://${G}/token\" }
paths: { prefix: \"${H}\", callback: \"${I}\" }
session:
  keys: [ \"${J}\", \"${K}\", \"${L}${M}\" ]
  cookie: { secure: false, same_site: \"${N}\" }
  lifetime: ${O}
  idle: ${P}m
roles: { attributes_from: \"${Q}\" }
headers: { preset: \"${R}\", forward_id_token: \"${S}\" }
rules:
  - { path: \"${T}\", hosts: [ \"${U}\" ], methods: [ \"${V}\" ], mode: \"${W}\" }
timeouts: { token: \"${X}\" }
pages: { accent: \"${Y}\", logo: \"${Z}\" }
";
    let outcome = check(text).arguments(&["--allow-unset", "--json"]).outcome().expect(0);
    assert_eq!(outcome.findings("notes").len(), 26);
    assert_eq!(outcome.findings("warnings"), [""; 0]);
}

#[test]
fn a_doubled_dollar_is_no_variable() {
    let text = good() + "pages: { title: \"$${NAME}\" }\n";
    check(&text).outcome().expect(0);
    let outcome =
        check(&(good() + "pages: { title: \"${NAME\" }\n")).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(outcome.faults(), ["5:17 pages.title: `${` without `}`; write `$${` for a literal one"]);
}

#[test]
fn a_secret_by_sds_is_left_to_envoy() {
    let config = good().replace(SESSION_KEY, "${sds:session-key}")
        + "client_secret: ${sds:client}\nsds: { client: { ads: {} } }\n";
    let outcome = check(&config).outcome().expect(0);
    assert!(!outcome.out.contains("couldn't be checked"), "{}", outcome.out);
    let unused = config.replace("${sds:client}", "a-secret-in-the-open");
    let outcome = check(&unused).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults().iter().map(|fault| fault.split_once(' ').unwrap().1).collect::<Vec<_>>(),
        ["sds.client: no setting refers to it as `${sds:client}`"]
    );
}

#[test]
fn the_wasm_filter_cannot_get_secrets_by_sds() {
    let filter = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../envoy/envoy.yaml"))
        .unwrap()
        .replace("${COGNITO_US_EAST_1_CLIENT_SECRET}", "${sds:client}");
    let outcome = check(&filter).arguments(&["--json"]).outcome().expect(1);
    let faults = outcome.faults();
    assert!(faults.len() == 1 && faults[0].contains("need the native module and Envoy 1.40"), "{faults:?}");
    let native =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../envoy/envoy-native.yaml"))
            .unwrap()
            .replace("${COGNITO_US_EAST_1_CLIENT_SECRET}", "${sds:client}");
    check(&native).outcome().expect(0);
}

#[test]
fn which_values_a_link_may_have_can_be_a_variable() {
    let text = good() + "sign_in_params: { login_hint: \"${HINT}\", lang: [de, \"${LANG_2}\"] }\n";
    check(&text).arguments(&["--allow-unset"]).outcome().expect(0);
    let known = |hint: &str| check(&text).env("HINT", hint).env("LANG_2", "en");
    known("any").outcome().expect(0);
    let outcome = known("some").arguments(&["--json"]).outcome().expect(1);
    assert_eq!(outcome.faults(), ["5:31 sign_in_params.login_hint: text where `any` or a list is needed"]);
}
