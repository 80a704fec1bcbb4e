//! The settings of a user pool.

use crate::settings::setting::{Mark, Setting};
use crate::settings::shape::{HOST, Item, ItemShape, Literal, Pattern, SOME_TEXT, Shape, StandIn, URL};

/// A URL that no browser is sent to; it is only compared.
const COMPARED: Pattern = Pattern::new(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?").stand_in(StandIn::Url);

/// The settings of one pool. With a single pool they are at the root.
pub const POOL: &[Setting] = &[
    Setting::new(
        "user_pool_id",
        "The user pool's id. It determines the region, the issuers and the API.",
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
        "The app client's secret. Omit it for a public client, which only PKCE protects.",
        Shape::pattern(r"\S+"),
    )
    .secret()
    .mark(Mark::Likely),
    Setting::new(
        "domain",
        "The full host name of the hosted UI, without a scheme: <prefix>.auth.<region>.amazoncognito.com or a custom domain.",
        Shape::Pattern(
            Pattern::new(r"[A-Za-z0-9_.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
                .stand_in(StandIn::Host),
        ),
    )
    .example("myapp.auth.us-east-1.amazoncognito.com")
    .mark(Mark::Likely),
    Setting::new(
        "replica_regions",
        "Regions with replicas of the pool, whose tokens may name them in the claim `iss`.",
        Shape::list("A Region.", Pattern::new("[a-z0-9-]+-[a-z0-9-]*[0-9]").stand_in(StandIn::Fixed("eu-west-1"))),
    )
    .default(Literal::Texts(&[])),
    Setting::new(
        "scopes",
        "The scopes to request at sign-in, which must include openid. With only openid, Cognito returns every attribute that the client may read.",
        Shape::list("A scope.", Pattern::new(r"[!#-\[\]-~]+")).with("openid"),
    )
    .default(Literal::Texts(&["openid"]))
    .mark(Mark::Likely),
    Setting::new("clusters", "Names of the Envoy clusters that the filter calls.", Shape::Section),
    Setting::new(
        "clusters.domain",
        "The cluster that connects to the domain: tokens, userInfo, revocation.",
        Shape::Pattern(SOME_TEXT),
    )
    .default(Literal::Text("cognito_domain")),
    Setting::new("clusters.idp", "The cluster that connects to the host of the key set.", Shape::Pattern(SOME_TEXT))
        .default(Literal::Text("cognito_idp")),
    Setting::new(
        "clusters.api",
        "The cluster that connects to the user pools API: GetUser. By default, clusters.idp.",
        Shape::Pattern(SOME_TEXT),
    ),
    Setting::new(
        "endpoints",
        "URLs that replace those derived from the pool and the domain: for the key set of an updated issuer, a proxy or an emulator.",
        Shape::Section,
    ),
    Setting::new(
        "endpoints.issuer",
        "The only accepted value of the claim `iss`. By default, both issuers of the pool are accepted, and those of replica_regions. http is only for an emulator.",
        Shape::Pattern(COMPARED),
    )
    .binds_cookie(),
    Setting::new("endpoints.authorize", "Where browsers sign in.", Shape::Pattern(URL)),
    Setting::new("endpoints.token", "Called through clusters.domain.", Shape::Pattern(URL)),
    Setting::new(
        "endpoints.userinfo",
        "Called through clusters.domain, only with attributes_from: userinfo.",
        Shape::Pattern(URL),
    ),
    Setting::new("endpoints.revoke", "Called through clusters.domain.", Shape::Pattern(URL)),
    Setting::new("endpoints.logout", "Where browsers sign out; gets client_id and logout_uri.", Shape::Pattern(URL)),
    Setting::new(
        "endpoints.jwks",
        "Called through clusters.idp. By default, below the issuer; the original one if both are accepted.",
        Shape::Pattern(URL),
    ),
    Setting::new(
        "endpoints.api",
        "Called through clusters.api, only with attributes_from: get_user.",
        Shape::Pattern(URL),
    ),
    Setting::new(
        "authorize_params",
        "Parameters that are added to the authorization request.",
        Shape::Names(&[
            ("identity_provider", "Sends people directly to this identity provider."),
            ("idp_identifier", "Sends people directly to the identity provider with this identifier."),
            ("lang", "The language of the hosted UI."),
            ("login_hint", "The user name that the sign-in form starts with."),
            ("prompt", "For example login, which always asks for the password."),
            ("resource", "The resource server that the tokens are for."),
        ]),
    )
    .mark(Mark::Likely),
    Setting::new(
        "sign_in_params",
        "Parameters of links to the sign-in path that are passed on to the authorization request, each with its allowed values. All others are dropped.",
        Shape::Section,
    )
    .mark(Mark::Likely),
    Setting::new(
        "sign_in_params.from_links",
        "Whether links into the app pass these parameters on as well, if they lead to a sign-in.",
        Shape::Flag,
    )
    .default(Literal::Flag(false)),
    Setting::new(
        "sign_in_params.identity_provider",
        "Which identity providers a link may choose.",
        Shape::any_or_list(),
    ),
    Setting::new(
        "sign_in_params.idp_identifier",
        "Which identifiers of identity providers a link may choose.",
        Shape::any_or_list(),
    ),
    Setting::new("sign_in_params.lang", "Which languages of the hosted UI a link may choose.", Shape::any_or_list()),
    Setting::new(
        "sign_in_params.login_hint",
        "Which user names a link may enter into the sign-in form.",
        Shape::any_or_list(),
    ),
    Setting::new("sign_in_params.prompt", "Which prompts a link may ask for.", Shape::any_or_list()),
    Setting::new(
        "sign_in_params.resource",
        "Which resources the access token may be for.",
        Shape::list("A resource.", SOME_TEXT).some(),
    ),
    Setting::new("roles", "Where roles and attributes come from.", Shape::Section).mark(Mark::Likely),
    Setting::new(
        "roles.claims",
        "Claims that contain roles, as a list or as a text to split.",
        Shape::list("The name of a claim.", SOME_TEXT),
    )
    .default(Literal::Texts(&["cognito:groups", "custom:roles"])),
    Setting::new("roles.separator", "The separator between roles in a text.", Shape::pattern(r"[\s\S]+"))
        .default(Literal::Text("|")),
    Setting::new(
        "roles.attributes_from",
        "Where to read attributes that may be missing from the ID token.",
        Shape::Choice(&["id_token", "userinfo", "get_user"]),
    )
    .default(Literal::Text("id_token")),
    Setting::new(
        "roles.map",
        "Renames, drops and derives roles. The first entry that matches a value of its claim counts.",
        Shape::Sections { description: "What becomes of some values of a claim.", min_items: 0, min_properties: 1 },
    )
    .default(Literal::Texts(&[])),
    Setting::new("roles.map[].claim", "The claim.", Shape::Pattern(SOME_TEXT))
        .example("cognito:groups")
        .required(),
    Setting::new(
        "roles.map[].from",
        "Which of its values. * is any number of characters.",
        Shape::Pattern(SOME_TEXT),
    )
    .example("eks-*")
    .required(),
    Setting::new(
        "roles.map[].to",
        "The role or roles that they become. * is what the * of from stands for. Without it, they are no roles.",
        Shape::TextOrList(Item {
            description: "A role.",
            shape: ItemShape::Pattern(Pattern::new(r"(?!scope:)(?:\S(?:[\s\S]*\S)?)?")),
        }),
    ),
    Setting::new(
        "roles.keep_unmapped",
        "Whether values of roles.claims that no entry of the map matches are roles.",
        Shape::Flag,
    )
    .default(Literal::Flag(true)),
];

/// The additional settings of each pool if there are several.
pub const SEVERAL_POOLS: &[Setting] = &[
    Setting::new(
        "pools",
        "Several user pools, instead of the settings of a single one.",
        Shape::Sections { description: "A user pool and its name.", min_items: 1, min_properties: 0 },
    )
    .mark(Mark::Certain),
    Setting::new(
        "pools[].name",
        "The pool's name in URLs, rules and cookie names.",
        Shape::pattern("[a-z0-9_-]{1,32}"),
    )
    .required()
    .binds_cookie(),
    Setting::new(
        "pools[].label",
        "The pool's name for people who choose a pool. By default, its name.",
        Shape::Text,
    )
    .max_length(80),
    Setting::new(
        "pools[].hosts",
        "Hosts on which this pool is the only choice.",
        Shape::list("A host, or *.example.com.", HOST).some(),
    ),
];
