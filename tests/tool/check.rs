//! Configurations in files of their own.

use crate::{CLIENT_SECRET, File, SESSION_KEY, SHORT_KEY, check, good, run};

const FAULTY: &str = r#"user_pool_id: us-east-1_UFeMzbuJe
client_idd: x
domain: https://myapp.auth.us-east-1.amazoncognito.com
client_secret: "hunter2-and-so-on "
session:
  keys:
    - MDEyMzQ1Njc4OWFiY2RlZg==
  lifetime: 12 hours
rules:
  - { path: admin }
  - path: /x
    allow: some
"#;

#[test]
fn every_fault_is_said_at_once_with_its_place() {
    let outcome = check(FAULTY).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        [
            "1:1 client_id: is missing (for example 2jvuq8gkhfoh7u4fdfihiditj5)",
            "2:1 client_idd: unknown setting; did you mean `client_id`?",
            "3:9 domain: `https://myapp.auth.us-east-1.amazoncognito.com` has a scheme; write only the host, such as \
             myapp.auth.us-east-1.amazoncognito.com",
            "4:16 client_secret: contains white space, perhaps a line break at the end",
            "7:7 session.keys[0]: 16 bytes, 32 are needed",
            "8:13 session.lifetime: `12 hours` is not a valid duration; write 30s, 5m, 12h or 1h30m",
            "10:13 rules[0].path: `admin` must begin with a slash",
            "12:12 rules[1].allow: `some` is not one of everyone, optional, signed_in, nobody",
        ]
    );
    let document = outcome.json();
    assert_eq!(document["good"], false);
    assert_eq!(document["faults"][4]["file"], "<stdin>");
    assert_eq!(document["configurations"][0]["good"], false);
}

#[test]
fn people_see_the_line_and_no_secret_in_it() {
    let outcome = check(FAULTY).outcome().expect(1);
    for part in [
        "error: session.keys[0]: 16 bytes, 32 are needed\n",
        "--> <stdin>:7:7\n",
        "7 |     - ************************\n",
        "  |       ^^^^^^^^^^^^^^^^^^^^^^^^\n",
        "4 | client_secret: ********************\n",
        "12 |     allow: some\n",
        "8 errors, no warnings in 1 file\n",
    ] {
        assert!(outcome.out.contains(part), "{part}\nis missing in\n{}", outcome.out);
    }
}

#[test]
fn what_depends_on_an_address_or_on_the_pools_plan_is_pointed_out() {
    let with = |more: &str| check(&format!("{}{more}", good())).arguments(&["--json"]).outcome();
    let outcome = with(
        r#"roles: { map: [ { claim: email, from: "*@ops.example.com", to: operators }, { claim: "custom:unit", from: hr, to: payroll } ] }
rules:
  - { path: "/a/**", claims: { email: "*@acme.example" } }
  - { path: "/b/**", claims: { email: "*@acme.example", email_verified: true } }
  - { path: "/c/**", acr_any: ["urn:cognito:loa:4"], max_age: 15m }
  - { path: "/d/**", amr_any: [mfa, totp] }
"#,
    )
    .expect(0);
    let has = |kind: &str, parts: [&str; 2]| {
        let findings = outcome.findings(kind);
        assert!(
            findings.iter().any(|finding| parts.iter().all(|part| finding.contains(part))),
            "{parts:?}: {findings:?}"
        );
    };
    has("notes", ["roles.map[0].claim", "unverified"]);
    has("warnings", ["rules[0].claims.email", "email_verified: true"]);
    has("notes", ["rules[2].acr_any", "Lite plan"]);
    has("notes", ["rules[2].acr_any", "replica"]);
    has("notes", ["rules[3].amr_any", "Lite plan"]);
    has("warnings", ["rules[3].amr_any[1]", "never writes `totp`"]);
    assert_eq!(outcome.findings("warnings").len(), 2);
    let registration = &outcome.json()["configurations"][0]["registrations"][0];
    let read = registration["read_attributes"].to_string();
    assert!(read.contains("email_verified") && read.contains("custom:unit"), "{read}");
    let kept = registration["not_writable"].to_string();
    assert!(kept.contains("custom:unit") && !kept.contains("email"), "{kept}");
}

