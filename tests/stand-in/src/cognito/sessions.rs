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
