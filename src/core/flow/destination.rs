//! The address to return to after a sign-in. It is stored while the sign-in is pending, or while a page waits for a
//! click. Up to [`MAX_ADDRESS`] it is stored whole. A longer one is shortened; this is logged, and the person sees a
//! notice.

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::crypto::seal::SealError;
use crate::crypto::secret::Entropy;
use crate::flow::context::RequestContext;
use crate::http::{Response, format_query};
use crate::pages::messages;
use crate::pages::page::Page;
use crate::session::return_to::ReturnTo;
use crate::session::{CookieStore, FlowId, PendingSignIn};
use crate::telemetry::event::{Event, Level};
use crate::time::UnixTime;

/// The maximum number of pending sign-ins per browser. A new one evicts the oldest.
const MAX_FLOWS: usize = 5;

/// The longest address that is stored whole, in bytes of path and query. Five of them, from independent tabs, need
/// about 50 KB of cookies, which Envoy still accepts.
pub const MAX_ADDRESS: usize = 7 * 1024;

/// The longest part of an address that each link of a page may contain, in bytes. Escaping and the number of links
/// may multiply it by five; the page then still has less than 10 KB.
pub const MAX_LINK: usize = 900;

/// The maximum size of the headers of a browser's next request with the cookies of a sign-in, in bytes. Envoy accepts
/// 60 KB by default; the rest is for another address of that length.
const MAX_REQUEST: usize = 47 * 1024;

/// An address to return to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address, or the part of it that was kept.
    pub target: ReturnTo,
    /// Whether the original address was longer.
    pub is_shortened: bool,
    /// The pending sign-in behind a page's link, if that sign-in stores the address.
    pub offered: Option<FlowId>,
    /// The [`StepUp::id`](crate::rules::StepUp::id) of what the sign-in must ask for.
    pub step_up: Option<u32>,
}

impl From<ReturnTo> for Destination {
    fn from(target: ReturnTo) -> Self {
        Self { target, is_shortened: false, offered: None, step_up: None }
    }
}

impl Destination {
    /// The address of a request; the start page if sign-in can't return to that address.
    pub fn of_request(ctx: &RequestContext<'_>) -> Self {
        let here = ReturnTo::parse(ctx.request.target(), &ctx.config.paths);
        here.unwrap_or_else(ReturnTo::start_page).into()
    }

    /// The address that a pending sign-in stores.
    pub fn of_flow(flow: &PendingSignIn, config: &Config) -> Self {
        let target = ReturnTo::parse(flow.return_to.as_bytes(), &config.paths);
        let is_shortened = flow.is_shortened;
        let step_up = flow.asked.last().map(|asked| asked.step_up);
        Self { is_shortened, step_up, ..target.unwrap_or_else(ReturnTo::start_page).into() }
    }

    /// The same address, shortened to [`MAX_LINK`] bytes.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let target = self.target.no_longer_than(MAX_LINK);
        let is_shortened = self.is_shortened || target != self.target;
        Self { is_shortened, target, offered: None, step_up: self.step_up }
    }

    fn fits_in_link(&self, max: usize) -> bool {
        !self.is_shortened && self.target.as_str().len() <= max
    }

    /// Whether a link of a page can contain it.
    pub fn is_short(&self) -> bool {
        self.target.as_str().len() <= MAX_LINK
    }

    /// The event for an address that couldn't be kept whole.
    fn event(&self, kept: &Self, reason: &'static str, reference: &str) -> Event {
        let hint = match reason {
            "no_room" => {
                "the browser's other cookies are too large: together with the address they would exceed Envoy's 60 KB of request headers"
            }
            "not_found" => {
                "a page stayed open for more than ten minutes before the click, or the browser keeps no cookies"
            }
            _ => "the app should put less state into addresses: at most 7 KB of path and query are kept",
        };
        let what = if kept.target == ReturnTo::start_page() { "start_page" } else { "path" };
        Event::new(Level::Warn, "sign_in.address_shortened")
            .with("reason", reason)
            .with("request_id", reference)
            .with("bytes", self.target.as_str().len().to_string())
            .with("kept", what)
            .with("hint", hint)
    }

    /// The response that sends a person there after sign-in: a redirect, or first a page that explains that the
    /// address was shortened.
    pub fn landing_response(&self, config: &Config) -> Response {
        if !self.is_shortened {
            return Response::redirect(self.target.as_str().to_owned());
        }
        let is_start = self.target == ReturnTo::start_page();
        let why = if is_start { messages::ADDRESS_LOST } else { messages::QUERY_LOST };
        Page::new(&config.pages, 200, messages::SIGNED_IN.title)
            .text(why)
            .action(messages::CONTINUE, self.target.as_str())
            .into_response()
    }

    /// Marks the address as shortened, because the pending sign-in that stored the rest is gone, and logs this.
    #[must_use]
    pub fn mark_incomplete(self, reference: &str, log: &mut Vec<Event>) -> Self {
        let lost = Self { is_shortened: true, ..self };
        log.push(lost.event(&lost, "not_found", reference));
        lost
    }
}

/// Stores destinations in flow cookies.
pub struct FlowCookies<'a> {
    store: CookieStore<'a>,
    /// The number of bytes that new cookies may add to a request.
    room: usize,
    reference: String,
    now: UnixTime,
}

impl<'a> FlowCookies<'a> {
    /// For the response to a request. `freed` is the number of bytes of that request's cookies that the response
    /// deletes.
    pub fn for_request(ctx: &RequestContext<'a>, pool: &'a Pool, freed: usize) -> Self {
        let rest = ctx.request.size().saturating_sub(ctx.request.target().len() + freed);
        let room = MAX_REQUEST.saturating_sub(rest);
        Self { store: ctx.store(pool), room, reference: ctx.reference(), now: ctx.now }
    }

