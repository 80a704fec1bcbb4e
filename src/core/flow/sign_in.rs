//! Somebody without a session: sent to Cognito, or told so in a way the client understands.

use std::rc::Rc;

use serde_json::json;

use crate::cognito::pool::Pool;
use crate::crypto::secret::{Entropy, NoEntropy, random_bytes};
use crate::decision::Surroundings;
use crate::flow::context::Visit;
use crate::flow::destination::{Destination, Keeper, Link, MAX_LINK, make_room};
use crate::flow::elsewhere::{is_elsewhere, to_public_url};
use crate::flow::failure::SignInFailure;
use crate::flow::refusal::forbidden;
use crate::http::client::{Client, is_cross_site, is_prefetch};
use crate::http::{Response, parse_query};
use crate::oidc::authorization::AuthorizationRequest;
use crate::oidc::{CodeVerifier, Nonce};
use crate::pages::messages;
use crate::pages::page::Page;
use crate::rules::Unauthenticated;
use crate::session::return_to::ReturnTo;
use crate::session::{Flow, FlowId};
use crate::telemetry::event::{Event, Level};

/// Answers a request that needs a session and has none, and adds to the log. `wanted` names the pools of which it must
/// be; any will do where it is empty.
pub fn challenge(
    visit: &Visit<'_>,
    how: Unauthenticated,
    wanted: &[String],
    around: &mut Surroundings<'_>,
    log: &mut Vec<Event>,
) -> Response {
    match asked_by(visit, how) {
        Client::Navigation => {}
        Client::FormNavigation => return form_page(visit, around.entropy, log),
        Client::Grpc | Client::Other => return unauthenticated(visit),
    }
    if let Some(sent) = to_public_url(visit, around, log) {
        return sent;
    }
    let here = Destination::of_request(visit);
    let wanted_here = |pool: &&Rc<Pool>| wanted.is_empty() || wanted.contains(&pool.name);
    let pools: Vec<&Rc<Pool>> = visit.pools.iter().filter(wanted_here).collect();
    let Some(pool) = pools.first() else {
        // Nobody who may pass can sign in at this host.
        return forbidden(visit, None);
    };
    if pools.len() > 1 && visit.client() != Client::Navigation {
        // A page in the place of what was asked for would be taken for it.
        let link = link(visit, pool, &here, MAX_LINK, around.entropy, log);
        return Response::redirect(link.below(&visit.config.paths.sign_in)).with_cookies(link.cookies);
    }
    begin(visit, &pools, &here, around.entropy, log)
}

/// What a client is taken for. A rule may say that nobody is sent to sign in, or everybody whom a redirect
/// doesn't cost anything.
fn asked_by(visit: &Visit<'_>, how: Unauthenticated) -> Client {
    let harmless = matches!(visit.request.method(), "GET" | "HEAD")
        && !visit.request.has("upgrade")
        && !is_prefetch(visit.request);
    match (how, visit.client()) {
        (Unauthenticated::Reject, Client::Navigation | Client::FormNavigation) => Client::Other,
        (Unauthenticated::Redirect, Client::Other) if harmless => Client::Navigation,
        (_, client) => client,
    }
}

/// Answers the sign-in path: `?return=/path` says where to go afterwards, `?pool=name` which pool it is, and `?flow=id`
/// that a page has kept an address which is too long for `return`.
pub fn start(visit: &Visit<'_>, around: &mut Surroundings<'_>, log: &mut Vec<Event>) -> Response {
    let by_script = visit.request.has("sec-fetch-mode") && visit.client() != Client::Navigation;
    if by_script || is_prefetch(visit.request) {
        return unauthenticated(visit);
    }
    if let Some(sent) = to_public_url(visit, around, log) {
        return sent;
    }
    let query = parse_query(visit.request.query());
    let one = |wanted| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let return_to = ReturnTo::of_query(visit.request.query(), &visit.config.paths);
    let mut destination: Destination = return_to.unwrap_or_else(ReturnTo::start_page).into();
    let chosen: Vec<&Rc<Pool>> =
        visit.pools.iter().filter(|pool| one("pool").is_some_and(|name| *name == pool.name)).collect();
    if let Some(id) = one("flow") {
        let Some((flow, id)) = find_offered(visit, id) else {
            let lost = destination.lost(&visit.reference(), log);
            return begin(visit, &chosen, &lost, around.entropy, log);
        };
        destination = Destination::of_flow(&flow, visit.config);
        if one("pool").is_none()
            && let Some((_, session)) = visit.session()
            && session.signed_in_at >= flow.started_at
        {
            let mut gone = Vec::new();
            end_offered(visit, &id, &mut gone);
            return destination.way(visit.config).with_cookies(gone);
        }
        destination.offered = Some(id);
    }
    begin(visit, &chosen, &destination, around.entropy, log)
}

/// The sign-in that a page has offered.
fn find_offered(visit: &Visit<'_>, id: &str) -> Option<(Flow, FlowId)> {
    let id = FlowId::parse(id)?;
    let flow = visit.pools.iter().find_map(|pool| visit.store(pool).flow(&visit.cookies, &id))?;
    (flow.is_only_offered() && flow.is_alive(visit.now)).then_some((flow, id))
}

/// Ends the sign-in that a page has offered: adds to `gone` what deletes it, and says how many bytes of the request
/// that is.
fn end_offered(visit: &Visit<'_>, id: &FlowId, gone: &mut Vec<String>) -> usize {
    visit.pools.iter().map(|pool| pool.cookies.end_flow(&visit.cookies, id, gone)).sum()
}

/// `401` in JSON, for scripts and programs.
pub fn unauthenticated(visit: &Visit<'_>) -> Response {
    let body = json!({"error": "unauthenticated", "sign_in": visit.config.paths.sign_in});
    Response::json(401, &body).with("www-authenticate", "Bearer".to_owned())
}

