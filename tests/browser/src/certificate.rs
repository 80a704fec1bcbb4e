//! A certificate for one run. Chromium trusts only its key.

use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::{RsaPrivateKey, signature::Keypair as _};
use sha2::{Digest as _, Sha256};
use x509_cert::builder::{Builder as _, CertificateBuilder, Profile};
use x509_cert::der::EncodePem as _;
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::pkix::{SubjectAltName, name::GeneralName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Validity;

/// A self-signed certificate and its key.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub pem: String,
    pub key_pem: String,
    /// Base64 of the SHA-256 of the public key, as `--ignore-certificate-errors-spki-list` takes it.
    pub spki: String,
}

impl Certificate {
    /// For these names, each of which may begin with `*.`.
    ///
    /// # Panics
    /// If a name isn't a host name.
    #[must_use]
    pub fn for_names(names: &[&str]) -> Self {
        let key = SigningKey::<Sha256>::new(RsaPrivateKey::new(&mut OsRng, 2048).expect("a key"));
        let public_key = key.verifying_key().to_public_key_der().expect("a public key");
        let spki = STANDARD.encode(Sha256::digest(public_key.as_bytes()));
        let subject = Name::from_str("CN=Tests").expect("a name");
        let mut builder = CertificateBuilder::new(
            Profile::Leaf {
                issuer: subject.clone(),
                enable_key_agreement: false,
                enable_key_encipherment: false,
            },
            SerialNumber::from(OsRng.next_u32()),
            Validity::from_now(Duration::from_secs(24 * 3600)).expect("a validity"),
            subject,
            SubjectPublicKeyInfoOwned::try_from(public_key.as_bytes()).expect("a public key"),
            &key,
        )
        .expect("a builder");
        let names = names.iter().map(|name| GeneralName::DnsName(Ia5String::new(name).expect("a host name")));
        builder.add_extension(&SubjectAltName(names.collect())).expect("names");
        let certificate = builder.build::<Signature>().expect("a certificate");
        Self {
            pem: certificate.to_pem(LineEnding::LF).expect("a certificate"),
            key_pem: key.to_pkcs8_pem(LineEnding::LF).expect("a key").to_string(),
            spki,
        }
    }
}
