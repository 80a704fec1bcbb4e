//! The readings of a path that lie between its spelling and its canonical form. Servers differ in the steps that
//! they take: Java's cut parameters off before they decode, most others keep them; some decode and leave dots
//! alone; hardly any takes a backslash for a slash. Whatever a server could read must let a request pass.

use super::percent_decode_once;

/// How long they may be all together, in bytes. There are 256 at most, and one or two of a path that is spelt
/// oddly in one way: only a path of many kilobytes that was made to have many comes to that.
const MAX_BYTES: usize = 1 << 20;

/// What a path is to some server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub path: String,
    /// Whether nothing in it is decoded.
    pub as_spelt: bool,
}

/// The steps beside decoding, in the order in which they are taken. Any may be left out.
const STEPS: [fn(&str) -> String; 4] = [take_backslashes, cut_parameters, merge_slashes, resolve_dots];

/// All readings but these two. `None` where they are too much to read.
pub fn between(raw: &str, canonical: &str) -> Option<Vec<Reading>> {
    let decoded = percent_decode_once(raw).ok()?;
    if without_last_slash(&decoded) == canonical {
        // There is nothing but escapes.
        return Some(Vec::new());
    }
    let spelt = closure(vec![raw.to_owned()])?;
    let decoded = closure(spelt.iter().filter_map(|path| percent_decode_once(path).ok()).collect())?;
    let reading = |path: &String, as_spelt| Reading { path: without_last_slash(path).to_owned(), as_spelt };
    let spelt = spelt.iter().map(|path| reading(path, true)).filter(|reading| reading.path != raw);
    let decoded = decoded.iter().map(|path| reading(path, false));
    Some(spelt.chain(decoded.filter(|reading| reading.path != canonical)).collect())
}

/// What these become by some of the steps.
fn closure(mut paths: Vec<String>) -> Option<Vec<String>> {
    for step in STEPS {
        let more: Vec<String> = paths.iter().map(|path| step(path)).collect();
        for path in more {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        (paths.iter().map(String::len).sum::<usize>() <= MAX_BYTES).then_some(())?;
    }
    Some(paths)
}

fn without_last_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|shorter| !shorter.is_empty()).unwrap_or(path)
}

fn take_backslashes(path: &str) -> String {
    path.replace('\\', "/")
}

fn cut_parameters(path: &str) -> String {
    joined(path.split('/').skip(1).map(|segment| segment.split(';').next().unwrap_or_default()))
}

fn merge_slashes(path: &str) -> String {
    joined(path.split('/').filter(|segment| !segment.is_empty()))
}

fn resolve_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    joined(segments.into_iter())
}

fn joined<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    format!("/{}", segments.collect::<Vec<_>>().join("/"))
}
