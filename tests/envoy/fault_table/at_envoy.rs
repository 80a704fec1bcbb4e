//! Envoy itself changes while people use it, or is full.

use std::net::TcpStream;

use rig::{Connection, RawRequest};
use serde_json::{Value, json};

use super::stage::{Seen, Stage, answer, same};
use crate::own::NAME;
use crate::reload::Reloading;
use crate::sealed::sealed_sessions;

/// More than twice the 10,240 of one generation.
const CROWD: usize = 21_000;

pub fn restarted() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    stage.own.restart(0, &Value::Null);
    let seen = stage.seen();
    stage.check_recovery();
    seen
}

pub fn reloaded() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let before = stage.own.bootstrap(0, &Value::Null);
    let after = stage.own.bootstrap(0, &json!({ "rules": [{ "path": "/new", "allow": "everyone" }] }));
    stage.own.envoys.clear();
    let reloading = Reloading::start(&before);
    assert_eq!(stage.own.send(0, RawRequest::get("/new")).status, 401);
    reloading.reload(&after);
    let open = rig::eventually(rig::PATIENCE, || {
        (stage.own.send(0, RawRequest::get("/new")).status == 200).then_some(())
    });
    assert!(open.is_some(), "the new configuration is in use\n{}", reloading.envoy.log());
    let seen = stage.seen();
    assert!(!reloading.envoy.log().contains("panicked"), "{}", reloading.envoy.log());
    seen
}

pub fn draining() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let addr = stage.own.addr(0);
    let drain = |stage: &Stage, how: &str| {
        let drained = stage.own.envoys[0].admin("POST", &format!("/drain_listeners{how}"));
        assert_eq!(drained.expect("an answer").status, 200);
    };
    drain(&stage, "?graceful&skip_exit");
    let seen = stage.seen();
    stage.assert_unharmed();
    drain(&stage, "");
    let closed = rig::eventually(rig::PATIENCE, || TcpStream::connect(addr).is_err().then_some(()));
    assert!(closed.is_some(), "in the end it accepts no connection");
    seen
}

pub fn any_number_of_workers() -> Seen {
    std::thread::scope(|scope| {
        let all: Vec<_> = (1..=4).map(|workers| scope.spawn(move || with_workers(workers))).collect();
        same(all.into_iter().map(|seen| seen.join().expect("what they saw")))
    })
}

fn with_workers(workers: u32) -> Seen {
    let mut stage = Stage::set(json!({}), workers);
    let seen = stage.seen();
    // Connections are distributed over the workers.
    let url = stage.own.url("/json");
    for _ in 0..8 {
        assert_eq!(answer(&stage.over.fetch(&url)), "served", "{workers} workers");
    }
    stage.check_recovery();
    seen
}

pub fn crowded() -> Seen {
    let mut stage = Stage::set(json!({}), 1);
    let crowd = sealed_sessions(&stage.own.config(&Value::Null), CROWD);
    let addr = stage.own.addr(0);
    std::thread::scope(|scope| {
        for some in crowd.chunks(CROWD.div_ceil(4)) {
            scope.spawn(move || {
                let mut connection = Connection::open(addr).expect("a connection");
                for cookie in some {
                    let request = RawRequest::new("HEAD", "/json").host(&format!("{NAME}.example.test"));
                    let answer = connection.send(&request.header("cookie", cookie)).expect("an answer");
                    assert_eq!(answer.status, 200);
                }
            });
        }
    });
    let seen = stage.seen();
    stage.check_recovery();
    seen
}