    /// For cookies that replace those of a finished sign-in, when its request is no longer available.
    pub const fn for_store(store: CookieStore<'a>, reference: String, now: UnixTime) -> Self {
        Self { store, room: MAX_REQUEST, reference, now }
    }

    /// The `Set-Cookie` values of a sign-in that returns to `destination`, or to the part of it that can be kept;
    /// then an event is logged.
    ///
    /// # Errors
    /// If they can't be sealed.
    pub fn set(
        &self,
        id: &FlowId,
        flow: &mut PendingSignIn,
        destination: &Destination,
        entropy: &mut dyn Entropy,
        log: &mut Vec<Event>,
    ) -> Result<Vec<String>, SealError> {
        let mut reason = "too_long";
        if destination.target.as_str().len() <= MAX_ADDRESS
            && let Some(cookies) = self.cookies(id, flow, destination, entropy)?
        {
            // This overestimates the size: a request contains neither the attributes nor their separators.
            let bytes: usize = cookies.iter().map(String::len).sum();
            if bytes <= self.room || destination.is_short() {
                return Ok(cookies);
            }
            reason = "no_room";
        }
        let short = destination.shortened();
        log.push(destination.event(&short, reason, &self.reference));
        Ok(self.cookies(id, flow, &short, entropy)?.unwrap_or_default())
    }

    fn cookies(
        &self,
        id: &FlowId,
        flow: &mut PendingSignIn,
        destination: &Destination,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Vec<String>>, SealError> {
        destination.target.as_str().clone_into(&mut flow.return_to);
        flow.is_shortened = destination.is_shortened;
        self.store.keep_flow(id, flow, entropy)
    }

    /// A link that signs in and returns to a destination, for a page whose links may contain `max` bytes of it. A
    /// longer destination is stored in cookies.
    pub fn link(
        &self,
        destination: &Destination,
        max: usize,
        entropy: &mut dyn Entropy,
        log: &mut Vec<Event>,
    ) -> Link {
        if let Some(id) = &destination.offered {
            return Link::offering(destination, max, id.as_str());
        }
        if !destination.fits_in_link(max)
            && let Ok(id) = FlowId::random(entropy)
            && let Ok(cookies) =
                self.set(&id, &mut PendingSignIn::offered(self.now), destination, entropy, log)
        {
            return Link { cookies, ..Link::offering(destination, max, id.as_str()) };
        }
        Link::without_cookies(destination, max)
    }
}

/// A sign-in link of a page.
#[derive(Debug, Default)]
pub struct Link {
    /// Its query.
    query: String,
    /// `Set-Cookie` values that the page must set.
    pub cookies: Vec<String>,
}

impl Link {
    /// A link that contains the whole destination.
    pub fn to(destination: &Destination) -> Self {
        Self::of_query(destination, &[("return", destination.target.as_str())])
    }

    /// A link with the first `max` bytes of the destination, and the id of the pending sign-in that stores all of it.
    fn offering(destination: &Destination, max: usize, id: &str) -> Self {
        let short = destination.target.no_longer_than(max);
        Self::of_query(destination, &[("return", short.as_str()), ("flow", id)])
    }

    fn of_query(destination: &Destination, pairs: &[(&str, &str)]) -> Self {
        let mut query = format_query(pairs.iter().copied());
        if let Some(step_up) = destination.step_up {
            query.push_str("&step_up=");
            query.push_str(&step_up.to_string());
        }
        Self { query, ..Self::default() }
    }

    /// A link for a page that can't set cookies. If the destination is too long, the link names a pending sign-in
    /// that doesn't exist, so that the person is told.
    pub fn without_cookies(destination: &Destination, max: usize) -> Self {
        if destination.fits_in_link(max) {
            Self::to(destination)
        } else {
            Self::offering(destination, max, "-")
        }
    }

    /// The link as a path and query; `sign_in` is the sign-in path.
    pub fn url(&self, sign_in: &str) -> String {
        format!("{sign_in}?{}", self.query)
    }

    /// The same for one pool.
    pub fn url_for_pool(&self, sign_in: &str, pool: &Pool) -> String {
        format!("{sign_in}?{}&{}", format_query([("pool", pool.name.as_str())]), self.query)
    }
}

/// Deletes flow cookies so that a new one is at most the fifth: first those that have expired or don't open, then the
/// oldest. Returns the `Set-Cookie` values, and how many bytes of the request they free. If cookies are shared over a
/// domain, those that don't open may belong to another app, and are left to expire.
pub fn evict_flows(ctx: &RequestContext<'_>) -> (Vec<String>, usize) {
    let (mut gone, mut freed) = (Vec::new(), 0);
    let mut alive: Vec<(UnixTime, &Pool, FlowId)> = Vec::new();
    for pool in ctx.pools {
        let store = ctx.store(pool);
        for id in pool.cookies.flow_ids(&ctx.cookies) {
            match store.flow(&ctx.cookies, &id) {
                Some(flow) if flow.is_alive(ctx.now) => alive.push((flow.started_at, pool, id)),
                None if pool.cookies.attributes.domain.is_some() => {}
                _ => freed += pool.cookies.end_flow(&ctx.cookies, &id, &mut gone),
            }
        }
    }
    while alive.len() >= MAX_FLOWS {
        let oldest = alive.iter().enumerate().min_by_key(|(_, (started_at, ..))| *started_at);
        let Some((oldest, _)) = oldest else { break };
        let (_, pool, id) = alive.remove(oldest);
        freed += pool.cookies.end_flow(&ctx.cookies, &id, &mut gone);
    }
    (gone, freed)
}
