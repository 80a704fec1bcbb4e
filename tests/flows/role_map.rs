//! `roles.map`: roles are renamed, dropped and derived.

use serde_json::{Value, json};

use crate::harness::{Harness, parse, upstream};

/// The roles of a person with these claims.
fn roles(settings: Value, claims: &Value) -> String {
    let mut harness = Harness::with(json!({ "roles": settings }));
    let user = harness.cognito.user.as_object_mut().unwrap();
    user.remove("custom:roles");
    user.extend(claims.as_object().unwrap().clone());
    harness.signed_in();
    let edits = harness.navigate("/").forwarded();
    upstream(&edits, "x-auth-roles").unwrap_or_default().to_owned()
}

#[track_caller]
fn check(map: Value, claims: Value, expected: &str) {
    assert_eq!(roles(json!({ "map": map }), &claims), expected, "{map} {claims}");
}

#[test]
fn roles_are_renamed_and_the_first_entry_counts() {
    let groups = json!({"cognito:groups": ["eks-admin", "eks-", "eks-dev", "other"]});
    let map = json!([
        {"claim": "cognito:groups", "from": "eks-dev", "to": "developers"},
        {"claim": "cognito:groups", "from": "eks-*", "to": "*"},
    ]);
    check(map.clone(), groups.clone(), "admin,developers,other");
    assert_eq!(roles(json!({"map": map, "keep_unmapped": false}), &groups), "admin,developers");
    let prefixed = json!([{"claim": "cognito:groups", "from": "*", "to": "org/*/member"}]);
    check(prefixed, json!({"cognito:groups": ["a", "b"]}), "org/a/member,org/b/member");
}

#[test]
fn roles_are_dropped() {
    let groups = json!({"cognito:groups": ["us-east-1_abc_Google", "staff"]});
    for to in [json!([]), json!(""), Value::Null] {
        check(json!([{"claim": "cognito:groups", "from": "us-east-1_*", "to": to}]), groups.clone(), "staff");
    }
    check(json!([{"claim": "cognito:groups", "from": "us-east-1_*"}]), groups, "staff");
}

#[test]
fn a_value_can_mean_several_roles_and_keep_its_own_name() {
    let map = json!([{"claim": "cognito:groups", "from": "eks-*", "to": ["eks-*", "*", "everybody"]}]);
    check(map, json!({"cognito:groups": ["eks-a", "eks-b"]}), "eks-a,a,everybody,eks-b,b");
}

#[test]
fn roles_are_derived_from_other_claims_whose_other_values_are_no_roles() {
    let map = json!([
        {"claim": "custom:department", "from": "hr", "to": "payroll"},
        {"claim": "email", "from": "*@ops.example.com", "to": "operators"},
    ]);
    check(map.clone(), json!({"custom:department": "hr|it", "cognito:groups": ["a"]}), "a,payroll");
    check(map.clone(), json!({"custom:department": "it"}), "");
    check(map.clone(), json!({"email": "Jo@OPS.example.com"}), "operators");
    check(map.clone(), json!({"email": "jo@example.com"}), "");
    // The separator is for lists of roles: an address is one text.
    let exact = json!([{"claim": "email", "from": "boss@example.com", "to": "boss"}]);
    check(exact, json!({"email": "x|boss@example.com"}), "");
}

#[test]
fn an_address_that_nobody_verified_grants_nothing() {
    let map = json!([{"claim": "email", "from": "*@ops.example.com", "to": "operators"}]);
    for verified in [json!(false), json!("false"), Value::Null, json!(1), json!([true])] {
        check(map.clone(), json!({"email": "jo@ops.example.com", "email_verified": verified}), "");
    }
    check(map, json!({"email": "jo@ops.example.com", "email_verified": "true"}), "operators");
    // Nor does it if addresses themselves are roles.
    let claims = |verified| json!({"email": "jo@example.com", "email_verified": verified});
    assert_eq!(roles(json!({"claims": ["email"]}), &claims(true)), "jo@example.com");
    assert_eq!(roles(json!({"claims": ["email"]}), &claims(false)), "");
    let phone = json!([{"claim": "phone_number", "from": "+49*", "to": "german"}]);
    check(phone.clone(), json!({"phone_number": "+491"}), "");
    check(phone, json!({"phone_number": "+491", "phone_number_verified": true}), "german");
}

#[test]
fn a_map_makes_no_scope() {
    let map = json!([{"claim": "cognito:groups", "from": "x-*", "to": ["*", "ok"]}]);
    check(map, json!({"cognito:groups": ["x-scope:orders/write", "x- "]}), "ok");
}

