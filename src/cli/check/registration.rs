//! What must be registered at Cognito for a configuration to work, and the commands that do it.

use envoy_cognito_core::cognito::identity::headers::Source;
use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::config::Config;
use serde::Serialize;

/// The settings that an app client must have.
#[derive(Clone, Debug, Serialize)]
pub struct Registration {
    /// The pool's name in the configuration; empty if there is only one pool.
    pub pool: String,
    /// The user pool.
    pub user_pool_id: String,
    /// Its region.
    pub region: String,
    /// The app client.
    pub client_id: String,
    /// Whether the configuration has a client secret.
    pub has_secret: bool,
    /// Where Cognito may send a code.
    pub callback_urls: Vec<String>,
    /// Where Cognito may send the browser after sign-out.
    pub sign_out_urls: Vec<String>,
    /// The scopes that it must be allowed to request.
    pub scopes: Vec<String>,
    /// Attributes that it must be allowed to read.
    pub read_attributes: Vec<String>,
    /// Attributes that no client of the pool may be allowed to write, because roles come from them or rules ask for them.
    pub not_writable: Vec<String>,
    /// Claims that aren't attributes: a Lambda trigger must add them to the token.
    pub other_claims: Vec<String>,
    /// What else to consider.
    pub remarks: Vec<String>,
    /// Shell commands that show the registration and add what is missing.
    pub commands: Vec<String>,
}

/// Claims that every ID token has, or that Cognito derives from groups and sign-ins.
const OWN_CLAIMS: [&str; 19] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "jti",
    "origin_jti",
    "event_id",
    "token_use",
    "nonce",
    "at_hash",
    "identities",
    "client_id",
    "username",
    "scope",
    "version",
    "acr",
    "amr",
];

/// The standard attributes of a user pool (OIDC Core, section 5.1).
const STANDARD: [&str; 19] = [
    "address",
    "birthdate",
    "email",
    "email_verified",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "zoneinfo",
    "updated_at",
    "website",
];

/// What each pool of a configuration needs. `hosts` are the known hosts of the filter; `user_pool_ids` are in the
/// order of the pools.
pub fn of(config: &Config, user_pool_ids: &[String], hosts: &[String]) -> Vec<Registration> {
    let ids = user_pool_ids.iter().map(String::as_str).chain(std::iter::repeat(""));
    config.pools.iter().zip(ids).map(|(pool, id)| of_pool(config, pool, id, hosts)).collect()
}

fn of_pool(config: &Config, pool: &Pool, user_pool_id: &str, hosts: &[String]) -> Registration {
    let origins = origins(config, pool, hosts);
    let urls = |path: &str| origins.iter().map(|origin| format!("{origin}{path}")).collect::<Vec<_>>();
    let wanted = claims(config, pool);
    let is_attribute = |claim: &&String| {
        claim.starts_with("custom:") || claim.starts_with("dev:") || STANDARD.contains(&claim.as_str())
    };
    let mut read_attributes: Vec<String> = wanted.iter().filter(is_attribute).cloned().collect();
    // Cognito refuses a scope if the client can't read all of its attributes.
    for (scope, attributes) in
        [("email", ["email", "email_verified"]), ("phone", ["phone_number", "phone_number_verified"])]
    {
        let is_asked = pool.cognito.scopes.iter().any(|asked| asked == scope);
        for name in attributes.iter().filter(|_| is_asked) {
            if !read_attributes.iter().any(|known| known == name) {
                read_attributes.push((*name).to_owned());
            }
        }
    }
    let other_claims = wanted
        .iter()
        .filter(|claim| {
            !is_attribute(claim) && !claim.starts_with("cognito:") && !OWN_CLAIMS.contains(&claim.as_str())
        })
        .cloned()
        .collect();
    let mut not_writable: Vec<String> = Vec::new();
    // Whoever changes an address must verify it again.
    let is_verified = |claim: &str| matches!(claim, "email" | "phone_number");
    for claim in deciding(config, pool).filter(is_attribute) {
        if !is_verified(claim) && !claim.ends_with("_verified") && !not_writable.contains(claim) {
            not_writable.push(claim.clone());
        }
    }
    let region = user_pool_id.split('_').next().unwrap_or_default().to_owned();
    let mut registration = Registration {
        pool: pool.name.clone(),
        user_pool_id: user_pool_id.to_owned(),
        region,
        client_id: pool.cognito.client_id.clone(),
        has_secret: pool.cognito.client_secret.is_some(),
        callback_urls: urls(&config.paths.callback),
        sign_out_urls: urls(&config.paths.after_sign_out),
        scopes: pool.cognito.scopes.clone(),
        remarks: remarks(config, pool, &read_attributes),
        read_attributes,
        not_writable,
        other_claims,
        commands: Vec::new(),
    };
    registration.commands = commands(&registration, pool);
    registration
}

/// The origins (scheme and authority) that people use.
fn origins(config: &Config, pool: &Pool, hosts: &[String]) -> Vec<String> {
    if let Some(url) = &config.public_url {
        return vec![url.url()];
    }
    let scheme = if pool.cookies.attributes.secure { "https" } else { "http" };
    let of_pool = pool.hosts.iter().map(ToString::to_string);
    let of_rules = hosts.iter().cloned();
    let mut known: Vec<String> = of_pool.chain(of_rules).filter(|host| !host.contains('*')).collect();
    if !pool.hosts.is_empty() {
        known.retain(|host| pool.hosts.iter().any(|own| own.matches(host)));
    }
    known.dedup();
    if known.is_empty() {
        known.push("<your host>".to_owned());
    }
    known.iter().map(|host| format!("{scheme}://{host}")).collect()
}

