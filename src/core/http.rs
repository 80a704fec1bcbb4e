//! HTTP: messages as values, and how their parts are read: cookies, paths, hosts, origins, kinds of client.

mod callout;
pub mod client;
pub mod cookie;
pub mod host;
mod message;
pub mod origin;
pub mod path;

pub use callout::{
    Callout, CalloutError, CalloutResponse, CalloutResult, Endpoint, MAX_ANY_CALLOUT_BODY, MAX_CALLOUT_BODY,
};
pub use message::{
    Header, OwnedRequest, Request, RequestEdits, Response, SharedHeaders, escaped, format_query,
    has_parameter, parse_query,
};
