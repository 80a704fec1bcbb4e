//! `GET /logout`: ends the session of the pages. It revokes nothing.

use super::{code_request::CodeRequest, login, page};
use crate::{
    cognito::Cognito,
    http::{answer::Answer, request::Request},
};

pub fn answer(cognito: &mut Cognito, request: &Request) -> Answer {
    let query = &request.query;
    let missing =
        |name: &str| page::error(400, &format!("Required String parameter '{name}' is not present"));
    let Some(client_id) = query.get("client_id") else { return missing("client_id") };
    let Some((_, client)) = cognito.client(client_id) else {
        return page::error(400, "Client does not exist");
    };
    let next = match (query.get("logout_uri"), query.get("redirect_uri")) {
        (Some(url), _) if client.may_sign_out_to(url) => Answer::redirect(url),
        (Some(_), _) => return page::error(400, "Invalid request: logout_uri is not allowed"),
        (None, None) => return missing("redirect_uri"),
        (None, Some(url)) if !client.may_return_to(url) => {
            return page::error(400, "Invalid request: redirect_uri is not allowed");
        }
        (None, Some(_)) if query.get("response_type").is_none() => return missing("response_type"),
        (None, Some(_)) => match CodeRequest::parse(cognito, request) {
            Ok(_) => Answer::redirect(login::url(cognito, request)),
            Err(refusal) => refusal,
        },
    };
    login::signed_out(cognito, request, next)
}
