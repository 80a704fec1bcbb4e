//! The RSA keys of the pools.
//!
//! Making a key takes a noticeable part of a second, so a process makes a few keys and reuses them. They are used
//! in turn, each time with a new name: the two keys of a pool, and those before and after a rotation, are
//! different.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rand::rngs::OsRng;
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::{EncodePublicKey, LineEnding},
    signature::{Keypair, SignatureEncoding, Signer},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::random;

const BITS: usize = 2048;
/// Even, so that the two keys of a pool always differ.
const SHELF_SIZE: usize = 8;

static SHELF: Mutex<Vec<SigningKey<Sha256>>> = Mutex::new(Vec::new());
static STRAY: LazyLock<SigningKey<Sha256>> = LazyLock::new(make);

/// The two keys of a pool: the two tokens of one sign-in are signed with different ones.
pub struct PoolKeys {
    pub id: Key,
    pub access: Key,
}

impl PoolKeys {
    pub fn new(ring: &mut KeyRing) -> Self {
        Self { id: ring.take(), access: ring.take() }
    }
}

pub struct Key {
    pub kid: String,
    secret: SigningKey<Sha256>,
}

impl Key {
    /// A key that is in no key set, with its own name.
    pub fn stray() -> Self {
        Self { kid: new_kid(), secret: STRAY.clone() }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign(message).to_vec()
    }

    pub fn jwk(&self) -> Value {
        let public = self.secret.verifying_key();
        let public: &rsa::RsaPublicKey = public.as_ref();
        json!({
            "alg": "RS256",
            "e": URL_SAFE_NO_PAD.encode(public.e().to_bytes_be()),
            "kid": self.kid,
            "kty": "RSA",
            "n": URL_SAFE_NO_PAD.encode(public.n().to_bytes_be()),
            "use": "sig",
        })
    }

    pub fn public_pem(&self) -> String {
        let public = self.secret.verifying_key();
        public.to_public_key_pem(LineEnding::LF).expect("an RSA key has a PEM form")
    }
}

/// The keys of one stand-in.
pub struct KeyRing {
    taken: usize,
}

impl KeyRing {
    pub fn stocked_for(pools: usize) -> Self {
        stock((2 * pools).min(SHELF_SIZE));
        Self { taken: 0 }
    }

    fn take(&mut self) -> Key {
        let index = self.taken % SHELF_SIZE;
        self.taken += 1;
        Key { kid: new_kid(), secret: stock(index + 1).swap_remove(index) }
    }
}

/// Makes missing keys in parallel, and copies them all.
fn stock(count: usize) -> Vec<SigningKey<Sha256>> {
    let mut shelf = SHELF.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = count.saturating_sub(shelf.len());
    thread::scope(|scope| {
        let makers: Vec<_> = (0..missing).map(|_| scope.spawn(make)).collect();
        shelf.extend(makers.into_iter().map(|maker| maker.join().expect("making an RSA key doesn't fail")));
    });
    shelf.clone()
}

fn make() -> SigningKey<Sha256> {
    SigningKey::new(RsaPrivateKey::new(&mut OsRng, BITS).expect("2048 bits are a valid size"))
}

/// Standard base64, as seen in real key sets: it may have `+`, `/` and `=`.
fn new_kid() -> String {
    STANDARD.encode(random::bytes(32))
}
