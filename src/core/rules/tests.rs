//! Rules: what they say of requests, and that the automaton says what a list read from the top would.

use std::time::Instant;

use super::*;

fn matches(path: &str) -> Matches {
    Matches { path: Some(Pattern::parse(path).unwrap()), ..Matches::default() }
}

fn rule(allow: Allow) -> Rule {
    Rule { allow, number: 0, ..DEFAULT.clone() }
}

fn draft(path: &str, allow: Allow) -> Draft {
    Draft { rule: rule(allow), matches: matches(path), shadow: false }
}

fn roles(path: &str, any: &[&str], all: &[&str]) -> Draft {
    let owned = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect();
    let rule = Rule { roles_any: owned(any), roles_all: owned(all), ..rule(Allow::SignedIn) };
    Draft { rule, matches: matches(path), shadow: false }
}

fn in_shadow(draft: Draft) -> Draft {
    Draft { shadow: true, ..draft }
}

/// Compiles drafts; each is known by its place.
fn compile(drafts: Vec<Draft>) -> (Rules, Vec<NeverMatches>) {
    let number = |(number, draft): (usize, Draft)| Draft { rule: Rule { number, ..draft.rule }, ..draft };
    Rules::compile(drafts.into_iter().enumerate().map(number).collect())
}

fn rules(drafts: Vec<Draft>) -> Rules {
    let (rules, never) = compile(drafts);
    assert_eq!(never, []);
    rules
}

/// What becomes of a request: `pass`, `sign in` or `forbidden`.
fn outcome(rules: &Rules, method: &str, host: &str, path: &str, who: Option<&[&str]>) -> &'static str {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    let roles: Option<Vec<String>> = who.map(|roles| roles.iter().map(|role| (*role).to_owned()).collect());
    let who = roles.as_ref().map(|roles| Who { roles, pool: "us" });
    let host = crate::http::host::of_authority(host).unwrap_or_default();
    match rules.find(&Target { path: &path, method, host: &host }).verdict(who) {
        Verdict::Pass => "pass",
        Verdict::SignIn(_) => "sign in",
        Verdict::Forbidden(_) => "forbidden",
    }
}

fn get(rules: &Rules, path: &str, who: Option<&[&str]>) -> &'static str {
    outcome(rules, "GET", "app.example.com", path, who)
}

fn allow(rules: &Rules, path: &str) -> Allow {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    rules.find(&Target { path: &path, method: "GET", host: "" }).allow()
}

fn of_four() -> Rules {
    rules(vec![
        draft("/public/secret", Allow::Nobody),
        draft("/public/**", Allow::Everyone),
        draft("/hello", Allow::Optional),
        draft("/internal/**", Allow::Nobody),
    ])
}

#[test]
fn the_first_match_decides_and_the_default_is_signed_in() {
    let check = |path: &str, expected| assert_eq!(allow(&of_four(), path), expected, "{path}");
    check("/public/a/b", Allow::Everyone);
    check("/public", Allow::Everyone);
    check("/public/secret", Allow::Nobody);
    check("/publicity", Allow::SignedIn);
    check("/hello", Allow::Optional);
    check("/hello/", Allow::Optional);
    check("/hello/x", Allow::SignedIn);
    check("/", Allow::SignedIn);
}

#[test]
fn no_spelling_opens_a_door() {
    for spelling in [
        "/public/../internal",
        "/public/%2e%2e/internal",
        "/public/..%2finternal",
        "/public/..;/internal",
        "/public/..\\internal",
        "//internal",
        "/%69nternal",
        "/internal;x=1",
        "/public/./../internal/x",
        "/internal/../public/../internal",
    ] {
        assert_eq!(allow(&of_four(), spelling), Allow::Nobody, "{spelling}");
    }
    for spelling in ["/internal/../public", "//public", "/%70ublic", "/public;x"] {
        assert!(allow(&of_four(), spelling) >= Allow::SignedIn, "{spelling}");
    }
    assert_eq!(allow(&of_four(), "/public/%2e%2e/public/x"), Allow::Everyone, "both spellings are public");
}

