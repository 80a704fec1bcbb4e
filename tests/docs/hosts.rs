//! The table of hosts in `docs/cognito.md`, compared with the filter.

use envoy_cognito_core::config::Config;
use serde_json::{Value, json};

use crate::settings::{read, yaml};

/// The cells of a table's line.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The parts in backticks of a table's cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_hosts_of_a_pool_are_as_the_table_says() {
    let page = read("docs/cognito.md");
    let section =
        page.split("\n## Hosts\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let rows: Vec<Vec<&str>> =
        section.lines().filter(|line| line.starts_with('|')).skip(2).map(cells).collect();
    assert!(rows.len() >= 7, "{rows:?}");
    for row in rows {
        let [place, id, domain, more, issuers, keys, api] = row[..] else { panic!("{row:?}") };
        let id = quoted(id)[0];
        let mut document = json!({
            "user_pool_id": id, "client_id": "c", "domain": quoted(domain)[0],
            "session": { "keys": ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="] },
        });
        for setting in quoted(more) {
            let Value::Object(settings) = yaml(place, setting) else { panic!("{place}: {setting}") };
            document.as_object_mut().expect("an object").extend(settings);
        }
        let config = Config::parse(document.to_string().as_bytes(), &|_| None);
        let config = config.unwrap_or_else(|faults| panic!("{place}: {faults:?}"));
        let pool = &config.pools[0].cognito;
        let named: Vec<String> = quoted(issuers).iter().map(|host| format!("https://{host}/{id}")).collect();
        assert_eq!(pool.issuers, named, "{place}");
        assert_eq!(pool.endpoints.jwks.authority, quoted(keys)[0], "{place}");
        assert_eq!(pool.endpoints.api.authority, quoted(api)[0], "{place}");
        let has_own = pool.clusters.api != pool.clusters.idp;
        assert_eq!(has_own, quoted(keys)[0] != quoted(api)[0], "{place}: two hosts need two clusters");
    }
}
