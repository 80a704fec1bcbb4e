//! What is to become of a request, and what deciding needs of the host.

use crate::http::{RequestEdits, Response};
use crate::oidc::jwt::VerifyRs256;
use crate::secret::Entropy;
use crate::shared::SharedData;
use crate::time::UnixTime;

/// What is to become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It goes upstream, changed like this.
    Forward(RequestEdits),
    /// It is answered here.
    Respond(Response),
    /// It waits. A later decision for the same stream comes from
    /// [`Authenticator::poll_decision`](crate::authenticator::Authenticator::poll_decision).
    Park,
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
