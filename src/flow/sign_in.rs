//! Somebody without a session: sent to Cognito, or told so in a way the client understands.

use std::rc::Rc;

use serde_json::json;

use crate::client::{Client, is_prefetch};
use crate::event::{Event, Level};
use crate::flow::failure::SignInFailure;
use crate::flow::{Visit, forbidden};
use crate::http::{Response, format_query, parse_query};
use crate::oidc::authorization::AuthorizationRequest;
use crate::oidc::{CodeVerifier, Nonce};
use crate::page::Page;
use crate::pool::Pool;
use crate::return_to::ReturnTo;
use crate::rules::Unauthenticated;
use crate::secret::{Entropy, NoEntropy, random_bytes};
use crate::session::{Flow, FlowId, MAX_COPIES};
use crate::texts;

/// Sign-ins under way that one browser may have; the oldest makes room.
const MAX_FLOWS: usize = 5;

/// How much of an address the links of one page may repeat. Each character may take five there, and a page stays
/// below 10 KB.
const MAX_LINK: usize = 900;

/// Answers a request that needs a session and has none. `wanted` names the pools of which it must be;
/// any will do where it is empty.
pub fn challenge(
    visit: &Visit<'_>,
    how: Unauthenticated,
    wanted: &[String],
    entropy: &mut dyn Entropy,
) -> (Response, Option<Event>) {
    match asked_by(visit, how) {
        Client::Navigation => {
            let here = ReturnTo::parse(visit.request.target(), &visit.config.paths);
            let here = here.unwrap_or_else(ReturnTo::start_page);
            let wanted_here = |pool: &&Rc<Pool>| wanted.is_empty() || wanted.contains(&pool.name);
            let pools: Vec<&Rc<Pool>> = visit.pools.iter().filter(wanted_here).collect();
            if pools.is_empty() {
                // Nobody who may pass can sign in at this host.
                return (forbidden(visit, None), None);
            }
            if pools.len() > 1 && visit.client() != Client::Navigation {
                // A page in the place of what was asked for would be taken for it.
                return (Response::redirect(sign_in_link(&visit.config.paths.sign_in, &here)), None);
            }
            begin(visit, &pools, here, entropy)
        }
        Client::FormNavigation => (form_page(visit), None),
        Client::Grpc | Client::Other => (unauthenticated(visit), None),
    }
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

/// Answers the sign-in path: `?return=/path` says where to go afterwards, `?pool=name` which pool it is.
pub fn start(visit: &Visit<'_>, entropy: &mut dyn Entropy) -> (Response, Option<Event>) {
    let by_script = visit.request.has("sec-fetch-mode") && visit.client() != Client::Navigation;
    if by_script || is_prefetch(visit.request) {
        return (unauthenticated(visit), None);
    }
    let query = parse_query(visit.request.query());
    let return_to = ReturnTo::of_query(visit.request.query(), &visit.config.paths);
    let wanted = query.iter().find(|(name, _)| name == "pool").map(|(_, name)| name);
    let chosen: Vec<&Rc<Pool>> =
        visit.pools.iter().filter(|pool| wanted.is_some_and(|name| *name == pool.name)).collect();
    begin(visit, &chosen, return_to.unwrap_or_else(ReturnTo::start_page), entropy)
}

/// `401` in JSON, for scripts and programs.
pub fn unauthenticated(visit: &Visit<'_>) -> Response {
    let body = json!({"error": "unauthenticated", "sign_in": visit.config.paths.sign_in});
    Response::json(401, &body).with("www-authenticate", "Bearer".to_owned())
}

/// `401` for a form: a redirect would lose what was typed, the back button keeps it.
fn form_page(visit: &Visit<'_>) -> Response {
    let here = ReturnTo::parse(visit.request.target(), &visit.config.paths);
    let here = here.unwrap_or_else(ReturnTo::start_page);
    Page::saying(&visit.config.pages, 401, texts::FORM)
        .text(texts::FORM_HELP)
        .action_in_new_tab(texts::SIGN_IN, &sign_in_link(&visit.config.paths.sign_in, &here))
        .reference(&visit.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
}

/// A page with one link a pool.
fn chooser(visit: &Visit<'_>, pools: &[&Rc<Pool>], return_to: &ReturnTo) -> Response {
    let return_to = return_to.no_longer_than(MAX_LINK / pools.len().max(1));
    let choices = pools.iter().map(|pool| {
        let query = format_query([("pool", pool.name.as_str()), ("return", return_to.as_str())]);
        (pool.label.as_str(), format!("{}?{query}", visit.config.paths.sign_in))
    });
    Page::saying(&visit.config.pages, 200, texts::CHOOSE).choices(texts::CHOOSE_WITH, choices).into_response()
}

/// The path that starts a sign-in and returns to `return_to`.
pub fn sign_in_link(sign_in: &str, return_to: &ReturnTo) -> String {
    let return_to = return_to.no_longer_than(MAX_LINK);
    format!("{sign_in}?{}", format_query([("return", return_to.as_str())]))
}

/// Sends a browser to Cognito, or has the person choose where more than one of `pools` is possible. None
/// chosen is any.
fn begin(
    visit: &Visit<'_>,
    pools: &[&Rc<Pool>],
    return_to: ReturnTo,
    entropy: &mut dyn Entropy,
) -> (Response, Option<Event>) {
    let possible: Vec<&Rc<Pool>> =
        if pools.is_empty() { visit.pools.iter().collect() } else { pools.to_vec() };
    let Some(pool) = possible.first() else { return (unauthenticated(visit), None) };
    if pool.cookies.attributes.secure && !visit.origin.is_secure() {
        return to_https(visit);
    }
    if possible.len() > 1 {
        return (chooser(visit, &possible, &return_to), None);
    }
    match redirect_to_cognito(visit, pool, return_to, entropy) {
        Ok(response) => {
            let event = Event::new(Level::Debug, "sign_in.started").with("request_id", visit.reference());
            (response, Some(event.of_pool(&pool.name)))
        }
        Err(NoEntropy) => {
            let failure = SignInFailure::NoEntropy;
            let again = ReturnTo::start_page();
            (failure.page(visit.config, &visit.reference(), &again), Some(failure.event(&visit.reference())))
        }
    }
}

/// No sign-in begins over plain http: browsers would not keep the flow cookie, nor should they.
fn to_https(visit: &Visit<'_>) -> (Response, Option<Event>) {
    if visit.client() != Client::Navigation {
        return (unauthenticated(visit), None);
    }
    let mut url = visit.origin.https_url();
    for byte in visit.request.target() {
        match byte {
            0x21..=0x7e => url.push(char::from(*byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    let event = Event::new(Level::Info, "sign_in.to_https").with("request_id", visit.reference()).with(
        "hint",
        "if browsers come by https already, have Envoy believe X-Forwarded-Proto (xff_num_trusted_hops) or set `public_url`",
    );
    (Response::redirect(url), Some(event))
}

fn redirect_to_cognito(
    visit: &Visit<'_>,
    pool: &Pool,
    return_to: ReturnTo,
    entropy: &mut dyn Entropy,
) -> Result<Response, NoEntropy> {
    let cognito = &pool.cognito;
    let (nonce, code_verifier) = (Nonce::random(entropy)?, CodeVerifier::random(entropy)?);
    let id = FlowId::random(entropy)?;
    let flow = Flow {
        secret: random_bytes(entropy)?,
        nonce: nonce.0.expose().clone(),
        code_verifier: code_verifier.0.expose().clone(),
        redirect_uri: format!("{}{}", visit.origin.url(), visit.config.paths.callback),
        return_to: String::new(),
        started_at: visit.now,
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
    let cookie = flow_cookie(visit, pool, &id, flow, &return_to, entropy)?;
    Ok(Response::redirect(url).with_cookies(make_room(visit)).with_cookies([cookie]))
}

/// The flow cookie. An address too long for a cookie is kept without its query, or not at all: better
/// to land a step away than not to sign in.
fn flow_cookie(
    visit: &Visit<'_>,
    pool: &Pool,
    id: &FlowId,
    mut flow: Flow,
    return_to: &ReturnTo,
    entropy: &mut dyn Entropy,
) -> Result<String, NoEntropy> {
    let (cookies, store) = (&pool.cookies, visit.store(pool));
    let name = cookies.flow_name(id);
    let mut cookie = String::new();
    for target in [return_to, &return_to.path_only(), &ReturnTo::start_page()] {
        target.as_str().clone_into(&mut flow.return_to);
        let sealed = store.seal(&name, &flow, entropy)?;
        let max_age = Flow::LIFETIME.as_secs();
        cookie = cookies.attributes.set(&name, &sealed, max_age, cookies.flow_same_site());
        if cookie.len() <= crate::cookie::MAX_COOKIE {
            break;
        }
    }
    Ok(cookie)
}

/// `Set-Cookie` values that delete flow cookies, so that the new one is at most the fifth: what is over
/// or doesn't open, and then the oldest. Where cookies are shared over a domain, those that don't open may
/// be another app's, and are left to expire.
fn make_room(visit: &Visit<'_>) -> Vec<String> {
    let (mut alive, mut gone) = (Vec::new(), Vec::new());
    for pool in visit.pools {
        let (cookies, store) = (&pool.cookies, visit.store(pool));
        for name in cookies.flow_names(&visit.cookies) {
            let copies = visit.cookies.values(&name).take(MAX_COPIES);
            let flow = copies.filter_map(|sealed| store.open::<Flow>(&name, sealed)).next();
            let delete = cookies.delete(&name);
            match flow {
                Some(flow) if flow.is_alive(visit.now) => alive.push((flow.started_at, delete)),
                None if cookies.attributes.domain.is_some() => {}
                _ => gone.push(delete),
            }
        }
    }
    while alive.len() >= MAX_FLOWS {
        let oldest = alive.iter().enumerate().min_by_key(|(_, (started_at, _))| *started_at);
        let Some((oldest, _)) = oldest else { break };
        gone.push(alive.swap_remove(oldest).1);
    }
    gone
}
