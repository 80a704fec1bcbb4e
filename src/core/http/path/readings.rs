//! The readings of a path beside its canonical form: what servers make of it that take other steps, or take them
//! in another order, or again. Java's cut parameters off before they decode, most others keep them; some decode and
//! leave dots alone; hardly any takes a backslash for a slash; two in a row decode twice. Whatever a server could
//! read must let a request pass.
//!
//! Servers are taken to follow the encoding that they read, whichever it is, or to leave out what they can't read.

use super::BadPath;
use super::escapes::{decode, decode_utf16, has_control, has_overlong_ascii, mark_stray};

/// How many there may be, and how long all together, in bytes. A path that is spelt oddly in one way has one or two;
/// only one that was made to have many comes to these.
const MAX: usize = 1 << 8;
const MAX_BYTES: usize = 1 << 18;

/// What a path is to some server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its bytes.
    pub path: Vec<u8>,
    /// Whether its escapes are the client's: nothing was decoded but what means the same.
    pub as_spelt: bool,
    /// Whether names of nothing but bytes that are no UTF-8 were left out of it. Few servers do that, so what decides
    /// is the name as it stands; but a rule that is there for what is left counts as well.
    pub lacks_names: bool,
}

/// A step beside decoding. `None` where there is nothing to do.
type Step = fn(&[u8]) -> Option<Vec<u8>>;

const STEPS: [Step; 6] = [
    |path| take_backslashes(path, |_| false),
    // The second byte of a character in Shift-JIS may be that of a backslash, and isn't one there.
    |path| take_backslashes(path, |byte| matches!(byte, 0x81..=0x9f | 0xe0..=0xfc)),
    // So it is in GBK and Big5.
    |path| take_backslashes(path, |byte| matches!(byte, 0x81..=0xfe)),
    cut_parameters,
    merge_slashes,
    resolve_dots,
];

/// All readings of a path, itself among them.
///
/// # Errors
/// Where one of them has what no path may have, or they are too many.
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
        // Which name a `..` takes away depends on the names that are left.
        readings.iter_mut().for_each(|reading| reading.lacks_names = false);
    }
    Ok(readings)
}

/// Refuses what no reading of a path may have.
pub(crate) fn refuse(path: &[u8]) -> Result<(), BadPath> {
    match path {
        _ if has_control(path) => Err(BadPath::ControlCharacter),
        _ if has_overlong_ascii(path) => Err(BadPath::Overlong),
        _ => Ok(()),
    }
}

impl Reading {
    /// What becomes of it by one more step.
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

/// Whether a byte means the same with and without an escape (RFC 3986, section 2.3). Proxies that normalise decode
/// these alone.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Takes a backslash for a slash where it isn't the second byte of a character. `leads` says which bytes are the
/// first of two.
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

/// Leaves out bytes that are no UTF-8; names of nothing else only where `whole` says so.
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

/// A path of these names.
pub(crate) fn joined(names: &[&[u8]]) -> Vec<u8> {
    let mut path = Vec::new();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() { vec![b'/'] } else { path }
}
