//! Deciding upon one request: which path, which rule, who it is, and what becomes of it.

use std::rc::Rc;

use crate::decision::{Account, Asked, Course, Decision, Judged, ResponseEdits, Surroundings};
use crate::flow::bearer::{Bearer, bearer_of, invalid_token};
use crate::flow::context::{Person, Visit, reference};
use crate::flow::own_path::OwnPath;
use crate::flow::refusal::{forbidden, malformed, unavailable};
use crate::flow::{forward, sign_in};
use crate::http::Request;
use crate::http::client::{Client, is_preflight};
use crate::http::host::of_authority;
use crate::http::origin::Origin;
use crate::http::path::RequestPath;
use crate::rules::{Allow, Rule, Target, Verdict};
use crate::session::cookies_of;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::Frequent;
use crate::worker::authenticator::Authenticator;
use crate::worker::bearer_tokens::{Judgement, Presented};
use crate::worker::sessions::{Need, Resolution};

/// Who it is, if anybody; or what becomes of the request before that is known.
pub(super) type FoundPerson = Result<(Option<Rc<Person>>, ResponseEdits), Box<Decision>>;

impl Authenticator {
    pub(super) fn judge(&mut self, asked: Asked, request: &Request, around: &mut Surroundings<'_>) -> Judged {
        self.account = Account::of(Course::Refused);
        let decision = self.decide(asked, request, around);
        Judged { decision, account: self.account.clone() }
    }

    fn decide(&mut self, asked: Asked, request: &Request, around: &mut Surroundings<'_>) -> Decision {
        let config = Rc::clone(&self.config);
        let path = match RequestPath::parse(request.target()) {
            Ok(path) => path,
            Err(bad) => return self.refuse_malformed(request, bad.reason()),
        };
        let host = request.text(":authority").and_then(of_authority);
        let (Some(host), Some(origin)) = (host, Origin::of(request, config.public_url.as_ref())) else {
            return self.refuse_malformed(request, "authority_malformed");
        };
        let visit = Visit {
            asked,
            config: &config,
            request,
            path,
            cookies: cookies_of(request),
            host: &host,
            pools: config.pools.at(&host),
            origin,
            now: around.now,
        };
        match OwnPath::of(&visit) {
            Some(own) => {
                self.account.course = Course::OwnPath;
                self.handle_own_path(own, &visit, around)
            }
            None => self.apply_rules(&visit, around),
        }
    }

    fn refuse_malformed(&mut self, request: &Request, reason: &'static str) -> Decision {
        let reference = reference(request);
        let event = Event::new(Level::Info, "request.refused").with("reason", reason);
        self.tell(event.with("request_id", reference.as_str()));
        Decision::Respond(malformed(&self.config.pages, Client::of(request), &reference))
    }

