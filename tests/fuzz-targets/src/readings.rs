//! The possible readings of a path by servers behind the filter, however lenient, and the rule that a simple top-down
//! search would find for each. Written independently of the filter's own reading, and not for speed.

use std::collections::BTreeSet;

/// Rules as a plain list: a pattern, and whether it allows everyone.
pub type List<'a> = &'a [(&'a str, bool)];

/// How some server would read a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// The path.
    pub path: Vec<u8>,
    /// Whether it still has the client's own escapes.
    spelt: bool,
    /// Whether names without a single UTF-8 character were removed. The rules then decide about the path with these
    /// names, unless there is a rule for the path without them.
    pub lost: bool,
}

/// No check needs more. The filter refuses a path with so many readings long before.
const ENOUGH: usize = 5_000;

/// Something that one server does and another doesn't.
type Habit = fn(&[u8]) -> Vec<u8>;

/// What servers do to paths, in any order and repeatedly.
const HABITS: [Habit; 9] = [
    |path| each_name(path, &[], |kept, name| kept.push(name)),
    |path| each_name(path, &[(0x81, 0x9f), (0xe0, 0xfc)], |kept, name| kept.push(name)),
    |path| each_name(path, &[(0x81, 0xfe)], |kept, name| kept.push(name)),
    |path| by_slash(path, |kept, name| kept.push(name.split(|byte| *byte == b';').next().expect("one"))),
    |path| by_slash(path, |kept, name| kept.extend((!name.is_empty()).then_some(name))),
    |path| {
        by_slash(path, |kept, name| match name {
            b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        })
    },
    shorten_overlong,
    cut_at_control,
    wide_escapes,
];

/// All paths that some server would read a target as.
pub fn of(target: &[u8]) -> BTreeSet<Reading> {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec();
    let begin = Reading { path, spelt: true, lost: false };
    let mut found = BTreeSet::from([begin.clone()]);
    let mut fresh = vec![begin];
    while let Some(reading) = fresh.pop().filter(|_| found.len() < ENOUGH) {
        let next = next(&reading).into_iter().filter(|next| found.insert(next.clone()));
        fresh.extend(next.collect::<Vec<_>>());
    }
    // After a name is removed, `..` climbs from another place.
    let climbs =
        found.iter().any(|Reading { path, .. }| path.split(|byte| *byte == b'/').any(|name| name == b".."));
    found.into_iter().map(|reading| Reading { lost: reading.lost && !climbs, ..reading }).collect()
}

fn next(reading: &Reading) -> Vec<Reading> {
    let Reading { path, spelt, lost } = reading;
    let (spelt, lost) = (*spelt, *lost);
    let mut next: Vec<Reading> =
        HABITS.iter().map(|habit| Reading { path: habit(path), spelt, lost }).collect();
    next.push(Reading { path: unescape(path, |_| true, b'%'), spelt: false, lost });
    if spelt {
        next.push(Reading { path: unescape(path, |_| true, 0xff), spelt: false, lost });
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        next.push(Reading { path: unescape(path, plain, b'%'), spelt, lost });
        next.push(Reading { path: unescape(path, |_| false, 0xff), spelt, lost });
    }
    let text = |name: &[u8]| String::from_utf8_lossy(name).replace('\u{fffd}', "").into_bytes();
    // A replacement character that the client sent is text.
    if std::str::from_utf8(path).is_err() {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
        let all: Vec<Vec<u8>> = names.iter().map(|name| text(name)).collect();
        let some: Vec<Vec<u8>> = names
            .iter()
            .zip(&all)
            .map(|(name, text)| if text.is_empty() { name.to_vec() } else { text.clone() })
            .collect();
        let slashed =
            |names: &[Vec<u8>]| names.iter().flat_map(|name| [b"/", name.as_slice()].concat()).collect();
        next.push(Reading { path: slashed(&some), spelt, lost });
        next.push(Reading { path: slashed(&all), spelt, lost: lost || some != all });
    }
    next
}

/// The names between slashes, and between backslashes that aren't the second half of a character whose first half is
/// in `leads`.
fn each_name<'p>(
    path: &'p [u8],
    leads: &[(u8, u8)],
    mut keep: impl FnMut(&mut Vec<&'p [u8]>, &'p [u8]),
) -> Vec<u8> {
    let (mut kept, mut begin, mut at) = (Vec::new(), 1, 1);
    while at < path.len() {
        let leads = leads.iter().any(|(first, last)| (*first..=*last).contains(&path[at]));
        if matches!(path[at], b'/' | b'\\') {
            keep(&mut kept, &path[begin..at]);
            begin = at + 1;
        }
        at += if leads && path.get(at + 1).is_some_and(|second| *second >= 0x40) { 2 } else { 1 };
    }
    keep(&mut kept, path.get(begin..).unwrap_or_default());
    [b"/", kept.join(&b'/').as_slice()].concat()
}

