//! The readings of a path besides its canonical form. Servers apply other steps, in another order, or several
//! times. Java servers cut off parameters before they decode, and most others keep them. Some decode but keep
//! dot segments. Hardly any server treats a backslash as a slash. Two servers in a row decode twice. The rules
//! must let the request pass in every possible reading.
//!
//! Servers are assumed to use one encoding consistently, whichever it is, or to leave out what they can't
//! decode.

use super::BadPath;
use super::escapes::{decode, decode_utf16, has_control, has_overlong_ascii, mark_stray};

/// The maximum number of readings, and of bytes in all of them. A path with one odd spelling has one or two
/// readings; only a path made for this purpose has so many.
const MAX: usize = 1 << 8;
const MAX_BYTES: usize = 1 << 18;

/// A path as some server reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its bytes.
    pub path: Vec<u8>,
    /// Whether its escapes are the client's: at most, characters that mean the same without an escape were
    /// decoded.
    pub as_spelt: bool,
    /// Whether names that consist only of non-UTF-8 bytes were left out. Few servers do that, so the path with
    /// these names decides. A rule that matches the rest also counts, unless it is the default.
    pub lacks_names: bool,
}

/// A step other than decoding. `None` if there is nothing to do.
type Step = fn(&[u8]) -> Option<Vec<u8>>;

const STEPS: [Step; 6] = [
    |path| take_backslashes(path, |_| false),
    // In Shift-JIS, the second byte of a character may equal a backslash without being one.
    |path| take_backslashes(path, |byte| matches!(byte, 0x81..=0x9f | 0xe0..=0xfc)),
    // The same in GBK and Big5.
    |path| take_backslashes(path, |byte| matches!(byte, 0x81..=0xfe)),
    cut_parameters,
    merge_slashes,
    resolve_dots,
];

/// All readings of a path, including the path itself.
///
/// # Errors
/// If a reading contains something that isn't allowed in a path, or there are too many readings.
pub(crate) fn of(path: &[u8]) -> Result<Vec<Reading>, BadPath> {
    let as_spelt = path.contains(&b'%');
    let mut readings = vec![Reading { path: path.to_vec(), as_spelt, lacks_names: false }];
    let (mut bytes, mut at) = (0, 0);
    while let Some(next) = readings.get(at).map(Reading::next) {
        for reading in next {
            if readings.contains(&reading) {
                continue;
            }
            refuse(&reading.path)?;
            bytes += reading.path.len();
            if readings.len() == MAX || bytes > MAX_BYTES {
                return Err(BadPath::Ambiguous);
            }
            readings.push(reading);
        }
        at += 1;
    }
    if readings.iter().any(|reading| reading.path.split(|byte| *byte == b'/').any(|name| name == b"..")) {
        // Leaving out names changes which name a `..` removes.
        readings.iter_mut().for_each(|reading| reading.lacks_names = false);
    }
    Ok(readings)
}

/// Refuses a path that contains something that isn't allowed in any reading.
pub(crate) fn refuse(path: &[u8]) -> Result<(), BadPath> {
    match path {
        _ if has_control(path) => Err(BadPath::ControlCharacter),
        _ if has_overlong_ascii(path) => Err(BadPath::Overlong),
        _ => Ok(()),
    }
}

impl Reading {
    /// The readings after one more step.
    fn next(&self) -> Vec<Self> {
        let steps = STEPS.iter().filter_map(|step| step(&self.path));
        let mut next: Vec<Self> = steps.map(|path| Self { path, ..*self }).collect();
        if self.path.contains(&b'%') {
            next.push(Self { path: decode_utf16(&self.path), ..*self });
            next.push(Self { path: decode(&self.path, |_| true), as_spelt: false, ..*self });
            if self.as_spelt {
                next.push(Self { path: decode(&self.path, is_unreserved), ..*self });
                next.push(Self { path: mark_stray(&self.path), ..*self });
            }
        }
        if std::str::from_utf8(&self.path).is_err() {
            let (named, all) = (leave_out(&self.path, false), leave_out(&self.path, true));
            let lacks_names = self.lacks_names || named != all;
            next.push(Self { path: named, ..*self });
            next.push(Self { path: all, lacks_names, ..*self });
        }
        next.retain(|reading| reading.path != self.path);
        next.iter_mut().for_each(|reading| reading.as_spelt &= reading.path.contains(&b'%'));
        next
    }
}

/// Whether a byte means the same with and without an escape (RFC 3986, section 2.3). Proxies that normalise
/// paths decode only these.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Replaces each backslash with a slash, unless it is the second byte of a character. `leads` returns whether a
/// byte is the first of two.
fn take_backslashes(path: &[u8], leads: fn(u8) -> bool) -> Option<Vec<u8>> {
    let mut led = false;
    let take = |byte: &u8| {
        let second = led && *byte >= 0x40;
        led = !second && leads(*byte);
        if *byte == b'\\' && !second { b'/' } else { *byte }
    };
    path.contains(&b'\\').then(|| path.iter().map(take).collect())
}

fn cut_parameters(path: &[u8]) -> Option<Vec<u8>> {
    let cut = |name: &'_ [u8]| memchr::memchr(b';', name).unwrap_or(name.len());
    let names = names(path).filter_map(|name| name.get(..cut(name)));
    path.contains(&b';').then(|| joined(&names.collect::<Vec<_>>()))
}

fn merge_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let names = names(path).filter(|name| !name.is_empty());
    path.windows(2).any(|pair| pair == b"//").then(|| joined(&names.collect::<Vec<_>>()))
}

fn resolve_dots(path: &[u8]) -> Option<Vec<u8>> {
    path.windows(2).find(|pair| *pair == b"/.")?;
    let mut kept: Vec<&[u8]> = Vec::new();
    for name in names(path) {
        match name {
            b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    Some(joined(&kept))
}

/// Removes bytes that aren't UTF-8. Names of only such bytes are kept unless `whole` is set.
fn leave_out(path: &[u8], whole: bool) -> Vec<u8> {
    let mut left = Vec::with_capacity(path.len());
    for name in names(path) {
        left.push(b'/');
        let begin = left.len();
        name.utf8_chunks().for_each(|chunk| left.extend_from_slice(chunk.valid().as_bytes()));
        if left.len() == begin && !whole {
            left.extend_from_slice(name);
        }
    }
    left
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').skip(1)
}

/// The path with these names.
pub(crate) fn joined(names: &[&[u8]]) -> Vec<u8> {
    let mut path = Vec::new();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() { vec![b'/'] } else { path }
}