#[test]
fn groups_of_an_access_token_are_renamed_too_and_scopes_stay() {
    let mut harness = Harness::with(json!({
        "bearer": {"enabled": true},
        "roles": {
            "claims": ["custom:roles"],
            "map": [
                {"claim": "cognito:groups", "from": "eks-*", "to": "*"},
                {"claim": "scope", "from": "*", "to": "never"},
            ],
        },
    }));
    let pool = harness.config.pools[0].clone();
    let token = harness.cognito.access_token(&pool, &json!({"cognito:groups": ["eks-a", "staff"]}));
    let authorization = format!("Bearer {token}");
    let edits = harness.request("GET", "/", &[("authorization", &authorization)]).forwarded();
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("a,staff,scope:openid,scope:orders/read"));
}

/// The errors of a configuration.
fn faults(settings: Value) -> Vec<String> {
    let faults = parse(&settings).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_rule_for_a_role_that_the_map_takes_away_is_refused() {
    let check = |roles: Value, role: &str, can: bool| {
        let found = faults(json!({"roles": roles, "rules": [{"roles_any": [role]}, ]}));
        let expected =
            format!("rules[0].roles_any[0]: nobody can have `{role}`: `roles.map` renames it or drops it");
        assert_eq!(found, if can { vec![] } else { vec![expected] }, "{roles} {role}");
    };
    let renaming = json!({"claims": ["cognito:groups"], "map": [
        {"claim": "cognito:groups", "from": "eks-legacy", "to": "old"},
        {"claim": "cognito:groups", "from": "eks-*", "to": "team-*"},
        {"claim": "email", "from": "*@x", "to": "operators"},
    ]});
    for (role, can) in [
        ("team-a", true),
        ("eks-a", false),
        ("team-legacy", true),
        ("old", true),
        ("operators", true),
        ("x", true),
    ] {
        check(renaming.clone(), role, can);
    }
    check(renaming, "eks-legacy", false);
    // With other claims, the name may come from there.
    let mixed = json!({"map": [{"claim": "cognito:groups", "from": "eks-*", "to": "*"}]});
    check(mixed, "eks-admin", true);
    let strict = json!({"keep_unmapped": false, "map": [
        {"claim": "cognito:groups", "from": "legacy", "to": "old"},
        {"claim": "cognito:groups", "from": "*", "to": "org/*"},
    ]});
    for (role, can) in
        [("org/a", true), ("admin", false), ("old", true), ("org/legacy", false), ("scope:orders/read", true)]
    {
        check(strict.clone(), role, can);
    }
}

#[test]
fn a_wrong_map_is_refused_with_its_place() {
    let check =
        |roles: Value, expected: &[&str]| assert_eq!(faults(json!({ "roles": roles })), expected, "{roles}");
    let entry = |entry: Value| json!({ "map": [entry] });
    check(
        entry(json!({"from": "a", "to": "b"})),
        &["roles.map[0].claim: is missing (for example cognito:groups)"],
    );
    check(entry(json!({"claim": "c", "from": "", "to": "b"})), &["roles.map[0].from: is empty"]);
    check(
        entry(json!({"claim": "c", "from": "a*", "too": "b"})),
        &["roles.map[0].too: unknown setting; did you mean `to`?"],
    );
    check(
        entry(json!({"claim": "c", "from": "a", "to": 5})),
        &["roles.map[0].to: a number where text is needed"],
    );
    let stars = "may contain one `*`, and only if `from` contains exactly one";
    for (from, to) in [("a", "*"), ("a*b*", "*"), ("a*", "**")] {
        check(entry(json!({"claim": "c", "from": from, "to": to})), &[&format!("roles.map[0].to: {stars}")]);
    }
    check(
        entry(json!({"claim": "c", "from": "a", "to": ["b", "scope:x"]})),
        &["roles.map[0].to[1]: `scope:x` would look like a scope; only access tokens have scopes"],
    );
    check(
        entry(json!({"claim": "c", "from": "a", "to": ["", " b"]})),
        &[
            "roles.map[0].to[0]: `` is not a valid role: nobody could have it",
            "roles.map[0].to[1]: ` b` is not a valid role: nobody could have it",
        ],
    );
    check(
        json!({"map": [{"claim": "c", "from": "a*", "to": "b"}, {"claim": "d", "from": "a*"}, {"claim": "c", "from": "ab*"}]}),
        &["roles.map[2]: can never match: roles.map[0] comes first and matches all of it"],
    );
    check(json!({"map": {}}), &["roles.map: an object where a list is needed"]);
    check(
        json!({"keep_unmapped": false}),
        &["roles.keep_unmapped: is false, but there is no `map`: nobody would have a role"],
    );
}