#[test]
fn no_step_that_a_server_leaves_out_opens_a_door() {
    let rules = rules(vec![draft("/admin/**", Allow::Nobody), draft("/**", Allow::Everyone)]);
    for spelling in [
        // Decoded, but dots are left alone.
        "/%61dmin/../x",
        "/admin%2f../x",
        // Dots are resolved, but a backslash or a parameter belongs to its segment.
        "/x/../admin/..\\y",
        "/x/../admin/..;/y",
        // An empty segment is one that dots take away.
        "/x/../admin/y//../..",
        // Parameters are cut off before anything is decoded, as Java servers do.
        "/admin;a=%2f..%2fx",
    ] {
        assert_eq!(allow(&rules, spelling), Allow::Nobody, "{spelling}");
    }
    for spelling in ["/a%20b", "//x", "/x;v=1", "/%61/../b", "/x//y;v=1/../%7a"] {
        assert_eq!(allow(&rules, spelling), Allow::Everyone, "{spelling}");
    }
}

#[test]
fn no_spelling_opens_a_door_that_a_role_guards() {
    let rules = rules(vec![roles("/admin/**", &["admin"], &[]), draft("/x/**", Allow::Everyone)]);
    for spelling in [
        "/admin",
        "/admin/",
        "/admin%2f",
        "//admin",
        "/x/../admin",
        "/%61dmin",
        "/admin;x",
        "/x/%2e%2e/admin/y",
    ] {
        assert_eq!(get(&rules, spelling, Some(&["user"])), "forbidden", "{spelling}");
        assert_eq!(get(&rules, spelling, None), "sign in", "{spelling}");
        assert_eq!(get(&rules, spelling, Some(&["admin"])), "pass", "{spelling}");
    }
    // The other way round: what reads as public but is spelt as if it weren't.
    assert_eq!(get(&rules, "/admin/../x", Some(&["user"])), "forbidden");
}

#[test]
fn a_path_that_can_only_be_spelt_in_escapes_can_be_public() {
    let rules = rules(vec![draft("/price list/**", Allow::Everyone)]);
    assert_eq!(allow(&rules, "/price%20list/2026"), Allow::Everyone);
    assert_eq!(allow(&rules, "/price%20%6cist/2026"), Allow::SignedIn, "any other spelling is suspicious");
    assert_eq!(allow(&rules, "/price%2520list/2026"), Allow::SignedIn);
}

#[test]
fn roles_are_any_of_some_and_all_of_others() {
    let rules = rules(vec![
        roles("/any", &["a", "b"], &[]),
        roles("/all", &[], &["a", "b"]),
        roles("/both", &["a", "b"], &["c"]),
    ]);
    let check = |path: &str, who: &[&str], expected| {
        assert_eq!(get(&rules, path, Some(who)), expected, "{path} {who:?}");
    };
    check("/any", &["b"], "pass");
    check("/any", &["c", "A", "a "], "forbidden");
    check("/all", &["b", "c", "a"], "pass");
    check("/all", &["a"], "forbidden");
    check("/both", &["c", "b"], "pass");
    check("/both", &["a", "b"], "forbidden");
    check("/both", &["c"], "forbidden");
    check("/other", &[], "pass");
}

#[test]
fn methods_are_exact() {
    let mut reports = roles("/reports/*", &[], &["finance"]);
    reports.matches.methods = vec!["GET".to_owned(), "HEAD".to_owned()];
    let rules = rules(vec![reports, draft("/reports/*", Allow::Nobody)]);
    let check = |method: &str, expected| {
        assert_eq!(outcome(&rules, method, "h", "/reports/1", Some(&["finance"])), expected, "{method}");
    };
    check("GET", "pass");
    check("HEAD", "pass");
    for method in ["POST", "get", "GETS", "PURGE", ""] {
        check(method, "forbidden");
    }
}

#[test]
fn hosts_are_known_in_every_spelling() {
    let mut beta = roles("/**", &["beta"], &[]);
    beta.matches.hosts =
        ["beta.example.com", "*.beta.example.com"].map(|h| HostPattern::parse(h).unwrap()).into();
    let mut open = draft("/**", Allow::Everyone);
    open.matches.hosts = vec![HostPattern::parse("open.example.com").unwrap()];
    let rules = rules(vec![beta, open]);
    let at = |host: &str| outcome(&rules, "GET", host, "/x", None);
    for host in [
        "beta.example.com",
        "BETA.example.com",
        "beta.example.com.",
        "beta.example.com:8443",
        "a.b.beta.example.com",
    ] {
        assert_eq!(outcome(&rules, "GET", host, "/x", Some(&[])), "forbidden", "{host}");
    }
    assert_eq!(at("open.example.com"), "pass");
    for host in ["x.open.example.com", "open.example.com.evil.com", "example.com", "", "com", "open"] {
        assert_eq!(at(host), "sign in", "{host}");
    }
}

