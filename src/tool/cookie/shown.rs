//! What is shown of cookies.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, Datelike as _, Timelike as _};
use envoy_cognito::time::UnixTime;
use serde::Serialize;

/// What was found in the cookies.
#[derive(Default, Serialize)]
pub struct Shown {
    /// Sessions.
    pub sessions: Vec<ShownSession>,
    /// What goes with them.
    pub tokens: Vec<ShownTokens>,
    /// Sign-ins under way.
    pub sign_ins_under_way: Vec<ShownFlow>,
    /// Why something didn't open, in sentences.
    pub not_opened: Vec<NotOpened>,
}

/// A session.
#[derive(Serialize)]
pub struct ShownSession {
    /// The name of the cookie.
    pub cookie: String,
    /// The name of its pool; empty where there is but one.
    pub pool: String,
    /// The host that it belongs to.
    pub host: String,
    /// `sub`.
    pub subject: String,
    /// `cognito:username`.
    pub username: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// What `headers.claims` asks for.
    pub claims: BTreeMap<String, String>,
    /// When the person signed in, in Unix seconds like all times here.
    pub signed_in_at: u64,
    /// When its tokens were had.
    pub tokens_renewed_at: u64,
    /// When they expire.
    pub tokens_expire_at: u64,
    /// When signing in again will be needed.
    pub ends_at: u64,
    /// When the person was last seen, where that is kept.
    pub seen_at: Option<u64>,
    /// Whether the filter would take it now.
    pub lasts: bool,
}

/// The tokens of a session.
#[derive(Serialize)]
pub struct ShownTokens {
    /// The name of the cookie.
    pub cookie: String,
    /// The length of each token that is there; the tokens themselves are nobody's business.
    pub refresh_token_characters: Option<usize>,
    /// Likewise.
    pub id_token_characters: Option<usize>,
    /// Likewise.
    pub access_token_characters: Option<usize>,
    /// Whether it is of the session that was shown; unknown where there is none.
    pub of_the_session: Option<bool>,
}

/// A sign-in under way.
#[derive(Serialize)]
pub struct ShownFlow {
    /// The name of the cookie.
    pub cookie: String,
    /// When it began.
    pub started_at: u64,
    /// Where it leads to, without the query.
    pub return_to: String,
    /// The callback URL.
    pub redirect_uri: String,
    /// Whether it can still be finished.
    pub is_alive: bool,
}

/// What didn't open.
#[derive(Serialize)]
pub struct NotOpened {
    /// The name of the cookie.
    pub cookie: String,
    /// Why, or what may be why.
    pub reasons: Vec<String>,
}

impl Shown {
    /// Whether everything that was pasted has opened.
    pub fn is_whole(&self) -> bool {
        self.not_opened.is_empty()
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Where nobody reads any more.
    pub fn write(&self, now: UnixTime, out: &mut dyn Write) -> io::Result<()> {
        let at = |secs: u64| format!("{} ({})", moment(secs), distance(secs, now.secs()));
        for session in &self.sessions {
            let state = match (session.lasts, now.secs() < session.tokens_expire_at) {
                (false, _) => "a session that is over",
                (true, true) => "a session",
                (true, false) => "a session whose tokens have expired; the next request refreshes them",
            };
            writeln!(out, "{}: {state}", session.cookie)?;
            // Names of claims are as long as their operator likes.
            let width = session.claims.keys().map(|claim| claim.chars().count()).max().unwrap_or(0).max(14);
            let row = |out: &mut dyn Write, label: &str, value: &str| {
                writeln!(out, "  {label:<width$} {}", printable(value))
            };
            row(out, "host", &session.host)?;
            row(out, "subject", &session.subject)?;
            for (label, value) in
                [("user name", &session.username), ("email", &session.email), ("name", &session.name)]
            {
                row(out, label, value.as_deref().unwrap_or("none"))?;
            }
            row(
                out,
                "roles",
                &if session.roles.is_empty() { "none".to_owned() } else { session.roles.join(", ") },
            )?;
            for (claim, value) in &session.claims {
                row(out, claim, value)?;
            }
            row(out, "signed in", &at(session.signed_in_at))?;
            row(out, "tokens from", &at(session.tokens_renewed_at))?;
            row(out, "tokens until", &at(session.tokens_expire_at))?;
            if let Some(seen) = session.seen_at {
                row(out, "last seen", &at(seen))?;
            }
            row(out, "session until", &at(session.ends_at))?;
        }
        for tokens in &self.tokens {
            let whose = match tokens.of_the_session {
                Some(true) => "the tokens of that session",
                Some(false) => "the tokens of another session, which the filter doesn't take with this one",
                None => "the tokens of a session",
            };
            writeln!(out, "{}: {whose}", tokens.cookie)?;
            let rows = [
                ("refresh token", tokens.refresh_token_characters),
                ("ID token", tokens.id_token_characters),
                ("access token", tokens.access_token_characters),
            ];
            for (label, characters) in rows {
                let value =
                    characters.map_or("none".to_owned(), |count| format!("there, {count} characters"));
                writeln!(out, "  {label:<14} {value}")?;
            }
        }
        for flow in &self.sign_ins_under_way {
            let state = if flow.is_alive { "a sign-in under way" } else { "a sign-in that took too long" };
            writeln!(out, "{}: {state}", flow.cookie)?;
            writeln!(out, "  {:<14} {}", "begun", at(flow.started_at))?;
            writeln!(out, "  {:<14} {}", "callback", printable(&flow.redirect_uri))?;
            writeln!(out, "  {:<14} {}", "leads to", printable(&flow.return_to))?;
        }
        for NotOpened { cookie, reasons } in &self.not_opened {
            let name = if cookie.is_empty() { "this value" } else { cookie };
            match reasons.as_slice() {
                [reason] => writeln!(out, "{name} doesn't open: {reason}")?,
                reasons => {
                    writeln!(out, "{name} doesn't open. One of these is why:")?;
                    reasons.iter().try_for_each(|reason| writeln!(out, "  - {reason}"))?;
                }
            }
        }
        Ok(())
    }
}

/// A text that can't move the cursor: claims are what people call themselves.
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

/// How far away a time is, in its two largest units.
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