    fn apply_rules(&mut self, visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Decision {
        let target = Target { path: &visit.path, method: visit.request.method(), host: visit.host };
        let ruling = visit.config.rules.find(&target);
        let allow = ruling.allow();
        self.account.rule = Some(ruling.rule().label());
        if allow != Allow::Nobody && visit.config.preflights_pass && is_preflight(visit.request) {
            return self.let_pass(visit, allow, None, ResponseEdits::default());
        }
        let found = match allow {
            Allow::Nobody => Ok((None, ResponseEdits::default())),
            _ => self.find_person(allow, visit, around),
        };
        let (person, response) = match found {
            Ok(found) => found,
            Err(decision) => return *decision,
        };
        self.account.person = person.as_ref().map(|person| Rc::clone(&person.names));
        let verdict = ruling.verdict(person.as_deref().map(Person::as_seen_by_rules));
        if matches!(verdict, Verdict::Pass)
            && let Some(rule) = ruling.shadow(person.as_deref().map(Person::as_seen_by_rules))
        {
            let whom = person.as_deref().map(|person| person.identity.subject.as_str());
            self.log_denial("authz.shadow_denied", &rule.label(), visit, whom);
        }
        match verdict {
            Verdict::Pass => self.let_pass(visit, allow, person.as_deref(), response),
            Verdict::SignIn(rule) => self.send_to_sign_in(rule, visit, around),
            Verdict::Forbidden(rule) => {
                self.account.rule = Some(rule.label());
                self.account.course = Course::Forbidden;
                // Where nobody is let in nobody is told who it is, but the log.
                let whom = match allow {
                    Allow::Nobody => visit.session().map(|(_, session)| session.identity.subject.clone()),
                    _ => person.as_deref().map(|person| person.identity.subject.clone()),
                };
                self.log_denial("authz.denied", &rule.label(), visit, whom.as_deref());
                let cookies = self.sessions.response_cookies(response, visit.now, around.shared);
                Decision::Respond(forbidden(visit, person.as_deref()).with_cookies(cookies))
            }
        }
    }

    fn send_to_sign_in(&mut self, rule: &Rule, visit: &Visit<'_>, around: &mut Surroundings<'_>) -> Decision {
        let mut log = Vec::new();
        let response = sign_in::challenge(visit, rule.unauthenticated, &rule.pools, around, &mut log);
        self.account.rule = Some(rule.label());
        self.account.course = match response.status {
            401 => Course::Unauthenticated,
            403 => Course::Forbidden,
            _ => Course::SignIn,
        };
        self.respond((response, log))
    }

    fn let_pass(
        &mut self,
        visit: &Visit<'_>,
        allow: Allow,
        person: Option<&Person>,
        response: ResponseEdits,
    ) -> Decision {
        self.tally.count_frequent(Frequent::AuthzAllowed);
        self.account.course = if allow <= Allow::Optional { Course::Public } else { Course::Forwarded };
        Decision::Forward(forward::edits(visit, person), response)
    }

    fn log_denial(&mut self, name: &'static str, rule: &str, visit: &Visit<'_>, subject: Option<&str>) {
        let event = Event::new(Level::Info, name).with("rule", rule).with("request_id", visit.reference());
        self.tell(match subject {
            Some(subject) => event.with("subject", subject),
            None => event,
        });
    }

    /// Who it is that sends a request, or what becomes of the request in their stead. A bearer token, where
    /// they are taken, alone decides; else it is the session.
    pub(super) fn find_person(
        &mut self,
        allow: Allow,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> FoundPerson {
        let nobody = || Ok((None, ResponseEdits::default()));
        let Some(settings) = &visit.config.bearer else {
            return self.find_session(allow, visit, around);
        };
        let token = match bearer_of(visit.request) {
            Bearer::Absent => return self.find_session(allow, visit, around),
            Bearer::Malformed if allow <= Allow::Optional => return nobody(),
            Bearer::Malformed => return Err(Box::new(self.refuse_token(visit, "malformed"))),
            Bearer::Token(token) => token,
        };
        let Self { bearers, keys, .. } = self;
        let presented = Presented { token, settings };
        match bearers.judge(visit, presented, keys, around) {
            Judgement::Good(person) => {
                self.tally.count_frequent(Frequent::BearerAccepted);
                Ok((Some(person), ResponseEdits::default()))
            }
            Judgement::Wait(pool) if allow != Allow::Everyone => {
                bearers.park(visit, pool, keys);
                Err(Box::new(Decision::Park))
            }
            _ if allow <= Allow::Optional => nobody(),
            Judgement::Bad(reason) => Err(Box::new(self.refuse_token(visit, reason))),
            Judgement::Wait(_) | Judgement::KeysMissing => {
                Err(Box::new(Decision::Respond(unavailable(visit))))
            }
        }
    }

    fn refuse_token(&mut self, visit: &Visit<'_>, reason: &'static str) -> Decision {
        self.account.course = Course::Unauthenticated;
        let (response, event) = invalid_token(visit, reason);
        self.respond((response, Some(event)))
    }

    fn find_session(
        &mut self,
        allow: Allow,
        visit: &Visit<'_>,
        around: &mut Surroundings<'_>,
    ) -> FoundPerson {
        let need = if allow == Allow::Everyone { Need::AsItIs } else { Need::Known };
        match self.sessions.resolve(visit, need, &mut self.calls, around) {
            Resolution::Go(person, response) => Ok((person, response)),
            Resolution::Wait(pool, session) => {
                self.sessions.park(visit, (pool, session));
                Err(Box::new(Decision::Park))
            }
            Resolution::Unavailable(cookies) => {
                Err(Box::new(Decision::Respond(unavailable(visit).with_cookies(cookies))))
            }
        }
    }
}
