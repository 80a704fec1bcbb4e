//! Who is signed in to the hosted pages, by the `cognito` cookie.
//!
//! A session lasts one hour from the last time a password was typed, whatever happens in between.

use std::collections::HashMap;

use super::now;
use crate::random;

pub const SECONDS: u64 = 3600;

#[derive(Default)]
pub struct Sessions(HashMap<String, Session>);

#[derive(Clone)]
pub struct Session {
    pub pool_id: String,
    pub username: String,
    /// When the password was typed.
    pub auth_time: u64,
    pub strength: Strength,
}

/// How somebody signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    #[default]
    Password,
    /// With a one-time code besides.
    Totp,
}

impl Strength {
    /// The claim `acr`.
    pub fn acr(self) -> &'static str {
        match self {
            Self::Password => "urn:cognito:loa:1",
            Self::Totp => "urn:cognito:loa:4",
        }
    }

    /// The claim `amr`.
    pub fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            Self::Totp => &["pwd", "otp", "mfa"],
        }
    }
}

impl Sessions {
    /// The value of the cookie.
    pub fn open(&mut self, session: Session) -> String {
        self.0.retain(|_, old| old.is_live());
        let cookie = random::base64url(256);
        self.0.insert(cookie.clone(), session);
        cookie
    }

    pub fn get(&self, cookie: &str) -> Option<&Session> {
        self.0.get(cookie).filter(|session| session.is_live())
    }

    pub fn close(&mut self, cookie: &str) {
        self.0.remove(cookie);
    }
}

impl Session {
    fn is_live(&self) -> bool {
        now() < self.auth_time + SECONDS
    }
}
