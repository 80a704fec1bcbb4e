//! Every event and every reason that the filter can log has its row in docs/operations.md, and its counter where it is
//! counted. Which there are is read in the sources.

use std::collections::BTreeSet;

use envoy_cognito_core::telemetry::counter::Counter;

use crate::settings::read;

const PAGE: &str = "docs/operations.md";

/// The texts in a function of a source that could be reasons.
fn literals(file: &str, function: &str) -> BTreeSet<String> {
    let source = read(file);
    let (_, rest) =
        source.split_once(&format!("fn {function}(")).unwrap_or_else(|| panic!("{file}: no {function}"));
    let end = ["\n    }\n", "\n}\n"].iter().filter_map(|end| rest.find(end)).min().unwrap();
    named(&rest[..end], "")
}

/// The texts behind these words that could be reasons.
fn named(source: &str, before: &str) -> BTreeSet<String> {
    let start = format!("{before}\"");
    let texts = source.split(&start).skip(1).step_by(if before.is_empty() { 2 } else { 1 });
    let texts = texts.map(|rest| rest.split('"').next().unwrap());
    let is_name = |text: &&str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.')
    };
    texts.filter(is_name).map(str::to_owned).collect()
}

/// What stands between backticks in the first column of the tables below a heading.
fn first_column(heading: &str) -> BTreeSet<String> {
    let page = read(PAGE);
    let (_, section) =
        page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned);
    names.collect()
}

#[track_caller]
fn assert_told(heading: &str, reasons: &BTreeSet<String>) {
    let told = first_column(heading);
    let is_told = |reason: &&String| {
        told.iter().any(|row| row.strip_suffix('…').map_or(row == *reason, |start| reason.starts_with(start)))
    };
    let missing: Vec<_> = reasons.iter().filter(|reason| !is_told(reason)).collect();
    assert!(missing.is_empty(), "{PAGE}, \"{heading}\" has no row for {missing:?}");
    let made_up: Vec<_> = told.iter().filter(|row| !row.ends_with('…') && !reasons.contains(*row)).collect();
    assert!(made_up.is_empty(), "{PAGE}, \"{heading}\" has rows that nothing is called: {made_up:?}");
}

/// The counters of that name have just these reasons.
#[track_caller]
fn assert_counted(counter: &str, reasons: &BTreeSet<String>) {
    let counted = Counter::all().filter(|known| known.base_name() == counter).filter_map(Counter::reason);
    assert_eq!(counted.map(str::to_owned).collect::<BTreeSet<_>>(), *reasons, "{counter}");
}

fn of_id_tokens() -> BTreeSet<String> {
    literals("src/core/oidc/jwt/error.rs", "reason")
}

/// What can fail at a sign-in and at a refresh.
fn of_what_fails() -> BTreeSet<String> {
    let functions = [
        ("src/core/oidc/token.rs", "reason"),
        ("src/core/oidc/token.rs", "code"),
        ("src/core/cognito/attributes.rs", "reason"),
        ("src/core/session/error.rs", "reason"),
        ("src/core/crypto/seal.rs", "reason"),
    ];
    let reasons = functions.iter().flat_map(|(file, function)| literals(file, function));
    reasons.chain(of_id_tokens()).collect()
}

#[test]
fn every_reason_of_a_failed_sign_in_has_a_row() {
    let mut reasons = literals("src/core/flow/failure.rs", "reason");
    reasons.extend(of_what_fails());
    assert!(reasons.len() >= 40, "{reasons:?}");
    assert_told("When a sign-in fails", &reasons);
    assert_counted("sign_in.failed", &reasons);
}

#[test]
fn every_reason_of_a_failed_refresh_has_a_row() {
    let source = read("src/core/flow/refresh.rs");
    let mut reasons = BTreeSet::new();
    for before in ["Unavailable(", "Refused(", "Refused(\n                ", "without_keys("] {
        reasons.extend(named(&source, before));
    }
    reasons.extend(of_what_fails());
    for known in ["invalid_grant", "token_timeout", "keys_missing", "identity_too_large"] {
        assert!(reasons.contains(known), "{known}: {reasons:?}");
    }
    assert_told("When a refresh fails", &reasons);
    assert_counted("refresh.failed", &reasons);
}

#[test]
fn every_reason_of_a_rejected_bearer_token_has_a_row() {
    let reasons = literals("src/core/oidc/jwt/error.rs", "bearer_reason");
    let mut of_id_tokens: BTreeSet<String> =
        of_id_tokens().iter().map(|reason| reason.trim_start_matches("id_token_").to_owned()).collect();
    // These two are checked of ID tokens alone.
    for own in ["nonce", "at_hash"] {
        assert!(of_id_tokens.remove(own), "{own}");
    }
    assert_eq!(reasons, of_id_tokens);
    assert_told("When a bearer token is rejected", &reasons);
    assert_counted("bearer.rejected", &reasons);
}

#[test]
fn every_reason_of_a_refused_request_has_a_row() {
    let mut reasons = literals("src/core/http/path.rs", "reason");
    reasons.extend(named(&read("src/core/worker/authenticator/authorize.rs"), "refuse_malformed(request, "));
    assert!(reasons.contains("authority_malformed"), "{reasons:?}");
    assert_told("When a request is refused", &reasons);
}

#[test]
fn every_reason_of_a_refused_form_has_a_row() {
    let sources = ["src/core/flow/kept_form.rs", "src/core/worker/authenticator/forms.rs"].map(read);
    let calls = ["refusal(ctx, ", "refusal(&ctx, "];
    let reasons: BTreeSet<String> =
        sources.iter().flat_map(|source| calls.map(|call| named(source, call))).flatten().collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert_told("When a form is refused", &reasons);
}

#[test]
fn every_reason_of_a_failed_fetch_of_keys_has_a_row() {
    let reasons = named(&read("src/core/shared/key_sets/fetch.rs"), "failed(");
    assert!(reasons.len() >= 6, "{reasons:?}");
    assert_told("When keys can't be fetched", &reasons);
}

/// The names of the events in a source that a counter counts.
fn counted(source: &str) -> BTreeSet<String> {
    let is_identifier = |byte: char| byte.is_ascii_alphanumeric();
    let identifiers: BTreeSet<&str> = ["Event::counted(", "log_denial("]
        .iter()
        .flat_map(|before| source.split(before).skip(1))
        .filter_map(|rest| rest.split(';').next()?.split("Counter::").nth(1))
        .map(|rest| rest.split(|byte| !is_identifier(byte)).next().unwrap())
        .collect();
    let is_named = |counter: &Counter| {
        let shown = format!("{counter:?}");
        identifiers.contains(shown.split('(').next().unwrap())
    };
    Counter::all().filter(is_named).map(|counter| counter.base_name().to_owned()).collect()
}

#[test]
fn every_event_has_a_row() {
    let mut events = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let source = source.split("#[cfg(test)]").next().unwrap();
                for level in ["Debug", "Info", "Warn", "Error"] {
                    events.extend(named(source, &format!("Event::new(Level::{level}, ")));
                }
                events.extend(counted(source));
            }
        }
    }
    assert!(events.len() >= 15, "{events:?}");
    assert_told("Log lines", &events);
}
