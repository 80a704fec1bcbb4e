//! The automaton that rules are compiled into: a tree over the labels of the host (last first), the segments of
//! the path, and the method. Each pattern is one path down the tree. A request follows all matching branches at
//! once, and the first rule at the nodes that it ends at has matched.
//!
//! The cost depends on the length of the request. The number of children of a node only matters by its
//! logarithm. Only overlapping wildcards (`/*/a` and `/x/*`) are followed at the same time. So a thousand rules
//! cost as much as one, unless a thousand of them match the same beginning in different ways.

use smallvec::SmallVec;

use crate::http::host::labels;
use crate::http::path::{Segment, segments, unescaped};
use crate::rules::Matches;

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Symbol<'a> {
    /// Exactly this text.
    Text(&'a [u8]),
    /// This label of a request's host. Unlike a segment, it may be empty: an oddly spelt host must not bypass
    /// the rules for its domain.
    Label(&'a [u8]),
    /// Any single text.
    One,
    /// Any number of texts.
    Any,
    /// The end of the host or of the path. No wildcard matches beyond it.
    End,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Children by text, sorted by it.
    texts: Vec<(Box<[u8]>, usize)>,
    one: Option<usize>,
    any: Option<usize>,
    end: Option<usize>,
    /// Whether the node belongs to a `**`: it matches any text and stays active.
    stays: bool,
    /// The first rule whose pattern ends here.
    rule: Option<usize>,
}

/// Compiled patterns.
#[derive(Clone, Debug)]
pub(crate) struct Automaton {
    nodes: Vec<Node>,
    hosts: bool,
    methods: bool,
}

impl Default for Automaton {
    fn default() -> Self {
        Self::new(false, false)
    }
}

impl Automaton {
    /// An automaton without patterns. Hosts and methods of requests are only read if some rule needs them.
    pub(crate) fn new(hosts: bool, methods: bool) -> Self {
        Self { nodes: vec![Node::default()], hosts, methods }
    }

    /// Adds the patterns of a rule. If earlier rules match every request that it matches, returns the first of
    /// these rules.
    ///
    /// The result is never wrong, but it isn't complete: a pattern counts as covered if one other pattern
    /// covers it. It isn't noticed if only several patterns together cover it.
    pub(crate) fn add(&mut self, matches: &Matches, rule: usize) -> Option<usize> {
        let hosts: Vec<Vec<Symbol<'_>>> = match matches.hosts.as_slice() {
            [] => vec![vec![Symbol::Any]],
            hosts => hosts.iter().map(|host| host_symbols(host.labels())).collect(),
        };
        let methods: Vec<Symbol<'_>> = match matches.methods.as_slice() {
            [] => vec![Symbol::Any],
            methods => methods.iter().map(|method| Symbol::Text(method.as_bytes())).collect(),
        };
        let path: Vec<Symbol<'_>> = match &matches.path {
            None => vec![Symbol::Any],
            Some(pattern) => pattern.segments().iter().map(segment_symbol).collect(),
        };
        let mut patterns = Vec::new();
        for host in &hosts {
            for method in &methods {
                let mut pattern = Vec::new();
                if self.hosts {
                    pattern.extend_from_slice(host);
                    pattern.push(Symbol::End);
                }
                pattern.extend_from_slice(&path);
                if self.methods {
                    pattern.extend([Symbol::End, *method]);
                }
                patterns.push(pattern);
            }
        }
        let covered: Option<Vec<usize>> = patterns.iter().map(|pattern| self.covering(pattern)).collect();
        for pattern in &patterns {
            self.insert(pattern, rule);
        }
        covered?.into_iter().min()
    }

    fn insert(&mut self, pattern: &[Symbol<'_>], rule: usize) {
        let end = pattern.iter().fold(0, |at, symbol| self.child(at, *symbol));
        if let Some(node) = self.nodes.get_mut(end)
            && node.rule.is_none()
        {
            node.rule = Some(rule);
        }
    }

    /// The child of a node for a symbol. Adds it if it doesn't exist yet.
    fn child(&mut self, at: usize, symbol: Symbol<'_>) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let child = match symbol {
            Symbol::Text(text) | Symbol::Label(text) => match node.find(text) {
                Ok(found) => node.texts.get(found).map_or(next, |(_, child)| *child),
                Err(place) => {
                    node.texts.insert(place, (text.into(), next));
                    next
                }
            },
            Symbol::One => *node.one.get_or_insert(next),
            Symbol::Any => *node.any.get_or_insert(next),
            Symbol::End => *node.end.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node { stays: symbol == Symbol::Any, ..Node::default() });
        }
        child
    }

    /// The first rule that matches a request. `as_spelt` means that the path is in the client's spelling: then
    /// a segment may also match in the escapes that browsers use for it.
    pub(crate) fn first(&self, host: &str, path: &[u8], as_spelt: bool, method: &str) -> Option<usize> {
        let mut walk = Walk::begin(self);
        if self.hosts {
            labels(host).for_each(|label| walk.step(Symbol::Label(label.as_bytes()), None));
            walk.step(Symbol::End, None);
        }
        for segment in segments(path) {
            let plain = if as_spelt { unescaped(segment) } else { None };
            walk.step(Symbol::Text(segment), plain.as_deref());
        }
        if self.methods {
            walk.step(Symbol::End, None);
            walk.step(Symbol::Text(method.as_bytes()), None);
        }
        walk.first()
    }

    /// The first rule that matches everything that a pattern matches. The pattern's wildcards are treated as
    /// texts that only equal or wider wildcards match.
    fn covering(&self, pattern: &[Symbol<'_>]) -> Option<usize> {
        let mut walk = Walk::begin(self);
        pattern.iter().for_each(|symbol| walk.step(*symbol, None));
        walk.first()
    }

    /// The number of nodes that a request visits, for measurements.
    #[cfg(test)]
    pub(super) fn visited(&self, host: &str, path: &[u8]) -> usize {
        let mut walk = Walk::begin(self);
        let host = labels(host)
            .map(|label| Symbol::Label(label.as_bytes()))
            .chain([Symbol::End])
            .filter(|_| self.hosts);
        host.chain(segments(path).map(Symbol::Text)).fold(walk.active.len(), |visited, symbol| {
            walk.step(symbol, None);
            visited + walk.active.len()
        })
    }
}

