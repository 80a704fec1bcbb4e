//! The key set and discovery.

use crate::bench::*;

#[test]
fn rotation_replaces_both_keys() {
    let bench = Bench::new();
    let before = bench.tokens(&[]);
    let old = bench.jwks().json();
    bench.stand_in.rotate_keys(POOL);
    let new = bench.jwks().json();
    assert_eq!(new["keys"].as_array().unwrap().len(), 2);
    assert!(verifies(&before["id_token"], &old) && !verifies(&before["id_token"], &new));
    assert!(verifies(&bench.tokens(&[])["id_token"], &new));
}

#[test]
fn kids_look_like_those_of_cognito() {
    let key_set = Bench::new().jwks().json();
    for key in key_set["keys"].as_array().unwrap() {
        assert_eq!(text(&key["kid"]).len(), 44);
        assert_eq!(key.as_object().unwrap().len(), 6);
    }
}

#[test]
fn discovery_names_both_hosts() {
    let bench = Bench::new();
    let issuer = bench.stand_in.issuer(POOL);
    let url = format!("{issuer}/.well-known/openid-configuration");
    let document = bench.call(&url, &[], None).unwrap().json();
    assert_eq!(text(&document["issuer"]), issuer);
    assert_eq!(text(&document["token_endpoint"]), bench.stand_in.domain_url() + "/oauth2/token");

    let on_the_domain = bench.stand_in.domain_url() + "/.well-known/openid-configuration";
    assert_eq!(bench.call(&on_the_domain, &[], None).unwrap().status, 404);
}
