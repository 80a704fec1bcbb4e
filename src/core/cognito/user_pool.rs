//! A Cognito user pool: its issuers and its endpoints. They are on unrelated hosts: OAuth and the sign-in pages on the
//! pool's *domain*, the key set on an issuer's host, the API on `cognito-idp.<region>`.

use std::time::Duration;

use crate::cognito::sign_in_params::SignInParams;
use crate::http::{Endpoint, format_query};
use crate::oidc::ClientSecret;
use crate::oidc::token::TokenClient;

/// A user pool with the app client for signing in.
#[derive(Clone, Debug)]
pub struct UserPool {
    /// The pool's name in seals and in shared data: its issuer in the original form, whichever form its tokens have
    /// now. If `endpoints.issuer` is no issuer of this pool id, for example an emulator's, it is that one.
    pub issuer: String,
    /// The accepted values of `iss`, byte for byte.
    pub issuers: Vec<String>,
    /// The name in seals of earlier versions, which was the issuer as configured, if that may be another one.
    pub former_issuer: Option<String>,
    /// The app client's id.
    pub client_id: String,
    /// The app client's secret; a public client has none.
    pub client_secret: Option<ClientSecret>,
    /// The scopes requested at sign-in.
    pub scopes: Vec<String>,
    /// Parameters that the operator adds to the authorization request.
    pub authorize_params: Vec<(String, String)>,
    /// Parameters of the authorization request that a visitor's link may set.
    pub sign_in_params: SignInParams,
    /// The URLs of its endpoints.
    pub endpoints: Endpoints,
    /// The Envoy clusters to call it through.
    pub clusters: Clusters,
    /// How long calls may take.
    pub timeouts: Timeouts,
    /// The source of attributes that the ID token lacks.
    pub attributes_from: AttributesFrom,
}

/// Where attributes come from. An ID token only contains those that the app client may read. With some scopes, or
/// after a change of the schema, some are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributesFrom {
    /// The ID token alone.
    IdToken,
    /// `userInfo` as well.
    UserInfo,
    /// `GetUser` of the user pools API as well.
    GetUser,
}

/// Cognito's endpoints.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Where browsers sign in.
    pub authorize: Endpoint,
    /// Exchanges codes and refresh tokens for tokens.
    pub token: Endpoint,
    /// Returns attributes, as defined by OpenID Connect (`/oauth2/userInfo`).
    pub userinfo: Endpoint,
    /// Revokes refresh tokens.
    pub revoke: Endpoint,
    /// Where browsers sign out. This isn't OIDC's RP-initiated logout: Cognito requires `client_id` and `logout_uri`.
    pub logout: Endpoint,
    /// The key set.
    pub jwks: Endpoint,
    /// Where to ask for the key set if `jwks` refuses.
    pub second_jwks: Option<Endpoint>,
    /// The user pools API, for `GetUser`.
    pub api: Endpoint,
}

/// The names of Envoy clusters.
#[derive(Clone, Debug)]
pub struct Clusters {
    /// Connects to the pool's domain.
    pub domain: String,
    /// Connects to the host of the key set.
    pub idp: String,
    /// Connects to the user pools API, `cognito-idp.<region>.amazonaws.com`.
    pub api: String,
}

/// How long calls may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The token endpoint.
    pub token: Duration,
    /// The key set.
    pub jwks: Duration,
    /// `userInfo` or `GetUser`.
    pub userinfo: Duration,
    /// Revocation.
    pub revoke: Duration,
}

impl UserPool {
    /// The client for the token and revocation endpoints, with a timeout.
    pub fn caller(&self, timeout: Duration) -> TokenClient<'_> {
        TokenClient {
            client_id: &self.client_id,
            client_secret: self.client_secret.as_ref(),
            cluster: &self.clusters.domain,
            timeout,
        }
    }

    /// The URL of managed login's page on which people add a passkey to their account, and which then redirects to
    /// `redirect_uri`: one of the client's callback URLs.
    pub fn passkeys_url(&self, redirect_uri: &str) -> String {
        let Endpoint { scheme, authority, .. } = &self.endpoints.authorize;
        let query = format_query([("client_id", self.client_id.as_str()), ("redirect_uri", redirect_uri)]);
        format!("{scheme}://{authority}/passkeys/add?{query}")
    }

    /// The URL that ends the browser's session at Cognito and then redirects to `logout_uri`, which must be one of
    /// the client's sign-out URLs.
    pub fn logout_url(&self, logout_uri: &str) -> String {
        let query = format_query([("client_id", self.client_id.as_str()), ("logout_uri", logout_uri)]);
        let separator = if self.endpoints.logout.url.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.endpoints.logout.url)
    }
}
