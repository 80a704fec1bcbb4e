//! The pool at Cognito: ids, domain, endpoints, attributes.

use super::*;

#[test]
fn the_pool_and_its_client_must_look_like_it() {
    check(
        json!({"user_pool_id": "us-east-1"}),
        &["user_pool_id: `us-east-1` is not a valid pool id (for example us-east-1_UFeMzbuJe)"],
    );
    check(json!({"user_pool_id": ""}), &["user_pool_id: is empty"]);
    check(json!({"client_id": " "}), &["client_id: is empty"]);
    check(json!({"client_id": "a b"}), &["client_id: `a b` is not a valid app client id"]);
    check(json!({"client_secret": " "}), &["client_secret: is empty; remove it for a public client"]);
    check(json!({"scopes": []}), &["scopes: `openid` is missing; without it Cognito sends no ID token"]);
    check(
        json!({"scopes": ["openid", "", "a b"]}),
        &["scopes[1]: `` is not a valid scope", "scopes[2]: `a b` is not a valid scope"],
    );
    check(
        json!({"authorize_params": {"state": "x", "lang": "fr"}}),
        &[
            "authorize_params.state: can't be set; only these can: identity_provider, idp_identifier, lang, login_hint, \
         prompt, resource",
        ],
    );
}

#[test]
fn a_domain_is_a_host_alone() {
    let example = "(for example myapp.auth.us-east-1.amazoncognito.com)";
    check(json!({"domain": ""}), &["domain: is empty"]);
    check(
        json!({"domain": "https://x.example.com"}),
        &["domain: `https://x.example.com` has a scheme; write only the host, such as \
         myapp.auth.us-east-1.amazoncognito.com"],
    );
    for bad in
        ["x.example.com/", "x.example.com/login", "user@x.example.com", "x y", "x.example.com:port", "x?y"]
    {
        check(
            json!({"domain": bad}),
            &[format!("domain: `{bad}` is not a valid host name {example}").as_str()],
        );
    }
    check(
        json!({"domain": "myapp"}),
        &[
            "domain: `myapp` is only a prefix; write the full host, such as myapp.auth.<region>.amazoncognito.com",
        ],
    );
    accepted(json!({"domain": "localhost"}));
    let local = |name: &str| format!("http://localhost:9230/{name}");
    let endpoints =
        json!({"authorize": local("a"), "token": local("t"), "revoke": local("r"), "logout": local("l")});
    accepted(json!({"domain": "stand-in", "endpoints": endpoints}));
    accepted(json!({"domain": "cognito:8443"}));
    let config = accepted(json!({"domain": "localhost:8443"}));
    assert_eq!(config.pools[0].cognito.endpoints.token.authority, "localhost:8443");
}

#[test]
fn endpoints_are_https_or_on_the_machine_itself() {
    for key in ["issuer", "authorize", "token", "userinfo", "revoke", "logout", "jwks", "api"] {
        let patch = |url: &str| json!({"endpoints": {key: url}});
        for good in [
            "https://x.example.com/y",
            "http://localhost:9000/x",
            "http://app.localhost/x",
            "http://127.0.0.1:9000/x",
            "http://127.9.9.9/",
            "http://[::1]:9000/x",
        ] {
            accepted(patch(good));
        }
        let refuse =
            |url: &str, message: &str| check(patch(url), &[format!("endpoints.{key}: {message}").as_str()]);
        for http in [
            "http://x.example.com/",
            "http://10.0.0.1/",
            "http://localhost.evil.example/",
            "http://cognito:9229/x",
        ] {
            // The issuer is compared, and nobody is sent to it.
            if key == "issuer" {
                accepted(patch(http));
            } else {
                refuse(http, &format!("`{http}` is http, which is only allowed for localhost"));
            }
        }
        refuse("ftp://x.example.com/", "`ftp://x.example.com/` is not an https URL");
        refuse(
            "x.example.com",
            "`x.example.com` is not a valid URL: https:// is missing (http:// for localhost)",
        );
        refuse(
            "localhost:9000",
            "`localhost:9000` is not a valid URL: https:// is missing (http:// for localhost)",
        );
        refuse("", "`` is not a valid URL: https:// is missing (http:// for localhost)");
        refuse("https://x.example.com/#f", "`https://x.example.com/#f` must have a host and no fragment");
        refuse("https://user@x.example.com/", "a URL with a user or a password in it is not accepted");
    }
    accepted(json!({"endpoints": {"token": "https://x.example.com/y?z=1"}}));
    check(
        json!({"endpoints": {"issuer": "https://x.example.com/y?z=1"}}),
        &["endpoints.issuer: must have no query"],
    );
    let own = json!({"endpoints": {"authorize": "https://x.example.com/y?redirect_uri=z"}});
    check(own, &["endpoints.authorize: has a parameter that the filter sets itself"]);
}

