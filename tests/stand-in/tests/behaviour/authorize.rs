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
