//! Somebody without a session: sent to Cognito, or told so in a way the client understands.

use std::rc::Rc;

use serde_json::json;

use crate::client::{Client, is_prefetch};
use crate::decision::Surroundings;
use crate::event::{Event, Level};
use crate::flow::destination::{Destination, Keeper, Link, MAX_LINK, make_room};
use crate::flow::elsewhere::{Way, is_elsewhere, way};
use crate::flow::failure::SignInFailure;
use crate::flow::{Visit, forbidden};
use crate::http::{Response, parse_query};
use crate::oidc::authorization::AuthorizationRequest;
use crate::oidc::{CodeVerifier, Nonce};
use crate::page::Page;
use crate::pool::Pool;
use crate::return_to::ReturnTo;
use crate::rules::Unauthenticated;
use crate::secret::{Entropy, NoEntropy, random_bytes};
use crate::session::{Flow, FlowId};
use crate::texts;

/// An answer, and what the log is told.
pub type Answer = (Response, Vec<Event>);

/// Answers a request that needs a session and has none. `wanted` names the pools of which it must be;
/// any will do where it is empty.
pub fn challenge(
    visit: &Visit<'_>,
    how: Unauthenticated,
    wanted: &[String],
    around: &mut Surroundings<'_>,
) -> Answer {
    match asked_by(visit, how) {
        Client::Navigation => {}
        Client::FormNavigation => return form_page(visit, around.entropy),
        Client::Grpc | Client::Other => return (unauthenticated(visit), Vec::new()),
    }
    let mut events = match way(visit, around) {
        Way::There(response, event) => return (response, vec![event]),
        Way::Here(event) => Vec::from_iter(event),
    };
    let here = Destination::of_request(visit);
    let wanted_here = |pool: &&Rc<Pool>| wanted.is_empty() || wanted.contains(&pool.name);
    let pools: Vec<&Rc<Pool>> = visit.pools.iter().filter(wanted_here).collect();
    let Some(pool) = pools.first() else {
        // Nobody who may pass can sign in at this host.
        return (forbidden(visit, None), events);
    };
    let (response, more) = if pools.len() > 1 && visit.client() != Client::Navigation {
        // A page in the place of what was asked for would be taken for it.
        let link = link(visit, pool, &here, MAX_LINK, around.entropy);
        let location = link.below(&visit.config.paths.sign_in);
        (Response::redirect(location).with_cookies(link.cookies), Vec::from_iter(link.event))
    } else {
        begin(visit, &pools, &here, around.entropy)
    };
    events.extend(more);
    (response, events)
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
pub fn start(visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Answer {
    let by_script = visit.request.has("sec-fetch-mode") && visit.client() != Client::Navigation;
    if by_script || is_prefetch(visit.request) {
        return (unauthenticated(visit), Vec::new());
    }
    let mut events = match way(visit, around) {
        Way::There(response, event) => return (response, vec![event]),
        Way::Here(event) => Vec::from_iter(event),
    };
    let query = parse_query(visit.request.query());
    let one = |wanted| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let return_to = one("return").and_then(|target| ReturnTo::parse(target.as_bytes(), &visit.config.paths));
    let mut destination: Destination = return_to.unwrap_or_else(ReturnTo::start_page).into();
    if let Some(id) = one("flow") {
        match FlowId::parse(id).and_then(|id| Some((find_offered(visit, &id)?, id))) {
            Some((flow, id)) => {
                destination = Destination::of_flow(&flow, visit.config);
                let signed_in_since = || Some(visit.session()?.1.signed_in_at >= flow.started_at);
                if one("pool").is_none() && signed_in_since() == Some(true) {
                    let (gone, _) = end_offered(visit, &id);
                    return (destination.way(visit.config).with_cookies(gone), events);
                }
                destination.offered = Some(id);
            }
            None => {
                let (left, event) = destination.lost(&visit.reference());
                destination = left;
                events.push(event);
            }
        }
    }
    let is_chosen = |pool: &&Rc<Pool>| one("pool").is_some_and(|name| *name == pool.name);
    let chosen: Vec<&Rc<Pool>> = visit.pools.iter().filter(is_chosen).collect();
    let (response, more) = begin(visit, &chosen, &destination, around.entropy);
    events.extend(more);
    (response, events)
}

/// The sign-in that a page has offered.
fn find_offered(visit: &Visit<'_>, id: &FlowId) -> Option<Flow> {
    let of = |pool: &Rc<Pool>| visit.store(pool).flow(&visit.cookies, id);
    let alive = |flow: &Flow| flow.is_only_offered() && flow.is_alive(visit.now);
    visit.pools.iter().find_map(|pool| of(pool).filter(alive))
}

/// `401` in JSON, for scripts and programs.
pub fn unauthenticated(visit: &Visit<'_>) -> Response {
    let body = json!({"error": "unauthenticated", "sign_in": visit.config.paths.sign_in});
    Response::json(401, &body).with("www-authenticate", "Bearer".to_owned())
}

/// `401` for a form: a redirect would lose what was typed, the back button keeps it.
fn form_page(visit: &Visit<'_>, entropy: &mut dyn Entropy) -> Answer {
    let here = Destination::of_request(visit);
    let page = Page::saying(&visit.config.pages, 401, texts::FORM).text(texts::FORM_HELP);
    let sign_in = &visit.config.paths.sign_in;
    let (page, link) = match visit.pools.first().filter(|_| !is_elsewhere(visit)) {
        Some(pool) => (page, link(visit, pool, &here, MAX_LINK, entropy)),
        // Another host's cookies are of no use there.
        None => {
            let page = page.text(&texts::form_elsewhere(visit.origin.host()));
            (page, Link::without_cookies(&here, MAX_LINK))
        }
    };
    let base = if is_elsewhere(visit) { visit.origin.url() } else { String::new() };
    let response = page
        .action_in_new_tab(texts::SIGN_IN, &(base + &link.below(sign_in)))
        .reference(&visit.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
        .with_cookies(link.cookies);
    (response, Vec::from_iter(link.event))
}

/// A page with one link a pool.
fn chooser(
    visit: &Visit<'_>,
    pools: &[&Rc<Pool>],
    destination: &Destination,
    entropy: &mut dyn Entropy,
) -> Answer {
    let Some(first) = pools.first() else { return (unauthenticated(visit), Vec::new()) };
    let link = link(visit, first, destination, MAX_LINK / pools.len().max(1), entropy);
    let sign_in = &visit.config.paths.sign_in;
    let choices = pools.iter().map(|pool| (pool.label.as_str(), link.of_pool(sign_in, pool)));
    let page = Page::saying(&visit.config.pages, 200, texts::CHOOSE).choices(texts::CHOOSE_WITH, choices);
    (page.into_response().with_cookies(link.cookies), Vec::from_iter(link.event))
}

/// A link for a page that answers this request, with the cookies that it needs.
fn link(
    visit: &Visit<'_>,
    pool: &Pool,
    destination: &Destination,
    max: usize,
    entropy: &mut dyn Entropy,
) -> Link {
    let (room, freed) = make_room(visit);
    let mut link = Keeper::of_visit(visit, pool, freed).link(destination, max, entropy);
    if !link.cookies.is_empty() {
        link.cookies.splice(..0, room);
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
) -> Answer {
    let possible: Vec<&Rc<Pool>> =
        if pools.is_empty() { visit.pools.iter().collect() } else { pools.to_vec() };
    let Some(pool) = possible.first() else { return (unauthenticated(visit), Vec::new()) };
    if pool.cookies.attributes.secure && !visit.origin.is_secure() {
        return to_https(visit);
    }
    if possible.len() > 1 {
        return chooser(visit, &possible, destination, entropy);
    }
    match redirect_to_cognito(visit, pool, destination, entropy) {
        Ok((response, shortened)) => {
            let event = Event::new(Level::Debug, "sign_in.started").with("request_id", visit.reference());
            (response, std::iter::once(event.of_pool(&pool.name)).chain(shortened).collect())
        }
        Err(NoEntropy) => {
            let failure = SignInFailure::NoEntropy;
            let again = Link::without_cookies(destination, MAX_LINK);
            let response = failure.page(visit.config, &visit.reference(), &again);
            (response, vec![failure.event(&visit.reference())])
        }
    }
}

/// No sign-in begins over plain http: browsers would not keep the flow cookie, nor should they.
fn to_https(visit: &Visit<'_>) -> Answer {
    if visit.client() != Client::Navigation {
        return (unauthenticated(visit), Vec::new());
    }
    let url = visit.origin.https_url() + &visit.request.target_as_text();
    let event = Event::new(Level::Info, "sign_in.to_https").with("request_id", visit.reference()).with(
        "hint",
        "if browsers come by https already, have Envoy believe X-Forwarded-Proto (xff_num_trusted_hops) or set `public_url`",
    );
    (Response::redirect(url), vec![event])
}

fn redirect_to_cognito(
    visit: &Visit<'_>,
    pool: &Pool,
    destination: &Destination,
    entropy: &mut dyn Entropy,
) -> Result<(Response, Option<Event>), NoEntropy> {
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
    let mut kept = Keeper::of_visit(visit, pool, freed).keep(&id, &mut flow, destination, entropy)?;
    if let (Some(_), Some(offered)) = (&kept.1, &destination.offered) {
        // The page that led here holds it, too; it gives way.
        let (gone, more) = end_offered(visit, offered);
        cookies.extend(gone);
        kept = Keeper::of_visit(visit, pool, freed + more).keep(&id, &mut flow, destination, entropy)?;
    }
    let (flow_cookies, event) = kept;
    Ok((Response::redirect(url).with_cookies(cookies).with_cookies(flow_cookies), event))
}

/// `Set-Cookie` values that delete what a page had offered, and how many bytes of the request that is.
fn end_offered(visit: &Visit<'_>, id: &FlowId) -> (Vec<String>, usize) {
    let of = |pool: &Rc<Pool>| {
        let parts = pool.cookies.flow_parts(&visit.cookies, id);
        parts
            .into_iter()
            .map(|(name, bytes)| (pool.cookies.attributes.delete(&name), bytes))
            .collect::<Vec<_>>()
    };
    let (lines, sizes): (Vec<_>, Vec<_>) = visit.pools.iter().flat_map(of).unzip();
    (lines, sizes.iter().sum())
}