fn by_slash<'p>(path: &'p [u8], mut keep: impl FnMut(&mut Vec<&'p [u8]>, &'p [u8])) -> Vec<u8> {
    let mut kept = Vec::new();
    path.split(|byte| *byte == b'/').skip(1).for_each(|name| keep(&mut kept, name));
    [b"/", kept.join(&b'/').as_slice()].concat()
}

/// Decodes some escapes, and puts `stray` in place of each `%` that isn't part of an escape.
fn unescape(path: &[u8], wanted: impl Fn(u8) -> bool, stray: u8) -> Vec<u8> {
    let digit = |at: usize| path.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::new(), 0);
    while let Some(byte) = path.get(at) {
        let escaped = (digit(at + 1), digit(at + 2));
        match (byte, escaped) {
            (b'%', (Some(high), Some(low))) => {
                let byte = u8::try_from(high << 4 | low).expect("two digits");
                if wanted(byte) {
                    decoded.push(byte);
                } else {
                    decoded.extend_from_slice(&path[at..at + 3]);
                }
                at += 3;
            }
            (b'%', _) => {
                decoded.push(stray);
                at += 1;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Decodes `%u002e`.
fn wide_escapes(path: &[u8]) -> Vec<u8> {
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < path.len() {
        let wide = path.get(at..at + 6).filter(|six| six[0] == b'%' && six[1].eq_ignore_ascii_case(&b'u'));
        let digits =
            wide.and_then(|six| std::str::from_utf8(&six[2..]).ok()).filter(|four| !four.contains('+'));
        match digits.and_then(|four| u32::from_str_radix(four, 16).ok()).and_then(char::from_u32) {
            Some(char) => {
                decoded.extend(char.to_string().into_bytes());
                at += 6;
            }
            None => {
                decoded.push(path[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// Reads UTF-8 without checking for overlong encodings.
fn shorten_overlong(path: &[u8]) -> Vec<u8> {
    let (mut read, mut at) = (Vec::new(), 0);
    while at < path.len() {
        let more = match path[at] {
            0xc0..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf7 => 3,
            0xf8..=0xfb => 4,
            0xfc..=0xfd => 5,
            _ => 0,
        };
        let tail = path.get(at + 1..=at + more).unwrap_or_default();
        let lead = u64::from(path[at]) & (0x3f >> more.max(1));
        let code = tail.iter().fold(lead, |code, byte| code << 6 | u64::from(byte & 0x3f));
        if more > 0 && tail.len() == more && tail.iter().all(|byte| byte & 0xc0 == 0x80) && code < 0x80 {
            read.push(u8::try_from(code).expect("seven bits"));
            at += 1 + more;
        } else {
            read.push(path[at]);
            at += 1;
        }
    }
    read
}

/// A server in C ends a path at a NUL, and other control characters may end lines.
fn cut_at_control(path: &[u8]) -> Vec<u8> {
    path.split(u8::is_ascii_control).next().unwrap_or_default().to_vec()
}

/// Whether the first rule that matches allows everyone. If none does, a session is required.
pub fn is_open(rules: List<'_>, reading: &Reading) -> bool {
    let path = reading.path.strip_suffix(b"/").unwrap_or(&reading.path);
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    let found = rules.iter().find(|(pattern, _)| {
        let wanted: Vec<&[u8]> = pattern.as_bytes().split(|byte| *byte == b'/').skip(1).collect();
        covers(&wanted, &names)
    });
    found.map_or(reading.lost, |(_, open)| *open)
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
