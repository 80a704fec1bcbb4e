//! Requests without a session: redirected to Cognito, or answered in a form that the client understands.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::cognito::sign_in_params::over;
use crate::crypto::seal::SealError;
use crate::crypto::secret::{Entropy, random_bytes};
use crate::decision::HostEnv;
use crate::flow::context::RequestContext;
use crate::flow::destination::{Destination, FlowCookies, Link, MAX_LINK, evict_flows};
use crate::flow::failure::SignInFailure;
use crate::flow::link_params;
use crate::flow::other_host::{is_other_host, to_public_url};
use crate::flow::refusal::forbidden;
use crate::flow::resource_metadata;
use crate::flow::step_up::{self, Asking};
use crate::http::client::{Client, is_cross_site, is_prefetch};
use crate::http::{Response, parse_query};
use crate::json;
use crate::oidc::authorization::AuthorizationRequest;
use crate::oidc::{CodeVerifier, Nonce};
use crate::pages::messages::{self, Words};
use crate::pages::page::Page;
use crate::rules::Unauthenticated;
use crate::session::return_to::ReturnTo;
use crate::session::{FlowId, PendingSignIn};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};

/// The sign-in that a request needs.
#[derive(Clone, Copy, Debug)]
pub struct WantedSignIn<'a> {
    /// How to answer.
    pub how: Unauthenticated,
    /// The session must be of one of these pools, or of any pool if there are none.
    pub pools: &'a [String],
    /// What the sign-in must ask for.
    pub step_up: Option<u32>,
    /// What a page says about a form, which can't be accepted.
    pub form: Words,
}

impl WantedSignIn<'_> {
    /// Any sign-in.
    pub const ANY: Self =
        Self { how: Unauthenticated::Auto, pools: &[], step_up: None, form: messages::FORM };
}

/// Answers a request that needs a session and has none, or not one that is good enough, and adds events to `log`.
pub fn challenge(
    ctx: &RequestContext<'_>,
    wanted: &WantedSignIn<'_>,
    env: &mut HostEnv<'_>,
    log: &mut Vec<Event>,
) -> Response {
    match client_kind(ctx, wanted.how) {
        Client::Navigation => {}
        Client::FormNavigation => return form_page(ctx, wanted, env.entropy, log),
        Client::Grpc | Client::Other => return unauthenticated(ctx),
    }
    if let Some(redirect) = to_public_url(ctx, env, log) {
        return redirect;
    }
    let here = Destination { step_up: wanted.step_up, ..Destination::of_request(ctx) };
    let wanted_here = |pool: &&Arc<Pool>| wanted.pools.is_empty() || wanted.pools.contains(&pool.name);
    let pools: Vec<&Arc<Pool>> = ctx.pools.iter().filter(wanted_here).collect();
    let Some(pool) = pools.first() else {
        // No pool of this host can satisfy the rule, so a sign-in can't help.
        return forbidden(ctx, None);
    };
    if pools.len() > 1 && ctx.client() != Client::Navigation {
        // A script would take the page for choosing a pool as the response to its request.
        let link = link(ctx, pool, &here, MAX_LINK, env.entropy, log);
        return Response::redirect(link.url(&ctx.config.paths.sign_in)).with_cookies(link.cookies);
    }
    begin(ctx, &pools, &here, env.entropy, log)
}

/// The kind of client, adjusted by the rule: `reject` redirects nobody, `redirect` also redirects scripts whose
/// request a redirect doesn't harm.
pub fn client_kind(ctx: &RequestContext<'_>, how: Unauthenticated) -> Client {
    let harmless = matches!(ctx.request.method(), "GET" | "HEAD")
        && !ctx.request.has("upgrade")
        && !is_prefetch(ctx.request);
    match (how, ctx.client()) {
        (Unauthenticated::Reject, Client::Navigation | Client::FormNavigation) => Client::Other,
        (Unauthenticated::Redirect, Client::Other) if harmless => Client::Navigation,
        (_, client) => client,
    }
}

