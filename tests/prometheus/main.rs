//! A real Prometheus scrapes a real Envoy, loads the rules of `envoy/grafana`, and evaluates every query of the
//! dashboard.
//!
//! `make test-prometheus` runs this, with the program in the environment variable PROMETHEUS.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub, dead_code)]

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rig::{
    Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, Scratch, Supervised, eventually,
    free_ports,
};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Config, Endpoint, Fault, StandIn, Times};

#[path = "../packaging/files.rs"]
mod files;

use files::{document, list, read, root, text, wasm};

/// Prometheus starts, scrapes and evaluates every second.
const PATIENCE: Duration = Duration::from_secs(90);
const CLIENT: &str = "2jvuq8gkhfoh7u4fdfihiditj5";

/// An Envoy with the demo's Cognito, and a Prometheus that scrapes it.
struct Watched {
    cognito: StandIn,
    _app: SampleApp,
    envoy: Envoy,
    site: SocketAddr,
    prometheus: Supervised,
    /// Its configuration and its data.
    _scratch: Scratch,
    api: SocketAddr,
}

impl Watched {
    fn start() -> Self {
        let (cognito, app) = (StandIn::start(Config::demo()).unwrap(), SampleApp::start().unwrap());
        let ports = free_ports(3);
        let configuration = json!({
            "user_pool_id": "us-east-1_UFeMzbuJe",
            "client_id": CLIENT,
            "client_secret": "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf",
            "domain": "myapp.auth.us-east-1.amazoncognito.com",
            "endpoints": {
                "issuer": cognito.issuer("us-east-1_UFeMzbuJe"),
                "authorize": format!("{}/oauth2/authorize", cognito.domain_url()),
                "token": format!("{}/oauth2/token", cognito.domain_url()),
                "revoke": format!("{}/oauth2/revoke", cognito.domain_url()),
                "logout": format!("{}/logout", cognito.domain_url()),
            },
            "session": {
                "keys": ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
                "cookie": { "secure": false },
            },
            "bearer": { "enabled": true },
            // Not there: a failure that changes nothing else.
            "revocations": { "cluster": "app", "path": "/missing.json" },
        });
        let bootstrap = Bootstrap::new(ports[0], wasm())
            .cluster("app", app.addr())
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr())
            .listener(Listener::new(ports[1], Filter::Json(configuration)));
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        let scratch = Scratch::new().unwrap();
        let prometheus = prometheus(ports[2], envoy.admin_address(), &scratch);
        let [site, api] = [ports[1], ports[2]].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Self { cognito, _app: app, envoy, site, prometheus, _scratch: scratch, api }
    }

    fn sign_in(&self, status: u16) {
        let visit = Browser::new().sign_in(
            &format!("http://localhost:{}/", self.site.port()),
            "jsmith",
            "The@Password",
        );
        assert_eq!(visit.status(), status, "{visit}\n{}", self.envoy.log());
    }

    fn refused(&self, header: &str, value: &str) {
        let request = RawRequest::get("/").host("localhost").header(header, value);
        assert_eq!(rig::send(self.site, &request).unwrap().status, 401);
    }

    /// What Prometheus's API says. `None` while it doesn't answer.
    fn api(&self, path: &str) -> Option<Value> {
        let answer = rig::send(self.api, &RawRequest::get(path).host("localhost")).ok()?;
        (answer.status != 503).then(|| answer.json())
    }

    /// The result of a query, which must be valid.
    fn query(&self, query: &str) -> Vec<Value> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.api(&format!("/api/v1/query?query={escaped}")).unwrap_or_default();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        list(&answer["data"]["result"]).to_vec()
    }

    /// The alerts that fire, with their Envoys.
    fn firing(&self) -> Vec<(String, Value)> {
        let alerts = self.api("/api/v1/alerts").unwrap_or_default();
        let firing = list(&alerts["data"]["alerts"]).iter().filter(|alert| alert["state"] == "firing");
        firing
            .map(|alert| {
                (text(&alert["labels"]["alertname"]).to_owned(), alert["labels"]["instance"].clone())
            })
            .collect()
    }
}

