//! API clients, which send one of Cognito's tokens instead of a cookie.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rig::{RawRequest, Response};
use serde_json::{Value, json};
use stand_in::{Client, Endpoint, Fault, Pool, StandIn, Times};

use crate::world::{Plan, SUBJECT, Site, USER, callback_of, header, headers, parameter, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let config = |bearer: Value| {
        plan(json!({
            "bearer": bearer,
            "headers": { "forward_id_token": "x-id-token", "forward_access_token": "x-access-token" },
            "rules": [
                { "path": "/public/**", "allow": "everyone" },
                { "path": "/hello/**", "allow": "optional" },
                { "path": "/openid/**", "roles_any": ["scope:openid"] },
                { "path": "/email/**", "roles_any": ["scope:email"] },
                { "path": "/team/**", "roles_any": ["team"] },
                { "path": "/admin/**", "roles_any": ["admin"] },
            ],
        }))
        .at_cognito(with_api)
    };
    vec![
        ("bearer", config(json!({ "enabled": true }))),
        ("bearer-id", config(json!({ "enabled": true, "token_use": ["id"] }))),
        ("bearer-both", config(json!({ "enabled": true, "token_use": ["access", "id"] }))),
        ("bearer-clients", config(json!({ "enabled": true, "client_ids": ["bearer-clients-api"] }))),
        ("bearer-off", config(json!({ "enabled": false }))),
        (
            "bearer-bent",
            config(json!({ "enabled": true, "token_use": ["id"], "client_ids": ["bearer-bent-api"] })),
        ),
        ("bearer-rotated", config(json!({ "enabled": true }))),
    ]
}

/// A second app client without a secret, for tokens that tests get without the filter; and groups, one of which has a
/// name like a scope.
pub fn with_api(pool: &mut Pool) {
    let first = &pool.clients[0];
    let api =
        Client { callback_urls: first.callback_urls.clone(), ..Client::new(format!("{}-api", first.id)) };
    pool.clients.push(api);
    pool.users[0].groups = ["team", "scope:email"].map(str::to_owned).to_vec();
}

/// John Smith's tokens from an app client, as a program gets them: the whole response of the token endpoint.
pub fn tokens(cognito: &StandIn, client: &str, secret: Option<&str>, site: &str, scope: &str) -> Value {
    tokens_for(cognito, client, secret, site, &[("scope", scope)])
}

/// The same with any parameters of the authorization request.
pub fn tokens_for(
    cognito: &StandIn,
    client: &str,
    secret: Option<&str>,
    site: &str,
    params: &[(&str, &str)],
) -> Value {
    let callback = format!("https://{site}.example.test/.auth/callback");
    let query = |pairs: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    let mut authorize =
        vec![("response_type", "code"), ("client_id", client), ("redirect_uri", &callback), ("state", "x")];
    authorize.extend(params);
    let authorize = query(&authorize);
    let landed = callback_of(&format!("{}/oauth2/authorize?{authorize}", cognito.domain_url()));
    let code = parameter(&landed, "code").unwrap_or_else(|| panic!("no code: {landed}"));
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("redirect_uri", &callback),
        ("code", &code),
    ];
    form.extend(secret.map(|secret| ("client_secret", secret)));
    let request = RawRequest::post("/oauth2/token", query(&form));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = rig::send(cognito.domain_addr(), &request).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Tokens from a site's second client.
fn api_tokens(site: Site, scope: &str) -> Value {
    tokens(&world().cognito, &format!("{}-api", site.name), None, site.name, scope)
}

pub fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}

pub fn with(token: &str, target: &str) -> RawRequest {
    RawRequest::get(target).header("authorization", format!("Bearer {token}"))
}

/// The tokens of a session, as the app gets them: ID and access token.
fn session_tokens(site: Site) -> (String, String) {
    let seen = site.seen_from(&mut site.signed_in());
    let token = |name: &str| header(&seen, name).expect(name).to_owned();
    (token("x-id-token"), token("x-access-token"))
}

#[track_caller]
pub fn check_refused(response: &Response, what: &str) {
    assert_eq!(response.status, 401, "{what}: {response:?}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{what}");
    assert_eq!(response.json(), json!({ "error": "invalid_token" }), "{what}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{what}");
    assert!(response.set_cookies().is_empty() && response.location().is_none(), "{what}: {response:?}");
}