#[test]
fn an_emulator_in_a_container_may_be_the_issuer() {
    for issuer in ["http://cognito-local:9229/local_2AbCdEfG", "http://0.0.0.0:9229/local_2AbCdEfG"] {
        let pool = accepted(json!({"endpoints": {"issuer": issuer}})).pools[0].cognito.clone();
        assert_eq!(pool.issuer, issuer, "byte for byte");
        let jwks = pool.endpoints.jwks;
        assert_eq!(jwks.url, format!("{issuer}/.well-known/jwks.json"), "the key set follows");
        let authority = issuer.trim_start_matches("http://").split('/').next().unwrap();
        assert_eq!((jwks.scheme.as_str(), jwks.authority.as_str()), ("http", authority));
        // A key set URL that is configured is called, so it must meet the rules for URLs that are called.
        let own = format!("{issuer}/keys");
        check(
            json!({"endpoints": {"issuer": issuer, "jwks": own}}),
            &[format!("endpoints.jwks: `{own}` is http, which is only allowed for localhost").as_str()],
        );
    }
    for (garbage, message) in [
        ("cognito-local:9229/local_x", "is not a valid URL: https:// is missing (http:// for localhost)"),
        ("//cognito-local:9229/local_x", "is not a valid URL: https:// is missing (http:// for localhost)"),
        ("local_x", "is not a valid URL: https:// is missing (http:// for localhost)"),
        ("http://", "is not a valid URL: empty host"),
        ("http://cognito-local:9229/local_x#f", "must have a host and no fragment"),
        ("http://cognito-local:99999/local_x", "is not a valid URL: invalid port number"),
        ("urn:cognito:local", "is not a valid URL: https:// is missing (http:// for localhost)"),
    ] {
        let faults = [format!("endpoints.issuer: `{garbage}` {message}")];
        check(json!({"endpoints": {"issuer": garbage}}), &[faults[0].as_str()]);
    }
    check(
        json!({"endpoints": {"issuer": "http://cognito-local:9229/local_x?y"}}),
        &["endpoints.issuer: must have no query"],
    );
}

#[test]
fn the_issuers_and_the_key_set_follow_from_the_pool() {
    let id = "us-east-1_UFeMzbuJe";
    let original = format!("https://cognito-idp.us-east-1.amazonaws.com/{id}");
    let updated = format!("https://issuer-cognito-idp.us-east-1.amazonaws.com/{id}");
    let jwks = |issuer: &str| format!("{issuer}/.well-known/jwks.json");
    let pool = |patch| accepted(patch).pools[0].cognito.clone();
    let by_default = pool(json!({}));
    assert_eq!(by_default.issuers, [original.clone(), updated.clone()]);
    assert_eq!(by_default.endpoints.jwks.url, jwks(&original));
    assert!(by_default.endpoints.second_jwks.is_none());
    let one = pool(json!({"endpoints": {"issuer": updated}}));
    assert_eq!(one.issuers, std::slice::from_ref(&updated));
    assert_eq!(one.issuer, original, "the sessions of a pool are its own, whichever form its tokens have");
    assert_eq!(one.endpoints.jwks.url, jwks(&updated));
    assert_eq!(one.endpoints.second_jwks.unwrap().url, jwks(&original));
    assert_eq!(one.endpoints.api.url, "https://cognito-idp.us-east-1.amazonaws.com/");
    let replicas = pool(json!({"replica_regions": ["eu-west-1", "us-gov-west-1"]}));
    assert_eq!(replicas.issuers.len(), 6);
    for host in ["cognito-idp.eu-west-1", "issuer-cognito-idp.eu-west-1", "cognito-idp.us-gov-west-1"] {
        assert!(replicas.issuers.contains(&format!("https://{host}.amazonaws.com/{id}")), "{host}");
    }
    assert_eq!(pool(json!({"replica_regions": []})).issuers.len(), 2);
}

