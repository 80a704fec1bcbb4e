//! Signing out: our cookies, the refresh token, and Cognito's own session, in one step. And the page
//! behind it, which never signs anybody in by itself.

use crate::flow::context::RequestContext;
use crate::http::client::{follows_redirects, is_cross_site, is_prefetch};
use crate::http::{Callout, Response};
use crate::json;
use crate::pages::messages;
use crate::pages::page::Page;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// What a request to sign out comes to.
pub enum SignOut {
    /// It is obeyed. The calls revoke the refresh tokens that the request carries, mostly one; nobody waits
    /// for them.
    Obeyed(Response, Vec<Callout>, Event),
    /// It isn't the person's own word.
    Refused(Response, Event),
}

/// Answers the sign-out path.
pub fn sign_out(ctx: &RequestContext<'_>) -> SignOut {
    if is_cross_site(ctx.request, &ctx.origin) || is_prefetch(ctx.request) {
        let event = Event::new(Level::Info, "sign_out.not_obeyed").with("request_id", ctx.reference());
        return SignOut::Refused(confirm(ctx), event);
    }
    let (mut revoke, mut gone) = (Vec::new(), Vec::new());
    for pool in ctx.pools {
        let (cognito, store) = (&pool.cognito, ctx.store(pool));
        for token in store.refresh_tokens(&ctx.cookies) {
            let caller = cognito.caller(cognito.timeouts.revoke);
            revoke.push(caller.revoke(&cognito.endpoints.revoke, &token));
        }
        gone.extend(pool.cookies.clear(&ctx.cookies));
        gone.extend(store.leftovers(&ctx.cookies));
    }
    let event = Event::counted(Level::Info, Counter::SignOut).with("request_id", ctx.reference());
    SignOut::Obeyed(on_to(ctx, leave(ctx)).with_cookies(gone), revoke, event)
}

/// A script can't follow a redirect to Cognito, and Cognito's own session would outlive it: so it is told where its
/// page is to go.
fn on_to(ctx: &RequestContext<'_>, url: String) -> Response {
    if follows_redirects(ctx.request) {
        return Response::redirect(url);
    }
    Response::json(200, json::object_of("sign_out", &url))
}

/// Where the browser goes: to the logout of the pool whose session it carries, be it over or not. Where
/// several may be meant and none is known, there is none to log out of.
fn leave(ctx: &RequestContext<'_>) -> String {
    let landing = format!("{}{}", ctx.origin.url(), ctx.config.paths.after_sign_out);
    let lasting = ctx.session().map(|(pool, _)| pool);
    let left = || ctx.pools.iter().find(|pool| ctx.store(pool).session_id(&ctx.cookies).is_some());
    match (lasting.or_else(left), ctx.pools) {
        (Some(pool), _) | (None, [pool]) => pool.cognito.logout_url(&landing),
        (None, _) => landing,
    }
}

/// What a script at another host than `public_url`'s hears: the page has to go there to be signed out.
pub fn elsewhere(ctx: &RequestContext<'_>) -> Response {
    let address = ctx.origin.url() + &ctx.config.paths.sign_out;
    Response::json(200, json::object_of("sign_out", &address))
}

/// Another site may ask, but only the person decides.
fn confirm(ctx: &RequestContext<'_>) -> Response {
    Page::saying(&ctx.config.pages, 403, messages::CONFIRM_SIGN_OUT)
        .action(messages::SIGN_OUT, &ctx.config.paths.sign_out)
        .into_response()
}

/// The signed-out page.
pub fn signed_out(ctx: &RequestContext<'_>) -> Response {
    Page::saying(&ctx.config.pages, 200, messages::SIGNED_OUT)
        .action(messages::SIGN_IN_AGAIN, &ctx.config.paths.sign_in)
        .into_response()
}
