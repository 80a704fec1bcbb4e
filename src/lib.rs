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
