//! A browser's process, and the profiles in it.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;

use crate::chromium::Chromium;
use crate::engine::Engine;
use crate::firefox::Firefox;
use crate::tab::Tab;
use crate::webkit::WebKit;

/// What the browser finds around it.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The addresses of host names. Other names don't resolve.
    pub hosts: &'a [(String, SocketAddr)],
    /// The key to trust (see [`Certificate`](crate::Certificate)). Firefox and WebKit trust any certificate, but see
    /// nothing but these hosts.
    pub spki: &'a str,
    /// Where Envoy logs all requests in [`ACCESS_LOG_FORMAT`](crate::ACCESS_LOG_FORMAT). Only WebKit needs it.
    pub access_log: &'a Path,
}

/// A running browser. It ends with this value, and with the process of the test in any case.
#[derive(Debug)]
pub struct Browser(Box<dyn Process>);

impl Browser {
    /// Starts it.
    ///
    /// # Panics
    /// If it doesn't start.
    #[must_use]
    pub fn start(engine: Engine, program: &Path, around: Surroundings) -> Self {
        Self(match engine {
            Engine::Chromium => Box::new(Chromium::start(program, around.hosts, around.spki)),
            Engine::Firefox => Box::new(Firefox::start(program, around.hosts)),
            Engine::WebKit => Box::new(WebKit::start(program, around.hosts, around.access_log)),
        })
    }

    /// An empty profile.
    #[must_use]
    #[track_caller]
    pub fn profile(&self) -> Profile<'_> {
        Profile(self.0.profile())
    }
}

/// A profile with its cookies and caches. Dropping it deletes it and closes its tabs.
#[derive(Debug)]
pub struct Profile<'a>(Box<dyn Tabs + 'a>);

impl Profile<'_> {
    /// An empty tab.
    #[must_use]
    #[track_caller]
    pub fn tab(&self) -> Tab {
        self.0.tab()
    }

    /// The frame of another site than its page's, of which there is one in this profile. It is driven like a tab, and
    /// stays the same wherever it goes.
    #[must_use]
    #[track_caller]
    pub fn frame(&self) -> Tab {
        self.0.frame()
    }

    /// Lets pages of `origin` in frames of `embedder` use their unpartitioned cookies, as a person can allow when
    /// asked (Storage Access API).
    #[track_caller]
    pub fn grant_storage_access(&self, origin: &str, embedder: &str) {
        self.0.grant_storage_access(origin, embedder);
    }
}

/// An engine's process.
pub(crate) trait Process: Debug + Send + Sync {
    fn profile(&self) -> Box<dyn Tabs + '_>;
}

/// An engine's profile.
pub(crate) trait Tabs: Debug {
    fn tab(&self) -> Tab;
    fn frame(&self) -> Tab;
    fn grant_storage_access(&self, origin: &str, embedder: &str);
}