/// The claims that headers, roles and pages use.
fn claims(config: &Config, pool: &Pool) -> Vec<String> {
    let mut claims: Vec<String> = Vec::new();
    let mut add = |claim: &str| {
        if !claims.iter().any(|known| known == claim) {
            claims.push(claim.to_owned());
        }
    };
    // The page that shows who is signed in has them, even if no header does.
    add("email");
    add("name");
    if config.headers.forwards(&Source::Username) {
        add("cognito:username");
    }
    pool.roles.claims.iter().for_each(|claim| add(claim));
    pool.roles.map.iter().for_each(|entry| add(&entry.claim));
    config.rules.claims().iter().for_each(|claim| add(claim));
    config.headers.claims().iter().for_each(|claim| add(claim));
    // An address becomes a role only if it is verified.
    for (claim, verified) in [("email", "email_verified"), ("phone_number", "phone_number_verified")] {
        if deciding(config, pool).any(|deciding| deciding == claim) {
            add(verified);
        }
    }
    claims
}

/// The claims that decide what a person may do.
fn deciding<'a>(config: &'a Config, pool: &'a Pool) -> impl Iterator<Item = &'a String> {
    let mapped = pool.roles.map.iter().map(|entry| &entry.claim);
    pool.roles.claims.iter().chain(mapped).chain(config.rules.claims())
}

fn remarks(config: &Config, pool: &Pool, read: &[String]) -> Vec<String> {
    let scopes: Vec<&str> = pool.cognito.scopes.iter().map(String::as_str).collect();
    let has = |scope: &str| scopes.contains(&scope);
    let mut remarks = Vec::new();
    let from_token =
        pool.cognito.attributes_from == envoy_cognito_core::cognito::user_pool::AttributesFrom::IdToken;
    let narrow = scopes.iter().any(|scope| ["email", "phone"].contains(scope)) && !has("profile");
    let beyond: Vec<&String> = read
        .iter()
        .filter(|name| {
            !["email", "email_verified", "phone_number", "phone_number_verified"].contains(&name.as_str())
        })
        .collect();
    if from_token && narrow && !beyond.is_empty() {
        let names: Vec<&str> = beyond.iter().map(|name| name.as_str()).collect();
        remarks.push(format!(
            "with these scopes, Cognito leaves {} out of the ID token: request only openid, or also profile",
            names.join(", ")
        ));
    }
    if from_token
        && has("profile")
        && !has("email")
        && !has("phone")
        && read.iter().any(|name| name == "email")
    {
        remarks.push("with these scopes, Cognito may leave email out of the ID token: request only openid, or also email".to_owned());
    }
    if let Some(bearer) = config.bearer.as_ref().filter(|bearer| bearer.metadata)
        && bearer.resources_of(&pool.cognito, config.public_url.as_ref()).is_empty()
    {
        remarks.push("clients ask for tokens for the resource that the metadata names, and these are refused: set bearer.resources or public_url".to_owned());
    }
    remarks
}

fn commands(registration: &Registration, pool: &Pool) -> Vec<String> {
    let Registration { region, user_pool_id, client_id, .. } = registration;
    let whom = format!(
        "--region {} --user-pool-id {} --client-id {}",
        word(region),
        word(user_pool_id),
        word(client_id)
    );
    let look = format!("aws cognito-idp describe-user-pool-client {whom}");
    let file = "user-pool-client.json";
    let filter = quoted(&additions(registration, pool).join("\n  | "));
    vec![
        look.clone(),
        format!("{look} --query UserPoolClient --output json |\n  jq {filter} > {file}"),
        format!(
            "aws cognito-idp update-user-pool-client --region {} --cli-input-json file://{file}",
            word(region)
        ),
    ]
}

/// The jq steps that turn an app client's description into its new settings.
fn additions(registration: &Registration, pool: &Pool) -> Vec<String> {
    let Registration { callback_urls, sign_out_urls, scopes, read_attributes, .. } = registration;
    let list = |items: &[String]| serde_json::to_string(items).unwrap_or_default();
    // According to AWS's API reference, a client without a list reads the standard attributes. To read any others it
    // needs a list, which must then include the standard ones.
    let is_standard = |name: &String| STANDARD.contains(&name.as_str());
    let without_list = if read_attributes.iter().all(is_standard) {
        ".".to_owned()
    } else {
        let beyond = read_attributes.iter().filter(|name| !is_standard(name)).cloned();
        let all: Vec<String> = STANDARD.iter().map(|name| (*name).to_owned()).chain(beyond).collect();
        format!(".ReadAttributes = {}", list(&all))
    };
    let add = |field: &str, items: &[String]| format!(".{field} |= ((. // []) + {} | unique)", list(items));
    let provider = pool.cognito.authorize_params.iter().find(|(name, _)| name == "identity_provider");
    vec![
        "del(.ClientSecret, .CreationDate, .LastModifiedDate)".to_owned(),
        add("CallbackURLs", callback_urls),
        add("LogoutURLs", sign_out_urls),
        add("AllowedOAuthFlows", &["code".to_owned()]),
        add("AllowedOAuthScopes", scopes),
        ".AllowedOAuthFlowsUserPoolClient = true".to_owned(),
        match provider {
            Some((_, name)) => add("SupportedIdentityProviders", std::slice::from_ref(name)),
            // A client that only has other providers was set up like that on purpose.
            None => ".SupportedIdentityProviders //= [\"COGNITO\"]".to_owned(),
        },
        format!(
            "if .ReadAttributes then .ReadAttributes |= (. + {} | unique) else {without_list} end",
            list(read_attributes)
        ),
    ]
}

/// A text as one word of a shell command. A variable is still expanded.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:+".contains(c);
    if text.starts_with("${") && text.ends_with('}') {
        format!("\"{text}\"")
    } else if text.chars().all(plain) && !text.is_empty() {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
