//! Where the values of headers come from: a claim, the roles, or a template of fixed text, values of the person, and
//! texts that depend on their roles.

use std::sync::Arc;

use crate::cognito::identity::encoding::escaped;

/// The source of a header's value.
#[derive(Clone, Debug)]
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
    /// A claim, by name.
    Claim(String),
    /// Several parts.
    Template(Arc<Template>),
    /// The raw ID token.
    IdToken,
    /// The raw access token.
    AccessToken,
}

/// A part of a template.
#[derive(Debug)]
pub enum Part {
    /// What a header with this source would contain.
    Value(Source),
    /// Roles, each with a text: the text of the first role that the person has. Everybody has the role without a name,
    /// so fixed text is one text for that role.
    Text(Vec<(String, String)>),
}

/// The template of a header's value.
#[derive(Debug, Default)]
pub struct Template {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// The ASCII characters that end a value in this template, and `%`; empty if nothing ends one. They are
    /// percent-encoded in values, so that no value can look like the template's own text.
    pub ends: Vec<u8>,
}

impl Template {
    /// The value for a person with these roles. `value` is what a header with that source contains. `None` if the
    /// person lacks a part: half a value could be read as another.
    pub(super) fn filled(
        &self,
        roles: &[String],
        value: &dyn Fn(&Source) -> Option<String>,
    ) -> Option<String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Value(source) => {
                    let value = value(source).filter(|value| !value.is_empty())?;
                    filled.push_str(&escaped(&value, &|byte| self.ends.contains(&byte)));
                }
                Part::Text(texts) => {
                    let counts = |(role, _): &&(String, String)| role.is_empty() || roles.contains(role);
                    filled.push_str(&texts.iter().find(counts)?.1);
                }
            }
        }
        Some(filled)
    }
}
