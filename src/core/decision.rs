//! Decisions about requests, and what deciding needs of the host.

use std::borrow::Cow;
use std::sync::Arc;

use crate::crypto::secret::Entropy;
use crate::http::{Request, RequestEdits, Response};
use crate::oidc::jwt::VerifyRs256;
use crate::session::{Session, SessionId};
use crate::shared::store::SharedData;
use crate::time::UnixTime;

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It is forwarded upstream with these changes. The second value changes the answer on its way back.
    Forward(RequestEdits, ResponseEdits),
    /// The filter answers it.
    Respond(Response),
    /// It waits. [`Authenticator::poll_decision`](crate::worker::authenticator::Authenticator::poll_decision) gives the
    /// decision later.
    Park,
}

/// A decision with its entry for the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// The decision.
    pub decision: Decision,
    /// For the access log. Without meaning while the request waits.
    pub access: AccessRecord,
}

impl Outcome {
    /// A decision that no rule and no identity had a part in.
    pub const fn new(decision: Decision, access: AccessDecision) -> Self {
        Self { decision, access: AccessRecord::of(access) }
    }

    /// The request waits.
    pub const fn park() -> Self {
        Self::new(Decision::Park, AccessDecision::Refused)
    }

    /// The filter answers the request, which is for one of its own paths.
    pub const fn own_path(response: Response) -> Self {
        Self::new(Decision::Respond(response), AccessDecision::OwnPath)
    }

    /// The request can't be decided about: it is malformed, or Cognito can't be reached.
    pub const fn refused(response: Response) -> Self {
        Self::new(Decision::Respond(response), AccessDecision::Refused)
    }

    /// The same, with the name of the rule that decided.
    pub fn by_rule(mut self, rule: Cow<'static, str>) -> Self {
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
    pub rule: Option<Cow<'static, str>>,
    /// Who sent it, if that is known.
    pub person: Option<Arc<AccessUser>>,
}

impl AccessRecord {
    /// A record without a rule and a person.
    pub const fn of(decision: AccessDecision) -> Self {
        Self { decision, rule: None, person: None }
    }
}

/// What was decided about a request, in the words of the access log (`%FILTER_STATE(wasm.envoy_cognito.decision:PLAIN)%`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessDecision {
    /// It went upstream, past a rule that asks who is there.
    Forwarded,
    /// It went upstream, past a rule that lets everybody in.
    Public,
    /// It was sent to sign in.
    SignIn,
    /// It was told that it isn't signed in, or that its token is no good.
    Unauthenticated,
    /// It may not.
    Forbidden,
    /// It asked for a path of the filter's own.
    OwnPath,
    /// It could not be decided upon: it is malformed, or Cognito can't be reached.
    Refused,
}

impl AccessDecision {
    /// As the access log has it.
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

/// What a person is called in the access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessUser {
    /// `cognito:username`; empty where it is unknown.
    pub user: String,
    /// `sub`.
    pub subject: String,
    /// The roles, as `x-auth-roles` has them.
    pub roles: String,
}

/// How the upstream's answer is changed on its way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// `Set-Cookie` values that ride on it.
    pub cookies: Vec<String>,
    /// A refresh that is under way: if it is done by then, its cookies ride on the answer.
    pub watch: Option<RefreshId>,
}

impl ResponseEdits {
    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.watch.is_none()
    }
}

/// The refresh of a session's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshId {
    /// The session.
    pub session: SessionId,
    /// When the tokens were had that are being replaced.
    pub of: UnixTime,
}

impl RefreshId {
    /// The refresh that a session's tokens need next.
    pub const fn of(session: &Session) -> Self {
        Self { session: session.id, of: session.renewed_at }
    }
}

/// One request on its way through Envoy. Numbers are the host's and are never used twice at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// One go at deciding upon a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its stream.
    pub stream: StreamId,
    /// Since when it has waited.
    pub since: UnixTime,
    /// Whether that is long enough.
    pub impatient: bool,
}

/// A parked request that is to be decided upon again.
pub type Retry = (Attempt, Request);

/// What the host lends the core for one call: the time as a value, the rest by reference.
pub struct HostEnv<'a> {
    /// Now.
    pub now: UnixTime,
    /// Randomness.
    pub entropy: &'a mut dyn Entropy,
    /// RS256, natively where the host can.
    pub rs256: &'a dyn VerifyRs256,
    /// What the workers know together.
    pub shared: &'a dyn SharedData,
}
