//! Access tokens that are bound to a resource (RFC 8707), and the metadata that tells API clients what to ask for (RFC
//! 9728).

use envoy_cognito_core::http::Response;
use serde_json::{Value, json};

use crate::harness::{Harness, NAVIGATE, Outcome, parse, set_cookies};

const API: &str = "https://api.example.com/orders";
const METADATA: &str = "/.well-known/oauth-protected-resource";

fn with(bearer: Value, patch: Value) -> Harness {
    let mut settings = json!({"enabled": true});
    settings.as_object_mut().unwrap().extend(bearer.as_object().unwrap().clone());
    let mut document = json!({"bearer": settings});
    document.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    Harness::with(document)
}

/// What comes of a request with an access token with this `aud`.
fn sent(harness: &mut Harness, aud: Value) -> Outcome {
    let config = std::sync::Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[0], &json!({"aud": aud}));
    harness.bare_request("GET", "/", &[("authorization", &format!("Bearer {token}"))])
}

#[track_caller]
fn assert_refused(harness: &mut Harness, aud: Value) {
    let response = sent(harness, aud.clone()).answered();
    assert_eq!((response.status, response.body.as_str()), (401, r#"{"error":"invalid_token"}"#), "{aud}");
    let log = harness.log();
    let line = log.lines().find(|line| line.contains("event=bearer.rejected")).unwrap_or_default();
    assert!(line.contains(" reason=audience ") && line.contains("bearer.resources"), "{aud}: {log}");
}

/// The metadata, as a program asks for it.
fn metadata(harness: &mut Harness, path: &str) -> Value {
    let response = harness.bare_request("GET", path, &[]).answered();
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    serde_json::from_str(&response.body).unwrap()
}

fn challenge(response: &Response) -> &str {
    response.header("www-authenticate").unwrap()
}

#[test]
fn a_token_bound_to_another_resource_is_refused() {
    let mut harness = with(json!({"resources": [API, "urn:orders"]}), json!({}));
    for aud in [json!(API), json!("urn:orders"), json!(["https://other.example.com", API]), json!(null)] {
        // `null` leaves the claim out.
        assert!(sent(&mut harness, aud.clone()).is_forwarded(), "{aud}");
    }
    for aud in [json!("https://other.example.com"), json!(["https://other.example.com"]), json!([]), json!(1)]
    {
        assert_refused(&mut harness, aud);
    }
}

#[test]
fn without_a_list_the_resource_that_sign_ins_ask_for_and_the_public_url_are_accepted() {
    let mut harness = with(
        json!({}),
        json!({"public_url": "https://app.example.com", "authorize_params": {"resource": API}}),
    );
    for aud in [API, "https://app.example.com", "https://app.example.com/"] {
        assert!(sent(&mut harness, json!(aud)).is_forwarded(), "{aud}");
    }
    assert_refused(&mut harness, json!("https://app.example.com/orders"));
    // A list replaces both.
    let mut harness = with(
        json!({"resources": ["urn:orders"]}),
        json!({"public_url": "https://app.example.com", "authorize_params": {"resource": API}}),
    );
    assert_refused(&mut harness, json!(API));
    assert_refused(&mut harness, json!("https://app.example.com"));
    let mut harness = with(json!({}), json!({}));
    assert_refused(&mut harness, json!(API));
    // The host of a request is whatever its client says.
    assert_refused(&mut harness, json!("https://app.example.com"));
}

#[test]
fn a_client_that_is_its_own_audience_is_no_resource() {
    let mut harness = with(json!({}), json!({}));
    let client = harness.config.pools[0].cognito.client_id.clone();
    assert!(sent(&mut harness, json!(client)).is_forwarded());
}

#[test]
fn each_pool_accepts_the_resource_that_its_sign_ins_ask_for() {
    let pool = |name: &str, id: &str, resource: &str| {
        json!({
            "name": name,
            "user_pool_id": id,
            "client_id": format!("client-{name}"),
            "domain": format!("{name}.auth.us-east-1.amazoncognito.com"),
            "authorize_params": {"resource": resource},
        })
    };
    let mut harness = Harness::with(json!({
        "user_pool_id": null, "client_id": null, "client_secret": null, "domain": null,
        "bearer": {"enabled": true, "metadata": true},
        "pools": [
            pool("us", "us-east-1_UFeMzbuJe", "urn:us"),
            pool("eu", "us-east-1_OtherPool", "urn:eu"),
        ],
    }));
    let config = std::sync::Arc::clone(&harness.config);
    for (index, aud, is_accepted) in
        [(0, "urn:us", true), (0, "urn:eu", false), (1, "urn:eu", true), (1, "urn:us", false)]
    {
        let token = harness.cognito.access_token(&config.pools[index], &json!({"aud": aud}));
        let outcome = harness.bare_request("GET", "/", &[("authorization", &format!("Bearer {token}"))]);
        assert_eq!(outcome.is_forwarded(), is_accepted, "{index} {aud}");
    }
    let document = metadata(&mut harness, METADATA);
    assert_eq!(document["authorization_servers"].as_array().unwrap().len(), 2);
}

#[test]
fn the_metadata_says_who_issues_tokens_and_for_what() {
    let mut harness = with(
        json!({"metadata": true}),
        json!({
            "public_url": "https://app.example.com",
            "scopes": ["openid", "email", "profile"],
            "rules": [
                {"path": "/orders", "roles_any": ["scope:orders/read", "scope:email"]},
                {"path": "/staff", "roles_all": ["staff", "scope:orders/write"]},
            ],
        }),
    );
    assert_eq!(
        metadata(&mut harness, METADATA),
        json!({
            "resource": "https://app.example.com",
            "authorization_servers": ["https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe"],
            "scopes_supported": ["openid", "email", "profile", "orders/read", "orders/write"],
            "bearer_methods_supported": ["header"],
        })
    );
    // It is the same for everybody, whatever they send.
    harness.signed_in();
    let response = harness.request("GET", METADATA, &[("authorization", "Bearer x")]).answered();
    assert_eq!(response.status, 200);
    assert_eq!(set_cookies(&response).count(), 0);
}

#[test]
fn the_metadata_names_an_issuer_that_is_accepted() {
    let original = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    let updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    for (patch, issuer) in [
        (json!({}), original),
        (json!({"replica_regions": ["eu-west-1"]}), original),
        (json!({"endpoints": {"issuer": original}}), original),
        (json!({"endpoints": {"issuer": updated}}), updated),
        (json!({"endpoints": {"issuer": "https://idp.example/pool"}}), "https://idp.example/pool"),
    ] {
        let mut harness = with(json!({"metadata": true}), patch.clone());
        let document = metadata(&mut harness, METADATA);
        assert_eq!(document["authorization_servers"], json!([issuer]), "{patch}");
    }
}

#[test]
fn a_resource_with_a_path_has_metadata_of_its_own() {
    let resources = json!(["https://app.example.com/mcp", "https://app.example.com/mcp/deep/", API]);
    let mut harness = with(json!({"metadata": true, "resources": resources}), json!({}));
    let resource = |harness: &mut Harness, path: &str| {
        metadata(harness, &format!("{METADATA}{path}"))["resource"].clone()
    };
    assert_eq!(resource(&mut harness, "/mcp"), "https://app.example.com/mcp");
    assert_eq!(resource(&mut harness, "/mcp/deep"), "https://app.example.com/mcp/deep/");
    // This host itself isn't accepted.
    assert_eq!(resource(&mut harness, ""), "https://app.example.com/mcp");
    // What isn't accepted, or isn't at this host, is nobody's resource: the rules decide.
    for path in ["/orders", "/mcp/other", "/mc", "x", "/.well-known"] {
        let response = harness.bare_request("GET", &format!("{METADATA}{path}"), &[]).answered();
        assert_eq!(response.status, 401, "{path}");
    }
}

#[test]
fn challenges_name_the_metadata_of_the_resource_that_was_asked_for() {
    let resources = json!(["https://app.example.com/mcp", "https://app.example.com/mcp/deep"]);
    let mut harness = with(json!({"metadata": true, "resources": resources}), json!({}));
    for (path, own) in [
        ("/", ""),
        ("/mcp", "/mcp"),
        ("/mcp/x?y=/mcp/deep", "/mcp"),
        ("/mcp/deep/x", "/mcp/deep"),
        ("/mcpx", ""),
    ] {
        let named = format!("resource_metadata=\"https://app.example.com{METADATA}{own}\"");
        let response = harness.bare_request("GET", path, &[]).answered();
        assert_eq!(challenge(&response), format!("Bearer {named}"), "{path}");
        let response = harness.bare_request("GET", path, &[("authorization", "Bearer x")]).answered();
        assert_eq!(challenge(&response), format!("Bearer error=\"invalid_token\", {named}"), "{path}");
    }
    // People still sign in.
    assert_eq!(harness.request("GET", "/mcp", &NAVIGATE).answered().status, 302);
}

#[test]
fn a_missing_scope_names_the_metadata_too() {
    let rules = json!([{"path": "/orders", "roles_any": ["scope:orders/delete"]}]);
    let mut harness = with(json!({"metadata": true}), json!({"rules": rules}));
    let config = std::sync::Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[0], &json!({}));
    let response =
        harness.bare_request("GET", "/orders", &[("authorization", &format!("Bearer {token}"))]).answered();
    assert_eq!(response.status, 403);
    assert_eq!(
        challenge(&response),
        format!(
            "Bearer error=\"insufficient_scope\", resource_metadata=\"https://app.example.com{METADATA}\""
        )
    );
}

#[test]
fn a_sign_in_that_isnt_strong_enough_names_the_metadata_too() {
    let rules = json!([{"path": "/mcp", "max_age": "15m"}]);
    let resources = json!(["https://app.example.com/mcp"]);
    let mut harness = with(json!({"metadata": true, "resources": resources}), json!({"rules": rules}));
    let config = std::sync::Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[0], &json!({}));
    let response =
        harness.bare_request("GET", "/mcp", &[("authorization", &format!("Bearer {token}"))]).answered();
    assert_eq!(response.status, 401);
    assert_eq!(
        challenge(&response),
        format!(
            "Bearer error=\"insufficient_user_authentication\", max_age=\"900\", \
             resource_metadata=\"https://app.example.com{METADATA}/mcp\""
        )
    );
}

