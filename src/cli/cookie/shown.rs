//! What is shown about cookies.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, Datelike as _, Timelike as _};
use envoy_cognito_core::time::UnixTime;
use serde::Serialize;

/// The content of the cookies.
#[derive(Default, Serialize)]
pub struct Shown {
    /// Sessions.
    pub sessions: Vec<ShownSession>,
    /// The token cookies of these sessions.
    pub tokens: Vec<ShownTokens>,
    /// Sign-ins in progress.
    pub sign_ins_under_way: Vec<ShownFlow>,
    /// The cookies that didn't open.
    pub not_opened: Vec<NotOpened>,
}

/// A session.
#[derive(Serialize)]
pub struct ShownSession {
    /// The name of the cookie.
    pub cookie: String,
    /// The name of its pool; empty if there is only one pool.
    pub pool: String,
    /// The host that it belongs to.
    pub host: String,
    /// Its id, as in the access log and in a deny list.
    pub session: String,
    /// `sub`.
    pub subject: String,
    /// `cognito:username`.
    pub username: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// The person's roles.
    pub roles: Vec<String>,
    /// The claims that `headers.claims` requests.
    pub claims: BTreeMap<String, String>,
    /// When the person signed in. All times here are Unix times in seconds.
    pub signed_in_at: u64,
    /// When its tokens were last issued.
    pub tokens_renewed_at: u64,
    /// When they expire.
    pub tokens_expire_at: u64,
    /// When the person must sign in again.
    pub ends_at: u64,
    /// When the person was last seen, if the session records that.
    pub seen_at: Option<u64>,
    /// Whether the filter would accept it now.
    pub lasts: bool,
}

/// The tokens of a session.
#[derive(Serialize)]
pub struct ShownTokens {
    /// The name of the cookie.
    pub cookie: String,
    /// The length of the refresh token, if there is one. The token itself is never shown.
    pub refresh_token_characters: Option<usize>,
    /// The length of the ID token.
    pub id_token_characters: Option<usize>,
    /// The length of the access token.
    pub access_token_characters: Option<usize>,
    /// Whether they belong to the session that is shown; `None` if no session is shown.
    pub of_the_session: Option<bool>,
}

/// A sign-in in progress.
#[derive(Serialize)]
pub struct ShownFlow {
    /// The name of the cookie.
    pub cookie: String,
    /// When it began.
    pub started_at: u64,
    /// Where the browser goes afterwards, without the query.
    pub return_to: String,
    /// The callback URL; empty if a page only offers the sign-in and it hasn't started.
    pub redirect_uri: String,
    /// Whether it can still be completed.
    pub is_alive: bool,
}

/// A cookie that didn't open.
#[derive(Serialize)]
pub struct NotOpened {
    /// The name of the cookie.
    pub cookie: String,
    /// The reasons, or possible reasons.
    pub reasons: Vec<String>,
}

impl Shown {
    /// Whether every pasted cookie was opened.
    pub fn is_whole(&self) -> bool {
        self.not_opened.is_empty()
    }

    /// Writes everything for people to read.
    ///
    /// # Errors
    /// If the output can't be written.
    pub fn write(&self, now: UnixTime, out: &mut dyn Write) -> io::Result<()> {
        self.sessions.iter().try_for_each(|session| session.write(now, out))?;
        self.tokens.iter().try_for_each(|tokens| tokens.write(out))?;
        self.sign_ins_under_way.iter().try_for_each(|flow| flow.write(now, out))?;
        self.not_opened.iter().try_for_each(|cookie| cookie.write(out))
    }
}

