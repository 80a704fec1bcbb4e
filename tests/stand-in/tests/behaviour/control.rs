//! The controls of the admin page, and how a stand-in starts and stops.

use serde_json::{Value, json};
use stand_in::{Client, Config, Endpoint, Pool, StandIn};

use crate::bench::*;

fn control(bench: &Bench, name: &str, body: &Value) -> Reply {
    let url = format!("{}/{name}", bench.admin_url());
    bench.call(&url, &[], Some(body.to_string())).unwrap()
}

#[test]
fn faults_can_be_planned_and_cleared() {
    let bench = Bench::new();
    let plan = |times: Value| {
        let order = json!({"endpoint": "jwks", "who": POOL, "fault": "status", "value": 500, "times": times});
        assert_eq!(control(&bench, "fault", &order).status, 200);
    };
    plan(json!(1));
    assert_eq!((bench.jwks().status, bench.jwks().status), (500, 200));
    plan(json!("always"));
    assert_eq!((bench.jwks().status, bench.jwks().status), (500, 500));
    control(&bench, "clear", &json!({ "who": POOL }));
    assert_eq!(bench.jwks().status, 200);

    let simple = json!({ "endpoint": "token", "who": CLIENT, "fault": "wrong_nonce" });
    assert_eq!(control(&bench, "fault", &simple).status, 200);
    let slow = json!({ "endpoint": "token", "who": CLIENT, "fault": "slow", "value": 10 });
    assert_eq!(control(&bench, "fault", &slow).status, 200);
    let nonsense = json!({ "endpoint": "token", "who": CLIENT, "fault": "nonsense" });
    assert_eq!(control(&bench, "fault", &nonsense).status, 400);
}

#[test]
fn keys_rotate_and_calls_are_listed() {
    let bench = Bench::new();
    let before = bench.jwks().body;
    assert_eq!(control(&bench, "rotate", &json!({ "pool": POOL })).status, 200);
    assert_ne!(bench.jwks().body, before);
    assert_eq!(control(&bench, "rotate", &json!({ "pool": "none" })).status, 400);

    let url = format!("{}/calls?endpoint=jwks&who={POOL}", bench.admin_url());
    let calls = bench.call(&url, &[], None).unwrap().json();
    assert_eq!(calls[1]["status"], 200);
    assert_eq!(bench.stand_in.calls(Endpoint::Jwks, POOL).len(), 2);
}

#[test]
fn it_can_come_back_on_the_same_ports() {
    let bench = Bench::new();
    bench.jwks();
    let (domain, idp) = (bench.stand_in.domain_addr(), bench.stand_in.idp_addr());
    drop(bench);
    StandIn::start_at(Config::demo(), domain, idp).unwrap();
}

#[test]
fn a_bad_configuration_does_not_start() {
    let clients = vec![Client::new("same"), Client::new("same")];
    let config = Config::new(vec![Pool { clients, ..Pool::new("p") }]);
    assert_eq!(StandIn::start(config).err().unwrap().kind(), std::io::ErrorKind::InvalidInput);
}
