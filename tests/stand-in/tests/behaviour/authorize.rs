//! What `/oauth2/authorize` refuses, and who gets the error.

use stand_in::Client;

use crate::bench::*;

fn refused(changes: &[(&str, &str)]) -> String {
    let bench = Bench::with(Client { scopes: vec!["openid".into(), "email".into()], ..client() });
    let mut all = vec![("scope", "openid")];
    all.extend(changes);
    let location = bench.browse(&bench.authorize(&all), None).location();
    location.replace(&bench.stand_in.domain_url(), "DOMAIN").replace(CALLBACK, "CALLBACK")
}

#[test]
fn an_untrusted_target_gets_nothing() {
    let mismatch = "DOMAIN/error?error=redirect_mismatch&client_id=bench";
    for url in ["http://localhost:8080/callback/", "http://localhost:8081/callback", "http://evil.example/"] {
        assert_eq!(refused(&[("redirect_uri", url)]), mismatch);
    }
    assert_eq!(refused(&[("client_id", "")]), "DOMAIN/error?error=Required+parameters+missing");
    assert!(refused(&[("client_id", "other")]).starts_with("DOMAIN/error?"));
}

#[test]
fn other_errors_go_to_the_client() {
    let error = |error| format!("CALLBACK?error={error}&state=a+state");
    assert_eq!(refused(&[("response_type", "")]), error("invalid_request"));
    assert_eq!(refused(&[("response_type", "token")]), error("unauthorized_client"));
    assert_eq!(refused(&[("code_challenge", "x")]), error("invalid_request"));
    let plain = [("code_challenge", "x"), ("code_challenge_method", "plain")];
    assert_eq!(refused(&plain), error("invalid_request"));
}

#[test]
fn scopes_fail_in_both_shapes_that_were_seen() {
    assert_eq!(refused(&[("scope", "openid nonsense")]), "CALLBACK?error=invalid_scope&state=a+state");
    assert_eq!(refused(&[("scope", "email")]), "CALLBACK?error=invalid_scope&state=a+state");
    let forbidden = "CALLBACK?error_description=invalid_scope&state=a+state&error=invalid_request";
    assert_eq!(refused(&[("scope", "openid profile")]), forbidden);
}

#[test]
fn the_error_page_escapes_what_it_shows() {
    let page = Bench::new().browse("/error?error=%3Cscript%3E", None);
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains("<script"));
}

#[test]
fn a_resource_is_one_url_and_binds_the_access_token_for_good() {
    let bench = Bench::new();
    let aud = |tokens: &serde_json::Value, name: &str| {
        let claims = claims(&tokens[name]);
        claims.get("aud").and_then(|aud| aud.as_str().map(str::to_owned))
    };
    for resource in ["https://api.example.com/orders", "http://localhost:8080", "myapp://x"] {
        let tokens = bench.tokens(&[("resource", resource)]);
        assert_eq!(aud(&tokens, "access_token").as_deref(), Some(resource));
        assert_eq!(aud(&tokens, "id_token").as_deref(), Some(CLIENT));
        let refreshed = bench.refresh(tokens["refresh_token"].as_str().unwrap()).json();
        assert_eq!(aud(&refreshed, "access_token").as_deref(), Some(resource));
    }
    for bad in ["orders", "http://api.example.com", "https://a/#b", "https://"] {
        assert_eq!(refused(&[("resource", bad)]), "CALLBACK?error=invalid_target&state=a+state", "{bad}");
    }
}

#[test]
fn the_page_for_passkeys_is_for_people_who_are_signed_in() {
    let bench = Bench::new();
    let page = |callback: &str| {
        bench.browse(&format!("/passkeys/add?client_id={CLIENT}&redirect_uri={callback}"), None)
    };
    assert_eq!(page(CALLBACK).status, 401);
    bench.code(&[]);
    let shown = page(CALLBACK);
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("alice") && shown.body.contains(CALLBACK));
    assert_eq!(page("https://evil.example").status, 400);
}
