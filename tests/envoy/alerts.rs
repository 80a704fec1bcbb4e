//! The alerts of the documentation, evaluated with the output of a real Envoy for Prometheus: none fires before
//! something has gone wrong, and each fires in its story.

pub mod promql;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, eventually, free_ports};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Config, Endpoint, Fault, StandIn, Times};

use crate::aged::{OVER, age};
use crate::alerts::promql::{Relabelling, Scrape, Scrapes, selectors};
use crate::deny_list::Server;
use crate::world::{
    PASSWORD, SESSION_KEY, USER, config_at, filter, is_native, merged, pass_on_metrics, pool,
};

const SITE: &str = "watched";
/// A site whose key set is unavailable. It has its own pool, because listeners share the key set of a pool.
const KEYLESS: &str = "keyless";
pub const PAGE: &str = "docs/operations.md";

/// The code of a page, inline or in blocks, that contains the filter's statistics with their Prometheus names.
pub fn expressions(page: &str) -> Vec<String> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(page);
    let text = std::fs::read_to_string(&path).expect("a page");
    let (mut found, mut in_block) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.push(line.split_once("expr:").map_or(line, |(_, expression)| expression).trim().to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|code| code.replace("\\|", "|")));
        }
    }
    // docs/native.md shows how Prometheus renames the series of the native module.
    found.retain(|code| {
        code.contains("envoy_cognito_") && !code.contains("envoy_cognito.wasm") && !code.contains(LONG_PREFIX)
    });
    found
}

/// Every page of the documentation.
fn pages() -> Vec<String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut pages = Vec::new();
    for folder in ["", "docs", "envoy", "envoy/istio", "envoy/envoy-gateway"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(root).expect("below").to_str().expect("a name").to_owned());
            }
        }
    }
    pages
}

/// An Envoy whose Cognito the test controls, with an additional site whose cluster is missing.
pub struct Watched {
    cognito: StandIn,
    _app: SampleApp,
    pub envoy: Envoy,
    pub ports: Vec<u16>,
}

impl Watched {
    pub fn new() -> Self {
        let pools = [SITE, KEYLESS].map(|name| pool(name, false)).to_vec();
        let cognito = StandIn::start(Config::new(pools)).expect("a stand-in");
        let app = SampleApp::start().expect("a sample app");
        let config = merged(
            config_at(SITE, &cognito.domain_url(), &cognito.idp_url()),
            json!({ "timeouts": { "token": "4s" }, "bearer": { "enabled": true } }),
        );
        let (_, list) = Server::start(&json!({}));
        let listed = json!({ "revocations": { "cluster": "revocations", "path": "/revoked.json" } });
        let lost = merged(config.clone(), json!({ "clusters": { "domain": "nowhere" } }));
        let keyless = merged(
            config_at(KEYLESS, &cognito.domain_url(), &cognito.idp_url()),
            json!({ "clusters": { "idp": "dead" } }),
        );
        let ports = free_ports(5);
        let mut bootstrap = Bootstrap::new(ports[0], filter())
            .cluster("app", app.addr())
            .cluster("cognito_domain", cognito.domain_addr())
            .cluster("cognito_idp", cognito.idp_addr())
            .cluster("revocations", list)
            .cluster("dead", ([127, 0, 0, 1], ports[4]).into());
        for (port, (name, config)) in
            ports[1..].iter().zip([("good", merged(config, listed)), ("lost", lost), ("keyless", keyless)])
        {
            let listener = Listener::new(*port, Filter::Json(config)).env("SESSION_KEY", SESSION_KEY);
            bootstrap = bootstrap.listener(Listener { name: name.to_owned(), ..listener });
        }
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        Self { cognito, _app: app, envoy, ports: ports[1..].to_vec() }
    }

    fn browser(&self, site: usize) -> Browser {
        Browser::new().route(&origin(site), ([127, 0, 0, 1], self.ports[site]).into())
    }

    /// A person signs in, or tries to.
    pub fn sign_in(&self, site: usize, status: u16) -> Browser {
        let mut browser = self.browser(site);
        let visit = browser.sign_in(&format!("{}/", origin(site)), USER, PASSWORD);
        assert_eq!(visit.status(), status, "{visit}\n{}", self.envoy.log());
        browser
    }

