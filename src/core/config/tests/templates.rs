//! Templates of headers: what is refused, and what a person's header contains.

use super::*;

fn template(text: &str) -> Value {
    json!({"headers": {"preset": "none", "templates": {"x-it": text}}})
}

fn smith() -> Identity {
    let claim = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Identity {
        subject: "55dd".to_owned(),
        username: Some("jsmith".to_owned()),
        email: Some("j%;smith@example.com".to_owned()),
        name: Some("John \"J\\\" <Smith>\r\n".to_owned()),
        roles: vec!["authp/admin".to_owned(), "a,b;c".to_owned(), "x=y".to_owned()],
        claims: vec![claim("custom:x", "a-b"), claim("custom:list", "[a, b;c]")],
        ..Identity::default()
    }
}

/// The header of a template for John Smith.
#[track_caller]
fn filled(text: &str) -> Option<String> {
    let config = accepted(template(text));
    config.headers.render(&smith()).next().map(|(_, value)| String::from_utf8(value).unwrap())
}

#[test]
fn a_template_has_fixed_text_values_and_texts_by_role() {
    for (text, expected) in [
        ("1", "1"),
        ("{sub}", "55dd"),
        ("{username}", "jsmith"),
        ("user-{username}", "user-jsmith"),
        ("{email}", "j%;smith@example.com"),
        ("{claims.custom:x}", "a-b"),
        ("{roles}", "authp/admin,a%2Cb;c,x=y"),
        ("{roles:;}", "authp/admin;a%2Cb%3Bc;x=y"),
        ("{roles: }", "authp/admin a%2Cb;c x=y"),
        ("{claims.custom:list}", "a,b;c"),
        ("{role:authp/admin=yes|no}", "yes"),
        ("{role:nobody=yes|no}", "no"),
        ("{role:nobody=yes|x=y=why|no}", "why"),
        ("{role:scope:read=reads|person}", "person"),
        ("{sub}{role:nobody=a|b}x{role:authp/admin=c}", "55ddbxc"),
    ] {
        assert_eq!(filled(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn a_template_that_lacks_a_part_sends_nothing() {
    for text in [
        "{claims.custom:none}",
        "{username}/{claims.custom:none}",
        "{role:nobody=yes}",
        "x {role:nobody=yes}",
    ] {
        assert_eq!(filled(text), None, "{text}");
    }
}

#[test]
fn no_value_looks_like_the_text_of_its_template() {
    for (text, expected) in [
        // The first mark after a value ends it.
        ("{email};{sub}", "j%25%3Bsmith@example.com;55dd"),
        ("{name} <{username}>", "John \"J\\\" %3CSmith%3E?? <jsmith>"),
        ("{claims.custom:x}-{username}", "a%2Db-jsmith"),
        ("{claims.custom:x}--{username}", "a%2Db--jsmith"),
        ("{claims.custom:x} and {username}", "a-b and jsmith"),
        ("{name} {sub}", "John%20\"J\\\"%20<Smith>?? 55dd"),
        ("\"{name}\"", "\"John %22J%5C%22 <Smith>??\""),
        ("{username}@example.com", "jsmith@example.com"),
        ("{email}@example.com", "j%25;smith%40example.com@example.com"),
        // Text before the values ends none.
        ("j: {email}", "j: j%;smith@example.com"),
        // Lists are encoded item by item, and again as a whole.
        ("{roles};{sub}", "authp/admin,a%252Cb%3Bc,x=y;55dd"),
        ("{claims.custom:list};{sub}", "a,b%3Bc;55dd"),
    ] {
        assert_eq!(filled(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn templates_are_encoded_as_all_values() {
    let mut patch = template("{name}|{claims.custom:x}");
    patch["headers"]["encoding"] = json!("percent");
    let config = accepted(patch);
    let identity = Identity {
        name: Some("Zoë|100%".to_owned()),
        claims: vec![("custom:x".to_owned(), "é".to_owned())],
        ..smith()
    };
    let value = config.headers.render(&identity).next().unwrap().1;
    assert_eq!(String::from_utf8(value).unwrap(), "Zo%25C3%25AB%7C100%2525|%25C3%25A9");
}

#[test]
fn a_template_that_cannot_be_right_is_refused() {
    let known = "is not printable ASCII with parts like {sub}, {username}, {email}, {name}, {claims.NAME}, {roles}, \
                 {roles:;}, {role:ROLE=TEXT|TEXT}, and without other braces or a space at an end";
    for text in [
        "",
        " {sub}",
        "{sub} ",
        "{sub",
        "sub}",
        "{sub}}",
        "{{sub}}",
        "{sub}\r\nx: y",
        "\u{e9}{sub}",
        "{emial}",
        "{}",
        "{ sub}",
        "{Sub}",
        "{claims.}",
        "{claims. x}",
        "{claims:email}",
        "{roles:}",
        "{roles:, }",
        "{roles:a}",
        "{roles:%}",
        "{roles:\u{e9}}",
        "{roles.;}",
        "{role:yes}",
        "{role:}",
        "{role:a=}",
        "{role:a=\u{e9}}",
        "{role:a=b|c|d=e}",
        "{role:a=b|}",
        "{role:=b}",
        "{role:a=b|=c}",
        "{role:a=b\n}",
    ] {
        check(template(text), &[format!("headers.templates.x-it: {known}").as_str()]);
    }
    let apart = "has values that can't be told apart: put a mark between them, and join roles by another one";
    for text in [
        "{sub}{email}",
        "{sub}x{email}",
        "{sub}{role:a=-|+}{email}",
        "{sub},{roles}",
        "{sub}; {roles:;}",
        "{roles}, {sub}",
    ] {
        check(template(text), &[format!("headers.templates.x-it: {apart}").as_str()]);
    }
    check(
        template("{role: a=b}"),
        &["headers.templates.x-it: ` a` is not a valid role: nobody could have it"],
    );
    let mut renamed = template("{role:old=yes|no}");
    renamed["roles"] = json!({"map": [{"claim": "cognito:groups", "from": "old", "to": "new"}, {"claim": "custom:roles", "from": "old", "to": "new"}]});
    check(renamed, &["headers.templates.x-it: nobody can have `old`: `roles.map` renames it or drops it"]);
}

#[test]
fn the_name_of_a_template_is_a_headers_name_and_its_own() {
    check(
        json!({"headers": {"claims": {"x-a": "a"}, "templates": {"X_A": "1", "host": "1", "x y": "1", "x-auth-user": "1"}}}),
        &[
            "headers.templates.X_A: `x_a` is already set by another setting",
            "headers.templates.host: `host` is part of the request itself and can't be set from a claim",
            "headers.templates.x y: `x y` is not a valid header name; use letters, digits, `-`, `_` and `.`",
            "headers.templates.x-auth-user: `x-auth-user` is already set by another setting",
        ],
    );
    check(
        json!({"headers": {"templates": {"x-a": 1}}}),
        &["headers.templates.x-a: a number where text is needed"],
    );
    let config = accepted(template("1"));
    assert!(
        config.headers.is_ours("X_It") && config.headers.is_ours("x.it") && !config.headers.is_ours("x-ita")
    );
}

#[test]
fn a_session_keeps_only_the_claims_that_a_template_adds() {
    let config = accepted(json!({"headers": {
        "claims": {"x-tenant": "custom:tenant"},
        "templates": {"x-a": "{email} {sub} {name}", "x-b": "{claims.custom:x}/{claims.custom:tenant}"},
    }}));
    assert_eq!(config.headers.claims(), ["custom:tenant", "custom:x"]);
}
