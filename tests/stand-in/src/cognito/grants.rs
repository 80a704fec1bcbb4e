//! Codes, and the families of tokens that come from them.
//!
//! A family contains all tokens that come from one code. It is revoked as a whole, and its refresh tokens never
//! outlive the time that was set when the code was exchanged.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{now, sessions::Strength};
use crate::{Client, random};

/// The lifetime of a code.
const CODE_SECONDS: u64 = 300;

#[derive(Default)]
pub struct Grants {
    codes: HashMap<String, Code>,
    /// By `origin_jti`.
    families: HashMap<String, Family>,
    refresh_tokens: HashMap<String, RefreshToken>,
    access_tokens: HashMap<String, AccessToken>,
}

/// Who signed in, to which client and for what.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub pool_id: String,
    pub client_id: String,
    pub username: String,
    pub scopes: Vec<String>,
    pub auth_time: u64,
    /// What the access tokens are bound to, as long as they are refreshed.
    pub resource: Option<String>,
    pub strength: Strength,
}

pub struct Code {
    pub sign_in: SignIn,
    pub redirect_uri: String,
    pub challenge: Option<String>,
    pub nonce: Option<String>,
    pub expires: u64,
}

#[derive(Clone, Debug)]
pub struct Family {
    pub origin_jti: String,
    pub event_id: String,
    pub sign_in: SignIn,
    expires: u64,
    revoked: bool,
}

struct RefreshToken {
    origin_jti: String,
    /// Set once rotation has replaced it.
    dies: Option<Instant>,
}

struct AccessToken {
    origin_jti: String,
    expires: u64,
}

/// What Cognito says about an access token that it once issued.
pub enum Standing<'a> {
    Good(&'a Family),
    Expired,
    Revoked,
    Unknown,
}

impl Grants {
    pub fn add_code(
        &mut self,
        sign_in: SignIn,
        redirect_uri: &str,
        challenge: Option<&str>,
        nonce: Option<&str>,
    ) -> String {
        let now = now();
        self.codes.retain(|_, code| now < code.expires);
        let value = random::uuid();
        let code = Code {
            sign_in,
            redirect_uri: redirect_uri.into(),
            challenge: challenge.map(String::from),
            nonce: nonce.map(String::from),
            expires: now + CODE_SECONDS,
        };
        self.codes.insert(value.clone(), code);
        value
    }

    /// Redeems a code; it can't be used again, even if the request then fails.
    pub fn take_code(&mut self, code: &str) -> Option<Code> {
        self.codes.remove(code).filter(|code| now() < code.expires)
    }

    /// A new family with its first refresh token.
    pub fn found(&mut self, sign_in: SignIn, client: &Client) -> (Family, String) {
        self.forget_the_expired();
        let family = Family {
            origin_jti: random::uuid(),
            event_id: random::uuid(),
            sign_in,
            expires: now() + client.refresh_token_seconds,
            revoked: false,
        };
        self.families.insert(family.origin_jti.clone(), family.clone());
        let token = self.add_refresh_token(&family.origin_jti, client);
        (family, token)
    }

    /// The family of a refresh token that this client may use now, and the token's successor if it rotates.
    pub fn refresh(&mut self, token: &str, client: &Client) -> Option<(Family, Option<String>)> {
        let held = self.refresh_tokens.get_mut(token)?;
        let family = self.families.get(&held.origin_jti)?.clone();
        let replaced = held.dies.is_some_and(|dies| Instant::now() >= dies);
        if replaced || family.revoked || now() >= family.expires || family.sign_in.client_id != client.id {
            return None;
        }
        let Some(rotation) = client.rotation else { return Some((family, None)) };
        held.dies.get_or_insert_with(|| Instant::now() + Duration::from_secs(rotation.grace_seconds));
        let successor = self.add_refresh_token(&family.origin_jti, client);
        Some((family, Some(successor)))
    }

    /// Ends the family of one of this client's refresh tokens. Any other token changes nothing.
    pub fn revoke(&mut self, token: &str, client: &Client) {
        let origin_jti = self.refresh_tokens.get(token).map(|held| &held.origin_jti);
        if let Some(family) = origin_jti.and_then(|jti| self.families.get_mut(jti))
            && family.sign_in.client_id == client.id
        {
            family.revoked = true;
        }
    }

    pub fn revoke_all(&mut self, pool_id: &str, username: &str) {
        for family in self.families.values_mut() {
            let sign_in = &family.sign_in;
            family.revoked |= sign_in.pool_id == pool_id && sign_in.username == username;
        }
    }

    pub fn add_access_token(&mut self, token: &str, family: &Family, expires: u64) {
        let held = AccessToken { origin_jti: family.origin_jti.clone(), expires };
        self.access_tokens.insert(token.into(), held);
    }

    pub fn standing(&self, access_token: &str) -> Standing<'_> {
        let Some(held) = self.access_tokens.get(access_token) else { return Standing::Unknown };
        match self.families.get(&held.origin_jti) {
            _ if now() >= held.expires => Standing::Expired,
            Some(family) if !family.revoked => Standing::Good(family),
            _ => Standing::Revoked,
        }
    }

    /// The client that an access token was issued to, valid or not.
    pub fn holder(&self, access_token: &str) -> Option<&str> {
        let held = self.access_tokens.get(access_token)?;
        self.families.get(&held.origin_jti).map(|family| family.sign_in.client_id.as_str())
    }

    fn add_refresh_token(&mut self, origin_jti: &str, client: &Client) -> String {
        let token = sealed(client.refresh_token_bytes);
        self.refresh_tokens.insert(token.clone(), RefreshToken { origin_jti: origin_jti.into(), dies: None });
        token
    }

    /// Keeps revoked families for a day, to give precise answers.
    fn forget_the_expired(&mut self) {
        let yesterday = now() - 24 * 3600;
        self.access_tokens.retain(|_, token| token.expires > yesterday);
        self.families.retain(|_, family| family.expires > yesterday);
        let families = &self.families;
        self.refresh_tokens.retain(|_, token| families.contains_key(&token.origin_jti));
    }
}

/// Looks like the encrypted, five-part JWT that Cognito issues, but contains nothing.
fn sealed(characters: usize) -> String {
    // {"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}
    let header = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ";
    let (key, iv, tag) = (random::base64url(342), random::base64url(16), random::base64url(22));
    let overhead = header.len() + key.len() + iv.len() + tag.len() + 4;
    let text = random::base64url(characters.saturating_sub(overhead).max(16));
    [header, &key, &iv, &text, &tag].join(".")
}
