//! The user pool domain: the pages for people, and the OAuth endpoints for clients.

use crate::{
    Endpoint, Fault,
    cognito::Cognito,
    http::{Origin, answer::Answer, request::Request},
};

mod authorize;
mod client_auth;
mod code_request;
mod login;
mod logout;
mod page;
mod passkeys;
mod revoke;
mod token;
mod user_info;

pub const ORIGIN: Origin = Origin { endpoint, answer };

fn endpoint(cognito: &Cognito, request: &Request) -> Option<(Endpoint, String)> {
    let in_query = || request.query.get("client_id").map(String::from);
    let (endpoint, who) = match request.path.as_str() {
        "/oauth2/authorize" => (Endpoint::Authorize, in_query()),
        "/login" => (Endpoint::Login, in_query()),
        "/logout" => (Endpoint::Logout, in_query()),
        "/oauth2/token" => (Endpoint::Token, client_auth::claimed_id(request)),
        "/oauth2/revoke" => (Endpoint::Revoke, client_auth::claimed_id(request)),
        "/oauth2/userInfo" => {
            let holder = request.bearer().and_then(|token| cognito.grants.holder(token));
            (Endpoint::UserInfo, holder.map(String::from))
        }
        _ => return None,
    };
    Some((endpoint, who.unwrap_or_default()))
}

fn answer(cognito: &mut Cognito, request: &Request, fault: Option<&Fault>) -> Answer {
    let answer = answer_of(cognito, request, fault);
    if cognito.framable { answer.framable() } else { answer }
}

fn answer_of(cognito: &mut Cognito, request: &Request, fault: Option<&Fault>) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/oauth2/authorize") => authorize::answer(cognito, request),
        ("GET", "/login") => login::show(cognito, request),
        ("POST", "/login") => login::submit(cognito, request),
        ("GET", "/error") => page::error(400, request.query.get("error").unwrap_or_default()),
        ("GET", "/logout") => logout::answer(cognito, request),
        ("GET", "/passkeys/add") => passkeys::answer(cognito, request),
        ("POST", "/oauth2/token") => token::answer(cognito, request, fault).for_clients(),
        ("GET", "/oauth2/userInfo") => user_info::answer(cognito, request).for_clients(),
        ("POST", "/oauth2/revoke") => revoke::answer(cognito, request).for_clients(),
        (_, "/oauth2/authorize" | "/login" | "/error" | "/logout") => page::error(405, "Method not allowed"),
        (_, "/oauth2/token" | "/oauth2/userInfo" | "/oauth2/revoke") => Answer::new(405).for_clients(),
        _ => page::error(404, "There is no such page."),
    }
}
