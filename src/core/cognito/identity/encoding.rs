//! How texts and roles are encoded in a header: with percent-encoding (RFC 3986, section 2.1) of characters that
//! could be misread.

/// The text, with the bytes percent-encoded for which `is_special` is true.
pub(super) fn escaped(text: &str, is_special: &dyn Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_special(byte) {
            push_escaped(&mut escaped, byte);
        } else {
            escaped.push(char::from(byte));
        }
    }
    escaped
}

/// The roles in one header. Percent-encoded are commas, the separator, `%`, control characters, everything beyond
/// ASCII, and spaces at either end. So splitting at the separator and decoding gives back exactly the same roles.
pub fn join_roles(roles: &[String], separator: char) -> String {
    let mut joined = String::new();
    for (index, role) in roles.iter().enumerate() {
        if index > 0 {
            joined.push(separator);
        }
        let last = role.len().saturating_sub(1);
        for (at, byte) in role.bytes().enumerate() {
            let at_the_edge = byte == b' ' && (at == 0 || at == last);
            let special = matches!(byte, b'%' | b',') || char::from(byte) == separator;
            if special || !(0x20..0x7f).contains(&byte) || at_the_edge {
                push_escaped(&mut joined, byte);
            } else {
                joined.push(char::from(byte));
            }
        }
    }
    joined
}

fn push_escaped(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    text.push('%');
    text.push(digit(byte >> 4));
    text.push(digit(byte & 0xf));
}
