//! Where the YAML parsers of Envoy (yaml-cpp) and Kubernetes (Go's) differ from the parser used here: what they
//! refuse, and what they accept. Each difference was observed with Envoy or kubectl.

use std::ops::Range;

/// The character that both refuse in an unquoted text in brackets or braces, and its position.
pub fn refused_in_flow(text: &str, range: &Range<usize>) -> Option<(usize, char)> {
    let plain = text.get(range.clone()).unwrap_or_default();
    match plain.chars().next() {
        Some(first @ ('|' | '>')) => Some((range.start, first)),
        _ => plain.find('?').map(|at| (range.start + at, '?')),
    }
}

/// Whether a line ends between a key and its colon, in braces. Both refuse that.
pub fn is_cut_off(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default().trim_start_matches([' ', '\t']);
    rest.starts_with(['\n', '\r', '#'])
}

/// Whether there is a tab right before a key or a dash.
pub fn has_tab_before(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let blank = before.len() - before.trim_end_matches([' ', '\t']).len();
    before.get(before.len() - blank..).unwrap_or_default().contains('\t')
}

/// The tab that Envoy finds where it expects indentation: after an unquoted text that ends its line and might
/// continue on the next line.
pub fn tab_behind(text: &str, end: usize, indent: usize) -> Option<usize> {
    let rest = text.get(end..)?;
    let mut at = end + rest.find(|c: char| !matches!(c, ' ' | '\t' | '\r'))?;
    while text.get(at..)?.starts_with('\n') {
        let line = at + 1;
        let spaces = text.get(line..)?.bytes().take_while(|byte| *byte == b' ').count();
        if text.get(line + spaces..)?.starts_with('\t') && spaces < indent {
            return Some(line + spaces);
        }
        at = line + text.get(line..)?.find(|c: char| !matches!(c, ' ' | '\t' | '\r'))?;
    }
    None
}

/// The commas in the first column of a line in brackets or braces. Envoy refuses commas only there.
pub fn leading_commas(text: &str, start: usize) -> Vec<usize> {
    let mut commas = Vec::new();
    let mut last = b' ';
    scan_flow(text, start, |at, byte, _| {
        if byte == b',' && last == b'\n' {
            commas.push(at);
        }
        last = byte;
    });
    commas
}

/// Changes the text so that the parser can read it, if Envoy reads it too. Positions stay the same. The changes
/// concern indentation and tabs in brackets or braces, a tab after a colon, and a comment without a space before it.
/// `at` is where reading stopped, and `flow` the position of the outermost open bracket.
pub fn relaxed(text: &str, message: &str, at: usize, flow: Option<usize>) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    if message.contains("':' must be followed") {
        blank_tabs(&mut bytes, at);
    } else if message.contains("comments must be separated") {
        blank_comment(&mut bytes, at);
    }
    if bytes == text.as_bytes() {
        let start = flow?;
        scan_flow(text, start, |at, byte, is_comment| {
            if is_comment || matches!(byte, b'\n' | b'\r' | b'\t') {
                blank(&mut bytes, at);
            }
        });
    }
    let relaxed = String::from_utf8(bytes).ok()?;
    (relaxed != text).then_some(relaxed)
}

/// The position of the bracket that opens in a range, outside texts and comments.
pub fn flow_between(text: &str, range: Range<usize>) -> Option<usize> {
    let mut last = b' ';
    for (offset, byte) in text.get(range.clone())?.bytes().enumerate() {
        if matches!(byte, b'[' | b'{') && matches!(last, b' ' | b'\t' | b'\n' | b'\r') {
            return Some(range.start + offset);
        }
        last = byte;
    }
    None
}

fn blank(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = b' ';
    }
}

/// Blanks the tabs at or next to `at`.
fn blank_tabs(bytes: &mut [u8], at: usize) {
    let is_tab = |bytes: &[u8], at: usize| bytes.get(at) == Some(&b'\t');
    let Some(first) = (at.saturating_sub(1)..at + 2).find(|at| is_tab(bytes, *at)) else { return };
    let mut at = first;
    while is_tab(bytes, at) {
        blank(bytes, at);
        at += 1;
    }
}

/// Blanks the comment that starts at or next to `at`.
fn blank_comment(bytes: &mut [u8], at: usize) {
    let Some(start) = (at.saturating_sub(1)..at + 2).find(|at| bytes.get(*at) == Some(&b'#')) else { return };
    let mut at = start;
    while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
        blank(bytes, at);
        at += 1;
    }
}

/// Goes from an opening bracket to its closing bracket. Calls `visit` for each byte outside quotes, with whether it
/// is in a comment.
fn scan_flow(text: &str, start: usize, mut visit: impl FnMut(usize, u8, bool)) {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut last) = (start, 0_usize, b' ');
    while let Some(&byte) = bytes.get(at) {
        let begins = matches!(last, b' ' | b'\t' | b'\n' | b'\r' | b'[' | b'{' | b',' | b':');
        match byte {
            b'"' | b'\'' if begins => {
                at = end_of_quotes(bytes, at);
                last = byte;
                continue;
            }
            b'#' if begins || matches!(last, b']' | b'}' | b'"' | b'\'') => {
                while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
                    visit(at, b'#', true);
                    at += 1;
                }
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        visit(at, byte, false);
        if depth == 0 {
            return;
        }
        last = byte;
        at += 1;
    }
}

/// The position after the quoted text that starts at `start`.
fn end_of_quotes(bytes: &[u8], start: usize) -> usize {
    let quote = bytes.get(start).copied().unwrap_or_default();
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' if quote == b'"' => at += 1,
            _ if byte == quote && quote == b'\'' && bytes.get(at) == Some(&quote) => at += 1,
            _ if byte == quote => break,
            _ => {}
        }
    }
    at
}
