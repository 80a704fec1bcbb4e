//! One pool, several issuers, in a real Envoy: the stand-in names itself as real pools do, and switches while people are
//! signed in. The stand-in has the hosts of both issuers, and tells them apart by `Host`.

use std::time::Duration;

use rig::{Browser, RawRequest};
use serde_json::{Value, json};
use stand_in::{Client, Endpoint, IssuerType};

use crate::aged::OVER;
use crate::bearer::{tokens, with};
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::world::{CLIENT_SECRET, PASSWORD, USER, header, pool_id};

const ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// An issuer of the test's pool.
fn issuer(host: &str) -> String {
    format!("https://{host}.us-east-1.amazonaws.com/{}", pool_id(NAME))
}

/// Nothing in the configuration says which issuer the pool has.
fn own(more: Value, envoys: usize) -> Own {
    let config = crate::world::merged(
        json!({ "endpoints": { "issuer": null, "api": null }, "bearer": { "enabled": true } }),
        more,
    );
    let own = Own::new(Wish { config, envoys, workers: 1, ..Wish::default() });
    own.cognito().switch_issuer(&pool_id(NAME), IssuerType::Original, None);
    own
}

/// Whether the app knows who is asking, through this Envoy.
#[track_caller]
fn assert_signed_in(own: &Own, browser: &mut Browser, what: &str) {
    let response = browser.fetch(&own.url("/json"));
    assert_eq!(response.status, 200, "{what}: {response:?}\n{}", own.envoys[0].log());
    assert_eq!(header(&response.json(), "x-auth-user"), Some(USER), "{what}");
}

/// Lets the session's tokens expire, so that the next request needs a refresh.
#[track_caller]
fn assert_refreshed(own: &Own, browser: &mut Browser, what: &str) {
    let before = own.cognito().calls(Endpoint::Token, NAME).len();
    // By less each time: an older session than the one that was refreshed last would get that refresh's result.
    let less = u32::try_from(before).expect("few calls");
    own.age(browser, OVER + Duration::from_secs(10) * (30 - less));
    assert_signed_in(own, browser, what);
    assert_eq!(own.cognito().calls(Endpoint::Token, NAME).len(), before + 1, "{what}");
    // Not just served with the old identity.
    let log = own.envoys.iter().map(rig::Envoy::log).collect::<String>();
    assert!(!log.contains("event=refresh.failed"), "{what}: {log}");
    assert_signed_in(own, browser, what);
}

