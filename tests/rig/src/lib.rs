//! Tools for end-to-end tests of a filter in a real Envoy.
//!
//! - [`Bootstrap`] and [`Listener`] write Envoy's configuration, [`free_port`] finds its ports;
//! - [`Envoy`] runs it, shows its log and statistics, and is gone after the test, however that ends;
//! - [`RawRequest`], [`send`] and [`open`] are an HTTP/1.1 client that alters nothing;
//! - [`Browser`] has cookies, follows redirects, fills in the sign-in form, and is as strict as the
//!   strictest of its kind;
//! - [`eventually`] waits for what takes a moment.
//!
//! If a failure can only mean that the test itself is broken (no Envoy, an address without a route), the functions
//! panic at the caller's line with all details. Failures that a test may be about are returned as a `Result`.
//!
//! ```no_run
//! use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, RawRequest, free_port, send};
//!
//! let (admin, port) = (free_port(), free_port());
//! let app = "127.0.0.1:9000".parse().unwrap();
//! let configuration = serde_json::json!({ "greeting": "hello" });
//! let bootstrap = Bootstrap::new(admin, "filter.wasm")
//!     .cluster("app", app)
//!     .listener(Listener::new(port, Filter::Json(configuration)));
//! let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
//! let addr = ([127, 0, 0, 1], port).into();
//!
//! let answer = send(addr, &RawRequest::get("/x/../%61dmin").header("cookie", "a=b")).unwrap();
//! assert_eq!(answer.status, 403);
//!
//! let mut browser = Browser::new().route("https://app.example.test", addr);
//! let visit = browser.sign_in("https://app.example.test/", "jsmith", "secret");
//! assert_eq!(visit.status(), 200, "{visit}\n{}", envoy.log());
//! assert_eq!(envoy.stat("wasmcustom.my_filter.signed_in"), 1);
//! ```

mod bootstrap;
mod browser;
mod envoy;
mod eventually;
mod http;
mod ports;
mod record;
mod supervised;

pub use bootstrap::{Bootstrap, Filter, Listener, Tls, is_native, static_cluster};
pub use browser::{Body, Browser, Cookie, Form, Load, Mode, SameSite, Step, Visit};
pub use envoy::{Envoy, Options};
pub use eventually::{PATIENCE, eventually};
pub use http::{Connection, Pending, RawRequest, Response, SetCookie, open, send};
pub use ports::{free_port, free_ports};
pub use supervised::{Scratch, Supervised};
