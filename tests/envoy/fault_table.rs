//! What people see when something breaks: each fault is caused in a real Envoy, and the four people of a [`stage`]
//! report what they see. The table is in docs/operations.md, word for word.

mod at_cognito;
mod at_envoy;
pub mod crash;
mod names;
mod stage;
mod upstream;

use stage::Seen;

/// A fault, how it is caused, and what people see, in the order of the table's columns.
struct Scene {
    what: &'static str,
    play: fn() -> Seen,
    expected: [&'static str; 4],
}

const fn scene(what: &'static str, play: fn() -> Seen, expected: [&'static str; 4]) -> Scene {
    Scene { what, play, expected }
}

/// How many run at once: they mostly wait.
const AT_ONCE: usize = 4;

const SERVED: &str = "served";
const SIGNED_IN: &str = "signed in";
const COME_AGAIN: &str = "503, to come again";
const ENVOYS_503: &str = "Envoy's 503";
const NOTHING: [&str; 4] = [SERVED, SERVED, SIGNED_IN, SERVED];
/// The token endpoint fails; the log has one name for it.
const fn no_tokens(page: &'static str) -> [&'static str; 4] {
    [SERVED, SERVED, page, SERVED]
}
const NO_KEYS: [&str; 4] = [SERVED, SERVED, "page, 503 (`keys_missing`)", COME_AGAIN];
const APP_IS_DOWN: [&str; 4] = [ENVOYS_503, ENVOYS_503, "signed in, then Envoy's 503", ENVOYS_503];

const SCENES: &[Scene] = &[
    scene(
        "the token endpoint is slower than `timeouts.token`",
        at_cognito::slow,
        no_tokens("page, 504 (`token_timeout`)"),
    ),
    scene(
        "it answers 500, or throttles (429)",
        at_cognito::failing,
        no_tokens("page, 503 (`token_unavailable`)"),
    ),
    scene(
        "it closes in the middle of an answer, or resets",
        at_cognito::broken_off,
        no_tokens("page, 503 (`token_unavailable`)"),
    ),
    scene("it answers garbage", at_cognito::garbage, no_tokens("page, 502 (`token_nonsense`)")),
    scene(
        "both hosts of Cognito refuse connections",
        at_cognito::refusing,
        no_tokens("page, 503 (`token_unavailable`)"),
    ),
    scene(
        "userInfo fails, where attributes come from there",
        at_cognito::without_attributes,
        no_tokens("page, 503 (`attributes_unavailable`)"),
    ),
    scene("the key set is garbage, and a good one is known", at_cognito::bad_keys_later, NOTHING),
    scene("the key set is garbage from Envoy's start on", at_cognito::bad_keys_from_the_start, NO_KEYS),
    scene(
        "Cognito has revoked what the person holds",
        at_cognito::revoked,
        [SERVED, "401", SIGNED_IN, SERVED],
    ),
    scene("DNS fails while Envoy runs", names::gone_later, NOTHING),
    scene(
        "DNS fails from Envoy's start on",
        names::gone_from_the_start,
        [SERVED, SERVED, "page, 503 (`cluster_missing`)", COME_AGAIN],
    ),
    scene("the app refuses connections", upstream::refusing, APP_IS_DOWN),
    scene("the app resets connections", upstream::resetting, APP_IS_DOWN),
    scene("the filter has crashed, and Envoy has loaded it again", crash::and_back, NOTHING),
    scene("the filter's configuration is replaced", at_envoy::reloaded, NOTHING),
    scene("Envoy is restarted", at_envoy::restarted, NOTHING),
    scene("Envoy drains", at_envoy::draining, NOTHING),
    scene("1, 2, 3 or 4 workers", at_envoy::any_number_of_workers, NOTHING),
    scene("more sessions than a worker remembers", at_envoy::crowded, NOTHING),
];

fn row(what: &str, seen: &[String; 4]) -> String {
    format!("| {what} | {} |", seen.join(" | "))
}

#[test]
fn what_people_see_when_something_breaks_is_what_the_documentation_says() {
    let mut seen: Vec<Seen> = Vec::new();
    for some in SCENES.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let played: Vec<_> = some
                .iter()
                .map(|scene| {
                    let named = std::thread::Builder::new().name(scene.what.to_owned());
                    named.spawn_scoped(scope, scene.play).expect("a thread")
                })
                .collect();
            // The results of the others are shown all the same.
            let failed = || ["the scene failed"; 4].map(str::to_owned);
            seen.extend(played.into_iter().map(|played| played.join().unwrap_or_else(|_| failed())));
        });
    }
    let rows: Vec<String> = SCENES.iter().zip(&seen).map(|(scene, seen)| row(scene.what, seen)).collect();
    println!(
        "| what breaks | signed in | signed in, tokens over | signing in | API client |\n{}",
        rows.join("\n")
    );
    for (scene, seen) in SCENES.iter().zip(&seen) {
        assert_eq!(*seen, scene.expected, "{}", scene.what);
    }
    let documentation =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md"));
    let documentation = documentation.expect("docs/operations.md");
    for row in rows {
        assert!(documentation.lines().any(|line| line == row), "docs/operations.md lacks {row}");
    }
}
