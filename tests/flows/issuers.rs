//! One pool, several issuers: both forms of its own, and those of its replicas. Nobody notices when the form changes.

use std::sync::Arc;
use std::time::Duration;

use envoy_cognito_core::crypto::seal::Binding;
use envoy_cognito_core::http::CalloutError;
use serde_json::{Value, json};

use crate::harness::{Answer, Endpoint, Harness, IDENTITY, Refreshing, upstream};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

const ORIGINAL: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
const UPDATED: &str = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
const REPLICA: &str = "https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_UFeMzbuJe";
const UPDATED_REPLICA: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/us-east-1_UFeMzbuJe";

/// A configuration with this issuer alone.
fn only(issuer: &str) -> Value {
    json!({"endpoints": {"issuer": issuer}})
}

/// An Envoy whose sessions are refreshed every hour.
fn refreshing(patch: Value) -> Harness {
    let mut harness = Harness::with(patch);
    harness.cognito.refreshing = Refreshing::Rotated;
    harness
}

/// Whether people can sign in with this issuer, whether a session can be refreshed with it, and whether its bearer
/// tokens are accepted.
fn accepts(patch: &Value, issuer: &str) -> [bool; 3] {
    let mut patch = patch.clone();
    patch["bearer"] = json!({"enabled": true});
    let mut harness = refreshing(patch);
    harness.signed_in();
    harness.cognito.issuer = Some(issuer.to_owned());
    let config = Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[0], &json!({}));
    let authorization = format!("Bearer {token}");
    let bearer = harness.bare_request("GET", "/", &[("authorization", &authorization)]).is_forwarded();
    harness.advance(HOUR);
    let refreshed = harness.get("/").is_forwarded();
    harness.jar = Default::default();
    let signed_in = harness.sign_in("/").status == 302;
    if !signed_in {
        assert!(harness.log().contains("event=sign_in.failed reason=id_token_issuer"), "{}", harness.log());
    }
    [signed_in, refreshed, bearer]
}

#[test]
fn both_issuers_of_the_pool_are_accepted_and_no_other() {
    for issuer in [ORIGINAL, UPDATED] {
        assert_eq!(accepts(&json!({}), issuer), [true; 3], "{issuer}");
    }
    for issuer in [
        REPLICA,
        UPDATED_REPLICA,
        "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Another",
        "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe/",
        "https://issuer.cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe",
        "http://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe",
    ] {
        assert_eq!(accepts(&json!({}), issuer), [false; 3], "{issuer}");
    }
}

#[test]
fn an_issuer_in_the_configuration_is_the_only_one() {
    for (configured, other) in
        [(ORIGINAL, UPDATED), (UPDATED, ORIGINAL), ("https://localhost/pool", ORIGINAL)]
    {
        assert_eq!(accepts(&only(configured), configured), [true; 3], "{configured}");
        assert_eq!(accepts(&only(configured), other), [false; 3], "{configured}: {other}");
    }
}

#[test]
fn a_replica_names_its_region_if_the_configuration_knows_it() {
    let replicas = json!({"replica_regions": ["eu-west-1"]});
    for issuer in [ORIGINAL, UPDATED, REPLICA, UPDATED_REPLICA] {
        assert_eq!(accepts(&replicas, issuer), [true; 3], "{issuer}");
    }
    let other = REPLICA.replace("eu-west-1", "eu-west-2");
    assert_eq!(accepts(&replicas, &other), [false; 3]);
}

#[test]
fn an_issuer_in_the_callback_may_have_either_form() {
    for (issuer, status) in [(ORIGINAL, 302), (UPDATED, 302), (REPLICA, 400)] {
        let mut harness = Harness::new();
        let location = harness.start("/");
        let callback = format!("{}&iss={issuer}", harness.authorize(&location));
        assert_eq!(harness.navigate(&callback).answered().status, status, "{issuer}");
    }
}

#[test]
fn a_pool_that_switches_signs_nobody_out_in_either_direction() {
    for (before, after) in [(ORIGINAL, UPDATED), (UPDATED, ORIGINAL)] {
        let mut harness = refreshing(json!({}));
        harness.cognito.issuer = Some(before.to_owned());
        harness.signed_in();
        let location = harness.start("/.auth/sign-in?return=/begun");
        let callback = harness.authorize(&location);
        harness.cognito.issuer = Some(after.to_owned());
        assert!(harness.is_signed_in(), "{after}");
        let landed = harness.navigate(&callback).answered();
        assert_eq!((landed.status, landed.header("location")), (302, Some("/begun")), "{after}");
        for _ in 0..3 {
            harness.advance(HOUR);
            let edits = harness.get("/").forwarded();
            assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"), "{after}: refreshed");
        }
        assert_eq!(harness.counted("refresh.completed"), 3);
    }
}

