//! Faults on demand: errors that a client of Cognito must survive, and attacks that it must detect.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// Where calls are recorded and faults apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    Authorize,
    Login,
    Token,
    UserInfo,
    Revoke,
    Logout,
    Jwks,
    GetUser,
}

/// How often a fault applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    Next(u32),
    Always,
}

/// What goes wrong. One that makes no sense at an endpoint, such as a bad nonce at the key set, does nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "fault", content = "value", rename_all = "snake_case")]
pub enum Fault {
    // Faults of the HTTP response, at any endpoint. All but `Slow` and `Held` respond without executing the call.
    /// The call takes effect at once; its answer comes late. As JSON: milliseconds.
    #[serde(deserialize_with = "milliseconds", serialize_with = "as_milliseconds")]
    Slow(Duration),
    /// The call takes effect at once; its answer comes when the faults of its client are cleared.
    Held,
    /// 429 and 400 as AWS throttles; any other with a page, as a firewall or a load balancer answers.
    Status(u16),
    /// A page with status 200.
    Html,
    Empty,
    /// A JSON array.
    NotAnObject,
    /// Closes the connection before all the announced bytes are sent.
    Truncated,
    /// 302 to this location. At `Authorize`, it can stand for any answer of an identity provider.
    Redirect(String),
    Body {
        status: u16,
        content_type: String,
        body: String,
    },
    /// 50 MB.
    Huge,
    /// Resets the connection instead of answering.
    Reset,
    /// 400 with this `error`.
    OAuthError(String),

    // Faults of a successful JSON response, at any endpoint.
    /// Replaces fields; a null stays null.
    Members(Map<String, Value>),

    // Faults of the ID token in a successful response of the token endpoint.
    WrongNonce,
    NoNonce,
    WrongAudience,
    WrongIssuer,
    Expired,
    IssuedInFuture,
    NoExp,
    NoIat,
    NoSubject,
    OtherSubject,
    AlgNone,
    /// Signed with HMAC, the PEM of the public key being the secret.
    Hs256WithPublicKey,
    BadSignature,
    /// Verifies: the key of the access tokens is in the key set too.
    SignedWithAccessKey,
    /// Signed with a key that isn't in the key set.
    UnknownKid,
    WrongTokenUse,
    WrongAtHash,
    /// About 64 kB of token: 2000 groups and a large claim.
    HugeToken,
    NoIdToken,
    /// Merged into the claims; a null removes one.
    Claims(Map<String, Value>),
    /// Further members, written as no JSON library writes them: `"name":"\ud800"`. They come last, so they
    /// override earlier members of the same name.
    WrittenClaims(String),

    // Faults of the key set.
    EmptyKeys,
    /// The right keys, and one before them whose modulus isn't base64.
    OneBrokenKey,
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn as_milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The pending faults, oldest first.
#[derive(Default)]
pub struct Faults {
    planned: Vec<Planned>,
    /// How often the faults of each client were cleared.
    cleared: BTreeMap<String, u64>,
    /// How often all of them were.
    all_cleared: u64,
}

struct Planned {
    endpoint: Endpoint,
    who: String,
    fault: Fault,
    times: Times,
}

impl Faults {
    /// Queues behind the others of the same endpoint and client, but replaces one that would last forever.
    pub fn plan(&mut self, endpoint: Endpoint, who: &str, fault: Fault, times: Times) {
        self.planned.retain(|old| !(old.concerns(endpoint, who) && old.times == Times::Always));
        if times != Times::Next(0) {
            self.planned.push(Planned { endpoint, who: who.into(), fault, times });
        }
    }

    pub fn clear(&mut self, who: &str) {
        *self.cleared.entry(who.into()).or_default() += 1;
        self.planned.retain(|planned| planned.who != who);
    }

    pub fn clear_all(&mut self) {
        self.all_cleared += 1;
        self.planned.clear();
    }

    /// As JSON plans them.
    pub fn listed(&self) -> Vec<Value> {
        self.planned.iter().map(Planned::listed).collect()
    }

    /// Changes when the faults of a client are cleared.
    pub fn cleared(&self, who: &str) -> u64 {
        self.all_cleared + self.cleared.get(who).copied().unwrap_or_default()
    }

    pub fn strike(&mut self, endpoint: Endpoint, who: &str) -> Option<Fault> {
        let index = self.planned.iter().position(|planned| planned.concerns(endpoint, who))?;
        match &mut self.planned[index].times {
            Times::Next(1) => Some(self.planned.remove(index).fault),
            Times::Next(left) => {
                *left -= 1;
                Some(self.planned[index].fault.clone())
            }
            Times::Always => Some(self.planned[index].fault.clone()),
        }
    }
}

impl Planned {
    fn listed(&self) -> Value {
        let mut listed = json!(self.fault);
        listed["endpoint"] = json!(self.endpoint);
        listed["who"] = self.who.as_str().into();
        listed["times"] = match self.times {
            Times::Next(times) => times.into(),
            Times::Always => "always".into(),
        };
        listed
    }

    fn concerns(&self, endpoint: Endpoint, who: &str) -> bool {
        self.endpoint == endpoint && self.who == who
    }
}
