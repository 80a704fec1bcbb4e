//! A local stand-in for Amazon Cognito's hosted sign-in.
//!
//! It behaves, over plain HTTP on this machine, like a user pool towards a browser and a client of its OAuth
//! endpoints, including Cognito's peculiarities: two origins, two signing keys per pool, booleans in the ID token
//! that are strings in userInfo, refresh tokens of 1.8 kB that don't outlive the sign-in. If AWS documents nothing,
//! it gives the most common answer; a test must not rely on it.
//!
//! Two origins, as in the real service:
//!
//! - the *domain* (`domain`) has the pages and `/oauth2/…`,
//! - the *idp* (`idp`) is the issuer: key sets, discovery and the JSON API. Called by a name that begins with
//!   `issuer-cognito-idp.`, it is the host of updated issuers, which has the key sets of pools that have switched.
//!
//! All user pools of a [`Config`] share the two; the client id picks the pool. The JSON API makes more pools, with a
//! schema, a domain, clients, people and groups, and the pages and tokens use them. What Cognito itself remembers
//! (codes, sessions, refresh tokens) is in `cognito`. Everything below `http` is synchronous and answers
//! a request as data, so that a [`Fault`] can replace or change any answer in one place.
//!
//! A third origin, the *admin* (`admin`), exists only where it is asked for: it shows and changes people and faults.
//!
//! One convenience differs from Cognito: a registered URL may have `*` for its port, because tests run on
//! whatever port is free.

mod admin;
mod arguments;
mod call;
mod cognito;
mod config;
mod domain;
mod fault;
mod http;
mod idp;
mod page;
mod random;
mod record;
mod stand_in;

pub use arguments::{Arguments, USAGE};
pub use call::Call;
pub use cognito::issuer::IssuerType;
pub use config::{Client, Config, Pool, Rotation, User};
pub use fault::{Endpoint, Fault, Times};
pub use stand_in::StandIn;
