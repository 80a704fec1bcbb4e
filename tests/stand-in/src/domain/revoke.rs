//! `POST /oauth2/revoke`: revokes a refresh token and all other tokens of the same sign-in.

use super::client_auth::authenticate;
use crate::{
    cognito::Cognito,
    http::{answer::Answer, request::Request},
};

pub fn answer(cognito: &mut Cognito, request: &Request) -> Answer {
    let Some(form) = request.form() else { return Answer::oauth_error(400, "invalid_request", None) };
    let client = match authenticate(cognito, request, &form) {
        Ok(client) => client,
        Err("invalid_client") => return Answer::oauth_error(401, "invalid_client", None),
        Err(error) => return Answer::oauth_error(400, error, None),
    };
    let Some(token) = form.get("token").filter(|_| client.revocation) else {
        return Answer::oauth_error(400, "invalid_request", None);
    };
    // A refresh token has five parts; the others are signed and have three.
    if token.split('.').count() == 3 {
        return Answer::oauth_error(400, "unsupported_token_type", None);
    }
    cognito.grants.revoke(token, &client);
    Answer::new(200)
}