#[test]
fn a_rule_may_ask_for_a_pool() {
    let of_pool = |pool: &str| {
        let mut draft = draft("/eu/**", Allow::SignedIn);
        draft.rule.pools = vec![pool.to_owned()];
        rules(vec![draft])
    };
    assert_eq!(get(&of_pool("us"), "/eu/x", Some(&[])), "pass");
    assert_eq!(get(&of_pool("eu"), "/eu/x", Some(&["admin"])), "forbidden");
    assert_eq!(get(&of_pool("eu"), "/eu/x", None), "sign in");
}

#[test]
fn a_shadow_rule_tells_and_decides_nothing() {
    let rules = rules(vec![
        in_shadow(roles("/admin/**", &["admin"], &[])),
        draft("/admin/public", Allow::Everyone),
        roles("/admin/**", &["user"], &[]),
    ]);
    let shadow = |path: &str, who: &[&str]| {
        let path = RequestPath::parse(path.as_bytes()).unwrap();
        let roles: Vec<String> = who.iter().map(|role| (*role).to_owned()).collect();
        let ruling = rules.find(&Target { path: &path, method: "GET", host: "" });
        ruling.shadow(Some(Who { roles: &roles, pool: "" })).map(|rule| rule.number)
    };
    assert_eq!(get(&rules, "/admin/x", Some(&["user"])), "pass");
    assert_eq!(shadow("/admin/x", &["user"]), Some(0));
    assert_eq!(shadow("/admin/x", &["admin"]), None);
    assert_eq!(get(&rules, "/admin/x", Some(&["admin"])), "forbidden");
    assert_eq!(get(&rules, "/admin/public", None), "pass");
    assert_eq!(shadow("/admin/public", &[]), Some(0));
    assert_eq!(shadow("/x/../admin/public", &["user"]), Some(0));
    assert_eq!(shadow("/other", &[]), None);
}

#[test]
fn a_rule_behind_one_that_covers_it_never_matches() {
    let never = |drafts: Vec<Draft>| -> Vec<(usize, usize)> {
        compile(drafts).1.into_iter().map(|never| (never.rule, never.behind)).collect()
    };
    let open = |path: &str| draft(path, Allow::Everyone);
    assert_eq!(never(vec![open("/**"), roles("/admin", &["a"], &[])]), [(1, 0)]);
    assert_eq!(never(vec![open("/a"), open("/a/**"), open("/a/*/b"), open("/a/b/**")]), [(2, 1), (3, 1)]);
    assert_eq!(never(vec![open("/*/b"), open("/a/b"), open("/a/**")]), [(1, 0)]);
    assert_eq!(never(vec![open("/a/**/z"), open("/a/b/c/z"), open("/a/**/b/z")]), [(1, 0), (2, 0)]);
    for fine in [
        vec![open("/admin/x"), open("/admin/**"), open("/**")],
        vec![open("/*"), open("/**")],
        vec![open("/a/*"), open("/a")],
        vec![open("/*/b"), open("/a/*")],
        vec![in_shadow(open("/**")), open("/a")],
        vec![open("/**/a"), open("/a/**")],
    ] {
        assert_eq!(never(fine.clone()), [], "{fine:?}");
    }
    assert_eq!(never(vec![in_shadow(open("/**")), in_shadow(open("/a"))]), [(1, 0)]);
    assert_eq!(never(vec![open("/**"), in_shadow(open("/a"))]), [(1, 0)]);
    let with = |methods: &[&str], hosts: &[&str]| {
        let mut draft = open("/a");
        draft.matches.methods = methods.iter().map(|method| (*method).to_owned()).collect();
        draft.matches.hosts = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
        draft
    };
    assert_eq!(never(vec![with(&["GET"], &[]), with(&["POST"], &[]), with(&["GET", "POST"], &[])]), [(2, 0)]);
    assert_eq!(never(vec![with(&["GET"], &[]), with(&["GET", "POST"], &[])]), []);
    assert_eq!(never(vec![with(&[], &["*.a.com"]), with(&["GET"], &["x.a.com", "*.b.a.com"])]), [(1, 0)]);
    assert_eq!(never(vec![with(&[], &["*.a.com"]), with(&[], &["a.com"]), with(&[], &[])]), []);
}

