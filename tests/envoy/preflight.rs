//! CORS preflights: what a browser asks before a page of another origin may send a request.

use rig::RawRequest;
use serde_json::json;

use crate::world::{Plan, header, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let config = json!({
        "cors_preflight": "pass",
        "rules": [{ "path": "/closed/**", "allow": "nobody" }],
    });
    vec![("preflight", plan(config))]
}

fn preflight(target: &str) -> RawRequest {
    RawRequest::new("OPTIONS", target)
        .header("origin", "https://other.example.test")
        .header("access-control-request-method", "PUT")
}

#[test]
fn a_true_preflight_passes_as_nobody() {
    let site = world().site("preflight");
    let session = site.signed_in().cookie_header(&site.url("/"));
    for request in [
        preflight("/api/json"),
        preflight("/api/json").header("cookie", format!("{session}; other=1")).header("x_auth_user", "root"),
    ] {
        let response = site.send(request);
        assert_eq!(response.status, 200, "{response:?}");
        let seen = response.json();
        assert_eq!(seen["method"], "OPTIONS");
        let headers = seen["headers"].to_string();
        assert!(!headers.contains("__Host-auth") && !headers.contains("root"), "{headers}");
        assert_eq!(header(&seen, "x-auth-user"), None, "{headers}");
    }
    let options = || RawRequest::new("OPTIONS", "/api/json");
    for request in [
        options(),
        options().header("origin", "https://other.example.test"),
        options().header("access-control-request-method", "PUT"),
        preflight("/api/json").method("GET"),
        preflight("/api/json").method("POST"),
    ] {
        assert_eq!(site.send(request.clone()).status, 401, "{request:?}");
    }
    assert_eq!(site.send(preflight("/closed/json")).status, 403, "not where nobody is let in");
}

#[test]
fn by_default_a_preflight_is_a_request_like_any_other() {
    let site = world().site("rules");
    assert_eq!(site.send(preflight("/api/json")).status, 401);
    assert_eq!(site.send(preflight("/public/json")).status, 200);
}
