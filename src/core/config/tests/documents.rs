//! The whole document: defaults, errors in every section at once, unknown settings.

use super::*;

#[test]
fn the_smallest_configuration_has_the_defaults_of_the_contract() {
    let config = accepted(json!({}));
    let pool = &config.pools[0].cognito;
    assert_eq!(pool.issuer, "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe");
    assert_eq!(pool.scopes, ["openid"]);
    assert!(pool.client_secret.is_none() && pool.authorize_params.is_empty());
    let domain = "https://myapp.auth.us-east-1.amazoncognito.com";
    assert_eq!(pool.endpoints.authorize.url, format!("{domain}/oauth2/authorize"));
    assert_eq!(pool.endpoints.token.url, format!("{domain}/oauth2/token"));
    assert_eq!(pool.endpoints.revoke.url, format!("{domain}/oauth2/revoke"));
    assert_eq!(pool.endpoints.logout.url, format!("{domain}/logout"));
    assert_eq!(pool.endpoints.jwks.url, format!("{}/.well-known/jwks.json", pool.issuer));
    assert_eq!(
        (pool.clusters.domain.as_str(), pool.clusters.idp.as_str()),
        ("cognito_domain", "cognito_idp")
    );
    assert_eq!(pool.timeouts.token, Duration::from_secs(5));
    assert_eq!(pool.timeouts.jwks, Duration::from_secs(5));
    assert_eq!(pool.timeouts.revoke, Duration::from_secs(2));
    assert_eq!(config.public_url, None);
    let paths = &config.paths;
    assert_eq!(paths.sign_in, "/.auth/sign-in");
    assert_eq!(paths.sign_out, "/.auth/sign-out");
    assert_eq!(paths.callback, "/.auth/callback");
    assert_eq!(paths.me, "/.auth/me");
    assert_eq!(paths.signed_out, "/.auth/signed-out");
    assert_eq!(paths.after_sign_out, "/.auth/signed-out");
    let cookies = &config.pools[0].cookies;
    assert_eq!(cookies.identity, "__Host-auth");
    assert_eq!(cookies.tokens, "__Host-auth-tokens");
    assert_eq!(cookies.flow, "__Host-auth-flow-");
    assert!(cookies.attributes.secure && cookies.attributes.domain.is_none());
    assert_eq!(cookies.same_site, SameSite::Lax);
    assert_eq!(config.lifetime, Duration::from_secs(12 * 3600));
    assert_eq!(config.pools[0].roles.claims, ["cognito:groups", "custom:roles"]);
    assert_eq!(config.pools[0].roles.separator, "|");
    for ours in ["x-auth-user", "x-auth-subject", "x-auth-email", "x-auth-name", "x-auth-roles"] {
        assert!(config.headers.is_ours(ours), "{ours}");
    }
    assert_eq!(allow(&config, "/anywhere"), Allow::SignedIn);
}

#[test]
fn null_is_as_good_as_absent() {
    // Not a merge patch, which would remove the nulls before they are read.
    let mut document = smallest();
    for absent in
        ["client_secret", "scopes", "public_url", "paths", "roles", "headers", "rules", "bearer", "pools"]
    {
        document[absent] = Value::Null;
    }
    document["session"]["idle"] = Value::Null;
    document["session"]["cookie"] = json!({"domain": null, "same_site": null});
    let config = Config::parse(document.to_string().as_bytes(), &environment).unwrap();
    assert_eq!(config.pools[0].cookies.identity, "__Host-auth");
    document["client_id"] = Value::Null;
    let faults = Config::parse(document.to_string().as_bytes(), &environment).unwrap_err();
    assert_eq!(faults[0].to_string(), "client_id: is missing (for example 2jvuq8gkhfoh7u4fdfihiditj5)");
}

