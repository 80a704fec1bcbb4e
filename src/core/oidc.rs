//! OAuth 2.0 and OpenID Connect: types and messages. Independent of Cognito and Envoy.

pub mod authorization;
pub mod call;
pub mod jwks;
pub mod jwt;
pub mod rfc7515;
pub mod token;

use sha2::{Digest as _, Sha256};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::secret::{Entropy, NoEntropy, Secret, random_text};

/// An ID token, not verified: a signed statement about who signed in (OIDC Core, section 2).
#[derive(Clone, Debug)]
pub struct IdToken(pub Secret<String>);

/// An access token, which gives access to resource servers (RFC 6749, section 1.4). Opaque here.
#[derive(Clone, Debug)]
pub struct AccessToken(pub Secret<String>);

/// A refresh token, which gets new tokens (RFC 6749, section 1.5). Always opaque.
#[derive(Clone, Debug)]
pub struct RefreshToken(pub Secret<String>);

/// The tokens that a session keeps, or that an API client sent.
#[derive(Clone, Debug, Default)]
pub struct SessionTokens {
    /// The refresh token.
    pub refresh: Option<RefreshToken>,
    /// The ID token, if it is sent upstream.
    pub id: Option<IdToken>,
    /// The access token, if it is sent upstream.
    pub access: Option<AccessToken>,
}

/// The app client's secret.
#[derive(Clone, Debug)]
pub struct ClientSecret(pub Secret<String>);

/// Connects an ID token to its authorization request (OIDC Core, section 3.1.2.1): 128 random bits.
#[derive(Clone, Debug)]
pub struct Nonce(pub Secret<String>);

impl Nonce {
    /// A random nonce.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        random_text::<16>(entropy).map(|text| Self(Secret::new(text)))
    }
}

/// The PKCE code verifier (RFC 7636, section 4.1): 256 random bits, 43 characters.
#[derive(Clone, Debug)]
pub struct CodeVerifier(pub Secret<String>);

impl CodeVerifier {
    /// A random verifier.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, NoEntropy> {
        random_text::<32>(entropy).map(|text| Self(Secret::new(text)))
    }

    /// The code challenge by method `S256` (RFC 7636, section 4.2).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = CodeVerifier(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned()));
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
