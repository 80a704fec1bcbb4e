//! Step-up: a rule asks people who are signed in for a later or a stronger sign-in (OIDC Core, section 3.1.2.1:
//! `max_age`, `acr_values`; RFC 9470).
//!
//! Cognito may ignore what it is asked for: the Lite plan knows no `acr_values`, and not everybody has a second factor.
//! So a session remembers what its sign-in asked for. If that didn't help, the person gets a page instead of another
//! redirect.

use crate::cognito::identity::Identity;
use crate::cognito::identity::asked::AskedFor;
use crate::cognito::pool::Pool;
use crate::flow::context::{Person, RequestContext};
use crate::flow::destination::Link;
use crate::flow::resource_metadata;
use crate::http::Response;
use crate::json;
use crate::oidc::jwt::LEEWAY;
use crate::pages::messages;
use crate::pages::page::Page;
use crate::rules::StepUp;
use crate::session::PendingSignIn;
use crate::time::UnixTime;

/// Whether the person's sign-in has just asked for this, and asking again wouldn't help.
pub fn is_fruitless(step_up: &StepUp, person: &Person, now: UnixTime) -> bool {
    person.identity.asked.iter().any(|asked| {
        // If it was fulfilled then, time has passed since.
        let unmet = step_up.unmet(&person.facts, asked.at).ok().flatten();
        asked.step_up == step_up.id
            && asked.is_recent(now)
            && unmet.is_some_and(|unmet| asked.prompted || !unmet.needs_prompt)
    })
}

/// `401` for everything but a navigation (RFC 9470, section 3).
pub fn insufficient(ctx: &RequestContext<'_>, step_up: &StepUp, person: &Person) -> Response {
    let error = "insufficient_user_authentication";
    let mut parameters = ["error=\"", error, "\""].concat();
    for (name, value) in wanted(step_up) {
        parameters.push_str(&[", ", &name, "=\"", &value, "\""].concat());
    }
    let body = if person.by_bearer_token {
        json::object_of("error", error)
    } else {
        json::object(&[
            ("error", json::text(error)),
            ("sign_in", json::text(&ctx.config.paths.sign_in)),
            ("step_up", json::text(&step_up.id.to_string())),
        ])
    };
    Response::json(401, body).with("www-authenticate", resource_metadata::challenge(ctx, &parameters))
}

/// `acr_values` and `max_age`, for the challenge and for the authorization request.
fn wanted(step_up: &StepUp) -> Vec<(String, String)> {
    let mut wanted = Vec::new();
    if !step_up.acr_any.is_empty() {
        wanted.push(("acr_values".to_owned(), step_up.acr_any.join(" ")));
    }
    if let Some(age) = step_up.max_age {
        wanted.push(("max_age".to_owned(), age.as_secs().to_string()));
    }
    wanted
}

/// `403` if Cognito didn't provide the sign-in that the rule asks for. The page says which one, and `again` is the link
/// for another try.
pub fn refused(ctx: &RequestContext<'_>, step_up: &StepUp, person: &Person, again: Link) -> Response {
    let mut facts: Vec<(&str, Vec<String>)> = Vec::new();
    if let Some(age) = step_up.max_age {
        facts.push((messages::SIGN_IN_AGE, vec![messages::duration(age)]));
    }
    for (label, any) in
        [(messages::SIGN_IN_LEVEL, &step_up.acr_any), (messages::SIGN_IN_METHOD, &step_up.amr_any)]
    {
        if !any.is_empty() {
            facts.push((label, any.clone()));
        }
    }
    Page::saying(&ctx.config.pages, 403, messages::STEP_UP)
        .facts(facts)
        .text(&messages::signed_in_as(person.identity.shown_name()))
        .action(messages::SIGN_IN_AGAIN, &again.url(&ctx.config.paths.sign_in))
        .link(messages::SIGN_OUT, &ctx.config.paths.sign_out)
        .reference(&ctx.reference())
        .into_response()
        .with_cookies(again.cookies)
}

/// What an authorization request asks for because of a rule.
pub struct Asking {
    /// All additional parameters, also the operator's and those of a link.
    pub parameters: Vec<(String, String)>,
    /// What the pending sign-in remembers.
    pub asked: Vec<AskedFor>,
}

/// What to ask for, in addition to `params`. `id` is a [`StepUp::id`]; `None` if no rule has it any more.
pub fn asking(ctx: &RequestContext<'_>, pool: &Pool, params: &[(String, String)], id: u32) -> Option<Asking> {
    let step_up = ctx.config.rules.step_up(id)?;
    let session = ctx.session().filter(|(of, _)| of.index == pool.index).map(|(_, session)| session);
    // Without a session, Cognito decides by `max_age` and `acr_values` whether its own session is good enough.
    let prompt = session.as_ref().is_some_and(|session| {
        let facts = session.identity.facts(ctx.config.rules.claims());
        step_up.unmet(&facts, ctx.now).is_ok_and(|unmet| unmet.is_some_and(|unmet| unmet.needs_prompt))
    });
    let mut parameters = wanted(step_up);
    for (name, value) in params {
        // `none` forbids the pages that a stronger sign-in needs.
        if name != "prompt" || (!prompt && value != "none") {
            parameters.push((name.clone(), value.clone()));
        }
    }
    if prompt {
        parameters.push(("prompt".to_owned(), "login".to_owned()));
    }
    let earlier = session.as_ref().map_or(&[][..], |session| &session.identity.asked);
    let asked = AskedFor { step_up: id, prompted: prompt, at: ctx.now }.added_to(earlier, ctx.now);
    Some(Asking { parameters, asked })
}

/// What the sign-ins of a new session have asked for.
pub fn asked_by(flow: &PendingSignIn, identity: &Identity, now: UnixTime) -> Vec<AskedFor> {
    let Some((own, earlier)) = flow.asked.split_last() else { return Vec::new() };
    // Cognito has asked for credentials by itself.
    let entered = |at: UnixTime| at.plus(LEEWAY) >= flow.started_at;
    let prompted = own.prompted || identity.authenticated_at().is_some_and(entered);
    AskedFor { prompted, at: now, ..*own }.added_to(earlier, now)
}

/// Reads the `step_up` parameter of a sign-in link. `None` if no rule asks for that.
pub fn read(parameter: &str, ctx: &RequestContext<'_>) -> Option<u32> {
    let id = parameter.parse().ok()?;
    ctx.config.rules.step_up(id).map(|step_up| step_up.id)
}
