//! Reads the templates of headers: `{name} <{email}>`, `{roles:;}`, `{role:admin=Admin|Viewer}`.

use std::sync::Arc;

use crate::cognito::identity::source::{Part, Source, Template};
use crate::cognito::pool::Pool;
use crate::config::rules::why_nobody_has;

/// Reads a template, or says what is wrong with it.
pub(crate) fn read(text: &str, pools: &[&Arc<Pool>]) -> Result<Template, String> {
    let known = "is not printable ASCII with parts like {sub}, {username}, {email}, {name}, {claims.NAME}, {roles}, \
                 {roles:;}, {role:ROLE=TEXT|TEXT}, and without other braces or a space at an end";
    let parts = read_parts(text).ok_or(known)?;
    for part in &parts {
        if let Part::Text(texts) = part {
            let why = |(role, _): &(String, String)| why_nobody_has(role, pools).filter(|_| !role.is_empty());
            texts.iter().find_map(why).map_or(Ok(()), Err)?;
        }
    }
    let ends = ends_of_values(&parts).ok_or(
        "has values that can't be told apart: put a mark between them, and join roles by another one",
    )?;
    Ok(Template { parts, ends })
}

fn read_parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((fixed, opened)) = rest.split_once('{') {
        let (inside, after) = opened.split_once('}')?;
        add_fixed(&mut parts, fixed)?;
        parts.push(read_part(inside)?);
        rest = after;
    }
    add_fixed(&mut parts, rest)?;
    (text.trim() == text && !parts.is_empty()).then_some(parts)
}

fn add_fixed(parts: &mut Vec<Part>, text: &str) -> Option<()> {
    if !text.is_empty() {
        parts.push(Part::Text(vec![(String::new(), plain(text)?)]));
    }
    Some(())
}

/// Reads what is between braces.
fn read_part(inside: &str) -> Option<Part> {
    Some(Part::Value(match inside {
        "sub" => Source::Subject,
        "username" => Source::Username,
        "email" => Source::Email,
        "name" => Source::Name,
        "roles" => Source::Roles(','),
        _ => match inside.split_once(':') {
            Some(("role", roles)) => return read_roles(roles),
            Some(("roles", joint)) => match joint.as_bytes() {
                [joint] if ends_a_value(*joint) && *joint != b'%' => Source::Roles(char::from(*joint)),
                _ => return None,
            },
            _ => {
                let claim = inside.strip_prefix("claims.")?;
                let is_named = claim.trim() == claim && !claim.is_empty();
                is_named.then(|| Source::Claim(claim.to_owned()))?
            }
        },
    }))
}

/// Reads `admin=Admin|editor=Editor|Viewer`.
fn read_roles(list: &str) -> Option<Part> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for item in list.split('|') {
        let (role, text) = item.rsplit_once('=').unwrap_or(("", item));
        // The text for everybody comes last, and without `=`.
        let is_closed = texts.last().is_some_and(|(role, _)| role.is_empty());
        if text.is_empty() || is_closed || (role.is_empty() && (texts.is_empty() || item.len() > text.len()))
        {
            return None;
        }
        texts.push((role.to_owned(), plain(text)?));
    }
    Some(Part::Text(texts))
}

/// For each value, the character that ends it in this template: the first punctuation mark of the fixed text that
/// follows, else a space. `None` if a reader couldn't tell two values apart, or the roles from what follows.
fn ends_of_values(parts: &[Part]) -> Option<Vec<u8>> {
    let mut ends = Vec::new();
    // Whether there is a value before that nothing has ended yet.
    let mut is_open = false;
    for part in parts {
        match part {
            Part::Value(_) if is_open => return None,
            Part::Value(_) => is_open = true,
            Part::Text(texts) => {
                let fixed = texts.first().filter(|(role, _)| is_open && role.is_empty());
                let text = fixed.map_or("", |(_, text)| text).as_bytes();
                let mark = text.iter().find(|byte| byte.is_ascii_punctuation());
                let end = mark.or_else(|| text.iter().find(|byte| **byte == b' '));
                is_open &= end.is_none();
                ends.extend(end);
            }
        }
    }
    for part in parts {
        if let Part::Value(Source::Roles(joint)) = part
            && ends.iter().any(|end| char::from(*end) == *joint)
        {
            return None;
        }
    }
    if ends.contains(&b'"') {
        ends.push(b'\\');
    }
    if !ends.is_empty() {
        ends.push(b'%');
    }
    Some(ends)
}

/// Fixed text, if it is printable ASCII without braces.
fn plain(text: &str) -> Option<String> {
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && !matches!(byte, b'{' | b'}');
    text.bytes().all(is_plain).then(|| text.to_owned())
}

fn ends_a_value(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_punctuation()
}
