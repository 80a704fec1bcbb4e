//! Percent-encoding (RFC 3986, section 2.1) as servers read it, and bytes that are no UTF-8.

/// Decodes the escapes of the bytes that are `wanted`, once. All else stays, also a `%` that begins no escape.
pub fn decode(text: &[u8], wanted: fn(u8) -> bool) -> Vec<u8> {
    rewrite(text, &|rest, decoded| {
        decoded.push(escape(rest).filter(|byte| wanted(*byte))?);
        Some(3)
    })
}

/// Decodes `%uXXXX`, which no standard has, and which IIS and JavaScript's `unescape` read.
pub(crate) fn decode_utf16(text: &[u8]) -> Vec<u8> {
    rewrite(text, &|rest, decoded| {
        decoded.extend_from_slice(utf16_escape(rest)?.encode_utf8(&mut [0; 4]).as_bytes());
        Some(6)
    })
}

/// Puts a byte that no text has in the place of each `%` that begins no escape. Then it equals no literal of a rule.
pub(crate) fn mark_stray(text: &[u8]) -> Vec<u8> {
    rewrite(text, &|rest, marked| is_stray(rest).then(|| marked.push(0xff)).map(|()| 1))
}

/// Looks at what stands from a `%` on, adds what is to be there instead, and says how many bytes that is for.
/// `None` leaves the `%` as it is.
type Replace<'a> = dyn Fn(&[u8], &mut Vec<u8>) -> Option<usize> + 'a;

/// A text with some of its `%`, and of what stands behind them, replaced.
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

/// Whether there is an escape of any character.
pub(crate) fn has_escape(text: &[u8]) -> bool {
    tails(text).any(|rest| escape(rest).is_some() || utf16_escape(rest).is_some())
}

/// Whether there is a `%` that begins no escape.
pub(crate) fn has_stray(text: &[u8]) -> bool {
    tails(text).any(is_stray)
}

/// What a segment in a browser's own escapes reads as. `None` for any other spelling: whoever escapes what
/// needs no escape has something in mind.
pub fn unescaped(segment: &[u8]) -> Option<Vec<u8>> {
    let text = segment.contains(&b'%').then(|| decode(segment, |_| true))?;
    (escaped(&text) == segment).then_some(text)
}

/// A path segment in the escapes that browsers put into URLs (WHATWG URL, path percent-encode set), and
/// with `%` itself escaped.
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

/// Whether there is a control character. A single byte from 0x80 to 0x9F is none, though ISO 8859-1 has it for
/// one: it is half a character in Shift-JIS, and a letter in the encodings that Windows had.
pub(crate) fn has_control(text: &[u8]) -> bool {
    text.utf8_chunks().any(|chunk| chunk.valid().chars().any(char::is_control))
}

/// Whether there is an over-long form of an ASCII character (RFC 3629, section 10; `C0 AE` for `.`), which
/// lenient decoders take for it.
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

/// What stands from each place on.
fn tails(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..text.len()).filter_map(|at| text.get(at..))
}

fn is_stray(text: &[u8]) -> bool {
    text.first() == Some(&b'%') && escape(text).is_none()
}

/// The byte of an escape that a text begins with.
fn escape(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', high, low, ..] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    }
}

/// The character of a `%uXXXX` that a text begins with. Half a surrogate pair is none.
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
