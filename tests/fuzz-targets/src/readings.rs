//! What servers behind the filter could make of a path, be they ever so lenient, and which rule a list read
//! from the top would find for it. Written without a look at the filter's own reading, and never in a hurry.

use std::collections::BTreeSet;

/// Rules as a plain list: a pattern, and whether it lets everyone in.
pub type List<'a> = &'a [(&'a str, bool)];

/// What a server does to a path, before it decodes or after.
#[derive(Clone, Copy)]
struct Steps {
    backslashes: bool,
    parameters: bool,
    slashes: bool,
    dots: bool,
}

impl Steps {
    fn all() -> impl Iterator<Item = Self> {
        (0..16).map(|bits: u8| Self {
            backslashes: bits & 1 != 0,
            parameters: bits & 2 != 0,
            slashes: bits & 4 != 0,
            dots: bits & 8 != 0,
        })
    }

    fn take(self, path: &[u8]) -> Vec<u8> {
        let is_slash = |byte: &u8| *byte == b'/' || (self.backslashes && *byte == b'\\');
        let mut kept: Vec<&[u8]> = Vec::new();
        for segment in path.strip_prefix(b"/").unwrap_or(path).split(is_slash) {
            let name = segment.split(|byte| self.parameters && *byte == b';').next().unwrap_or_default();
            match name {
                b"" if self.slashes => {}
                b"." if self.dots => {}
                b".." if self.dots => drop(kept.pop()),
                name => kept.push(name),
            }
        }
        [b"/", kept.join(&b'/').as_slice()].concat()
    }
}

/// Decodes what can be decoded and leaves the rest.
fn decode(path: &[u8]) -> Vec<u8> {
    let digit = |at: usize| path.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::new(), 0);
    while let Some(byte) = path.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high << 4 | low).expect("two digits"));
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

/// All paths that some server would take a target for: it takes any steps, decodes so many times, and takes any
/// steps again.
pub fn of(target: &[u8], max_decodes: usize) -> BTreeSet<Vec<u8>> {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let mut undecoded = some_steps(&BTreeSet::from([path.to_vec()]));
    undecoded.insert(path.to_vec());
    let (mut readings, mut decoded) = (some_steps(&undecoded), undecoded);
    for _ in 0..max_decodes {
        decoded = decoded.iter().map(|path| decode(path)).collect();
        readings.extend(some_steps(&decoded));
    }
    readings
}

fn some_steps(paths: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    paths.iter().flat_map(|path| Steps::all().map(|steps| steps.take(path))).collect()
}

/// Whether the first rule that matches lets everyone in; where none does, one must be signed in.
pub fn is_open(rules: List<'_>, path: &[u8]) -> bool {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    let found = rules.iter().find(|(pattern, _)| {
        let wanted: Vec<&[u8]> = pattern.as_bytes().split(|byte| *byte == b'/').skip(1).collect();
        covers(&wanted, &names)
    });
    found.is_some_and(|(_, open)| *open)
}

fn covers(wanted: &[&[u8]], names: &[&[u8]]) -> bool {
    match (wanted.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((&b"**", rest)), None) => covers(rest, names),
        (Some((&b"**", rest)), Some((_, others))) => covers(rest, names) || covers(wanted, others),
        (Some((&b"*", rest)), Some((name, others))) => !name.is_empty() && covers(rest, others),
        (Some((text, rest)), Some((name, others))) => text == name && covers(rest, others),
        _ => false,
    }
}
