//! A local stand-in for Amazon Cognito's hosted sign-in.
//!
//! It does over plain HTTP, on this machine, what a user pool does for a browser and for a client of its
//! OAuth endpoints, including what is peculiar about it: two origins, two signing keys per pool, booleans in
//! the ID token that are strings in userInfo, refresh tokens of 1.8 kB that live no longer than the sign-in.
//! Where AWS documents nothing, it picks the answer most seen; a test must not rely on those.
//!
//! Two origins, as in the real service:
//!
//! - the *domain* (`domain`) has the pages and `/oauth2/…`,
//! - the *idp* (`idp`) is the issuer: key sets, discovery and the JSON API.
//!
//! All user pools of a [`Config`] share the two; the client id picks the pool. The JSON API makes more pools, with a
//! schema, a domain, clients, people and groups, and the pages and tokens go by what was made. What Cognito itself remembers
//! (codes, sessions, refresh tokens) is in `cognito`. Everything below `http` is synchronous and answers
//! a request as data, so that a [`Fault`] can replace or bend any answer in one place.
//!
//! One convenience differs from Cognito: a registered URL may have `*` for its port, because tests run on
//! whatever port is free.

mod call;
mod cognito;
mod config;
mod domain;
mod fault;
mod http;
mod idp;
mod random;
mod record;
mod stand_in;

pub use call::Call;
pub use config::{Client, Config, Pool, Rotation, User};
pub use fault::{Endpoint, Fault, Times};
pub use stand_in::StandIn;