#[test]
fn a_secret_is_hidden_wherever_it_was_put() {
    let texts = [
        format!("{}client_secrett: {CLIENT_SECRET}\n", good()),
        format!("user_pool_id: x\nclient_id: \"\"\nsession: {{ key: {SESSION_KEY}, keys: {SESSION_KEY} }}\n"),
        format!(
            "{{\"user_pool_id\": 1, \"client_secret\": \"{CLIENT_SECRET}\", \"session\": {{\"keys\": [\"{SHORT_KEY}\"]}}}}"
        ),
        // An unparsable document has no tree that would show where a secret is.
        format!("user_pool_id: x\nclient_secret: {CLIENT_SECRET}: x\n"),
        format!("user_pool_id: x\nsession:\n  keys:\n    - {SESSION_KEY}: [\n"),
        format!("{{\"user_pool_id\": \"x\", \"client_secret\": \"{CLIENT_SECRET}\",}}"),
        format!("user_pool_id: x\nclient_secret:\n  @{CLIENT_SECRET}\n"),
        format!("user_pool_id: x\nclient_secret: x\nsession: {{ keys:\n  {CLIENT_SECRET} ]"),
        // If a name occurs twice, one of the values is in no tree.
        format!("user_pool_id: x\nsession: {{ keys: [], keyed: 1, keys: [ {CLIENT_SECRET} ] }}\n"),
        format!(
            "configuration:\n  '@type': type.googleapis.com/google.protobuf.StringValue\n  \
             value: '{{\"user_pool_id\": 1, \"client_secret\": \"x\", \"client_secret\": \"{CLIENT_SECRET}\"}}'\n"
        ),
        // A setting that has swallowed the next one.
        format!(
            "{}domain: |\n  x\n  client_secret: {CLIENT_SECRET}\n",
            good().replace("domain", "public_url")
        ),
        format!("user_pool_id: x\nclient_id: x {SESSION_KEY}\n"),
    ];
    for text in texts {
        let outcome = check(&text).outcome().expect(1);
        assert!(outcome.out.contains("error: "), "{}", outcome.out);
    }
}

#[test]
fn a_valid_configuration_is_called_good() {
    let file = File::new("good.yaml", &good());
    let outcome = run(&["check", file.path()]).outcome().expect(0);
    assert!(
        outcome.out.starts_with(&format!("good {}:1: plugin configuration\n", file.path())),
        "{}",
        outcome.out
    );
    assert!(outcome.out.ends_with("no errors, no warnings in 1 file\n"));
    assert_eq!(outcome.err, "");
}

#[test]
fn a_domain_of_another_region_than_the_pool_is_doubted() {
    let elsewhere = good().replace(".us-east-1.amazoncognito", ".eu-west-1.amazoncognito");
    let outcome = check(&elsewhere).arguments(&["--json"]).outcome().expect(0);
    assert_eq!(
        outcome.findings("warnings"),
        ["3:9 domain: the domain is in eu-west-1, but the user pool is in us-east-1"]
    );
    let custom = good().replace("myapp.auth.us-east-1.amazoncognito.com", "login.example.com");
    for text in [good(), custom, elsewhere.replace("us-east-1_UFeMzbuJe", "${POOL_ID}")] {
        let outcome = check(&text).arguments(&["--json", "--allow-unset"]).outcome().expect(0);
        assert_eq!(outcome.findings("warnings"), [""; 0], "{text}");
    }
}

#[test]
fn json_is_as_good_as_yaml() {
    let text = "{\n\t\"user_pool_id\": \"us-east-1_UFeMzbuJe\",\n\t\"client_id\": \"x y\",\n\t\"session\": {\"keys\": [7]}\n}\n";
    let file = File::new("plugin.json", text);
    let outcome = run(&["check", "--json", file.path()]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        [
            "1:1 domain: is missing (for example myapp.auth.us-east-1.amazoncognito.com)",
            "3:15 client_id: `x y` is not a valid app client id",
            "4:23 session.keys[0]: a number where text is needed",
        ]
    );
    let broken = File::new("broken.json", "{\n  \"user_pool_id\": \"x\",\n}\n");
    let outcome = run(&["check", "--json", broken.path()]).outcome().expect(1);
    assert_eq!(outcome.faults(), ["3:1 : not JSON: trailing comma"]);
}

#[test]
fn what_comes_twice_is_a_fault() {
    let yaml = format!("{}client_id: other\n", good());
    let outcome = check(&yaml).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(outcome.faults(), ["5:1 : `client_id` is set twice in one object"]);
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let escape = '\u{1b}';
    for run in [
        check(FAULTY),
        check(FAULTY).env("TERM", "xterm-256color"),
        check(FAULTY).arguments(&["--color", "never"]),
    ] {
        assert!(!run.outcome().out.contains(escape));
    }
    assert!(check(FAULTY).arguments(&["--color", "always"]).outcome().out.contains(escape));
    assert!(!check(FAULTY).env("NO_COLOR", "1").env("TERM", "xterm").outcome().out.contains(escape));
    // Programs never get colours.
    let outcome = check(FAULTY).arguments(&["--json", "--color=always"]).outcome();
    assert!(outcome.json()["faults"].is_array());
}

