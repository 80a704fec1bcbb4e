//! `GetClientToken`: access tokens for programs, without a domain and without IAM.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Outcome, Problem};
use crate::cognito::{Cognito, tokens::machine_token};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetClientToken {
    client_id: String,
    secret: String,
    scopes: Option<Vec<String>>,
}

pub fn get(cognito: &Cognito, body: &Value) -> Outcome {
    let asked = GetClientToken::deserialize(body)
        .map_err(|error| Problem::new("SerializationException", error.to_string()))?;
    let found = cognito.client(&asked.client_id).filter(|(_, client)| client.has_secret(Some(&asked.secret)));
    let Some((pool, client)) = found else {
        return Err(Problem::new("NotAuthorizedException", "Invalid client or secret"));
    };
    // AWS documents neither error's name.
    if !client.machine {
        return Err(Problem::invalid("The client isn't allowed ALLOW_CLIENT_TOKEN_AUTH."));
    }
    let scopes = asked.scopes.unwrap_or_else(|| client.scopes.clone());
    if !scopes.iter().all(|scope| client.scopes.contains(scope)) {
        return Err(Problem::invalid("The client isn't allowed a scope."));
    }
    Ok(json!({ "ClientAuthenticationResult": {
        "AccessToken": machine_token(pool, &client, &scopes),
        "ExpiresIn": client.access_token_seconds,
        "TokenType": "Bearer",
    }}))
}