    fn fail(&self, fault: Fault, status: u16) {
        self.cognito.fault(Endpoint::Token, SITE, fault, Times::Always);
        self.sign_in(0, status);
        self.cognito.clear_faults(SITE);
    }

    /// A refresh fails. The person doesn't notice it.
    pub fn fail_refresh(&self, fault: Fault, reason: &str) {
        let line = format!("event=refresh.failed reason={reason}");
        let mut browser = self.sign_in(0, 200);
        let config = config_at(SITE, &self.cognito.domain_url(), &self.cognito.idp_url());
        age(&config, &format!("{SITE}.example.test"), &mut browser, OVER);
        self.cognito.fault(Endpoint::Token, SITE, fault, Times::Always);
        let failed = || {
            assert_eq!(browser.fetch(&url("/")).status, 200);
            self.envoy.log().contains(&line).then_some(())
        };
        // After a failure of Cognito, the filter pauses for at most half a minute.
        let failed = eventually(2 * rig::PATIENCE, failed);
        assert!(failed.is_some(), "{}", self.envoy.log());
        self.cognito.clear_faults(SITE);
    }

    /// A request with that header gets 401.
    pub fn refused(&self, header: &str, value: &str) {
        let request = RawRequest::get("/").host(&format!("{SITE}.example.test")).header(header, value);
        let request = request.header("x-forwarded-proto", "https");
        let answer = rig::send(([127, 0, 0, 1], self.ports[0]).into(), &request).expect("an answer");
        assert_eq!(answer.status, 401, "{header}: {value}");
    }

    pub fn scrape(&self) -> Scrape {
        let answer = self.envoy.admin("GET", "/stats/prometheus").expect("an answer");
        assert_eq!(answer.status, 200);
        let scrape = Scrape::read(&answer.text());
        if is_native() { scrape.relabelled(&relabelling()) } else { scrape }
    }

    /// The change since `before`, as soon as it makes that alert fire.
    fn until_fires(&self, before: &Scrape, expression: &str) -> Scrapes {
        let scrapes = || {
            self.ports[..3].iter().for_each(|port| pass_on_metrics(([127, 0, 0, 1], *port).into()));
            Scrapes { before: before.clone(), after: self.scrape(), apart: Duration::from_secs(5) }
        };
        let fired = eventually(rig::PATIENCE, || Some(scrapes()).filter(|seen| seen.fires(expression)));
        fired.unwrap_or_else(|| panic!("{expression} doesn't fire: {:#?}", self.envoy.stats("wasmcustom.")))
    }
}

/// How series of the native module begin before Prometheus renames them.
const LONG_PREFIX: &str = "envoy_wasmcustom_";

/// The renaming for Prometheus in docs/native.md.
fn relabelling() -> Relabelling {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/native.md");
    let page = std::fs::read_to_string(page).expect("a page");
    let block = page.split("```yaml\n").find(|block| block.starts_with("metric_relabel_configs:"));
    let yaml: Value =
        yaml_serde::from_str(block.expect("it is there").split("```").next().unwrap_or_default())
            .expect("YAML");
    let [rule] = yaml["metric_relabel_configs"].as_array().expect("rules").as_slice() else {
        panic!("one rule: {yaml}")
    };
    assert_eq!((&rule["source_labels"], &rule["target_label"]), (&json!(["__name__"]), &json!("__name__")));
    let text = |key: &str| rule[key].as_str().expect(key).to_owned();
    Relabelling { regex: text("regex"), replacement: text("replacement") }
}

fn origin(site: usize) -> String {
    format!("https://{}.example.test", if site == 2 { KEYLESS } else { SITE })
}

fn url(path: &str) -> String {
    format!("https://{SITE}.example.test{path}")
}

/// A story in which an alert fires. `None` if a test can't wait for it.
type Story = Option<fn(&Watched)>;

