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
//! # Floors
//!
//! The modules below are in reading order, floor by floor; each uses only what stands above it.
//!
//! Invariants, mostly of what is absent:
//!
//! - The core (all but `host`) reads no clock, no randomness and no host: it is given values through
//!   [`decision::Surroundings`] and gives values back. It can be run, and is tested, natively.
//! - Only `host` says `proxy_wasm`, and `host` knows nothing of sign-ins.
//! - [`oidc::jwt::Claims`] are made by [`oidc::jwt::verify_id_token`] and
//!   [`oidc::jwt::verify_bearer_token`] alone: claims are verified claims.
//! - [`return_to::ReturnTo`] is made by its parser alone; a browser is sent there, to Cognito, to the same path at
//!   `public_url`, or nowhere.
//! - Secrets are [`secret::Secret`]s. They have no `Display`, and their `Debug` shows nothing.
//! - What is sealed is bound to its cookie's name, host, pool, client and format: nothing opens as
//!   something else.
//! - Nothing panics outside tests; lints see to it.
//!
//! Beside the host stands `src/tool.rs`, the command `envoy-cognito`: it reads configurations with this library, and is
//! no part of it.

// Floor 0, syntax: no policy and no protocol of ours.
pub mod secret;
pub mod time;
// Comments between the groups keep rustfmt from sorting the floors away.
pub mod http;
//
pub mod cookie;
pub mod event;
pub mod hostname;
pub mod json;
pub mod metrics;
pub mod origin;
pub mod pairs;
pub mod path;
pub mod protobuf;
pub mod seal;
pub mod shared;
//
pub mod client;
pub mod texts;
//
pub mod page;

// Floor 1, standards: OAuth 2.0, OpenID Connect and JOSE.
pub mod oidc;

// Floor 2, product: Cognito, configuration, identities, sessions.
pub mod cognito;
//
pub mod attributes;
//
pub mod identity;
pub mod rules;
//
pub mod pool;
//
pub mod config;
//
pub mod return_to;
pub mod session;
//
pub mod detours;
pub mod keys;
pub mod renewals;
pub mod spent;

// Floor 3, policy: the stories, and the core's front door.
pub mod decision;
//
pub mod flow;
//
pub mod calls;
//
pub mod remembered;
//
pub mod opened;
//
pub mod sessions;
//
pub mod bearers;
//
pub mod authenticator;

// Floor 4, the host.
#[cfg(target_family = "wasm")]
mod host;
