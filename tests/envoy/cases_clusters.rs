//! Cases of `docs/security-cases.md`: how Envoy connects to Cognito: with which certificates, through which cluster,
//! and with how long a response.

use std::str::FromStr as _;
use std::time::{Duration, Instant, SystemTime};

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, Scratch, Tls, free_ports, static_cluster};
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::signature::Keypair as _;
use serde_json::{Value, json};
use sha2::Sha256;
use stand_in::{Endpoint, Fault, Times};
use x509_cert::builder::{Builder as _, CertificateBuilder, Profile};
use x509_cert::der::EncodePem as _;
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::pkix::{SubjectAltName, name::GeneralName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

use crate::cases_keys::KEY;
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::world::{PASSWORD, Plan, SESSION_KEY, USER, filter, is_native, merged, plan, pool_id, world};

const DAY: Duration = Duration::from_secs(86_400);
/// The host of the user pool's domain in the shipped configuration, and the one used here.
const SHIPPED_HOST: &str = "myapp.auth.us-east-1.amazoncognito.com";
const HOST: &str = "login.example.test";

pub fn sites() -> Vec<(&'static str, Plan)> {
    vec![("case-keys-huge", plan(json!({}))), ("case-keys-long", plan(json!({})))]
}

/// A certificate in PEM for that name, or for an authority if there is none. All have the same key.
fn certificate(name: Option<&str>, issuer: &str, from: SystemTime, until: SystemTime) -> String {
    let signer = SigningKey::<Sha256>::new(KEY.clone());
    let public_key = signer.verifying_key().to_public_key_der().expect("a public key");
    let named = |name: &str| Name::from_str(&format!("CN={name}")).expect("a name");
    let leaf =
        Profile::Leaf { issuer: named(issuer), enable_key_agreement: false, enable_key_encipherment: false };
    let (profile, subject) =
        if name.is_some() { (leaf, named("Somebody")) } else { (Profile::Root, named(issuer)) };
    let time = |time: SystemTime| Time::try_from(time).expect("a time");
    let mut builder = CertificateBuilder::new(
        profile,
        SerialNumber::from(1_u32),
        Validity { not_before: time(from), not_after: time(until) },
        subject,
        SubjectPublicKeyInfoOwned::try_from(public_key.as_bytes()).expect("a public key"),
        &signer,
    )
    .expect("a builder");
    if let Some(name) = name {
        let name = GeneralName::DnsName(Ia5String::new(name).expect("ASCII"));
        builder.add_extension(&SubjectAltName(vec![name])).expect("a name");
    }
    builder.build::<Signature>().expect("a certificate").to_pem(LineEnding::LF).expect("PEM")
}

/// The TLS settings of the shipped cluster, for [`HOST`] and this authority.
fn shipped_tls(authority: &str) -> Value {
    let shipped: Value = yaml_serde::from_str(include_str!("../../envoy/envoy.yaml")).expect("YAML");
    let clusters = shipped["static_resources"]["clusters"].as_array().expect("clusters");
    let domain = clusters.iter().find(|cluster| cluster["name"] == "cognito_domain").expect("the domain's");
    let socket = domain["transport_socket"].to_string();
    assert!(socket.contains(SHIPPED_HOST));
    let mut socket: Value = serde_json::from_str(&socket.replace(SHIPPED_HOST, HOST)).expect("JSON");
    let trusted = socket.pointer_mut("/typed_config/common_tls_context/validation_context/trusted_ca");
    *trusted.expect("the trusted authorities") = json!({ "inline_string": authority });
    socket
}

#[test]
fn case_076_the_shipped_cluster_shows_nothing_to_whoever_has_no_good_certificate() {
    let now = SystemTime::now();
    let (before, after) = (now - DAY, now + DAY);
    let authority = certificate(None, "Trusted", now - 9 * DAY, after);
    let embedded = format!("{HOST}\0.evil.example");
    let shown = [
        ("good", certificate(Some(HOST), "Trusted", before, after), true),
        ("expired", certificate(Some(HOST), "Trusted", now - 2 * DAY, before), false),
        ("to-come", certificate(Some(HOST), "Trusted", after, after + DAY), false),
        ("other-name", certificate(Some("evil.example"), "Trusted", before, after), false),
        // Cognito's own certificate is one like this.
        ("wildcard", certificate(Some("*.example.test"), "Trusted", before, after), true),
        ("wider", certificate(Some("*.test"), "Trusted", before, after), false),
        (
            "longer-name",
            certificate(Some("login.example.test.evil.example"), "Trusted", before, after),
            false,
        ),
        ("nul", certificate(Some(&embedded), "Trusted", before, after), false),
        ("other-authority", certificate(Some(HOST), "Anybody", before, after), false),
    ];
    let own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let key = KEY.to_pkcs8_pem(LineEnding::LF).expect("a key").to_string();
    let ports = free_ports(2 * shown.len() + 1);
    let mut bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", own.app.addr())
        .cluster("cognito_plain", own.cognito().domain_addr())
        .cluster("cognito_idp", own.cognito().idp_addr());
    for (pair, (what, certificate, _)) in ports[1..].chunks(2).zip(&shown) {
        let tls = Tls { certificate: certificate.clone(), key: key.clone(), alpn: vec!["http/1.1".into()] };
        let front = Listener::new(pair[0], Filter::None).upstream("cognito_plain");
        let config = own.config(&json!({ "clusters": { "domain": format!("tls-{what}") } }));
        let socket = json!({ "transport_socket": shipped_tls(&authority) });
        bootstrap = bootstrap
            .listener(Listener { tls: Some(tls), name: format!("front-{what}"), ..front })
            .cluster_json(merged(
                static_cluster(&format!("tls-{what}"), ([127, 0, 0, 1], pair[0]).into()),
                socket,
            ))
            .listener(Listener::new(pair[1], Filter::Json(config)).env("SESSION_KEY", SESSION_KEY));
    }
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    for (pair, (what, _, good)) in ports[1..].chunks(2).zip(&shown) {
        let calls = own.cognito().calls(Endpoint::Token, NAME).len();
        let mut browser = Browser::new().route(ORIGIN, ([127, 0, 0, 1], pair[1]).into());
        let visit = browser.sign_in(&own.url("/json"), USER, PASSWORD);
        assert_eq!(visit.status(), if *good { 200 } else { 503 }, "{what}: {visit}\n{}", envoy.log());
        assert_eq!(browser.cookies(ORIGIN).is_empty(), !good, "{what}");
        let shown = own.cognito().calls(Endpoint::Token, NAME).len() - calls;
        assert_eq!(shown, usize::from(*good), "{what}: neither code nor secret is shown");
    }
}

#[test]
fn case_077_a_cluster_that_is_taken_away_while_envoy_runs_is_missed_at_once() {
    let own = Own::new(Wish { envoys: 0, ..Wish::default() });
    let folder = Scratch::new().expect("a folder");
    let path = folder.path().join("clusters.json");
    let write = |clusters: &[Value]| {
        let kind = json!({ "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
        let resources: Vec<Value> =
            clusters.iter().map(|cluster| merged(cluster.clone(), kind.clone())).collect();
        let new = folder.path().join("new.json");
        std::fs::write(&new, json!({ "resources": resources }).to_string()).expect("written");
        std::fs::rename(new, &path).expect("moved");
    };
    let ports = free_ports(2);
    write(&[static_cluster("cognito_domain", own.cognito().domain_addr())]);
    let listener = Listener::new(ports[1], Filter::Json(own.config(&Value::Null)));
    let bootstrap = Bootstrap::new(ports[0], filter())
        .cluster("app", own.app.addr())
        .cluster("cognito_idp", own.cognito().idp_addr())
        .listener(listener.env("SESSION_KEY", SESSION_KEY))
        .with(json!({
            "node": { "id": "test", "cluster": "test" },
            "dynamic_resources": { "cds_config": { "path_config_source": { "path": path } } },
        }));
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    let browser = || Browser::new().route(ORIGIN, ([127, 0, 0, 1], ports[1]).into());
    let mut known = browser();
    assert_eq!(known.sign_in(&own.url("/json"), USER, PASSWORD).status(), 200, "{}", envoy.log());
    write(&[]);
    let gone =
        rig::eventually(rig::PATIENCE, || (envoy.stat("cluster_manager.cluster_removed") > 0).then_some(()));
    assert!(gone.is_some(), "{}", envoy.log());
    let mut stranger = browser();
    let start = stranger.step(&own.url("/json"));
    let callback = crate::world::callback_of(start.location().expect("a location"));
    let asked = Instant::now();
    let page = stranger.step(&callback);
    assert_eq!(page.status, 503, "{page:?}");
    assert!(asked.elapsed() < Duration::from_secs(30), "no time-out is waited for: {:?}", asked.elapsed());
    assert!(envoy.log_line("reason=cluster_missing").is_some(), "{}", envoy.log());
    assert_eq!(known.fetch(&own.url("/json")).status, 200, "who is signed in doesn't notice");
    assert_eq!(known.navigate(&own.url("/.auth/sign-out")).status(), 200, "and can sign out");
    write(&[static_cluster("cognito_domain", own.cognito().domain_addr())]);
    let back = rig::eventually(rig::PATIENCE, || {
        (browser().sign_in(&own.url("/json"), USER, PASSWORD).status() == 200).then_some(())
    });
    assert!(back.is_some(), "{}", envoy.log());
    assert!(!envoy.log().contains("panicked"), "{}", envoy.log());
}

#[test]
fn case_068_a_key_set_without_end_never_replaces_a_good_one() {
    let long =
        format!(r#"{{"keys":[{}{{}}]}}"#, r#"{"kty":"RSA","kid":"x","n":"AQAB","e":"AQAB"},"#.repeat(10_000));
    let long = Fault::Body { status: 200, content_type: "application/json".into(), body: long };
    // Envoy itself rejects 50 MB; the filter rejects what Envoy lets through. Envoy tells a wasm filter only that no
    // response came, and a native module that it is too large.
    let huge = if is_native() { "reason=too_large" } else { "reason=broken_off" };
    for (name, fault, reason) in
        [("case-keys-huge", Fault::Huge, huge), ("case-keys-long", long, "reason=too_large")]
    {
        let lines = || {
            let log = world().envoy.log();
            log.lines().filter(|line| line.contains("event=jwks.failed") && line.contains(reason)).count()
        };
        let logged = lines();
        let site = world().site(name);
        site.signed_in();
        let pool = pool_id(name);
        let before = world().cognito.calls(Endpoint::Jwks, &pool).len();
        world().cognito.fault(Endpoint::Jwks, &pool, fault, Times::Always);
        // An unknown key causes a fetch.
        world().cognito.fault(Endpoint::Token, name, Fault::UnknownKid, Times::Next(1));
        assert_eq!(site.browser().sign_in(&site.url("/"), USER, PASSWORD).status(), 401, "{name}");
        assert!(world().cognito.calls(Endpoint::Jwks, &pool).len() > before, "{name}");
        assert!(rig::eventually(rig::PATIENCE, || (lines() > logged).then_some(())).is_some(), "{name}");
        site.signed_in();
        assert!(world().envoy.alive() && !world().envoy.log().contains("panicked"), "{name}");
    }
}
