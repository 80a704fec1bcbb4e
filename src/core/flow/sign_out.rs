//! Signing out: clears our cookies, revokes the refresh token and ends Cognito's own session, in one step. Also the
//! page after sign-out, which never signs anybody in by itself.

use crate::flow::context::RequestContext;
use crate::http::client::{follows_redirects, is_cross_site, is_prefetch};
use crate::http::{Callout, Response};
use crate::json;
use crate::pages::messages;
use crate::pages::page::Page;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// The outcome of a sign-out request.
pub enum SignOut {
    /// The person is signed out. The calls revoke the refresh tokens that the request carries, usually one; no
    /// request waits for them.
    Obeyed(Response, Vec<Callout>, Event),
    /// The request is ignored: another site or a prefetch caused it.
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
    SignOut::Obeyed(answer_with(ctx, logout_url(ctx)).with_cookies(gone), revoke, event)
}

/// Redirects to `url`, or gives it to a script in JSON: a script can't follow a redirect to Cognito, so its page must
/// open the URL to end Cognito's own session.
fn answer_with(ctx: &RequestContext<'_>, url: String) -> Response {
    if follows_redirects(ctx.request) {
        return Response::redirect(url);
    }
    Response::json(200, json::object_of("sign_out", &url))
}

/// The next URL: the logout of the pool whose session the request carries, even if that has ended. If several pools
/// are possible and none is known, it is the page after sign-out.
fn logout_url(ctx: &RequestContext<'_>) -> String {
    let landing = format!("{}{}", ctx.origin.url(), ctx.config.paths.after_sign_out);
    let active = ctx.session().map(|(pool, _)| pool);
    let ended = || ctx.pools.iter().find(|pool| ctx.store(pool).session_id(&ctx.cookies).is_some());
    match (active.or_else(ended), ctx.pools) {
        (Some(pool), _) | (None, [pool]) => pool.cognito.logout_url(&landing),
        (None, _) => landing,
    }
}

/// The answer to a script at another host than `public_url`'s: its page must open the sign-out path there.
pub fn at_public_url(ctx: &RequestContext<'_>) -> Response {
    let address = ctx.origin.url() + &ctx.config.paths.sign_out;
    Response::json(200, json::object_of("sign_out", &address))
}

/// Asks the person to confirm a sign-out that another site requested.
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
