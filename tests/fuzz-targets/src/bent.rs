//! Valid values, slightly changed: nobody can guess an authentication tag, but an attacker can try its last bits.

/// A value after some edits. Each takes four bytes of the script: the operation, the place (two bytes), and the new
/// byte.
pub fn bent(good: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for edit in script.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]]));
        match (edit[0] % 4, bytes.len()) {
            (1, len) => bytes.insert(at % (len + 1), edit[3]),
            (_, 0) => {}
            (2, len) => drop(bytes.remove(at % len)),
            (3, len) => bytes.truncate(at % len),
            (_, len) => bytes[at % len] ^= edit[3],
        }
    }
    bytes
}

/// The value that an input represents: an edited valid value if the input begins with a NUL (the rest is the script),
/// otherwise the input itself.
pub fn read(good: &[u8], data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((0, script)) => bent(good, script),
        _ => data.to_vec(),
    }
}