/// Every configuration that one pool may have while an operator rolls a change out.
fn configurations() -> [Value; 5] {
    [json!({}), only(ORIGINAL), only(UPDATED), only(REPLICA), json!({"replica_regions": ["eu-west-1"]})]
}

#[test]
fn envoys_with_different_configurations_share_sessions_and_sign_ins() {
    for one in configurations() {
        let mut harness = refreshing(one.clone());
        harness.signed_in();
        for other in configurations() {
            // An Envoy beside it, which shares no data with the first.
            let mut beside = refreshing(other.clone());
            std::mem::swap(&mut beside.jar, &mut harness.jar);
            assert!(beside.is_signed_in(), "{other} opens the session of {one}");
            let location = beside.start("/.auth/sign-in?return=/begun");
            let callback = beside.authorize(&location);
            std::mem::swap(&mut beside.jar, &mut harness.jar);
            std::mem::swap(&mut beside.cognito, &mut harness.cognito);
            let landed = harness.navigate(&callback).answered();
            assert_eq!(landed.status, 302, "{one} completes the sign-in that {other} began");
        }
    }
}

#[test]
fn sessions_of_earlier_versions_open_and_are_sealed_anew_at_the_next_refresh() {
    for issuer in [ORIGINAL, UPDATED] {
        let mut harness = refreshing(json!({}));
        harness.signed_in();
        let sealed = harness.jar.get(IDENTITY).unwrap().to_owned();
        // As a version did whose configuration had this issuer.
        seal_for(&mut harness, issuer);
        assert_eq!(harness.jar.get(IDENTITY) == Some(&*sealed), issuer == ORIGINAL, "{issuer}");
        for patch in [json!({}), only(issuer), only(ORIGINAL), json!({"replica_regions": ["eu-west-1"]})] {
            harness.reconfigure(patch.clone());
            assert!(harness.is_signed_in(), "{issuer} opens with {patch}");
        }
        harness.advance(HOUR);
        assert!(harness.get("/").is_forwarded(), "{issuer}: its refresh token opens too");
        harness.reconfigure(only(REPLICA));
        assert!(harness.is_signed_in(), "{issuer}: sealed anew");
    }
    // Another issuer was another pool, and still is.
    for issuer in [REPLICA, "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_Another"] {
        let mut harness = refreshing(json!({}));
        harness.signed_in();
        seal_for(&mut harness, issuer);
        assert!(!harness.is_signed_in(), "{issuer}");
    }
}

/// Seals the browser's cookies for another issuer, with the same key.
fn seal_for(harness: &mut Harness, issuer: &str) {
    let config = Arc::clone(&harness.config);
    let client = config.pools[0].cognito.client_id.as_bytes();
    let host = harness.authority.clone();
    let binding = |issuer: &str, name: &str| {
        let pool = Binding::new(&[b"envoy-cognito/2", b"", issuer.as_bytes(), client]);
        pool.and(&[host.as_bytes()]).and(&[name.as_bytes()])
    };
    for name in harness.jar.names("") {
        let sealed = harness.jar.get(&name).unwrap();
        let plain = config.keyring.open(&binding(ORIGINAL, &name), sealed.as_bytes()).expect("our own");
        if issuer != ORIGINAL {
            let sealed = config.keyring.seal(&binding(issuer, &name), &plain, &mut harness.entropy).unwrap();
            harness.jar.put(&name, &sealed);
        }
    }
}

#[test]
fn a_refresh_under_way_is_not_repeated_by_a_new_configuration() {
    let mut harness = refreshing(json!({}));
    harness.signed_in();
    harness.cognito.token = Answer::Held;
    harness.advance(HOUR);
    let _ = harness.get("/").parked();
    assert_eq!(harness.held(), 1);
    // Envoy replaces the listener. The refresh token can only be used once.
    harness.reconfigure(only(UPDATED));
    let _ = harness.get("/").parked();
    harness.settle();
    assert_eq!(harness.held(), 1, "the old listener's refresh is known");
}

fn key_calls(harness: &Harness) -> (usize, usize) {
    (harness.cognito.calls(Endpoint::Keys), harness.cognito.calls(Endpoint::SecondKeys))
}

