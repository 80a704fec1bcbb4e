//! The names of the filter's cookies.

use crate::cognito::pool::CookieSettings;
use crate::http::cookie::{CookieAttributes, Cookies, SameSite};
use crate::session::FlowId;
use crate::session::parts::MAX_PARTS;

impl CookieSettings {
    /// Whether a cookie is one of the filter's own, which the app doesn't get.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        name == self.identity.as_bytes()
            || self.is_token_part(name)
            || name.starts_with(self.flow.as_bytes())
            || name == self.here.as_bytes()
            || name == self.there.as_bytes()
    }

    fn is_token_part(&self, name: &[u8]) -> bool {
        name.strip_prefix(self.tokens.as_bytes()).is_some_and(|rest| {
            rest.is_empty() || matches!(rest, [b'.', digits @ ..] if digits.len() <= 2 && digits.iter().all(u8::is_ascii_digit) && !digits.is_empty())
        })
    }

    /// The names of the token cookies in a request, for deletion.
    pub fn token_parts(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in cookies.iter().filter(|(name, _)| self.is_token_part(name)) {
            let name = String::from_utf8_lossy(name).into_owned();
            if !names.contains(&name) && names.len() < 2 * MAX_PARTS {
                names.push(name);
            }
        }
        names
    }

    /// The `Set-Cookie` values that delete all of the filter's cookies in a request.
    pub fn clear(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let mut names = vec![self.identity.clone(), self.tokens.clone()];
        for name in self.token_parts(cookies) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut gone: Vec<String> = names.iter().map(|name| self.delete(name)).collect();
        for id in self.flow_ids(cookies) {
            self.end_flow(cookies, &id, &mut gone);
        }
        gone
    }

    /// A `Set-Cookie` value that deletes one of these cookies.
    pub fn delete(&self, name: &str) -> String {
        self.attributes.delete(name, self.deleting_same_site())
    }

    /// The same for a cookie of the other kind: unpartitioned if these are partitioned, and the reverse.
    pub fn delete_other_kind(&self, name: &str) -> String {
        let partitioned = !self.attributes.partitioned;
        CookieAttributes { partitioned, ..self.attributes.clone() }.delete(name, self.deleting_same_site())
    }

    /// In a frame on another site, a browser rejects cookies that aren't `SameSite=None`, including deletions.
    const fn deleting_same_site(&self) -> SameSite {
        match self.same_site {
            SameSite::None => SameSite::None,
            SameSite::Lax | SameSite::Strict => SameSite::Lax,
        }
    }

    /// The sign-ins that a request has cookies for, in their order there. At most 20; no browser has that many.
    pub fn flow_ids(&self, cookies: &Cookies<'_>) -> Vec<FlowId> {
        let mut ids: Vec<FlowId> = Vec::new();
        for (name, _) in cookies.iter() {
            if let Some(id) = self.flow_of(name)
                && ids.len() < 20
                && !ids.contains(&id)
            {
                ids.push(id);
            }
        }
        ids
    }

    /// The sign-in that a cookie, or a part of one, belongs to.
    fn flow_of(&self, name: &[u8]) -> Option<FlowId> {
        let (id, part) = name.strip_prefix(self.flow.as_bytes())?.split_at_checked(16)?;
        matches!(part, [] | [b'.', b'1'..=b'9']).then_some(())?;
        FlowId::parse(std::str::from_utf8(id).ok()?)
    }

    /// Ends a sign-in: adds the `Set-Cookie` values that delete its cookies to `gone`. Returns the size of these
    /// cookies in the request, in bytes.
    pub fn end_flow(&self, cookies: &Cookies<'_>, id: &FlowId, gone: &mut Vec<String>) -> usize {
        let mut bytes = 0;
        for (name, value) in cookies.iter() {
            if self.flow_of(name).as_ref() == Some(id) {
                bytes += name.len() + value.len() + 3;
                let delete = self.delete(&String::from_utf8_lossy(name));
                if !gone.contains(&delete) {
                    gone.push(delete);
                }
            }
        }
        bytes
    }

    /// The names of a sign-in's cookies in a request.
    pub fn flow_parts(&self, cookies: &Cookies<'_>, id: &FlowId) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in cookies.iter().filter(|(name, _)| self.flow_of(name).as_ref() == Some(id)) {
            let name = String::from_utf8_lossy(name).into_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The name of a sign-in's flow cookie.
    pub fn flow_name(&self, id: &FlowId) -> String {
        format!("{}{}", self.flow, id.as_str())
    }

    /// `SameSite` of flow cookies. The browser must send them when it returns from Cognito's site. In a frame on
    /// another site it only sends `None`, and partitioned cookies are meant for such frames.
    pub const fn flow_same_site(&self) -> SameSite {
        if self.attributes.partitioned { SameSite::None } else { SameSite::Lax }
    }
}
