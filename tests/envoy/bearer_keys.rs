//! The keys that verify bearer tokens: fetched for a new key, but rarely, and requests wait for them.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rig::{Envoy, Options};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::bearer::{check_refused, text, tokens, with};
use crate::own::{NAME, Own, Wish};
use crate::world::{CLIENT_SECRET, SUBJECT, header, pool_id, world};

pub fn own_token(own: &Own) -> String {
    let tokens = tokens(own.cognito(), NAME, Some(CLIENT_SECRET), NAME, "openid");
    text(&tokens, "access_token").to_owned()
}

fn fetches(own: &Own) -> usize {
    own.cognito().calls(Endpoint::Jwks, &pool_id(NAME)).len()
}

/// The same token with another key's id; the signature is then invalid.
pub fn under_key(token: &str, kid: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "kid": kid, "alg": "RS256" }).to_string());
    let (_, rest) = token.split_once('.').expect("a token");
    format!("{header}.{rest}")
}

fn wish() -> Wish {
    let rules = json!([{ "path": "/public/**", "allow": "everyone" }]);
    Wish { config: json!({ "bearer": { "enabled": true }, "rules": rules }), ..Wish::default() }
}

#[test]
fn a_flood_of_unknown_keys_fetches_the_set_once() {
    let own = Own::new(Wish { workers: 4, ..wish() });
    let token = own_token(&own);
    assert_eq!(own.send(0, with(&token, "/json")).status, 200);
    let before = fetches(&own);
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let (own, token) = (&own, &token);
            scope.spawn(move || {
                for number in 0..50 {
                    let flood = under_key(token, &format!("unknown-{thread}-{number}"));
                    check_refused(&own.send(0, with(&flood, "/json")), "an unknown key");
                }
            });
        }
    });
    let after = fetches(&own);
    assert_eq!(after - before, 1, "500 tokens under 500 keys, at four workers");
    assert_eq!(own.send(0, with(&token, "/json")).status, 200, "a valid token is still accepted");
    own.signed_in();
    assert!(own.envoys[0].log_line("event=bearer.rejected reason=unknown_key").is_some());
}

#[test]
fn a_key_that_appeared_just_now_is_fetched_while_the_request_waits() {
    let site = world().site("bearer-rotated");
    let token = || {
        let tokens = tokens(&world().cognito, site.name, Some(CLIENT_SECRET), site.name, "openid");
        text(&tokens, "access_token").to_owned()
    };
    let old = token();
    assert_eq!(site.send(with(&old, "/json")).status, 200);
    let fetches = || world().cognito.calls(Endpoint::Jwks, &pool_id(site.name)).len();
    let before = fetches();
    world().cognito.rotate_keys(&pool_id(site.name));
    let new = token();
    let response = site.send(with(&new, "/json"));
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(header(&response.json(), "x-auth-subject"), Some(SUBJECT));
    assert_eq!(fetches(), before + 1);
    // The old key has been withdrawn. All workers notice it, although they had already verified the token.
    let mut refused = 0;
    let noticed = rig::eventually(rig::PATIENCE, || {
        refused = if site.send(with(&old, "/json")).status == 401 { refused + 1 } else { 0 };
        (refused >= 20).then_some(())
    });
    assert!(noticed.is_some(), "a token outlives its key");
    assert_eq!(site.send(with(&new, "/json")).status, 200);
    assert_eq!(fetches(), before + 1);
}

#[test]
fn without_keys_bearer_requests_wait_and_are_then_told_to_come_again() {
    let mut own = Own::new(wish());
    own.envoys.remove(0).stop();
    let token = own_token(&own);
    let pool = pool_id(NAME);
    own.cognito().fault(Endpoint::Jwks, &pool, Fault::Status(500), Times::Always);
    let options = Options::default().concurrency(2);
    own.envoys.push(Envoy::start(&own.bootstrap(0, &Value::Null).to_string(), &options));

    let asked = Instant::now();
    let response = own.send(0, with(&token, "/json"));
    assert_eq!(response.status, 503, "{response:?}");
    assert!(response.header("retry-after").is_some(), "{response:?}");
    assert_eq!(response.json(), json!({ "error": "temporarily_unavailable" }));
    let waited = asked.elapsed();
    assert!((Duration::from_secs(5)..rig::PATIENCE).contains(&waited), "{waited:?}");
    let asked = Instant::now();
    let public = own.send(0, with(&token, "/public/json"));
    assert_eq!((public.status, header(&public.json(), "x-auth-user")), (200, None));
    assert!(asked.elapsed() < waited, "nobody waits on public paths");

    let waited_for = || {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| own.send(0, with(&token, "/json")));
            let before = fetches(&own);
            let tried = rig::eventually(rig::PATIENCE, || (fetches(&own) > before + 1).then_some(()));
            assert!(tried.is_some(), "the set is asked for again");
            // On a very busy machine, its wait may be over by now.
            let still_waits = !waiting.is_finished();
            if still_waits {
                own.cognito().clear_faults(&pool);
            }
            let response = waiting.join().expect("an answer");
            assert_eq!(response.status, if still_waits { 200 } else { 503 }, "{response:?}");
            still_waits
        })
    };
    assert!((0..5).any(|_| waited_for()), "it waits while the set is asked for again");
    check_refused(&own.send(0, with("abc", "/json")), "and judgement is as ever");
}
