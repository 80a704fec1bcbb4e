//! Splits values that are too long for one cookie into several.

use crate::http::cookie::Cookies;

/// The maximum number of parts of a value. Each holds about 3 KB of tokens.
pub(super) const MAX_PARTS: usize = 8;

/// A value in one cookie, or in `name.1`, `name.2`, … if it is too long for one. The first part begins with the
/// number of parts, so a part left over from a longer value is never read as part of this one.
pub(super) fn split_into_parts(name: &str, value: &str, room: usize) -> Vec<(String, String)> {
    if name.len() + value.len() <= room {
        return vec![(name.to_owned(), value.to_owned())];
    }
    // Two characters for the part's number, two for the count; both are single digits.
    let each = room.saturating_sub(name.len() + 4).max(1);
    let pieces: Vec<&str> =
        value.as_bytes().chunks(each).filter_map(|piece| std::str::from_utf8(piece).ok()).collect();
    let count = pieces.len();
    let part = |(index, piece): (usize, &&str)| {
        let text = if index == 0 { format!("{count}.{piece}") } else { (*piece).to_owned() };
        (format!("{name}.{}", index + 1), text)
    };
    pieces.iter().enumerate().map(part).collect()
}

/// Joins a value from its parts. If a browser sends two cookies of each name, a partitioned one and an unpartitioned
/// one, `copy` selects one of them, counted from 0: browsers send both kinds in the same order.
pub(super) fn joined_parts(cookies: &Cookies<'_>, name: &str, copy: usize) -> Option<Vec<u8>> {
    let first = cookies.values(&format!("{name}.1")).nth(copy)?;
    let (count, head) = (first.first()?, first.get(2..)?);
    let count = usize::from(count.checked_sub(b'0')?);
    if first.get(1) != Some(&b'.') || !(1..=MAX_PARTS).contains(&count) {
        return None;
    }
    let mut joined = head.to_vec();
    for index in 2..=count {
        // If one kind has fewer parts, the last parts occur only once.
        joined.extend_from_slice(cookies.values(&format!("{name}.{index}")).take(copy + 1).last()?);
    }
    Some(joined)
}
