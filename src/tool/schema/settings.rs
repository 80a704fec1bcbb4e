//! All settings, as the schema describes them. A test holds them to those that the core knows.

use serde_json::{Map, Value, json};

use crate::tool::schema::shapes::{
    choice, duration, flag, list, object, pattern, settings, some_text, text, text_map, with,
};

const HOST: &str = r"\*\.[A-Za-z0-9_.-]+|[A-Za-z0-9_.:-]+|\[[0-9A-Fa-f:.]+\]";
const URL: &str = r"https://\S+|http://(?:[A-Za-z0-9.-]*localhost|127\.[0-9.]+|\[::1\])(?:[:/?]\S*)?";
const PATH: &str = r"/[!->@-~]*";
const HEADER: &str = r"[A-Za-z0-9._-]+";
const SCOPE: &str = r"[!#-\[\]-~]+";

/// What a pool has of its own; it stands at the root where there is but one.
pub fn of_a_pool() -> Map<String, Value> {
    let openid =
        json!({ "anyOf": [{ "const": "openid" }, { "type": "string", "pattern": r"\$\{[A-Za-z0-9_]+\}" }] });
    let scopes = list(
        "What is asked for at sign-in; openid must be among it. openid alone yields every attribute that the client may read.",
        pattern("A scope.", SCOPE),
    );
    settings([
        (
            "user_pool_id",
            with(
                pattern("The user pool. Region, issuer and API follow from it.", "[a-z0-9-]+_[A-Za-z0-9]+"),
                "examples",
                json!(["us-east-1_UFeMzbuJe"]),
            ),
        ),
        ("client_id", pattern("The app client's id.", "[A-Za-z0-9_+-]{1,128}")),
        (
            "client_secret",
            pattern(
                "The app client's secret. Leave it out for a public client, which PKCE protects alone.",
                r"\S+",
            ),
        ),
        (
            "domain",
            with(
                pattern(
                    "The hosted UI's domain, prefix or custom, without a scheme.",
                    r"[A-Za-z0-9_.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?",
                ),
                "examples",
                json!(["myapp.auth.us-east-1.amazoncognito.com"]),
            ),
        ),
        ("scopes", with(with(scopes, "contains", openid), "default", json!(["openid"]))),
        (
            "clusters",
            object(
                "Names of the Envoy clusters that the filter calls.",
                settings([
                    (
                        "domain",
                        with(
                            some_text("Leads to the domain: tokens, userInfo, revocation."),
                            "default",
                            json!("cognito_domain"),
                        ),
                    ),
                    (
                        "idp",
                        with(
                            some_text("Leads to the issuer's host: key set, GetUser."),
                            "default",
                            json!("cognito_idp"),
                        ),
                    ),
                ]),
            ),
        ),
        (
            "endpoints",
            object(
                "Addresses in place of those that follow from pool and domain: for an updated issuer, a proxy or a stand-in.",
                endpoints(),
            ),
        ),
        (
            "authorize_params",
            object(
                "Parameters that are added to the authorization request.",
                settings([
                    ("identity_provider", text("Goes to this provider at once.")),
                    ("idp_identifier", text("Goes to the provider of this identifier at once.")),
                    ("lang", text("The language of the hosted UI.")),
                    ("login_hint", text("A user name to begin with.")),
                    ("prompt", text("Such as login, which asks for the password in any case.")),
                    ("resource", text("The resource server that tokens are for.")),
                ]),
            ),
        ),
        (
            "roles",
            object(
                "Where roles and attributes come from.",
                settings([
                    (
                        "claims",
                        with(
                            list(
                                "Claims that are lists of roles, or texts to split.",
                                some_text("The name of a claim."),
                            ),
                            "default",
                            json!(["cognito:groups", "custom:roles"]),
                        ),
                    ),
                    ("separator", with(pattern("What splits a text.", r"[\s\S]+"), "default", json!("|"))),
                    (
                        "attributes_from",
                        choice(
                            "Where attributes are read that the ID token may lack.",
                            &["id_token", "userinfo", "get_user"],
                            "id_token",
                        ),
                    ),
                ]),
            ),
        ),
    ])
}

