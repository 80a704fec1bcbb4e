//! envoy-cognito

pub mod cookie;
pub mod http;
pub mod oidc;
pub mod path;
pub mod protobuf;
pub mod seal;
pub mod secret;
pub mod time;

pub mod authenticator;
pub mod client;
pub mod cognito;
pub mod config;
pub mod decision;
pub mod event;
pub mod flow;
#[cfg(target_family = "wasm")]
mod host;
pub mod identity;
pub mod keys;
pub mod origin;
pub mod page;
pub mod return_to;
pub mod rules;
pub mod session;
pub mod shared;
pub mod spent;
