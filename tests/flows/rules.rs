//! Which paths need a session: the filter is compared with a model of the rules that is too simple to be wrong, over
//! many generated paths.

use serde_json::{Value, json};

use envoy_cognito_core::config::reader::ConfigError;
use fuzz_targets::readings;

use crate::harness::{Harness, Outcome, parse};

/// The result for a person without a session, strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Public,
    SignedIn,
    Nobody,
    Malformed,
}

/// More readings than a normal path has. A path with more may be refused.
const MANY: usize = 150;

#[test]
fn every_spelling_of_every_path_gets_what_the_model_says() {
    let mut random = Xorshift(0x5eed_1234_abcd_0001);
    let (mut seen, mut spelt_otherwise, mut made_to_have_many) = ([0_u32; 4], 0_u32, 0_u32);
    for _ in 0..150 {
        let rules = generate_rules(&mut random);
        let document = document(&rules);
        let mut harness = Harness::with(json!({ "rules": document }));
        for _ in 0..150 {
            let path = generate_path(&mut random);
            let query = random.pick(&["", "", "?", "?x=/admin/../a", "?%zz", "?a;b//c"]);
            let expected = model(&rules, &path);
            let found = verdict(harness.get(&format!("{path}{query}")));
            let readings = readings::of(path.as_bytes()).len();
            if found == Verdict::Malformed && readings > MANY {
                made_to_have_many += 1;
                continue;
            }
            assert_eq!(found, expected, "{path}{query} under {document:?}");
            seen[expected as usize] += 1;
            spelt_otherwise += u32::from(readings > 1);
        }
    }
    // Without enough requests of each kind, the test would prove nothing.
    assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
    assert!(spelt_otherwise > 2_000, "{spelt_otherwise}");
    assert!(made_to_have_many < 50, "{made_to_have_many}");
}

