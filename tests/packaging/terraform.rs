//! Compares `envoy/terraform` with the commands of `docs/cognito.md`. `terraform validate` needs AWS's provider, which
//! isn't fetched here: this reads and evaluates the file with a parser of its language.

use std::collections::BTreeMap;

use hcl::eval::{Context, Evaluate as _, FuncDef, ParamType};
use serde_json::{Value, json};

use crate::files::read;

/// The resources that the file makes, by type, with its default values. What AWS would return is `<name>`.
fn resources() -> BTreeMap<String, Value> {
    let body: hcl::Body = hcl::from_str(&read("envoy/terraform/main.tf")).expect("well-formed");
    let mut vars = hcl::Map::new();
    for block in body.blocks().filter(|block| block.identifier() == "variable") {
        let default = block.body().attributes().find(|one| one.key() == "default");
        let value =
            default.map_or_else(|| hcl::value!("myapp"), |one| one.expr().evaluate(&Context::new()).unwrap());
        vars.insert(block.labels()[0].as_str().to_owned(), value);
    }
    let to_set = FuncDef::builder().param(ParamType::Any).build(|args| Ok(args[0].clone()));
    let mut context = Context::new();
    context.declare_func("toset", to_set);
    context.declare_var("var", vars);
    context.declare_var("aws_cognito_user_pool", hcl::value!({ this = { id = "<pool>" } }));
    context.declare_var("aws_cognito_user_pool_client", hcl::value!({ gateway = { id = "<client>" } }));
    context.declare_var("each", hcl::value!({ key = "<group>" }));
    let mut found = BTreeMap::new();
    for block in body.blocks().filter(|block| block.identifier() == "resource") {
        let evaluated = block.body().evaluate(&context).unwrap_or_else(|error| panic!("{error}"));
        let settings: Value = hcl::from_body(evaluated).unwrap();
        assert!(found.insert(block.labels()[0].as_str().to_owned(), settings).is_none());
    }
    found
}

/// The options of a command of the page, each with its values.
fn options(command: &str) -> BTreeMap<String, Vec<String>> {
    let page = read("docs/cognito.md").replace("\\\n", " ");
    let start = page.find(&format!("aws cognito-idp {command} ")).unwrap_or_else(|| panic!("no {command}"));
    // The command ends with its line, unless the line ends within quotes.
    let mut is_quoted = false;
    let end = page[start..].find(|character| {
        is_quoted ^= character == '\'';
        character == '\n' && !is_quoted
    });
    let end = end.map_or(page.len(), |length| start + length);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rest = page[start..end].trim();
    let mut option = None;
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        rest = after.trim_start();
        // The output goes into a file, or the variable that gets it ends.
        if word.starts_with('>') || word == "text)\"" {
            break;
        }
        match (word.strip_prefix("--"), &option) {
            (Some(name), _) => {
                assert!(found.insert(name.to_owned(), Vec::new()).is_none(), "{command}: --{name}");
                option = Some(name.to_owned());
            }
            (None, Some(name)) => found.get_mut(name).unwrap().push(word.to_owned()),
            (None, None) => {}
        }
    }
    found
}

#[test]
fn terraform_makes_the_client_that_the_walk_through_makes() {
    let client = &resources()["aws_cognito_user_pool_client"];
    let mut expected = json!({
        "user_pool_id": "<pool>",
        "refresh_token_rotation": {},
    });
    for (name, values) in options("create-user-pool-client") {
        let own = match name.as_str() {
            "user-pool-id" | "query" | "output" => continue,
            "refresh-token-rotation" => {
                let Some(("Feature=ENABLED", seconds)) = values[0].split_once(",RetryGracePeriodSeconds=")
                else {
                    panic!("{values:?}")
                };
                let seconds: u32 = seconds.parse().unwrap();
                expected["refresh_token_rotation"] =
                    json!({ "feature": "ENABLED", "retry_grace_period_seconds": seconds });
                continue;
            }
            "client-name" => "name".to_owned(),
            name => name.replace('-', "_").replace("o_auth", "oauth"),
        };
        expected[own.as_str()] = match values.as_slice() {
            [] => json!(true),
            [name] if own == "name" => json!(name),
            values => json!(values),
        };
    }
    assert_eq!(*client, expected);
}

#[test]
fn terraform_makes_the_pool_and_its_domain_that_the_walk_through_makes() {
    let resources = resources();
    let (pool, command) = (&resources["aws_cognito_user_pool"], options("create-user-pool"));
    assert_eq!(json!([pool["name"]]), json!(command["pool-name"]));
    assert_eq!(command["admin-create-user-config"], ["AllowAdminCreateUserOnly=true"]);
    assert_eq!(pool["admin_create_user_config"], json!({ "allow_admin_create_user_only": true }));
    let schema: Vec<Value> = serde_json::from_str(&command["schema"][0]).unwrap();
    let schema: Vec<Value> = schema
        .iter()
        .map(|attribute| {
            let constraints = &attribute["StringAttributeConstraints"];
            json!({
                "name": attribute["Name"],
                "attribute_data_type": attribute["AttributeDataType"],
                "mutable": attribute["Mutable"],
                "string_attribute_constraints": {
                    "min_length": constraints["MinLength"],
                    "max_length": constraints["MaxLength"],
                },
            })
        })
        .collect();
    assert_eq!(pool["schema"], json!(schema));

    let (domain, command) = (&resources["aws_cognito_user_pool_domain"], options("create-user-pool-domain"));
    assert_eq!(json!([domain["managed_login_version"].to_string()]), json!(command["managed-login-version"]));
    assert_eq!((&domain["domain"], &domain["user_pool_id"]), (&json!("myapp"), &json!("<pool>")));
}

#[test]
fn terraform_makes_the_groups_and_the_style_that_the_walk_through_makes() {
    let resources = resources();
    let groups = &resources["aws_cognito_user_group"];
    assert_eq!(groups["for_each"], json!(options("create-group")["group-name"]));
    assert_eq!((&groups["name"], &groups["user_pool_id"]), (&json!("<group>"), &json!("<pool>")));
    assert!(options("create-managed-login-branding").contains_key("use-cognito-provided-values"));
    assert_eq!(
        resources["aws_cognito_managed_login_branding"],
        json!({ "user_pool_id": "<pool>", "client_id": "<client>", "use_cognito_provided_values": true })
    );
    // Nothing else is made.
    assert_eq!(resources.len(), 5);
}
