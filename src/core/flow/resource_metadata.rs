//! Protected resource metadata (RFC 9728): tells API clients, such as those of the Model Context Protocol, which
//! authorization server issues the tokens that are accepted here, and for which resource.
//!
//! The metadata of `https://host/orders` is at `https://host/.well-known/oauth-protected-resource/orders`, and that of
//! `https://host` at the same URL without the path (section 3.1). Clients compare its `resource` with the URL that they
//! call (section 3.3), so a path has metadata of its own only if it is one of the accepted resources.

use crate::flow::context::RequestContext;
use crate::http::Response;
use crate::json;

/// The path of the metadata; the path of a resource may follow.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Whether a request asks for the metadata of this host, or of an accepted resource at this host.
pub fn is_wanted(ctx: &RequestContext<'_>) -> bool {
    ctx.config.bearer.as_ref().is_some_and(|bearer| bearer.metadata)
        && ctx.path.canonical().starts_with(WELL_KNOWN.as_bytes())
        && wanted_resource(ctx).is_some()
}

/// The metadata. It is public, and scripts of any site may read it: clients in browsers need it before they have a
/// token.
pub fn answer(ctx: &RequestContext<'_>) -> Response {
    let open = |response: Response| response.with("access-control-allow-origin", "*".to_owned());
    if ctx.request.method() == "OPTIONS" {
        // A preflight: clients of the Model Context Protocol send a header with its version.
        return open(Response::new(204))
            .with("access-control-allow-methods", "GET, HEAD".to_owned())
            .with("access-control-allow-headers", "*".to_owned())
            .with("access-control-max-age", "3600".to_owned());
    }
    let mut issuers: Vec<String> = Vec::new();
    let mut scopes: Vec<String> = Vec::new();
    let add = |to: &mut Vec<String>, text: &str| {
        if !to.iter().any(|known| known == text) {
            to.push(text.to_owned());
        }
    };
    for pool in ctx.pools {
        // The original one unless `endpoints.issuer` says otherwise: the updated one refuses until the pool has switched.
        pool.cognito.issuers.first().iter().for_each(|issuer| add(&mut issuers, issuer));
        pool.cognito.scopes.iter().for_each(|scope| add(&mut scopes, scope));
    }
    ctx.config.rules.scopes().for_each(|scope| add(&mut scopes, scope));
    open(Response::json(
        200,
        json::object(&[
            ("resource", json::text(&wanted_resource(ctx).unwrap_or_default())),
            ("authorization_servers", json::list(&issuers)),
            ("scopes_supported", json::list(&scopes)),
            ("bearer_methods_supported", json::list(&["header".to_owned()])),
        ]),
    ))
}

/// The challenge of a `401` (RFC 6750, section 3) with `parameters`, which may be empty. It names the metadata, if there
/// is any (RFC 9728, section 5.1): of the resource that covers the request's path, or else of the host.
pub fn challenge(ctx: &RequestContext<'_>, parameters: &str) -> String {
    let mut challenge = "Bearer".to_owned();
    if !parameters.is_empty() {
        challenge.extend([" ", parameters]);
    }
    if ctx.config.bearer.as_ref().is_some_and(|bearer| bearer.metadata) {
        let path = ctx.path.canonical();
        let covers = |resource: &&str| {
            let rest = path.strip_prefix(resource.as_bytes());
            rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
        };
        let (resources, origin) = (accepted(ctx), ctx.origin.url());
        let paths = resources.iter().filter_map(|resource| path_at(resource, &origin));
        let covering = paths.filter(covers).max_by_key(|path| path.len()).unwrap_or_default();
        let separator = if parameters.is_empty() { " " } else { ", " };
        challenge.extend([separator, "resource_metadata=\"", &origin, WELL_KNOWN, covering, "\""]);
    }
    challenge
}

/// The resource whose metadata a request asks for. `None` if it isn't accepted. Without a path it is this host; if this
/// host isn't accepted but another resource is, it is that one, because clients ask for tokens for what is named here.
fn wanted_resource(ctx: &RequestContext<'_>) -> Option<String> {
    let path = ctx.path.canonical().strip_prefix(WELL_KNOWN.as_bytes())?;
    let (resources, origin) = (accepted(ctx), ctx.origin.url());
    let named = resources
        .iter()
        .find(|resource| path_at(resource, &origin).is_some_and(|own| own.as_bytes() == path));
    match (named, path) {
        (Some(resource), _) => Some(resource.clone()),
        (None, []) => Some(resources.into_iter().next().unwrap_or(origin)),
        (None, _) => None,
    }
}

/// The resources that are accepted at this host.
fn accepted(ctx: &RequestContext<'_>) -> Vec<String> {
    let Some(bearer) = &ctx.config.bearer else { return Vec::new() };
    let public_url = ctx.config.public_url.as_ref();
    ctx.pools.iter().flat_map(|pool| bearer.resources_of(&pool.cognito, public_url)).collect()
}

/// The path of a resource at an origin, without a slash at its end: empty for the origin itself. `None` if the resource
/// is elsewhere, or has a query.
fn path_at<'r>(resource: &'r str, origin: &str) -> Option<&'r str> {
    let path = resource.strip_prefix(origin)?.trim_end_matches('/');
    ((path.is_empty() || path.starts_with('/')) && !path.contains('?')).then_some(path)
}
