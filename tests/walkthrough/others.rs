//! The examples of other products in `docs/migration.md`: Envoy and the AWS CLI check the names and types of their
//! settings.

use rig::{Envoy, Options};
use serde_json::{Value, json};

use crate::{page::Page, shell::Shell};

const PAGE: &str = "docs/migration.md";

#[test]
fn envoy_takes_the_example_of_its_own_filters() {
    let page = Page::read(PAGE);
    let filters: Value = yaml_serde::from_str(page.marked("yaml", "theirs")).unwrap();
    let bootstrap = around(&filters["http_filters"]);
    Envoy::validate(&bootstrap.to_string(), &Options::default()).unwrap_or_else(|log| panic!("{log}"));

    // An unknown setting would be noticed.
    let mut bent = filters["http_filters"].clone();
    bent[0]["typed_config"]["config"]["use_refresh_tokens"] = true.into();
    assert!(Envoy::validate(&around(&bent).to_string(), &Options::default()).is_err());
}

/// A bootstrap with the clusters that the filters name.
fn around(filters: &Value) -> Value {
    let local = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let cluster =
        |name: &str| json!({ "name": name, "type": "STATIC", "load_assignment": { "cluster_name": name } });
    let secret =
        |name: &str| json!({ "name": name, "generic_secret": { "secret": { "inline_string": name } } });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "others",
        "route_config": {},
        "http_filters": filters,
    });
    let chain = json!({ "filters": [{ "name": "http", "typed_config": manager }] });
    json!({
        "admin": { "address": local },
        "static_resources": {
            "secrets": [secret("token"), secret("hmac")],
            "clusters": [cluster("cognito_domain"), cluster("cognito_idp")],
            "listeners": [{ "name": "others", "address": local, "filter_chains": [chain] }],
        },
    })
}

#[test]
fn the_aws_cli_takes_the_example_of_an_alb() {
    let page = Page::read(PAGE);
    let actions = page.marked("json", "");
    // Nothing listens there. The CLI reports invalid parameters before it connects.
    let nowhere = format!("http://127.0.0.1:{}", rig::free_port());
    let mut shell = Shell::start(&nowhere);
    let create = |actions: &str| {
        format!(
            "AWS_MAX_ATTEMPTS=1 aws elbv2 create-rule --region us-east-1 --endpoint-url {nowhere} --priority 1 \\
               --listener-arn arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2 \\
               --conditions Field=path-pattern,Values=/ --actions '{actions}'"
        )
    };
    let answer = shell.fails(&create(actions));
    assert!(answer.contains("Could not connect to the endpoint"), "{answer}");
    let answer = shell.fails(&create(&actions.replace("SessionTimeout", "SessionTimeOut")));
    assert!(answer.contains("Unknown parameter"), "{answer}");
}
