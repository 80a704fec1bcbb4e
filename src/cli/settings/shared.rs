//! The settings that all pools share.

use crate::settings::setting::{Mark, Setting};
use crate::settings::shape::{HOST, Item, ItemShape, Literal, Pattern, SOME_TEXT, Shape, StandIn};

const PATH: Pattern = Pattern::new(r"/[!->@-~]*").stand_in(StandIn::Path);
const HEADER: &str = r"[A-Za-z0-9._-]+";

/// A list of roles or pools.
const ROLES: Shape = Shape::list("A role.", Pattern::new(r"\S(?:[\s\S]*\S)?")).some();

/// The settings that all pools share.
pub const SHARED: &[Setting] = &[
    Setting::new(
        "public_url",
        "Scheme and host that browsers see; the request's otherwise.",
        Shape::Pattern(Pattern::new(r"https?://[^/?#\s*]+/?").stand_in(StandIn::PublicUrl)),
    )
    .example("https://app.example.com")
    .binds_cookie()
    .mark(Mark::Likely),
    Setting::new("paths", "The filter's own paths.", Shape::Section),
    Setting::new(
        "paths.prefix",
        "sign-in, sign-out, me and signed-out live below it.",
        Shape::Pattern(Pattern::new(r"/[!->@-~]+").stand_in(StandIn::Path)),
    )
    .default(Literal::Text("/.auth")),
    Setting::new(
        "paths.callback",
        "Registered at Cognito as callback URL; below the prefix otherwise.",
        Shape::Pattern(PATH),
    )
    .default(Literal::Text("/.auth/callback")),
    Setting::new(
        "paths.after_sign_out",
        "Registered at Cognito as sign-out URL; below the prefix otherwise.",
        Shape::Pattern(PATH),
    )
    .default(Literal::Text("/.auth/signed-out")),
    Setting::new("session", "Sessions and their cookies.", Shape::Section).required().mark(Mark::Likely),
    Setting::new(
        "session.keys",
        "The first key seals, all of them open.",
        Shape::list(
            "Base64 of 32 bytes, as `envoy-cognito key` prints it.",
            Pattern::new(r"\s*[A-Za-z0-9+/_-]{43}=*\s*").stand_in(StandIn::SessionKey),
        )
        .some(),
    )
    .required()
    .secret(),
    Setting::new("session.cookie", "The cookies.", Shape::Section),
    Setting::new(
        "session.cookie.name",
        "What the names of the cookies are made of.",
        Shape::pattern("(?!__)[A-Za-z0-9._-]{1,64}"),
    )
    .default(Literal::Text("auth"))
    .binds_cookie(),
    Setting::new(
        "session.cookie.domain",
        "Shares the cookies over subdomains.",
        Shape::Pattern(
            Pattern::new(r"\.*[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").stand_in(StandIn::Host),
        ),
    )
    .binds_cookie(),
    Setting::new(
        "session.cookie.same_site",
        "Which requests of other sites bring them.",
        Shape::Choice(&["lax", "strict", "none"]),
    )
    .default(Literal::Text("lax"))
    .binds_cookie(),
    Setting::new(
        "session.cookie.partitioned",
        "Keeps cookies apart for each site that embeds this one; with same_site: none alone.",
        Shape::Flag,
    )
    .default(Literal::Flag(false))
    .binds_cookie(),
    Setting::new("session.cookie.secure", "false for http://localhost only.", Shape::Flag)
        .default(Literal::Flag(true))
        .binds_cookie(),
    Setting::new("session.lifetime", "Sign in again after this, whatever was refreshed.", Shape::Duration)
        .default(Literal::Text("12h")),
    Setting::new("session.idle", "Sign in again after this long without a request.", Shape::Duration)
        .default(Literal::Null),
    Setting::new(
        "session.refresh_early",
        "Refresh this long before the tokens expire.",
        Shape::Duration,
    )
    .default(Literal::Text("5m")),
    Setting::new(
        "session.stale_if_error",
        "Serve a session this long past its tokens' expiry while Cognito is down.",
        Shape::Duration,
    )
    .default(Literal::Text("10m")),
    Setting::new("headers", "The headers that tell the app who is there.", Shape::Section),
    Setting::new(
        "headers.preset",
        "Names of headers that apps know already.",
        Shape::Choice(&["x-auth", "x-auth-request", "x-forwarded", "x-token", "none"]),
    )
    .default(Literal::Text("x-auth")),
    Setting::new(
        "headers.claims",
        "Further headers, each with the claim that fills it.",
        Shape::TextMap {
            names: HEADER,
            value: Item { description: "The name of a claim.", shape: ItemShape::Pattern(SOME_TEXT) },
        },
    )
    .default(Literal::EmptyObject),
    Setting::new(
        "headers.encoding",
        "How characters beyond ASCII stand in values.",
        Shape::Choice(&["utf8", "percent"]),
    )
    .default(Literal::Text("utf8")),
    Setting::new(
        "headers.forward_id_token",
        "The header that carries the raw ID token, or authorization.",
        Shape::pattern(HEADER),
    ),
    Setting::new(
        "headers.forward_access_token",
        "The header that carries the raw access token, or authorization.",
        Shape::pattern(HEADER),
    ),
    Setting::new(
        "rules",
        "Who may see what. The first rule that matches decides; behind all stands { path: \"/**\", allow: signed_in }.",
        Shape::Sections { description: "Which requests, and whom it lets in.", min_items: 0, min_properties: 1 },
    )
    .default(Literal::Texts(&[]))
    .mark(Mark::Likely),
    Setting::new(
        "rules[].name",
        "What the log calls it; its number otherwise.",
        Shape::Pattern(SOME_TEXT),
    )
    .max_length(64),
    Setting::new(
        "rules[].path",
        "Which paths; all otherwise. * is one segment, ** any number.",
        Shape::Pattern(Pattern::new(r"/[\s\S]*").stand_in(StandIn::Path)),
    )
    .example("/admin/**"),
    Setting::new(
        "rules[].methods",
        "Which methods; all otherwise.",
        Shape::list("A method.", Pattern::new("[A-Z0-9!#$%&'*+.^_`|~-]+").stand_in(StandIn::Capitals)).some(),
    ),
    Setting::new(
        "rules[].hosts",
        "Which hosts; all otherwise.",
        Shape::list("A host, or *.example.com.", HOST).some(),
    ),
    Setting::new(
        "rules[].allow",
        "Whom it lets in.",
        Shape::Choice(&["everyone", "optional", "signed_in", "nobody"]),
    )
    .default(Literal::Text("signed_in")),
    Setting::new("rules[].roles_any", "One of these roles is needed.", ROLES),
    Setting::new("rules[].roles_all", "All of these roles are needed.", ROLES),
    Setting::new("rules[].pools", "The account must be in one of these pools.", ROLES),
    Setting::new(
        "rules[].unauthenticated",
        "What somebody without a session gets.",
        Shape::Choice(&["auto", "redirect", "reject"]),
    )
    .default(Literal::Text("auto")),
    Setting::new(
        "rules[].mode",
        "shadow only logs and counts what it would deny.",
        Shape::Choice(&["enforce", "shadow"]),
    )
    .default(Literal::Text("enforce")),
    Setting::new("bearer", "API clients with a token of Cognito's instead of a cookie.", Shape::Section)
        .mark(Mark::Likely),
    Setting::new("bearer.enabled", "Whether Authorization: Bearer is taken.", Shape::Flag)
        .default(Literal::Flag(false)),
    Setting::new(
        "bearer.client_ids",
        "The app clients whose tokens are taken; each pool's own where it is empty.",
        Shape::list("An app client's id.", SOME_TEXT),
    )
    .default(Literal::Texts(&[])),
    Setting::new(
        "bearer.token_use",
        "Which kinds of token are taken.",
        Shape::List {
            item: Item { description: "A kind of token.", shape: ItemShape::Choice(&["access", "id"]) },
            min_items: 1,
            must_have: None,
        },
    )
    .default(Literal::Texts(&["access"])),
    Setting::new(
        "cors_preflight",
        "Whether CORS preflights go upstream, whoever sends them.",
        Shape::Choice(&["deny", "pass"]),
    )
    .default(Literal::Text("deny")),
    Setting::new("timeouts", "How long calls may take; more than nothing and at most 60s.", Shape::Section),
    Setting::new("timeouts.token", "A code or a refresh token for tokens.", Shape::Duration)
        .default(Literal::Text("5s")),
    Setting::new("timeouts.jwks", "The key set.", Shape::Duration).default(Literal::Text("5s")),
    Setting::new("timeouts.userinfo", "userInfo or GetUser.", Shape::Duration).default(Literal::Text("5s")),
    Setting::new("timeouts.revoke", "Revocation; nobody waits for it.", Shape::Duration)
        .default(Literal::Text("2s")),
    Setting::new("pages", "What the filter's pages look like.", Shape::Section),
    Setting::new("pages.title", "The site's name, above every page.", Shape::Pattern(SOME_TEXT))
        .max_length(80),
    Setting::new(
        "pages.logo",
        "A path of this host, or an https URL.",
        Shape::Pattern(
            Pattern::new(
                r"/(?:[^/\\]\S*)?|https://\S+|http://(?:[A-Za-z0-9.-]*localhost|127\.[0-9.]+|\[::1\])(?:[:/?]\S*)?",
            )
            .stand_in(StandIn::Path),
        ),
    )
    .max_length(500),
    Setting::new(
        "pages.accent",
        "The colour of buttons.",
        Shape::Pattern(Pattern::new("#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})").stand_in(StandIn::Fixed("#000"))),
    ),
];
