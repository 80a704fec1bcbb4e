//! "Who am I?": the session as its owner sees it, as a page or as JSON.

use chrono::{DateTime, Datelike as _, Timelike as _};
use serde_json::{Map, Value, json};

use crate::client::wants_json;
use crate::flow::Visit;
use crate::http::Response;
use crate::page::Page;
use crate::session::Session;

/// Answers the path for somebody who is signed in.
pub fn me(visit: &Visit<'_>, session: &Session) -> Response {
    let ends_at = visit.store.ends_at(session).secs();
    if !visit.client.shows_pages() || wants_json(visit.request) {
        return Response::json(200, &as_json(session, ends_at));
    }
    let identity = &session.identity;
    let mut facts: Vec<(&str, Vec<String>)> = Vec::new();
    let mut fact = |term, values: Vec<String>| {
        if !values.is_empty() {
            facts.push((term, values));
        }
    };
    fact("Name", identity.name.iter().cloned().collect());
    fact("User name", identity.username.iter().cloned().collect());
    fact("Email", identity.email.iter().cloned().collect());
    fact("Roles", identity.roles.clone());
    for (claim, value) in &identity.claims {
        fact(claim, vec![value.clone()]);
    }
    fact("Signed in until", vec![format_utc(ends_at)]);
    Page::new(200, "My Identity")
        .facts(facts)
        .action("Sign out", &visit.config.paths.sign_out)
        .into_response()
}

fn as_json(session: &Session, ends_at: u64) -> Value {
    let identity = &session.identity;
    let mut claims = Map::new();
    for (claim, value) in &identity.claims {
        claims.insert(claim.clone(), Value::from(value.as_str()));
    }
    json!({
        "sub": identity.subject,
        "username": identity.username,
        "email": identity.email,
        "name": identity.name,
        "roles": identity.roles,
        "claims": claims,
        "expires_at": ends_at,
    })
}

/// `2026-11-22 14:30 UTC`.
fn format_utc(secs: u64) -> String {
    let time =
        i64::try_from(secs).ok().and_then(|secs| DateTime::from_timestamp(secs, 0)).unwrap_or_default();
    format!(
        "{}-{:02}-{:02} {:02}:{:02} UTC",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(format_utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(format_utc(951_827_696), "2000-02-29 12:34 UTC");
        assert_eq!(format_utc(4_102_444_799), "2099-12-31 23:59 UTC");
    }
}