fn prometheus(port: u16, envoy: SocketAddr, scratch: &Scratch) -> Supervised {
    let program = std::env::var_os("PROMETHEUS").expect("PROMETHEUS isn't set: use `make test-prometheus`");
    let configuration = json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [root().join("envoy/grafana/rules.yaml").canonicalize().unwrap()],
        "scrape_configs": [{
            "job_name": "envoy", "metrics_path": "/stats/prometheus",
            "static_configs": [{ "targets": [envoy.to_string()] }],
        }],
    });
    let file = scratch.path().join("prometheus.yml");
    fs::write(&file, configuration.to_string()).unwrap();
    let arguments = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", scratch.path().join("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    // As in the Makefile, the path is relative to the repository.
    let program = root().join(program);
    Supervised::start(&program, &arguments.map(OsString::from), &[], scratch).unwrap()
}

/// The queries of the dashboard, for all Envoys, with their panels.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read("envoy/grafana/dashboard.json")).unwrap();
    let mut queries = Vec::new();
    for panel in list(&dashboard["panels"]) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = text(&target["expr"]).replace("$__rate_interval", "1m").replace("$__range", "5m");
            let query = query.replace("$namespace", ".*").replace("$instance", ".*");
            queries.push((text(&panel["title"]).to_owned(), query));
        }
    }
    queries
}

#[test]
fn prometheus_evaluates_the_dashboard_and_the_alerts() {
    let watched = Watched::start();
    let up = eventually(PATIENCE, || {
        let answer = watched.api("/api/v1/query?query=envoy_cognito_sign_in_started")?;
        (!list(&answer["data"]["result"]).is_empty()).then_some(())
    });
    assert!(up.is_some(), "{}", watched.prometheus.printed());
    watched.sign_in(200);
    watched.refused("authorization", "Bearer x");
    watched.refused("cookie", "auth=bent");

    // The rules are loaded, and evaluated without errors.
    let rules = watched.api("/api/v1/rules").unwrap();
    let rules = list(&rules["data"]["groups"][0]["rules"]).to_vec();
    assert_eq!(rules.len(), list(&document("envoy/grafana/rules.yaml")["groups"][0]["rules"]).len());
    let healthy = eventually(PATIENCE, || {
        let rules = watched.api("/api/v1/rules")?;
        list(&rules["data"]["groups"][0]["rules"]).iter().all(|rule| rule["health"] == "ok").then_some(())
    });
    assert!(healthy.is_some(), "{rules:#?}");
    assert_eq!(watched.firing(), []);

    // An alert fires, for this Envoy, and no other.
    watched.cognito.fault(
        Endpoint::Token,
        CLIENT,
        Fault::OAuthError("invalid_client".into()),
        Times::Next(1),
    );
    watched.sign_in(502);
    let expected =
        [("EnvoyCognitoClientRejected".to_owned(), json!(watched.envoy.admin_address().to_string()))];
    let fires = eventually(PATIENCE, || (watched.firing() == expected).then_some(()));
    assert!(fires.is_some(), "{:?}", watched.firing());

    // Every query has a result.
    let queries = queries();
    assert!(queries.len() >= 30, "{}", queries.len());
    let empty = || {
        let empty = queries.iter().filter(|(_, query)| watched.query(query).is_empty());
        empty.map(|(title, query)| format!("{title}: {query}")).collect::<Vec<_>>()
    };
    // The deny list is missing, so its age is the time since the start.
    let complete = eventually(PATIENCE, || empty().is_empty().then_some(()));
    assert!(complete.is_some(), "{:#?}", empty());
    // Reasons are labels.
    let failed = watched
        .query(&queries.iter().find(|(title, _)| title == "Rejected bearer tokens by reason").unwrap().1);
    assert!(failed.iter().all(|one| !text(&one["metric"]["reason"]).is_empty()), "{failed:?}");
    let median = watched
        .query(&queries.iter().find(|(title, _)| title == "Response time of the token endpoint").unwrap().1);
    assert!(median[0]["value"][1].is_string(), "{median:?}");
}