impl Node {
    fn find(&self, text: &[u8]) -> Result<usize, usize> {
        self.texts.binary_search_by(|(known, _)| (**known).cmp(text))
    }
}

fn segment_symbol(segment: &Segment) -> Symbol<'_> {
    match segment {
        Segment::Literal(text) => Symbol::Text(text.as_bytes()),
        Segment::One => Symbol::One,
        Segment::Any => Symbol::Any,
    }
}

fn host_symbols<'a>((labels, below): (impl Iterator<Item = &'a str>, bool)) -> Vec<Symbol<'a>> {
    let below: &[Symbol<'_>] = if below { &[Symbol::One, Symbol::Any] } else { &[] };
    labels.map(|label| Symbol::Text(label.as_bytes())).chain(below.iter().copied()).collect()
}

/// A set of nodes. In few rule sets, more than eight are active at a time.
type Nodes = SmallVec<[usize; 8]>;

/// The nodes that a request has reached so far.
struct Walk<'m> {
    automaton: &'m Automaton,
    active: Nodes,
    next: Nodes,
}

impl<'m> Walk<'m> {
    fn begin(automaton: &'m Automaton) -> Self {
        let mut walk = Self { automaton, active: Nodes::new(), next: Nodes::new() };
        walk.reach(0);
        std::mem::swap(&mut walk.active, &mut walk.next);
        walk
    }

    /// Adds a node, and the nodes that are reached from it without a text, because `**` also matches no
    /// segment.
    fn reach(&mut self, node: usize) {
        let mut reached = Some(node);
        while let Some(at) = reached {
            let Some(node) = self.automaton.nodes.get(at) else { return };
            // Only a `**` node can be reached in two ways.
            if node.stays && self.next.contains(&at) {
                return;
            }
            self.next.push(at);
            reached = node.any;
        }
    }

    /// Moves on by one symbol. `plain` is another reading of a text.
    fn step(&mut self, symbol: Symbol<'_>, plain: Option<&[u8]>) {
        let active = std::mem::take(&mut self.active);
        for &at in &active {
            let Some(node) = self.automaton.nodes.get(at) else { continue };
            let child = |text: &[u8]| node.texts.get(node.find(text).ok()?).map(|(_, child)| *child);
            let (text, plain, one) = match symbol {
                Symbol::Text(text) => {
                    (child(text), plain.and_then(child), node.one.filter(|_| !text.is_empty()))
                }
                Symbol::Label(text) => (child(text), None, node.one),
                Symbol::One => (None, None, node.one),
                Symbol::Any => (None, None, None),
                Symbol::End => (node.end, None, None),
            };
            let stays = (node.stays && symbol != Symbol::End).then_some(at);
            [text, plain, one, stays].into_iter().flatten().for_each(|node| self.reach(node));
        }
        self.active = std::mem::replace(&mut self.next, active);
        self.next.clear();
    }

    fn first(&self) -> Option<usize> {
        self.active.iter().filter_map(|at| self.automaton.nodes.get(*at)?.rule).min()
    }
}
