//! "Who am I?": shows the session to its owner, as a page or as JSON.

use chrono::{DateTime, Datelike as _, Timelike as _};
use serde_json::{Map, Value, json};

use crate::cognito::identity::{Shown, join_roles};
use crate::flow::context::{Person, RequestContext};
use crate::http::Response;
use crate::http::client::wants_json;
use crate::pages::messages;
use crate::pages::page::Page;

/// Answers the path for somebody who is signed in.
pub fn me(ctx: &RequestContext<'_>, person: &Person) -> Response {
    if !ctx.client().shows_pages() || wants_json(ctx.request) {
        return Response::json(200, &as_json(person));
    }
    let identity = &person.identity;
    let mut facts: Vec<(&str, Vec<String>)> = Vec::new();
    let mut fact = |term, values: Vec<String>| {
        if !values.is_empty() {
            facts.push((term, values));
        }
    };
    fact(messages::NAME, identity.name.iter().cloned().collect());
    fact(messages::USER_NAME, identity.username.iter().cloned().collect());
    fact(messages::EMAIL, identity.email.iter().cloned().collect());
    fact(messages::ROLES, identity.roles.clone());
    for (claim, value) in &identity.claims {
        let shown = match Shown::of(claim, value) {
            Shown::Text(text) => vec![text.into_owned()],
            Shown::List(items) => items,
        };
        fact(claim, shown);
    }
    let label = &person.pool.label;
    fact(messages::SIGNED_IN_WITH, (!label.is_empty()).then(|| label.clone()).into_iter().collect());
    fact(messages::SIGNED_IN_UNTIL, vec![format_utc(person.until.secs())]);
    Page::new(&ctx.config.pages, 200, messages::MY_IDENTITY)
        .facts(facts)
        .action(messages::SIGN_OUT, &ctx.config.paths.sign_out)
        .into_response()
}

fn as_json(person: &Person) -> Value {
    let identity = &person.identity;
    let mut claims = Map::new();
    for (claim, value) in &identity.claims {
        // As in the header, before that is encoded.
        let shown = match Shown::of(claim, value) {
            Shown::Text(text) => text.into_owned(),
            Shown::List(items) => join_roles(&items, ','),
        };
        claims.insert(claim.clone(), Value::from(shown));
    }
    json!({
        "sub": identity.subject,
        "username": identity.username,
        "email": identity.email,
        "name": identity.name,
        "roles": identity.roles,
        "claims": claims,
        "expires_at": person.until.secs(),
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
