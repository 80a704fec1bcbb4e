//! Rules: who may see which path. The first that matches decides; where none does, one must be signed in.

use crate::path::{Pattern, RequestPath};

/// Whom a rule lets in, most liberal first: the order is what "stricter" means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allow {
    /// Anybody. Who is signed in is said if it is known as it is; nobody waits for it.
    Everyone,
    /// Anybody, and who is signed in matters.
    Optional,
    /// Whoever is signed in.
    SignedIn,
    /// Not a soul.
    Nobody,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name that the operator gave it.
    pub name: Option<String>,
    /// Which paths; all where it is absent.
    pub path: Option<Pattern>,
    /// Whom it lets in.
    pub allow: Allow,
}

/// All rules, in order.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Rules in the order in which they are tried.
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Whom a path lets in. Where the client's spelling isn't the canonical one, each may meet a rule
    /// of its own, and the stricter counts: no spelling opens a door.
    pub fn allow(&self, path: &RequestPath) -> Allow {
        let canonical = self.first(|pattern| pattern.matches(path.canonical()));
        match path.other_spelling() {
            None => canonical,
            Some(raw) => canonical.max(self.first(|pattern| pattern.matches_spelling(raw))),
        }
    }

    fn first(&self, matches: impl Fn(&Pattern) -> bool) -> Allow {
        let covers = |rule: &&Rule| rule.path.as_ref().is_none_or(&matches);
        self.0.iter().find(covers).map_or(Allow::SignedIn, |rule| rule.allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let rule = |path: &str, allow| Rule { name: None, path: Some(Pattern::parse(path).unwrap()), allow };
        Rules::new(vec![
            rule("/public/secret", Allow::Nobody),
            rule("/public/**", Allow::Everyone),
            rule("/hello", Allow::Optional),
            rule("/internal/**", Allow::Nobody),
        ])
    }

    #[test]
    fn the_first_match_decides_and_the_default_is_signed_in() {
        let check = |path: &str, allow| {
            let path = RequestPath::parse(path.as_bytes()).unwrap();
            assert_eq!(rules().allow(&path), allow, "{path:?}");
        };
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
            let path = RequestPath::parse(spelling.as_bytes()).unwrap();
            assert_eq!(rules().allow(&path), Allow::Nobody, "{spelling}");
        }
        for spelling in ["/internal/../public", "//public", "/%70ublic", "/public;x"] {
            let path = RequestPath::parse(spelling.as_bytes()).unwrap();
            assert!(rules().allow(&path) >= Allow::SignedIn, "{spelling}");
        }
        let path = RequestPath::parse(b"/public/%2e%2e/public/x").unwrap();
        assert_eq!(rules().allow(&path), Allow::Everyone, "both spellings are public");
    }

    #[test]
    fn a_path_that_can_only_be_spelt_in_escapes_can_be_public() {
        let path = Some(Pattern::parse("/price list/**").unwrap());
        let rules = Rules::new(vec![Rule { name: None, path, allow: Allow::Everyone }]);
        let allow = |target: &[u8]| rules.allow(&RequestPath::parse(target).unwrap());
        assert_eq!(allow(b"/price%20list/2026"), Allow::Everyone);
        assert_eq!(allow(b"/price%20%6cist/2026"), Allow::SignedIn, "any other spelling is suspicious");
        assert_eq!(allow(b"/price%2520list/2026"), Allow::SignedIn);
    }
}
