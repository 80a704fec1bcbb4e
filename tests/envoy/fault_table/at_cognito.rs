//! Cognito is slow, down, wrong, or has revoked a person's tokens.

use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use super::stage::{Seen, Stage, same};
use crate::bearer::{check_refused, with};
use crate::bearer_keys::under_key;
use crate::own::NAME;
use crate::world::{USER, pool_id};

fn at_token(fault: Fault) -> Seen {
    Stage::set(json!({}), 2).seen_of_fault(Endpoint::Token, NAME, fault)
}

pub fn slow() -> Seen {
    at_token(Fault::Held)
}

fn either(one: Fault, other: Fault) -> Seen {
    std::thread::scope(|scope| {
        let both = [one, other].map(|fault| scope.spawn(|| at_token(fault)));
        same(both.map(|seen| seen.join().expect("what they saw")))
    })
}

pub fn failing() -> Seen {
    either(Fault::Status(500), Fault::Status(429))
}

pub fn broken_off() -> Seen {
    either(Fault::Truncated, Fault::Reset)
}

pub fn garbage() -> Seen {
    at_token(Fault::Html)
}

pub fn refusing() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    stage.own.cognito = None;
    let seen = stage.seen();
    stage.own.start_cognito();
    // The new stand-in doesn't know the refresh tokens from before, but the outage itself is over.
    stage.own.signed_in();
    stage.assert_unharmed();
    seen
}

pub fn without_attributes() -> Seen {
    let config = json!({ "roles": { "attributes_from": "userinfo" } });
    Stage::set(config, 2).seen_of_fault(Endpoint::UserInfo, NAME, Fault::Status(500))
}

pub fn bad_keys_later() -> Seen {
    let stage = Stage::set(json!({}), 2);
    let pool = pool_id(NAME);
    let fetches = stage.own.cognito().calls(Endpoint::Jwks, &pool).len();
    stage.own.cognito().fault(Endpoint::Jwks, &pool, Fault::EmptyKeys, Times::Always);
    // This token causes a fetch of the set.
    let unknown = under_key(&stage.token, "unknown");
    check_refused(&stage.own.send(0, with(&unknown, "/json")), "an unknown key");
    assert_eq!(stage.own.cognito().calls(Endpoint::Jwks, &pool).len(), fetches + 1);
    stage.seen_of_fault(Endpoint::Jwks, &pool, Fault::EmptyKeys)
}

pub fn bad_keys_from_the_start() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let pool = pool_id(NAME);
    stage.own.cognito().fault(Endpoint::Jwks, &pool, Fault::Html, Times::Always);
    stage.own.restart(0, &Value::Null);
    stage.seen_of_fault(Endpoint::Jwks, &pool, Fault::Html)
}

pub fn revoked() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    stage.own.cognito().revoke_all(&pool_id(NAME), USER);
    let seen = stage.seen();
    assert!(stage.own.envoys[0].log_line("refresh.failed reason=invalid_grant").is_some());
    let again = stage.over.step(&stage.own.url("/json"));
    assert_eq!(again.status, 302, "they may sign in again");
    stage.assert_unharmed();
    seen
}
