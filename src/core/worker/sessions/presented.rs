//! A session together with the cookies that hold it.

use std::sync::Arc;

use crate::flow::context::{Person, RequestContext};
use crate::http::cookie::Cookies;
use crate::worker::session_cache::CachedSession;

/// A session, and the browser's cookies that hold it and its tokens.
pub(super) struct PresentedSession<'c> {
    pub cached: CachedSession,
    pub cookies: &'c Cookies<'c>,
}

impl PresentedSession<'_> {
    /// The person, with the tokens that go upstream. The token cookies are only decrypted if there are such tokens.
    pub(super) fn person(self, ctx: &RequestContext<'_>) -> Arc<Person> {
        let Self { cached: CachedSession { session, person, .. }, cookies } = self;
        if !ctx.config.headers.forwards_tokens() {
            return person;
        }
        let tokens = ctx.store(&person.pool).session_tokens(cookies, Some(session.id));
        Arc::new(Person::clone(&person).with_tokens(&tokens.unwrap_or_default(), ctx.config))
    }
}
