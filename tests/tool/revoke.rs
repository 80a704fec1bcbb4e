//! `envoy-cognito revoke`.

use std::fs;

use envoy_cognito_core::shared::revocations::{Compiled, Kind};
use envoy_cognito_core::time::parse_rfc3339;
use serde_json::{Value, json};

use crate::{File, Outcome, run};

const ID: &str = "0123456789abcdef0123456789abcdef";

fn revoke(file: &File, arguments: &[&str]) -> Outcome {
    run(&["revoke", file.path()]).arguments(arguments).outcome()
}

fn list(file: &File) -> Value {
    serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap()
}

#[test]
fn a_file_is_created_with_every_kind_of_entry_and_the_filter_reads_it() {
    let file = File::new("revoke-new.json", "");
    fs::remove_file(file.path()).unwrap();
    let time = "2026-11-29T08:00:00Z";
    let upper = ID.to_uppercase();
    let outcome = revoke(
        &file,
        &[
            "--subject",
            "b",
            "--subject",
            "a",
            "--username",
            "jsmith",
            "--at",
            "2026-11-29T09:00:00+01:00",
            "--session",
            &upper,
            "--token-id",
            "jti",
            "--before",
            "2026-01-01T00:00:00Z",
        ],
    )
    .expect(0);
    let said = "2 subjects, 1 username, 1 session, 1 token id, everybody before 2026-01-01T00:00:00Z\n";
    assert!(outcome.out.ends_with(said), "{}", outcome.out);
    let expected = json!({
        "before": "2026-01-01T00:00:00Z", "subjects": { "a": time, "b": time }, "usernames": { "jsmith": time },
        "sessions": [ID], "token_ids": ["jti"],
    });
    assert_eq!(list(&file), expected);
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.find("\"a\"") < text.find("\"b\"") && text.ends_with("}\n"), "{text}");
    let compiled = Compiled::parse(text.as_bytes()).unwrap();
    assert_eq!(compiled.entries().count(), 5);
    assert!(compiled.entries().any(|(id, _)| id == Kind::Session.id(&upper)));
}

#[test]
fn without_a_time_everything_until_now_ends() {
    let file = File::new("revoke-now.json", "{}");
    revoke(&file, &["--subject", "a", "--before", "now"]).expect(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for time in [&list(&file)["subjects"]["a"], &list(&file)["before"]] {
        let secs = parse_rfc3339(time.as_str().unwrap()).unwrap().secs();
        assert!(secs <= now + 1 && now < secs + 60, "{time}");
    }
}

#[test]
fn of_two_times_the_later_stays_and_entries_are_kept() {
    let file = File::new(
        "revoke-later.json",
        r#"{"token_ids": ["z", "a"], "subjects": {"a": "2026-06-01T00:00:00Z"}}"#,
    );
    revoke(&file, &["--subject", "a", "--at", "2026-01-01T00:00:00Z"]).expect(0);
    assert_eq!(list(&file)["subjects"]["a"], "2026-06-01T00:00:00Z");
    revoke(&file, &["--subject", "a", "--at", "2026-07-01T00:00:00Z", "--before", "2026-05-01T00:00:00Z"])
        .expect(0);
    revoke(&file, &["--before", "2026-04-01T00:00:00Z"]).expect(0);
    assert_eq!(list(&file)["subjects"]["a"], "2026-07-01T00:00:00Z");
    assert_eq!(list(&file)["before"], "2026-05-01T00:00:00Z");
    assert_eq!(list(&file)["token_ids"], json!(["a", "z"]), "sorted");
}

#[test]
fn entries_are_removed_by_name_and_times_by_age() {
    let text = json!({
        "before": "2020-01-01T00:00:00Z", "subjects": { "a": "2020-01-01T00:00:00Z", "b": "2999-01-01T00:00:00Z" },
        "usernames": { "u": "2020-01-01T00:00:00Z" }, "sessions": [ID], "token_ids": ["t"],
    });
    let file = File::new("revoke-prune.json", &text.to_string());
    revoke(&file, &["--prune", "12h"]).expect(0);
    let rest = json!({ "subjects": { "b": "2999-01-01T00:00:00Z" }, "sessions": [ID], "token_ids": ["t"] });
    assert_eq!(list(&file), rest);
    revoke(&file, &["--remove", "--subject", "b", "--session", ID, "--token-id", "t", "--username", "x"])
        .expect(0);
    assert_eq!(list(&file), json!({}));
}

#[test]
fn what_is_wrong_changes_nothing() {
    let check = |text: &str, arguments: &[&str], message: &str| {
        let file = File::new("revoke-wrong.json", text);
        let outcome = revoke(&file, arguments).expect(2);
        assert!(outcome.err.contains(message), "{}", outcome.err);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
    };
    check("{}", &["--session", "abc"], "--session: `abc` is not a session's id");
    check("{}", &["--subject", " "], "--subject: is empty");
    check("{}", &["--subject", "a", "--at", "tomorrow"], "--at: `tomorrow` is neither `now` nor a time");
    check("{}", &["--before", "1767225600"], "--before: `1767225600` is neither `now` nor a time");
    check("{}", &["--prune", "12"], "--prune: `12` is not a valid duration");
    check("{}", &["--remove", "--before", "now"], "cannot be used with");
    check(r#"{"subjects": {"a": 1}}"#, &["--subject", "b"], "subjects[0]: is not a text");
    check(r#"{"users": {}}"#, &[], "users: is unknown");
    check("", &[], "is not a JSON object");
}