#[test]
fn what_the_operator_writes_is_what_is_meant() {
    let config = accepted(json!({
        "client_secret": "s",
        "scopes": ["openid", "email"],
        "clusters": {"domain": "outbound|443||x", "idp": "y"},
        "endpoints": {"issuer": "https://cognito.example.com/us-east-1_UFeMzbuJe/"},
        "authorize_params": {"lang": "fr"},
        "public_url": "https://App.Example.com",
        "paths": {"prefix": "/oauth", "callback": "/done", "after_sign_out": "/"},
        "session": {
            "lifetime": "1h30m",
            "cookie": {"name": "sid", "domain": ".Example.COM", "same_site": "strict"},
        },
        "roles": {"claims": ["custom:groups"], "separator": ", "},
        "headers": {"preset": "none", "claims": {"X-Tenant": "custom:tenant"}},
        "rules": [{"name": "open", "path": "/open/**", "allow": "everyone"}],
        "timeouts": {"token": "500ms", "jwks": "60s"},
    }));
    assert_eq!(config.pools[0].cognito.clusters.domain, "outbound|443||x");
    assert_eq!(config.pools[0].cognito.issuer, "https://cognito.example.com/us-east-1_UFeMzbuJe/");
    let jwks = "https://cognito.example.com/us-east-1_UFeMzbuJe/.well-known/jwks.json";
    assert_eq!(config.pools[0].cognito.endpoints.jwks.url, jwks);
    assert_eq!(config.public_url.as_ref().map(Origin::url).as_deref(), Some("https://app.example.com"));
    assert_eq!(config.paths.sign_in, "/oauth/sign-in");
    assert_eq!((config.paths.callback.as_str(), config.paths.after_sign_out.as_str()), ("/done", "/"));
    assert_eq!(config.pools[0].cookies.identity, "__Secure-sid");
    assert_eq!(config.pools[0].cookies.attributes.domain.as_deref(), Some("example.com"));
    assert_eq!(config.pools[0].cookies.same_site, SameSite::Strict);
    assert_eq!(config.lifetime, Duration::from_secs(5400));
    assert_eq!(config.pools[0].cognito.timeouts.token, Duration::from_millis(500));
    assert_eq!(config.headers.claims(), ["custom:tenant"]);
    assert!(!config.headers.is_ours("x-auth-user"));
    assert_eq!(allow(&config, "/open/x"), Allow::Everyone);
}

#[test]
fn a_document_that_cant_be_read_is_one_fault() {
    let check = |document: &[u8], expected: &str| {
        let faults = Config::parse(document, &environment).unwrap_err();
        assert_eq!(faults.iter().map(ConfigError::to_string).collect::<Vec<_>>(), [expected]);
    };
    check(b"", "configuration: there is none: give the filter a `configuration`");
    check(b"{", "configuration: not JSON: EOF while parsing an object at line 1 column 1");
    check(b"{} {}", "configuration: not JSON: trailing characters at line 1 column 4");
    check(
        br#"{"client_id":"a","client_id":"b"}"#,
        "configuration: not JSON: `client_id` is set twice at line 1 column 33",
    );
    check(b"user_pool_id: x", "configuration: not JSON: expected value at line 1 column 1");
}

#[test]
fn a_document_that_is_no_object_says_so() {
    for (document, kind) in
        [("[]", "a list"), ("\"x\"", "text"), ("7", "a number"), ("true", "true or false")]
    {
        let faults = Config::parse(document.as_bytes(), &environment).unwrap_err();
        assert_eq!(faults[0].to_string(), format!("{kind} where an object is needed"));
    }
}