/// Answers the sign-in path. `?return=/path` is the address to return to, `?pool=name` the pool, and `?flow=id` the
/// pending sign-in that stores an address too long for `return`.
pub fn start(ctx: &RequestContext<'_>, env: &mut HostEnv<'_>, log: &mut Vec<Event>) -> Response {
    let by_script = ctx.request.has("sec-fetch-mode") && ctx.client() != Client::Navigation;
    if by_script || is_prefetch(ctx.request) {
        return unauthenticated(ctx);
    }
    if let Some(redirect) = to_public_url(ctx, env, log) {
        return redirect;
    }
    let query = parse_query(ctx.request.query());
    let one = |wanted| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let return_to = ReturnTo::of_query(ctx.request.query(), &ctx.config.paths);
    let mut destination: Destination = return_to.unwrap_or_else(ReturnTo::start_page).into();
    let chosen: Vec<&Arc<Pool>> =
        ctx.pools.iter().filter(|pool| one("pool").is_some_and(|name| *name == pool.name)).collect();
    let step_up = one("step_up").and_then(|id| step_up::read(id, ctx));
    if let Some(id) = one("flow") {
        let Some((flow, id)) = find_offered(ctx, id) else {
            destination.step_up = step_up;
            let incomplete = destination.mark_incomplete(&ctx.reference(), log);
            return begin(ctx, &chosen, &incomplete, env.entropy, log);
        };
        destination = Destination::of_flow(&flow, ctx.config);
        if one("pool").is_none()
            && let Some((_, session)) = ctx.session()
            && session.signed_in_at >= flow.started_at
        {
            let mut gone = Vec::new();
            delete_offered(ctx, &id, &mut gone);
            return destination.landing_response(ctx.config).with_cookies(gone);
        }
        destination.offered = Some(id);
    }
    destination.step_up = step_up;
    begin(ctx, &chosen, &destination, env.entropy, log)
}

/// The pending sign-in behind a page's link, if it hasn't started and hasn't expired.
fn find_offered(ctx: &RequestContext<'_>, id: &str) -> Option<(PendingSignIn, FlowId)> {
    let id = FlowId::parse(id)?;
    let flow = ctx.pools.iter().find_map(|pool| ctx.store(pool).flow(&ctx.cookies, &id))?;
    (flow.is_only_offered() && flow.is_alive(ctx.now)).then_some((flow, id))
}

/// Deletes the pending sign-in behind a page's link: adds the `Set-Cookie` values to `gone`, and returns how many
/// bytes of the request they free.
fn delete_offered(ctx: &RequestContext<'_>, id: &FlowId, gone: &mut Vec<String>) -> usize {
    ctx.pools.iter().map(|pool| pool.cookies.end_flow(&ctx.cookies, id, gone)).sum()
}

/// `401` in JSON, for scripts and programs.
pub fn unauthenticated(ctx: &RequestContext<'_>) -> Response {
    let sign_in = json::text(&ctx.config.paths.sign_in);
    let body = json::object(&[("error", json::text("unauthenticated")), ("sign_in", sign_in)]);
    Response::json(401, body).with("www-authenticate", resource_metadata::challenge(ctx, ""))
}