#[test]
fn what_cannot_be_checked_is_told_from_what_is_wrong() {
    let nothing = check("").outcome().expect(2);
    assert_eq!(
        (nothing.out.as_str(), nothing.err.as_str()),
        ("", "error: <stdin>: it contains no configuration of this filter\n")
    );
    for other in ["just words\n", "apiVersion: v1\nkind: Service\n", "x: [\n", "- 1\n", "{\"a\": 1}"] {
        let outcome = check(other).outcome().expect(2);
        assert!(
            outcome.err.contains("it contains no configuration of this filter"),
            "{other}: {}",
            outcome.err
        );
    }
    let missing = run(&["check", "/nowhere/at-all.yaml"]).outcome().expect(2);
    assert!(missing.err.contains("/nowhere/at-all.yaml: No such file"), "{}", missing.err);
    // An unreadable file doesn't keep the others from being checked.
    let file = File::new("beside.yaml", FAULTY);
    let outcome = run(&["check", file.path(), "/nowhere/at-all.yaml"]).outcome().expect(2);
    assert!(outcome.out.contains("client_idd") && outcome.err.contains("/nowhere"));
    let outcome = run(&["check", "--json", "/nowhere/at-all.yaml"]).outcome().expect(2);
    assert_eq!(outcome.json()["good"], false);
    assert!(outcome.json()["errors"][0].as_str().unwrap().contains("/nowhere"));
}

#[test]
fn a_file_without_a_configuration_is_fine_beside_one_that_has_it() {
    let (with, without) =
        (File::new("with.yaml", &good()), File::new("without.yaml", "apiVersion: v1\nkind: Service\n"));
    let outcome = run(&["check", with.path(), without.path()]).outcome().expect(0);
    assert!(outcome.err.starts_with("note: ") && outcome.err.contains("without.yaml"), "{}", outcome.err);
}

#[test]
fn aliases_and_anchors_are_followed() {
    let text = good() + "paths: &p { prefix: /x/ }\nroles: *p\n";
    let outcome = check(&text).arguments(&["--json"]).outcome().expect(1);
    let faults = outcome.faults();
    assert!(faults.iter().any(|fault| fault.starts_with("5:21 paths.prefix: ")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("roles.prefix: unknown setting")), "{faults:?}");
}

#[test]
fn cookies_for_frames_of_other_sites_are_checked_and_what_they_mean_is_said() {
    let of = |cookie: &str| {
        let keys = format!("keys: [ \"{SESSION_KEY}\" ]");
        check(&good().replace(&keys, &format!("{keys}, cookie: {cookie}")))
    };
    let outcome = of("{ partitioned: true }").arguments(&["--json"]).outcome().expect(1);
    let fault = "session.cookie.partitioned: requires `same_site: none`: no other cookie is sent in another site's frame";
    assert!(matches!(&outcome.faults()[..], [only] if only.ends_with(fault)), "{:?}", outcome.faults());
    let notes = |cookie: &str| {
        let outcome = of(cookie).arguments(&["--json", "--strict"]).outcome().expect(0);
        assert_eq!(outcome.findings("warnings"), [""; 0]);
        outcome.findings("notes")
    };
    let forged = "session.cookie.same_site: browsers send the session cookie with requests from other sites";
    let with = |notes: &[String], text: &str| notes.iter().any(|note| note.contains(text));
    let partitioned = notes("{ same_site: none, partitioned: true }");
    assert!(with(&partitioned, forged) && !with(&partitioned, "third-party cookies"), "{partitioned:?}");
    let unpartitioned = notes("{ same_site: none }");
    assert!(with(&unpartitioned, forged) && with(&unpartitioned, "third-party cookies"), "{unpartitioned:?}");
    assert!(!with(&notes("{ same_site: strict }"), forged));
    let unknown = of("{ same_site: \"${SITES}\", partitioned: true }");
    unknown.arguments(&["--allow-unset"]).outcome().expect(0);
}

#[test]
fn an_issuer_by_http_is_noted() {
    for (issuer, notes) in [
        ("http://cognito-local:9229/local_x", 1),
        ("http://localhost:9229/local_x", 0),
        ("https://cognito.example.com/local_x", 0),
    ] {
        let outcome = check(&format!("{}endpoints: {{ issuer: \"{issuer}\" }}\n", good()))
            .arguments(&["--json"])
            .outcome();
        let notes_of = outcome.expect(0).findings("notes");
        assert_eq!(notes_of.len(), notes, "{issuer}: {notes_of:?}");
        assert!(notes_of.iter().all(|note| note.contains("endpoints.issuer: is http")), "{notes_of:?}");
    }
}
