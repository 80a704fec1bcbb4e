//! What has to be registered at Cognito.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{check, good};

fn registration(more: &str) -> Value {
    let outcome = check(&(good() + more)).arguments(&["--json"]).outcome().expect(0);
    outcome.json()["configurations"][0]["registrations"][0].clone()
}

#[test]
fn addresses_scopes_and_attributes_follow_from_the_configuration() {
    let found = registration(
        "public_url: https://app.example.com\n\
         scopes: [ openid, email, profile ]\n\
         paths: { callback: /oauth2/callback }\n\
         roles: { claims: [ \"cognito:groups\", \"custom:roles\" ] }\n\
         headers: { claims: { x-zone: \"custom:zone\", x-level: level, x-phone: phone_number, x-aud: aud } }\n",
    );
    assert_eq!(found["callback_urls"], json!(["https://app.example.com/oauth2/callback"]));
    assert_eq!(found["sign_out_urls"], json!(["https://app.example.com/.auth/signed-out"]));
    assert_eq!(found["scopes"], json!(["openid", "email", "profile"]));
    assert_eq!(
        found["read_attributes"],
        json!(["email", "name", "custom:roles", "custom:zone", "phone_number", "email_verified"])
    );
    assert_eq!(found["not_writable"], json!(["custom:roles"]));
    assert_eq!(found["other_claims"], json!(["level"]), "no attribute, and nothing that every token has");
    assert_eq!((found["region"].as_str(), found["has_secret"].as_bool()), (Some("us-east-1"), Some(false)));
}

#[test]
fn scopes_that_hide_attributes_are_pointed_out() {
    let remarks = |scopes: &str| registration(&format!("scopes: {scopes}\n"))["remarks"].clone();
    assert_eq!(remarks("[ openid ]"), json!([]));
    assert_eq!(remarks("[ openid, email, profile ]"), json!([]));
    let said = remarks("[ openid, email ]");
    assert!(said[0].as_str().unwrap().contains("custom:roles out of the ID token"), "{said}");
}

#[test]
fn hosts_are_known_by_their_pools() {
    let text = "
pools:
  - { name: us, hosts: [ us.example.com, \"*.us.example.com\" ], user_pool_id: us-east-1_UFeMzbuJe, client_id: a, domain: us.auth.example.com }
  - { name: eu, user_pool_id: eu-west-1_aBcDeFgHi, client_id: b, domain: eu.auth.example.com }
session: { keys: [ \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\" ] }
";
    let outcome = check(text).arguments(&["--json"]).outcome().expect(0);
    let registrations = outcome.json()["configurations"][0]["registrations"].clone();
    assert_eq!(registrations[0]["callback_urls"], json!(["https://us.example.com/.auth/callback"]));
    assert_eq!(registrations[0]["pool"], "us");
    assert_eq!(registrations[1]["callback_urls"], json!(["https://<your host>/.auth/callback"]));
    assert_eq!(registrations[1]["user_pool_id"], "eu-west-1_aBcDeFgHi");
}

#[test]
fn the_commands_add_and_take_nothing_away() {
    let found = registration("public_url: https://app.example.com\n");
    let commands: Vec<&str> =
        found["commands"].as_array().unwrap().iter().map(|command| command.as_str().unwrap()).collect();
    assert_eq!(
        commands[0],
        "aws cognito-idp describe-user-pool-client --region us-east-1 --user-pool-id us-east-1_UFeMzbuJe \
         --client-id 2jvuq8gkhfoh7u4fdfihiditj5"
    );
    assert!(
        commands[2].starts_with(
            "aws cognito-idp update-user-pool-client --region us-east-1 --cli-input-json file://"
        )
    );
    // `update-user-pool-client` resets every setting that it isn't given, so all output of `describe-…` must be
    // passed on.
    let before = json!({
        "UserPoolId": "us-east-1_UFeMzbuJe", "ClientId": "2jvuq8gkhfoh7u4fdfihiditj5", "ClientName": "app",
        "ClientSecret": "no", "LastModifiedDate": 1, "CreationDate": 2, "RefreshTokenValidity": 30,
        "CallbackURLs": ["https://old.example.com/cb"], "ReadAttributes": ["email"], "AllowedOAuthScopes": ["openid", "email"],
    });
    let (_, filter) = commands[1].split_once("jq ").unwrap();
    let filter = filter.rsplit_once(" > ").unwrap().0.trim_matches('\'');
    let Some(after) = jq(filter, &before) else {
        // Without jq, at least the text is checked.
        for part in ["del(.ClientSecret", ".CallbackURLs |= ((. // []) +", "if .ReadAttributes then"] {
            assert!(filter.contains(part), "{filter}");
        }
        return;
    };
    let expected = json!({
        "UserPoolId": "us-east-1_UFeMzbuJe", "ClientId": "2jvuq8gkhfoh7u4fdfihiditj5", "ClientName": "app",
        "RefreshTokenValidity": 30,
        "CallbackURLs": ["https://app.example.com/.auth/callback", "https://old.example.com/cb"],
        "LogoutURLs": ["https://app.example.com/.auth/signed-out"],
        "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthScopes": ["email", "openid"], "SupportedIdentityProviders": ["COGNITO"],
        "ReadAttributes": ["custom:roles", "email", "name"],
    });
    assert_eq!(after, expected);
    // An operator who only lets people in with another provider keeps it so.
    let google = jq(filter, &json!({ "SupportedIdentityProviders": ["Google"] })).unwrap();
    assert_eq!(google["SupportedIdentityProviders"], json!(["Google"]));
    // A client without a list reads the standard attributes, and continues to.
    let listed = jq(filter, &json!({})).unwrap()["ReadAttributes"].clone();
    for name in ["name", "email", "email_verified", "phone_number", "zoneinfo", "custom:roles"] {
        assert!(listed.as_array().unwrap().contains(&json!(name)), "{name}: {listed}");
    }
}

#[test]
fn a_client_that_needs_nothing_but_the_standard_attributes_needs_no_list() {
    let found = registration("roles: { claims: [ \"cognito:groups\" ] }\n");
    let command = found["commands"][1].as_str().unwrap();
    assert!(command.contains("else . end"), "{command}");
}

/// The output of jq for a document, if jq is installed.
fn jq(filter: &str, document: &Value) -> Option<Value> {
    use std::io::Write as _;
    let mut child =
        Command::new("jq").arg(filter).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{filter}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn metadata_without_an_accepted_resource_is_pointed_out() {
    let remarks = |more: &str| {
        registration(&format!("bearer: {{ enabled: true, metadata: true }}\n{more}"))["remarks"].clone()
    };
    let said = remarks("");
    assert!(said[0].as_str().unwrap().contains("bearer.resources"), "{said}");
    assert_eq!(remarks("public_url: https://app.example.com\n"), json!([]));
    assert_eq!(remarks("authorize_params: { resource: urn:x }\n"), json!([]));
}
