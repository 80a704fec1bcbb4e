//! The filter's own paths: sign-in, sign-out, callback and "who am I?".

use std::rc::Rc;

use crate::decision::{Decision, StreamId, Surroundings};
use crate::flow::callback::{Arrival, Exchange, arrive, finished_before, refusal};
use crate::flow::context::Visit;
use crate::flow::elsewhere::{is_elsewhere, to_public_url};
use crate::flow::failure::SignInFailure;
use crate::flow::own_path::{OwnPath, method_not_allowed};
use crate::flow::sign_out::SignOut;
use crate::flow::{me, sign_in, sign_out};
use crate::http::client::wants_json;
use crate::rules::{Allow, Unauthenticated};
use crate::worker::authenticator::Authenticator;
use crate::worker::callouts::Purpose;

/// Sign-ins that one worker redeems at a time. Beyond it people are asked to try again, so that a
/// token endpoint that hangs fills no memory.
const MAX_EXCHANGES: usize = 256;
/// Requests that wait for one sign-in: the first, and a few impatient reloads.
const MAX_RELOADS: usize = 8;

impl Authenticator {
    pub(super) fn handle_own_path(
        &mut self,
        own: OwnPath,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> Decision {
        let allowed = own.methods();
        if !allowed.split(", ").any(|method| method == visit.request.method()) {
            return Decision::Respond(method_not_allowed(allowed));
        }
        match own {
            OwnPath::SignIn => {
                let mut log = Vec::new();
                let response = sign_in::start(visit, around, &mut log);
                self.respond((response, log))
            }
            OwnPath::SignedOut => Decision::Respond(sign_out::signed_out(visit)),
            OwnPath::SignOut => self.sign_out(visit, around),
            OwnPath::Me => self.me(visit, around),
            OwnPath::Callback => self.handle_callback(visit, around),
        }
    }

    fn me(&mut self, visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Decision {
        match self.find_person(Allow::SignedIn, visit, around) {
            Ok((Some(person), response)) => {
                self.account.person = Some(Rc::clone(&person.names));
                let cookies = self.sessions.response_cookies(response, visit.now, around.shared);
                Decision::Respond(me::me(visit, &person).with_cookies(cookies))
            }
            Ok((None, _)) if wants_json(visit.request) => Decision::Respond(sign_in::unauthenticated(visit)),
            Ok((None, _)) => {
                let mut log = Vec::new();
                let response = sign_in::challenge(visit, Unauthenticated::Auto, &[], around, &mut log);
                self.respond((response, log))
            }
            Err(decision) => *decision,
        }
    }

    fn sign_out(&mut self, visit: &Visit<'_>, around: &Surroundings<'_>) -> Decision {
        let mut log = Vec::new();
        let (response, event) = match sign_out::sign_out(visit) {
            SignOut::Refused(response, event) => (response, event),
            SignOut::Obeyed(response, revoke, event) => {
                // Where the session is at `public_url` alone, so are the cookies to be cleared.
                if visit.client().shows_pages() {
                    if let Some(sent) = to_public_url(visit, around, &mut log) {
                        return self.respond((sent, log));
                    }
                } else if is_elsewhere(visit) {
                    return Decision::Respond(sign_out::elsewhere(visit));
                }
                // A session is revoked once, however often its cookie is shown here. Where too much is under
                // way, the token lives on at Cognito; the person is out here.
                if self.sessions.end(visit, around.shared) {
                    for callout in revoke {
                        self.calls.push(Purpose::Revoke, callout);
                    }
                }
                (response, event)
            }
        };
        self.respond((response, Some(event)))
    }

    fn handle_callback(&mut self, visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Decision {
        let (mut exchange, callout) = match arrive(visit, around.entropy) {
            Arrival::Done(response, event) => return self.respond((response, event)),
            Arrival::Redeem(exchange, callout) => (exchange, callout),
        };
        match self.join_under_way(&exchange, visit.asked.stream) {
            // A reload while the first request still waits: both get the one answer.
            Some(true) => return Decision::Park,
            Some(false) => return self.respond(refusal(visit, &SignInFailure::Busy)),
            None => {}
        }
        if self.exchanges().count() >= MAX_EXCHANGES {
            return self.respond(refusal(visit, &SignInFailure::Busy));
        }
        if !self.spent.spend(exchange.id(), around.now, around.shared) {
            return self.respond(finished_before(visit));
        }
        exchange.streams.push(visit.asked.stream);
        if !self.calls.push(Purpose::SignIn(exchange), callout) {
            return self.respond(refusal(visit, &SignInFailure::Busy));
        }
        Decision::Park
    }

    /// Has a stream wait for what another one of the same sign-in waits for. `None` where there is no other,
    /// `false` where too many wait.
    fn join_under_way(&mut self, exchange: &Exchange, stream: StreamId) -> Option<bool> {
        let under_way = self.exchanges().find(|other| other.id() == exchange.id())?;
        let has_room = under_way.streams.len() < MAX_RELOADS;
        if has_room {
            under_way.streams.push(stream);
        }
        Some(has_room)
    }

    pub(super) fn exchanges(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.calls.exchanges().chain(&mut self.awaiting_keys)
    }
}
