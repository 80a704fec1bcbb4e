//! Stand-ins for the values of variables that only Envoy knows, so that the rest of a configuration can still be
//! checked. Their spelling distinguishes them from real values, and reports show the variable instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::documents::tree::{Node, Value};
use crate::settings::{self, Item, ItemShape, Literal, Pattern, Setting, Shape, StandIn};

/// The stand-ins of one configuration.
#[derive(Clone, Debug, Default)]
pub struct StandIns {
    names: Vec<String>,
}

impl StandIns {
    /// The number of a variable's stand-in.
    fn number(&mut self, name: &str) -> usize {
        let known = self.names.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// A word for a variable that is part of a text.
    pub fn word(&mut self, name: &str) -> String {
        format!("standin{}x", self.number(name))
    }

    /// A value for a variable that is the whole text of the setting at `path`. The core accepts it there.
    pub fn value(&mut self, name: &str, path: &str, root: &Node) -> String {
        let number = self.number(name);
        let word = format!("standin{number}x");
        let Some(setting) = settings::at(path) else { return word };
        match setting.shape {
            Shape::Choice(_) if setting.path == "session.cookie.same_site" => same_site(root).to_owned(),
            Shape::Choice(words) => first(words, setting),
            Shape::Duration => match setting.default {
                Some(Literal::Text(default)) => default.to_owned(),
                _ => "1h".to_owned(),
            },
            Shape::Pattern(Pattern { stand_in, .. }) => stand_in_text(stand_in, name, number, root),
            Shape::List { item: Item { shape: ItemShape::Choice(words), .. }, .. } => first(words, setting),
            Shape::List { item: Item { shape: ItemShape::Pattern(pattern), .. }, .. } => {
                stand_in_text(pattern.stand_in, name, number, root)
            }
            Shape::AnyOrList(_) if !path.ends_with(']') => "any".to_owned(),
            _ => word,
        }
    }

    /// Whether a text contains a stand-in. A message with one says nothing about the real value.
    pub fn are_in(&self, text: &str) -> bool {
        (0..self.names.len()).any(|number| {
            let word = format!("standin{number}x");
            text.to_ascii_lowercase().contains(&word) || text.contains(&format!("standin-{number}x"))
        })
    }

    /// Replaces stand-ins with their variables again.
    pub fn shown(&self, text: &str) -> String {
        self.replaced(text, &|name| format!("${{{name}}}"), &|name| format!("<region of ${{{name}}}>"))
    }

    /// Replaces the stand-ins in a shell command with their variables, so that the shell expands them.
    pub fn shown_in_shell(&self, command: &str) -> String {
        let mut shown = String::with_capacity(command.len());
        for (number, part) in command.split('\'').enumerate() {
            if number > 0 {
                shown.push('\'');
            }
            // The shell expands nothing in single quotes.
            let (before, after) = if number % 2 == 1 { ("'\"", "\"'") } else { ("\"", "\"") };
            let variable = |name: &str| format!("{before}${{{name}}}{after}");
            let region = |name: &str| format!("{before}${{{name}%%_*}}{after}");
            shown.push_str(&self.replaced(part, &variable, &region));
        }
        shown
    }

    fn replaced(
        &self,
        text: &str,
        variable: &dyn Fn(&str) -> String,
        region: &dyn Fn(&str) -> String,
    ) -> String {
        let mut shown = text.to_owned();
        for (number, name) in self.names.iter().enumerate() {
            let word = format!("standin{number}x");
            for spelling in [
                format!("https://{word}.invalid"),
                format!("http://{word}.localhost"),
                format!("standin-{number}x_{word}"),
                format!("{word}.invalid"),
                format!("{word}.localhost"),
                word,
            ] {
                shown = shown.replace(&spelling, &variable(name));
            }
            shown = shown.replace(&format!("standin-{number}x"), &region(name));
        }
        shown
    }
}

/// The default of a choice, which is consistent with every other setting.
fn first(words: &[&str], setting: &Setting) -> String {
    match setting.default {
        Some(Literal::Text(default)) => default.to_owned(),
        _ => words.first().copied().unwrap_or_default().to_owned(),
    }
}

fn stand_in_text(stand_in: StandIn, name: &str, number: usize, root: &Node) -> String {
    let word = format!("standin{number}x");
    match stand_in {
        StandIn::Word => word,
        StandIn::Capitals => word.to_ascii_uppercase(),
        StandIn::Path => format!("/{word}"),
        StandIn::Host => format!("{word}.invalid"),
        StandIn::Url => format!("https://{word}.invalid/"),
        StandIn::PublicUrl => public_url(&word, root),
        StandIn::PoolId => format!("standin-{number}x_{word}"),
        StandIn::SessionKey => STANDARD.encode(Sha256::digest(name)),
        StandIn::Fixed(text) => text.to_owned(),
    }
}

/// The value that is consistent with `partitioned`, if that is known: partitioned cookies need `none`.
fn same_site(root: &Node) -> &'static str {
    let partitioned = root.at(&["session", "cookie"]).and_then(|cookie| cookie.get("partitioned"));
    if partitioned.is_some_and(|flag| matches!(flag.value, Value::Bool(true))) { "none" } else { "lax" }
}

/// A public URL that is consistent with the cookie settings, as far as they are known.
fn public_url(word: &str, root: &Node) -> String {
    let cookie = root.at(&["session", "cookie"]);
    if cookie
        .and_then(|cookie| cookie.get("secure"))
        .is_some_and(|secure| matches!(secure.value, Value::Bool(false)))
    {
        return format!("http://{word}.localhost");
    }
    match cookie.and_then(|cookie| cookie.text_of("domain")).filter(|domain| !domain.contains("${")) {
        Some(domain) => format!("https://{word}.{}", domain.trim_start_matches('.')),
        None => format!("https://{word}.invalid"),
    }
}
