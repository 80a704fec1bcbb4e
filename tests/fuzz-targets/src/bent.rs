//! Good values, bent a little: nobody guesses an authentication tag, but its last bits can be tried.

/// A value after some edits. Each takes four bytes of the script: what to do, where (two), and with what.
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

/// What an input means beside a good value: a script for bending it where it begins with a NUL, else itself.
pub fn read(good: &[u8], data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((0, script)) => bent(good, script),
        _ => data.to_vec(),
    }
}
