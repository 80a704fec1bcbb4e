//! Percent-encoding (RFC 3986, section 2.1) as servers read it, and bytes that aren't UTF-8.

/// Decodes the escapes of the `wanted` bytes once. Everything else is kept, including a `%` that starts no
/// escape.
pub fn decode(text: &[u8], wanted: fn(u8) -> bool) -> Vec<u8> {
    rewrite(text, &|rest, decoded| {
        decoded.push(escape(rest).filter(|byte| wanted(*byte))?);
        Some(3)
    })
}

/// Decodes `%uXXXX`. It is in no standard, but IIS and JavaScript's `unescape` decode it.
pub(crate) fn decode_utf16(text: &[u8]) -> Vec<u8> {
    rewrite(text, &|rest, decoded| {
        decoded.extend_from_slice(utf16_escape(rest)?.encode_utf8(&mut [0; 4]).as_bytes());
        Some(6)
    })
}

/// Replaces each `%` that starts no escape with a byte that no text contains, so that it matches no literal of
/// a rule.
pub(crate) fn mark_stray(text: &[u8]) -> Vec<u8> {
    rewrite(text, &|rest, marked| is_stray(rest).then(|| marked.push(0xff)).map(|()| 1))
}

/// Gets the text from a `%` on. Adds its replacement, and returns the number of bytes that are replaced. `None`
/// keeps the `%`.
type Replace<'a> = dyn Fn(&[u8], &mut Vec<u8>) -> Option<usize> + 'a;

/// Replaces some of the `%` in a text, and the bytes after them.
fn rewrite(text: &[u8], replace: &Replace<'_>) -> Vec<u8> {
    let mut rewritten = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = memchr::memchr(b'%', rest).and_then(|at| rest.split_at_checked(at)) {
        rewritten.extend_from_slice(before);
        let taken = replace(from, &mut rewritten).unwrap_or_else(|| {
            rewritten.push(b'%');
            1
        });
        rest = from.get(taken..).unwrap_or_default();
    }
    rewritten.extend_from_slice(rest);
    rewritten
}

/// Whether there is an escape, of any kind.
pub(crate) fn has_escape(text: &[u8]) -> bool {
    tails(text).any(|rest| escape(rest).is_some() || utf16_escape(rest).is_some())
}

/// Whether there is a `%` that starts no escape.
pub(crate) fn has_stray(text: &[u8]) -> bool {
    tails(text).any(is_stray)
}

/// Decodes a segment that is escaped exactly as browsers escape it. `None` for any other spelling: unnecessary
/// escapes are suspicious.
pub fn unescaped(segment: &[u8]) -> Option<Vec<u8>> {
    let text = segment.contains(&b'%').then(|| decode(segment, |_| true))?;
    (escaped(&text) == segment).then_some(text)
}

/// A path segment with the escapes that browsers use in URLs (WHATWG URL, path percent-encode set); `%` is
/// escaped too.
pub(crate) fn escaped(segment: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(segment.len());
    for byte in segment {
        match byte {
            b'"' | b'#' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'}' | b'%' => {
                escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            0x21..=0x7e => escaped.push(*byte),
            _ => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    escaped
}

/// Whether there is a control character. A single byte from 0x80 to 0x9F doesn't count, although it is one in
/// ISO 8859-1: it is half a character in Shift-JIS, and a letter in old Windows encodings.
pub(crate) fn has_control(text: &[u8]) -> bool {
    text.utf8_chunks().any(|chunk| chunk.valid().chars().any(char::is_control))
}

/// Whether there is an over-long form of an ASCII character (RFC 3629, section 10; `C0 AE` for `.`), which
/// lenient decoders accept.
pub(crate) fn has_overlong_ascii(text: &[u8]) -> bool {
    let last = |byte: &u8| matches!(byte, 0x80..=0xbf);
    std::str::from_utf8(text).is_err()
        && tails(text).any(|rest| match rest {
            [0xc0 | 0xc1, end, ..]
            | [0xe0, 0x80 | 0x81, end, ..]
            | [0xf0, 0x80, 0x80 | 0x81, end, ..]
            | [0xf8, 0x80, 0x80, 0x80 | 0x81, end, ..]
            | [0xfc, 0x80, 0x80, 0x80, 0x80 | 0x81, end, ..] => last(end),
            _ => false,
        })
}

/// The text from each position on.
fn tails(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..text.len()).filter_map(|at| text.get(at..))
}

fn is_stray(text: &[u8]) -> bool {
    text.first() == Some(&b'%') && escape(text).is_none()
}

/// The byte of the escape that starts the text.
fn escape(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', high, low, ..] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    }
}

/// The character of the `%uXXXX` that starts the text. `None` for half a surrogate pair.
fn utf16_escape(text: &[u8]) -> Option<char> {
    let [b'%', b'u' | b'U', digits @ ..] = text else { return None };
    let code = digits
        .first_chunk::<4>()?
        .iter()
        .try_fold(0, |code, digit| hex_digit(*digit).map(|digit| code << 4 | u32::from(digit)))?;
    char::from_u32(code)
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
