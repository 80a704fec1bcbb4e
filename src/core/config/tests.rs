//! Configurations: what is read, what is refused, and in which words.

use serde_json::{Value, json};

use super::*;
use crate::cognito::identity::Identity;
use crate::crypto::secret::{Entropy, NoEntropy};
use crate::http::cookie::SameSite;
use crate::rules::{Allow, Target};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The smallest configuration.
fn smallest() -> Value {
    json!({
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
        "domain": "myapp.auth.us-east-1.amazoncognito.com",
        "session": {"keys": [KEY]},
    })
}

/// JSON merge patch (RFC 7396).
fn merge(document: &mut Value, patch: &Value) {
    let (Value::Object(known), Value::Object(patch)) = (&mut *document, patch) else {
        *document = patch.clone();
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            known.remove(key);
        } else {
            merge(known.entry(key).or_insert_with(|| json!({})), value);
        }
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "POOL" => Some("eu-west-1_FromEnv".to_owned()),
        "KEY" => Some(KEY.to_owned()),
        "PATH_PART" => Some("login".to_owned()),
        "EMPTY" => Some(String::new()),
        "NESTED" => Some("${POOL}".to_owned()),
        "SECRET" => Some("hunter2-from-the-environment".to_owned()),
        _ => None,
    }
}

fn parse(patch: Value) -> Result<Config, Vec<ConfigError>> {
    let mut document = smallest();
    merge(&mut document, &patch);
    Config::parse(document.to_string().as_bytes(), &environment)
}

#[track_caller]
fn accepted(patch: Value) -> Config {
    parse(patch).unwrap()
}

/// The faults of a document, as the operator reads them.
#[track_caller]
fn faults(patch: Value) -> Vec<String> {
    parse(patch).unwrap_err().iter().map(ConfigError::to_string).collect()
}

#[track_caller]
fn check(patch: Value, expected: &[&str]) {
    assert_eq!(faults(patch.clone()), expected, "{patch}");
}

