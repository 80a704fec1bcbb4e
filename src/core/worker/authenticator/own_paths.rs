//! The filter's own paths: sign-in, sign-out, callback and "who am I?".

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::crypto::secret::hex;
use crate::decision::{AccessDecision, HostEnv, Outcome, StreamId};
use crate::flow::callback::{CallbackStart, CodeExchange, arrive, finished_before, refusal};
use crate::flow::context::RequestContext;
use crate::flow::failure::SignInFailure;
use crate::flow::other_host::{is_other_host, to_public_url};
use crate::flow::own_path::{OwnPath, method_not_allowed};
use crate::flow::sign_in::WantedSignIn;
use crate::flow::sign_out::SignOut;
use crate::flow::{me, resource_metadata, sign_in, sign_out};
use crate::http::Response;
use crate::http::client::wants_json;
use crate::rules::Allow;
use crate::telemetry::event::Event;
use crate::worker::authenticator::Authenticator;
use crate::worker::callouts::CalloutPurpose;
use crate::worker::sessions::RefreshPolicy;

/// How many sign-ins one worker redeems at a time. Further people are asked to try again, so that a token endpoint
/// that hangs can't fill the memory.
const MAX_EXCHANGES: usize = 256;
/// How many requests may wait for one sign-in: the first, and a few reloads.
const MAX_RELOADS: usize = 8;

impl Authenticator {
    pub(super) fn handle_own_path(
        &mut self,
        own: OwnPath,
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
    ) -> Outcome {
        if !own.methods().contains(&ctx.request.method()) {
            return Outcome::own_path(method_not_allowed(own.methods()));
        }
        match own {
            OwnPath::SignIn => {
                let mut log = Vec::new();
                let response = sign_in::start(ctx, env, &mut log);
                self.respond(response, log)
            }
            OwnPath::ResourceMetadata => Outcome::own_path(resource_metadata::answer(ctx)),
            OwnPath::SignedOut => Outcome::own_path(sign_out::signed_out(ctx)),
            OwnPath::SignOut => self.sign_out(ctx, env),
            OwnPath::Me => self.me(ctx, env),
            OwnPath::Callback => self.handle_callback(ctx, env),
        }
    }

    fn respond(&mut self, response: Response, events: impl IntoIterator<Item = Event>) -> Outcome {
        self.emit_all(events);
        Outcome::own_path(response)
    }

    fn me(&mut self, ctx: &RequestContext<'_>, env: &mut HostEnv<'_>) -> Outcome {
        match self.find_person(RefreshPolicy::Allowed, Allow::SignedIn, ctx, env) {
            Ok((Some(person), response)) => {
                let cookies = self.sessions.response_cookies(response, ctx.now, env.shared);
                let response = me::me(ctx, &person).with_cookies(cookies);
                Outcome::own_path(response).for_person(Some(Arc::clone(&person.names)))
            }
            Ok((None, edits)) => {
                let mut log = Vec::new();
                let response = if wants_json(ctx.request) {
                    sign_in::unauthenticated(ctx)
                } else {
                    sign_in::challenge(ctx, &WantedSignIn::ANY, env, &mut log)
                };
                self.respond(response.with_cookies(edits.cookies), log)
            }
            Err(mut outcome) => {
                if outcome.access.decision == AccessDecision::Refused {
                    outcome.access.decision = AccessDecision::OwnPath;
                }
                *outcome
            }
        }
    }

    fn sign_out(&mut self, ctx: &RequestContext<'_>, env: &HostEnv<'_>) -> Outcome {
        let mut log = Vec::new();
        let (response, event) = match sign_out::sign_out(ctx) {
            SignOut::Refused(response, event) => (response, event),
            SignOut::Obeyed(response, revoke, mut event) => {
                // If only `public_url` has the session, its cookies must be deleted there.
                if ctx.client().shows_pages() {
                    if let Some(sent) = to_public_url(ctx, env, &mut log) {
                        return self.respond(sent, log);
                    }
                } else if is_other_host(ctx) {
                    return Outcome::own_path(sign_out::at_public_url(ctx));
                }
                // A session is revoked once, however often its cookie is sent. If too many calls are queued or in
                // progress, the token stays valid at Cognito, but the person is signed out here.
                let of_pool = |pool: &Arc<Pool>| ctx.store(pool).session_ids(&ctx.cookies);
                let ended: Vec<_> = ctx.pools.iter().flat_map(of_pool).collect();
                let mut is_new = false;
                for (id, since) in ended {
                    event = event.with("session", hex(&id));
                    let session = (id, since.unwrap_or(ctx.now));
                    let Self { denials, telemetry, .. } = self;
                    is_new |= denials.sign_out(session, ctx.config, ctx.now, env.shared, telemetry);
                    // Only after it is denied: a refresh begins when it isn't.
                    self.sessions.end(id, ctx.now, env.shared);
                }
                if is_new {
                    for callout in revoke {
                        self.calls.push(CalloutPurpose::Revoke, callout);
                    }
                }
                (response, event)
            }
        };
        self.respond(response, [event])
    }

    fn handle_callback(&mut self, ctx: &RequestContext<'_>, env: &mut HostEnv<'_>) -> Outcome {
        let (mut exchange, callout) = match arrive(ctx, env.entropy) {
            CallbackStart::Done(response, event) => return self.respond(response, event),
            CallbackStart::Redeem(exchange, callout) => (exchange, callout),
        };
        let busy = |authenticator: &mut Self| {
            let (response, event) = refusal(ctx, &SignInFailure::Busy);
            authenticator.respond(response, event)
        };
        match self.join_under_way(&exchange, ctx.attempt.stream) {
            // A reload while the first request still waits: both get the same response.
            Some(true) => return Outcome::park(),
            Some(false) => return busy(self),
            None => {}
        }
        if self.exchanges().count() >= MAX_EXCHANGES {
            return busy(self);
        }
        if !self.spent.first_use(exchange.id(), env.now, env.shared) {
            let (response, event) = finished_before(ctx);
            return self.respond(response, event);
        }
        exchange.streams.push(ctx.attempt.stream);
        if !self.calls.push(CalloutPurpose::SignIn(exchange), callout) {
            return busy(self);
        }
        Outcome::park()
    }

    /// Makes a stream wait for the code exchange that another stream has started. `None` if there is none, `false` if
    /// too many streams wait.
    fn join_under_way(&mut self, exchange: &CodeExchange, stream: StreamId) -> Option<bool> {
        let under_way = self.exchanges().find(|other| other.id() == exchange.id())?;
        let has_room = under_way.streams.len() < MAX_RELOADS;
        if has_room {
            under_way.streams.push(stream);
        }
        Some(has_room)
    }

    pub(super) fn exchanges(&mut self) -> impl Iterator<Item = &mut CodeExchange> {
        self.calls.exchanges().chain(&mut self.awaiting_keys)
    }
}