/// The alerts, identified by a part of their expressions, each with its story.
const STORIES: &[(&str, Story)] = &[
    (
        "sign_in_started",
        Some(|watched| {
            let start = watched.browser(0).step(&url("/"));
            assert_eq!(start.status, 302);
        }),
    ),
    ("failed_invalid_client", Some(|watched| watched.fail(Fault::OAuthError("invalid_client".into()), 502))),
    (
        "failed_unauthorized_client",
        Some(|watched| watched.fail(Fault::OAuthError("unauthorized_client".into()), 502)),
    ),
    ("failed_invalid_scope", Some(|watched| watched.fail(Fault::OAuthError("invalid_scope".into()), 502))),
    ("failed_cluster_missing", Some(|watched| drop(watched.sign_in(1, 503)))),
    ("failed_id_token_expired", Some(|watched| watched.fail(Fault::Expired, 401))),
    ("failed_id_token_not_yet_valid", Some(|watched| watched.fail(Fault::IssuedInFuture, 401))),
    (
        "refresh_failed_token_unavailable",
        Some(|watched| watched.fail_refresh(Fault::Status(500), "token_unavailable")),
    ),
    (
        "refresh_failed_token_timeout",
        Some(|watched| watched.fail_refresh(Fault::Slow(Duration::from_secs(20)), "token_timeout")),
    ),
    // While a person waits for the keys, they are requested repeatedly.
    ("jwks_failed", Some(|watched| drop(watched.sign_in(2, 503)))),
    ("jwks_age_s", None),
    ("revocations_age_s", None),
    // 32,768 people must sign out. `tests/flows/signed_out.rs` has a full list.
    ("sign_out_list_full", None),
    // 10,000 streams must be open at one worker. `tests/flows/streams.rs` has as many.
    ("streams_displaced", None),
    (
        "session_rejected_not_opened",
        Some(|watched| {
            for _ in 0..10 {
                watched.refused("cookie", "__Host-auth=bent");
            }
        }),
    ),
];

#[test]
fn every_alert_of_the_documentation_fires_when_it_should() {
    let watched = Watched::new();
    // Counters reach Envoy a little later, and the age of the keys with them.
    let settled = eventually(rig::PATIENCE, || {
        let scrape = watched.scrape();
        scrape.names().contains("envoy_cognito_jwks_age_s").then_some(scrape)
    });
    let first = settled.unwrap_or_else(|| panic!("{}", watched.envoy.log()));
    let alerts = expressions(PAGE);
    assert!(alerts.len() >= 10, "{alerts:#?}");
    let quiet = Scrapes { before: first.clone(), after: first.clone(), apart: Duration::from_secs(5) };
    for alert in &alerts {
        assert!(!quiet.fires(alert), "{alert} fires though nothing has happened");
    }
    let mut told = BTreeSet::new();
    for (what, story) in STORIES {
        let about: Vec<&String> = alerts.iter().filter(|alert| alert.contains(what)).collect();
        assert!(!about.is_empty(), "no alert watches {what}");
        let before = watched.scrape();
        let Some(story) = story else {
            told.extend(about);
            continue;
        };
        story(&watched);
        for alert in about {
            watched.until_fires(&before, alert);
            told.insert(alert);
        }
    }
    let untold: Vec<_> = alerts.iter().filter(|alert| !told.contains(alert)).collect();
    assert!(untold.is_empty(), "without a story: {untold:#?}");
}

#[test]
fn what_pages_say_of_prometheus_a_real_envoy_tells_it() {
    let watched = Watched::new();
    watched.sign_in(0, 200);
    let known = eventually(rig::PATIENCE, || {
        let scrape = watched.scrape();
        scrape.names().contains("envoy_cognito_jwks_age_s").then_some(scrape)
    });
    let scrape = known.unwrap_or_else(|| panic!("{}", watched.envoy.log()));
    let mut count = 0;
    for page in pages() {
        let text =
            std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(&page))
                .expect("a page");
        if page != "docs/native.md" {
            assert!(!text.contains("wasmcustom_"), "{page}: Envoy tells Prometheus no such name");
        }
        for expression in expressions(&page) {
            for selector in selectors(&expression) {
                assert!(scrape.has(&selector), "{page}: {expression}: Envoy has no {selector}");
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count}");
    // The reverse: the metrics in the table exist, except those whose names end with a reason.
    let table = std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(PAGE))
        .expect("a page");
    let named = table.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("envoy_cognito."));
    let names = scrape.names();
    for name in named.filter(|name| !name.contains(['<', ' '])) {
        let series = format!("envoy_cognito_{}", name.replace('.', "_"));
        let there = names.contains(series.as_str()) || names.contains(format!("{series}_count").as_str());
        assert!(there, "{PAGE} names {name}: {names:#?}");
    }
}