/// Whom a path lets in.
fn allow(config: &Config, path: &str) -> Allow {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    config.rules.find(&Target { path: &path, method: "GET", host: "app.example.com" }).allow()
}

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
    // Not a merge patch, which would take `null` out before anybody reads it.
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
        "endpoints": {"issuer": "https://issuer.cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe/"},
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
    assert_eq!(
        config.pools[0].cognito.issuer,
        "https://issuer.cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe/"
    );
    let jwks = "https://issuer.cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe/.well-known/jwks.json";
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
        "configuration: not JSON: `client_id` comes twice at line 1 column 33",
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
fn the_pool_and_its_client_must_look_like_it() {
    check(
        json!({"user_pool_id": "us-east-1"}),
        &["user_pool_id: `us-east-1` is no pool id (for example us-east-1_UFeMzbuJe)"],
    );
    check(json!({"user_pool_id": ""}), &["user_pool_id: is empty"]);
    check(json!({"client_id": " "}), &["client_id: is empty"]);
    check(json!({"client_id": "a b"}), &["client_id: `a b` is no app client id"]);
    check(json!({"client_secret": " "}), &["client_secret: is empty; leave it out for a public client"]);
    check(json!({"scopes": []}), &["scopes: `openid` is missing; without it Cognito sends no ID token"]);
    check(
        json!({"scopes": ["openid", "", "a b"]}),
        &["scopes[1]: `` is no scope", "scopes[2]: `a b` is no scope"],
    );
    check(
        json!({"authorize_params": {"state": "x", "lang": "fr"}}),
        &[
            "authorize_params.state: may not be set; these may: identity_provider, idp_identifier, lang, login_hint, \
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
        &["domain: `https://x.example.com` has a scheme; write the host alone, as in \
         myapp.auth.us-east-1.amazoncognito.com"],
    );
    for bad in
        ["x.example.com/", "x.example.com/login", "user@x.example.com", "x y", "x.example.com:port", "x?y"]
    {
        check(json!({"domain": bad}), &[format!("domain: `{bad}` is no host name {example}").as_str()]);
    }
    check(
        json!({"domain": "myapp"}),
        &[
            "domain: `myapp` is a prefix alone; write the whole host, as in myapp.auth.<region>.amazoncognito.com",
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
            // The issuer is compared, and nobody is sent there.
            if key == "issuer" {
                accepted(patch(http));
            } else {
                refuse(http, &format!("`{http}` is http; only localhost may be"));
            }
        }
        refuse("ftp://x.example.com/", "`ftp://x.example.com/`: https is needed, not ftp");
        refuse("x.example.com", "`x.example.com` is no URL: https:// is missing (http:// for localhost)");
        refuse("localhost:9000", "`localhost:9000` is no URL: https:// is missing (http:// for localhost)");
        refuse("", "`` is no URL: https:// is missing (http:// for localhost)");
        refuse("https://x.example.com/#f", "`https://x.example.com/#f` must have a host and no fragment");
        refuse("https://user@x.example.com/", "a URL with a user or a password in it is not taken");
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
        // What is said of it in so many words is called, and held to what is called.
        let own = format!("{issuer}/keys");
        check(
            json!({"endpoints": {"issuer": issuer, "jwks": own}}),
            &[format!("endpoints.jwks: `{own}` is http; only localhost may be").as_str()],
        );
    }
    for (garbage, message) in [
        ("cognito-local:9229/local_x", "is no URL: https:// is missing (http:// for localhost)"),
        ("//cognito-local:9229/local_x", "is no URL: https:// is missing (http:// for localhost)"),
        ("local_x", "is no URL: https:// is missing (http:// for localhost)"),
        ("http://", "is no URL: empty host"),
        ("http://cognito-local:9229/local_x#f", "must have a host and no fragment"),
        ("http://cognito-local:99999/local_x", "is no URL: invalid port number"),
        ("urn:cognito:local", "is no URL: https:// is missing (http:// for localhost)"),
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
fn a_public_url_is_an_origin() {
    check(
        json!({"public_url": "https://app.example.com/path"}),
        &["public_url: must be scheme and host alone, as in https://app.example.com"],
    );
    check(
        json!({"public_url": "https://app.example.com?x"}),
        &["public_url: must be scheme and host alone, as in https://app.example.com"],
    );
    check(
        json!({"public_url": "http://app.example.com"}),
        &["public_url: `http://app.example.com` is http; only localhost may be"],
    );
    check(
        json!({"public_url": "app.example.com"}),
        &["public_url: `app.example.com` is no URL: https:// is missing (http:// for localhost)"],
    );
}

#[test]
fn paths_are_plain() {
    let plain =
        |path: &str| format!("`{path}` must be a plain path such as /.auth, without a trailing slash");
    for bad in ["", "x", "/x/", "//x", "/x/../y", "/x?y", "/x#y", "/%78", "/x;y", "/x\\y"] {
        check(
            json!({"paths": {"after_sign_out": bad}}),
            &[format!("paths.after_sign_out: {}", plain(bad)).as_str()],
        );
    }
    for bad in ["", "x", "//x", "/x/../y", "/x?y", "/x#y", "/x\\y", "/%zz", "/%252e"] {
        check(json!({"paths": {"callback": bad}}), &[format!("paths.callback: {}", plain(bad)).as_str()]);
    }
    for registered in ["/", "/x/", "/%78", "/x;y", "/oauth2/idpresponse"] {
        assert_eq!(accepted(json!({"paths": {"callback": registered}})).paths.callback, registered);
    }
    check(
        json!({"paths": {"callback": "/.auth/me"}}),
        &["paths.callback: `/.auth/me` is another of the filter's own paths"],
    );
    for restless in ["/.auth/sign-in", "/.auth/sign-out", "/.auth/callback"] {
        let expected = format!("paths.after_sign_out: `{restless}` would never come to rest");
        check(json!({"paths": {"after_sign_out": restless}}), &[expected.as_str()]);
    }
}

#[test]
fn a_bad_prefix_is_one_fault() {
    check(
        json!({"paths": {"prefix": "/x/"}}),
        &["paths.prefix: `/x/` must be a plain path such as /.auth, without a trailing slash"],
    );
}

#[test]
fn a_callback_that_no_browser_can_ask_for_is_refused() {
    for bad in ["/ümlaut", "/a b"] {
        assert_eq!(faults(json!({"paths": {"callback": bad}})).len(), 1, "{bad}");
    }
}

#[test]
fn session_keys_come_in_both_alphabets_padded_or_not() {
    // Bytes that the two alphabets spell differently.
    let standard = "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=";
    let sealed = {
        let config = accepted(json!({"session": {"keys": [standard]}}));
        config.keyring.seal(&config.pools[0].binding(), b"text", &mut Zeros).unwrap()
    };
    let url_safe = standard.replace('+', "-").replace('/', "_");
    let unpadded = standard.trim_end_matches('=');
    let forms = [
        standard.to_owned(),
        unpadded.to_owned(),
        url_safe.clone(),
        url_safe.trim_end_matches('=').to_owned(),
        format!(" {standard}\n"),
    ];
    for form in forms {
        let config = accepted(json!({"session": {"keys": [form]}}));
        let opened = config.keyring.open(&config.pools[0].binding(), sealed.as_bytes());
        assert_eq!(opened.as_deref(), Some(b"text".as_slice()), "{form:?}");
    }
}

#[test]
fn session_keys_must_be_32_bytes_each_and_differ() {
    let missing = "session.keys: is missing: at least one key, made with `openssl rand -base64 32`";
    check(json!({"session": {"keys": []}}), &[missing]);
    check(json!({"session": {"keys": null}}), &[missing]);
    check(
        json!({"session": {"keys": ["MDEyMzQ1Njc4OWFiY2RlZg=="]}}),
        &["session.keys[0]: 16 bytes, 32 are needed"],
    );
    check(
        json!({"session": {"keys": [KEY, "", "not base64!", "+_v7"]}}),
        &[
            "session.keys[1]: 0 bytes, 32 are needed",
            "session.keys[2]: is not base64",
            "session.keys[3]: is not base64",
        ],
    );
    check(
        json!({"session": {"keys": [KEY, KEY.trim_end_matches('=')]}}),
        &["session.keys[1]: is the same key as an earlier one"],
    );
    // The characters themselves, where somebody took 32 of them for a key.
    check(
        json!({"session": {"keys": ["0123456789abcdef0123456789abcdef"]}}),
        &["session.keys[0]: 24 bytes, 32 are needed"],
    );
}

#[test]
fn lifetimes_and_timeouts_are_durations_within_reason() {
    for bad in ["", "12", "h", "1x", "1.5h", "-1h", "1h 30m", "99999999999999999999h"] {
        let expected = format!("session.lifetime: `{bad}` is no duration; write 30s, 5m, 12h or 1h30m");
        check(json!({"session": {"lifetime": bad}}), &[expected.as_str()]);
    }
    check(json!({"session": {"lifetime": "999ms"}}), &["session.lifetime: must be at least 1s"]);
    for key in ["token", "jwks", "revoke", "userinfo"] {
        for bad in ["0s", "61s", "1h"] {
            let expected = format!("timeouts.{key}: must be more than nothing and at most 60s");
            check(json!({"timeouts": {key: bad}}), &[expected.as_str()]);
        }
        accepted(json!({"timeouts": {key: "60s"}}));
    }
}

#[test]
fn cookies_that_browsers_would_drop_are_refused() {
    let cookie = |settings: Value| json!({"session": {"cookie": settings}});
    check(
        cookie(json!({"same_site": "none", "secure": false})),
        &["session.cookie.same_site: browsers drop `none` without `secure: true`"],
    );
    let lonely = "session.cookie.partitioned: goes with `same_site: none` alone: no other cookie is sent in another site's frame";
    for same_site in [json!(null), json!("lax"), json!("strict")] {
        check(cookie(json!({"partitioned": true, "same_site": same_site})), &[lonely]);
        accepted(cookie(json!({"partitioned": false, "same_site": same_site})));
    }
    check(
        cookie(json!({"partitioned": true, "same_site": "none", "secure": false})),
        &["session.cookie.same_site: browsers drop `none` without `secure: true`"],
    );
    check(
        cookie(json!({"partitioned": "yes", "same_site": "none"})),
        &["session.cookie.partitioned: text where true or false is needed"],
    );
    accepted(cookie(json!({"partitioned": true, "same_site": "none", "domain": "example.com"})));
    check(
        cookie(json!({"same_site": "Lax"})),
        &["session.cookie.same_site: `Lax` is not one of lax, strict, none"],
    );
    let long = "n".repeat(65);
    for bad in ["", "a b", "a=b", "a;b", "é", "__Host-auth", "__auth", long.as_str()] {
        let expected =
            format!("session.cookie.name: `{bad}` must be a short name of letters, digits, `-`, `_` or `.`");
        check(cookie(json!({"name": bad})), &[expected.as_str()]);
    }
    for bad in ["", "localhost", "com", ".com", "a..com", "example.com.", "https://example.com", "a b.com"] {
        let domain = bad.trim_start_matches('.');
        let expected =
            format!("session.cookie.domain: `{domain}` is no domain that browsers take cookies for");
        check(cookie(json!({"domain": bad})), &[expected.as_str()]);
    }
    let elsewhere =
        json!({"public_url": "https://app.example.org", "session": {"cookie": {"domain": "example.com"}}});
    check(
        elsewhere,
        &["session.cookie.domain: browsers at app.example.org would drop cookies for `example.com`"],
    );
    let lookalike =
        json!({"public_url": "https://myexample.com", "session": {"cookie": {"domain": "example.com"}}});
    check(
        lookalike,
        &["session.cookie.domain: browsers at myexample.com would drop cookies for `example.com`"],
    );
    check(
        json!({"public_url": "http://localhost:8080"}),
        &[
            "session.cookie.secure: public_url is http, so no sign-in could begin; for localhost set `secure: false`",
        ],
    );
    let insecure = json!({"public_url": "https://app.example.com", "session": {"cookie": {"secure": false}}});
    check(
        insecure,
        &["session.cookie.secure: `false` is for http://localhost only, and public_url isn't that"],
    );
}

#[test]
fn the_cookies_prefix_follows_from_its_attributes() {
    let check = |cookie: Value, expected: &str| {
        let config = accepted(json!({"session": {"cookie": cookie}}));
        assert_eq!(config.pools[0].cookies.identity, expected);
        assert_eq!(config.pools[0].cookies.tokens, format!("{expected}-tokens"));
        assert_eq!(config.pools[0].cookies.flow, format!("{expected}-flow-"));
    };
    check(json!({}), "__Host-auth");
    check(json!({"name": "sid"}), "__Host-sid");
    check(json!({"domain": "example.com"}), "__Secure-auth");
    check(json!({"secure": false}), "auth");
    check(json!({"secure": false, "domain": "dev.localhost"}), "auth");
    check(json!({"same_site": "none"}), "__Host-auth");
}

#[test]
fn headers_are_well_named_and_no_two_are_one() {
    let claims = |claims: Value| json!({"headers": {"claims": claims}});
    for bad in ["", "x y", "x:y", "x\ny", "é", "x/y"] {
        let expected =
            format!("headers.claims.{bad}: `{bad}` is no header name of letters, digits, `-`, `_` and `.`");
        check(claims(json!({bad: "sub"})), &[expected.as_str()]);
    }
    for reserved in [
        "host",
        "Cookie",
        "set-cookie",
        "content-length",
        "transfer-encoding",
        "te",
        "authorization",
        "connection",
        "content_length",
        "x-envoy-original-path",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-proto",
    ] {
        let name = reserved.to_ascii_lowercase();
        let expected = format!(
            "headers.claims.{reserved}: `{name}` carries the request itself and can't be set from a claim"
        );
        check(claims(json!({reserved: "sub"})), &[expected.as_str()]);
    }
    for twin in ["x-auth-user", "X-Auth-User", "x_auth_user", "x.auth.user"] {
        let name = twin.to_ascii_lowercase();
        let expected = format!("headers.claims.{twin}: `{name}` is set by another setting already");
        check(claims(json!({twin: "sub"})), &[expected.as_str()]);
    }
    check(
        claims(json!({"X-Tenant": "a", "x_tenant": "b"})),
        &["headers.claims.x_tenant: `x_tenant` is set by another setting already"],
    );
    check(claims(json!({"x-tenant": " "})), &["headers.claims.x-tenant: names no claim"]);
    check(
        json!({"headers": {"preset": "x-auht"}}),
        &["headers.preset: `x-auht` is not one of x-auth, x-auth-request, x-forwarded, x-token, none"],
    );
    // Without the preset its names are free.
    accepted(json!({"headers": {"preset": "none", "claims": {"x-auth-user": "sub"}}}));
}

#[test]
fn rules_have_paths_and_choices_that_can_be_read() {
    let rule = |rule: Value| json!({"rules": [rule]});
    let path = |text: &str| rule(json!({"path": text}));
    check(path("admin"), &["rules[0].path: `admin` must begin with a slash"]);
    check(path("/a?b"), &["rules[0].path: `/a?b` must be a path alone: no query, no fragment"]);
    check(path("/a//b"), &["rules[0].path: `/a//b` has an empty segment, which no path has"]);
    check(path("/a/../b"), &["rules[0].path: `/a/../b` has a dot segment, which no path has"]);
    check(path("/a*"), &["rules[0].path: `/a*`: `*` and `**` stand for whole segments, not within `a*`"]);
    check(
        rule(json!({"allow": "admins"})),
        &["rules[0].allow: `admins` is not one of everyone, optional, signed_in, nobody"],
    );
}

#[test]
fn a_pattern_that_no_path_can_match_is_refused() {
    for bad in ["/secret%20file", "/%61dmin", "/a;v=1", "/a\\b"] {
        assert_eq!(faults(json!({"rules": [{"path": bad, "allow": "nobody"}]})).len(), 1, "{bad}");
    }
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
        &["roles.attributes_from: GetUser needs `aws.cognito.signin.user.admin` among the `scopes`"],
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
        &["endpoints.userinfo: is missing, as is `domain`; userInfo must be somewhere"],
    );
}

#[test]
fn every_preset_has_its_names() {
    let names = |preset: &str| {
        let config = accepted(json!({"headers": {"preset": preset}}));
        let identity = Identity {
            subject: "sub".to_owned(),
            username: Some("user".to_owned()),
            email: Some("email".to_owned()),
            name: Some("name".to_owned()),
            roles: vec!["a b".to_owned(), "c,d".to_owned()],
            claims: Vec::new(),
        };
        let pairs = config.headers.render(&identity);
        let text = |(name, value): (&str, Vec<u8>)| format!("{name}: {}", String::from_utf8(value).unwrap());
        pairs.map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        names("x-auth-request"),
        [
            "x-auth-request-user: sub",
            "x-auth-request-email: email",
            "x-auth-request-preferred-username: user",
            "x-auth-request-groups: a b,c%2Cd"
        ]
    );
    assert_eq!(
        names("x-forwarded"),
        [
            "x-forwarded-user: sub",
            "x-forwarded-email: email",
            "x-forwarded-preferred-username: user",
            "x-forwarded-groups: a b,c%2Cd"
        ]
    );
    assert_eq!(
        names("x-token"),
        [
            "x-token-subject: sub",
            "x-token-user-name: name",
            "x-token-user-email: email",
            "x-token-user-roles: a%20b c%2Cd"
        ]
    );
    assert_eq!(names("none"), [""; 0]);
    check(
        json!({"headers": {"preset": "x-user"}}),
        &["headers.preset: `x-user` is not one of x-auth, x-auth-request, x-forwarded, x-token, none"],
    );
}

#[test]
fn tokens_go_under_a_name_of_their_own() {
    let config = accepted(json!({"headers": {
        "forward_id_token": "X-Id-Token", "forward_access_token": "authorization",
    }}));
    assert!(config.headers.is_ours("x_id_token") && config.headers.is_ours("Authorization"));
    check(
        json!({"headers": {"forward_id_token": "authorization", "forward_access_token": "Authorization"}}),
        &["headers.forward_access_token: `authorization` is set by another setting already"],
    );
    check(
        json!({"headers": {"forward_id_token": "x-auth-user", "forward_access_token": "cookie"}}),
        &[
            "headers.forward_id_token: `x-auth-user` is set by another setting already",
            "headers.forward_access_token: `cookie` carries the request itself and can't be set from a token",
        ],
    );
}

#[test]
fn bearer_tokens_are_off_until_they_are_asked_for() {
    assert!(accepted(json!({})).bearer.is_none());
    assert!(accepted(json!({"bearer": {"client_ids": ["a"]}})).bearer.is_none());
    let bearer = accepted(json!({"bearer": {"enabled": true}})).bearer.unwrap();
    assert_eq!((bearer.client_ids.len(), bearer.uses), (0, vec![TokenUse::Access]));
    let both = json!({"enabled": true, "client_ids": ["a", "b"], "token_use": ["id", "access"]});
    let bearer = accepted(json!({ "bearer": both })).bearer.unwrap();
    assert_eq!((bearer.client_ids.len(), bearer.uses), (2, vec![TokenUse::Id, TokenUse::Access]));
    check(
        json!({"bearer": {"enabled": true, "client_ids": [""], "token_use": ["refresh"]}}),
        &[
            "bearer.client_ids: has an empty id in it",
            "bearer.token_use[0]: `refresh` is not one of access, id",
        ],
    );
    check(json!({"bearer": {"token_use": []}}), &["bearer.token_use: is empty: `access`, `id`, or both"]);
}

#[test]
fn preflights_pass_only_where_it_says_so() {
    assert!(!accepted(json!({})).preflights_pass);
    assert!(accepted(json!({"cors_preflight": "pass"})).preflights_pass);
    check(json!({"cors_preflight": "yes"}), &["cors_preflight: `yes` is not one of deny, pass"]);
}

#[test]
fn pages_have_the_sites_name_logo_and_colour() {
    let pages = json!({"title": "Example", "logo": "https://cdn.example.com/l.svg", "accent": "#c00"});
    let design = accepted(json!({ "pages": pages })).pages;
    assert_eq!((design.title(), design.logo()), (Some("Example"), Some("https://cdn.example.com/l.svg")));
    assert!(design.style().contains("--act:#cc0000;--on:#fff"));
    accepted(json!({"pages": {"logo": "/assets/logo.png"}}));
    check(
        json!({"pages": {"title": " ", "logo": "//cdn.example.com/l.svg", "accent": "red"}}),
        &[
            "pages.title: must be a name of 80 characters at most",
            "pages.logo: `//cdn.example.com/l.svg` is no URL: https:// is missing (http:// for localhost); or write a path of this host",
            "pages.accent: `red` is no colour; write #0b57d0",
        ],
    );
    check(
        json!({"pages": {"logo": "http://cdn.example.com/l.svg"}}),
        &[
            "pages.logo: `http://cdn.example.com/l.svg` is http; only localhost may be; or write a path of this host",
        ],
    );
}

#[test]
fn environment_variables_stand_in_any_text() {
    let config = accepted(json!({
        "user_pool_id": "${POOL}",
        "session": {"keys": ["${KEY}"]},
        "paths": {"callback": "/${PATH_PART}/${PATH_PART}/done"},
        "client_secret": "${NESTED}",
        "authorize_params": {"login_hint": "$${POOL} costs $5 and $$"},
    }));
    assert_eq!(
        config.pools[0].cognito.issuer,
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_FromEnv"
    );
    assert_eq!(config.paths.callback, "/login/login/done");
    let secret = config.pools[0].cognito.client_secret.clone().unwrap();
    assert_eq!(secret.0.expose(), "${POOL}", "what a variable holds is not read once more");
    assert_eq!(config.pools[0].cognito.authorize_params[0].1, "${POOL} costs $5 and $$");
}

#[test]
fn an_unset_variable_is_one_fault_that_names_it() {
    let unset = |name: &str| {
        format!(
            "the environment variable {name} is not set in the VM (Envoy: set it in Envoy's environment, and \
             name it under vm_config.environment_variables.host_env_keys; Istio: under vmConfig.env)"
        )
    };
    let check = |patch: Value, path: &str, message: &str| {
        assert_eq!(faults(patch.clone()), [format!("{path}: {message}")], "{patch}");
    };
    check(json!({"user_pool_id": "${UNSET}"}), "user_pool_id", &unset("UNSET"));
    check(json!({"client_secret": "x${POOL}${UNSET}"}), "client_secret", &unset("UNSET"));
    check(json!({"session": {"keys": ["${UNSET}"]}}), "session.keys[0]", &unset("UNSET"));
    check(json!({"headers": {"claims": {"x-a": "${UNSET}"}}}), "headers.claims.x-a", &unset("UNSET"));
    check(json!({"rules": [{"path": "/${UNSET}"}]}), "rules[0].path", &unset("UNSET"));
    check(json!({"client_id": "${UNSET"}), "client_id", "`${` without `}`; write `$${` for a literal one");
    check(json!({"client_id": "${}"}), "client_id", "`${}` is no name of an environment variable");
    check(json!({"client_id": "${A-B}"}), "client_id", "`${A-B}` is no name of an environment variable");
    check(json!({"client_id": "${EMPTY}"}), "client_id", "is empty");
    check(
        json!({"client_secret": "${EMPTY}"}),
        "client_secret",
        "is empty; leave it out for a public client",
    );
}

#[test]
fn an_unreadable_domain_is_one_fault() {
    check(json!({"domain": false}), &["domain: true or false where text is needed"]);
    assert_eq!(faults(json!({"domain": "${UNSET}"})).len(), 1);
}

#[test]
fn every_item_of_a_list_is_checked_whatever_its_neighbours_are() {
    let keys = faults(json!({"session": {"keys": ["${UNSET}", "c2hvcnQ="]}}));
    assert!(keys.contains(&"session.keys[1]: 5 bytes, 32 are needed".to_owned()), "{keys:?}");
}

#[test]
fn an_empty_name_of_a_cluster_is_refused() {
    check(json!({"clusters": {"domain": ""}}), &["clusters.domain: is empty"]);
}

#[test]
fn no_fault_shows_a_secret() {
    let secret = "hunter2-hunter2";
    let encoded = "aHVudGVyMi1odW50ZXIy";
    let found = faults(json!({
        "client_secret": {"value": secret},
        "session": {"keys": [encoded, "hunter2-hunter2!", {"key": secret}, "${SECRET}"], "cookie": {"name": ""}},
        "unknown": secret,
        "bearer": {"client_ids": [secret]},
    }));
    assert!(found.len() >= 5, "{found:#?}");
    for fault in found {
        assert!(!fault.contains("hunter2") && !fault.contains("aHVudGVy"), "{fault}");
    }
    let broken = format!(r#"{{"client_secret":"{secret}","x":"#);
    let faults = Config::parse(broken.as_bytes(), &environment).unwrap_err();
    assert!(!faults[0].message.contains("hunter2"), "{}", faults[0]);
}

#[test]
fn no_fault_shows_the_password_of_a_url() {
    for patch in [
        json!({"endpoints": {"token": "https://user:hunter2@proxy.example.com/token"}}),
        json!({"public_url": "https://user:hunter2@app.example.com"}),
    ] {
        for fault in faults(patch) {
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let config = accepted(json!({"client_secret": "${SECRET}"}));
    let printed = format!("{config:?} {config:#?}");
    assert!(printed.contains("us-east-1_UFeMzbuJe"), "it shows the rest");
    assert!(!printed.contains("hunter2"));
    assert!(!printed.contains(KEY) && !printed.contains(KEY.trim_end_matches('=')));
    assert!(!printed.contains("0123456789abcdef"), "the key's bytes as text");
    assert!(!printed.contains("48, 49, 50, 51"), "the key's bytes as numbers");
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        out.fill(0);
        Ok(())
    }
}