#[test]
fn a_replica_is_in_another_region() {
    for bad in ["", "EU-WEST-1", "eu_west_1", "eu-west", "euwest1", "eu-west-1.evil.example/", " eu-west-1"] {
        check(
            json!({"replica_regions": [bad]}),
            &[format!("replica_regions[0]: `{bad}` is not the name of a Region, such as eu-west-1").as_str()],
        );
    }
    check(
        json!({"replica_regions": ["us-east-1", "eu-west-1", "eu-west-1"]}),
        &[
            "replica_regions[0]: `us-east-1` is the pool's own Region",
            "replica_regions[2]: `eu-west-1` is listed twice",
        ],
    );
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    check(
        json!({"replica_regions": ["eu-west-1"], "endpoints": {"issuer": issuer}}),
        &[
            "replica_regions: has no effect beside `endpoints.issuer`, which accepts only itself; remove one of them",
        ],
    );
    // One error for each mistake.
    check(
        json!({"replica_regions": ["eu-west-1"], "user_pool_id": "x"}),
        &["user_pool_id: `x` is not a valid pool id (for example us-east-1_UFeMzbuJe)"],
    );
}

#[test]
fn the_api_has_the_key_sets_cluster_unless_it_has_its_own() {
    let clusters = |patch| accepted(json!({"clusters": patch})).pools[0].cognito.clusters.clone();
    assert_eq!(clusters(json!({})).api, "cognito_idp");
    assert_eq!(clusters(json!({"idp": "keys"})).api, "keys");
    assert_eq!(clusters(json!({"idp": "keys", "api": "api"})).api, "api");
    check(json!({"clusters": {"api": " "}}), &["clusters.api: is empty"]);
}

#[test]
fn with_every_endpoint_spelt_out_no_domain_is_needed() {
    let url = "https://x.example.com/y";
    let all = json!({"authorize": url, "token": url, "revoke": url, "logout": url});
    assert_eq!(accepted(json!({"domain": null, "endpoints": all})).pools[0].cognito.endpoints.token.url, url);
    let most = json!({"authorize": url, "token": url, "revoke": url});
    check(
        json!({"domain": null, "endpoints": most}),
        &["domain: is missing (for example myapp.auth.us-east-1.amazoncognito.com)"],
    );
}

#[test]
fn roles_need_a_separator() {
    check(json!({"roles": {"separator": ""}}), &["roles.separator: is empty"]);
}

#[test]
fn get_user_needs_its_scope_and_user_info_a_place() {
    let scopes = json!(["openid", "aws.cognito.signin.user.admin"]);
    let config = accepted(json!({"roles": {"attributes_from": "get_user"}, "scopes": scopes}));
    let api = &config.pools[0].cognito.endpoints.api.url;
    assert_eq!(api, "https://cognito-idp.us-east-1.amazonaws.com/");
    check(
        json!({"roles": {"attributes_from": "get_user"}}),
        &["roles.attributes_from: GetUser needs `aws.cognito.signin.user.admin` in `scopes`"],
    );
    let config = accepted(json!({"roles": {"attributes_from": "userinfo"}, "timeouts": {"userinfo": "3s"}}));
    let cognito = &config.pools[0].cognito;
    assert_eq!(
        cognito.endpoints.userinfo.url,
        "https://myapp.auth.us-east-1.amazoncognito.com/oauth2/userInfo"
    );
    assert_eq!(cognito.timeouts.userinfo, Duration::from_secs(3));
    let url = "https://login.example.com/x";
    let others = json!({"authorize": url, "token": url, "revoke": url, "logout": url});
    accepted(json!({"domain": null, "endpoints": others}));
    check(
        json!({"domain": null, "endpoints": others, "roles": {"attributes_from": "userinfo"}}),
        &["endpoints.userinfo: is missing, and so is `domain`; one of them is needed"],
    );
}

#[test]
fn an_unreadable_domain_is_one_fault() {
    check(json!({"domain": false}), &["domain: true or false where text is needed"]);
    assert_eq!(faults(json!({"domain": "${UNSET}"})).len(), 1);
}

#[test]
fn an_empty_name_of_a_cluster_is_refused() {
    check(json!({"clusters": {"domain": ""}}), &["clusters.domain: is empty"]);
}
