//! An HTTP/1.1 client that sends requests unchanged, byte for byte.
//!
//! A normal client library normalises paths, folds headers and rejects invalid input; attackers don't. [`RawRequest`]
//! defines the bytes, [`send`] is one exchange on its own connection, [`open`] lets the caller leave before the
//! response comes, and [`Connection`] carries several exchanges. [`Browser`](crate::Browser) adds what browsers do.

mod connection;
mod request;
mod response;
mod set_cookie;

pub use connection::{Connection, Pending, open, send};
pub use request::RawRequest;
pub use response::Response;
pub use set_cookie::SetCookie;
