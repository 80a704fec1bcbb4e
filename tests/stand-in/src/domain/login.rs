//! `/login`: the form, and the session that starts with a correct password.

use super::{code_request::CodeRequest, page};
use crate::{
    cognito::{
        Cognito, now,
        sessions::{self, Session},
    },
    http::{
        answer::Answer,
        request::{Form, Request},
    },
    random,
};

const SESSION_COOKIE: &str = "cognito";
const CSRF_COOKIE: &str = "XSRF-TOKEN";

/// Who is signed in to this pool by the cookie of the pages.
pub fn session(cognito: &Cognito, request: &Request, pool_id: &str) -> Option<Session> {
    let session = cognito.sessions.get(request.cookie(SESSION_COOKIE)?)?;
    let user = cognito.pool(pool_id)?.user(&session.username)?;
    (session.pool_id == pool_id && !user.disabled).then(|| session.clone())
}

/// Ends the session, here and in the browser.
pub fn signed_out(cognito: &mut Cognito, request: &Request, answer: Answer) -> Answer {
    if let Some(cookie) = request.cookie(SESSION_COOKIE) {
        cognito.sessions.close(cookie);
    }
    answer.with("set-cookie", format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"))
}

/// The page that asks for a password and then does what this request asks for.
pub fn url(cognito: &Cognito, request: &Request) -> String {
    format!("{}/login?{}", cognito.pages_url(request.header("host")), request.raw_query)
}

pub fn show(cognito: &mut Cognito, request: &Request) -> Answer {
    match CodeRequest::parse(cognito, request) {
        Ok(asked) => form(cognito, request, &asked, ""),
        Err(refusal) => refusal,
    }
}

pub fn submit(cognito: &mut Cognito, request: &Request) -> Answer {
    let asked = match CodeRequest::parse(cognito, request) {
        Ok(asked) => asked,
        Err(refusal) => return refusal,
    };
    let Some(fields) = request.form() else { return page::error(400, "The form is missing.") };
    let csrf = fields.get("_csrf");
    if csrf.is_none() || csrf != request.cookie(CSRF_COOKIE) {
        return form(cognito, request, &asked, "The page had expired. Please try again.");
    }
    let username = fields.get("username").unwrap_or_default();
    let password = fields.get("password").unwrap_or_default();
    let user = cognito.pool(&asked.pool_id).and_then(|pool| pool.user(username));
    let Some(user) = user.filter(|user| user.password == password) else {
        return form(cognito, request, &asked, "Incorrect username or password.");
    };
    if user.disabled {
        return form(cognito, request, &asked, "User is disabled.");
    }
    let strength = asked.strength(user);
    if user.temporary_password
        && let Err(refusal) = change_password(cognito, request, &asked, &fields)
    {
        return refusal;
    }

    let session =
        Session { pool_id: asked.pool_id.clone(), username: username.into(), auth_time: now(), strength };
    let cookie = cognito.sessions.open(session.clone());
    let seconds = sessions::SECONDS;
    asked.granted(cognito, session).with(
        "set-cookie",
        format!("{SESSION_COOKIE}={cookie}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"),
    )
}

/// A person with a temporary password must first choose a new one.
fn change_password(
    cognito: &mut Cognito,
    request: &Request,
    asked: &CodeRequest,
    fields: &Form,
) -> Result<(), Answer> {
    let csrf = fields.get("_csrf").unwrap_or_default();
    let username = fields.get("username").unwrap_or_default();
    let again = |problem: &str| Err(page::new_password(&request.raw_query, csrf, username, problem));
    let Some(chosen) = fields.get("new_password") else { return again("") };
    let pool = cognito.pool_mut(&asked.pool_id);
    let Some(pool) = pool else { return again("The user pool is gone.") };
    if let Some(set_up) = &pool.set_up
        && let Err(problem) = set_up.passwords.check(chosen)
    {
        return again(&problem);
    }
    if let Some(user) = pool.user_mut(username) {
        user.password = chosen.into();
        user.temporary_password = false;
    }
    Ok(())
}

fn form(cognito: &Cognito, request: &Request, asked: &CodeRequest, problem: &str) -> Answer {
    // One value for all tabs of the browser.
    let csrf = request.cookie(CSRF_COOKIE).map_or_else(random::uuid, String::from);
    let users = cognito.pool(&asked.pool_id).map(|pool| pool.users.as_slice()).unwrap_or_default();
    let hint = if cognito.show_hint { users } else { &[] };
    let username = request.form().and_then(|form| form.get("username").map(String::from));
    let username = username.or_else(|| request.query.get("login_hint").map(String::from));
    page::sign_in(&request.raw_query, &csrf, &username.unwrap_or_default(), problem, hint)
        .with("set-cookie", format!("{CSRF_COOKIE}={csrf}; Path=/; HttpOnly; SameSite=Lax"))
}