#[test]
fn an_access_token_says_who_somebody_is() {
    let site = world().site("bearer");
    let (_, access) = session_tokens(site);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = RawRequest::get("/json").header("authorization", format!("{scheme} {access}"));
        let response = site.send(request.header("x-auth-email", "spoofed").header("x_auth_user", "spoofed"));
        assert_eq!(response.status, 200, "{response:?}");
        assert!(response.set_cookies().is_empty(), "a bearer token starts no session");
        let seen = response.json();
        assert_eq!(headers(&seen, "x-auth-user"), [USER]);
        assert_eq!(header(&seen, "x-auth-subject"), Some(SUBJECT));
        assert_eq!(header(&seen, "x-auth-roles"), Some("team,scope:openid"), "a group is never a scope");
        assert_eq!(header(&seen, "x-auth-email"), None, "an access token doesn't tell");
        assert_eq!(header(&seen, "x-access-token"), Some(access.as_str()));
        assert_eq!(header(&seen, "x-id-token"), None);
        assert!(!seen["headers"].to_string().contains("spoofed"), "{seen}");
    }
    assert_eq!(site.send(with(&access, "/team/x")).status, 200);
    let me = site.send(with(&access, "/.auth/me").header("accept", "application/json")).json();
    assert_eq!((&me["username"], &me["roles"]), (&json!(USER), &json!(["team", "scope:openid"])));
}

#[test]
fn only_bearer_tokens_have_scopes_as_roles() {
    let site = world().site("bearer-clients");
    let status = |scope: &str, target: &str| {
        let tokens = api_tokens(site, scope);
        site.send(with(text(&tokens, "access_token"), target)).status
    };
    assert_eq!(status("openid", "/openid/x"), 200);
    assert_eq!(status("openid", "/email/x"), 403, "not by a group of that name");
    assert_eq!(status("openid email", "/email/x"), 200);
    assert_eq!(status("aws.cognito.signin.user.admin", "/openid/x"), 403);
    let mut browser = world().site("bearer").signed_in();
    for target in ["/openid/x", "/email/x"] {
        let url = world().site("bearer").url(target);
        assert_eq!(browser.fetch(&url).status, 403, "{target}: a session has no scopes");
    }
}

#[test]
fn id_tokens_are_taken_where_they_are_listed() {
    for (name, takes_id, takes_access) in
        [("bearer", false, true), ("bearer-id", true, false), ("bearer-both", true, true)]
    {
        let site = world().site(name);
        let (id, access) = session_tokens(site);
        for (what, token, taken) in [("ID", &id, takes_id), ("access", &access, takes_access)] {
            let response = site.send(with(token, "/json"));
            if taken {
                assert_eq!(response.status, 200, "{name}: {what}: {response:?}");
                let seen = response.json();
                assert_eq!(header(&seen, "x-auth-user"), Some(USER), "{name}: {what}");
                let email = (what == "ID").then_some("jsmith@example.com");
                assert_eq!(header(&seen, "x-auth-email"), email, "{name}: {what}");
                let roles = if what == "ID" { "team,authp/admin,authp/user" } else { "team,scope:openid" };
                assert_eq!(header(&seen, "x-auth-roles"), Some(roles), "{name}: {what}");
            } else {
                check_refused(&response, &format!("{name}: {what}"));
            }
        }
        let foreign = api_tokens(site, "openid");
        check_refused(&site.send(with(text(&foreign, "id_token"), "/json")), "by aud");
    }
}

#[test]
fn only_listed_clients_tokens_are_taken() {
    let site = world().site("bearer-clients");
    let api = api_tokens(site, "openid");
    assert_eq!(site.send(with(text(&api, "access_token"), "/json")).status, 200);
    let (_, own) = session_tokens(site);
    check_refused(&site.send(with(&own, "/json")), "the list stands in the own client's place");
}

