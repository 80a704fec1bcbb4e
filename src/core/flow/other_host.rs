//! Redirects a browser at another host to `public_url` before it signs in. Otherwise the cookies of the sign-in would
//! be at that host, and its callback, at `public_url`, wouldn't get them.
//!
//! The filter only sees the host of the request that arrives. If a proxy in front rewrites that host, the browser
//! already is at `public_url`, and a redirect there would loop. These signs distinguish the two cases, in this order:
//!
//! 1. `X-Forwarded-Host`, if the proxy sends the original host.
//! 2. A sealed cookie that opens: it was set at `public_url`'s host.
//! 3. Probe cookies. The `Domain` of the first one is `public_url`'s host: a browser at that host sends it back, a
//!    browser elsewhere drops it. A browser at a host *below* `public_url`'s also sends it back. A second cookie, whose
//!    `Domain` is that host, detects this case: a browser at `public_url` drops it. Probe cookies are set if the host is
//!    of another domain, as hosts behind proxies usually are, or when the same request comes a second time.
//!
//! A client that keeps no cookies can't sign in. If it sends the same request more than [`MAX_REDIRECTS`] times, it
//! gets a page with a link instead of another redirect.

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

/// How often in a row a client is redirected to `public_url` with the same request. Browsers stop after twenty
/// redirects.
pub const MAX_REDIRECTS: u8 = 16;

/// Where the browser is, as far as the filter can tell.
enum Place {
    /// At a host whose cookies the callback gets.
    Here,
    /// The same, as a cookie shows, although requests arrive with another host and no proxy says so.
    HereByCookie,
    /// At another host, or behind a proxy that rewrites the host.
    Elsewhere,
}

/// Redirects a request that signs in or out to `public_url`, if the browser must be there. `None` if it can sign in
/// or out here.
pub fn to_public_url(ctx: &RequestContext<'_>, env: &HostEnv<'_>, log: &mut Vec<Event>) -> Option<Response> {
    let with_details = |event: Event| event.with("request_id", ctx.reference()).with("host", ctx.host);
    match place(ctx) {
        Place::Here => None,
        Place::HereByCookie => {
            log.push(with_details(Event::new(Level::Warn, "sign_in.host_rewritten")).with("hint", HINT));
            None
        }
        Place::Elsewhere => {
            let times = detours::count(ctx.request, &ctx.config.scope(), ctx.now, env.shared);
            let event = with_details(Event::new(Level::Info, "sign_in.to_public_url"));
            log.push(if times > 1 { event.with("hint", HINT) } else { event });
            if times > MAX_REDIRECTS {
                return Some(page(ctx));
            }
            let redirect = Response::redirect(ctx.origin.url() + &ctx.request.target_as_text());
            let needs_no_probe = times == 1 && last_labels(ctx.host) == last_labels(ctx.origin.host());
            Some(if needs_no_probe { redirect } else { redirect.with_cookies(probe_cookies(ctx)) })
        }
    }
}

/// The page that replaces another redirect.
fn page(ctx: &RequestContext<'_>) -> Response {
    let here = Destination::of_request(ctx);
    let page = Page::saying(&ctx.config.pages, 401, messages::ELSEWHERE);
    let page = if here.is_short() { page } else { page.text(messages::QUERY_LOST) };
    page.action(messages::CONTINUE, &(ctx.origin.url() + here.shortened().target.as_str()))
        .reference(&ctx.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
}

/// For a browser that was redirected to `public_url` and came back.
const HINT: &str = "does a proxy in front of the filter rewrite Host? Configure it to keep the browser's host, or to send it in X-Forwarded-Host: each sign-in now needs extra redirects";

/// Whether the browser seems to be at another host than `public_url`'s.
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
        if has_probe_cookie(ctx, names, public)
            || store.session_id(&ctx.cookies).is_some()
            || flows.any(|id| store.flow(&ctx.cookies, &id).is_some())
        {
            return Place::HereByCookie;
        }
    }
    Place::Elsewhere
}

/// Whether a callback at `public` gets the cookies of a sign-in at `host`. As in browsers, a name with a dot at its
/// end is another name, and the port doesn't matter.
fn is_covered(ctx: &RequestContext<'_>, public: &Origin<'_>, host: &str) -> bool {
    // All pools have the same domain.
    let domain = ctx.pools.first().and_then(|pool| pool.cookies.attributes.domain.as_deref());
    host == public.host() || domain.is_some_and(|domain| host == domain || is_below(host, domain))
}

/// The last two labels of a host.
fn last_labels(host: &str) -> &str {
    let start = host.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    host.get(start..).unwrap_or(host)
}

/// Whether the cookies of [`probe_cookies`] show that the browser is at `public`.
fn has_probe_cookie(ctx: &RequestContext<'_>, names: &CookieSettings, public: &Origin<'_>) -> bool {
    let mut here = ctx.cookies.values(&names.here);
    if is_below(ctx.host, public.host()) {
        // Another host below it may have set one too.
        return here.any(|host| host == ctx.host.as_bytes())
            && ctx.cookies.values(&names.there).next().is_none();
    }
    here.next().is_some()
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The probe cookies: which of them a browser keeps depends on its host. Their value is only the host that the
/// request arrived with.
fn probe_cookies(ctx: &RequestContext<'_>) -> Vec<String> {
    let Some(pool) = ctx.pools.first() else { return Vec::new() };
    let cookies = &pool.cookies;
    let mark = |name: &str, domain: &str| {
        let attributes = CookieAttributes { domain: Some(domain.to_owned()), ..cookies.attributes.clone() };
        attributes.set(name, ctx.host, PendingSignIn::LIFETIME.as_secs(), cookies.flow_same_site())
    };
    let mut probe_cookies = vec![mark(&cookies.here, ctx.origin.host())];
    if is_below(ctx.host, ctx.origin.host()) {
        probe_cookies.push(mark(&cookies.there, ctx.host));
    }
    probe_cookies
}
