//! YAML as each reader reads it, compared with a real Envoy.

use std::sync::atomic::{AtomicUsize, Ordering};

use rig::{Envoy, Options};

use super::*;
use crate::documents::tree::Node;
use crate::documents::yaml::builder::MAX_REPEATED;

fn one(text: &str, reader: Reader) -> Node {
    let Documents { mut nodes, troubles, cut_short, .. } = parse(text, reader);
    assert!(troubles.is_empty() && !cut_short, "{troubles:?}");
    nodes.remove(0)
}

#[track_caller]
fn check(text: &str, envoy: &str, kubernetes: &str) {
    let json = |reader| serde_json::to_string(&one(text, reader)).unwrap();
    assert_eq!(json(Reader::Envoy), envoy);
    assert_eq!(json(Reader::Kubernetes), kubernetes);
}

#[test]
fn scalars_are_what_their_reader_makes_of_them() {
    check(
        "[on, y, N, tRue, \"yes\"]",
        "[true,true,false,\"tRue\",\"yes\"]",
        "[true,true,false,\"tRue\",\"yes\"]",
    );
    check("[12, +5, 0x1f, 010, 08]", "[12.0,5.0,31.0,8.0,\"08\"]", "[12.0,5.0,31.0,8.0,8.0]");
    check("[12345678901, 1.5, 1e3]", "[\"12345678901\",\"1.5\",\"1e3\"]", "[12345678901.0,1.5,1000.0]");
    check("[~, null, '', !!str 13]", "[null,null,\"\",13.0]", "[null,null,\"\",\"13\"]");
    check("a: !!str\n", "{\"a\":\"\"}", "{\"a\":\"\"}");
    check("a:\n", "{\"a\":null}", "{\"a\":null}");
}

#[test]
fn merge_keys_are_for_kubernetes_alone() {
    let text = "a: &a { x: 1, z: 2 }\nb:\n  <<: *a\n  z: 3\n";
    check(
        text,
        r#"{"a":{"x":1.0,"z":2.0},"b":{"<<":{"x":1.0,"z":2.0},"z":3.0}}"#,
        r#"{"a":{"x":1.0,"z":2.0},"b":{"z":3.0,"x":1.0}}"#,
    );
}

#[test]
fn what_is_wrong_is_found_and_what_stands_before_it_kept() {
    let documents = parse("a: 1\na: 2\n---\nb: {\n", Reader::Envoy);
    assert_eq!(documents.nodes.len(), 1);
    assert!(documents.cut_short);
    assert_eq!(documents.troubles[0].message, "`a` is set twice in one object");
    assert!(documents.troubles[1].message.starts_with("not YAML: "));
    assert!(parse(&"[".repeat(5000), Reader::Envoy).cut_short);
}

#[test]
fn aliases_that_blow_up_are_given_up_on() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    assert!(parse(&text, Reader::Envoy).cut_short);
    // Values that are written out aren't limited.
    assert!(!parse(&format!("[{}]", "x,".repeat(MAX_REPEATED + 1)), Reader::Envoy).cut_short);
}

/// The expected results come from kubectl (`kubectl patch --local -f FILE --type merge -p '{}' -o json`).
#[test]
fn kubernetes_has_its_own_ways() {
    let json = |text: &str| serde_json::to_string(&one(text, Reader::Kubernetes)).unwrap();
    assert_eq!(json("[1_000, 0o17, 0b11, 010, +5, -0x1f, .5]"), "[1000.0,15.0,3.0,8.0,5.0,-31.0,0.5]");
    assert_eq!(
        json("[!foo yes, ! 12, !!int \"12\", !!bool \"true\", !!str 12]"),
        r#"["yes","12",12.0,true,"12"]"#
    );
    assert_eq!(json("yes: a\n!ignore no: b\n"), r#"{"true":"a","no":"b"}"#);
    for text in ["k: [a?b]", "k: {s: a?}", "k: {s: >a}", "k: {a\n: b}"] {
        assert!(refuses(&parse(text, Reader::Kubernetes)), "{text}");
    }
}

fn refuses(documents: &Documents) -> bool {
    let is_twice = |trouble: &Trouble| trouble.message.ends_with("is set twice in one object");
    documents.nodes.is_empty() || !documents.troubles.iter().all(is_twice)
}

/// What the command reads in the first document; `None` if it refuses it.
fn ours(text: &str) -> Option<serde_json::Value> {
    let documents = parse(text, Reader::Envoy);
    let json = documents.nodes.first().filter(|_| !refuses(&documents)).map(serde_json::to_value);
    json.map(|json| json.unwrap())
}

/// What Envoy reads in a document. Envoy prints that when it can't use it as a configuration: `admin` is a number.
/// `None` if Envoy can't read the document.
fn envoys(text: &str) -> Option<serde_json::Value> {
    let options =
        Options { log_level: "critical".into(), component_log_level: String::new(), ..Options::default() };
    let said = Envoy::validate_as("x.yaml", text, &options).expect_err(text);
    let json = said.split_once("): {").map(|(_, json)| format!("{{{json}"))?;
    serde_json::Deserializer::from_str(&json).into_iter().next().map(|json| json.expect(&said))
}

/// Compares numbers by value, and objects regardless of the order of their keys.
fn same(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let is_there = |(key, ours)| theirs.get(key).is_some_and(|theirs| same(ours, theirs));
            ours.len() == theirs.len() && ours.iter().all(is_there)
        }
        (ours, theirs) => ours == theirs,
    }
}

