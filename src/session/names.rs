//! Which cookies are ours, by their names.

use crate::cookie::{Attributes, Cookies, SameSite};
use crate::pool::CookieSettings;
use crate::session::FlowId;
use crate::session::parts::MAX_PARTS;

impl CookieSettings {
    /// Whether a cookie is one of the filter's, and so none of the app's business.
    pub fn is_ours(&self, name: &[u8]) -> bool {
        name == self.identity.as_bytes() || self.is_token_part(name) || name.starts_with(self.flow.as_bytes())
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
        for name in self.token_parts(cookies).into_iter().chain(self.flow_names(cookies)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.iter().map(|name| self.delete(name)).collect()
    }

    /// A `Set-Cookie` value that deletes one of these cookies.
    pub fn delete(&self, name: &str) -> String {
        self.attributes.delete(name, self.deleting_same_site())
    }

    /// The same for a cookie of that name which is kept the other way: unpartitioned where these are partitioned, and
    /// the reverse.
    pub fn delete_other_kind(&self, name: &str) -> String {
        let partitioned = !self.attributes.partitioned;
        Attributes { partitioned, ..self.attributes.clone() }.delete(name, self.deleting_same_site())
    }

    /// In a frame of another site a browser turns down what isn't `None`, deletions too.
    const fn deleting_same_site(&self) -> SameSite {
        match self.same_site {
            SameSite::None => SameSite::None,
            SameSite::Lax | SameSite::Strict => SameSite::Lax,
        }
    }

    /// The names of the flow cookies in a request, in order, up to a number that no browser reaches.
    pub fn flow_names(&self, cookies: &Cookies<'_>) -> Vec<String> {
        let id = |name: &[u8]| -> Option<String> {
            let id = std::str::from_utf8(name.strip_prefix(self.flow.as_bytes())?).ok()?;
            FlowId::parse(id).map(|id| self.flow_name(&id))
        };
        let mut names: Vec<String> = Vec::new();
        for name in cookies.iter().filter_map(|(name, _)| id(name)) {
            if names.len() < 20 && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The name of a flow's cookie.
    pub fn flow_name(&self, id: &FlowId) -> String {
        format!("{}{}", self.flow, id.0)
    }

    /// `SameSite` of flow cookies: the browser comes back from Cognito's site with them. In a frame of another site it
    /// does so with `None` alone, and sign-ins happen there where cookies are partitioned.
    pub const fn flow_same_site(&self) -> SameSite {
        if self.attributes.partitioned { SameSite::None } else { SameSite::Lax }
    }
}
