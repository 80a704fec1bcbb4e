//! The request headers that tell the app who is signed in.

use std::mem::discriminant;

use crate::cognito::identity::Identity;
use crate::cognito::identity::claim::Shown;
use crate::cognito::identity::encoding::{escaped, join_roles};
use crate::cognito::identity::source::Part;
pub use crate::cognito::identity::source::Source;
use crate::oidc::SessionTokens;

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

/// How values represent characters beyond ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As UTF-8.
    #[default]
    Utf8,
    /// Each byte of UTF-8 as `%` and two hexadecimal digits; `%` itself as well. So values are ASCII, and decoding
    /// gives exactly what [`Encoding::Utf8`] sends.
    Percent,
}

/// The identity headers of one configuration.
#[derive(Clone, Debug, Default)]
pub struct IdentityHeaders {
    headers: Vec<(String, Source)>,
    encoding: Encoding,
    /// A bit for each length of a header name. Most headers of a request have other lengths, so they need no
    /// comparison.
    lengths: u64,
    forwards_tokens: bool,
}

impl IdentityHeaders {
    /// The headers, with lower-case names.
    pub fn new(headers: Vec<(String, Source)>) -> Self {
        let lengths = headers.iter().fold(0, |lengths, (name, _)| lengths | length_bit(name.len()));
        let forwards_tokens =
            headers.iter().any(|(_, source)| matches!(source, Source::IdToken | Source::AccessToken));
        Self { headers, encoding: Encoding::default(), lengths, forwards_tokens }
    }

    /// The same headers in that encoding.
    #[must_use]
    pub fn encoded(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// The names of the claims that headers contain.
    pub fn claims(&self) -> Vec<String> {
        let mut claims: Vec<String> = Vec::new();
        self.each_source(&mut |source| match source {
            Source::Claim(claim) if !claims.contains(claim) => claims.push(claim.clone()),
            _ => {}
        });
        claims
    }

    /// Whether any header contains a raw token.
    pub const fn forwards_tokens(&self) -> bool {
        self.forwards_tokens
    }

    /// Whether a header, or a part of one, has a source of that kind.
    pub fn forwards(&self, wanted: &Source) -> bool {
        let mut found = false;
        self.each_source(&mut |source| found |= discriminant(source) == discriminant(wanted));
        found
    }

    /// Passes on the sources of all headers, and those in their templates.
    fn each_source(&self, look: &mut dyn FnMut(&Source)) {
        for (_, source) in &self.headers {
            look(source);
            if let Source::Template(template) = source {
                for part in &template.parts {
                    if let Part::Value(source) = part {
                        look(source);
                    }
                }
            }
        }
    }

    /// Whether an upstream could mistake a header of that name for an identity header. WSGI and CGI don't distinguish
    /// `-` from `_`, many servers also not from `.`, and some not from any character that is neither a letter nor a
    /// digit.
    pub fn is_ours(&self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        self.lengths & length_bit(name.len()) != 0
            && self.headers.iter().any(|(ours, _)| same_when_folded(ours, name))
    }

    /// The headers for `identity`. An unknown value has no header: an empty header could be read as a person's name.
    pub fn render<'a>(&'a self, identity: &'a Identity) -> impl Iterator<Item = (&'a str, Vec<u8>)> {
        self.filled(move |source| self.value(source, identity))
    }

    fn value(&self, source: &Source, identity: &Identity) -> Option<String> {
        let text = |text: &str| header_value(text, self.encoding);
        Some(match source {
            Source::Subject => text(&identity.subject),
            Source::Username => text(identity.username.as_deref()?),
            Source::Email => text(identity.email.as_deref()?),
            Source::Name => text(identity.name.as_deref()?),
            Source::Roles(separator) => join_roles(&identity.roles, *separator),
            Source::Claim(wanted) => {
                let (name, kept) = identity.claims.iter().find(|(claim, _)| claim == wanted)?;
                match Shown::of(name, kept) {
                    Shown::Text(value) => text(&value),
                    // Percent-encoded item by item, in either encoding.
                    Shown::List(items) => join_roles(&items, ','),
                }
            }
            Source::Template(template) => {
                return template.filled(&identity.roles, &|source| self.value(source, identity));
            }
            Source::IdToken | Source::AccessToken => return None,
        })
    }

    /// The headers that contain raw tokens. Tokens are ASCII and need no encoding.
    pub fn render_tokens<'a>(
        &'a self,
        tokens: &'a SessionTokens,
    ) -> impl Iterator<Item = (&'a str, Vec<u8>)> {
        let named = self.filled(move |source| {
            let token = match source {
                Source::IdToken => tokens.id.as_ref()?.0.expose(),
                Source::AccessToken => tokens.access.as_ref()?.0.expose(),
                _ => return None,
            };
            Some(header_value(token, Encoding::Utf8))
        });
        // In `Authorization`, the token follows its scheme (RFC 6750, section 2.1). In other headers it is alone.
        named.map(|(name, token)| match name {
            "authorization" => (name, [b"Bearer ", token.as_slice()].concat()),
            _ => (name, token),
        })
    }

    fn filled<'a>(
        &'a self,
        value: impl Fn(&'a Source) -> Option<String> + 'a,
    ) -> impl Iterator<Item = (&'a str, Vec<u8>)> {
        let filled = move |(name, source): &'a (String, Source)| Some((name.as_str(), value(source)?));
        let filled = self.headers.iter().filter_map(filled);
        filled.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.into_bytes()))
    }
}

/// The bit for a length. All longer lengths share the last bit.
const fn length_bit(length: usize) -> u64 {
    1 << if length < 63 { length } else { 63 }
}

/// Whether a server that doesn't distinguish separators reads two header names as the same.
pub fn same_when_folded(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    are_same(one.as_ref(), other.as_ref())
}

fn are_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let fold = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    // A hand-written loop, because this runs for every header of every request.
    for (one, other) in one.iter().zip(other) {
        if fold(*one) != fold(*other) {
            return false;
        }
    }
    true
}

/// A claim as a header's value. A control character becomes `?`: it must not end the header, and removing it could
/// make two different names equal.
fn header_value(text: &str, encoding: Encoding) -> String {
    let clean = if text.chars().any(char::is_control) {
        text.replace(char::is_control, "?")
    } else {
        text.to_owned()
    };
    let clean = clean.trim_matches(' ');
    match encoding {
        Encoding::Utf8 => clean.to_owned(),
        Encoding::Percent => escaped(clean, &|byte| byte == b'%' || !byte.is_ascii()),
    }
}

#[cfg(test)]
mod tests;
