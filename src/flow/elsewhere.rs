//! A browser at another host than `public_url`'s, which is sent there before it signs in. A sign-in that begins
//! elsewhere has its cookie there, and its callback, at `public_url`, doesn't.
//!
//! The filter sees the host that a request arrives with. Where a proxy in front rewrites that, the browser is at
//! `public_url` all along, and sending it there would have it come back for ever. What tells the two apart, in this order:
//!
//! 1. `X-Forwarded-Host`, where the proxy says which host it was asked for.
//! 2. A sealed cookie that opens: it was set at `public_url`'s host.
//! 3. A cookie for this very host whose `Domain` is `public_url`'s. Browsers at that host take and send it; browsers
//!    elsewhere drop it. It is set where the host is of another domain, as those behind proxies mostly are, or the same
//!    request comes a second time.
//! 4. The same client has come with the same request [`MAX_TIMES`]: whatever it is, it isn't sent once more.

use crate::cookie::Attributes;
use crate::decision::Surroundings;
use crate::detours;
use crate::event::{Event, Level};
use crate::flow::Visit;
use crate::http::Response;
use crate::origin::Origin;
use crate::session::Flow;

/// How often a client is sent to `public_url` with the same request in a row.
pub const MAX_TIMES: u8 = 8;

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
pub fn to_public_url(visit: &Visit<'_>, around: &Surroundings<'_>, log: &mut Vec<Event>) -> Option<Response> {
    let times = match place(visit) {
        Place::Here => return None,
        Place::HereByCookie => u8::MAX,
        Place::Elsewhere => detours::count(visit.request, &visit.config.scope(), visit.now, around.shared),
    };
    let is_sent = times <= MAX_TIMES;
    let event = if is_sent {
        Event::new(Level::Info, "sign_in.to_public_url")
    } else {
        Event::new(Level::Warn, "sign_in.host_rewritten")
    };
    let event = event.with("request_id", visit.reference()).with("host", visit.host);
    log.push(if times > 1 { event.with("hint", HINT) } else { event });
    if !is_sent {
        return None;
    }
    let sent = Response::redirect(visit.origin.url() + &visit.request.target_as_text());
    let is_clear = times == 1 && last_labels(visit.host) == last_labels(visit.origin.host());
    Some(if is_clear { sent } else { sent.with_cookies(mark(visit)) })
}

/// For somebody who was sent to `public_url` and came back.
const HINT: &str = "does something in front of the filter rewrite Host? Have it keep the browser's, or send that in X-Forwarded-Host: it costs each sign-in redirects";

/// Whether somebody seems to be at another host than `public_url`'s.
pub fn is_elsewhere(visit: &Visit<'_>) -> bool {
    matches!(place(visit), Place::Elsewhere)
}

fn place(visit: &Visit<'_>) -> Place {
    let Some(public) = &visit.config.public_url else { return Place::Here };
    let asked = [Origin::of(visit.request, None), Origin::forwarded(visit.request)];
    if asked.iter().flatten().any(|asked| is_covered(visit, public, asked.host())) {
        return Place::Here;
    }
    for pool in visit.config.pools.all() {
        let (names, store) = (&pool.cookies, visit.store(pool));
        let is_marked = visit.cookies.values(&names.here).any(|host| host == visit.host.as_bytes());
        let mut flows = names.flow_ids(&visit.cookies).into_iter();
        if is_marked
            || store.session_id(&visit.cookies).is_some()
            || flows.any(|id| store.flow(&visit.cookies, &id).is_some())
        {
            return Place::HereByCookie;
        }
    }
    Place::Elsewhere
}

/// Whether the cookies of a sign-in at `host` come with its callback, at `public`. As browsers see it: a name with a dot at
/// its end is another one, and a port makes no difference.
fn is_covered(visit: &Visit<'_>, public: &Origin<'_>, host: &str) -> bool {
    // All pools share it.
    let domain = visit.pools.first().and_then(|pool| pool.cookies.attributes.domain.as_deref());
    let below = |domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    host == public.host() || domain.is_some_and(below)
}

/// The last two labels of a host.
fn last_labels(host: &str) -> &str {
    let start = host.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    host.get(start..).unwrap_or(host)
}

/// A cookie that browsers at `public_url`'s host keep, and others don't. It says which host their requests arrive for.
fn mark(visit: &Visit<'_>) -> Option<String> {
    let cookies = &visit.pools.first()?.cookies;
    let domain = Some(visit.origin.host().to_owned());
    let attributes = Attributes { domain, ..cookies.attributes.clone() };
    Some(attributes.set(&cookies.here, visit.host, Flow::LIFETIME.as_secs(), cookies.flow_same_site()))
}
