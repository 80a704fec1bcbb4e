//! Tests the rig with a real Envoy, without a wasm filter. Skipped if there is no Envoy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rig::{
    Bootstrap, Browser, Connection, Envoy, Filter, Listener, Options, PATIENCE, RawRequest, eventually,
    free_ports, send,
};
use serde_json::json;

fn no_envoy() -> bool {
    Envoy::binary().inspect_err(|why| eprintln!("skipped: {why}")).is_err()
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// An upstream that answers with the head of the request it got.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length == 1) {
                head.push(byte[0]);
            }
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", head.len());
            let _ = stream.write_all(&head);
        }
    });
    addr
}

fn direct(admin: u16, port: u16) -> Bootstrap {
    Bootstrap::new(admin, "unused.wasm").listener(Listener::new(port, Filter::None).direct())
}

#[test]
fn serves_logs_counts_and_stops() {
    if no_envoy() {
        return;
    }
    let ports = free_ports(3);
    let logged = Listener {
        name: "logged".into(),
        access_log: Some("seen=%REQ(:PATH)%".into()),
        ..Listener::new(ports[2], Filter::None)
    };
    let bootstrap = direct(ports[0], ports[1]).cluster("app", echo()).listener(logged);
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
    assert!(envoy.alive() && envoy.pid() > 0);

    assert_eq!(send(local(ports[1]), &RawRequest::get("/")).unwrap().text(), "direct");

    // The request reaches the upstream unchanged.
    let odd =
        RawRequest::get("/a//b/../c%2fd;e?f").header("X_Under_Score", "1").header_bytes("x-raw", b"\xe9");
    let answer = send(local(ports[2]), &odd).unwrap();
    let head = answer.text();
    assert!(head.starts_with("GET /a//b/../c%2fd;e?f HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x_under_score: 1\r\n") && head.contains("x-request-id: "), "{head}");
    assert!(answer.body.windows(10).any(|part| part == b"x-raw: \xe9\r\n"), "{head}");
    assert!(envoy.log_line("seen=/a//b/../c%2fd;e?f").is_some(), "{}", envoy.log());

    let mut browser = Browser::new().route("https://app.example.test", local(ports[2]));
    let page = browser.navigate("https://app.example.test/x");
    assert!(page.text().contains("x-forwarded-proto: https\r\n"), "{page}\n{}", page.text());

    assert_eq!(envoy.stat("http.logged.downstream_rq_2xx"), 2);
    assert_eq!(envoy.stat("http.logged.no_such_counter"), 0);
    let histogram = "http.logged.downstream_rq_time";
    let counted = eventually(PATIENCE, || (envoy.histogram_count(histogram) == 2).then_some(()));
    assert!(counted.is_some(), "{}", envoy.histogram_count(histogram));

    let proc = std::path::PathBuf::from(format!("/proc/{}", envoy.pid()));
    assert!(proc.exists());
    assert!(envoy.stop().contains("SIGTERM"));
    assert!(!proc.exists());
}

#[test]
fn takes_http2_with_prior_knowledge() {
    if no_envoy() {
        return;
    }
    let ports = free_ports(2);
    let _envoy = Envoy::start(&direct(ports[0], ports[1]).to_string(), &Options::default().concurrency(1));
    let mut connection = Connection::open(local(ports[1])).unwrap();
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    connection.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "the server's first frame is SETTINGS");
}

#[test]
fn says_at_once_why_envoy_does_not_start() {
    if no_envoy() {
        return;
    }
    let ports = free_ports(3);
    let good = direct(ports[0], ports[1]);
    Envoy::validate(&good.to_string(), &Options::default()).unwrap();

    let bad = good.clone().with(json!({ "no_such_field": 1 })).to_string();
    let error = Envoy::validate(&bad, &Options::default()).unwrap_err();
    assert!(error.contains("no_such_field"), "{error}");
    let started = std::time::Instant::now();
    let error = Envoy::try_start(&bad, &Options::default()).unwrap_err();
    assert!(error.contains("ended before it was ready") && error.contains("no_such_field"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));

    let missing = good.clone().listener(Listener::new(ports[2], Filter::Unconfigured).direct()).to_string();
    assert!(Envoy::validate(&missing, &Options::default()).unwrap_err().contains("unused.wasm"));

    let yaml =
        format!("admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}", ports[0]);
    assert!(Envoy::start(&yaml, &Options::default()).alive());
}

/// Envoy accepts every form of configuration that a wasm filter can have; only the file is missing.
#[test]
fn every_setting_is_one_that_envoy_knows() {
    if no_envoy() {
        return;
    }
    let ports = free_ports(2);
    let filters = [
        Filter::Unconfigured,
        Filter::Json(json!({ "a": 1 })),
        Filter::Text("not json".into()),
        Filter::Struct(json!({ "a": [1, "b", null] })),
    ];
    for filter in filters {
        let listener = Listener {
            deny_foreign_functions: true,
            host_env: vec!["RIG_TEST".into()],
            ..Listener::new(ports[1], filter).env("A", "1").upstream("grpc")
        };
        let bootstrap =
            Bootstrap::new(ports[0], "missing.wasm").http2_cluster("grpc", local(1)).listener(listener);
        let options = Options::default().env("RIG_TEST", "1");
        let error = Envoy::validate(&bootstrap.to_string(), &options).unwrap_err();
        assert!(error.contains("missing.wasm") && !error.contains("has unknown fields"), "{error}");
    }
}
