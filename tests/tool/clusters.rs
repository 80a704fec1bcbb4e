//! The clusters of a bootstrap, compared with those that the filter needs.

use crate::check;
use crate::documents::{CLUSTERS, envoy, settings};

/// The errors and warnings for a bootstrap with these clusters, without their long paths.
#[track_caller]
fn found(clusters: &str) -> (Vec<String>, Vec<String>) {
    let outcome = check(&envoy(&settings(), clusters)).arguments(&["--json"]).outcome();
    let short = |kind| {
        let all = outcome.findings(kind).into_iter();
        all.map(|finding| finding.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    (short("faults"), short("warnings"))
}

#[test]
fn a_cluster_that_is_missing_is_a_fault() {
    let (faults, _) = found("");
    assert_eq!(
        faults,
        [
            "the cluster `cognito_domain` is missing; the filter calls it for the tokens and revocation",
            "the cluster `cognito_idp` is missing; the filter calls it for the key set",
        ]
    );
    // Unless they may be added while Envoy runs.
    let (faults, warnings) = found("dynamic_resources: { cds_config: { ads: {} } }\n");
    assert_eq!((faults.len(), warnings.len()), (0, 2));
}

#[test]
fn the_cluster_of_a_deny_list_must_be_there_at_any_address() {
    let list = "revocations: { cluster: lists, path: /revoked.json }\n";
    let text = envoy(&(settings() + list), CLUSTERS);
    let outcome = check(&text).arguments(&["--json"]).outcome().expect(1);
    let missing = "the cluster `lists` is missing; the filter calls it for the deny list";
    assert!(outcome.faults().iter().all(|fault| fault.contains(missing)), "{:?}", outcome.faults());
    let faulty = check(&text.replace("domain:", "domian:")).arguments(&["--json"]).outcome().expect(1);
    assert!(faulty.faults().iter().any(|fault| fault.contains("the cluster `lists` is missing")));
    let address = "{ endpoint: { address: { socket_address: { address: 10.0.0.1, port_value: 80 } } } }";
    let endpoints = format!("load_assignment: {{ endpoints: [ {{ lb_endpoints: [ {address} ] }} ] }}");
    let there = format!("{}\n    - name: lists\n      {endpoints}\n", CLUSTERS.trim_end());
    let outcome = check(&envoy(&(settings() + list), &there)).outcome().expect(0);
    assert!(
        outcome.out.contains("lists           any address, Host lists  (deny list)\n"),
        "{}",
        outcome.out
    );
}

#[test]
fn a_missing_cluster_is_reported_beside_other_errors() {
    let text = envoy(&settings().replace("domain:", "domian:"), "");
    let faults = check(&text).arguments(&["--json"]).outcome().expect(1).faults();
    let missing =
        |name| faults.iter().any(|fault| fault.contains(&format!("the cluster `{name}` is missing")));
    assert!(missing("cognito_domain") && missing("cognito_idp"), "{faults:?}");
}

#[test]
fn a_cluster_that_leads_elsewhere_is_a_fault() {
    let (faults, _) = found(&CLUSTERS.replace("cognito-idp.us-east-1", "cognito-idp.eu-west-1"));
    assert_eq!(
        faults,
        [
            "`cognito_idp` connects to cognito-idp.eu-west-1.amazonaws.com, but the filter needs cognito-idp.us-east-1.amazonaws.com",
            "the SNI of `cognito_idp` is cognito-idp.eu-west-1.amazonaws.com, but the filter needs cognito-idp.us-east-1.amazonaws.com",
        ]
    );
    let (faults, _) = found(&CLUSTERS.replacen("port_value: 443", "port_value: 80", 1));
    assert_eq!(faults, ["`cognito_domain` connects to port 80, but the filter needs 443"]);
    // Through a private endpoint; TLS checks the right name.
    let (faults, warnings) = found(
        &CLUSTERS.replace("address: cognito-idp.us-east-1.amazonaws.com", "address: vpce-1.example.com"),
    );
    assert_eq!((faults.len(), warnings.len()), (0, 1), "{warnings:?}");
}

#[test]
fn a_cluster_must_verify_certificates() {
    let (faults, _) = found(&CLUSTERS.replacen("trusted_ca:", "x:", 1));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("`cognito_domain` accepts any certificate"), "{faults:?}");
    let (faults, warnings) = found(&CLUSTERS.replacen("match_typed_subject_alt_names:", "x:", 1));
    assert_eq!(faults.len(), 0);
    assert_eq!(warnings, ["`cognito_domain` accepts a valid certificate of any host"]);
    let (_, warnings) = found(&CLUSTERS.replacen("sni:", "x:", 1));
    assert!(warnings[0].starts_with("`cognito_domain` sends no SNI"), "{warnings:?}");
    let (faults, _) = found(&CLUSTERS.replace("transport_socket:", "x:"));
    assert_eq!(faults.len(), 2);
    assert!(faults[1].starts_with("`cognito_idp` uses plain text"), "{faults:?}");
}

#[test]
fn an_endpoint_without_tls_needs_a_cluster_without_tls() {
    let local = settings()
        + "endpoints: { token: http://localhost:9230/oauth2/token, revoke: http://localhost:9230/oauth2/revoke }\n";
    let text = envoy(&local, CLUSTERS);
    let outcome = check(&text).arguments(&["--json"]).outcome().expect(1);
    let faults = outcome.faults();
    assert!(
        faults.iter().any(|fault| fault.contains("uses TLS, but the endpoint's URL is http")),
        "{faults:?}"
    );
}

#[test]
fn pools_of_two_regions_need_clusters_of_their_own() {
    let pools = "pools:
  - { name: us, user_pool_id: us-east-1_UFeMzbuJe, client_id: \"${CLIENT_ID}\", domain: myapp.auth.us-east-1.amazoncognito.com }
  - { name: eu, user_pool_id: eu-west-1_aBcDeFgHi, client_id: b, domain: myapp.auth.us-east-1.amazoncognito.com }
session: { keys: [ \"${SESSION_KEY}\" ] }
";
    let outcome = check(&envoy(pools, CLUSTERS)).arguments(&["--json"]).outcome().expect(1);
    let faults = outcome.faults();
    assert!(faults[0].ends_with("connects to cognito-idp.us-east-1.amazonaws.com, but the filter needs cognito-idp.eu-west-1.amazonaws.com"), "{faults:?}");
}

/// Two clusters in place of `cognito_idp`: `cognito_issuer` for the updated issuer's host, and `cognito_idp` for the API.
fn with_issuer_cluster() -> String {
    let (before, idp) = CLUSTERS.split_once("    - name: cognito_idp").unwrap();
    let idp = format!("    - name: cognito_idp{idp}");
    let issuer =
        idp.replace("cognito_idp", "cognito_issuer").replace("cognito-idp.us", "issuer-cognito-idp.us");
    format!("{before}{idp}{issuer}")
}

const UPDATED: &str = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";

fn checked(more: &str, clusters: &str) -> [Vec<String>; 3] {
    let text = envoy(&(settings() + more), clusters);
    let outcome = check(&text).arguments(&["--json"]).outcome();
    // The tests set no variables.
    let about_client = |finding: &String| !finding.contains("the value of CLIENT_ID couldn't be checked");
    ["faults", "warnings", "notes"]
        .map(|kind| outcome.findings(kind).into_iter().filter(about_client).collect())
}

#[test]
fn key_set_and_api_of_an_updated_issuer_need_two_clusters() {
    let get_user = "scopes: [openid, aws.cognito.signin.user.admin]\nroles: { attributes_from: get_user }\n";
    let jwks = format!("endpoints: {{ jwks: \"{UPDATED}/.well-known/jwks.json\" }}\n");
    // Both issuers are accepted, and the original host has key set and API.
    let [faults, warnings, notes] = checked(get_user, CLUSTERS);
    assert_eq!((faults.len(), warnings.len(), notes.len()), (0, 0, 0), "{faults:?} {warnings:?} {notes:?}");
    // One cluster can't connect to both hosts, whichever it connects to.
    let issuer_only = CLUSTERS.replace("cognito-idp.us", "issuer-cognito-idp.us");
    for clusters in [CLUSTERS, &issuer_only] {
        let [faults, ..] = checked(&format!("{get_user}{jwks}"), clusters);
        let two = "the cluster `cognito_idp` can't connect to two hosts: to issuer-cognito-idp.us-east-1.amazonaws.com for the \
                   key set, and to cognito-idp.us-east-1.amazonaws.com for the GetUser";
        assert!(faults.iter().any(|fault| fault.contains(two)), "{faults:?}");
    }
    let own = format!("{get_user}{jwks}clusters: {{ idp: cognito_issuer, api: cognito_idp }}\n");
    let [faults, warnings, notes] = checked(&own, &with_issuer_cluster());
    assert_eq!((faults.len(), warnings.len(), notes.len()), (0, 0, 0), "{faults:?} {warnings:?} {notes:?}");
    // The wrong way round.
    let swapped = format!("{get_user}{jwks}clusters: {{ idp: cognito_idp, api: cognito_issuer }}\n");
    let [faults, ..] = checked(&swapped, &with_issuer_cluster());
    for part in [
        "`cognito_idp` connects to cognito-idp.us-east-1.amazonaws.com, but the filter needs issuer-cognito-idp",
        "`cognito_issuer` connects to issuer-cognito-idp.us-east-1.amazonaws.com, but the filter needs cognito-idp",
    ] {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:?}");
    }
    let missing = format!("{get_user}{jwks}clusters: {{ api: cognito_api }}\n");
    let [faults, ..] = checked(&missing, CLUSTERS);
    assert!(faults.iter().any(|fault| fault.contains("the cluster `cognito_api` is missing")), "{faults:?}");
}

#[test]
fn a_pool_that_may_not_have_switched_needs_the_original_host() {
    let jwks = format!("endpoints: {{ jwks: \"{UPDATED}/.well-known/jwks.json\" }}\n");
    let issuer_only = CLUSTERS.replace("cognito-idp.us", "issuer-cognito-idp.us");
    let [faults, _, notes] = checked(&jwks, &issuer_only);
    assert_eq!(faults.len(), 0, "{faults:?}");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("clusters.api: isn't set: the host of the updated issuer has no key set"),
        "{notes:?}"
    );
    let [faults, _, notes] = checked(
        &format!("{jwks}clusters: {{ idp: cognito_issuer, api: cognito_idp }}\n"),
        &with_issuer_cluster(),
    );
    assert_eq!((faults.len(), notes.len()), (0, 0), "{faults:?} {notes:?}");
}

#[test]
fn an_issuer_that_would_be_accepted_anyway_is_noted() {
    let [faults, _, notes] = checked(
        "endpoints: { issuer: https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe }\n",
        CLUSTERS,
    );
    assert_eq!(faults.len(), 0, "{faults:?}");
    assert!(notes[0].contains("endpoints.issuer: accepts only https://cognito-idp.us-east-1"), "{notes:?}");
}