/// A generator that is the same on every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % bound as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn pattern(&mut self) -> String {
        let segments = (0..self.below(4)).map(|_| self.pick(&["a", "b", "c d", "*", "**"]));
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
    }

    fn target(&mut self) -> String {
        let segments =
            (0..self.below(5)).map(|_| self.pick(&["a", "b", "c%20d", "%61", "..", ".", "", "b;x", "z"]));
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
    }

    fn draft(&mut self) -> Draft {
        let mut draft = draft(&self.pattern(), Allow::SignedIn);
        draft.matches.path = draft.matches.path.filter(|_| self.below(8) > 0);
        draft.matches.methods = match self.below(4) {
            0 => vec!["GET".to_owned()],
            1 => vec!["GET".to_owned(), "POST".to_owned()],
            _ => Vec::new(),
        };
        draft.matches.hosts = match self.below(4) {
            0 => vec![HostPattern::parse(self.pick(&["x.com", "*.x.com", "y.x.com"])).unwrap()],
            1 => ["x.com", "*.y.x.com"].map(|host| HostPattern::parse(host).unwrap()).into(),
            _ => Vec::new(),
        };
        draft
    }
}

/// The rules read from the top, one by one.
fn model(drafts: &[Draft], method: &str, host: &str, covers: impl Fn(&Pattern) -> bool) -> Option<usize> {
    drafts.iter().position(|Draft { matches, .. }| {
        matches.path.as_ref().is_none_or(&covers)
            && (matches.methods.is_empty() || matches.methods.iter().any(|known| known == method))
            && (matches.hosts.is_empty() || matches.hosts.iter().any(|known| known.matches(host)))
    })
}

#[test]
fn the_automaton_says_what_the_list_says() {
    let mut random = Random(1);
    let (mut cases, mut dead) = (0, 0);
    for _ in 0..4_000 {
        let drafts: Vec<Draft> = (0..=random.below(6)).map(|_| random.draft()).collect();
        let (rules, never) = compile(drafts.clone());
        dead += never.len();
        for _ in 0..100 {
            let (method, host) = (
                random.pick(&["GET", "POST", "PUT"]),
                random.pick(&["x.com", "y.x.com", "z.y.x.com", "o", "z..x.com", ".x.com", ".", ""]),
            );
            let target = random.target();
            let Ok(path) = RequestPath::parse(target.as_bytes()) else { continue };
            let ruling = rules.find(&Target { path: &path, method, host });
            let canonical = model(&drafts, method, host, |pattern| pattern.matches(path.canonical()));
            assert_eq!(ruling.canonical.number, canonical.unwrap_or(usize::MAX), "{path:?} {drafts:?}");
            assert!(never.iter().all(|never| Some(never.rule) != canonical), "{path:?} {drafts:?}");
            let spelt = path.other_spelling().map(|spelt| {
                let found = model(&drafts, method, host, |pattern| pattern.matches_spelling(spelt));
                assert!(never.iter().all(|never| Some(never.rule) != found), "{path:?} {drafts:?}");
                found.unwrap_or(usize::MAX)
            });
            assert_eq!(ruling.others.first().map(|rule| rule.number), spelt, "{path:?} {drafts:?}");
            cases += 1;
        }
    }
    assert!(cases > 300_000 && dead > 500, "{cases} cases, {dead} dead rules");
}

const HOST: &str = "app-999.example.com";

fn of_host(n: usize) -> Draft {
    let mut draft = draft("/**", Allow::SignedIn);
    draft.matches.hosts = vec![HostPattern::parse(&format!("app-{n}.example.com")).unwrap()];
    draft
}

/// What it is called, how its rules are made, and a path that meets the last of them.
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

/// The least time of many rounds, in seconds.
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
