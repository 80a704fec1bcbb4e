//! The settings that all pools share, as the schema describes them. A test holds all of them to those that the core
//! knows.

use serde_json::{Map, Value, json};

use crate::schema::shapes::{
    HOST, URL, choice, duration, flag, list, object, pattern, settings, some_text, text_map, with,
};

const PATH: &str = r"/[!->@-~]*";
const HEADER: &str = r"[A-Za-z0-9._-]+";

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
            (
                "partitioned",
                flag(
                    "Keeps cookies apart for each site that embeds this one; with same_site: none alone.",
                    false,
                ),
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
                "encoding",
                choice("How characters beyond ASCII stand in values.", &["utf8", "percent"], "utf8"),
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
