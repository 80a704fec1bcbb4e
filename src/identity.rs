//! Who somebody is, taken from verified claims, and the request headers that tell the app.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::Attributes;
use crate::oidc::SessionTokens;
use crate::oidc::jwt::Claims;

/// A signed-in person. What the identity cookie carries of the tokens, and nothing more of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `sub`: stable, unique in the pool.
    pub subject: String,
    /// `cognito:username`.
    pub username: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// The roles, in claim order, without repeats.
    pub roles: Vec<String>,
    /// Claims that `headers.claims` asks for and the token has, by claim name.
    pub claims: Vec<(String, String)>,
}

/// Where roles come from.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// Claims that are lists of roles, or texts to split.
    pub claims: Vec<String>,
    /// What splits a text.
    pub separator: String,
}

/// The prefix of roles that stand for an access token's scopes.
const SCOPE: &str = "scope:";

impl Identity {
    /// The identity that an ID token tells of, and attributes that it lacks.
    pub fn of_id_token(
        claims: &Claims,
        attributes: Option<&Attributes>,
        settings: &RoleSettings,
        wanted: &[String],
    ) -> Self {
        let claim = |name: &str| claims.get(name).or_else(|| attributes?.get(name));
        let mut roles = Roles::default();
        for value in settings.claims.iter().filter_map(|name| claim(name)) {
            roles.add_claim(value, &settings.separator);
        }
        let text = |name: &str| claim(name).and_then(claim_text);
        Self::told(claims.subject(), text("cognito:username"), roles, wanted, &text)
    }

    /// The identity that a bearer's access token tells of: its groups are its roles, and so are its scopes,
    /// under a prefix of their own.
    pub fn of_access_token(claims: &Claims, wanted: &[String]) -> Self {
        let mut roles = Roles::default();
        if let Some(groups @ Value::Array(_)) = claims.get("cognito:groups") {
            roles.add_claim(groups, "");
        }
        let scopes = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        scopes.split_ascii_whitespace().for_each(|scope| roles.add(format!("{SCOPE}{scope}")));
        let text = |name: &str| claims.get(name).and_then(claim_text);
        Self::told(claims.subject(), text("username"), roles, wanted, &text)
    }

    fn told(
        subject: &str,
        username: Option<String>,
        roles: Roles,
        wanted: &[String],
        text: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            subject: subject.to_owned(),
            username,
            email: text("email"),
            name: text("name"),
            roles: roles.0,
            claims: wanted.iter().filter_map(|name| Some((name.clone(), text(name)?))).collect(),
        }
    }
}

/// Roles in the making: in order, without repeats.
#[derive(Default)]
struct Roles(Vec<String>);

impl Roles {
    fn add(&mut self, role: String) {
        if !self.0.contains(&role) {
            self.0.push(role);
        }
    }

    /// Adds a claim's roles: a list, or a text to split. What looks like a scope is left out: a group or an
    /// attribute of that name would open what is meant for an access token's scope alone.
    fn add_claim(&mut self, claim: &Value, separator: &str) {
        let mut add = |role: &str| {
            if !role.is_empty() && !role.starts_with(SCOPE) {
                self.add(role.to_owned());
            }
        };
        match claim {
            Value::String(text) => text.split(separator).for_each(|role| add(role.trim())),
            Value::Array(list) => list.iter().filter_map(Value::as_str).for_each(add),
            _ => {}
        }
    }
}

/// A claim as text: lists of texts in the form of the role header, anything deeper as JSON. An empty
/// text is as good as none.
fn claim_text(claim: &Value) -> Option<String> {
    match claim {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_string) => {
            let roles: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Some(join_roles(&roles, ','))
        }
        other => Some(other.to_string()),
    }
}

/// What a header is filled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `sub`.
    Subject,
    /// `cognito:username`.
    Username,
    /// `email`.
    Email,
    /// `name`.
    Name,
    /// The roles, joined by this character.
    Roles(char),
    /// A claim by its name.
    Claim(String),
    /// The raw ID token.
    IdToken,
    /// The raw access token.
    AccessToken,
}

/// The header names of a preset.
pub type Preset = &'static [(&'static str, Source)];

