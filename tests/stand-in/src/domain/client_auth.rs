//! Which client makes a call, and whether its credentials are right.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    Client,
    cognito::Cognito,
    http::request::{Form, Request},
};

/// The client that the call names.
pub fn claimed_id(request: &Request) -> Option<String> {
    let in_body = || request.form()?.get("client_id").map(String::from);
    basic(request).map(|(id, _)| id).or_else(in_body)
}

/// The client, if its credentials are right; otherwise the OAuth error.
pub fn authenticate(cognito: &Cognito, request: &Request, form: &Form) -> Result<Arc<Client>, &'static str> {
    let in_body = form.get("client_id");
    let (id, secret) = match basic(request) {
        Some((id, _)) if in_body.is_some_and(|other| other != id) => return Err("invalid_request"),
        Some((id, secret)) => (id, Some(secret)),
        None if request.header("authorization").is_some() => return Err("invalid_client"),
        None => match in_body {
            Some(id) => (id.into(), form.get("client_secret").map(String::from)),
            None => return Err("invalid_request"),
        },
    };
    let (_, client) = cognito.client(&id).ok_or("invalid_client")?;
    if client.has_secret(secret.as_deref()) { Ok(client) } else { Err("invalid_client") }
}

/// Plain base64 of `id:secret`: Cognito doesn't form-encode the two first, so a `+` stays a `+`.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, credentials) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((id.into(), secret.into()))
}
