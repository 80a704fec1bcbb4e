//! Environment variables in the document.

use super::*;

#[test]
fn environment_variables_stand_in_any_text() {
    let config = accepted(json!({
        "user_pool_id": "${POOL}",
        "session": {"keys": ["${KEY}"]},
        "paths": {"callback": "/${PATH_PART}/${PATH_PART}/done"},
        "client_secret": "${NESTED}",
        "authorize_params": {"login_hint": "$${POOL} costs $5 and $$"},
    }));
    assert_eq!(
        config.pools[0].cognito.issuer,
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_FromEnv"
    );
    assert_eq!(config.paths.callback, "/login/login/done");
    let secret = config.pools[0].cognito.client_secret.clone().unwrap();
    assert_eq!(secret.0.expose(), "${POOL}", "what a variable holds is not read once more");
    assert_eq!(config.pools[0].cognito.authorize_params[0].1, "${POOL} costs $5 and $$");
}

#[test]
fn an_unset_variable_is_one_fault_that_names_it() {
    let unset = |name: &str| {
        format!(
            "the environment variable {name} is not set in the VM (Envoy: set it in Envoy's environment, and \
             name it under vm_config.environment_variables.host_env_keys; Istio: under vmConfig.env)"
        )
    };
    let check = |patch: Value, path: &str, message: &str| {
        assert_eq!(faults(patch.clone()), [format!("{path}: {message}")], "{patch}");
    };
    check(json!({"user_pool_id": "${UNSET}"}), "user_pool_id", &unset("UNSET"));
    check(json!({"client_secret": "x${POOL}${UNSET}"}), "client_secret", &unset("UNSET"));
    check(json!({"session": {"keys": ["${UNSET}"]}}), "session.keys[0]", &unset("UNSET"));
    check(json!({"headers": {"claims": {"x-a": "${UNSET}"}}}), "headers.claims.x-a", &unset("UNSET"));
    check(json!({"rules": [{"path": "/${UNSET}"}]}), "rules[0].path", &unset("UNSET"));
    check(json!({"client_id": "${UNSET"}), "client_id", "`${` without `}`; write `$${` for a literal one");
    check(json!({"client_id": "${}"}), "client_id", "`${}` is not a valid name of an environment variable");
    check(
        json!({"client_id": "${A-B}"}),
        "client_id",
        "`${A-B}` is not a valid name of an environment variable",
    );
    check(json!({"client_id": "${EMPTY}"}), "client_id", "is empty");
    check(json!({"client_secret": "${EMPTY}"}), "client_secret", "is empty; remove it for a public client");
}
