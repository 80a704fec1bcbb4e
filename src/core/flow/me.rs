//! "Who am I?": shows the session to its owner, as a page or as JSON.

use crate::cognito::identity::{Shown, join_roles};
use crate::flow::context::{Person, RequestContext};
use crate::http::Response;
use crate::http::client::wants_json;
use crate::json;
use crate::pages::messages;
use crate::pages::page::Page;

/// Responds to a signed-in person.
pub fn me(ctx: &RequestContext<'_>, person: &Person) -> Response {
    if !ctx.client().shows_pages() || wants_json(ctx.request) {
        return Response::json(200, as_json(person));
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
    let page = Page::new(&ctx.config.pages, 200, messages::MY_IDENTITY)
        .facts(facts)
        .action(messages::SIGN_OUT, &ctx.config.paths.sign_out);
    let page = if ctx.config.passkeys {
        let callback = ctx.origin.url() + &ctx.config.paths.callback;
        page.link(messages::ADD_PASSKEY, &person.pool.cognito.passkeys_url(&callback))
    } else {
        page
    };
    page.into_response()
}

fn as_json(person: &Person) -> String {
    let identity = &person.identity;
    let text_or_null = |text: &Option<String>| text.as_deref().map_or_else(|| "null".to_owned(), json::text);
    let mut claims: Vec<(&str, String)> = Vec::new();
    for (claim, value) in &identity.claims {
        // The same value as in the header, before encoding.
        let shown = match Shown::of(claim, value) {
            Shown::Text(text) => text.into_owned(),
            Shown::List(items) => join_roles(&items, ','),
        };
        let at = claims.partition_point(|(before, _)| *before < claim.as_str());
        if claims.get(at).is_none_or(|(known, _)| known != claim) {
            claims.insert(at, (claim, json::text(&shown)));
        }
    }
    json::object(&[
        ("claims", json::object(&claims)),
        ("email", text_or_null(&identity.email)),
        ("expires_at", person.until.secs().to_string()),
        ("name", text_or_null(&identity.name)),
        ("roles", json::list(&identity.roles)),
        ("sub", json::text(&identity.subject)),
        ("username", text_or_null(&identity.username)),
    ])
}

/// `2026-11-22 14:30 UTC`.
fn format_utc(secs: u64) -> String {
    let (year, month, day) = civil_from_days(secs / 86_400);
    let minutes = secs % 86_400 / 60;
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01. Howard Hinnant's `civil_from_days`
/// ("chrono-Compatible Low-Level Date Algorithms"), in which a year begins in March, so a leap day is the last day of
/// its year.
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc() {
        assert_eq!(format_utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(format_utc(951_827_696), "2000-02-29 12:34 UTC");
        assert_eq!(format_utc(1_709_251_199), "2024-02-29 23:59 UTC");
        assert_eq!(format_utc(1_709_251_200), "2024-03-01 00:00 UTC");
        assert_eq!(format_utc(1_798_761_599), "2026-12-31 23:59 UTC");
        assert_eq!(format_utc(4_102_444_799), "2099-12-31 23:59 UTC");
    }
    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let is_leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut expected = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil_from_days(days), expected);
            let (year, month, day) = expected;
            let last = match month {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, day == last) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
        assert_eq!(expected, (2370, 1, 1));
    }
}
