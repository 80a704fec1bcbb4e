//! An HTTP/1.1 client that sends what it is told, byte for byte.
//!
//! A proper client library normalises paths, folds headers and refuses nonsense; attackers don't.
//! [`RawRequest`] says what goes over the wire, [`send`] is one exchange on its own connection,
//! [`open`] lets the caller leave before the answer comes, and [`Connection`] carries several
//! exchanges. For what browsers do on top of it see [`Browser`](crate::Browser).

mod connection;
mod request;
mod response;
mod set_cookie;

pub use connection::{Connection, Pending, open, send};
pub use request::RawRequest;
pub use response::Response;
pub use set_cookie::SetCookie;
