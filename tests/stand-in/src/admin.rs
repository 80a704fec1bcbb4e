//! The admin page of the stand-in, at an origin of its own: pools, people and planned faults, for a browser and as JSON.
//!
//! A browser gets the page at `/`. Programs use the same with JSON, whatever the content type; a form gets 303 to the page:
//!
//! - `GET state`: pools with their clients and people, and the planned faults, oldest first
//! - `POST fault {"endpoint":"token","who":"<client>","fault":"status","value":500,"times":1}`;
//!   `times` may be `"always"`
//! - `POST clear {"who":"<client>"}`; without `who`, all faults
//! - `POST rotate {"pool":"<pool>"}`
//! - `POST issuer {"pool":"<pool>","type":"UPDATED","replica":"eu-west-1"}`: tokens name the issuer of a real pool, of this
//!   type (or `ORIGINAL`), as a replica in that Region issues them; without `replica`, as the pool's first Region does
//! - `GET calls?endpoint=token&who=<client>`
//! - `POST user {"pool":"<pool>","username":"jane",…}`: creates a person, or changes the given members
//! - `POST user/remove`, `POST user/sign-out {"pool":"<pool>","username":"jane"}`; the second revokes all tokens
//!
//! It trusts whoever reaches it, so it only exists where it was asked for.

use serde_json::{Map, Value, json};

use crate::{
    Endpoint, Fault,
    cognito::Cognito,
    http::{Origin, answer::Answer, request::Request},
};

mod control;
mod page;
mod people;

pub const ORIGIN: Origin = Origin { endpoint, answer };

/// None of the admin's calls is recorded, and no fault applies to one.
fn endpoint(_: &Cognito, _: &Request) -> Option<(Endpoint, String)> {
    None
}

fn answer(cognito: &mut Cognito, request: &Request, _: Option<&Fault>) -> Answer {
    if request.method == "POST" && is_of_another_site(request) {
        return Answer::json(403, &json!({ "problem": "this request comes from another site" }));
    }
    let (asked, is_form) = asked(request);
    let done = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => return page::of(cognito),
        ("GET", "/state") => Ok(state(cognito)),
        ("GET", "/calls") => control::calls(cognito, request),
        ("POST", "/fault") => control::plan_fault(cognito, asked),
        ("POST", "/clear") => control::clear(cognito, asked),
        ("POST", "/rotate") => control::rotate(cognito, asked),
        ("POST", "/issuer") => control::switch_issuer(cognito, asked),
        ("POST", "/user") => people::put(cognito, asked),
        ("POST", "/user/remove") => people::remove(cognito, asked),
        ("POST", "/user/sign-out") => people::sign_out(cognito, asked),
        _ => return Answer::json(404, &json!({ "problem": "there is no such page or control" })),
    };
    match done {
        Ok(_) if is_form => Answer::new(303).with("location", "/"),
        Ok(value) => Answer::json(200, &value).with("cache-control", "no-store"),
        Err(problem) if is_form => page::problem(&problem),
        Err(problem) => Answer::json(400, &json!({ "problem": problem })),
    }
}

/// Whether a page of another origin makes the browser send this.
fn is_of_another_site(request: &Request) -> bool {
    let Some(origin) = request.header("origin") else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != request.header("host")
}

/// The JSON of the body, or the fields of a form as JSON; and whether it was a form.
fn asked(request: &Request) -> (Value, bool) {
    match (request.json(), request.form()) {
        (json @ Value::Object(_), _) => (json, false),
        (_, Some(form)) => (Value::Object(form.pairs().map(member).collect::<Map<_, _>>()), true),
        (json, None) => (json, false),
    }
}

/// What a field of the page's forms means. A field that is left blank is absent.
fn member((name, text): (&str, &str)) -> (String, Value) {
    let value = match name {
        _ if text.is_empty() && name != "groups" && name != "attributes" => Value::Null,
        "value" => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        "times" => text.parse::<u32>().map_or_else(|_| text.into(), Value::from),
        "disabled" | "temporary_password" | "totp" => json!(text == "true"),
        "groups" => text.split([',', '\n']).map(str::trim).filter(|group| !group.is_empty()).collect(),
        "attributes" => text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), Value::from(value.trim())))
            .collect(),
        _ => text.into(),
    };
    (name.to_owned(), value)
}

/// Everything that the page shows.
fn state(cognito: &Cognito) -> Value {
    let pools = cognito.pools.iter().map(|pool| {
        let clients = pool.clients().map(|client| {
            json!({
                "id": client.id,
                "public": client.secret.is_none(),
                "callback_urls": client.callback_urls,
                "logout_urls": client.logout_urls,
                "scopes": client.scopes,
            })
        });
        json!({
            "id": pool.id,
            "issuer": pool.issuer(),
            "domain": cognito.domain_url_of(pool),
            "clients": clients.collect::<Vec<_>>(),
            "users": pool.users.iter().map(people::described).collect::<Vec<_>>(),
        })
    });
    json!({ "pools": pools.collect::<Vec<_>>(), "faults": cognito.faults.listed() })
}
