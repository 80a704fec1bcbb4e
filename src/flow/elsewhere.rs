//! A browser at another host than `public_url`'s: it is sent there before it signs in, since a sign-in that begins
//! elsewhere has its cookie there, and its callback doesn't.
//!
//! The filter sees the host that a request arrives with. Where a proxy in front rewrites that, the browser is at
//! `public_url` all along, and sending it there would have it come back for ever. What tells the two apart, in this order:
//!
//! 1. `X-Forwarded-Host`, where the proxy says which host it was asked for.
//! 2. A sealed cookie that opens: it was set at `public_url`'s host.
//! 3. A cookie whose `Domain` is `public_url`'s host, set when the same request comes a second time. Browsers at that host
//!    take and send it; browsers elsewhere drop it.
//! 4. The same client has come with the same request [`MAX_TIMES`]: whatever it is, it isn't sent once more.

use crate::cookie::{Attributes, SameSite};
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

/// What somebody comes to who is to sign in.
pub enum Way {
    /// To `public_url` first.
    There(Response, Event),
    /// They may sign in where they are; with something to tell the operator, perhaps.
    Here(Option<Event>),
}

/// Finds out where somebody is who is to sign in, or out, and sends them to `public_url` where it must be there.
pub fn way(visit: &Visit<'_>, around: &Surroundings<'_>) -> Way {
    let event = |level, name| {
        Event::new(level, name).with("request_id", visit.reference()).with("host", visit.host.to_owned())
    };
    let rewritten = |hint| Way::Here(Some(event(Level::Warn, "sign_in.host_rewritten").with("hint", hint)));
    match place(visit) {
        Place::Here => return Way::Here(None),
        Place::HereByCookie => {
            return rewritten(
                "something in front of Envoy, or of this filter, rewrites Host: have it keep the browser's, or send that in X-Forwarded-Host; it costs each sign-in two redirects",
            );
        }
        Place::Elsewhere => {}
    }
    let times = detours::count(visit.request, &visit.config.scope(), visit.now, around.shared);
    if times > MAX_TIMES {
        return rewritten(
            "a client that keeps no cookies was sent to `public_url` again and again, and came for this host each time; if something in front rewrites Host, have it send X-Forwarded-Host",
        );
    }
    let sent = Response::redirect(visit.origin.url() + &visit.request.target_as_text());
    let event = event(Level::Info, "sign_in.to_public_url");
    if times == 1 {
        return Way::There(sent, event);
    }
    let hint = "the same request came again: does something in front rewrite Host? Have it keep the browser's, or send that in X-Forwarded-Host";
    Way::There(sent.with_cookies(mark(visit)), event.with("hint", hint))
}

/// Whether somebody seems to be at another host than `public_url`'s.
pub fn is_elsewhere(visit: &Visit<'_>) -> bool {
    matches!(place(visit), Place::Elsewhere)
}

fn place(visit: &Visit<'_>) -> Place {
    let Some(public) = &visit.config.public_url else { return Place::Here };
    let covered = |at: Option<Origin<'_>>| at.is_some_and(|at| is_covered(visit, public, at.host()));
    if covered(Origin::of(visit.request, None)) || covered(Origin::forwarded(visit.request)) {
        return Place::Here;
    }
    let has_opened = visit.config.pools.iter().any(|pool| {
        let (store, cookies) = (visit.store(pool), &visit.cookies);
        let mut flows = pool.cookies.flow_ids(cookies).into_iter();
        store.session_id(cookies).is_some() || flows.any(|id| store.flow(cookies, &id).is_some())
    });
    let is_marked = || {
        let mut pools = visit.pools.iter();
        pools.any(|pool| visit.cookies.values(&pool.cookies.here).next().is_some())
    };
    if has_opened || is_marked() { Place::HereByCookie } else { Place::Elsewhere }
}

/// Whether the cookies of a sign-in at `host` come with its callback, at `public`. As browsers see it: a name with a dot at
/// its end is another one, and a port makes no difference.
fn is_covered(visit: &Visit<'_>, public: &Origin<'_>, host: &str) -> bool {
    let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let in_domain = |domain: &str| host == domain || below(domain);
    let mut pools = visit.pools.iter();
    host == public.host()
        || pools.any(|pool| pool.cookies.attributes.domain.as_deref().is_some_and(in_domain))
}

/// A cookie that browsers at `public_url`'s host keep, and others don't. It says nothing but that.
fn mark(visit: &Visit<'_>) -> Option<String> {
    let cookies = &visit.pools.first()?.cookies;
    let domain = Some(visit.origin.host().to_owned());
    let attributes = Attributes { domain, ..cookies.attributes.clone() };
    Some(attributes.set(&cookies.here, "1", Flow::LIFETIME.as_secs(), SameSite::Lax))
}