/// `401` for a form: a redirect would lose the contents of the form, but the back button keeps them.
fn form_page(
    ctx: &RequestContext<'_>,
    wanted: &WantedSignIn<'_>,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Response {
    let here = Destination { step_up: wanted.step_up, ..Destination::of_request(ctx) };
    let mut page = Page::saying(&ctx.config.pages, 401, wanted.form).text(messages::FORM_HELP);
    let sign_in = &ctx.config.paths.sign_in;
    let (address, cookies) = match ctx.pools.first() {
        Some(pool) if !is_other_host(ctx) => {
            // A form on another site sends none of our cookies, so many such forms could set more cookies than a
            // browser may send.
            let link = if is_cross_site(ctx.request, &ctx.origin) {
                Link::without_cookies(&here, MAX_LINK)
            } else {
                link(ctx, pool, &here, MAX_LINK, entropy, log)
            };
            (link.url(sign_in), link.cookies)
        }
        _ => {
            page = page.text(&messages::form_elsewhere(ctx.origin.host()));
            // Cookies of this host don't reach that host.
            let link = Link::without_cookies(&here, MAX_LINK);
            (ctx.origin.url() + &link.url(sign_in), link.cookies)
        }
    };
    page.action_in_new_tab(messages::SIGN_IN, &address)
        .reference(&ctx.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
        .with_cookies(cookies)
}

/// A page with one link per pool.
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
    let choices = pools.iter().map(|pool| {
        let url = link.url_for_pool(sign_in, pool);
        (pool.label.as_str(), url + &link_params::to_add(ctx, pool, MAX_LINK / pools.len().max(1)))
    });
    Page::saying(&ctx.config.pages, 200, messages::CHOOSE)
        .choices(messages::CHOOSE_WITH, choices)
        .into_response()
        .with_cookies(link.cookies)
}

/// A link for a page that answers this request, with the cookies that it needs.
pub fn link(
    ctx: &RequestContext<'_>,
    pool: &Pool,
    destination: &Destination,
    max: usize,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Link {
    let (mut cookies, freed) = evict_flows(ctx);
    let mut link = FlowCookies::for_request(ctx, pool, freed).link(destination, max, entropy, log);
    if !link.cookies.is_empty() {
        cookies.append(&mut link.cookies);
        link.cookies = cookies;
    }
    link
}

/// Redirects a browser to Cognito, or asks the person to choose a pool if more than one of `pools` is possible. An
/// empty `pools` means all pools of the host.
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
            let retry = Link::without_cookies(destination, MAX_LINK);
            log.push(failure.event(&ctx.reference()));
            failure.page(ctx.config, &ctx.reference(), &retry)
        }
    }
}

/// No sign-in begins over plain http: browsers wouldn't keep the `Secure` flow cookie.
fn to_https(ctx: &RequestContext<'_>, log: &mut Vec<Event>) -> Response {
    if ctx.client() != Client::Navigation {
        return unauthenticated(ctx);
    }
    log.push(Event::new(Level::Info, "sign_in.to_https").with("request_id", ctx.reference()).with(
        "hint",
        "if browsers already use https, make Envoy trust X-Forwarded-Proto (xff_num_trusted_hops), or set `public_url`",
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
    let params = over(&cognito.authorize_params, link_params::of_visit(ctx, pool, destination));
    let asking = destination.step_up.and_then(|id| step_up::asking(ctx, pool, &params, id));
    let mut extra = &params;
    if let Some(Asking { parameters, asked }) = &asking {
        extra = parameters;
        flow.asked.clone_from(asked);
    }
    let state = flow.state(&id);
    let url = AuthorizationRequest {
        endpoint: &cognito.endpoints.authorize.url,
        client_id: &cognito.client_id,
        redirect_uri: &flow.redirect_uri,
        scopes: &cognito.scopes,
        state: state.expose(),
        nonce: &nonce,
        code_verifier: &code_verifier,
        extra,
    }
    .to_url();
    let (mut cookies, freed) = evict_flows(ctx);
    let logged = log.len();
    let flow_cookies = FlowCookies::for_request(ctx, pool, freed);
    let mut kept = flow_cookies.set(&id, &mut flow, destination, entropy, log)?;
    if let Some(offered) = &destination.offered
        && log.len() > logged
    {
        // The pending sign-in behind the page's link stores the same address: delete it to make room.
        log.truncate(logged);
        let freed = freed + delete_offered(ctx, offered, &mut cookies);
        let flow_cookies = FlowCookies::for_request(ctx, pool, freed);
        kept = flow_cookies.set(&id, &mut flow, destination, entropy, log)?;
    }
    cookies.append(&mut kept);
    Ok(Response::redirect(url).with_cookies(cookies))
}
