//! A form that is posted without a session (`pages.keep_form`).
//!
//! The page that asks to sign in holds the form's body, sealed, in a form of its own. The person signs in in a new tab,
//! returns, and continues: the sealed body is posted to the filter, which answers with a second page. That page holds
//! the fields again, names the person and the address, and one button sends them there. Nothing is stored anywhere else.
//!
//! Another site can't use this to have a form sent in a person's name:
//!
//! - Only a form that a page of this origin has sent is kept, by `Sec-Fetch-Site` or `Origin`. With `SameSite` cookies, a
//!   form of another site looks like one without a session.
//! - A sealed body is only accepted from a page of this origin, for ten minutes, and from a session that began after it
//!   was sealed.
//! - If the request had the cookie of an ended session, only the same person can continue.
//! - Two buttons must be pressed on pages of the filter, which can't be framed and run no script.

use std::time::Duration;

use crate::crypto::secret::Entropy;
use crate::flow::context::{Person, RequestContext};
use crate::flow::destination::{Destination, Link, MAX_ADDRESS, MAX_LINK};
use crate::flow::other_host::is_other_host;
use crate::http::client::{Client, is_cross_site};
use crate::http::{Request, Response, parse_query};
use crate::pages::messages;
use crate::pages::page::Page;
use crate::session::return_to::ReturnTo;
use crate::session::{CookieStore, MAX_COPIES, Session};
use crate::telemetry::event::{Event, Level};
use crate::time::UnixTime;

/// The largest body that is kept, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The largest body with a sealed one in it: base64 of body, address and some more.
const MAX_SEALED: usize = (MAX_BODY + MAX_ADDRESS + 1024) / 3 * 4;
/// The largest number of fields. Each becomes an element of a page.
const MAX_FIELDS: usize = 1000;
/// How long a form is kept.
const LIFETIME: Duration = Duration::from_secs(600);
/// The name of the field with the sealed form.
const FIELD: &str = "form";

/// A form that was kept.
pub struct KeptForm {
    kept_at: UnixTime,
    /// The `sub` of the person whose session had ended; empty if unknown.
    subject: String,
    /// Where it was posted to.
    target: ReturnTo,
    fields: Vec<(String, String)>,
    /// The text that it was opened from.
    sealed: String,
}

/// Whether the form in this request can be kept: the length of its body.
pub fn length_to_keep(ctx: &RequestContext<'_>) -> Option<usize> {
    let pool = ctx.pools.first()?;
    let can_sign_in_here = ctx.origin.is_secure() || !pool.cookies.attributes.secure;
    let is_kept = ctx.config.keep_form
        && ctx.request.method() == "POST"
        && is_of_this_origin(ctx)
        && is_urlencoded(ctx.request)
        && can_sign_in_here
        && target(ctx).is_some()
        && !is_other_host(ctx);
    if is_kept { length(ctx.request, MAX_BODY) } else { None }
}

/// Whether the request posts a form that was kept: the length of its body.
pub fn length_to_open(ctx: &RequestContext<'_>) -> Option<usize> {
    let is_ours = is_of_this_origin(ctx) && is_urlencoded(ctx.request);
    if is_ours { length(ctx.request, MAX_SEALED) } else { None }
}

/// Whether a page of this origin has sent the form. Browsers don't let a page lie about it.
fn is_of_this_origin(ctx: &RequestContext<'_>) -> bool {
    let says_so = match ctx.request.text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => !ctx.request.has("sec-fetch-site") && ctx.request.has("origin"),
    };
    // A service worker's own request says nothing about who has caused it.
    let is_navigation = ctx.request.text("sec-fetch-mode") == Some("navigate");
    is_navigation
        && says_so
        && ctx.client() == Client::FormNavigation
        && !is_cross_site(ctx.request, &ctx.origin)
}

fn is_urlencoded(request: Request<'_>) -> bool {
    let kind = request.text("content-type").and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn length(request: Request<'_>, max: usize) -> Option<usize> {
    let length = request.text("content-length")?.parse().ok()?;
    (1..=max).contains(&length).then_some(length)
}

fn target(ctx: &RequestContext<'_>) -> Option<ReturnTo> {
    let target = ReturnTo::parse(ctx.request.target(), &ctx.config.paths)?;
    (target.as_str().len() <= MAX_ADDRESS).then_some(target)
}

/// The fields of a body, if the second page can hold them so that a browser sends the same ones again.
fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    if body.split(|byte| *byte == b'&').nth(MAX_FIELDS).is_some() {
        return None;
    }
    let fields = parse_query(body);
    for (name, value) in &fields {
        // The parser replaces bytes that aren't UTF-8 by U+FFFD. HTML can't express NUL.
        let is_faithful = |text: &str| !text.contains('\u{fffd}') && !text.contains('\0');
        if name.is_empty() || !is_faithful(name) || !is_faithful(value) {
            return None;
        }
    }
    (!fields.is_empty()).then_some(fields)
}

/// The page that asks to sign in and keeps the form. `None` if the form can't be kept.
pub fn keep(ctx: &RequestContext<'_>, body: &[u8], entropy: &mut dyn Entropy) -> Option<Response> {
    fields(body)?;
    let target = target(ctx)?;
    let (subject, target) = (ended_subject(ctx), target.as_str());
    let mut plain = ctx.now.secs().to_be_bytes().to_vec();
    for text in [&subject, target] {
        plain.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
        plain.extend_from_slice(text.as_bytes());
    }
    plain.extend_from_slice(body);
    let sealed = store(ctx)?.seal_bytes(&purpose(ctx), &plain, entropy).ok()?;
    Some(keeping_page(ctx, &sealed))
}

