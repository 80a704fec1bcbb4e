//! The settings of a user pool, as the schema describes them.

use serde_json::{Map, Value, json};

use crate::schema::shapes::{
    COMPARED, HOST, URL, choice, list, object, pattern, settings, some_text, text, with,
};

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
                    "The whole host of the hosted UI, <prefix>.auth.<region>.amazoncognito.com or one of your own, without a scheme.",
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
        ("issuer", pattern("Compared with `iss` byte for byte; http is good for an emulator.", COMPARED)),
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
