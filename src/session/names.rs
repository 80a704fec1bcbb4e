//! Which cookies are ours, by their names.

use crate::cookie::{Cookies, SameSite};
use crate::pool::CookieSettings;
use crate::session::FlowId;
use crate::session::parts::MAX_PARTS;

impl CookieSettings {
    /// Whether a cookie is one of the filter's, and so none of the app's business.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        name == self.identity.as_bytes()
            || self.is_token_part(name)
            || name.starts_with(self.flow.as_bytes())
            || name == self.here.as_bytes()
    }

    fn is_token_part(&self, name: &[u8]) -> bool {
        name.strip_prefix(self.tokens.as_bytes()).is_some_and(|rest| {
            rest.is_empty() || matches!(rest, [b'.', digits @ ..] if digits.len() <= 2 && digits.iter().all(u8::is_ascii_digit) && !digits.is_empty())
        })
    }

    /// The names of the token cookies in a request, to be able to delete them.
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

    /// `Set-Cookie` values that delete every cookie of ours in a request.
    pub fn clear(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let mut names = vec![self.identity.clone(), self.tokens.clone()];
        for name in self.token_parts(cookies) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let session = names.iter().map(|name| self.attributes.delete(name));
        let flows = self.flow_ids(cookies).into_iter().flat_map(|id| self.end_flow(cookies, &id));
        session.chain(flows).collect()
    }

    /// The sign-ins that a request has cookies of, in order, up to a number that no browser reaches.
    pub fn flow_ids(&self, cookies: &Cookies<'_>) -> Vec<FlowId> {
        let mut ids: Vec<FlowId> = Vec::new();
        for id in cookies.iter().filter_map(|(name, _)| self.flow_of(name)) {
            if ids.len() < 20 && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// The sign-in that a cookie is of, or is a part of.
    fn flow_of(&self, name: &[u8]) -> Option<FlowId> {
        let rest = std::str::from_utf8(name.strip_prefix(self.flow.as_bytes())?).ok()?;
        let (id, part) = rest.split_once('.').unwrap_or((rest, "1"));
        let is_part = part.len() == 1 && part.bytes().all(|digit| (b'1'..=b'9').contains(&digit));
        FlowId::parse(id).filter(|_| is_part)
    }

    /// The cookies of a sign-in in a request: one, or its parts. Their names, and how many bytes each takes there.
    pub fn flow_parts(&self, cookies: &Cookies<'_>, id: &FlowId) -> Vec<(String, usize)> {
        let mut parts: Vec<(String, usize)> = Vec::new();
        for (name, value) in cookies.iter().filter(|(name, _)| self.flow_of(name).as_ref() == Some(id)) {
            let (size, name) = (name.len() + value.len() + 3, String::from_utf8_lossy(name).into_owned());
            match parts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, bytes)) => *bytes += size,
                None => parts.push((name, size)),
            }
        }
        parts
    }

    /// `Set-Cookie` values that delete the cookies of a sign-in in a request.
    pub fn end_flow(&self, cookies: &Cookies<'_>, id: &FlowId) -> Vec<String> {
        self.flow_parts(cookies, id).iter().map(|(name, _)| self.attributes.delete(name)).collect()
    }

    /// The name of a flow's cookie.
    pub fn flow_name(&self, id: &FlowId) -> String {
        format!("{}{}", self.flow, id.as_str())
    }

    /// `SameSite` of flow cookies: the browser comes back from Cognito's site with them.
    pub const fn flow_same_site(&self) -> SameSite {
        SameSite::Lax
    }
}