/// This filter's own names.
pub const X_AUTH: Preset = &[
    ("x-auth-user", Source::Username),
    ("x-auth-subject", Source::Subject),
    ("x-auth-email", Source::Email),
    ("x-auth-name", Source::Name),
    ("x-auth-roles", Source::Roles(',')),
];

/// The names of oauth2-proxy as an authorization service (`--set-xauthrequest`).
pub const X_AUTH_REQUEST: Preset = &[
    ("x-auth-request-user", Source::Subject),
    ("x-auth-request-email", Source::Email),
    ("x-auth-request-preferred-username", Source::Username),
    ("x-auth-request-groups", Source::Roles(',')),
];

/// The names of oauth2-proxy as a proxy (`--pass-user-headers`).
pub const X_FORWARDED: Preset = &[
    ("x-forwarded-user", Source::Subject),
    ("x-forwarded-email", Source::Email),
    ("x-forwarded-preferred-username", Source::Username),
    ("x-forwarded-groups", Source::Roles(',')),
];

/// The names of AuthCrunch (`inject headers with claims`).
pub const X_TOKEN: Preset = &[
    ("x-token-subject", Source::Subject),
    ("x-token-user-name", Source::Name),
    ("x-token-user-email", Source::Email),
    ("x-token-user-roles", Source::Roles(' ')),
];

/// The identity headers of one configuration.
#[derive(Clone, Debug, Default)]
pub struct IdentityHeaders {
    headers: Vec<(String, Source)>,
    /// The lengths of their names, a bit each: most headers of a request have another.
    lengths: u64,
    forwards_tokens: bool,
}

impl IdentityHeaders {
    /// Headers under lower-case names.
    pub fn new(headers: Vec<(String, Source)>) -> Self {
        let lengths = headers.iter().fold(0, |lengths, (name, _)| lengths | length_bit(name.len()));
        let forwards_tokens =
            headers.iter().any(|(_, source)| matches!(source, Source::IdToken | Source::AccessToken));
        Self { headers, lengths, forwards_tokens }
    }

    /// The names of claims that headers are filled from.
    pub fn claims(&self) -> Vec<String> {
        let mut claims: Vec<String> = Vec::new();
        for (_, source) in &self.headers {
            match source {
                Source::Claim(claim) if !claims.contains(claim) => claims.push(claim.clone()),
                _ => {}
            }
        }
        claims
    }

    /// Whether raw tokens go upstream.
    pub const fn forwards_tokens(&self) -> bool {
        self.forwards_tokens
    }

    /// Whether a header is filled from that source.
    pub fn forwards(&self, wanted: &Source) -> bool {
        self.headers.iter().any(|(_, source)| source == wanted)
    }

    /// Whether an upstream could take a header of that name for one of ours. WSGI and CGI fold `-` and `_`
    /// together, many servers `.` as well, some everything that is neither letter nor digit.
    pub fn is_ours(&self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        self.lengths & length_bit(name.len()) != 0
            && self.headers.iter().any(|(ours, _)| same_when_folded(ours, name))
    }

    /// The headers that say who `identity` is. What is unknown has no header: an empty one could be
    /// read as somebody's name.
    pub fn render<'a>(
        &'a self,
        identity: &'a Identity,
        tokens: &'a SessionTokens,
    ) -> impl Iterator<Item = (&'a str, Vec<u8>)> {
        // As a credential a token stands behind its scheme (RFC 6750, section 2.1); alone it is just itself.
        let token = |name: &str, token: &str| match name {
            "authorization" => format!("Bearer {}", header_value(token)),
            _ => header_value(token),
        };
        self.headers.iter().filter_map(move |(name, source)| {
            let value = match source {
                Source::Subject => header_value(&identity.subject),
                Source::Username => header_value(identity.username.as_deref()?),
                Source::Email => header_value(identity.email.as_deref()?),
                Source::Name => header_value(identity.name.as_deref()?),
                Source::Roles(separator) => join_roles(&identity.roles, *separator),
                Source::Claim(wanted) => {
                    let (_, value) = identity.claims.iter().find(|(claim, _)| claim == wanted)?;
                    header_value(value)
                }
                Source::IdToken => token(name, tokens.id.as_ref()?.0.expose()),
                Source::AccessToken => token(name, tokens.access.as_ref()?.0.expose()),
            };
            (!value.is_empty()).then(|| (name.as_str(), value.into_bytes()))
        })
    }
}

