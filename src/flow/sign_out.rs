//! Signing out: our cookies, the refresh token, and Cognito's own session, in one step. And the page
//! behind it, which never signs anybody in by itself.

use crate::client::{is_cross_site, is_prefetch};
use crate::event::{Event, Level};
use crate::flow::Visit;
use crate::http::{Callout, Response};
use crate::page::Page;

/// What a request to sign out comes to.
pub enum SignOut {
    /// It is obeyed. The call revokes the refresh token, where there is one; nobody waits for it.
    Obeyed(Response, Option<Callout>, Event),
    /// It isn't the person's own word.
    Refused(Response, Event),
}

/// Answers the sign-out path.
pub fn sign_out(visit: &Visit<'_>) -> SignOut {
    let event = |name| Event::new(Level::Info, name).with("request_id", visit.reference());
    if is_cross_site(visit.request, &visit.origin) || is_prefetch(visit.request) {
        return SignOut::Refused(confirm(visit), event("sign_out.not_obeyed"));
    }
    let config = visit.config;
    let revoke = visit.store.refresh_token(&visit.cookies, None).map(|token| {
        config.pool.caller(config.pool.timeouts.revoke).revoke(&config.pool.endpoints.revoke, &token)
    });
    let landing = format!("{}{}", visit.origin.url(), config.paths.after_sign_out);
    let response = Response::redirect(config.pool.logout_url(&landing))
        .with_cookies(config.cookies.clear(&visit.cookies));
    SignOut::Obeyed(response, revoke, event("sign_out"))
}

/// Another site may ask, but only the person decides.
fn confirm(visit: &Visit<'_>) -> Response {
    Page::new(403, "Do you want to sign out?")
        .text("Another site has asked to sign you out here. You are still signed in.")
        .action("Sign out", &visit.config.paths.sign_out)
        .into_response()
}

/// The signed-out page.
pub fn signed_out(visit: &Visit<'_>) -> Response {
    Page::new(200, "You are signed out")
        .text("It is safe to close this window.")
        .action("Sign in again", &visit.config.paths.sign_in)
        .into_response()
}
