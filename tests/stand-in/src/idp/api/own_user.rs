//! What people can read and change about themselves with an access token: `GetUser`, which is userInfo for clients without
//! `openid`, and `UpdateUserAttributes`.

use serde_json::{Value, json};

use super::{
    Outcome, Problem,
    users::{NameValue, attributes, write},
};
use crate::{
    cognito::{Cognito, attributes as rights, grants::SignIn, grants::Standing},
    http::request::Request,
};

const SCOPE: &str = "aws.cognito.signin.user.admin";

/// The client of the access token, or nothing.
pub fn holder(cognito: &Cognito, request: &Request) -> String {
    let body = request.json();
    let token = body["AccessToken"].as_str().unwrap_or_default();
    cognito.grants.holder(token).unwrap_or_default().into()
}

pub fn describe(cognito: &Cognito, body: &Value) -> Outcome {
    let sign_in = sign_in(cognito, body)?;
    let found = cognito.client(&sign_in.client_id);
    let found = found.and_then(|(pool, client)| Some((pool.user(&sign_in.username)?, client)));
    let (user, client) = found.ok_or_else(super::no_user)?;
    let readable = attributes(user, |name| rights::reads(&client, name));
    Ok(json!({ "Username": user.username, "UserAttributes": readable }))
}

/// The token's owner may set every attribute that the token's client may write, including those that contain roles.
pub fn update(cognito: &mut Cognito, body: &Value) -> Outcome {
    let sign_in = sign_in(cognito, body)?.clone();
    let wanted: Vec<NameValue> = serde_json::from_value(body["UserAttributes"].clone())
        .map_err(|error| Problem::new("SerializationException", error.to_string()))?;
    let (_, client) = cognito.client(&sign_in.client_id).ok_or_else(super::no_user)?;
    if !wanted.iter().all(|attribute| rights::writes(&client, &attribute.name)) {
        let problem = "A client attempted to write unauthorized attribute";
        return Err(Problem::new("NotAuthorizedException", problem));
    }
    let pool = cognito.pool_mut(&sign_in.pool_id).ok_or_else(super::no_user)?;
    let schema = pool.set_up.as_ref().map(|set_up| set_up.schema.clone());
    let user = pool.user_mut(&sign_in.username).ok_or_else(super::no_user)?;
    write(user, wanted, schema.as_ref(), false)?;
    Ok(json!({}))
}

/// The owner of the access token, if the token is valid for this API.
fn sign_in<'a>(cognito: &'a Cognito, body: &Value) -> Result<&'a SignIn, Problem> {
    let Some(token) = body["AccessToken"].as_str() else {
        return Err(Problem::invalid("Missing required parameter AccessToken"));
    };
    let refused = |message: &str| Err(Problem::new("NotAuthorizedException", message));
    let family = match cognito.grants.standing(token) {
        Standing::Good(family) => family,
        Standing::Expired => return refused("Access Token has expired"),
        Standing::Revoked => return refused("Access Token has been revoked"),
        Standing::Unknown => return refused("Invalid Access Token"),
    };
    if !family.sign_in.scopes.iter().any(|scope| scope == SCOPE) {
        return refused("Access Token does not have required scopes");
    }
    Ok(&family.sign_in)
}