/// Asks Envoy about several documents at a time.
#[track_caller]
fn ask_all(documents: &[String]) -> Vec<Option<serde_json::Value>> {
    let next = AtomicUsize::new(0);
    let mut answers = vec![None; documents.len()];
    let found = std::thread::scope(|scope| {
        let ask = || {
            let take =
                || documents.get(next.fetch_add(1, Ordering::Relaxed)).map(|text| (text, envoys(text)));
            std::iter::from_fn(take).collect::<Vec<_>>()
        };
        let threads = [(); 4].map(|()| scope.spawn(ask));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for (text, answer) in found {
        let place = documents.iter().position(|known| std::ptr::eq(known, text)).unwrap();
        answers[place] = answer;
    }
    answers
}

/// Every printable character at the start, in the middle and at the end of an unquoted text, and alone.
fn spelt(context: &str) -> Vec<String> {
    let of_character = |c: char| [format!("{c}ab"), format!("a{c}b"), format!("ab{c}"), format!("{c}")];
    (' '..='~').flat_map(of_character).map(|text| context.replace('@', &text)).collect()
}

/// Whether a value is invalid by the specification, whatever Envoy's parser does: nothing between commas, or a single
/// dash right before a bracket.
fn is_no_yaml(value: &str) -> bool {
    let dense: String = value.chars().filter(|c| *c != ' ').collect();
    ["[,", "{,", ",,", "{s:,", "{s:-}", "{s::}"].iter().any(|part| dense.contains(part))
        && ours(&whole_of(value)).is_none()
}

fn whole_of(value: &str) -> String {
    format!("admin: 1\nk: {value}\n")
}

/// Each value must be read as Envoy reads it. Envoy gets all the values that the command accepts in one document.
#[track_caller]
fn hold(values: &[String]) {
    let (taken, refused): (Vec<&String>, Vec<&String>) =
        values.iter().partition(|value| ours(&whole_of(value)).is_some());
    let keys = taken.iter().enumerate().map(|(number, value)| format!("k{number}: {value}\n"));
    let document = format!("admin: 1\n{}", keys.collect::<String>());
    let theirs = envoys(&document).expect("all of them are taken together");
    for (number, value) in taken.iter().enumerate() {
        let ours = &ours(&whole_of(value)).unwrap()["k"];
        let theirs = &theirs[format!("k{number}")];
        assert!(same(ours, theirs), "`{value}` is {theirs} to Envoy, and {ours} to the command");
    }
    let refused: Vec<&String> = refused.into_iter().filter(|value| !is_no_yaml(value)).collect();
    let documents: Vec<String> = refused.iter().map(|value| whole_of(value)).collect();
    for (value, theirs) in refused.iter().zip(ask_all(&documents)) {
        assert!(theirs.is_none(), "`{value}` is {theirs:?} to Envoy, and refused by the command");
    }
}

#[test]
fn a_text_between_braces_is_what_envoy_makes_of_it() {
    hold(&spelt("{ s: @ }"));
}

#[test]
fn other_texts_without_quotes_are_what_envoy_makes_of_them() {
    let contexts = ["{s: @}", "[ @ ]", "[@, z]", "{ @: v }", "@", "\n  - @", "\n  @: v"];
    let values = contexts.iter().flat_map(|context| spelt(context));
    let mut values: Vec<String> = values.filter(|value| ours(&whole_of(value)).is_some()).collect();
    // Their other refused forms are also refused as a value in braces.
    for sign in ["?", "|", ">"] {
        let forms = [format!("{sign}ab"), format!("a{sign}b"), format!("ab{sign}")];
        let refused = forms.iter().filter(|form| !form.starts_with('a') || sign == "?");
        values.extend(refused.flat_map(|form| [format!("[ {form} ]"), format!("{{ {form}: v }}")]));
    }
    values.retain(|value| envoy_ends_it(value));
    hold(&values);
}

/// Envoy reads a text with an unclosed quote up to the end of the file, so it would swallow what follows.
fn envoy_ends_it(value: &str) -> bool {
    let begins = value.trim_start_matches(['[', '{', ' ', '-', '\n']);
    !begins.starts_with(['"', '\''])
}

#[test]
fn documents_are_what_envoy_makes_of_them() {
    let documents: Vec<String> = DOCUMENTS.iter().map(|text| format!("admin: 1\n{text}")).collect();
    for (text, theirs) in documents.iter().zip(ask_all(&documents)) {
        match (ours(text), theirs) {
            (None, None) => {}
            (Some(ours), Some(theirs)) => {
                assert!(same(&ours, &theirs), "{text:?} is {theirs} to Envoy, not {ours}")
            }
            (ours, theirs) => panic!("{text:?} is {theirs:?} to Envoy, and {ours:?} to the command"),
        }
    }
}

/// Cases in which YAML parsers are known to differ.
const DOCUMENTS: &[&str] = &[
    // A key tagged `!ignore` is left out, at any depth. Anchors in it are kept.
    "!ignore k: v",
    "!ignore \"k\": v",
    "!<!ignore> k: v",
    "!!ignore k: v",
    "k: !ignore v",
    "k: { !ignore a: &x b, c: *x }",
    "!ignore k: &x [1]\nj: { l: *x, !ignore m: n }",
    "k:\n  - !ignore a: b\n    c: d",
    "!ignore &a k: v\nj: *a",
    // Tags: `!` makes a value text; any other tag cancels the effect of quotes.
    "k: [!!str yes, !!str \"yes\", !!str '12', ! yes, ! \"12\", !foo \"yes\", !foo yes, !!int \"12\", !!bool x]",
    "k: [!foo ~, !!str ~, !!null ~, ~, !!null x, !!str , !foo , ! ]",
    "k: !!str |-\n  yes\nj: |-\n  yes\nl: !!str >-\n  12\nm: !!str |\n  12\n",
    "k: &a !!str \"yes\"\nj: *a\nl: !!str &b 'no'\nm: *b",
    // Keys.
    "~: a\nk: { null: b, Null : c, \"~\": d, \"\": e, 12: f, yes: g, !!str ~: h }",
    "[a]: v",
    "{a: b}: v",
    "k: &x a\n*x : v",
    // Quotes, and what surrounds them.
    "k: 'it''s'\nj: \"\\x41\\u0042\\t\\\"\"",
    "k: 'a' b",
    "k: \"a\"b",
    "k: \"\\q\"",
    "k: \"a\\ud83d\\ude00\"",
    "k: {\"a\":b, 'c':d, \"e\" :f}",
    "k: [\"a\":b]",
    "k: {a:b}",
    "k: [a: b, c]",
    "k: {a, b}",
    "k: [a,]",
    "k: {a: b,}",
    // URLs.
    "k: https://x.example.com/a?b=c&d=e#f",
    "k: {s: https://x.example.com:443/a}",
    "k: {s: https://x.example.com/a?b=c}",
    "k: [https://x.example.com/a?b=c]",
    "k: {s: \"https://x.example.com/a?b=c\"}",
    // Indentation in brackets and braces, and what may start a line there.
    "k: {\n  a: b\n}\nj: c",
    "k:\n  l: {\n  a: b\n  }",
    "k:\n  l: [\na,\n{b: [\n1, # one\n2\n]}\n]\n  m: {\n c: \"}\"}",
    "k:\n  l: {a: b,\n\tc: d\n\t}",
    "k: [it's,\nb]",
    "k: {a: b\n , c: d}",
    "k: {a\n: b}",
    "k: {\"a\"\n: b}",
    "k: {a\n }",
    "k: {a:\n b\n}",
    // Tabs.
    "k:\tb",
    "k: {a:\tb}",
    "\tk: b",
    "k:\n \ta: b",
    "k:\n  -\ta",
    "k:\n  -\ta: b",
    "k: a\n\t# c\nj: b",
    "k: a\n \t\nj: b",
    "k: a\t# c",
    "k: \"a\"\n\t\nj: b",
    // Comments.
    "k: a#b\nj: a #b",
    "k: {a: b,#c\n d: e}#f",
    "k: \"a\"#c\nj: b",
    // Several lines, and the end of the file.
    "k: a\n  b\n\n  c",
    "k: |\n  a\n\n  b\n",
    "k: |\n  a",
    "k: >\n  a\n  b\n\n  c\n",
    "k: |2-\n    a\n",
    "k: a\n---\nj: b",
    "k: a\n...\n",
    "k: -",
    "k: - a",
    "k: a: b",
    "k: a:b",
    "k: &a b\nj: &a c\nl: *a",
    "k: *nope",
    "k: 1\nk: 2",
    "k: {<<: {a: b}}",
];

/// The YAML specification doesn't allow these, and what Envoy's parser reads is hardly what the author meant.
#[test]
fn what_is_no_yaml_is_refused_though_envoy_reads_it() {
    let texts = ["k: [a,, b]", "k: [-]", "k: \"a\n", "k: a\nb\n", "k:a\n", "k: \"a\nb\"\n"];
    let documents: Vec<String> = texts.iter().map(|text| format!("admin: 1\n{text}")).collect();
    for (text, theirs) in documents.iter().zip(ask_all(&documents)) {
        assert!(theirs.is_some(), "{text}");
        assert_eq!(ours(text), None, "{text}");
    }
}

#[test]
fn what_only_newer_envoys_refuse_is_refused() {
    for text in ["k: {a: b\n, c: d}", "k: [a\r\n,b]", "{a: b # c\n, c: d}"] {
        let documents = parse(text, Reader::Envoy);
        let troubles: Vec<&str> = documents.troubles.iter().map(|trouble| trouble.message.as_str()).collect();
        assert_eq!(troubles, ["since 1.38, Envoy refuses a comma at the start of a line"], "{text}");
    }
}