fn endpoints() -> Map<String, Value> {
    settings([
        ("issuer", pattern("Compared with `iss` byte for byte.", URL)),
        ("authorize", pattern("Where browsers sign in.", URL)),
        ("token", pattern("Called through clusters.domain.", URL)),
        ("userinfo", pattern("Called through clusters.domain, with attributes_from: userinfo alone.", URL)),
        ("revoke", pattern("Called through clusters.domain.", URL)),
        ("logout", pattern("Gets client_id and logout_uri.", URL)),
        ("jwks", pattern("Called through clusters.idp; below the issuer otherwise.", URL)),
        ("api", pattern("Called through clusters.idp, with attributes_from: get_user alone.", URL)),
    ])
}

/// What a pool has besides where there are several.
pub fn of_several() -> Map<String, Value> {
    settings([
        (
            "name",
            with(
                pattern("Stands in addresses, rules and names of cookies.", "[a-z0-9_-]{1,32}"),
                "type",
                json!("string"),
            ),
        ),
        (
            "label",
            with(text("What people read where they choose; the name otherwise."), "maxLength", json!(80)),
        ),
        (
            "hosts",
            with(
                list(
                    "Hosts at which this pool is the only choice.",
                    pattern("A host, or *.example.com.", HOST),
                ),
                "minItems",
                json!(1),
            ),
        ),
    ])
}

/// What all pools share.
pub fn shared() -> Map<String, Value> {
    settings([
        (
            "public_url",
            with(
                pattern(
                    "Scheme and host that browsers see; the request's otherwise.",
                    r"https?://[^/?#\s*]+/?",
                ),
                "examples",
                json!(["https://app.example.com"]),
            ),
        ),
        (
            "paths",
            object(
                "The filter's own paths.",
                settings([
                    (
                        "prefix",
                        with(
                            pattern("sign-in, sign-out, me and signed-out live below it.", r"/[!->@-~]+"),
                            "default",
                            json!("/.auth"),
                        ),
                    ),
                    (
                        "callback",
                        with(
                            pattern(
                                "Registered at Cognito as callback URL; below the prefix otherwise.",
                                PATH,
                            ),
                            "default",
                            json!("/.auth/callback"),
                        ),
                    ),
                    (
                        "after_sign_out",
                        with(
                            pattern(
                                "Registered at Cognito as sign-out URL; below the prefix otherwise.",
                                PATH,
                            ),
                            "default",
                            json!("/.auth/signed-out"),
                        ),
                    ),
                ]),
            ),
        ),
        ("session", session()),
        ("headers", headers()),
        (
            "rules",
            with(
                list(
                    "Who may see what. The first rule that matches decides; behind all stands { path: \"/**\", allow: signed_in }.",
                    rule(),
                ),
                "default",
                json!([]),
            ),
        ),
        (
            "bearer",
            object(
                "API clients with a token of Cognito's instead of a cookie.",
                settings([
                    ("enabled", flag("Whether Authorization: Bearer is taken.", false)),
                    (
                        "client_ids",
                        with(
                            list(
                                "The app clients whose tokens are taken; each pool's own where it is empty.",
                                some_text("An app client's id."),
                            ),
                            "default",
                            json!([]),
                        ),
                    ),
                    (
                        "token_use",
                        with(
                            with(
                                list(
                                    "Which kinds of token are taken.",
                                    choice("A kind of token.", &["access", "id"], "access"),
                                ),
                                "minItems",
                                json!(1),
                            ),
                            "default",
                            json!(["access"]),
                        ),
                    ),
                ]),
            ),
        ),
        (
            "cors_preflight",
            choice("Whether CORS preflights go upstream, whoever sends them.", &["deny", "pass"], "deny"),
        ),
        (
            "timeouts",
            object(
                "How long calls may take; more than nothing and at most 60s.",
                settings([
                    ("token", duration("A code or a refresh token for tokens.", Some("5s"))),
                    ("jwks", duration("The key set.", Some("5s"))),
                    ("userinfo", duration("userInfo or GetUser.", Some("5s"))),
                    ("revoke", duration("Revocation; nobody waits for it.", Some("2s"))),
                ]),
            ),
        ),
        (
            "pages",
            object(
                "What the filter's pages look like.",
                settings([
                    ("title", with(some_text("The site's name, above every page."), "maxLength", json!(80))),
                    (
                        "logo",
                        with(
                            pattern(
                                "A path of this host, or an https URL.",
                                &format!(r"/(?:[^/\\]\S*)?|{URL}"),
                            ),
                            "maxLength",
                            json!(500),
                        ),
                    ),
                    ("accent", pattern("The colour of buttons.", "#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")),
                ]),
            ),
        ),
    ])
}

