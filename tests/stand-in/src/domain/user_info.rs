//! `GET /oauth2/userInfo`: the attributes behind an access token. Unlike a signature, it notices revocation.

use serde_json::{Map, Value};

use crate::{
    cognito::{
        Cognito, attributes,
        grants::{Family, Standing},
    },
    http::{answer::Answer, request::Request},
};

const BAD_REQUEST: &str =
    r#"error="invalid_request", error_description="Bad OAuth2 request at UserInfo Endpoint""#;
const BAD_TOKEN: &str = r#"error="invalid_token", error_description="Access token is expired, disabled, or deleted, or the user has globally signed out.""#;

pub fn answer(cognito: &Cognito, request: &Request) -> Answer {
    let Some(token) = request.bearer() else {
        return Answer::new(400).with("www-authenticate", BAD_REQUEST);
    };
    let described = match cognito.grants.standing(token) {
        Standing::Good(family) => describe(cognito, family),
        _ => None,
    };
    match described {
        Some(user) => Answer::json(200, &Value::Object(user)),
        None => Answer::new(401).with("www-authenticate", BAD_TOKEN),
    }
}

/// `None` without the scope `openid`, or if the user is gone.
fn describe(cognito: &Cognito, family: &Family) -> Option<Map<String, Value>> {
    let sign_in = &family.sign_in;
    sign_in.scopes.iter().find(|scope| *scope == "openid")?;
    let (pool, client) = cognito.client(&sign_in.client_id)?;
    let user = pool.user(&sign_in.username)?;
    let mut shown = attributes::as_strings(user, &client, &sign_in.scopes);
    shown.insert("sub".into(), user.sub.as_str().into());
    shown.insert("username".into(), user.username.as_str().into());
    Some(shown)
}
