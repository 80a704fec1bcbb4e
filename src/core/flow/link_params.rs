//! The parameters of a visitor's link that go on to Cognito, as far as `sign_in_params` allows.

use crate::cognito::pool::Pool;
use crate::cognito::sign_in_params::{Params, over};
use crate::flow::context::RequestContext;
use crate::flow::destination::Destination;
use crate::http::format_query;

/// The parameters for the authorization request: those of the sign-in path, then those of the address to return to, if
/// links into the app may have them. The address keeps them.
pub fn of_visit(ctx: &RequestContext<'_>, pool: &Pool, destination: &Destination) -> Params {
    let own = of_sign_in_path(ctx, pool);
    let allowed = &pool.cognito.sign_in_params;
    match destination.target.as_str().split_once('?') {
        Some((_, query)) if allowed.from_links => over(&allowed.of_query(query.as_bytes()), own),
        _ => own,
    }
}

/// The parameters of the sign-in path, to be added to a link of a page: `&name=value`. Empty if they are longer than
/// `max` bytes, because pages stay small.
pub fn to_add(ctx: &RequestContext<'_>, pool: &Pool, max: usize) -> String {
    let params = of_sign_in_path(ctx, pool);
    let query = format_query(params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if query.is_empty() || query.len() > max { String::new() } else { format!("&{query}") }
}

/// The parameters that a request to the sign-in path passes on to a pool.
fn of_sign_in_path(ctx: &RequestContext<'_>, pool: &Pool) -> Params {
    if ctx.path.canonical() == ctx.config.paths.sign_in.as_bytes() {
        pool.cognito.sign_in_params.of_query(ctx.request.query())
    } else {
        Params::new()
    }
}
