//! The core of envoy-cognito, which signs people in through AWS Cognito inside Envoy and Istio. A host, such as the
//! proxy-wasm filter, hands it what happens, and does what it decides: see [`driver`].
//!
//! What happens to a request, in order:
//!
//! 1. The path is matched in canonical form, as sent, and in every partly decoded form. A path that can't be decided
//!    gets 400, and so does a host that servers could read differently.
//! 2. The filter answers its own paths (sign-in, callback, sign-out, me).
//! 3. The first rule that matches host, path and method decides whom it allows; all forms of the path must be
//!    allowed. All rules are compiled into one automaton ([`rules`]).
//! 4. If API clients are enabled, a bearer token alone decides. Otherwise the identity cookie is opened, or found in the
//!    worker's cache by all of its bytes: the cookie of the pool that the host selects, or the latest of any pool. A
//!    cookie that doesn't open, has expired, or belongs to another pool or host counts as no cookie. If its tokens
//!    expire soon, a refresh starts in the background; if they have expired, the request waits for it.
//! 5. With a session, the request goes upstream with identity headers if the person has the roles that the rule
//!    requires; otherwise it gets 403. Without a session, a navigation is redirected to Cognito with state, nonce and
//!    PKCE (or gets a page to choose a pool), and any other request gets a 401 in a form that its client understands.
//! 6. Identity headers that the client sent, and the filter's cookies, are removed from every forwarded request.
//! 7. A callback must open the flow cookie of its state before the filter calls Cognito. The code is then redeemed
//!    once, the ID token is verified completely, and missing attributes are fetched, before a session is sealed.
//! 8. Calls to Cognito belong to the worker, so they outlive the request that needs them. Requests that wait for
//!    a call are parked, and are decided when its result arrives.
//! 9. The key set is fetched at start, every hour, and when a token names an unknown key. All workers of an Envoy share
//!    one fetch, and a bad response never replaces a good set.
//! 10. Signing out clears the cookies, revokes the refresh token and ends the session at Cognito. A script gets the URL
//!     that its page must open for the last step.
//! 11. With `public_url`, a browser at another host is redirected to `public_url` before it signs in or out.
//!
//! # Where things are
//!
//! The modules below are in reading order; each uses only those above it.
//!
//! # Invariants
//!
//! - The core never reads a clock, a source of randomness or a host: it takes values through
//!   [`decision::HostEnv`] and returns values.
//! - Only [`oidc::jwt::verify_id_token`] and [`oidc::jwt::verify_bearer_token`] make
//!   [`oidc::jwt::Claims`]: claims are always verified.
//! - Only its parser makes a [`session::return_to::ReturnTo`]. Browsers are only redirected to a `ReturnTo`, to Cognito, or
//!   to the same path at `public_url`.
//! - Secrets are [`crypto::secret::Secret`]s. They have no `Display`, and their `Debug` shows nothing.
//! - A sealed text is bound to its cookie's name, host, pool, client and format, so it doesn't open in another place.
//! - Nothing panics outside tests; lints check this.

#![forbid(unsafe_code)]
// The lints of style are for what is shipped.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

// The empty comments keep rustfmt from sorting the modules.
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
//
pub mod driver;
