//! One Envoy with the wasm filter and one with the native module, behind a load balancer that gives each connection to
//! the other one. They have the same `session.keys`, so people don't notice it.

use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::spawn;
use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, free_ports};
use serde_json::Value;
use stand_in::{Client, Endpoint, Rotation};

use crate::aged::OVER;
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::world::{PASSWORD, SESSION_KEY, SUBJECT, USER, callback_of, header, native, skipped, wasm};

/// A load balancer: connections go to the addresses in turn. It ends with the process.
fn balancer(addresses: [SocketAddr; 2]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = listener.local_addr().expect("an address");
    spawn(move || {
        for (client, address) in listener.incoming().flatten().zip(addresses.into_iter().cycle()) {
            let server = TcpStream::connect(address).expect("an Envoy");
            let pairs = [
                (client.try_clone().expect("a socket"), server.try_clone().expect("a socket")),
                (server, client),
            ];
            for (mut from, mut to) in pairs {
                spawn(move || {
                    let _ = copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    own
}

/// An Envoy of each kind, and the address of the load balancer.
struct Both {
    own: Own,
    envoys: [Envoy; 2],
    addresses: [SocketAddr; 2],
    balancer: SocketAddr,
}

impl Both {
    /// `None` if this Envoy can't run the native module.
    fn start(client: fn(&mut Client)) -> Option<Self> {
        if Envoy::version() < (1, 38) {
            skipped("an Envoy of each kind, because the native module needs Envoy 1.38 or later");
            return None;
        }
        let own = Own::new(Wish { client, envoys: 0, ..Wish::default() });
        let ports = free_ports(2);
        let start = |module: &Path, port: u16| {
            let config = own.config(&Value::Null);
            let bootstrap = Bootstrap::new(free_ports(1)[0], module)
                .cluster("app", own.app.addr())
                .cluster("cognito_domain", own.cognito().domain_addr())
                .cluster("cognito_idp", own.cognito().idp_addr())
                .listener(Listener::new(port, Filter::Json(config)).env("SESSION_KEY", SESSION_KEY));
            Envoy::start(&bootstrap.to_string(), &Options::default())
        };
        let envoys = [start(&wasm(), ports[0]), start(&native(), ports[1])];
        let addresses = [ports[0], ports[1]].map(|port| ([127, 0, 0, 1], port).into());
        Some(Self { own, envoys, addresses, balancer: balancer(addresses) })
    }

    /// A browser that only knows the load balancer.
    fn browser(&self) -> Browser {
        Browser::new().route(ORIGIN, self.balancer)
    }

    fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        let visit = browser.sign_in(&self.own.url("/json"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.logs());
        browser
    }

    fn logs(&self) -> String {
        self.envoys.iter().map(Envoy::log).collect::<Vec<_>>().join("\n--- the native module:\n")
    }

    fn refreshes(&self) -> usize {
        let calls = self.own.cognito().calls(Endpoint::Token, NAME);
        calls.iter().filter(|call| call.get("grant_type") == Some("refresh_token")).count()
    }

    /// How many people each Envoy has signed in.
    fn completed(&self) -> [usize; 2] {
        [0, 1].map(|index| self.envoys[index].log().matches("event=sign_in.completed").count())
    }
}

#[test]
fn people_sign_in_and_stay_signed_in_at_both_kinds_in_turn() {
    let Some(both) = Both::start(|_| {}) else { return };
    for turn in 0..6 {
        let mut browser = both.browser();
        if turn % 2 == 1 {
            // One request more, so that the next sign-in begins at the other one.
            assert_eq!(browser.fetch(&both.own.url("/json")).status, 401);
        }
        let visit = browser.sign_in(&both.own.url("/json"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", both.logs());
        for _ in 0..6 {
            let response = browser.fetch(&both.own.url("/json"));
            assert_eq!(response.status, 200, "{}", both.logs());
            assert_eq!(header(&response.json(), "x-auth-subject"), Some(SUBJECT));
        }
        browser.navigate(&both.own.url("/.auth/sign-out"));
        assert!(browser.cookies(ORIGIN).is_empty(), "signed out at whichever it was");
    }
}

#[test]
fn a_sign_in_that_one_kind_has_begun_is_finished_by_the_other() {
    let Some(both) = Both::start(|_| {}) else { return };
    for (first, second) in [(0, 1), (1, 0)] {
        let mut browser = Browser::new().route(ORIGIN, both.addresses[first]);
        let start = browser.step(&both.own.url("/wanted"));
        let callback = callback_of(start.location().expect("a redirect"));
        let mut browser = browser.route(ORIGIN, both.addresses[second]);
        let before = both.completed()[second];
        let visit = browser.navigate(&callback);
        assert_eq!((visit.status(), visit.url.as_str()), (200, both.own.url("/wanted").as_str()), "{visit}");
        let done = rig::eventually(rig::PATIENCE, || (both.completed()[second] > before).then_some(()));
        assert!(done.is_some(), "{}", both.logs());
    }
}

#[test]
fn a_refresh_by_one_kind_is_good_for_the_other() {
    // Each refresh token can be used once, without grace.
    let Some(both) = Both::start(|client| client.rotation = Some(Rotation { grace_seconds: 0 })) else {
        return;
    };
    let mut browser = both.signed_in();
    for round in 1..=4_u64 {
        // Aged by less than before, so that later times stay later.
        both.own.age(&mut browser, OVER - Duration::from_secs(round - 1));
        let refreshed = browser.fetch(&both.own.url("/json"));
        assert_eq!(refreshed.status, 200, "{}", both.logs());
        assert!(refreshed.set_cookie("__Host-auth").is_some(), "round {round}: {}", both.logs());
        // Three requests a round, so that the next refresh is the other one's.
        for _ in 0..2 {
            assert_eq!(browser.fetch(&both.own.url("/json")).status, 200, "{}", both.logs());
        }
        assert_eq!(both.refreshes(), usize::try_from(round).expect("a few"));
    }
    for envoy in &both.envoys {
        assert!(envoy.log().contains("event=refresh.completed"), "both have refreshed\n{}", both.logs());
        assert!(!envoy.log().contains("event=refresh.failed"), "{}", both.logs());
    }
}

#[test]
fn many_requests_at_the_moment_of_expiry_sign_nobody_out() {
    let Some(both) = Both::start(|client| client.rotation = Some(Rotation { grace_seconds: 10 })) else {
        return;
    };
    let cookies = both.own.aged(&both.signed_in().cookie_header(&both.own.url("/")), OVER);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let send = || {
            let request = RawRequest::get("/json").host("own.example.test").header("cookie", &cookies);
            rig::send(both.balancer, &request).expect("an answer")
        };
        let sent: Vec<_> = (0..40).map(|_| scope.spawn(send)).collect();
        sent.into_iter().map(|sent| sent.join().expect("an answer")).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", both.logs());
        assert!(answer.set_cookie("__Host-auth").is_some());
    }
    assert_eq!(both.refreshes(), 2, "one for each Envoy");
    // Whichever cookies the browser keeps, both kinds take them.
    for answer in answers.iter().take(6) {
        let cookies = answer.set_cookies();
        let pairs: Vec<String> =
            cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        for address in both.addresses {
            let request =
                RawRequest::get("/json").host("own.example.test").header("cookie", pairs.join("; "));
            assert_eq!(rig::send(address, &request).expect("an answer").status, 200, "{}", both.logs());
        }
    }
}
