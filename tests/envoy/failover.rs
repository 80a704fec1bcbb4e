//! The sign-in pages' domain moves to another address while people are signed in, as Route 53 does it for a custom domain
//! when a Region fails. The replica has the same people and tokens, and names its Region in `iss`.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rig::{Browser, Envoy, Options, eventually, free_ports};
use serde_json::{Value, json};
use stand_in::{Endpoint, IssuerType};

use crate::aged::OVER;
use crate::name_server::{Mood, NameServer, lookup};
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::world::{PASSWORD, USER, header, merged, pool_id};

/// Passes connections on to Cognito, as the address of one Region.
struct Region {
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
}

impl Region {
    /// Its threads end with the process.
    fn at(addr: SocketAddr, cognito: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).expect("an address of this machine");
        let region = Self { connections: Arc::default(), open: Arc::default(), is_down: Arc::default() };
        let (connections, open) = (Arc::clone(&region.connections), Arc::clone(&region.open));
        let is_down = Arc::clone(&region.is_down);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                if !is_down.load(Ordering::SeqCst)
                    && let Ok(onward) = TcpStream::connect(cognito)
                {
                    pass_on(&stream, &onward, (&is_down, &open));
                }
            }
        });
        region
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Closes every connection from now on. Returns when those that are open are closed.
    fn fail(&self) {
        self.is_down.store(true, Ordering::SeqCst);
        let closed = eventually(rig::PATIENCE, || (self.open.load(Ordering::SeqCst) == 0).then_some(()));
        assert!(closed.is_some(), "connections of a Region that is down");
    }
}

/// Copies in both directions, until one side closes or the Region is down.
fn pass_on(one: &TcpStream, other: &TcpStream, (is_down, open): (&Arc<AtomicBool>, &Arc<AtomicUsize>)) {
    open.fetch_add(1, Ordering::SeqCst);
    for (from, to) in [(one, other), (other, one)] {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
        });
    }
    let (is_down, open, one) = (Arc::clone(is_down), Arc::clone(open), one.try_clone());
    std::thread::spawn(move || {
        while !is_down.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = one.map(|one| one.shutdown(std::net::Shutdown::Both));
        open.fetch_sub(1, Ordering::SeqCst);
    });
}

struct Lab {
    own: Own,
    server: NameServer,
    first: Region,
    second: Region,
}

impl Lab {
    /// The domain's cluster is of this kind, and has a name that leads to the first Region.
    fn new(kind: &str) -> Self {
        let config = json!({
            "endpoints": { "issuer": null, "api": null },
            "replica_regions": ["eu-west-1"],
            "timeouts": { "token": "5s" },
        });
        let mut own = Own::new(Wish { config, envoys: 0, workers: 1, ..Wish::default() });
        own.cognito().switch_issuer(&pool_id(NAME), IssuerType::Original, None);
        let (port, cognito) = (free_ports(1)[0], own.cognito().domain_addr());
        let [first, second] = [1, 2].map(|last| Region::at(([127, 0, 0, last], port).into(), cognito));
        let server = NameServer::start(Mood::Answers);
        let mut bootstrap = own.bootstrap(0, &Value::Null).to_json();
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
        let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == "cognito_domain").expect("it");
        let address = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
        *cluster.pointer_mut(address).expect("an address") =
            json!({ "address": "login.example.test", "port_value": port });
        *cluster = merged(cluster.take(), lookup(kind, server.addr));
        own.envoys.push(Envoy::start(&bootstrap.to_string(), &Options::default().concurrency(1)));
        Self { own, server, first, second }
    }

    /// The name leads to the second Region from now on, and Envoy knows it.
    fn fail_over(&self) {
        self.own.cognito().switch_issuer(&pool_id(NAME), IssuerType::Original, Some("eu-west-1"));
        self.server.set(Mood::Moved);
        let stat = "cluster.cognito_domain.update_success";
        let before = self.own.envoys[0].stat(stat);
        let known = eventually(rig::PATIENCE, || (self.own.envoys[0].stat(stat) >= before + 2).then_some(()));
        assert!(known.is_some(), "Envoy resolves the name again");
    }

    fn token_calls(&self) -> usize {
        self.own.cognito().calls(Endpoint::Token, NAME).len()
    }

    #[track_caller]
    fn assert_signed_in(&self, browser: &mut Browser) {
        let response = browser.fetch(&self.own.url("/json"));
        assert_eq!(response.status, 200, "{response:?}\n{}", self.own.envoys[0].log());
        assert_eq!(header(&response.json(), "x-auth-user"), Some(USER));
    }
}

/// A Region fails in the middle of a session: the session is served, refreshed at the other Region, and people sign in.
fn a_region_fails(kind: &str) {
    let lab = Lab::new(kind);
    let mut browser = lab.own.signed_in();
    assert_eq!((lab.first.connections() > 0, lab.second.connections()), (true, 0), "{kind}");
    lab.first.fail();
    lab.own.age(&mut browser, OVER);
    lab.assert_signed_in(&mut browser);
    assert!(
        lab.own.envoys[0].log_line("event=refresh.failed").is_some(),
        "{kind}: served with the old identity\n{}",
        lab.own.envoys[0].log()
    );
    lab.fail_over();
    let before = lab.token_calls();
    let refreshed = eventually(rig::PATIENCE, || {
        lab.assert_signed_in(&mut browser);
        (lab.token_calls() > before).then_some(())
    });
    assert!(refreshed.is_some(), "{kind}: {}", lab.own.envoys[0].log());
    assert!(lab.second.connections() > 0, "{kind}");
    lab.assert_signed_in(&mut browser);
    assert!(lab.own.envoys[0].log_line("event=refresh.completed").is_some(), "{}", lab.own.envoys[0].log());
    let mut other = Browser::new().route(ORIGIN, lab.own.addr(0));
    let visit = other.sign_in(&lab.own.url("/"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{kind}: {visit}\n{}", lab.own.envoys[0].log());
}

#[test]
fn a_session_outlives_a_region_with_strict_dns() {
    a_region_fails("STRICT_DNS");
}

#[test]
fn a_session_outlives_a_region_with_logical_dns() {
    a_region_fails("LOGICAL_DNS");
}

#[test]
fn a_region_that_still_accepts_connections_is_left_once_the_name_has_moved() {
    let lab = Lab::new("STRICT_DNS");
    let mut browser = lab.own.signed_in();
    lab.fail_over();
    let (before, connections) = (lab.token_calls(), lab.first.connections());
    lab.own.age(&mut browser, OVER);
    lab.assert_signed_in(&mut browser);
    assert_eq!(lab.token_calls(), before + 1);
    assert!(lab.second.connections() > 0);
    assert_eq!(lab.first.connections(), connections);
}