fn store<'a>(ctx: &RequestContext<'a>) -> Option<CookieStore<'a>> {
    Some(ctx.store(ctx.pools.first()?))
}

/// No cookie has a name with a space, so no sealed form can be passed off as a cookie, or the reverse.
fn purpose(ctx: &RequestContext<'_>) -> String {
    format!("kept form of {}", ctx.origin.url())
}

/// The `sub` of the latest session in the request's cookies, even if it has ended; empty if there is none.
fn ended_subject(ctx: &RequestContext<'_>) -> String {
    let mut latest: Option<Session> = None;
    for pool in ctx.pools {
        for sealed in ctx.cookies.values(&pool.cookies.identity).take(MAX_COPIES) {
            let Some(session) = ctx.store(pool).open_session(sealed) else { continue };
            if latest.as_ref().is_none_or(|latest| latest.lateness() < session.lateness()) {
                latest = Some(session);
            }
        }
    }
    latest.map(|session| session.identity.subject.clone()).unwrap_or_default()
}

fn keeping_page(ctx: &RequestContext<'_>, sealed: &str) -> Response {
    let paths = &ctx.config.paths;
    let landing = ReturnTo::parse(paths.form.as_bytes(), paths).unwrap_or_else(ReturnTo::start_page);
    let link = Link::without_cookies(&Destination::from(landing), MAX_LINK);
    Page::saying(&ctx.config.pages, 401, messages::FORM_KEPT)
        .action_in_new_tab(messages::SIGN_IN, &link.url(&paths.sign_in))
        .text(messages::FORM_KEPT_HELP)
        .form(&paths.form, &[(FIELD.to_owned(), sealed.to_owned())], messages::CONTINUE_FORM, "'self'")
        .reference(&ctx.reference())
        .into_response()
        .with("www-authenticate", "Bearer".to_owned())
}

impl KeptForm {
    /// Opens the form in a body. `None` if it wasn't kept at this origin.
    pub fn open(ctx: &RequestContext<'_>, body: &[u8]) -> Option<Self> {
        // The sealed text has only characters that browsers don't encode.
        let sealed = std::str::from_utf8(body).ok()?.strip_prefix(FIELD)?.strip_prefix('=')?;
        let plain = store(ctx)?.open_bytes(&purpose(ctx), sealed.as_bytes())?;
        let (kept_at, rest) = plain.split_first_chunk()?;
        let (subject, rest) = text(rest)?;
        let (target, body) = text(rest)?;
        Some(Self {
            kept_at: UnixTime::from_secs(u64::from_be_bytes(*kept_at)),
            subject: subject.to_owned(),
            target: ReturnTo::parse(target.as_bytes(), &ctx.config.paths)?,
            fields: fields(body)?,
            sealed: sealed.to_owned(),
        })
    }

    /// The page that offers to send it. `session` is the person's, if anybody is signed in. Adds why it can't be sent to
    /// `log`.
    pub fn offer(
        &self,
        ctx: &RequestContext<'_>,
        person: Option<(&Person, &Session)>,
        log: &mut Vec<Event>,
    ) -> Response {
        // A time in the future means that a clock was set back.
        if ctx.now.since(self.kept_at) >= LIFETIME || self.kept_at.since(ctx.now) >= LIFETIME {
            return refusal(ctx, "expired", log);
        }
        let Some((person, _)) = person.filter(|(_, session)| session.signed_in_at >= self.kept_at) else {
            return keeping_page(ctx, &self.sealed);
        };
        if !self.subject.is_empty() && self.subject != person.identity.subject {
            return refusal(ctx, "other_person", log);
        }
        let url = ctx.origin.url() + self.target.as_str();
        // An app may answer by a redirect to another site, which browsers check against this policy too.
        Page::new(&ctx.config.pages, 200, messages::SEND_FORM_TITLE)
            .text(&messages::signed_in_as(person.identity.shown_name()))
            .text(&messages::form_goes_to(&url))
            .form(self.target.as_str(), &self.fields, messages::SEND_FORM, "'self' https:")
            .reference(&ctx.reference())
            .into_response()
    }
}

/// A text behind its length.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// The page for a form that can't be sent.
pub fn refusal(ctx: &RequestContext<'_>, reason: &'static str, log: &mut Vec<Event>) -> Response {
    let event = Event::new(Level::Info, "form.refused").with("reason", reason);
    log.push(event.with("request_id", ctx.reference()));
    unreadable(ctx)
}

/// The same without a reason.
pub fn unreadable(ctx: &RequestContext<'_>) -> Response {
    Page::saying(&ctx.config.pages, 403, messages::FORM_GONE).reference(&ctx.reference()).into_response()
}

/// For the tab in which a person has signed in: the form is in another tab.
pub fn landing(ctx: &RequestContext<'_>, person: &Person) -> Response {
    Page::saying(&ctx.config.pages, 200, messages::FORM_LANDING)
        .text(&messages::signed_in_as(person.identity.shown_name()))
        .into_response()
}