/// `401` for a form: a redirect would lose what was typed, the back button keeps it.
fn form_page(visit: &Visit<'_>, entropy: &mut dyn Entropy, log: &mut Vec<Event>) -> Response {
    let here = Destination::of_request(visit);
    let mut page = Page::saying(&visit.config.pages, 401, messages::FORM).text(messages::FORM_HELP);
    let sign_in = &visit.config.paths.sign_in;
    let (address, cookies) = match visit.pools.first() {
        Some(pool) if !is_elsewhere(visit) => {
            // Another site's form carries no cookies of ours, so many of them could have more set than a browser may send.
            let link = if is_cross_site(visit.request, &visit.origin) {
                Link::without_cookies(&here, MAX_LINK)
            } else {
                link(visit, pool, &here, MAX_LINK, entropy, log)
            };
            (link.below(sign_in), link.cookies)
        }
        _ => {
            page = page.text(&messages::form_elsewhere(visit.origin.host()));
            // This host's cookies are of no use there.
            let link = Link::without_cookies(&here, MAX_LINK);
            (visit.origin.url() + &link.below(sign_in), link.cookies)
        }
    };
    page.action_in_new_tab(messages::SIGN_IN, &address)
        .reference(&visit.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
        .with_cookies(cookies)
}

/// A page with one link a pool.
fn chooser(
    visit: &Visit<'_>,
    pools: &[&Rc<Pool>],
    destination: &Destination,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Response {
    let Some(first) = pools.first() else { return unauthenticated(visit) };
    let link = link(visit, first, destination, MAX_LINK / pools.len().max(1), entropy, log);
    let sign_in = &visit.config.paths.sign_in;
    let choices = pools.iter().map(|pool| (pool.label.as_str(), link.of_pool(sign_in, pool)));
    Page::saying(&visit.config.pages, 200, messages::CHOOSE)
        .choices(messages::CHOOSE_WITH, choices)
        .into_response()
        .with_cookies(link.cookies)
}

/// A link for a page that answers this request, with the cookies that it needs.
fn link(
    visit: &Visit<'_>,
    pool: &Pool,
    destination: &Destination,
    max: usize,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Link {
    let (mut cookies, freed) = make_room(visit);
    let mut link = Keeper::of_visit(visit, pool, freed).link(destination, max, entropy, log);
    if !link.cookies.is_empty() {
        cookies.append(&mut link.cookies);
        link.cookies = cookies;
    }
    link
}

/// Sends a browser to Cognito, or has the person choose where more than one of `pools` is possible. None
/// chosen is any.
fn begin(
    visit: &Visit<'_>,
    pools: &[&Rc<Pool>],
    destination: &Destination,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Response {
    let possible: Vec<&Rc<Pool>> =
        if pools.is_empty() { visit.pools.iter().collect() } else { pools.to_vec() };
    let Some(pool) = possible.first() else { return unauthenticated(visit) };
    if pool.cookies.attributes.secure && !visit.origin.is_secure() {
        return to_https(visit, log);
    }
    if possible.len() > 1 {
        return chooser(visit, &possible, destination, entropy, log);
    }
    match redirect_to_cognito(visit, pool, destination, entropy, log) {
        Ok(response) => {
            let event = Event::new(Level::Debug, "sign_in.started").with("request_id", visit.reference());
            log.push(event.of_pool(&pool.name));
            response
        }
        Err(NoEntropy) => {
            let failure = SignInFailure::NoEntropy;
            let again = Link::without_cookies(destination, MAX_LINK);
            log.push(failure.event(&visit.reference()));
            failure.page(visit.config, &visit.reference(), &again)
        }
    }
}

/// No sign-in begins over plain http: browsers would not keep the flow cookie, nor should they.
fn to_https(visit: &Visit<'_>, log: &mut Vec<Event>) -> Response {
    if visit.client() != Client::Navigation {
        return unauthenticated(visit);
    }
    log.push(Event::new(Level::Info, "sign_in.to_https").with("request_id", visit.reference()).with(
        "hint",
        "if browsers come by https already, have Envoy believe X-Forwarded-Proto (xff_num_trusted_hops) or set `public_url`",
    ));
    Response::redirect(visit.origin.https_url() + &visit.request.target_as_text())
}

fn redirect_to_cognito(
    visit: &Visit<'_>,
    pool: &Pool,
    destination: &Destination,
    entropy: &mut dyn Entropy,
    log: &mut Vec<Event>,
) -> Result<Response, NoEntropy> {
    let cognito = &pool.cognito;
    let (nonce, code_verifier) = (Nonce::random(entropy)?, CodeVerifier::random(entropy)?);
    let id = FlowId::random(entropy)?;
    let mut flow = Flow {
        secret: random_bytes(entropy)?,
        nonce: nonce.0.expose().clone(),
        code_verifier: code_verifier.0.expose().clone(),
        redirect_uri: format!("{}{}", visit.origin.url(), visit.config.paths.callback),
        ..Flow::offered(visit.now)
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
    let (mut cookies, freed) = make_room(visit);
    let told = log.len();
    let keeper = Keeper::of_visit(visit, pool, freed);
    let mut kept = keeper.keep(&id, &mut flow, destination, entropy, log)?;
    if let Some(offered) = &destination.offered
        && log.len() > told
    {
        // The page that led here holds it, too, and gives way.
        log.truncate(told);
        let freed = freed + end_offered(visit, offered, &mut cookies);
        let keeper = Keeper::of_visit(visit, pool, freed);
        kept = keeper.keep(&id, &mut flow, destination, entropy, log)?;
    }
    cookies.append(&mut kept);
    Ok(Response::redirect(url).with_cookies(cookies))
}
