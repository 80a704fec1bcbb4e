//! `GET /oauth2/authorize`: a code at once for a browser that is signed in, else the sign-in page.

use super::{code_request::CodeRequest, login};
use crate::{
    cognito::Cognito,
    http::{answer::Answer, request::Request},
};

pub fn answer(cognito: &mut Cognito, request: &Request) -> Answer {
    let asked = match CodeRequest::parse(cognito, request) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let session = login::session(cognito, request, &asked.pool_id);
    match session {
        Some(session) if !asked.prompts("login") && asked.is_met_by(cognito, &session) => {
            asked.granted(cognito, session)
        }
        _ if asked.prompts("none") => asked.refused("login_required"),
        _ => Answer::redirect(login::url(cognito, request)),
    }
}
