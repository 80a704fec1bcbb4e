//! What happened, for the log: one line an event, `key=value`. Never a token, a code, a secret or a
//! cookie; texts that a client or Cognito made up are quoted and cut.

use std::borrow::Cow;
use std::fmt;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks closely.
    Debug,
    /// The ordinary course of things.
    Info,
    /// Something went wrong for one person, or for a while.
    Warn,
    /// Something that the operator must mend.
    Error,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How much it matters.
    pub level: Level,
    name: &'static str,
    fields: Vec<(&'static str, String)>,
}

/// Texts longer than this are cut.
const MAX_TEXT: usize = 300;

impl Event {
    /// An event by its name.
    pub const fn new(level: Level, name: &'static str) -> Self {
        Self { level, name, fields: Vec::new() }
    }

    /// The same event with a field more.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((key, value.into()));
        self
    }
}

impl Event {
    /// The same event with the name of a pool, where pools have names.
    #[must_use]
    pub fn of_pool(self, name: &str) -> Self {
        if name.is_empty() { self } else { self.with("pool", name) }
    }
}

impl Event {
    /// The counter that it belongs to: its name and, where it has one, its reason, which is out of a closed set.
    /// `None` for what is only told.
    pub fn counter(&self) -> Option<Cow<'static, str>> {
        match self.name {
            "sign_in.started"
            | "sign_in.completed"
            | "refresh.completed"
            | "authz.denied"
            | "authz.shadow_denied"
            | "jwks.fetched"
            | "jwks.failed"
            | "sign_out" => Some(Cow::Borrowed(self.name)),
            "sign_in.failed" | "refresh.failed" | "bearer.rejected" => {
                let (_, reason) = self.fields.iter().find(|(key, _)| *key == "reason")?;
                Some(Cow::Owned(format!("{}.{reason}", self.name)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event={}", self.name)?;
        for (key, value) in &self.fields {
            f.write_str(" ")?;
            f.write_str(key)?;
            f.write_str("=")?;
            write_value(f, value)?;
        }
        Ok(())
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
    if !value.is_empty() && value.len() <= MAX_TEXT && value.bytes().all(bare) {
        return f.write_str(value);
    }
    f.write_str("\"")?;
    for character in value.chars().take(MAX_TEXT) {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            character if character.is_control() || !character.is_ascii() => {
                write!(f, "{}", character.escape_unicode())?;
            }
            character => write!(f, "{character}")?,
        }
    }
    f.write_str(if value.chars().count() > MAX_TEXT { "…\"" } else { "\"" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_well_formed_line() {
        let event = Event::new(Level::Warn, "sign_in.failed")
            .with("reason", "provider_error")
            .with("description", "a \"b\"\r\nfake=1 \u{1b}[31m é")
            .with("empty", "");
        assert_eq!(
            event.to_string(),
            "event=sign_in.failed reason=provider_error \
             description=\"a \\\"b\\\"\\u{d}\\u{a}fake=1 \\u{1b}[31m \\u{e9}\" empty=\"\""
        );
        assert_eq!(event.counter().as_deref(), Some("sign_in.failed.provider_error"));
        assert_eq!(Event::new(Level::Info, "sign_out").counter().as_deref(), Some("sign_out"));
        assert_eq!(Event::new(Level::Info, "sign_in.to_https").counter(), None);
        let long = Event::new(Level::Info, "x").with("y", "z".repeat(70_000)).to_string();
        assert!(long.len() < 400);
    }
}
