//! The settings of a user pool.

use crate::settings::setting::{Mark, Setting};
use crate::settings::shape::{HOST, Literal, Pattern, SOME_TEXT, Shape, StandIn, URL};

/// A URL that no browser is sent to; it is only compared.
const COMPARED: Pattern = Pattern::new(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?").stand_in(StandIn::Url);

/// The settings of one pool. With a single pool they are at the root.
pub const POOL: &[Setting] = &[
    Setting::new(
        "user_pool_id",
        "The user pool. Region, issuer and API follow from it.",
        Shape::Pattern(Pattern::new("[a-z0-9-]+_[A-Za-z0-9]+").stand_in(StandIn::PoolId)),
    )
    .example("us-east-1_UFeMzbuJe")
    .required()
    .binds_cookie()
    .mark(Mark::Certain),
    Setting::new("client_id", "The app client's id.", Shape::pattern("[A-Za-z0-9_+-]{1,128}"))
        .required()
        .binds_cookie()
        .mark(Mark::Certain),
    Setting::new(
        "client_secret",
        "The app client's secret. Leave it out for a public client, which PKCE protects alone.",
        Shape::pattern(r"\S+"),
    )
    .secret()
    .mark(Mark::Likely),
    Setting::new(
        "domain",
        "The whole host of the hosted UI, <prefix>.auth.<region>.amazoncognito.com or one of your own, without a scheme.",
        Shape::Pattern(
            Pattern::new(r"[A-Za-z0-9_.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
                .stand_in(StandIn::Host),
        ),
    )
    .example("myapp.auth.us-east-1.amazoncognito.com")
    .mark(Mark::Likely),
    Setting::new(
        "scopes",
        "What is asked for at sign-in; openid must be among it. openid alone yields every attribute that the client may read.",
        Shape::list("A scope.", Pattern::new(r"[!#-\[\]-~]+")).with("openid"),
    )
    .default(Literal::Texts(&["openid"]))
    .mark(Mark::Likely),
    Setting::new("clusters", "Names of the Envoy clusters that the filter calls.", Shape::Section),
    Setting::new(
        "clusters.domain",
        "Leads to the domain: tokens, userInfo, revocation.",
        Shape::Pattern(SOME_TEXT),
    )
    .default(Literal::Text("cognito_domain")),
    Setting::new("clusters.idp", "Leads to the issuer's host: key set, GetUser.", Shape::Pattern(SOME_TEXT))
        .default(Literal::Text("cognito_idp")),
    Setting::new(
        "endpoints",
        "Addresses in place of those that follow from pool and domain: for an updated issuer, a proxy or a stand-in.",
        Shape::Section,
    ),
    Setting::new(
        "endpoints.issuer",
        "Compared with `iss` byte for byte; http is good for an emulator.",
        Shape::Pattern(COMPARED),
    )
    .binds_cookie(),
    Setting::new("endpoints.authorize", "Where browsers sign in.", Shape::Pattern(URL)),
    Setting::new("endpoints.token", "Called through clusters.domain.", Shape::Pattern(URL)),
    Setting::new(
        "endpoints.userinfo",
        "Called through clusters.domain, with attributes_from: userinfo alone.",
        Shape::Pattern(URL),
    ),
    Setting::new("endpoints.revoke", "Called through clusters.domain.", Shape::Pattern(URL)),
    Setting::new("endpoints.logout", "Gets client_id and logout_uri.", Shape::Pattern(URL)),
    Setting::new(
        "endpoints.jwks",
        "Called through clusters.idp; below the issuer otherwise.",
        Shape::Pattern(URL),
    ),
    Setting::new(
        "endpoints.api",
        "Called through clusters.idp, with attributes_from: get_user alone.",
        Shape::Pattern(URL),
    ),
    Setting::new(
        "authorize_params",
        "Parameters that are added to the authorization request.",
        Shape::Names(&[
            ("identity_provider", "Goes to this provider at once."),
            ("idp_identifier", "Goes to the provider of this identifier at once."),
            ("lang", "The language of the hosted UI."),
            ("login_hint", "A user name to begin with."),
            ("prompt", "Such as login, which asks for the password in any case."),
            ("resource", "The resource server that tokens are for."),
        ]),
    )
    .mark(Mark::Likely),
    Setting::new("roles", "Where roles and attributes come from.", Shape::Section).mark(Mark::Likely),
    Setting::new(
        "roles.claims",
        "Claims that are lists of roles, or texts to split.",
        Shape::list("The name of a claim.", SOME_TEXT),
    )
    .default(Literal::Texts(&["cognito:groups", "custom:roles"])),
    Setting::new("roles.separator", "What splits a text.", Shape::pattern(r"[\s\S]+"))
        .default(Literal::Text("|")),
    Setting::new(
        "roles.attributes_from",
        "Where attributes are read that the ID token may lack.",
        Shape::Choice(&["id_token", "userinfo", "get_user"]),
    )
    .default(Literal::Text("id_token")),
];

/// The additional settings of each pool if there are several.
pub const SEVERAL_POOLS: &[Setting] = &[
    Setting::new(
        "pools",
        "Several user pools, in place of the settings of one.",
        Shape::Sections {
            description: "A user pool, and what the filter calls it.",
            min_items: 1,
            min_properties: 0,
        },
    )
    .mark(Mark::Certain),
    Setting::new(
        "pools[].name",
        "Stands in addresses, rules and names of cookies.",
        Shape::pattern("[a-z0-9_-]{1,32}"),
    )
    .required()
    .binds_cookie(),
    Setting::new("pools[].label", "What people read where they choose; the name otherwise.", Shape::Text)
        .max_length(80),
    Setting::new(
        "pools[].hosts",
        "Hosts at which this pool is the only choice.",
        Shape::list("A host, or *.example.com.", HOST).some(),
    ),
];
