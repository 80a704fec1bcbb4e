//! Access tokens that are bound to a resource, and the metadata that API clients find the way to them with.

use rig::{RawRequest, Response};
use serde_json::{Value, json};

use crate::bearer::{check_refused, text, tokens_for, with, with_api};
use crate::world::{Plan, Site, header, plan, world};

const METADATA: &str = "/.well-known/oauth-protected-resource";

pub fn sites() -> Vec<(&'static str, Plan)> {
    let config = |bearer: Value| plan(json!({ "bearer": bearer })).at_cognito(with_api);
    let mcp = "https://resources.example.test/mcp";
    let clients = |site: &str| json!([format!("{site}-api")]);
    vec![
        (
            "resources",
            config(json!({
                "enabled": true, "client_ids": clients("resources"), "metadata": true, "resources": [mcp],
            })),
        ),
        ("resources-default", config(json!({ "enabled": true, "client_ids": clients("resources-default") }))),
    ]
}

/// An access token of the site's second client, bound to a resource.
fn token(site: Site, resource: Option<&str>) -> String {
    let mut params = vec![("scope", "openid")];
    params.extend(resource.map(|resource| ("resource", resource)));
    let tokens = tokens_for(&world().cognito, &format!("{}-api", site.name), None, site.name, &params);
    text(&tokens, "access_token").to_owned()
}

#[track_caller]
fn check_accepted(response: &Response) {
    assert_eq!(response.status, 200, "{response:?}\n{}", world().envoy.log());
    assert_eq!(header(&response.json(), "x-auth-user"), Some("jsmith"));
}

/// The way of a client of the Model Context Protocol: a challenge, the metadata, a token, the call.
#[test]
fn a_client_that_knows_only_the_address_finds_out_which_token_to_send() {
    let site = world().site("resources");
    let call = RawRequest::post("/mcp", "{}").header("accept", "application/json, text/event-stream");
    let challenged = site.send(call);
    assert_eq!(challenged.status, 401, "{challenged:?}");
    let challenge = challenged.header("www-authenticate").expect("a challenge");
    let url = challenge.strip_prefix("Bearer resource_metadata=\"").and_then(|rest| rest.strip_suffix('"'));
    assert_eq!(url, Some(format!("{}{METADATA}/mcp", site.origin()).as_str()), "{challenge}");
    let path = url.unwrap_or_default().strip_prefix(&site.origin()).unwrap_or_default();

    let headers = RawRequest::get(path).header("mcp-protocol-version", "2025-11-25");
    let found = site.send(headers.header("origin", "https://inspector.example"));
    assert_eq!((found.status, found.header("access-control-allow-origin")), (200, Some("*")), "{found:?}");
    let metadata = found.json();
    let issuer = format!("{}/us-east-1_resources", world().cognito.idp_url());
    assert_eq!(metadata["authorization_servers"], json!([issuer]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));

    let bound = token(site, Some(text(&metadata, "resource")));
    check_accepted(&site.send(with(&bound, "/json")));
    check_accepted(&site.send(with(&token(site, None), "/json")));
}

#[test]
fn a_token_for_another_resource_is_refused_and_the_log_says_what_to_set() {
    let site = world().site("resources");
    let other = token(site, Some("https://resources.example.test/other"));
    let refused = site.send(with(&other, "/json"));
    assert_eq!(refused.status, 401, "{refused:?}");
    let named = format!("Bearer error=\"invalid_token\", resource_metadata=\"{}{METADATA}", site.origin());
    assert!(refused.header("www-authenticate").is_some_and(|challenge| challenge.starts_with(&named)));
    let log = world().envoy.log();
    let line = log.lines().find(|line| line.contains("reason=audience") && line.contains("bearer.resources"));
    assert!(line.is_some(), "{log}");
}

#[test]
fn by_default_a_token_may_be_bound_to_the_public_url() {
    let site = world().site("resources-default");
    check_accepted(&site.send(with(&token(site, Some(&site.origin())), "/json")));
    check_accepted(&site.send(with(&token(site, Some(&site.url("/"))), "/json")));
    let other = token(site, Some("https://resources.example.test/mcp"));
    check_refused(&site.send(with(&other, "/json")), "another resource");
    assert_eq!(site.get(METADATA).status, 401, "it isn't served unless it is configured");
}

#[test]
fn the_metadata_is_answered_by_the_filter_for_every_method() {
    let site = world().site("resources");
    let preflight = RawRequest::new("OPTIONS", format!("{METADATA}/mcp"))
        .header("origin", "https://inspector.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "mcp-protocol-version");
    let answer = site.send(preflight);
    assert_eq!(
        (answer.status, answer.header("access-control-allow-headers")),
        (204, Some("*")),
        "{answer:?}"
    );
    let head = site.send(RawRequest::new("HEAD", METADATA));
    assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
    assert_eq!(site.send(RawRequest::post(METADATA, "{}")).status, 405);
    // Nothing is served for what isn't accepted.
    assert_eq!(site.get(&format!("{METADATA}/other")).status, 401);
}
