//! The headers of a request as serialized by the host (the ABI's `header_map_pairs`): their count, the lengths of
//! each name and value, then the names and values, each followed by a NUL. Numbers are little-endian and have 32
//! bits.

use envoy_cognito_core::http::Header;

/// Finds the headers in the host's bytes. `None` if they are incomplete, or if a name isn't ASCII: Envoy's codecs don't
/// accept such names, and the filter couldn't name such a header to remove it.
pub fn parse(bytes: &[u8]) -> Option<Vec<Header<'_>>> {
    let mut rest = bytes;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let count = usize::try_from(take_number(&mut rest)?).ok()?;
    let (lengths, mut texts) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut headers = Vec::with_capacity(count);
    for mut pair in lengths.chunks_exact(8) {
        let (name, value) = (take_number(&mut pair)?, take_number(&mut pair)?);
        let name = take_text(&mut texts, name)?;
        let value = take_text(&mut texts, value)?;
        name.is_ascii().then_some(())?;
        headers.push(Header { name, value });
    }
    Some(headers)
}

// Called twice per header, about forty times per request.
#[inline(always)]
fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

/// The text of that length, without the NUL that follows it.
#[inline(always)]
fn take_text<'a>(bytes: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (text, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest.strip_prefix(b"\0")?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use envoy_cognito_core::http::Request;

    use super::*;

    fn serialized(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut bytes = number(pairs.len()).to_vec();
        for (name, value) in pairs {
            bytes.extend_from_slice(&[number(name.len()), number(value.len())].concat());
        }
        for (name, value) in pairs {
            bytes.extend_from_slice(&[name, &b"\0"[..], value, b"\0"].concat());
        }
        bytes
    }

    #[test]
    fn names_and_values_are_found_where_they_stand() {
        let pairs: [(&[u8], &[u8]); 4] =
            [(b":path", b"/a"), (b"cookie", b"a=\xff\0b"), (b"cookie", b""), (b"x", b"y")];
        let bytes = serialized(&pairs);
        let headers = parse(&bytes).unwrap();
        let request = Request::new(&headers);
        assert_eq!(request.target(), b"/a");
        assert_eq!(request.values("cookie").collect::<Vec<_>>(), [&b"a=\xff\0b"[..], b""]);
        assert_eq!(request.text("x"), Some("y"));
        assert_eq!(request.names().count(), 4);
    }

    #[test]
    fn nothing_at_all_is_a_request_without_headers() {
        assert_eq!(parse(&[]).unwrap(), []);
        assert_eq!(parse(&serialized(&[])).unwrap(), []);
    }

    #[test]
    fn what_is_cut_short_or_cannot_be_spelt_is_no_request() {
        let whole = serialized(&[(b":path", b"/a"), (b"x", b"y")]);
        for length in 1..whole.len() {
            assert!(parse(&whole[..length]).is_none(), "{length} bytes");
        }
        assert!(parse(&serialized(&[(b"x\xe9", b"y")])).is_none());
        for bent in [[0xff; 4], [3, 0, 0, 0]] {
            let mut bytes = whole.clone();
            bytes[..4].copy_from_slice(&bent);
            assert!(parse(&bytes).is_none());
        }
        let mut bytes = whole;
        bytes[4..8].copy_from_slice(&[0xff; 4]);
        assert!(parse(&bytes).is_none());
    }
}
