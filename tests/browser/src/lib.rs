//! A real browser: Chromium without a window, driven through the DevTools protocol.
//!
//! `rig`'s browser implements the specifications of cookies, redirects and navigations. This one *is* a browser, with
//! its own rules for prefixes of cookie names, `SameSite`, content security policies, caches and the back button.
//!
//! - [`Chromium`] is the process, [`Chromium::find`] says where there is one;
//! - a [`Profile`] has cookies and caches that no other profile sees;
//! - a [`Tab`] shows pages, and is clicked and typed in;
//! - a [`Certificate`] is made for a run and known to nobody else.
//!
//! If a browser does something unexpected, the methods panic at the caller's line.

mod certificate;
mod chromium;
mod devtools;
mod tab;

pub use certificate::Certificate;
pub use chromium::{Chromium, Profile};
pub use tab::{Cookie, Key, Screen, Tab};
