//! The filter's own paths: sign-in, sign-out, callback and "who am I?".

use std::sync::Arc;

use crate::decision::{Decision, HostEnv, StreamId};
use crate::flow::callback::{CallbackStart, CodeExchange, arrive, finished_before, refusal};
use crate::flow::context::RequestContext;
use crate::flow::failure::SignInFailure;
use crate::flow::other_host::{is_other_host, to_public_url};
use crate::flow::own_path::{OwnPath, method_not_allowed};
use crate::flow::sign_out::SignOut;
use crate::flow::{me, sign_in, sign_out};
use crate::http::client::wants_json;
use crate::rules::{Allow, Unauthenticated};
use crate::worker::authenticator::Authenticator;
use crate::worker::callouts::CalloutPurpose;

/// Sign-ins that one worker redeems at a time. Beyond it people are asked to try again, so that a
/// token endpoint that hangs fills no memory.
const MAX_EXCHANGES: usize = 256;
/// Requests that wait for one sign-in: the first, and a few impatient reloads.
const MAX_RELOADS: usize = 8;

impl Authenticator {
    pub(super) fn handle_own_path(
        &mut self,
        own: OwnPath,
        ctx: &RequestContext<'_>,
        env: &mut HostEnv<'_>,
    ) -> Decision {
        let allowed = own.methods();
        if !allowed.split(", ").any(|method| method == ctx.request.method()) {
            return Decision::Respond(method_not_allowed(allowed));
        }
        match own {
            OwnPath::SignIn => {
                let mut log = Vec::new();
                let response = sign_in::start(ctx, env, &mut log);
                self.respond((response, log))
            }
            OwnPath::SignedOut => Decision::Respond(sign_out::signed_out(ctx)),
            OwnPath::SignOut => self.sign_out(ctx, env),
            OwnPath::Me => self.me(ctx, env),
            OwnPath::Callback => self.handle_callback(ctx, env),
        }
    }

    fn me(&mut self, ctx: &RequestContext<'_>, env: &mut HostEnv<'_>) -> Decision {
        match self.find_person(Allow::SignedIn, ctx, env) {
            Ok((Some(person), response)) => {
                self.access.person = Some(Arc::clone(&person.names));
                let cookies = self.sessions.response_cookies(response, ctx.now, env.shared);
                Decision::Respond(me::me(ctx, &person).with_cookies(cookies))
            }
            Ok((None, _)) if wants_json(ctx.request) => Decision::Respond(sign_in::unauthenticated(ctx)),
            Ok((None, _)) => {
                let mut log = Vec::new();
                let response = sign_in::challenge(ctx, Unauthenticated::Auto, &[], env, &mut log);
                self.respond((response, log))
            }
            Err(decision) => *decision,
        }
    }

    fn sign_out(&mut self, ctx: &RequestContext<'_>, env: &HostEnv<'_>) -> Decision {
        let mut log = Vec::new();
        let (response, event) = match sign_out::sign_out(ctx) {
            SignOut::Refused(response, event) => (response, event),
            SignOut::Obeyed(response, revoke, event) => {
                // Where the session is at `public_url` alone, so are the cookies to be cleared.
                if ctx.client().shows_pages() {
                    if let Some(sent) = to_public_url(ctx, env, &mut log) {
                        return self.respond((sent, log));
                    }
                } else if is_other_host(ctx) {
                    return Decision::Respond(sign_out::at_public_url(ctx));
                }
                // A session is revoked once, however often its cookie is shown here. Where too much is under
                // way, the token lives on at Cognito; the person is out here.
                if self.sessions.end(ctx, env.shared) {
                    for callout in revoke {
                        self.calls.push(CalloutPurpose::Revoke, callout);
                    }
                }
                (response, event)
            }
        };
        self.respond((response, Some(event)))
    }

    fn handle_callback(&mut self, ctx: &RequestContext<'_>, env: &mut HostEnv<'_>) -> Decision {
        let (mut exchange, callout) = match arrive(ctx, env.entropy) {
            CallbackStart::Done(response, event) => return self.respond((response, event)),
            CallbackStart::Redeem(exchange, callout) => (exchange, callout),
        };
        match self.join_under_way(&exchange, ctx.attempt.stream) {
            // A reload while the first request still waits: both get the one answer.
            Some(true) => return Decision::Park,
            Some(false) => return self.respond(refusal(ctx, &SignInFailure::Busy)),
            None => {}
        }
        if self.exchanges().count() >= MAX_EXCHANGES {
            return self.respond(refusal(ctx, &SignInFailure::Busy));
        }
        if !self.spent.first_use(exchange.id(), env.now, env.shared) {
            return self.respond(finished_before(ctx));
        }
        exchange.streams.push(ctx.attempt.stream);
        if !self.calls.push(CalloutPurpose::SignIn(exchange), callout) {
            return self.respond(refusal(ctx, &SignInFailure::Busy));
        }
        Decision::Park
    }

    /// Has a stream wait for what another one of the same sign-in waits for. `None` where there is no other,
    /// `false` where too many wait.
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