#[test]
fn a_pool_that_has_not_switched_has_its_keys_at_the_original_host() {
    let mut harness = Harness::asleep(2, only(UPDATED));
    harness.cognito.keys = Answer::says(403, r#"{"message":"Forbidden"}"#);
    harness.settle();
    assert_eq!(key_calls(&harness), (1, 1), "two workers fetch once");
    assert_eq!(harness.counted("jwks.fetched"), 1);
    assert_eq!(harness.counted("jwks.failed"), 0);
    assert!(harness.log().contains("event=jwks.second_place status=403"), "{}", harness.log());
    for worker in [0, 1] {
        harness.worker = worker;
        harness.jar = Default::default();
        assert_eq!(harness.sign_in("/").status, 302, "worker {worker}");
    }
    // After the switch, the first place has them.
    harness.cognito.keys = Answer::Good;
    harness.advance(HOUR);
    assert_eq!(key_calls(&harness), (2, 1));
}

#[test]
fn a_key_set_url_at_the_updated_host_has_a_second_place_too() {
    let jwks = format!("{UPDATED}/.well-known/jwks.json");
    let mut harness = Harness::asleep(1, json!({"endpoints": {"jwks": jwks}, "clusters": {"api": "api"}}));
    harness.cognito.keys = Answer::says(403, "");
    harness.settle();
    assert_eq!(key_calls(&harness), (1, 1));
    harness.signed_in();
    let config = Arc::clone(&harness.config);
    let cognito = &config.pools[0].cognito;
    let second = cognito.endpoints.second_jwks.as_ref().unwrap();
    assert_eq!(second.url, format!("{ORIGINAL}/.well-known/jwks.json"));
    assert_eq!(second.authority, "cognito-idp.us-east-1.amazonaws.com");
}

#[test]
fn an_outage_is_no_reason_to_ask_elsewhere() {
    for outage in [Answer::says(500, ""), Answer::says(429, ""), Answer::Fails(CalloutError::TimedOut)] {
        let mut harness = Harness::asleep(1, only(UPDATED));
        harness.cognito.keys = outage.clone();
        harness.settle();
        assert_eq!(key_calls(&harness), (1, 0), "{outage:?}");
        assert_eq!(harness.counted("jwks.failed"), 1, "{outage:?}");
    }
}

#[test]
fn without_an_updated_issuer_there_is_no_second_place() {
    for patch in
        [json!({}), only(ORIGINAL), only("https://localhost/us-east-1_UFeMzbuJe"), only(UPDATED_REPLICA)]
    {
        let mut harness = Harness::asleep(1, patch.clone());
        harness.cognito.keys = Answer::says(403, "");
        harness.settle();
        assert_eq!(key_calls(&harness), (1, 0), "{patch}");
        assert_eq!(harness.counted("jwks.failed"), 1, "{patch}");
    }
}

#[test]
fn if_both_places_refuse_the_last_good_set_is_kept() {
    let mut harness = Harness::with(only(UPDATED));
    harness.cognito.keys = Answer::says(403, "");
    harness.cognito.second_keys = Answer::says(404, "");
    harness.advance(HOUR);
    assert_eq!(key_calls(&harness), (2, 1));
    assert_eq!(harness.counted("jwks.failed"), 1, "one fetch, one failure");
    assert_eq!(harness.sign_in("/").status, 302, "the keys of an hour ago");
    harness.advance(SECOND);
    assert_eq!(key_calls(&harness), (3, 2), "tried again like any other fetch");
}

#[test]
fn no_other_worker_fetches_while_the_second_place_is_asked() {
    let mut harness = Harness::asleep(2, only(UPDATED));
    harness.cognito.keys = Answer::Held;
    harness.cognito.second_keys = Answer::Held;
    harness.settle();
    harness.pass(4 * SECOND);
    harness.cognito.keys = Answer::says(403, "");
    harness.release();
    assert_eq!((key_calls(&harness), harness.held()), ((1, 1), 1));
    harness.pass(4 * SECOND);
    assert_eq!((key_calls(&harness), harness.held()), ((1, 1), 1), "longer than one call may take");
    harness.cognito.second_keys = Answer::Good;
    harness.release();
    assert_eq!(harness.sign_in("/").status, 302);
    assert_eq!(key_calls(&harness), (1, 1));
}

#[test]
fn get_user_is_called_through_its_own_cluster() {
    // The harness compares the cluster of each call.
    let scopes = json!(["openid", "aws.cognito.signin.user.admin"]);
    for clusters in [json!({}), json!({"idp": "issuer"}), json!({"idp": "issuer", "api": "api"})] {
        let roles = json!({"attributes_from": "get_user"});
        let mut harness = Harness::with(json!({"clusters": clusters, "roles": roles, "scopes": scopes}));
        harness.signed_in();
        assert_eq!(harness.cognito.calls(Endpoint::Attributes), 1, "{clusters}");
        let named = &harness.config.pools[0].cognito.clusters;
        let idp = clusters["idp"].as_str().unwrap_or("cognito_idp");
        assert_eq!((named.idp.as_str(), named.api.as_str()), (idp, clusters["api"].as_str().unwrap_or(idp)));
    }
}