#[track_caller]
fn assert_signs_in(own: &Own, index: usize, what: &str) -> Browser {
    let mut browser = Browser::new().route(ORIGIN, own.addr(index));
    let visit = browser.sign_in(&own.url("/"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{what}: {visit}\n{}", own.envoys[index].log());
    browser
}

#[track_caller]
fn assert_bearer(own: &Own, status: u16) {
    let scope = "openid aws.cognito.signin.user.admin";
    let tokens = tokens(own.cognito(), NAME, Some(CLIENT_SECRET), NAME, scope);
    let token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(own.send(0, with(token, "/json")).status, status, "{}", own.envoys[0].log());
}

#[test]
fn a_pool_that_switches_signs_nobody_out() {
    let own = own(json!({}), 1);
    let id = pool_id(NAME);
    let mut browser = assert_signs_in(&own, 0, "before");
    for kind in [IssuerType::Updated, IssuerType::Original] {
        own.cognito().switch_issuer(&id, kind, None);
        assert_signed_in(&own, &mut browser, "with tokens from before the switch");
        assert_refreshed(&own, &mut browser, "refreshed after the switch");
        assert_signs_in(&own, 0, "after the switch");
        assert_bearer(&own, 200);
    }
    own.cognito().switch_issuer(&id, IssuerType::Original, Some("eu-west-1"));
    assert_bearer(&own, 401);
    assert!(own.envoys[0].log_line("reason=issuer").is_some(), "a replica that nobody configured");
}

#[test]
fn a_replica_that_the_configuration_names_is_the_pool() {
    let own = own(json!({ "replica_regions": ["eu-west-1"] }), 1);
    let mut browser = assert_signs_in(&own, 0, "in the first Region");
    for kind in [IssuerType::Original, IssuerType::Updated] {
        own.cognito().switch_issuer(&pool_id(NAME), kind, Some("eu-west-1"));
        assert_refreshed(&own, &mut browser, "by the replica");
        assert_signs_in(&own, 0, "by the replica");
        assert_bearer(&own, 200);
    }
}

#[test]
fn while_a_change_is_rolled_out_people_move_between_envoys_of_both_configurations() {
    let mut own = own(json!({}), 2);
    let id = pool_id(NAME);
    let updated = json!({ "endpoints": { "issuer": issuer("issuer-cognito-idp") } });
    let original = json!({ "endpoints": { "issuer": issuer("cognito-idp") } });
    // First everywhere the original alone, as earlier versions had it.
    own.restart(0, &original);
    own.restart(1, &original);
    let mut browser = assert_signs_in(&own, 0, "before");
    // One Envoy accepts both; then the pool switches; then the other Envoy follows.
    own.restart(1, &json!({}));
    let move_to = |own: &Own, browser: &Browser, index: usize| browser.clone().route(ORIGIN, own.addr(index));
    for index in [1, 0, 1] {
        browser = move_to(&own, &browser, index);
        assert_signed_in(&own, &mut browser, "before the switch");
    }
    assert_refreshed(&own, &mut browser, "by the second");
    browser = move_to(&own, &browser, 0);
    assert_refreshed(&own, &mut browser, "by the first");
    own.cognito().switch_issuer(&id, IssuerType::Updated, None);
    browser = move_to(&own, &browser, 1);
    assert_refreshed(&own, &mut browser, "by the Envoy that accepts both");
    browser = move_to(&own, &browser, 0);
    assert_signed_in(&own, &mut browser, "a session that the other refreshed after the switch");
    own.restart(0, &updated);
    for index in [0, 1, 0] {
        browser = move_to(&own, &browser, index);
        assert_signed_in(&own, &mut browser, "after the change");
        assert_refreshed(&own, &mut browser, "after the change");
        assert_signs_in(&own, index, "after the change");
    }
}

#[test]
fn key_set_and_get_user_are_called_at_their_hosts() {
    let id = pool_id(NAME);
    let updated = issuer("issuer-cognito-idp");
    let config = json!({
        "endpoints": { "jwks": format!("{updated}/.well-known/jwks.json") },
        "clusters": { "idp": "cognito_issuer", "api": "cognito_idp" },
        "scopes": ["openid", ADMIN_SCOPE],
        "roles": { "attributes_from": "get_user" },
    });
    let mut own = own(config, 0);
    let cluster = rig::static_cluster("cognito_issuer", own.cognito().idp_addr());
    let bootstrap = own.bootstrap(0, &Value::Null).cluster_json(cluster);
    own.envoys.push(rig::Envoy::start(&bootstrap.to_string(), &rig::Options::default()));
    // The pool hasn't switched: its keys are at the original host, which the other cluster leads to.
    assert_signs_in(&own, 0, "before the switch");
    let keys = |own: &Own| {
        let calls = own.cognito().calls(Endpoint::Jwks, &id);
        calls.iter().map(|call| call.status).collect::<Vec<_>>()
    };
    assert_eq!(keys(&own), [403, 200], "{}", own.envoys[0].log());
    let line = own.envoys[0].log_line("event=jwks.second_place").expect("a line");
    assert!(line.contains("status=403"), "{line}");
    assert_eq!(own.envoys[0].stat("wasmcustom.envoy_cognito.jwks.failed"), 0);
    assert_eq!(own.cognito().calls(Endpoint::GetUser, NAME).len(), 1);
    own.cognito().switch_issuer(&id, IssuerType::Updated, None);
    own.cognito().rotate_keys(&id);
    assert_signs_in(&own, 0, "after the switch, with new keys");
    assert_eq!(keys(&own), [403, 200, 200], "the first place has them now");
    assert_eq!(own.cognito().calls(Endpoint::GetUser, NAME).len(), 2);
}

#[test]
fn a_programs_token_is_a_bearer_token_however_it_was_issued() {
    let config = json!({
        "endpoints": { "issuer": null, "api": null },
        "bearer": { "enabled": true, "client_ids": [NAME] },
        "rules": [
            { "path": "/orders/**", "roles_any": ["scope:orders/read"] },
            { "path": "/admin/**", "roles_any": ["scope:orders/admin"] },
        ],
    });
    let client = |client: &mut Client| {
        client.machine = true;
        client.scopes = vec!["orders/read".to_owned(), "orders/write".to_owned()];
    };
    let own = Own::new(Wish { config, client, ..Wish::default() });
    for kind in [IssuerType::Original, IssuerType::Updated] {
        own.cognito().switch_issuer(&pool_id(NAME), kind, None);
        let ask = json!({ "ClientId": NAME, "Secret": CLIENT_SECRET, "Scopes": ["orders/read"] });
        let request = RawRequest::post("/", ask.to_string())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AWSCognitoIdentityProviderService.GetClientToken");
        let by_api = rig::send(own.cognito().idp_addr(), &request).expect("an answer").json();
        let by_api = &by_api["ClientAuthenticationResult"]["AccessToken"];
        let form = format!(
            "grant_type=client_credentials&client_id={NAME}&client_secret={}&scope=orders/read",
            CLIENT_SECRET.replace('+', "%2B")
        );
        let request = RawRequest::post("/oauth2/token", form)
            .header("content-type", "application/x-www-form-urlencoded");
        let by_grant = rig::send(own.cognito().domain_addr(), &request).expect("an answer").json();
        for token in [by_api, &by_grant["access_token"]] {
            let token = token.as_str().unwrap_or_else(|| panic!("no token: {by_grant}"));
            let response = own.send(0, with(token, "/orders/json"));
            assert_eq!(response.status, 200, "{response:?}\n{}", own.envoys[0].log());
            let seen = response.json();
            assert_eq!(header(&seen, "x-auth-subject"), Some(NAME), "the program itself");
            assert_eq!(header(&seen, "x-auth-user"), None, "no person");
            assert_eq!(header(&seen, "x-auth-roles"), Some("scope:orders/read"));
            assert_eq!(own.send(0, with(token, "/admin/json")).status, 403);
        }
    }
}

#[test]
fn a_client_secret_is_replaced_without_a_failed_sign_in_or_refresh() {
    let mut own = own(json!({}), 2);
    let new = "another+secret/of=the-client";
    let mut first = assert_signs_in(&own, 0, "with the old secret");
    // Both secrets are valid; one Envoy has the new one.
    own.cognito().set_secrets(NAME, CLIENT_SECRET, Some(new));
    own.restart(1, &json!({ "client_secret": new }));
    let mut second = assert_signs_in(&own, 1, "with the new secret");
    assert_refreshed(&own, &mut first, "with the old secret");
    assert_refreshed(&own, &mut second, "with the new secret");
    let mut moved = first.clone().route(ORIGIN, own.addr(1));
    assert_refreshed(&own, &mut moved, "of a sign-in with the old secret, with the new one");
    assert_signs_in(&own, 0, "with the old secret, while both are valid");
    // The other Envoy follows, and the old secret is deleted.
    own.restart(0, &json!({ "client_secret": new }));
    own.cognito().set_secrets(NAME, new, None);
    let mut back = moved.clone().route(ORIGIN, own.addr(0));
    assert_refreshed(&own, &mut back, "after the swap");
    assert_signs_in(&own, 0, "after the swap");
    assert_signs_in(&own, 1, "after the swap");
}
