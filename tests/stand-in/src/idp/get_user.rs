//! `GetUser` of the JSON API: what userInfo is for clients without `openid`, with the API's own errors.

use serde_json::{Value, json};

use crate::{
    cognito::{Cognito, attributes, grants::Standing},
    http::{answer::Answer, request::Request},
    random,
};

const TARGET: &str = "AWSCognitoIdentityProviderService.GetUser";
const SCOPE: &str = "aws.cognito.signin.user.admin";

/// The client of the access token, or nothing.
pub fn holder(cognito: &Cognito, request: &Request) -> String {
    let body = request.json();
    let token = body["AccessToken"].as_str().unwrap_or_default();
    cognito.grants.holder(token).unwrap_or_default().into()
}

pub fn answer(cognito: &Cognito, request: &Request) -> Answer {
    let (status, body) = match describe(cognito, request) {
        Ok(user) => (200, user),
        Err((kind, message)) => (400, json!({ "__type": kind, "message": message })),
    };
    Answer::new(status)
        .content("application/x-amz-json-1.1", body.to_string())
        .with("x-amzn-requestid", random::uuid())
}

fn describe(cognito: &Cognito, request: &Request) -> Result<Value, (&'static str, &'static str)> {
    if request.header("x-amz-target") != Some(TARGET) {
        return Err(("UnknownOperationException", ""));
    }
    let body = request.json();
    let Some(token) = body["AccessToken"].as_str() else {
        return Err(("InvalidParameterException", "Missing required parameter AccessToken"));
    };
    let refused = |message| Err(("NotAuthorizedException", message));
    let family = match cognito.grants.standing(token) {
        Standing::Good(family) => family,
        Standing::Expired => return refused("Access Token has expired"),
        Standing::Revoked => return refused("Access Token has been revoked"),
        Standing::Unknown => return refused("Invalid Access Token"),
    };
    let sign_in = &family.sign_in;
    if !sign_in.scopes.iter().any(|scope| scope == SCOPE) {
        return refused("Access Token does not have required scopes");
    }
    let found = cognito.client(&sign_in.client_id);
    let found = found.and_then(|(pool, client)| Some((pool.user(&sign_in.username)?, client)));
    let Some((user, client)) = found else {
        return Err(("UserNotFoundException", "User does not exist."));
    };

    let readable = user.attributes.iter().filter(|(name, _)| attributes::reads(&client, name));
    let sub = json!({ "Name": "sub", "Value": user.sub });
    let others = readable.map(|(name, value)| json!({ "Name": name, "Value": value }));
    let attributes: Vec<Value> = std::iter::once(sub).chain(others).collect();
    Ok(json!({ "Username": user.username, "UserAttributes": attributes }))
}
