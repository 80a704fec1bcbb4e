//! Somebody without a session: sent to Cognito, or told so in a way the client understands.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::crypto::seal::SealError;
use crate::crypto::secret::{Entropy, random_bytes};
use crate::decision::HostEnv;
use crate::flow::context::RequestContext;
use crate::flow::destination::{Destination, Keeper, Link, MAX_LINK, make_room};
use crate::flow::failure::SignInFailure;
use crate::flow::other_host::{is_other_host, to_public_url};
use crate::flow::refusal::forbidden;
use crate::http::client::{Client, is_cross_site, is_prefetch};
use crate::http::{Response, parse_query};
use crate::json;
use crate::oidc::authorization::AuthorizationRequest;
use crate::oidc::{CodeVerifier, Nonce};
use crate::pages::messages;
use crate::pages::page::Page;
use crate::rules::Unauthenticated;
use crate::session::return_to::ReturnTo;
use crate::session::{FlowId, PendingSignIn};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// Answers a request that needs a session and has none, and adds to the log. `wanted` names the pools of which it must
/// be; any will do where it is empty.
pub fn challenge(
    ctx: &RequestContext<'_>,
    how: Unauthenticated,
    wanted: &[String],
    env: &mut HostEnv<'_>,
    log: &mut Vec<Event>,
) -> Response {
    match asked_by(ctx, how) {
        Client::Navigation => {}
        Client::FormNavigation => return form_page(ctx, env.entropy, log),
        Client::Grpc | Client::Other => return unauthenticated(ctx),
    }
    if let Some(sent) = to_public_url(ctx, env, log) {
        return sent;
    }
    let here = Destination::of_request(ctx);
    let wanted_here = |pool: &&Arc<Pool>| wanted.is_empty() || wanted.contains(&pool.name);
    let pools: Vec<&Arc<Pool>> = ctx.pools.iter().filter(wanted_here).collect();
    let Some(pool) = pools.first() else {
        // Nobody who may pass can sign in at this host.
        return forbidden(ctx, None);
    };
    if pools.len() > 1 && ctx.client() != Client::Navigation {
        // A page in the place of what was asked for would be taken for it.
        let link = link(ctx, pool, &here, MAX_LINK, env.entropy, log);
        return Response::redirect(link.below(&ctx.config.paths.sign_in)).with_cookies(link.cookies);
    }
    begin(ctx, &pools, &here, env.entropy, log)
}

/// What a client is taken for. A rule may say that nobody is sent to sign in, or everybody whom a redirect
/// doesn't cost anything.
fn asked_by(ctx: &RequestContext<'_>, how: Unauthenticated) -> Client {
    let harmless = matches!(ctx.request.method(), "GET" | "HEAD")
        && !ctx.request.has("upgrade")
        && !is_prefetch(ctx.request);
    match (how, ctx.client()) {
        (Unauthenticated::Reject, Client::Navigation | Client::FormNavigation) => Client::Other,
        (Unauthenticated::Redirect, Client::Other) if harmless => Client::Navigation,
        (_, client) => client,
    }
}

/// Answers the sign-in path: `?return=/path` says where to go afterwards, `?pool=name` which pool it is, and `?flow=id`
/// that a page has kept an address which is too long for `return`.
pub fn start(ctx: &RequestContext<'_>, env: &mut HostEnv<'_>, log: &mut Vec<Event>) -> Response {
    let by_script = ctx.request.has("sec-fetch-mode") && ctx.client() != Client::Navigation;
    if by_script || is_prefetch(ctx.request) {
        return unauthenticated(ctx);
    }
    if let Some(sent) = to_public_url(ctx, env, log) {
        return sent;
    }
    let query = parse_query(ctx.request.query());
    let one = |wanted| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let return_to = ReturnTo::of_query(ctx.request.query(), &ctx.config.paths);
    let mut destination: Destination = return_to.unwrap_or_else(ReturnTo::start_page).into();
    let chosen: Vec<&Arc<Pool>> =
        ctx.pools.iter().filter(|pool| one("pool").is_some_and(|name| *name == pool.name)).collect();
    if let Some(id) = one("flow") {
        let Some((flow, id)) = find_offered(ctx, id) else {
            let lost = destination.lost(&ctx.reference(), log);
            return begin(ctx, &chosen, &lost, env.entropy, log);
        };
        destination = Destination::of_flow(&flow, ctx.config);
        if one("pool").is_none()
            && let Some((_, session)) = ctx.session()
            && session.signed_in_at >= flow.started_at
        {
            let mut gone = Vec::new();
            end_offered(ctx, &id, &mut gone);
            return destination.way(ctx.config).with_cookies(gone);
        }
        destination.offered = Some(id);
    }
    begin(ctx, &chosen, &destination, env.entropy, log)
}

