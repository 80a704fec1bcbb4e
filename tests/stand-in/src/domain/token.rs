//! `POST /oauth2/token`: codes and refresh tokens become tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::client_auth::authenticate;
use crate::{
    Client, Fault,
    cognito::{Cognito, attributes, grants::Family, grants::SignIn, tokens::machine_token},
    http::{
        answer::Answer,
        request::{Form, Request},
    },
};

/// An OAuth error and, sometimes, its description.
struct Refusal(&'static str, Option<&'static str>);

impl From<&'static str> for Refusal {
    fn from(error: &'static str) -> Self {
        Self(error, None)
    }
}

/// The values that the family's next tokens are made from.
struct Granted {
    family: Family,
    refresh_token: Option<String>,
    nonce: Option<String>,
}

pub fn answer(cognito: &mut Cognito, request: &Request, fault: Option<&Fault>) -> Answer {
    match exchange(cognito, request, fault) {
        Ok(answer) => answer,
        Err(Refusal(error, description)) => Answer::oauth_error(400, error, description),
    }
}

fn exchange(cognito: &mut Cognito, request: &Request, fault: Option<&Fault>) -> Result<Answer, Refusal> {
    let form = request.form().ok_or("invalid_request")?;
    let client = authenticate(cognito, request, &form)?;
    let granted = match form.get("grant_type").ok_or("invalid_request")? {
        "authorization_code" => redeem(cognito, &client, &form)?,
        "refresh_token" => refresh(cognito, &client, &form)?,
        "client_credentials" => return client_credentials(cognito, &client, &form),
        _ => return Err("unsupported_grant_type".into()),
    };

    let nonce = granted.nonce.as_deref();
    let tokens = cognito.issue(&granted.family, &client, nonce, fault).ok_or("invalid_grant")?;
    let mut body = json!({
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": client.access_token_seconds,
    });
    let optional = [("id_token", tokens.id_token), ("refresh_token", granted.refresh_token)];
    for (name, token) in optional {
        if let Some(token) = token {
            body[name] = token.into();
        }
    }
    Ok(Answer::json(200, &body))
}

fn redeem(cognito: &mut Cognito, client: &Client, form: &Form) -> Result<Granted, Refusal> {
    let (code, redirect_uri) = (form.get("code"), form.get("redirect_uri"));
    let (Some(code), Some(redirect_uri)) = (code, redirect_uri) else {
        return Err("invalid_request".into());
    };
    let code = cognito.grants.take_code(code).ok_or("invalid_grant")?;
    if code.sign_in.client_id != client.id {
        return Err("invalid_grant".into());
    }
    if code.redirect_uri != redirect_uri {
        return Err(Refusal("unauthorized_client", Some("invalid_redirect")));
    }
    if let Some(challenge) = &code.challenge {
        let verifier = form.get("code_verifier").ok_or("invalid_grant")?;
        if *challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) {
            return Err("invalid_grant".into());
        }
    }
    check_attributes(client, &code.sign_in)?;
    let (family, refresh_token) = cognito.grants.found(code.sign_in, client);
    Ok(Granted { family, refresh_token: Some(refresh_token), nonce: code.nonce })
}

fn refresh(cognito: &mut Cognito, client: &Client, form: &Form) -> Result<Granted, Refusal> {
    let token = form.get("refresh_token").ok_or("invalid_request")?;
    let (family, refresh_token) = cognito.grants.refresh(token, client).ok_or("invalid_grant")?;
    check_attributes(client, &family.sign_in)?;
    Ok(Granted { family, refresh_token, nonce: None })
}

fn client_credentials(cognito: &Cognito, client: &Client, form: &Form) -> Result<Answer, Refusal> {
    let (pool, _) = cognito.client(&client.id).filter(|_| client.machine).ok_or("unauthorized_client")?;
    let asked = form.get("scope").map(|scope| scope.split(' ').map(String::from).collect());
    let scopes: Vec<String> = asked.unwrap_or_else(|| client.scopes.clone());
    if !scopes.iter().all(|scope| client.scopes.contains(scope)) {
        return Err("invalid_grant".into());
    }
    Ok(Answer::json(
        200,
        &json!({
            "access_token": machine_token(pool, client, &scopes),
            "token_type": "Bearer",
            "expires_in": client.access_token_seconds,
        }),
    ))
}

fn check_attributes(client: &Client, sign_in: &SignIn) -> Result<(), Refusal> {
    if attributes::covers(client, &sign_in.scopes) { Ok(()) } else { Err("invalid_grant".into()) }
}
