//! A real browser without a window: Chromium, Firefox or WebKit.
//!
//! `rig`'s browser implements the specifications of cookies, redirects and navigations. This one *is* a browser, with
//! its own rules for prefixes of cookie names, `SameSite`, content security policies, caches and the back button.
//!
//! - [`Browser`] is the process; [`Engine`] says which one, and finds it;
//! - a [`Profile`] has cookies and caches that no other profile sees;
//! - a [`Tab`] shows pages, and is clicked and typed in;
//! - a [`Certificate`] is made for a run and known to nobody else.
//!
//! Each engine has a folder: `chromium` speaks the DevTools protocol, `firefox` WebDriver BiDi, `webkit` WebDriver. They
//! implement the traits of `page` and `process`, which know no protocol.
//!
//! If a browser does something unexpected, the methods panic at the caller's line.

mod certificate;
mod chromium;
mod conversation;
mod engine;
mod firefox;
mod page;
mod process;
mod proxy;
mod tab;
mod webkit;

pub use certificate::Certificate;
pub use engine::Engine;
pub use page::{Cookie, Key, Screen};
pub use process::{Browser, Profile, Surroundings};
pub use tab::Tab;
pub use webkit::ACCESS_LOG_FORMAT;