#[test]
fn a_token_is_refused_in_one_way_whatever_is_wrong_with_it() {
    let site = world().site("bearer");
    let session = site.signed_in().cookie_header(&site.url("/"));
    let (id, access) = session_tokens(site);
    let wrong_client = api_tokens(site, "openid");
    let other_pool = tokens(&world().cognito, "public-client", None, "public-client", "openid");
    let parts: Vec<&str> = access.split('.').collect();
    let bent = |at: usize| {
        let mut bytes = access.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("ASCII")
    };
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let kid = URL_SAFE_NO_PAD.decode(parts[0]).expect("base64");
    let kid: Value = serde_json::from_slice(&kid).expect("a header");
    let none_of_kid = URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": kid["kid"] }).to_string());
    let values = [
        ("wrong client", format!("Bearer {}", text(&wrong_client, "access_token"))),
        ("other pool", format!("Bearer {}", text(&other_pool, "access_token"))),
        ("ID token", format!("Bearer {id}")),
        ("signature", format!("Bearer {}", bent(access.len() - 20))),
        ("payload", format!("Bearer {}", bent(parts[0].len() + 30))),
        ("header", format!("Bearer {}", bent(10))),
        ("alg none", format!("Bearer {none}.{}.", parts[1])),
        ("alg none, signed", format!("Bearer {none_of_kid}.{}.{}", parts[1], parts[2])),
        ("no signature", format!("Bearer {}.{}.", parts[0], parts[1])),
        ("two parts", format!("Bearer {}.{}", parts[0], parts[1])),
        ("garbage", "Bearer abc".to_owned()),
        ("dots", "Bearer ..".to_owned()),
        ("long", format!("Bearer {}", "a".repeat(70_000))),
        ("nothing", "Bearer".to_owned()),
        ("spaces", "Bearer   ".to_owned()),
        ("two", format!("Bearer {access} {access}")),
        ("a list", format!("Bearer {access}, Bearer {access}")),
        ("quoted", format!("Bearer \"{access}\"")),
    ];
    for (what, value) in &values {
        let request = || RawRequest::get("/json").header("authorization", value);
        check_refused(&site.send(request()), what);
        check_refused(&site.send(request().header("sec-fetch-mode", "navigate")), what);
        check_refused(&site.send(request().header("cookie", &session)), what);
        // Where everybody is allowed, they are anonymous, even if they also send a valid session.
        for target in ["/public/json", "/hello/json"] {
            let request = RawRequest::get(target).header("authorization", value);
            let response = site.send(request.header("cookie", &session));
            assert_eq!(response.status, 200, "{what}: {response:?}");
            let seen = response.json();
            let known = ["x-auth-user", "x-auth-roles", "x-access-token"].map(|name| header(&seen, name));
            assert_eq!(known, [None; 3], "{what}");
        }
    }
    let twice = with(&access, "/json").header("authorization", format!("Bearer {access}"));
    check_refused(&site.send(twice), "two headers");
    let mixed = with(&access, "/json").header("authorization", "Basic eDp5");
    check_refused(&site.send(mixed), "two credentials");
    let mixed = RawRequest::get("/json").header("authorization", "Basic eDp5");
    let mixed = mixed.header("authorization", format!("Bearer {access}"));
    assert_eq!(site.send(mixed).status, 401, "the other way round, Envoy makes one of Basic of them");
    assert_eq!(
        site.send(with(&access, "/json").header("cookie", &session)).status,
        200,
        "the token itself was valid"
    );
    assert!(!world().envoy.log().contains(parts[2]), "no token is ever logged");
}

#[test]
fn what_a_token_claims_is_verified() {
    let site = world().site("bearer-bent");
    let good = api_tokens(site, "openid");
    assert_eq!(site.send(with(text(&good, "id_token"), "/json")).status, 200);
    for fault in [
        Fault::Expired,
        Fault::IssuedInFuture,
        Fault::NoExp,
        Fault::NoSubject,
        Fault::WrongAudience,
        Fault::WrongIssuer,
        Fault::WrongTokenUse,
        Fault::BadSignature,
        Fault::AlgNone,
        Fault::Hs256WithPublicKey,
        Fault::UnknownKid,
    ] {
        world().cognito.fault(Endpoint::Token, "bearer-bent-api", fault.clone(), Times::Next(1));
        let bent = api_tokens(site, "openid");
        check_refused(&site.send(with(text(&bent, "id_token"), "/json")), &format!("{fault:?}"));
    }
    assert!(world().envoy.log_line("event=bearer.rejected reason=expired").is_some());
}

#[test]
fn other_schemes_are_left_to_the_cookie() {
    let site = world().site("bearer");
    let session = site.signed_in().cookie_header(&site.url("/"));
    for value in ["Basic eDp5", "Digest username=x", "Bearerx abc", "abc"] {
        let request = || RawRequest::get("/json").header("authorization", value);
        let seen = site.send(request().header("cookie", &session)).json();
        assert_eq!(header(&seen, "x-auth-user"), Some(USER), "{value}");
        assert_eq!(header(&seen, "authorization"), Some(value), "it is the app's");
        let nobody = site.send(request());
        assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, Some("Bearer")), "{value}");
    }
}

#[test]
fn where_they_are_not_taken_tokens_are_the_apps_business() {
    let site = world().site("bearer-off");
    let session = site.signed_in().cookie_header(&site.url("/"));
    let (_, access) = session_tokens(site);
    assert_eq!(site.send(with(&access, "/json")).status, 401);
    let seen = site.send(with("abc", "/json").header("cookie", &session)).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    assert_eq!(header(&seen, "authorization"), Some("Bearer abc"));
}

#[test]
fn a_missing_role_is_insufficient_scope() {
    let site = world().site("bearer");
    let (_, access) = session_tokens(site);
    let response = site.send(with(&access, "/admin/x"));
    assert_eq!(response.status, 403);
    assert_eq!(response.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
    assert_eq!(response.json(), json!({ "error": "forbidden" }));
    let public = site.send(with(&access, "/public/json")).json();
    assert_eq!(header(&public, "x-auth-user"), Some(USER), "public paths get the identity headers too");
}
