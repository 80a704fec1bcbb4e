//! Decisions about requests, and what the core needs from the host to make them.

use std::sync::Arc;

use crate::crypto::secret::Entropy;
use crate::http::{OwnedRequest, RequestEdits, Response};
use crate::oidc::jwt::VerifyRs256;
use crate::rules::Label;
use crate::session::{Session, SessionId};
use crate::shared::store::SharedData;
use crate::time::UnixTime;

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// The request goes upstream with these changes. The second value changes the response.
    Forward(RequestEdits, ResponseEdits),
    /// The filter responds itself.
    Respond(Response),
    /// The filter responds after it has read the request's body: see
    /// [`Authenticator::handle_body`](crate::worker::authenticator::Authenticator::handle_body).
    Read {
        /// The length of the body in bytes, by its `content-length`.
        length: usize,
        /// The response if the body can't be read.
        otherwise: Response,
    },
    /// The request waits.
    /// [`Authenticator::poll_decision`](crate::worker::authenticator::Authenticator::poll_decision) returns the
    /// decision later.
    Park,
}

/// A decision with its entry for the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// The decision.
    pub decision: Decision,
    /// The entry for the access log. It has no meaning while the request waits.
    pub access: AccessRecord,
    /// Whether the stream may have to be closed later, because it can last longer than the session behind it.
    pub may_be_closed: bool,
}

impl Outcome {
    /// A decision that depended on no rule and no identity.
    pub const fn new(decision: Decision, access: AccessDecision) -> Self {
        Self { decision, access: AccessRecord::of(access), may_be_closed: false }
    }

    /// The request waits.
    pub const fn park() -> Self {
        Self::new(Decision::Park, AccessDecision::Refused)
    }

    /// The filter responds to a request for one of its own paths.
    pub const fn own_path(response: Response) -> Self {
        Self::new(Decision::Respond(response), AccessDecision::OwnPath)
    }

    /// The request can't be authorized: it is malformed, or Cognito can't be reached.
    pub const fn refused(response: Response) -> Self {
        Self::new(Decision::Respond(response), AccessDecision::Refused)
    }

    /// The same, with the name of the rule that decided.
    pub fn by_rule(mut self, rule: Label) -> Self {
        self.access.rule = Some(rule);
        self
    }

    /// The same, with the person who sent the request.
    pub fn for_person(mut self, person: Option<Arc<AccessUser>>) -> Self {
        self.access.person = person;
        self
    }
}

/// A request's entry in the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRecord {
    /// What was decided.
    pub decision: AccessDecision,
    /// The name or number of the rule that decided, if one did.
    pub rule: Option<Label>,
    /// The person who sent it, if known.
    pub person: Option<Arc<AccessUser>>,
}

impl AccessRecord {
    /// A record without a rule or person.
    pub const fn of(decision: AccessDecision) -> Self {
        Self { decision, rule: None, person: None }
    }

    /// The fields, by their keys in Envoy's filter state. What is unknown or empty has none.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let person = self.person.as_deref();
        let not_empty = |text: &&str| !text.is_empty();
        let fields = [
            ("wasm.envoy_cognito.decision", Some(self.decision.name())),
            ("wasm.envoy_cognito.rule", self.rule.as_deref()),
            ("wasm.envoy_cognito.user", person.map(|person| person.user.as_str()).filter(not_empty)),
            ("wasm.envoy_cognito.subject", person.map(|person| person.subject.as_str())),
            ("wasm.envoy_cognito.session", person.map(|person| person.session.as_str()).filter(not_empty)),
            ("wasm.envoy_cognito.roles", person.map(|person| person.roles.as_str()).filter(not_empty)),
        ];
        fields.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }
}

/// The decision about a request, as named in the access log (`%FILTER_STATE(wasm.envoy_cognito.decision:PLAIN)%`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDecision {
    /// It went upstream; the rule requires a person or a role.
    Forwarded,
    /// It went upstream; the rule allows everyone.
    Public,
    /// It was sent to sign in.
    SignIn,
    /// It was rejected with 401: not signed in, or the token is invalid.
    Unauthenticated,
    /// It was rejected with 403.
    Forbidden,
    /// It was for one of the filter's own paths.
    OwnPath,
    /// It could not be authorized: it is malformed, or Cognito can't be reached.
    Refused,
}

impl AccessDecision {
    /// The name in the access log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Public => "public",
            Self::SignIn => "sign_in",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::OwnPath => "own_path",
            Self::Refused => "refused",
        }
    }
}

/// The names of a person in the access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessUser {
    /// `cognito:username`; empty if unknown.
    pub user: String,
    /// `sub`.
    pub subject: String,
    /// The roles, as in the header `x-auth-roles`.
    pub roles: String,
    /// The session's id in hexadecimal; empty for a bearer token. It is no secret: nobody can seal a cookie with it.
    pub session: String,
}

/// Changes to the upstream's response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// `Set-Cookie` values to add.
    pub cookies: Vec<String>,
    /// A refresh in progress: if it is done when the response arrives, its cookies are added too.
    pub watch: Option<RefreshId>,
}

impl ResponseEdits {
    /// Whether there is nothing to change.
    pub const fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.watch.is_none()
    }
}

/// The refresh of a session's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshId {
    /// The session.
    pub session: SessionId,
    /// When the tokens that are being replaced were issued.
    pub of: UnixTime,
}

impl RefreshId {
    /// The next refresh of a session's tokens.
    pub const fn of(session: &Session) -> Self {
        Self { session: session.id, of: session.renewed_at }
    }
}

/// One request in Envoy. The host assigns the numbers; no two streams have the same number at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// One attempt to decide about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its stream.
    pub stream: StreamId,
    /// When it started to wait.
    pub since: UnixTime,
    /// Whether it has waited long enough.
    pub impatient: bool,
}

/// A parked request that must be decided again.
pub type Retry = (Attempt, OwnedRequest);

/// What the host provides for one call of the core: the time as a value, the rest by reference.
pub struct HostEnv<'a> {
    /// The current time.
    pub now: UnixTime,
    /// The random generator.
    pub entropy: &'a mut dyn Entropy,
    /// The verifier of RS256 signatures; native if the host has one.
    pub rs256: &'a dyn VerifyRs256,
    /// The data that all workers share.
    pub shared: &'a dyn SharedData,
}