/// One bit for a length; the last is that of all great ones.
const fn length_bit(length: usize) -> u64 {
    1 << if length < 63 { length } else { 63 }
}

/// Whether two header names are one to a server that folds them.
pub fn same_when_folded(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    let (one, other) = (one.as_ref(), other.as_ref());
    if one.len() != other.len() {
        return false;
    }
    let fold = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    // A loop by hand, since it meets every header of every request.
    for (one, other) in one.iter().zip(other) {
        if fold(*one) != fold(*other) {
            return false;
        }
    }
    true
}

/// A claim as a header's value: a control character becomes a `?`, so that it can neither end the header
/// nor make two different names equal by vanishing.
fn header_value(text: &str) -> String {
    let clean = if text.chars().any(char::is_control) {
        text.replace(char::is_control, "?")
    } else {
        text.to_owned()
    };
    clean.trim_matches(' ').to_owned()
}

/// Roles in one header. Commas, the separator, the escape itself, control characters, everything beyond
/// ASCII and spaces at either end are percent-encoded, so that splitting at the separator and decoding
/// gives back exactly the roles that went in.
pub fn join_roles(roles: &[String], separator: char) -> String {
    let mut joined = String::new();
    for (index, role) in roles.iter().enumerate() {
        if index > 0 {
            joined.push(separator);
        }
        let last = role.len().saturating_sub(1);
        for (at, byte) in role.bytes().enumerate() {
            let at_the_edge = byte == b' ' && (at == 0 || at == last);
            let special = matches!(byte, b'%' | b',') || char::from(byte) == separator;
            if special || !(0x20..0x7f).contains(&byte) || at_the_edge {
                push_escaped(&mut joined, byte);
            } else {
                joined.push(char::from(byte));
            }
        }
    }
    joined
}

fn push_escaped(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    text.push('%');
    text.push(digit(byte >> 4));
    text.push(digit(byte & 0xf));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_never_read_as_another() {
        let check = |roles: &[&str], expected: &str| {
            let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
            assert_eq!(join_roles(&roles, ','), expected);
        };
        check(&["authp/admin", "authp/user"], "authp/admin,authp/user");
        check(&["a,admin", "a|admin", "x%2Cy"], "a%2Cadmin,a|admin,x%252Cy");
        check(&["管理"], "%E7%AE%A1%E7%90%86");
        check(&["a\r\nb", " a b "], "a%0D%0Ab,%20a b%20");
        check(&[], "");
    }

    #[test]
    fn unknown_values_have_no_header() {
        let headers =
            IdentityHeaders::new(X_AUTH.iter().map(|(n, s)| ((*n).to_owned(), s.clone())).collect());
        let identity = Identity {
            subject: "55dd".into(),
            username: Some("jsmith".into()),
            name: Some("Jo\r\nSmith\u{e9}".into()),
            email: Some(" ".into()),
            ..Identity::default()
        };
        let tokens = SessionTokens::default();
        let rendered: Vec<(&str, String)> = headers
            .render(&identity, &tokens)
            .map(|(name, value)| (name, String::from_utf8(value).unwrap()))
            .collect();
        assert_eq!(
            rendered,
            [
                ("x-auth-user", "jsmith".to_owned()),
                ("x-auth-subject", "55dd".to_owned()),
                ("x-auth-name", "Jo??Smith\u{e9}".to_owned()),
            ]
        );
    }

    #[test]
    fn twins_of_our_headers_are_recognised() {
        let headers = IdentityHeaders::new(vec![("x-auth-user".to_owned(), Source::Username)]);
        for twin in ["x-auth-user", "x_auth_user", "X-Auth_User", "x.auth.user", "x!auth~user"] {
            assert!(headers.is_ours(twin), "{twin}");
        }
        for other in ["x-auth-users", "xauthuser", "x-auth", "x-auth-use"] {
            assert!(!headers.is_ours(other), "{other}");
        }
        let long = "x".repeat(100);
        let headers = IdentityHeaders::new(vec![(long.clone(), Source::Username)]);
        assert!(headers.is_ours(&long) && !headers.is_ours("x"));
    }
}