#[test]
fn only_a_rule_for_nobody_keeps_a_signed_in_person_out() {
    let mut random = Xorshift(0x5eed_1234_abcd_0002);
    for _ in 0..20 {
        let rules = generate_rules(&mut random);
        let document = document(&rules);
        let mut harness = Harness::with(json!({ "rules": document }));
        harness.signed_in();
        for _ in 0..100 {
            let path = generate_path(&mut random);
            let expected = match model(&rules, &path) {
                Verdict::SignedIn => Verdict::Public,
                other => other,
            };
            let found = verdict(harness.get(&path));
            if found != Verdict::Malformed || readings::of(path.as_bytes()).len() <= MANY {
                assert_eq!(found, expected, "{path} under {document:?}");
            }
        }
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = json!([
        {"path": "/a/secret", "allow": "nobody"},
        {"path": "/a/**", "allow": "everyone"},
        {"path": "/*/x/late", "allow": "nobody"},
        {"name": "the rest", "allow": "optional"},
    ]);
    let mut harness = Harness::with(json!({ "rules": rules }));
    let mut check =
        |path: &str, expected: Verdict| assert_eq!(verdict(harness.get(path)), expected, "{path}");
    check("/a/secret", Verdict::Nobody);
    check("/a/x/late", Verdict::Public);
    check("/b/x/late", Verdict::Nobody);
    check("/a", Verdict::Public);
    check("/anything", Verdict::Public);
}

#[test]
fn what_is_public_needs_no_sign_in_and_knows_who_has_a_session() {
    for allow in ["everyone", "optional"] {
        let mut harness = Harness::with(json!({"rules": [{"path": "/hello", "allow": allow}]}));
        let edits = harness.navigate("/hello").forwarded();
        assert!(edits.set().next().is_none(), "{allow}: {edits:?}");
        harness.signed_in();
        let edits = harness.navigate("/hello").forwarded();
        assert!(edits.set().any(|(name, _)| name == "x-auth-user"), "{allow}");
    }
}

#[test]
fn a_forbidden_path_says_so_to_people_and_to_programs() {
    let mut harness = Harness::with(json!({"rules": [{"path": "/internal/**", "allow": "nobody"}]}));
    let page = harness.navigate("/internal/x").answered();
    assert_eq!((page.status, page.header("content-type")), (403, Some("text/html; charset=utf-8")));
    let json = harness.get("/internal/x").answered();
    assert_eq!((json.status, json.body.as_str()), (403, r#"{"error":"forbidden"}"#));
}

#[test]
fn a_rule_cant_take_over_one_of_our_own_paths() {
    let mut harness = Harness::with(json!({"rules": [{"path": "/**", "allow": "nobody"}]}));
    assert_eq!(harness.navigate("/.auth/sign-in").answered().status, 302);
    assert_eq!(harness.navigate("/.auth/signed-out").answered().status, 200);
    harness.reconfigure(json!({"rules": [{"path": "/**", "allow": "everyone"}]}));
    assert_eq!(harness.get("/.auth/me").answered().status, 401);
    // A path that only resembles one belongs to the app.
    assert!(harness.get("/.auth/mee").is_forwarded());
    assert!(harness.get("/.auth/me/x").is_forwarded());
    assert!(harness.get("/.AUTH/me").is_forwarded());
}

/// The rules as configured, without those that the configuration reports as unreachable. The model keeps them: they
/// must make no difference.
fn document(rules: &[(String, &'static str)]) -> Vec<Value> {
    let rule = |(pattern, allow): &(String, &'static str)| json!({"path": pattern, "allow": allow});
    let mut document: Vec<Value> = rules.iter().map(rule).collect();
    while let Err(faults) = parse(&json!({ "rules": document })) {
        let dead = |fault: &ConfigError| {
            assert!(fault.message.starts_with("can never match"), "{fault}");
            fault.path.trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap()
        };
        document.remove(dead(&faults[0]));
    }
    document
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Forwarded(_) => Verdict::Public,
        Outcome::Answered(response) => match response.status {
            401 => Verdict::SignedIn,
            403 => Verdict::Nobody,
            400 => Verdict::Malformed,
            other => panic!("{other}"),
        },
        Outcome::Parked(_) => panic!("parked"),
    }
}

/// The model: the strictest result for any of the readings that a server could have of the path.
fn model(rules: &[(String, &str)], path: &str) -> Verdict {
    let readings = readings::of(path.as_bytes());
    if path.contains('#') || readings.iter().any(|reading| is_malformed(&reading.path)) {
        return Verdict::Malformed;
    }
    let verdicts = readings.iter().filter_map(|reading| {
        first_match(rules, &reading.path).or((!reading.lost).then_some(Verdict::SignedIn))
    });
    verdicts.max().expect("the path itself")
}

/// Whether the path has a control character, or an overlong encoding of an ASCII character.
fn is_malformed(path: &[u8]) -> bool {
    let controls = path.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).any(char::is_control);
    controls || path.windows(2).any(|two| matches!(two, [0xc0 | 0xc1, 0x80..=0xbf]))
}

/// The result of the first rule that matches.
fn first_match(rules: &[(String, &str)], path: &[u8]) -> Option<Verdict> {
    // No rule contains a name that isn't UTF-8, and the replacement doesn't produce one.
    let path = String::from_utf8_lossy(path);
    let path = path.strip_suffix('/').unwrap_or(&path);
    let names: Vec<&str> = path.split('/').skip(1).collect();
    let names = if names == [""] { &[][..] } else { &names[..] };
    let found = rules.iter().find(|(pattern, _)| {
        let wanted: Vec<&str> = pattern.split('/').skip(1).collect();
        covers(if wanted == [""] { &[] } else { &wanted }, names)
    });
    found.map(|(_, allow)| match *allow {
        "everyone" | "optional" => Verdict::Public,
        "nobody" => Verdict::Nobody,
        _ => Verdict::SignedIn,
    })
}

fn covers(wanted: &[&str], names: &[&str]) -> bool {
    match (wanted, names) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=names.len()).any(|taken| covers(rest, &names[taken..])),
        (["*", rest @ ..], [name, names @ ..]) => !name.is_empty() && covers(rest, names),
        ([wanted, rest @ ..], [name, names @ ..]) => wanted == name && covers(rest, names),
        _ => false,
    }
}

fn generate_rules(random: &mut Xorshift) -> Vec<(String, &'static str)> {
    let count = 1 + random.below(7);
    (0..count)
        .map(|_| {
            let segments = random.below(4);
            let mut pattern = String::new();
            for _ in 0..segments {
                pattern.push('/');
                pattern.push_str(random.pick(&["a", "b", "admin", "public", "*", "**", "A"]));
            }
            if pattern.is_empty() {
                pattern.push('/');
            }
            (pattern, random.pick(&["everyone", "optional", "signed_in", "nobody", "nobody"]))
        })
        .collect()
}

fn generate_path(random: &mut Xorshift) -> String {
    let plain = ["a", "b", "admin", "public", "A", "c", "administrator"];
    let odd = [
        ".",
        "..",
        "",
        "%2e%2e",
        "%2E",
        "..;x=1",
        "a;v=1",
        ";",
        "%61dmin",
        "adm%69n",
        "a%2fb",
        "a%5Cb",
        "a\\b",
        "..\\",
        "%2f..",
        "%25",
        "%2525",
        "a%3bx",
        "é",
        "%C3%A9",
        "a b",
        "~",
        "*",
        "**",
        ".a",
        "a.",
        // Names that were decoded once and can be decoded again.
        "%252e",
        "%252e%252E",
        "a%252Fb",
        "..%255cb",
        "%2561dmin",
        "..%253b",
        "%25252e%25252e",
        "%%32%65",
        // Bytes that aren't text.
        "%",
        "50%",
        "%2",
        "%zz",
        "ad%min",
        "%u002e%u002e",
        "%E9",
        "ad%E9min",
        "%ff.",
        ".%85.",
        "a%83%5Cb\\..",
        "%ed%a0%80",
        "%81%5C..",
    ];
    let bad = ["%00", "%0a", "%7f", "%2500", "%c0%ae", "%25c0%25af", "%C0%af", "%C2%85", "#", "\t"];
    let mut path = String::new();
    for _ in 0..=random.below(5) {
        path.push_str(if random.below(12) == 0 { "//" } else { "/" });
        path.push_str(match random.below(40) {
            0..=25 => random.pick(&plain),
            26..=38 => random.pick(&odd),
            _ => random.pick(&bad),
        });
    }
    if random.below(6) == 0 {
        path.push('/');
    }
    path
}

/// Xorshift64*: the same paths on every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
