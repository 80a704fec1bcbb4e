//! A thousand rules cost as much as one.

use std::time::Instant;

use super::*;

const HOST: &str = "app-999.example.com";

fn of_host(n: usize) -> Draft {
    let mut draft = draft("/**", Allow::SignedIn);
    draft.matches.hosts = vec![HostPattern::parse(&format!("app-{n}.example.com")).unwrap()];
    draft
}

/// A name, a function that makes the rules, and a path that matches the last rule.
type Shape = (&'static str, fn(usize) -> Draft, &'static str);

/// Sets of a thousand rules.
fn shapes() -> [Shape; 5] {
    [
        ("a path each", |n| draft(&format!("/apps/{n}/**"), Allow::SignedIn), "/apps/999/x/y"),
        ("any path that ends so", |n| draft(&format!("/**/{n}"), Allow::SignedIn), "/apps/x/y/999"),
        ("a role each", |n| roles(&format!("/teams/{n}/*"), &[&format!("team-{n}")], &[]), "/teams/999/x"),
        ("a host each", of_host, "/x/y"),
        ("one segment anywhere", |n| draft(&format!("/x/*/{n}"), Allow::SignedIn), "/x/y/999"),
    ]
}

#[test]
fn a_thousand_rules_cost_what_one_costs() {
    for (shape, make, path) in shapes() {
        let one = rules(vec![make(999)]);
        let thousand = rules((0..1000).map(make).collect());
        let visited = |rules: &Rules| rules.enforced.visited(HOST, path.as_bytes());
        assert_eq!(visited(&thousand), visited(&one), "{shape}");
        let ratio = time(&thousand, path) / time(&one, path);
        println!("{shape}: 1,000 rules cost {ratio:.2} times what one costs");
    }
}

/// The shortest time of many rounds, in seconds.
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn time(rules: &Rules, path: &str) -> f64 {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    let target = Target { path: &path, method: "GET", host: HOST };
    let round = |_| {
        let begun = Instant::now();
        for _ in 0..200 {
            std::hint::black_box(std::hint::black_box(rules).find(&target).allow());
        }
        begun.elapsed().as_secs_f64()
    };
    (0..30).map(round).fold(f64::MAX, f64::min)
}
