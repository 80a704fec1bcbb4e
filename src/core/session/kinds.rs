//! Partitioned and unpartitioned cookies: a browser may hold one of each with the same name, and sends both.
//!
//! A request doesn't show which is which, so the kind is part of a cookie's binding. Both kinds can always be
//! decrypted, so sessions survive a change of `session.cookie.partitioned`. Cookies of the other kind are deleted as
//! that kind, because a deletion only affects its own kind.

use crate::crypto::seal::Binding;
use crate::http::cookie::Cookies;
use crate::session::parts::joined_parts;
use crate::session::store::{Tokens, decode};
use crate::session::{CookieStore, MAX_COPIES};

impl CookieStore<'_> {
    /// Whether cookies are set partitioned.
    pub(super) const fn own_kind(&self) -> bool {
        self.pool.cookies.attributes.partitioned
    }

    /// The binding of a cookie of this name and kind.
    pub(super) fn binding_of(&self, name: &str, partitioned: bool) -> Binding {
        of_cookie(&self.binding, name, partitioned)
    }

    /// Decrypts a value of that kind.
    #[inline(never)]
    pub(super) fn unseal(&self, partitioned: bool, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        [Some(&self.binding), self.former_binding.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|pool| self.config.keyring.open(&of_cookie(pool, name, partitioned), sealed))
    }

    /// The tokens in a request's cookies. Those of the configured kind come first, because they are newer. Stops at
    /// the first tokens for which `is_enough` is true.
    pub(super) fn tokens(&self, cookies: &Cookies<'_>, is_enough: &dyn Fn(&Tokens) -> bool) -> Vec<Tokens> {
        let (name, own) = (&self.pool.cookies.tokens, self.own_kind());
        let (sealed, mut found) = (sealed_values(cookies, name), Vec::new());
        for kind in [own, !own] {
            for sealed in &sealed {
                let Some(tokens) = self.unseal(kind, name, sealed).and_then(|bytes| decode::<Tokens>(&bytes))
                else {
                    continue;
                };
                let is_enough = is_enough(&tokens);
                found.push(tokens);
                if is_enough {
                    return found;
                }
            }
        }
        found
    }

    /// The `Set-Cookie` values that delete a request's cookies of the other kind. They must come before those that
    /// set a cookie of the same name, for clients that don't support partitioned cookies.
    pub fn leftovers(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let names = &self.pool.cookies;
        let mut left: Vec<String> = Vec::new();
        let is_left =
            |name: &str| sealed_values(cookies, name).iter().any(|sealed| self.is_other_kind(name, sealed));
        if is_left(&names.identity) || is_left(&names.tokens) {
            left.push(names.identity.clone());
            left.extend(names.token_parts(cookies));
        }
        for id in names.flow_ids(cookies).iter().filter(|id| is_left(&names.flow_name(id))) {
            left.extend(names.flow_parts(cookies, id));
        }
        left.iter().map(|name| names.delete_other_kind(name)).collect()
    }

    fn is_other_kind(&self, name: &str, sealed: &[u8]) -> bool {
        self.unseal(!self.own_kind(), name, sealed).is_some()
    }
}

/// The binding of a pool's cookie of this name and kind.
fn of_cookie(pool: &Binding, name: &str, partitioned: bool) -> Binding {
    if partitioned { pool.and(&[name.as_bytes(), b"partitioned"]) } else { pool.and(&[name.as_bytes()]) }
}

/// The values of all cookies of this name, with parts joined.
pub(super) fn sealed_values(cookies: &Cookies<'_>, name: &str) -> Vec<Vec<u8>> {
    let mut sealed: Vec<Vec<u8>> = cookies.values(name).take(MAX_COPIES).map(<[u8]>::to_vec).collect();
    for copy in 0..cookies.values(&format!("{name}.1")).take(MAX_COPIES).count() {
        sealed.extend(joined_parts(cookies, name, copy));
    }
    sealed
}