impl ShownSession {
    fn write(&self, now: UnixTime, out: &mut dyn Write) -> io::Result<()> {
        let state = match (self.lasts, now.secs() < self.tokens_expire_at) {
            (false, _) => "a session that has ended",
            (true, true) => "a session",
            (true, false) => "a session whose tokens have expired; the next request refreshes them",
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let roles = if self.roles.is_empty() { "none".to_owned() } else { self.roles.join(", ") };
        let mut rows = vec![
            ("host", self.host.clone()),
            ("session", self.session.clone()),
            ("subject", self.subject.clone()),
            ("user name", text(&self.username)),
            ("email", text(&self.email)),
            ("name", text(&self.name)),
            ("roles", roles),
        ];
        rows.extend(self.claims.iter().map(|(claim, value)| (claim.as_str(), value.clone())));
        rows.push(("signed in", at(self.signed_in_at, now)));
        rows.push(("tokens from", at(self.tokens_renewed_at, now)));
        rows.push(("tokens until", at(self.tokens_expire_at, now)));
        rows.extend(self.seen_at.map(|seen| ("last seen", at(seen, now))));
        rows.push(("session until", at(self.ends_at, now)));
        writeln!(out, "{}: {state}", self.cookie)?;
        write_rows(&rows, out)
    }
}

impl ShownTokens {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let whose = match self.of_the_session {
            Some(true) => "the tokens of that session",
            Some(false) => "the tokens of another session, which the filter doesn't use with this one",
            None => "the tokens of a session",
        };
        let there = |characters: Option<usize>| {
            characters.map_or("none".to_owned(), |count| format!("present, {count} characters"))
        };
        let rows = [
            ("refresh token", there(self.refresh_token_characters)),
            ("ID token", there(self.id_token_characters)),
            ("access token", there(self.access_token_characters)),
        ];
        writeln!(out, "{}: {whose}", self.cookie)?;
        write_rows(&rows, out)
    }
}

impl ShownFlow {
    fn write(&self, now: UnixTime, out: &mut dyn Write) -> io::Result<()> {
        let is_offered = self.redirect_uri.is_empty();
        let state = match (self.is_alive, is_offered) {
            (true, false) => "a sign-in in progress",
            (true, true) => "a sign-in that a page offers",
            (false, _) => "a sign-in that has expired",
        };
        let mut rows = vec![("started", at(self.started_at, now))];
        if !is_offered {
            rows.push(("callback", self.redirect_uri.clone()));
        }
        rows.push(("returns to", self.return_to.clone()));
        writeln!(out, "{}: {state}", self.cookie)?;
        write_rows(&rows, out)
    }
}

impl NotOpened {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = if self.cookie.is_empty() { "this value" } else { &self.cookie };
        if let [reason] = self.reasons.as_slice() {
            return writeln!(out, "{name} can't be decrypted: {reason}");
        }
        writeln!(out, "{name} can't be decrypted. Possible reasons:")?;
        self.reasons.iter().try_for_each(|reason| writeln!(out, "  - {reason}"))
    }
}

/// Writes labels and values in two columns.
fn write_rows(rows: &[(&str, String)], out: &mut dyn Write) -> io::Result<()> {
    // The names of claims can be of any length.
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    rows.iter().try_for_each(|(label, value)| writeln!(out, "  {label:<width$}  {}", printable(value)))
}

fn at(secs: u64, now: UnixTime) -> String {
    format!("{} ({})", moment(secs), distance(secs, now.secs()))
}

/// A text without control characters, which could move the cursor: people can choose the values of claims.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn moment(secs: u64) -> String {
    let time = i64::try_from(secs).ok().and_then(|secs| DateTime::from_timestamp(secs, 0));
    time.map_or_else(
        || secs.to_string(),
        |time| {
            format!(
                "{}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
                time.year(),
                time.month(),
                time.day(),
                time.hour(),
                time.minute(),
                time.second()
            )
        },
    )
}

/// The distance between two times, in its two largest units.
fn distance(secs: u64, now: u64) -> String {
    let far = secs.abs_diff(now);
    let units = [("d", far / 86_400), ("h", far / 3600 % 24), ("min", far / 60 % 60), ("s", far % 60)];
    let said: Vec<String> = units
        .iter()
        .skip_while(|(_, count)| *count == 0)
        .take(2)
        .filter(|(_, count)| *count > 0)
        .map(|(unit, count)| format!("{count} {unit}"))
        .collect();
    match (said.is_empty(), secs < now) {
        (true, _) => "now".to_owned(),
        (false, true) => format!("{} ago", said.join(" ")),
        (false, false) => format!("in {}", said.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(moment(1_767_225_600), "2026-01-01 00:00:00 UTC");
        assert_eq!(distance(100, 100), "now");
        assert_eq!(distance(7300, 100), "in 2 h");
        assert_eq!(distance(0, 90_061), "1 d 1 h ago");
    }
}
