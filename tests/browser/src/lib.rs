//! A real browser: Chromium without a window, driven through the DevTools protocol.
//!
//! `rig`'s browser knows what the specifications say of cookies, redirects and navigations. This one
//! *is* a browser: prefixes of cookie names, `SameSite`, content security policies, caches and the
//! back button are its own.
//!
//! - [`Chromium`] is the process, [`Chromium::find`] says where there is one;
//! - a [`Profile`] has cookies and caches that no other profile sees;
//! - a [`Tab`] shows pages, and is clicked and typed in;
//! - a [`Certificate`] is made for a run and known to nobody else.
//!
//! Where a browser does something else than it was told, the methods panic at the caller's line.

mod certificate;
mod chromium;
mod devtools;
mod tab;

pub use certificate::Certificate;
pub use chromium::{Chromium, Profile};
pub use tab::{Cookie, Key, Screen, Tab};
