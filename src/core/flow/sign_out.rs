//! Signing out: our cookies, the refresh token, and Cognito's own session, in one step. And the page
//! behind it, which never signs anybody in by itself.

use serde_json::json;

use crate::flow::context::Visit;
use crate::http::client::{follows_redirects, is_cross_site, is_prefetch};
use crate::http::{Callout, Response};
use crate::pages::messages;
use crate::pages::page::Page;
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
pub fn sign_out(visit: &Visit<'_>) -> SignOut {
    let event = |name| Event::new(Level::Info, name).with("request_id", visit.reference());
    if is_cross_site(visit.request, &visit.origin) || is_prefetch(visit.request) {
        return SignOut::Refused(confirm(visit), event("sign_out.not_obeyed"));
    }
    let (mut revoke, mut gone) = (Vec::new(), Vec::new());
    for pool in visit.pools {
        let (cognito, store) = (&pool.cognito, visit.store(pool));
        for token in store.refresh_tokens(&visit.cookies) {
            let caller = cognito.caller(cognito.timeouts.revoke);
            revoke.push(caller.revoke(&cognito.endpoints.revoke, &token));
        }
        gone.extend(pool.cookies.clear(&visit.cookies));
        gone.extend(store.leftovers(&visit.cookies));
    }
    SignOut::Obeyed(on_to(visit, leave(visit)).with_cookies(gone), revoke, event("sign_out"))
}

/// A script can't follow a redirect to Cognito, and Cognito's own session would outlive it: so it is told where its
/// page is to go.
fn on_to(visit: &Visit<'_>, url: String) -> Response {
    if follows_redirects(visit.request) {
        return Response::redirect(url);
    }
    Response::json(200, &json!({ "sign_out": url }))
}

/// Where the browser goes: to the logout of the pool whose session it carries, be it over or not. Where
/// several may be meant and none is known, there is none to log out of.
fn leave(visit: &Visit<'_>) -> String {
    let landing = format!("{}{}", visit.origin.url(), visit.config.paths.after_sign_out);
    let lasting = visit.session().map(|(pool, _)| pool);
    let left = || visit.pools.iter().find(|pool| visit.store(pool).session_id(&visit.cookies).is_some());
    match (lasting.or_else(left), visit.pools) {
        (Some(pool), _) | (None, [pool]) => pool.cognito.logout_url(&landing),
        (None, _) => landing,
    }
}

/// What a script at another host than `public_url`'s hears: the page has to go there to be signed out.
pub fn elsewhere(visit: &Visit<'_>) -> Response {
    let address = visit.origin.url() + &visit.config.paths.sign_out;
    Response::json(200, &json!({ "sign_out": address }))
}

/// Another site may ask, but only the person decides.
fn confirm(visit: &Visit<'_>) -> Response {
    Page::saying(&visit.config.pages, 403, messages::CONFIRM_SIGN_OUT)
        .action(messages::SIGN_OUT, &visit.config.paths.sign_out)
        .into_response()
}

/// The signed-out page.
pub fn signed_out(visit: &Visit<'_>) -> Response {
    Page::saying(&visit.config.pages, 200, messages::SIGNED_OUT)
        .action(messages::SIGN_IN_AGAIN, &visit.config.paths.sign_in)
        .into_response()
}
