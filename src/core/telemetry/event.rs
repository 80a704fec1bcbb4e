//! Events for the log: one line per event, as `key=value`. Events never contain a token, a code, a secret or a
//! cookie. Texts from a client or from Cognito are quoted and truncated.

use std::fmt;

use crate::telemetry::counter::Counter;

/// How important an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Details, for debugging.
    Debug,
    /// Normal operation.
    Info,
    /// Something failed for one person, or temporarily.
    Warn,
    /// Something failed that the operator must fix.
    Error,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How important it is.
    pub level: Level,
    name: &'static str,
    counter: Option<Counter>,
    fields: Vec<(&'static str, String)>,
}

/// Longer texts are truncated, in characters.
const MAX_TEXT: usize = 300;

impl Event {
    /// An event of this name that isn't counted.
    pub const fn new(level: Level, name: &'static str) -> Self {
        Self { level, name, counter: None, fields: Vec::new() }
    }

    /// An event that this counter counts. It has the counter's name, and the counter's reason in its field `reason`.
    pub fn counted(level: Level, counter: Counter) -> Self {
        let event = Self { counter: Some(counter), ..Self::new(level, counter.base_name()) };
        match counter.reason() {
            Some(reason) => event.with("reason", reason),
            None => event,
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((key, value.into()));
        self
    }

    /// Adds the name of a pool, if the pool has one.
    #[must_use]
    pub fn of_pool(self, name: &str) -> Self {
        if name.is_empty() { self } else { self.with("pool", name) }
    }

    /// The counter that counts it.
    pub const fn counter(&self) -> Option<Counter> {
        self.counter
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
        let event = Event::counted(Level::Warn, Counter::SignInFailed("provider_error"))
            .with("description", "a \"b\"\r\nfake=1 \u{1b}[31m é")
            .with("empty", "");
        assert_eq!(
            event.to_string(),
            "event=sign_in.failed reason=provider_error \
             description=\"a \\\"b\\\"\\u{d}\\u{a}fake=1 \\u{1b}[31m \\u{e9}\" empty=\"\""
        );
        assert_eq!(event.counter(), Some(Counter::SignInFailed("provider_error")));
        assert_eq!(Event::new(Level::Info, "sign_in.to_https").counter(), None);
        let long = Event::new(Level::Info, "x").with("y", "z".repeat(70_000)).to_string();
        assert!(long.len() < 400);
    }
}
