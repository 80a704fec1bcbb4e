//! Random values in the formats that Cognito uses.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{Rng, RngCore, rngs::OsRng};

pub fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// Random base64url of about as many characters.
pub fn base64url(characters: usize) -> String {
    URL_SAFE_NO_PAD.encode(bytes(characters * 3 / 4))
}

/// A version 4 UUID.
pub fn uuid() -> String {
    let [mut a, b] = [OsRng.next_u64(), OsRng.next_u64()];
    a = (a & !0xf000) | 0x4000;
    let (high, mid, low) = (a >> 32, (a >> 16) & 0xffff, a & 0xffff);
    let (variant, node) = ((b >> 48) & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
    format!("{high:08x}-{mid:04x}-{low:04x}-{variant:04x}-{node:012x}")
}

/// As in the ids of pools.
pub fn letters_and_digits(length: usize) -> String {
    of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
}

/// As in the ids and secrets of app clients.
pub fn lower_case_and_digits(length: usize) -> String {
    of(b"abcdefghijklmnopqrstuvwxyz0123456789", length)
}

fn of(alphabet: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(alphabet[OsRng.gen_range(0..alphabet.len())])).collect()
}
