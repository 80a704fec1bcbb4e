//! envoy-cognito

pub mod cookie;
pub mod http;
pub mod path;
pub mod seal;
pub mod secret;
pub mod time;
pub mod oidc;

pub mod cognito;
pub mod rules;
pub mod identity;
pub mod config;
pub mod shared;
pub mod origin;
pub mod client;
pub mod return_to;
pub mod session;
pub mod event;
pub mod page;
pub mod decision;
pub mod keys;
pub mod spent;
pub mod flow;
pub mod authenticator;
#[cfg(target_family = "wasm")]
mod host;
