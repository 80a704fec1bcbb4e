//! What is to become of a request, and what deciding needs of the host.

use crate::http::{RequestEdits, Response};
use crate::oidc::jwt::VerifyRs256;
use crate::secret::Entropy;
use crate::session::{Session, SessionId};
use crate::shared::SharedData;
use crate::time::UnixTime;

/// What is to become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It goes upstream, changed like this; and so is the answer on its way back.
    Forward(RequestEdits, ResponseEdits),
    /// It is answered here.
    Respond(Response),
    /// It waits. A later decision for the same stream comes from
    /// [`Authenticator::poll_decision`](crate::authenticator::Authenticator::poll_decision).
    Park,
}

/// How the upstream's answer is changed on its way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// `Set-Cookie` values that ride on it.
    pub cookies: Vec<String>,
    /// A refresh that is under way: if it is done by then, its cookies ride on the answer.
    pub watch: Option<Watch>,
}

impl ResponseEdits {
    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.watch.is_none()
    }
}

/// The refresh of a session's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The session.
    pub session: SessionId,
    /// When the tokens were had that are being replaced.
    pub of: UnixTime,
}

impl Watch {
    /// The refresh that a session's tokens need next.
    pub const fn of(session: &Session) -> Self {
        Self { session: session.id, of: session.renewed_at }
    }
}

/// One request on its way through Envoy. Numbers are the host's and are never used twice at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// What the host lends the core for one call: the time as a value, the rest by reference.
pub struct Surroundings<'a> {
    /// Now.
    pub now: UnixTime,
    /// Randomness.
    pub entropy: &'a mut dyn Entropy,
    /// RS256, natively where the host can.
    pub rs256: &'a dyn VerifyRs256,
    /// What the workers know together.
    pub shared: &'a dyn SharedData,
}