fn session() -> Value {
    let key =
        pattern("Base64 of 32 bytes, as `envoy-cognito key` prints it.", r"\s*[A-Za-z0-9+/_-]{43}=*\s*");
    let keys = with(
        with(list("The first key seals, all of them open.", key), "minItems", json!(1)),
        "type",
        json!("array"),
    );
    let cookie = object(
        "The cookies.",
        settings([
            (
                "name",
                with(
                    pattern("What the names of the cookies are made of.", "(?!__)[A-Za-z0-9._-]{1,64}"),
                    "default",
                    json!("auth"),
                ),
            ),
            (
                "domain",
                pattern("Shares the cookies over subdomains.", r"\.*[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
            ),
            (
                "same_site",
                choice("Which requests of other sites bring them.", &["lax", "strict", "none"], "lax"),
            ),
            ("secure", flag("false for http://localhost only.", true)),
        ]),
    );
    let session = object(
        "Sessions and their cookies.",
        settings([
            ("keys", keys),
            ("cookie", cookie),
            ("lifetime", duration("Sign in again after this, whatever was refreshed.", Some("12h"))),
            ("idle", duration("Sign in again after this long without a request.", None)),
            ("refresh_early", duration("Refresh this long before the tokens expire.", Some("5m"))),
            (
                "stale_if_error",
                duration(
                    "Serve a session this long past its tokens' expiry while Cognito is down.",
                    Some("10m"),
                ),
            ),
        ]),
    );
    with(with(session, "required", json!(["keys"])), "type", json!("object"))
}

fn headers() -> Value {
    let names = format!("^(?:{HEADER})$");
    object(
        "The headers that tell the app who is there.",
        settings([
            (
                "preset",
                choice(
                    "Names of headers that apps know already.",
                    &["x-auth", "x-auth-request", "x-forwarded", "x-token", "none"],
                    "x-auth",
                ),
            ),
            (
                "claims",
                text_map(
                    "Further headers, each with the claim that fills it.",
                    &names,
                    some_text("The name of a claim."),
                ),
            ),
            (
                "forward_id_token",
                pattern("The header that carries the raw ID token, or authorization.", HEADER),
            ),
            (
                "forward_access_token",
                pattern("The header that carries the raw access token, or authorization.", HEADER),
            ),
        ]),
    )
}

fn rule() -> Value {
    let roles = |description: &str| {
        with(list(description, pattern("A role.", r"\S(?:[\s\S]*\S)?")), "minItems", json!(1))
    };
    let rule = object(
        "Which requests, and whom it lets in.",
        settings([
            ("name", with(some_text("What the log calls it; its number otherwise."), "maxLength", json!(64))),
            (
                "path",
                with(
                    pattern("Which paths; all otherwise. * is one segment, ** any number.", r"/[\s\S]*"),
                    "examples",
                    json!(["/admin/**"]),
                ),
            ),
            (
                "methods",
                with(
                    list("Which methods; all otherwise.", pattern("A method.", "[A-Z0-9!#$%&'*+.^_`|~-]+")),
                    "minItems",
                    json!(1),
                ),
            ),
            (
                "hosts",
                with(
                    list("Which hosts; all otherwise.", pattern("A host, or *.example.com.", HOST)),
                    "minItems",
                    json!(1),
                ),
            ),
            (
                "allow",
                choice("Whom it lets in.", &["everyone", "optional", "signed_in", "nobody"], "signed_in"),
            ),
            ("roles_any", roles("One of these roles is needed.")),
            ("roles_all", roles("All of these roles are needed.")),
            ("pools", roles("The account must be in one of these pools.")),
            (
                "unauthenticated",
                choice("What somebody without a session gets.", &["auto", "redirect", "reject"], "auto"),
            ),
            (
                "mode",
                choice("shadow only logs and counts what it would deny.", &["enforce", "shadow"], "enforce"),
            ),
        ]),
    );
    with(with(rule, "type", json!("object")), "minProperties", json!(1))
}