/// The sign-in that a page has offered.
fn find_offered(ctx: &RequestContext<'_>, id: &str) -> Option<(PendingSignIn, FlowId)> {
    let id = FlowId::parse(id)?;
    let flow = ctx.pools.iter().find_map(|pool| ctx.store(pool).flow(&ctx.cookies, &id))?;
    (flow.is_only_offered() && flow.is_alive(ctx.now)).then_some((flow, id))
}

/// Ends the sign-in that a page has offered: adds to `gone` what deletes it, and says how many bytes of the request
/// that is.
fn end_offered(ctx: &RequestContext<'_>, id: &FlowId, gone: &mut Vec<String>) -> usize {
    ctx.pools.iter().map(|pool| pool.cookies.end_flow(&ctx.cookies, id, gone)).sum()
}

/// `401` in JSON, for scripts and programs.
pub fn unauthenticated(ctx: &RequestContext<'_>) -> Response {
    let sign_in = json::text(&ctx.config.paths.sign_in);
    let body = json::object(&[("error", json::text("unauthenticated")), ("sign_in", sign_in)]);
    Response::json(401, body).with("www-authenticate", "Bearer".to_owned())
}

/// `401` for a form: a redirect would lose what was typed, the back button keeps it.
fn form_page(ctx: &RequestContext<'_>, entropy: &mut dyn Entropy, log: &mut Vec<Event>) -> Response {
    let here = Destination::of_request(ctx);
    let mut page = Page::saying(&ctx.config.pages, 401, messages::FORM).text(messages::FORM_HELP);
    let sign_in = &ctx.config.paths.sign_in;
    let (address, cookies) = match ctx.pools.first() {
        Some(pool) if !is_other_host(ctx) => {
            // Another site's form carries no cookies of ours, so many of them could have more set than a browser may send.
            let link = if is_cross_site(ctx.request, &ctx.origin) {
                Link::without_cookies(&here, MAX_LINK)
            } else {
                link(ctx, pool, &here, MAX_LINK, entropy, log)
            };
            (link.below(sign_in), link.cookies)
        }
        _ => {
            page = page.text(&messages::form_elsewhere(ctx.origin.host()));
            // This host's cookies are of no use there.
            let link = Link::without_cookies(&here, MAX_LINK);
            (ctx.origin.url() + &link.below(sign_in), link.cookies)
        }
    };
    page.action_in_new_tab(messages::SIGN_IN, &address)
        .reference(&ctx.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
        .with_cookies(cookies)
}

/// A page with one link a pool.
fn chooser(
    ctx: &RequestContext<'_>,
    pools: &[&Arc<Pool>],
    destination: &Destination,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Response {
    let Some(first) = pools.first() else { return unauthenticated(ctx) };
    let link = link(ctx, first, destination, MAX_LINK / pools.len().max(1), entropy, log);
    let sign_in = &ctx.config.paths.sign_in;
    let choices = pools.iter().map(|pool| (pool.label.as_str(), link.of_pool(sign_in, pool)));
    Page::saying(&ctx.config.pages, 200, messages::CHOOSE)
        .choices(messages::CHOOSE_WITH, choices)
        .into_response()
        .with_cookies(link.cookies)
}

/// A link for a page that answers this request, with the cookies that it needs.
fn link(
    ctx: &RequestContext<'_>,
    pool: &Pool,
    destination: &Destination,
    max: usize,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Link {
    let (mut cookies, freed) = make_room(ctx);
    let mut link = Keeper::of_visit(ctx, pool, freed).link(destination, max, entropy, log);
    if !link.cookies.is_empty() {
        cookies.append(&mut link.cookies);
        link.cookies = cookies;
    }
    link
}

/// Sends a browser to Cognito, or has the person choose where more than one of `pools` is possible. None
/// chosen is any.
fn begin(
    ctx: &RequestContext<'_>,
    pools: &[&Arc<Pool>],
    destination: &Destination,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Response {
    let possible: Vec<&Arc<Pool>> =
        if pools.is_empty() { ctx.pools.iter().collect() } else { pools.to_vec() };
    let Some(pool) = possible.first() else { return unauthenticated(ctx) };
    if pool.cookies.attributes.secure && !ctx.origin.is_secure() {
        return to_https(ctx, log);
    }
    if possible.len() > 1 {
        return chooser(ctx, &possible, destination, entropy, log);
    }
    match redirect_to_cognito(ctx, pool, destination, entropy, log) {
        Ok(response) => {
            let event =
                Event::counted(Level::Debug, Counter::SignInStarted).with("request_id", ctx.reference());
            log.push(event.of_pool(&pool.name));
            response
        }
        Err(error) => {
            let failure = SignInFailure::Seal(error);
            let again = Link::without_cookies(destination, MAX_LINK);
            log.push(failure.event(&ctx.reference()));
            failure.page(ctx.config, &ctx.reference(), &again)
        }
    }
}

/// No sign-in begins over plain http: browsers would not keep the flow cookie, nor should they.
fn to_https(ctx: &RequestContext<'_>, log: &mut Vec<Event>) -> Response {
    if ctx.client() != Client::Navigation {
        return unauthenticated(ctx);
    }
    log.push(Event::new(Level::Info, "sign_in.to_https").with("request_id", ctx.reference()).with(
        "hint",
        "if browsers come by https already, have Envoy believe X-Forwarded-Proto (xff_num_trusted_hops) or set `public_url`",
    ));
    Response::redirect(ctx.origin.https_url() + &ctx.request.target_as_text())
}

fn redirect_to_cognito(
    ctx: &RequestContext<'_>,
    pool: &Pool,
    destination: &Destination,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Result<Response, SealError> {
    let cognito = &pool.cognito;
    let (nonce, code_verifier) = (Nonce::random(entropy)?, CodeVerifier::random(entropy)?);
    let id = FlowId::random(entropy)?;
    let mut flow = PendingSignIn {
        secret: random_bytes(entropy)?,
        nonce: nonce.0.expose().clone(),
        code_verifier: code_verifier.0.expose().clone(),
        redirect_uri: format!("{}{}", ctx.origin.url(), ctx.config.paths.callback),
        ..PendingSignIn::offered(ctx.now)
    };
    let state = flow.state(&id);
    let url = AuthorizationRequest {
        endpoint: &cognito.endpoints.authorize.url,
        client_id: &cognito.client_id,
        redirect_uri: &flow.redirect_uri,
        scopes: &cognito.scopes,
        state: state.expose(),
        nonce: &nonce,
        code_verifier: &code_verifier,
        extra: &cognito.authorize_params,
    }
    .to_url();
    let (mut cookies, freed) = make_room(ctx);
    let told = log.len();
    let keeper = Keeper::of_visit(ctx, pool, freed);
    let mut kept = keeper.keep(&id, &mut flow, destination, entropy, log)?;
    if let Some(offered) = &destination.offered
        && log.len() > told
    {
        // The page that led here holds it, too, and gives way.
        log.truncate(told);
        let freed = freed + end_offered(ctx, offered, &mut cookies);
        let keeper = Keeper::of_visit(ctx, pool, freed);
        kept = keeper.keep(&id, &mut flow, destination, entropy, log)?;
    }
    cookies.append(&mut kept);
    Ok(Response::redirect(url).with_cookies(cookies))
}
