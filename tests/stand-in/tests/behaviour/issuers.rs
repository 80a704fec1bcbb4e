//! The issuers of real pools, replicas, the tokens of programs, and two secrets of a client.

use serde_json::{Value, json};
use stand_in::{Client, IssuerType, Pool, User};

use crate::bench::*;

const ORIGINAL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Bench";
const UPDATED: &str = "https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Bench";

fn issuer_of(tokens: &Value) -> [String; 2] {
    ["id_token", "access_token"].map(|name| text(&claims(&tokens[name])["iss"]).to_owned())
}

/// The status of the key set at a host.
fn keys_at(bench: &Bench, host: &str) -> u16 {
    let url = format!("{}/{POOL}/.well-known/jwks.json", bench.stand_in.idp_url());
    bench.call(&url, &[("host", host.to_owned())], None).unwrap().status
}

#[test]
fn a_pool_switches_its_issuer_while_it_runs() {
    let bench = Bench::new();
    let local = bench.stand_in.issuer(POOL);
    let before = bench.tokens(&[]);
    assert_eq!(issuer_of(&before), [local.clone(), local]);
    for (kind, issuer) in [(IssuerType::Original, ORIGINAL), (IssuerType::Updated, UPDATED)] {
        bench.stand_in.switch_issuer(POOL, kind, None);
        let tokens = bench.tokens(&[]);
        assert_eq!(issuer_of(&tokens), [issuer, issuer]);
        let refreshed = bench.refresh(text(&before["refresh_token"])).json();
        assert_eq!(issuer_of(&refreshed), [issuer, issuer], "of a sign-in before the switch");
        assert!(verifies(&tokens["id_token"], &bench.jwks().json()), "the same keys");
    }
}

#[test]
fn the_host_of_updated_issuers_has_the_keys_of_pools_that_have_switched() {
    let bench = Bench::new();
    let hosts = ["cognito-idp.eu-central-1.amazonaws.com", "issuer-cognito-idp.eu-central-1.amazonaws.com"];
    assert_eq!(hosts.map(|host| keys_at(&bench, host)), [200, 403]);
    bench.stand_in.switch_issuer(POOL, IssuerType::Original, None);
    assert_eq!(hosts.map(|host| keys_at(&bench, host)), [200, 403]);
    bench.stand_in.switch_issuer(POOL, IssuerType::Updated, None);
    assert_eq!(hosts.map(|host| keys_at(&bench, host)), [200, 200]);
    let headers =
        [("host", hosts[1].to_owned()), ("x-amz-target", "AWSCognitoIdentityProviderService.GetUser".into())];
    let reply = bench.call(&bench.stand_in.idp_url(), &headers, Some("{}".into())).unwrap();
    assert_eq!(reply.status, 404, "no API there: {reply:?}");
}

#[test]
fn a_replica_names_its_region_only_in_the_original_form() {
    let bench = Bench::new();
    bench.stand_in.switch_issuer(POOL, IssuerType::Original, Some("eu-west-1"));
    let replica = ORIGINAL.replacen("eu-central-1", "eu-west-1", 1);
    assert_eq!(issuer_of(&bench.tokens(&[])), [replica.clone(), replica]);
    let order = json!({ "pool": POOL, "type": "UPDATED", "replica": "eu-west-1" });
    let url = format!("{}/issuer", bench.admin_url());
    assert_eq!(bench.call(&url, &[], Some(order.to_string())).unwrap().status, 200);
    assert_eq!(issuer_of(&bench.tokens(&[])), [UPDATED, UPDATED]);
}

#[test]
fn programs_get_tokens_with_and_without_a_domain() {
    let scopes = vec!["orders/read".to_owned(), "orders/write".to_owned()];
    let program = Client { secret: Some(SECRET.into()), machine: true, scopes, ..Client::new(CLIENT) };
    let bench = Bench::of(Pool { clients: vec![program], users: Vec::<User>::new(), ..Pool::new(POOL) });
    let ask = |body: Value| {
        let target = ("x-amz-target", "AWSCognitoIdentityProviderService.GetClientToken".to_owned());
        bench.call(&bench.stand_in.idp_url(), &[target], Some(body.to_string())).unwrap()
    };
    let answer = ask(json!({ "ClientId": CLIENT, "Secret": SECRET, "Scopes": ["orders/read"] })).json();
    let result = &answer["ClientAuthenticationResult"];
    assert_eq!((&result["TokenType"], &result["ExpiresIn"]), (&json!("Bearer"), &json!(3600)));
    let token = claims(&result["AccessToken"]);
    assert_eq!((&token["client_id"], &token["scope"]), (&json!(CLIENT), &json!("orders/read")));
    assert_eq!((&token["username"], &token["token_use"]), (&Value::Null, &json!("access")));
    assert!(verifies(&result["AccessToken"], &bench.jwks().json()));
    let all = ask(json!({ "ClientId": CLIENT, "Secret": SECRET })).json();
    let all = claims(&all["ClientAuthenticationResult"]["AccessToken"]);
    assert_eq!(all["scope"], "orders/read orders/write");
    for wrong in [json!({ "ClientId": CLIENT, "Secret": "x" }), json!({ "ClientId": "x", "Secret": SECRET })]
    {
        assert_eq!(ask(wrong).json()["__type"], "NotAuthorizedException");
    }
    let by_grant = bench.post("/oauth2/token", &[("grant_type", "client_credentials")]).json();
    let by_grant = claims(&by_grant["access_token"]);
    assert_eq!((&by_grant["sub"], &by_grant["client_id"]), (&json!(CLIENT), &json!(CLIENT)));
}

#[test]
fn a_client_that_people_sign_in_at_gets_no_tokens_of_its_own() {
    let bench = Bench::new();
    let target = ("x-amz-target", "AWSCognitoIdentityProviderService.GetClientToken".to_owned());
    let body = json!({ "ClientId": CLIENT, "Secret": SECRET }).to_string();
    let reply = bench.call(&bench.stand_in.idp_url(), &[target], Some(body)).unwrap();
    assert_eq!(reply.status, 400, "{reply:?}");
}

#[test]
fn two_secrets_are_valid_at_the_same_time_until_one_is_deleted() {
    let bench = Bench::new();
    let sign_in = |expected| {
        let reply = bench.redeem(&bench.code(&[]), &[]);
        assert_eq!(reply.status, expected, "{reply:?}");
    };
    bench.stand_in.set_secrets(CLIENT, SECRET, Some("another"));
    sign_in(200);
    bench.stand_in.set_secrets(CLIENT, "another", Some(SECRET));
    sign_in(200);
    bench.stand_in.set_secrets(CLIENT, "another", None);
    sign_in(400);
}
