//! `GET /passkeys/add`: the page of managed login on which somebody who is signed in adds a passkey. Nothing is added
//! here: the page only leads back.

use super::{login, page};
use crate::{
    cognito::Cognito,
    http::{answer::Answer, request::Request},
};

pub fn answer(cognito: &Cognito, request: &Request) -> Answer {
    let query = &request.query;
    let Some((pool, client)) = query.get("client_id").and_then(|id| cognito.client(id)) else {
        return page::error(400, "Client does not exist");
    };
    let Some(next) = query.get("redirect_uri").filter(|url| client.may_return_to(url)) else {
        return page::error(400, "redirect_mismatch");
    };
    match login::session(cognito, request, &pool.id) {
        Some(session) => page::add_passkey(&session.username, next),
        None => page::error(401, "Please sign in first."),
    }
}
