//! Forms that are kept while a person signs in.

use std::sync::Arc;

use crate::decision::{AccessDecision, Attempt, Decision, HostEnv, Outcome, StreamId};
use crate::flow::context::RequestContext;
use crate::flow::kept_form::{self, KeptForm};
use crate::flow::own_path::OwnPath;
use crate::http::host::of_authority;
use crate::http::origin::Origin;
use crate::http::path::RequestPath;
use crate::http::{Request, Response};
use crate::rules::Allow;
use crate::telemetry::event::Event;
use crate::worker::authenticator::Authenticator;
use crate::worker::sessions::RefreshPolicy;

impl Authenticator {
    /// Answers the path that takes a kept form.
    pub(super) fn form(&mut self, ctx: &RequestContext<'_>, env: &mut HostEnv<'_>) -> Outcome {
        if ctx.request.method() != "POST" {
            return self.show_if_signed_in(kept_form::landing, ctx, env);
        }
        if let Some(length) = kept_form::length_to_open(ctx) {
            let read = Decision::Read { length, otherwise: kept_form::unreadable(ctx) };
            return Outcome::new(read, AccessDecision::OwnPath);
        }
        let mut log = Vec::new();
        let response = kept_form::refusal(ctx, "not_from_here", &mut log);
        self.respond(response, log)
    }

    /// Responds to a request after [`Decision::Read`]. `None` if its body is of no use.
    pub fn handle_body(
        &mut self,
        stream: StreamId,
        request: Request<'_>,
        body: &[u8],
        env: &mut HostEnv<'_>,
    ) -> Option<Response> {
        let config = Arc::clone(&self.config);
        let host = of_authority(request.text(":authority")?)?;
        let origin = Origin::of(request, config.public_url.as_ref())?;
        let path = RequestPath::parse(request.target()).ok()?;
        let attempt = Attempt { stream, since: env.now, impatient: true };
        let ctx = RequestContext::new(attempt, &config, request, (path, origin, &host), env.now);
        if OwnPath::of(&ctx) != Some(OwnPath::Form) {
            return kept_form::keep(&ctx, body, env.entropy);
        }
        let mut log = Vec::new();
        let response = match KeptForm::open(&ctx, body) {
            Some(form) => self.offer_form(&form, &ctx, env, &mut log),
            None => kept_form::refusal(&ctx, "unreadable", &mut log),
        };
        self.emit_all(log);
        Some(response)
    }

    fn offer_form(
        &mut self,
        form: &KeptForm,
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
        log: &mut Vec<Event>,
    ) -> Response {
        // This never waits for a refresh: people have just signed in.
        let (person, edits) =
            self.find_person(RefreshPolicy::Never, Allow::Everyone, ctx, env).unwrap_or_default();
        let session = ctx.session().map(|(_, session)| session);
        let signed_in = person.as_deref().filter(|person| !person.by_bearer_token).zip(session.as_ref());
        let cookies = self.sessions.response_cookies(edits, ctx.now, env.shared);
        form.offer(ctx, signed_in, log).with_cookies(cookies)
    }
}
