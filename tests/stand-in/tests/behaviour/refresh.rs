//! Refresh tokens: with and without rotation, and never beyond the sign-in.

use std::thread::sleep;
use std::time::Duration;

use stand_in::{Client, Rotation};

use crate::bench::*;

fn rotating(grace_seconds: u64) -> Bench {
    Bench::with(Client { rotation: Some(Rotation { grace_seconds }), ..client() })
}

#[test]
fn without_rotation_the_token_stays() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[("nonce", "n-1")]);
    let token = text(&tokens["refresh_token"]);
    for _ in 0..2 {
        let fresh = bench.refresh(token).json();
        assert!(fresh.get("refresh_token").is_none());
        assert_ne!(fresh["access_token"], tokens["access_token"]);
        let (old, new) = (claims(&tokens["id_token"]), claims(&fresh["id_token"]));
        assert_eq!(old["auth_time"], new["auth_time"]);
        assert_eq!(old["origin_jti"], new["origin_jti"]);
        assert_eq!(text(&new["at_hash"]), sha256_base64url(text(&fresh["access_token"]), 16));
    }
}

#[test]
fn without_grace_a_rotated_token_is_dead_at_once() {
    let bench = rotating(0);
    let first = bench.tokens(&[])["refresh_token"].clone();
    let second = bench.refresh(text(&first)).json()["refresh_token"].clone();
    assert_ne!(first, second);
    assert_eq!(bench.refresh(text(&first)).error(), (400, "invalid_grant".into()));
    assert_eq!(bench.refresh(text(&second)).status, 200);
}

#[test]
fn within_the_grace_a_rotated_token_still_works() {
    let bench = rotating(1);
    let first = bench.tokens(&[])["refresh_token"].clone();
    let second = bench.refresh(text(&first)).json()["refresh_token"].clone();
    assert_eq!(bench.refresh(text(&first)).status, 200);
    sleep(Duration::from_millis(1100));
    assert_eq!(bench.refresh(text(&first)).error().1, "invalid_grant");
    assert_eq!(bench.refresh(text(&second)).status, 200);
}

#[test]
fn a_rotated_token_has_only_the_remaining_life() {
    let rotation = Some(Rotation { grace_seconds: 0 });
    let bench = Bench::with(Client { rotation, refresh_token_seconds: 2, ..client() });
    let first = bench.tokens(&[])["refresh_token"].clone();
    let second = bench.refresh(text(&first)).json()["refresh_token"].clone();
    sleep(Duration::from_millis(2100));
    assert_eq!(bench.refresh(text(&second)).error().1, "invalid_grant");
}

#[test]
fn changes_of_a_user_show_at_the_next_refresh() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[]);
    bench.stand_in.set_groups(POOL, "alice", &[]);
    bench.stand_in.set_attribute(POOL, "alice", "custom:roles", Some("none"));
    bench.stand_in.set_attribute(POOL, "alice", "name", None);
    let fresh = claims(&bench.refresh(text(&tokens["refresh_token"])).json()["id_token"]);
    assert!(fresh.get("cognito:groups").is_none() && fresh.get("name").is_none());
    assert_eq!(fresh["custom:roles"], "none");
}
