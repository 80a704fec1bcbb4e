//! RS256 signatures that a careless verifier takes for good: the classes of Project Wycheproof's vectors for RSA
//! PKCS #1 v1.5, made anew for the key at hand. All but those of the last group are made with the private key.

use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BigUint, RsaPrivateKey};
use sha2::{Digest as _, Sha256};

/// The DER in front of a SHA-256 (RFC 8017, section 9.2).
const SHA256: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
/// The same without the parameters, which some leave out.
const WITHOUT_NULL: &[u8] = b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20";
/// With parameters that aren't NULL.
const OTHER_NULL: &[u8] = b"\x30\x32\x30\x0e\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x01\x00\x04\x20";
/// With a length in the long form, which BER allows and DER doesn't.
const LONG_LENGTH: &[u8] =
    b"\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
/// With a length that says less than there is.
const SHORT_LENGTH: &[u8] = b"\x30\x30\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
/// Names of other hashes.
const SHA512: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x20";
const SHA1: &[u8] = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";

fn fitted(key: &RsaPrivateKey, number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; key.size().saturating_sub(bytes.len())], bytes].concat()
}

/// The result of the private-key operation on these bytes, which can be anything.
fn signed(key: &RsaPrivateKey, encoded: &[u8]) -> Vec<u8> {
    fitted(key, &BigUint::from_bytes_be(encoded).modpow(key.d(), key.n()))
}

/// `start`, as many of `fill` as there is room for, and `parts`.
fn laid_out(key: &RsaPrivateKey, start: &[u8], fill: u8, parts: &[&[u8]]) -> Vec<u8> {
    let end = parts.concat();
    [start, &vec![fill; key.size() - start.len() - end.len()], &end].concat()
}

/// The one good signature, made in the same way as the others.
pub fn good(key: &RsaPrivateKey, message: &[u8]) -> Vec<u8> {
    signed(key, &laid_out(key, &[0, 1], 0xff, &[&[0], SHA256, &Sha256::digest(message)]))
}

/// None of these is.
pub fn bent(key: &RsaPrivateKey, message: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let padding = paddings(key, message).into_iter().map(|(what, encoded)| (what, signed(key, &encoded)));
    padding.chain(numbers(key, &good(key, message))).collect()
}

/// Ways to encode the message other than the standard's.
fn paddings(key: &RsaPrivateKey, message: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hash = Sha256::digest(message);
    let other = Sha256::digest(b"another message");
    let lay = |start: &[u8], fill: u8, parts: &[&[u8]]| laid_out(key, start, fill, parts);
    let usual = |info: &[u8], hash: &[u8]| lay(&[0, 1], 0xff, &[&[0], info, hash]);
    let short = [&[0, 1], &[0xff; 8][..], &[0], SHA256, &hash].concat();
    let garbage = vec![0x5a; key.size() - short.len()];
    vec![
        ("no padding", lay(&[], 0, &[SHA256, &hash])),
        ("block type 0", lay(&[0, 0], 0xff, &[&[0], SHA256, &hash])),
        ("block type 2", lay(&[0, 2], 0xff, &[&[0], SHA256, &hash])),
        ("another first byte", lay(&[1, 1], 0xff, &[&[0], SHA256, &hash])),
        ("a padding of zeros", lay(&[0, 1], 0, &[&[0], SHA256, &hash])),
        ("one byte of padding changed", lay(&[0, 1, 0xfe], 0xff, &[&[0], SHA256, &hash])),
        ("a zero within the padding", lay(&[0, 1, 0xff, 0], 0xff, &[&[0], SHA256, &hash])),
        ("no separator", lay(&[0, 1], 0xff, &[SHA256, &hash])),
        ("a short padding and garbage at the end", [short, garbage].concat()),
        ("garbage behind the hash", usual(SHA256, &[&hash[..], &[1, 2, 3, 4]].concat())),
        ("garbage before the hash's name", lay(&[0, 1], 0xff, &[&[0, 7], SHA256, &hash])),
        ("no name of a hash", usual(&[], &hash)),
        ("no parameters", usual(WITHOUT_NULL, &hash)),
        ("other parameters", usual(OTHER_NULL, &hash)),
        ("a length in the long form", usual(LONG_LENGTH, &hash)),
        ("a length that is too short", usual(SHORT_LENGTH, &hash)),
        ("SHA-512 by its name", usual(SHA512, &hash)),
        ("SHA-1 by its name", usual(SHA1, &hash[..20])),
        ("half a hash", usual(SHA256, &hash[..16])),
        ("an empty hash", usual(SHA256, &[])),
        ("the hash of another message", usual(SHA256, &other)),
    ]
}

/// Numbers that aren't the signature, or are written in another way.
fn numbers(key: &RsaPrivateKey, good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (n, s) = (key.n(), BigUint::from_bytes_be(good));
    let one = BigUint::from(1_u32);
    vec![
        ("nothing", Vec::new()),
        ("zero", vec![0; key.size()]),
        ("one", fitted(key, &one)),
        ("one, in one byte", vec![1]),
        ("the modulus less one", fitted(key, &(n - &one))),
        ("the modulus", fitted(key, n)),
        ("the modulus more", (n + &s).to_bytes_be()),
        ("the negative", fitted(key, &(n - &s))),
        ("all bits set", vec![0xff; key.size()]),
        ("a zero in front", [&[0], good].concat()),
        ("a zero behind", [good, &[0]].concat()),
        ("the last byte gone", good[..good.len() - 1].to_vec()),
        ("the first byte gone", good[1..].to_vec()),
        ("twice", [good, good].concat()),
        ("back to front", good.iter().rev().copied().collect()),
    ]
}
