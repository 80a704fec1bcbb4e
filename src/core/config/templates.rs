//! Reads the templates of headers: `{name} <{email}>`, `{roles:;}`, `{role:admin=Admin|Viewer}`.

use std::sync::Arc;

use crate::cognito::identity::headers::Source;
use crate::cognito::identity::template::{Part, Template};
use crate::cognito::pool::Pool;
use crate::config::rules::why_nobody_has;

/// Reads a template, or says what is wrong with it.
pub(crate) fn read(text: &str, pools: &[&Arc<Pool>]) -> Result<Template, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((fixed, opened)) = rest.split_once('{') {
        let (inside, after) = opened.split_once('}').ok_or("has a `{` without `}`")?;
        add_fixed(&mut parts, fixed)?;
        parts.push(read_part(inside, pools)?);
        rest = after;
    }
    add_fixed(&mut parts, rest)?;
    if text.trim_matches(' ') != text || parts.is_empty() {
        return Err("is empty, or has a space at an end".to_owned());
    }
    let ends = ends_of_values(&parts)?;
    Ok(Template { parts, ends })
}

fn add_fixed(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    if !is_plain(text) {
        return Err(format!("`{text}` is not printable ASCII without braces"));
    }
    if !text.is_empty() {
        parts.push(Part::Text(vec![(String::new(), text.to_owned())]));
    }
    Ok(())
}

/// Reads what is between braces.
fn read_part(inside: &str, pools: &[&Arc<Pool>]) -> Result<Part, String> {
    let source = match inside {
        "sub" => Some(Source::Subject),
        "username" => Some(Source::Username),
        "email" => Some(Source::Email),
        "name" => Some(Source::Name),
        "roles" => Some(Source::Roles(',')),
        _ => match inside.split_once(':') {
            Some(("role", roles)) => return read_roles(roles, pools),
            Some(("roles", joint)) => match joint.as_bytes() {
                [joint] if ends_a_value(*joint) && *joint != b'%' => Some(Source::Roles(char::from(*joint))),
                _ => None,
            },
            _ => match inside.split_once('.') {
                Some(("claims", claim)) if claim.trim() == claim && !claim.is_empty() => {
                    Some(Source::Claim(claim.to_owned()))
                }
                _ => None,
            },
        },
    };
    source.map(Part::Value).ok_or_else(|| {
        format!(
            "`{{{inside}}}` is not one of {{sub}}, {{username}}, {{email}}, {{name}}, {{claims.NAME}}, {{roles}}, \
             {{roles:;}}, {{role:ROLE=TEXT|TEXT}}"
        )
    })
}

/// Reads `admin=Admin|editor=Editor|Viewer`.
fn read_roles(list: &str, pools: &[&Arc<Pool>]) -> Result<Part, String> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut is_closed = false;
    for item in list.split('|') {
        let (role, text) = item.rsplit_once('=').unwrap_or(("", item));
        if let Some(why) = why_nobody_has(role, pools).filter(|_| role.len() + text.len() < item.len()) {
            return Err(why);
        }
        // Everything after a text for everybody would never count.
        if text.is_empty() || !is_plain(text) || is_closed {
            return Err(format!("`{item}` is not ROLE=TEXT, with printable ASCII as text"));
        }
        is_closed = role.is_empty();
        texts.push((role.to_owned(), text.to_owned()));
    }
    if is_closed && texts.len() == 1 {
        return Err(format!("`{list}` names no role; write {{role:ROLE=TEXT}}"));
    }
    Ok(Part::Text(texts))
}

/// For each value, the character that ends it in this template: the first punctuation mark of the fixed text that
/// follows, else a space. Without one, a reader couldn't tell two values apart.
fn ends_of_values(parts: &[Part]) -> Result<Vec<u8>, String> {
    let mut ends = Vec::new();
    // Whether there is a value before that nothing has ended yet.
    let mut is_open = false;
    for part in parts {
        match part {
            Part::Value(_) if is_open => {
                return Err("has two values without a punctuation mark or a space in between".to_owned());
            }
            Part::Value(_) => is_open = true,
            Part::Text(texts) => {
                let fixed = texts.first().filter(|(role, _)| is_open && role.is_empty());
                let text = fixed.map_or("", |(_, text)| text.as_str()).as_bytes();
                let mark = text.iter().find(|byte| byte.is_ascii_punctuation());
                let end = mark.or_else(|| text.iter().find(|byte| **byte == b' '));
                is_open &= end.is_none();
                ends.extend(end);
            }
        }
    }
    let joins = |part: &Part| matches!(part, Part::Value(Source::Roles(joint)) if ends.iter().any(|end| char::from(*end) == *joint));
    if parts.iter().any(joins) {
        return Err("joins roles by a character that also ends a value; use another: {roles:;}".to_owned());
    }
    if ends.contains(&b'"') {
        ends.push(b'\\');
    }
    if !ends.is_empty() {
        ends.push(b'%');
    }
    Ok(ends)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && !matches!(byte, b'{' | b'}'))
}

fn ends_a_value(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_punctuation()
}