#[test]
fn clients_in_browsers_can_read_the_metadata() {
    let mut harness = with(json!({"metadata": true}), json!({}));
    let headers = [
        ("origin", "https://inspector.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "mcp-protocol-version"),
    ];
    let response = harness.bare_request("OPTIONS", METADATA, &headers).answered();
    assert_eq!((response.status, response.body.as_str()), (204, ""));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-headers"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    let response = harness.bare_request("POST", METADATA, &[]).answered();
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn without_the_setting_the_metadata_is_the_apps() {
    for bearer in [json!({}), json!({"metadata": false})] {
        let mut harness = with(bearer, json!({"rules": [{"path": "/.well-known/**", "allow": "everyone"}]}));
        assert!(harness.bare_request("GET", METADATA, &[]).is_forwarded());
        let response = harness.bare_request("GET", "/", &[]).answered();
        assert_eq!(challenge(&response), "Bearer");
    }
}

#[test]
fn other_spellings_of_its_path_are_for_the_rules() {
    let mut harness = with(json!({"metadata": true}), json!({}));
    for path in ["/.well-known//oauth-protected-resource", "/x/../.well-known/oauth-protected-resource"] {
        assert_eq!(harness.bare_request("GET", path, &[]).answered().status, 401, "{path}");
    }
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let faults = |bearer: Value| -> Vec<String> {
        parse(&json!({"bearer": bearer})).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        faults(json!({"metadata": true})),
        [
            "bearer.metadata: needs `bearer.enabled: true`, because the metadata invites clients to send tokens"
        ]
    );
    for bad in
        ["", " ", "https://", "a b", "https://a/#x", "https://a/\"", "https://a/\n", "https://a/\u{e4}"]
    {
        let found = faults(json!({"enabled": true, "resources": ["urn:x", bad]}));
        assert!(found.len() == 1 && found[0].starts_with("bearer.resources[1]: "), "{bad}: {found:?}");
    }
    for good in ["https://a", "https://a/b?c=d", "http://localhost:8080", "myapp://x", "urn:x:y", "orders"] {
        assert_eq!(faults(json!({"enabled": true, "resources": [good]})), [""; 0], "{good}");
    }
}
