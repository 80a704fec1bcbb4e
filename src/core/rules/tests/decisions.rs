//! What rules decide: who is allowed, with which roles, for which host and method.

use super::*;

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
        let who = Who { roles: &roles, pool: "", facts: &Facts::default(), now: UnixTime::default() };
        ruling.shadow(Some(who)).map(|rule| rule.number)
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
