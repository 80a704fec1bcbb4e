//! The settings that all pools share.

use crate::settings::setting::{Mark, Setting};
use crate::settings::shape::{HOST, Item, ItemShape, Literal, Pattern, SOME_TEXT, Shape, StandIn};

const PATH: Pattern = Pattern::new(r"/[!->@-~]*").stand_in(StandIn::Path);
const HEADER: &str = r"[A-Za-z0-9._-]+";

const NAME: Pattern = Pattern::new(r"\S(?:[\s\S]*\S)?");
/// A text that stands in a list with spaces, and between quotes.
const WORD: Pattern = Pattern::new(r"[!#-\[\]-~]{1,255}");
const ROLES: Shape = Shape::list("A role.", NAME).some();
const POOLS: Shape = Shape::list("The name of a pool.", NAME).some();

/// The settings that all pools share.
pub const SHARED: &[Setting] = &[
    Setting::new(
        "public_url",
        "The scheme and host that browsers use. By default, those of the request.",
        Shape::Pattern(Pattern::new(r"https?://[^/?#\s*]+/?").stand_in(StandIn::PublicUrl)),
    )
    .example("https://app.example.com")
    .binds_cookie()
    .mark(Mark::Likely),
    Setting::new("paths", "The filter's own paths.", Shape::Section),
    Setting::new(
        "paths.prefix",
        "The path above sign-in, sign-out, me and signed-out.",
        Shape::Pattern(Pattern::new(r"/[!->@-~]+").stand_in(StandIn::Path)),
    )
    .default(Literal::Text("/.auth")),
    Setting::new(
        "paths.callback",
        "The path of the callback URL that is registered in Cognito. By default, below the prefix.",
        Shape::Pattern(PATH),
    )
    .default(Literal::Text("/.auth/callback")),
    Setting::new(
        "paths.after_sign_out",
        "The path of the sign-out URL that is registered in Cognito. By default, below the prefix.",
        Shape::Pattern(PATH),
    )
    .default(Literal::Text("/.auth/signed-out")),
    Setting::new("session", "Sessions and their cookies.", Shape::Section).required().mark(Mark::Likely),
    Setting::new(
        "session.keys",
        "The first key encrypts cookies, all of them decrypt.",
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
        "The common part of the cookies' names.",
        Shape::pattern("(?!__)[A-Za-z0-9._-]{1,64}"),
    )
    .default(Literal::Text("auth"))
    .binds_cookie(),
    Setting::new(
        "session.cookie.domain",
        "Shares the cookies between the subdomains of this domain.",
        Shape::Pattern(
            Pattern::new(r"\.*[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").stand_in(StandIn::Host),
        ),
    )
    .binds_cookie(),
    Setting::new(
        "session.cookie.same_site",
        "Which requests from other sites include the cookies.",
        Shape::Choice(&["lax", "strict", "none"]),
    )
    .default(Literal::Text("lax"))
    .binds_cookie(),
    Setting::new(
        "session.cookie.partitioned",
        "Keeps separate cookies for each site that embeds this one. Requires same_site: none.",
        Shape::Flag,
    )
    .default(Literal::Flag(false))
    .binds_cookie(),
    Setting::new("session.cookie.secure", "false is only for http://localhost.", Shape::Flag)
        .default(Literal::Flag(true))
        .binds_cookie(),
    Setting::new("session.lifetime", "After this time, people must sign in again, even if their tokens were refreshed.", Shape::Duration)
        .default(Literal::Text("12h")),
    Setting::new("session.idle", "After this time without a request, people must sign in again.", Shape::Duration)
        .default(Literal::Null),
    Setting::new(
        "session.refresh_early",
        "How long before their expiry tokens are refreshed.",
        Shape::Duration,
    )
    .default(Literal::Text("5m")),
    Setting::new(
        "session.recheck",
        "At this age tokens are refreshed, so that Cognito can end the session of a person who is disabled or signed out everywhere.",
        Shape::Duration,
    )
    .default(Literal::Null),
    Setting::new(
        "session.stale_if_error",
        "How long after its tokens' expiry a session stays usable while Cognito is unavailable.",
        Shape::Duration,
    )
    .default(Literal::Text("10m")),
    Setting::new(
        "session.max_stream",
        "After this time, WebSocket, SSE and gRPC streams of signed-in people are closed.",
        Shape::Duration,
    )
    .default(Literal::Null),
    Setting::new("headers", "The headers that tell the app who is signed in.", Shape::Section),
    Setting::new(
        "headers.preset",
        "A set of header names that many apps support.",
        Shape::Choice(&["x-auth", "x-auth-request", "x-forwarded", "x-token", "none"]),
    )
    .default(Literal::Text("x-auth")),
    Setting::new(
        "headers.claims",
        "More headers, each with the name of the claim that it contains.",
        Shape::TextMap {
            names: HEADER,
            value: Item { description: "The name of a claim.", shape: ItemShape::Pattern(SOME_TEXT) },
        },
    )
    .default(Literal::EmptyObject),
    Setting::new(
        "headers.templates",
        "More headers, each with a template of its value: {email}, {claims.custom:tenant}, {roles:;}, \
         {role:admin=Admin|Viewer}.",
        Shape::TextMap {
            names: HEADER,
            value: Item {
                description: "Printable ASCII text with parts in braces, and without other braces.",
                shape: ItemShape::Pattern(SOME_TEXT),
            },
        },
    )
    .default(Literal::EmptyObject),
    Setting::new(
        "headers.encoding",
        "How non-ASCII characters are encoded in values.",
        Shape::Choice(&["utf8", "percent"]),
    )
    .default(Literal::Text("utf8")),
    Setting::new(
        "headers.forward_id_token",
        "The header that contains the raw ID token, for example authorization.",
        Shape::pattern(HEADER),
    ),
    Setting::new(
        "headers.forward_access_token",
        "The header that contains the raw access token, for example authorization.",
        Shape::pattern(HEADER),
    ),
    Setting::new(
        "rules",
        "Who may access what. The first rule that matches decides. The implied last rule is { path: \"/**\", allow: signed_in }.",
        Shape::Sections { description: "Which requests the rule is for, and whom it lets in.", min_items: 0, min_properties: 1 },
    )
    .default(Literal::Texts(&[]))
    .mark(Mark::Likely),
    Setting::new(
        "rules[].name",
        "The rule's name in the log. By default, its number.",
        Shape::Pattern(SOME_TEXT),
    )
    .max_length(64),
    Setting::new(
        "rules[].path",
        "Which paths; by default all. * is one segment, ** is any number of segments.",
        Shape::Pattern(Pattern::new(r"/[\s\S]*").stand_in(StandIn::Path)),
    )
    .example("/admin/**"),
    Setting::new(
        "rules[].methods",
        "Which methods; by default all.",
        Shape::list("A method.", Pattern::new("[A-Z0-9!#$%&'*+.^_`|~-]+").stand_in(StandIn::Capitals)).some(),
    ),
    Setting::new(
        "rules[].hosts",
        "Which hosts; by default all.",
        Shape::list("A host, or *.example.com.", HOST).some(),
    ),
    Setting::new(
        "rules[].allow",
        "Whom it lets in.",
        Shape::Choice(&["everyone", "optional", "signed_in", "nobody"]),
    )
    .default(Literal::Text("signed_in")),
    Setting::new("rules[].roles_any", "At least one of these roles is required.", ROLES),
    Setting::new("rules[].roles_all", "All of these roles are required.", ROLES),
    Setting::new("rules[].pools", "The account must be in one of these pools.", POOLS),
    Setting::new(
        "rules[].claims",
        "Claims that are required, each with the value or the values that it may have. In texts, * is any number of characters.",
        Shape::ValueMap(Item { description: "A value.", shape: ItemShape::Pattern(SOME_TEXT) }),
    ),
    Setting::new("rules[].max_age", "How long ago the person may have signed in.", Shape::Duration),
    Setting::new(
        "rules[].acr_any",
        "At least one of these levels of authentication (the claim acr) is required.",
        Shape::list("A level, for example urn:cognito:loa:4.", WORD).some(),
    ),
    Setting::new(
        "rules[].amr_any",
        "At least one of these methods of authentication (the claim amr) is required.",
        Shape::list("A method, for example mfa.", WORD).some(),
    ),
    Setting::new(
        "rules[].unauthenticated",
        "The response to a request without a session.",
        Shape::Choice(&["auto", "redirect", "reject"]),
    )
    .default(Literal::Text("auto")),
    Setting::new(
        "rules[].mode",
        "With shadow, the rule only logs and counts what it would deny.",
        Shape::Choice(&["enforce", "shadow"]),
    )
    .default(Literal::Text("enforce")),
    Setting::new("bearer", "API clients that send a token from Cognito instead of a cookie.", Shape::Section)
        .mark(Mark::Likely),
    Setting::new("bearer.enabled", "Whether Authorization: Bearer is accepted.", Shape::Flag)
        .default(Literal::Flag(false)),
    Setting::new(
        "bearer.client_ids",
        "The app clients whose tokens are accepted. If empty, only the pool's own.",
        Shape::list("An app client's id.", SOME_TEXT),
    )
    .default(Literal::Texts(&[])),
    Setting::new(
        "bearer.token_use",
        "Which kinds of token are accepted.",
        Shape::List {
            item: Item { description: "A kind of token.", shape: ItemShape::Choice(&["access", "id"]) },
            min_items: 1,
            must_have: None,
        },
    )
    .default(Literal::Texts(&["access"])),
    Setting::new(
        "bearer.resources",
        "The resources (RFC 8707) whose access tokens are accepted: values of `aud`. If empty, authorize_params.resource and public_url. Tokens without `aud` are accepted too.",
        Shape::list(
            "A resource, such as https://api.example.com/orders.",
            Pattern::new(r"[!$-\[\]-~]+").stand_in(StandIn::Url),
        ),
    )
    .default(Literal::Texts(&[])),
    Setting::new(
        "bearer.metadata",
        "Whether to serve the protected resource metadata (RFC 9728), and to name it in the response to a missing or bad token. Needs enabled.",
        Shape::Flag,
    )
    .default(Literal::Flag(false)),
    Setting::new(
        "revocations",
        "A deny list that all Envoys share: a JSON document that ends sessions and bearer tokens.",
        Shape::Section,
    ),
    Setting::new("revocations.cluster", "The Envoy cluster that serves it.", Shape::Pattern(SOME_TEXT)).required(),
    Setting::new(
        "revocations.host",
        "The Host that its server expects. By default, the cluster's name.",
        Shape::pattern(r"[^\s/?#@]+"),
    ),
    Setting::new(
        "revocations.path",
        "Its path.",
        Shape::Pattern(Pattern::new(r"/[!-\x22$-~]*").stand_in(StandIn::Path)),
    )
    .required()
    .example("/revoked.json"),
    Setting::new("revocations.every", "How often it is fetched; at least 1s and at most 24h.", Shape::Duration)
        .default(Literal::Text("30s")),
    Setting::new(
        "cors_preflight",
        "Whether CORS preflights reach the app without a session.",
        Shape::Choice(&["deny", "pass"]),
    )
    .default(Literal::Text("deny")),
    Setting::new("timeouts", "How long calls may take; greater than 0 and at most 60s.", Shape::Section),
    Setting::new("timeouts.token", "Requests for tokens, with a code or a refresh token.", Shape::Duration)
        .default(Literal::Text("5s")),
    Setting::new("timeouts.jwks", "Requests for the key set.", Shape::Duration).default(Literal::Text("5s")),
    Setting::new("timeouts.userinfo", "Requests to userInfo or GetUser.", Shape::Duration).default(Literal::Text("5s")),
    Setting::new("timeouts.revoke", "Token revocation. No response to a browser waits for it.", Shape::Duration)
        .default(Literal::Text("2s")),
    Setting::new("pages", "What the filter's pages look like.", Shape::Section),
    Setting::new("pages.title", "The site's name, at the top of every page.", Shape::Pattern(SOME_TEXT))
        .max_length(80),
    Setting::new(
        "pages.logo",
        "A path on this host, or an https URL.",
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
    Setting::new(
        "pages.passkeys",
        "Whether the identity page links Cognito's page for adding a passkey. Needs managed login.",
        Shape::Flag,
    )
    .default(Literal::Flag(false)),
    Setting::new(
        "pages.keep_form",
        "Keeps a form that is posted without a session in the page that asks to sign in, and offers to send it afterwards.",
        Shape::Flag,
    )
    .default(Literal::Flag(false)),
    Setting::new(
        "sds",
        "Where Envoy finds the secrets that are written as ${sds:NAME}: for each name, Envoy's ConfigSource. A static secret needs no entry. Native module only.",
        Shape::Objects { names: r"[^}]+", description: "Envoy's ConfigSource." },
    )
    .default(Literal::EmptyObject),
];
