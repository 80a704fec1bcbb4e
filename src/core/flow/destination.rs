//! Where somebody wanted to go who is to sign in, kept while that is under way, or while a page waits for a click. It is
//! kept whole up to [`MAX_ADDRESS`], and beyond it never shortened without a word.

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

/// Sign-ins under way that one browser may have; the oldest makes room.
const MAX_FLOWS: usize = 5;

/// The longest address that is kept whole, in bytes of path and query. Five of them, of tabs that know nothing of each
/// other, come to some 50 KB of cookies, which Envoy still takes.
pub const MAX_ADDRESS: usize = 7 * 1024;

/// How much of an address the links of one page may repeat, in bytes. Each may take five there, and a page stays below
/// 10 KB.
pub const MAX_LINK: usize = 900;

/// What the headers of a browser's next request may come to with the cookies of a sign-in, in bytes. Envoy takes 60 KB if
/// it isn't told otherwise; what is left is for another address of that length.
const MAX_REQUEST: usize = 47 * 1024;

/// Where somebody wanted to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address, or what is left of it.
    pub target: ReturnTo,
    /// Whether it was longer.
    pub is_shortened: bool,
    /// The sign-in that a page has offered, if that holds it.
    pub offered: Option<FlowId>,
}

impl From<ReturnTo> for Destination {
    fn from(target: ReturnTo) -> Self {
        Self { target, is_shortened: false, offered: None }
    }
}

impl Destination {
    /// Where a request itself goes.
    pub fn of_request(ctx: &RequestContext<'_>) -> Self {
        let here = ReturnTo::parse(ctx.request.target(), &ctx.config.paths);
        here.unwrap_or_else(ReturnTo::start_page).into()
    }

    /// Where a sign-in leads.
    pub fn of_flow(flow: &PendingSignIn, config: &Config) -> Self {
        let target = ReturnTo::parse(flow.return_to.as_bytes(), &config.paths);
        let is_shortened = flow.is_shortened;
        Self { is_shortened, ..target.unwrap_or_else(ReturnTo::start_page).into() }
    }

    /// The same, as short as a link may be.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let target = self.target.no_longer_than(MAX_LINK);
        Self { is_shortened: self.is_shortened || target != self.target, target, offered: None }
    }

    fn fits_into(&self, max: usize) -> bool {
        !self.is_shortened && self.target.as_str().len() <= max
    }

    /// Whether a page may repeat it.
    pub fn is_short(&self) -> bool {
        self.target.as_str().len() <= MAX_LINK
    }

    /// The log line for one that couldn't be kept whole.
    fn event(&self, kept: &Self, reason: &'static str, reference: &str) -> Event {
        let hint = match reason {
            "no_room" => "the browser's cookies leave no room for it below Envoy's 60 KB of request headers",
            "not_found" => {
                "a page waited longer than ten minutes for a click, or the browser keeps no cookies"
            }
            _ => "the app should keep less of its state in addresses; 7 KB of path and query are kept",
        };
        let what = if kept.target == ReturnTo::start_page() { "start_page" } else { "path" };
        Event::new(Level::Warn, "sign_in.address_shortened")
            .with("reason", reason)
            .with("request_id", reference)
            .with("bytes", self.target.as_str().len().to_string())
            .with("kept", what)
            .with("hint", hint)
    }

    /// The way there for somebody who has just signed in. Who lands elsewhere than they wanted is told so first.
    pub fn way(&self, config: &Config) -> Response {
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

    /// What is left of one that a page had offered, and that is gone.
    #[must_use]
    pub fn lost(self, reference: &str, log: &mut Vec<Event>) -> Self {
        let lost = Self { is_shortened: true, ..self };
        log.push(lost.event(&lost, "not_found", reference));
        lost
    }
}

/// What keeps destinations in cookies.
pub struct Keeper<'a> {
    store: CookieStore<'a>,
    /// How many bytes of cookies there is room for.
    room: usize,
    reference: String,
    now: UnixTime,
}

impl<'a> Keeper<'a> {
    /// For what is answered to a request. `freed` is how much of it goes with the answer.
    pub fn of_visit(ctx: &RequestContext<'a>, pool: &'a Pool, freed: usize) -> Self {
        let rest = ctx.request.size().saturating_sub(ctx.request.target().len() + freed);
        let room = MAX_REQUEST.saturating_sub(rest);
        Self { store: ctx.store(pool), room, reference: ctx.reference(), now: ctx.now }
    }

    /// For what takes the place of a sign-in's own cookies, once its request is gone from view.
    pub const fn of_store(store: CookieStore<'a>, reference: String, now: UnixTime) -> Self {
        Self { store, room: MAX_REQUEST, reference, now }
    }

    /// `Set-Cookie` values of a sign-in that leads to `destination`: there, or as far as can be kept, which the log is
    /// told.
    ///
    /// # Errors
    /// If they can't be sealed.
    pub fn keep(
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
            // A cookie's value, and as much as its attributes come to, are more than it takes in a request.
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

    /// A link that signs in and leads to a destination, for a page that may repeat `max` bytes of it. What is longer
    /// is kept in cookies.
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
        if !destination.fits_into(max)
            && let Ok(id) = FlowId::random(entropy)
            && let Ok(cookies) =
                self.keep(&id, &mut PendingSignIn::offered(self.now), destination, entropy, log)
        {
            return Link { cookies, ..Link::offering(destination, max, id.as_str()) };
        }
        Link::without_cookies(destination, max)
    }
}

/// A link of a page's that signs in.
#[derive(Debug, Default)]
pub struct Link {
    /// Its parameters.
    query: String,
    /// What goes with the page.
    pub cookies: Vec<String>,
}

impl Link {
    /// A link that says all there is to say.
    pub fn to(destination: &Destination) -> Self {
        let query = format_query([("return", destination.target.as_str())]);
        Self { query, ..Self::default() }
    }

    /// One that names the sign-in that holds the rest.
    fn offering(destination: &Destination, max: usize, id: &str) -> Self {
        let short = destination.target.no_longer_than(max);
        let query = format_query([("return", short.as_str()), ("flow", id)]);
        Self { query, ..Self::default() }
    }

    /// One where no cookie can hold the rest. It names a sign-in that isn't there, so that the person will be told.
    pub fn without_cookies(destination: &Destination, max: usize) -> Self {
        if destination.fits_into(max) { Self::to(destination) } else { Self::offering(destination, max, "-") }
    }

    /// The link.
    pub fn below(&self, sign_in: &str) -> String {
        format!("{sign_in}?{}", self.query)
    }

    /// The link to a pool.
    pub fn of_pool(&self, sign_in: &str, pool: &Pool) -> String {
        format!("{sign_in}?{}&{}", format_query([("pool", pool.name.as_str())]), self.query)
    }
}

/// Deletes flow cookies, so that the new one is at most the fifth: what is over or doesn't open, and then the oldest.
/// Gives the `Set-Cookie` values, and how many bytes of the request that is. Where cookies are shared over a domain,
/// those that don't open may be another app's, and are left to expire.
pub fn make_room(ctx: &RequestContext<'_>) -> (Vec<String>, usize) {
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
