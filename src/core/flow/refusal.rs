//! Responses to requests that the filter rejects and that a new sign-in wouldn't help.

use crate::flow::context::{Person, RequestContext};
use crate::flow::destination::MAX_LINK;
use crate::flow::resource_metadata::challenge;
use crate::http::Response;
use crate::http::client::Client;
use crate::json;
use crate::pages::messages;
use crate::pages::page::{Design, Page};
use crate::session::return_to::ReturnTo;

/// `403` for a request that a new sign-in wouldn't help. `person` is the signed-in person, or `None` if the identity
/// doesn't matter.
pub fn forbidden(ctx: &RequestContext<'_>, person: Option<&Person>) -> Response {
    if !ctx.client().shows_pages() {
        let response = Response::json(403, json::object_of("error", "forbidden"));
        return match person {
            // Required by RFC 6750, section 3.1.
            Some(person) if person.by_bearer_token => {
                response.with("www-authenticate", challenge(ctx, "error=\"insufficient_scope\""))
            }
            _ => response,
        };
    }
    let words = if person.is_some() { messages::FORBIDDEN } else { messages::CLOSED };
    let page = Page::saying(&ctx.config.pages, 403, words);
    let page = match person {
        Some(Person { identity, .. }) => page
            .text(&messages::signed_in_as(identity.shown_name()))
            .action(messages::WHO_AM_I, &ctx.config.paths.me)
            .link(messages::SIGN_OUT, &ctx.config.paths.sign_out),
        None => page,
    };
    page.reference(&ctx.reference()).into_response()
}

/// `400` for a request whose path or host is ambiguous or malformed.
pub fn malformed(design: &Design, client: Client, reference: &str) -> Response {
    if client.shows_pages() {
        return Page::saying(design, 400, messages::MALFORMED).reference(reference).into_response();
    }
    Response::json(400, json::object_of("error", "malformed_request"))
}

/// `503` for a session that can't be confirmed because Cognito can't be reached. The session is kept and continues
/// when Cognito is back.
pub fn unavailable(ctx: &RequestContext<'_>) -> Response {
    let client = ctx.client();
    let response = if client.shows_pages() {
        let page = Page::saying(&ctx.config.pages, 503, messages::UNAVAILABLE);
        let here = ReturnTo::parse(ctx.request.target(), &ctx.config.paths);
        let page = match here.filter(|_| client == Client::Navigation) {
            // An empty link target means the current address.
            Some(here) if here.as_str().len() > MAX_LINK => page.action(messages::TRY_AGAIN, ""),
            Some(here) => page.action(messages::TRY_AGAIN, here.as_str()),
            None => page,
        };
        page.reference(&ctx.reference()).into_response()
    } else {
        Response::json(503, json::object_of("error", "temporarily_unavailable"))
    };
    response.with("retry-after", "5".to_owned())
}
