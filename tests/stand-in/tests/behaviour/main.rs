//! The stand-in behaves as Amazon Cognito is known to. One file per story.

mod admin;
mod api;
mod attributes;
mod authorize;
mod bench;
mod control;
mod faults;
mod issuers;
mod keys;
mod logout;
mod refresh;
mod revoke;
mod sign_in;
mod token;
