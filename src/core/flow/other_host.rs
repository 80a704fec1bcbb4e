//! A browser at another host than `public_url`'s, which is sent there before it signs in. A sign-in that begins
//! elsewhere has its cookie there, and its callback, at `public_url`, doesn't.
//!
//! The filter sees the host that a request arrives with. Where a proxy in front rewrites that, the browser is at
//! `public_url` all along, and sending it there would have it come back for ever. What tells the two apart, in this order:
//!
//! 1. `X-Forwarded-Host`, where the proxy says which host it was asked for.
//! 2. A sealed cookie that opens: it was set at `public_url`'s host.
//! 3. A cookie whose `Domain` is `public_url`'s host. A browser at that host takes it and sends it back; a browser
//!    elsewhere drops it. One at a host *below* that takes it as well, and is told by a second cookie, whose `Domain` is
//!    that host's own: a browser at `public_url` drops that one. They are set where the host is of another domain, as those
//!    behind proxies mostly are, or the same request comes a second time.
//!
//! A client that keeps no cookies can't sign in. Where it comes with the same request more than [`MAX_TIMES`] times, it gets a
//! page with a link in place of one redirect more.

use crate::cognito::pool::CookieSettings;
use crate::decision::HostEnv;
use crate::flow::context::RequestContext;
use crate::flow::destination::Destination;
use crate::http::Response;
use crate::http::cookie::CookieAttributes;
use crate::http::origin::Origin;
use crate::pages::messages;
use crate::pages::page::Page;
use crate::session::PendingSignIn;
use crate::shared::detours;
use crate::telemetry::event::{Event, Level};

/// How often a client is sent to `public_url` with the same request in a row. Browsers give up after twenty redirects.
pub const MAX_TIMES: u8 = 16;

/// Where a browser is, as far as the filter can tell.
enum Place {
    /// Where cookies of a sign-in will be at its callback, too.
    Here,
    /// There as well, though its requests arrive for another host, which no proxy says.
    HereByCookie,
    /// At another host, or behind a proxy that rewrites it.
    Elsewhere,
}

/// Sends somebody who is to sign in, or out, to `public_url`, where it must be there. `None` where they may do so here.
pub fn to_public_url(ctx: &RequestContext<'_>, env: &HostEnv<'_>, log: &mut Vec<Event>) -> Option<Response> {
    let told = |event: Event| event.with("request_id", ctx.reference()).with("host", ctx.host);
    match place(ctx) {
        Place::Here => None,
        Place::HereByCookie => {
            log.push(told(Event::new(Level::Warn, "sign_in.host_rewritten")).with("hint", HINT));
            None
        }
        Place::Elsewhere => {
            let times = detours::count(ctx.request, &ctx.config.scope(), ctx.now, env.shared);
            let event = told(Event::new(Level::Info, "sign_in.to_public_url"));
            log.push(if times > 1 { event.with("hint", HINT) } else { event });
            if times > MAX_TIMES {
                return Some(page(ctx));
            }
            let sent = Response::redirect(ctx.origin.url() + &ctx.request.target_as_text());
            let is_clear = times == 1 && last_labels(ctx.host) == last_labels(ctx.origin.host());
            Some(if is_clear { sent } else { sent.with_cookies(marks(ctx)) })
        }
    }
}

/// In place of one redirect more.
fn page(ctx: &RequestContext<'_>) -> Response {
    let here = Destination::of_request(ctx);
    let page = Page::saying(&ctx.config.pages, 401, messages::ELSEWHERE);
    let page = if here.is_short() { page } else { page.text(messages::QUERY_LOST) };
    page.action(messages::CONTINUE, &(ctx.origin.url() + here.shortened().target.as_str()))
        .reference(&ctx.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
}

/// For somebody who was sent to `public_url` and came back.
const HINT: &str = "does something in front of the filter rewrite Host? Have it keep the browser's, or send that in X-Forwarded-Host: it costs each sign-in redirects";

/// Whether somebody seems to be at another host than `public_url`'s.
pub fn is_other_host(ctx: &RequestContext<'_>) -> bool {
    matches!(place(ctx), Place::Elsewhere)
}

fn place(ctx: &RequestContext<'_>) -> Place {
    let Some(public) = &ctx.config.public_url else { return Place::Here };
    let attempt = [Origin::of(ctx.request, None), Origin::forwarded(ctx.request)];
    if attempt.iter().flatten().any(|attempt| is_covered(ctx, public, attempt.host())) {
        return Place::Here;
    }
    for pool in ctx.config.pools.all() {
        let (names, store) = (&pool.cookies, ctx.store(pool));
        let mut flows = names.flow_ids(&ctx.cookies).into_iter();
        if is_marked(ctx, names, public)
            || store.session_id(&ctx.cookies).is_some()
            || flows.any(|id| store.flow(&ctx.cookies, &id).is_some())
        {
            return Place::HereByCookie;
        }
    }
    Place::Elsewhere
}

/// Whether the cookies of a sign-in at `host` come with its callback, at `public`. As browsers see it: a name with a dot at
/// its end is another one, and a port makes no difference.
fn is_covered(ctx: &RequestContext<'_>, public: &Origin<'_>, host: &str) -> bool {
    // All pools share it.
    let domain = ctx.pools.first().and_then(|pool| pool.cookies.attributes.domain.as_deref());
    host == public.host() || domain.is_some_and(|domain| host == domain || is_below(host, domain))
}

/// The last two labels of a host.
fn last_labels(host: &str) -> &str {
    let start = host.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    host.get(start..).unwrap_or(host)
}

/// Whether the cookies of [`marks`] say that the browser is at `public`.
fn is_marked(ctx: &RequestContext<'_>, names: &CookieSettings, public: &Origin<'_>) -> bool {
    let mut here = ctx.cookies.values(&names.here);
    if is_below(ctx.host, public.host()) {
        // Another host below it may have had one set, too.
        return here.any(|host| host == ctx.host.as_bytes())
            && ctx.cookies.values(&names.there).next().is_none();
    }
    here.next().is_some()
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Cookies of which a browser keeps one or the other, by where it is. They say nothing but which host the request
/// arrived for.
fn marks(ctx: &RequestContext<'_>) -> Vec<String> {
    let Some(pool) = ctx.pools.first() else { return Vec::new() };
    let cookies = &pool.cookies;
    let mark = |name: &str, domain: &str| {
        let attributes = CookieAttributes { domain: Some(domain.to_owned()), ..cookies.attributes.clone() };
        attributes.set(name, ctx.host, PendingSignIn::LIFETIME.as_secs(), cookies.flow_same_site())
    };
    let mut marks = vec![mark(&cookies.here, ctx.origin.host())];
    if is_below(ctx.host, ctx.origin.host()) {
        marks.push(mark(&cookies.there, ctx.host));
    }
    marks
}
