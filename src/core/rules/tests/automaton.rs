//! The automaton decides as a list read from the top would.

use super::matching::{matches, matches_spelling};
use super::*;

/// A random generator with the same sequence in every run (splitmix64).
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

/// Tries the rules one by one, from the top.
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
            let canonical = model(&drafts, method, host, |pattern| matches(pattern, path.canonical()));
            assert_eq!(ruling.canonical.number, canonical.unwrap_or(usize::MAX), "{path:?} {drafts:?}");
            assert!(never.iter().all(|never| Some(never.rule) != canonical), "{path:?} {drafts:?}");
            let spelt = path.other_spelling().map(|spelt| {
                let found = model(&drafts, method, host, |pattern| matches_spelling(pattern, spelt));
                assert!(never.iter().all(|never| Some(never.rule) != found), "{path:?} {drafts:?}");
                found.unwrap_or(usize::MAX)
            });
            assert_eq!(ruling.others.first().map(|rule| rule.number), spelt, "{path:?} {drafts:?}");
            cases += 1;
        }
    }
    assert!(cases > 300_000 && dead > 500, "{cases} cases, {dead} dead rules");
}
