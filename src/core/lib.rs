//! envoy-cognito: a proxy-wasm filter that signs people in through AWS Cognito inside Envoy and Istio.
//!
//! What happens to a request, in order:
//!
//! 1. Its path is read in one canonical form, and where the client's own spelling differs, in that and in whatever
//!    else a server could read. What can't be decided is answered with 400, and so is a host that servers could read
//!    differently.
//! 2. The filter's own paths (sign-in, callback, sign-out, me) are answered here.
//! 3. The first rule that matches host, path and method says whom it lets in; all readings of a path
//!    must let the request pass. All rules are one automaton ([`rules`]).
//! 4. Where API clients are served, a bearer token alone decides. Else the identity cookie is opened, or known by
//!    all of its bytes from a request before: that of the pool which the host picks, or the latest of any
//!    pool's. One that doesn't open, is over, or belongs elsewhere is no cookie. Where its tokens are about to
//!    expire, a refresh is begun beside the request; where they have, it waits.
//! 5. With a session, the request goes upstream with identity headers if its person holds the roles that the
//!    rule asks for, else it is 403; without one, a navigation is sent to Cognito with state, nonce and PKCE
//!    (or to a page where a pool is chosen), and everything else gets a 401 that it understands.
//! 6. Whatever goes upstream has lost the identity headers that the client made up, and our cookies.
//! 7. A callback must open the flow cookie of its state before anything is called; its code is then
//!    redeemed once, the ID token verified in full, and attributes that it lacks asked for, before a session
//!    is sealed.
//! 8. Calls to Cognito are made by the root context and outlive the request that wanted them; requests
//!    that wait for one are parked, and get their decision when it has come.
//! 9. The key set is fetched at start, every hour, and when a token names a key that is new; all workers
//!    of an Envoy share one fetch, and a bad answer never replaces a good set.
//! 10. Signing out clears the cookies, revokes the refresh token and ends the session at Cognito; a script is told where
//!     its page must go for that.
//! 11. Where `public_url` is set, a browser at another host is sent there before it signs in or out.
//!
//! # Where things are
//!
//! The modules below are in reading order; each uses only those above it.
//!
//! Invariants, mostly of what is absent:
//!
//! - The core reads no clock, no randomness and no host: it is given values through
//!   [`decision::HostEnv`] and gives values back.
//! - [`oidc::jwt::Claims`] are made by [`oidc::jwt::verify_id_token`] and
//!   [`oidc::jwt::verify_bearer_token`] alone: claims are verified claims.
//! - [`session::return_to::ReturnTo`] is made by its parser alone; a browser is sent there, to Cognito, to the same path
//!   at `public_url`, or nowhere.
//! - Secrets are [`crypto::secret::Secret`]s. They have no `Display`, and their `Debug` shows nothing.
//! - What is sealed is bound to its cookie's name, host, pool, client and format: nothing opens as
//!   something else.
//! - Nothing panics outside tests; lints see to it.

#![forbid(unsafe_code)]
// The lints of style are for what is shipped.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

// Comments between them keep rustfmt from sorting them.
pub mod time;
//
pub mod json;
//
pub mod crypto;
//
pub mod http;
//
pub mod telemetry;
//
pub mod pages;
//
pub mod oidc;
//
pub mod rules;
//
pub mod cognito;
//
pub mod config;
//
pub mod session;
//
pub mod shared;
//
pub mod decision;
//
pub mod flow;
//
pub mod worker;