#[test]
fn an_empty_document_names_all_that_is_missing() {
    let faults = Config::parse(b"{}", &environment).unwrap_err();
    let faults: Vec<String> = faults.iter().map(ConfigError::to_string).collect();
    let mut expected = vec![
        "user_pool_id: is missing (for example us-east-1_UFeMzbuJe)",
        "client_id: is missing (for example 2jvuq8gkhfoh7u4fdfihiditj5)",
        "domain: is missing (for example myapp.auth.us-east-1.amazoncognito.com)",
        "session.keys: is missing: at least one key, made with `openssl rand -base64 32`",
    ];
    expected.sort_unstable();
    let mut found: Vec<&str> = faults.iter().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn faults_of_every_section_come_all_at_once() {
    let found = faults(json!({
        "user_pool_id": "nonsense",
        "client_id": "",
        "client_secret": 7,
        "domain": "https://x.example.com",
        "scopes": ["email"],
        "public_url": "http://app.example.com",
        "paths": {"callback": "callback"},
        "session": {"keys": ["c2hvcnQ="], "lifetime": "soon", "cookie": {"name": "a b"}},
        "roles": {"separator": ""},
        "headers": {"claims": {"Cookie": "sub"}},
        "rules": [{"path": "admin"}, {"allow": "all"}],
        "timeouts": {"token": "0s"},
        "sesion": {},
    }));
    let paths = [
        "user_pool_id",
        "client_id",
        "client_secret",
        "domain",
        "scopes",
        "public_url",
        "paths.callback",
        "session.keys[0]",
        "session.lifetime",
        "session.cookie.name",
        "roles.separator",
        "headers.claims.Cookie",
        "rules[0].path",
        "rules[1].allow",
        "timeouts.token",
        "sesion",
    ];
    for path in paths {
        let named = found.iter().filter(|fault| fault.starts_with(&format!("{path}: "))).count();
        assert_eq!(named, 1, "{path} in {found:#?}");
    }
    assert_eq!(found.len(), paths.len(), "{found:#?}");
}

#[test]
fn an_unknown_setting_is_named_with_the_nearest_known_one() {
    let unknown = |near: &str| format!("unknown setting; did you mean `{near}`?");
    let check = |patch: Value, path: &str, near: Option<&str>| {
        let message = near.map_or_else(|| "unknown setting".to_owned(), unknown);
        assert_eq!(faults(patch.clone()), [format!("{path}: {message}")], "{patch}");
    };
    check(json!({"user_pool": "x"}), "user_pool", Some("user_pool_id"));
    check(json!({"clientid": "x"}), "clientid", Some("client_id"));
    check(json!({"Domain": "x"}), "Domain", Some("domain"));
    check(json!({"zzzzzzzzzz": 1}), "zzzzzzzzzz", None);
    check(json!({"": 1}), "\"\"", None);
    check(json!({"clusters": {"": "x"}}), "clusters.\"\"", None);
    check(json!({"clusters": {"ipd": "x"}}), "clusters.ipd", Some("idp"));
    check(json!({"endpoints": {"jwk": "https://x"}}), "endpoints.jwk", Some("jwks"));
    check(json!({"paths": {"calback": "/x"}}), "paths.calback", Some("callback"));
    check(json!({"session": {"life_time": "1h"}}), "session.life_time", Some("lifetime"));
    check(json!({"session": {"cookie": {"samesite": "lax"}}}), "session.cookie.samesite", Some("same_site"));
    check(json!({"roles": {"seperator": ","}}), "roles.seperator", Some("separator"));
    check(json!({"headers": {"presets": "none"}}), "headers.presets", Some("preset"));
    check(json!({"rules": [{"paths": "/x"}]}), "rules[0].paths", Some("path"));
    check(json!({"bearer": {"enable": false}}), "bearer.enable", Some("enabled"));
    check(json!({"timeouts": {"tokens": "1s"}}), "timeouts.tokens", Some("token"));
}

#[test]
fn a_value_of_another_kind_is_refused() {
    check(json!({"user_pool_id": 7}), &["user_pool_id: a number where text is needed"]);
    check(json!({"client_id": ["x"]}), &["client_id: a list where text is needed"]);
    check(json!({"scopes": "openid"}), &["scopes: text where a list is needed"]);
    check(json!({"scopes": ["openid", 7]}), &["scopes[1]: a number where text is needed"]);
    check(json!({"clusters": []}), &["clusters: a list where an object is needed"]);
    check(json!({"paths": "x"}), &["paths: text where an object is needed"]);
    check(json!({"session": {"keys": KEY}}), &["session.keys: text where a list is needed"]);
    check(json!({"session": {"keys": [7]}}), &["session.keys[0]: a number where text is needed"]);
    check(json!({"session": {"lifetime": 12}}), &["session.lifetime: a number where text is needed"]);
    check(
        json!({"session": {"cookie": {"secure": "no"}}}),
        &["session.cookie.secure: text where true or false is needed"],
    );
    check(json!({"rules": {}}), &["rules: an object where a list is needed"]);
    check(json!({"rules": ["/x"]}), &["rules[0]: text where an object is needed"]);
    check(json!({"rules": [{"path": "/x"}, {"path": 1}]}), &["rules[1].path: a number where text is needed"]);
    check(json!({"headers": {"claims": {"x-a": 1}}}), &["headers.claims.x-a: a number where text is needed"]);
    check(json!({"authorize_params": {"lang": []}}), &["authorize_params.lang: a list where text is needed"]);
    check(json!({"bearer": {"enabled": "no"}}), &["bearer.enabled: text where true or false is needed"]);
}

#[test]
fn every_item_of_a_list_is_checked_whatever_its_neighbours_are() {
    let keys = faults(json!({"session": {"keys": ["${UNSET}", "c2hvcnQ="]}}));
    assert!(keys.contains(&"session.keys[1]: 5 bytes, 32 are needed".to_owned()), "{keys:?}");
}
