//! Pending sign-ins, which the browser keeps: each in one cookie, or in several if its address is long.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::cognito::identity::asked::{self, AskedFor};
use crate::crypto::seal::SealError;
use crate::crypto::secret::{Entropy, NoEntropy, Secret, hex, random_bytes};
use crate::http::cookie::Cookies;
use crate::session::CookieStore;
use crate::session::kinds::sealed_values;
use crate::time::UnixTime;

/// Identifies one of a browser's sign-ins: 64 random bits in hexadecimal. The first half of `state`, which is not
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowId(String);

impl FlowId {
    /// A random id.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(hex(&random_bytes::<8>(entropy)?)))
    }

    /// Parses an id.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 16 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The sixteen hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A pending sign-in, as stored in its flow cookie. Without `redirect_uri` it hasn't started: a page offers it, and
/// its address is too long for a link.
#[derive(Serialize, Deserialize)]
pub struct PendingSignIn {
    /// The second half of `state`, which is secret.
    pub secret: [u8; 16],
    /// The nonce that the ID token must carry.
    pub nonce: String,
    /// The PKCE code verifier.
    pub code_verifier: String,
    /// The `redirect_uri` of the authorization request; the token request must repeat it.
    pub redirect_uri: String,
    /// The address to return to.
    pub return_to: String,
    /// When it started.
    pub started_at: UnixTime,
    /// Whether `return_to` is shorter than the address that was requested.
    #[serde(skip)]
    pub is_shortened: bool,
    /// What the person was asked for lately, and at the end what this sign-in asks for. Empty if it asks for nothing.
    #[serde(skip)]
    pub asked: Vec<AskedFor>,
}

impl PendingSignIn {
    /// A pending sign-in that a page offers at `now`.
    pub const fn offered(now: UnixTime) -> Self {
        Self {
            secret: [0; 16],
            nonce: String::new(),
            code_verifier: String::new(),
            redirect_uri: String::new(),
            return_to: String::new(),
            started_at: now,
            is_shortened: false,
            asked: Vec::new(),
        }
    }

    /// How long a sign-in may take. Cognito's own pages expire after five minutes.
    pub const LIFETIME: Duration = Duration::from_secs(600);

    /// The `state` of this sign-in: the flow's id, which selects the cookie, and a secret that only this cookie
    /// contains.
    pub fn state(&self, id: &FlowId) -> Secret<String> {
        Secret::new(format!("{}.{}", id.as_str(), URL_SAFE_NO_PAD.encode(self.secret)))
    }

    /// Whether it hasn't started: nobody has been sent to Cognito yet, so no callback can belong to it.
    pub const fn is_only_offered(&self) -> bool {
        self.redirect_uri.is_empty()
    }

    /// Whether it can still be completed.
    pub fn is_alive(&self, now: UnixTime) -> bool {
        now < self.started_at.plus(Self::LIFETIME)
    }
}

/// The byte behind a pending sign-in whose address was shortened, or [`COMPLETE`] if it asks for something. Behind
/// this byte is what it asks for. Earlier versions wrote no such byte, and it is still left out if the address is
/// complete and nothing is asked for.
const SHORTENED: u8 = 1;
const COMPLETE: u8 = 0;

impl CookieStore<'_> {
    /// The sign-in of this id, if its cookies are complete. It may have expired.
    pub fn flow(&self, cookies: &Cookies<'_>, id: &FlowId) -> Option<PendingSignIn> {
        let name = self.pool.cookies.flow_name(id);
        sealed_values(cookies, &name).iter().find_map(|sealed| self.open_flow(&name, sealed))
    }

    fn open_flow(&self, name: &str, sealed: &[u8]) -> Option<PendingSignIn> {
        let bytes = self.open_bytes(name, sealed)?;
        let (flow, behind) = postcard::take_from_bytes::<PendingSignIn>(&bytes).ok()?;
        match behind {
            [] => Some(flow),
            [mark @ (SHORTENED | COMPLETE), behind @ ..] => {
                Some(PendingSignIn { is_shortened: *mark == SHORTENED, asked: asked::read(behind)?, ..flow })
            }
            _ => None,
        }
    }

    /// The `Set-Cookie` values that store a sign-in. `None` if its address is too long.
    ///
    /// # Errors
    /// If it can't be sealed.
    pub fn keep_flow(
        &self,
        id: &FlowId,
        flow: &PendingSignIn,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Vec<String>>, SealError> {
        let cookies = &self.pool.cookies;
        let name = cookies.flow_name(id);
        let mut bytes = postcard::to_allocvec(flow).map_err(|_| SealError::Encoding)?;
        if flow.is_shortened || !flow.asked.is_empty() {
            bytes.push(if flow.is_shortened { SHORTENED } else { COMPLETE });
            asked::write(&flow.asked, &mut bytes);
        }
        let sealed = self.seal_bytes(&name, &bytes, entropy)?;
        let max_age = PendingSignIn::LIFETIME.as_secs();
        Ok(self.in_cookies(&name, &sealed, max_age, cookies.flow_same_site()))
    }
}
