//! The engines, and where their programs are.

use std::path::{Path, PathBuf};

/// A browser engine. Edge, Chrome and Opera are Chromium; Safari and Epiphany are WebKit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

impl Engine {
    /// The engine that `BROWSER` names: `chromium` (the default), `firefox` or `webkit`.
    ///
    /// # Panics
    /// For another name.
    #[must_use]
    pub fn chosen() -> Self {
        match std::env::var("BROWSER").unwrap_or_default().as_str() {
            "" | "chromium" => Self::Chromium,
            "firefox" => Self::Firefox,
            "webkit" => Self::WebKit,
            other => panic!("BROWSER={other}: it must be chromium, firefox or webkit"),
        }
    }

    /// The program to start: `CHROMIUM`, `FIREFOX` or `WEBKIT_DRIVER`, else one on the `PATH`, else one in the usual place
    /// of macOS. `Err` says what was looked for.
    ///
    /// # Panics
    /// If the variable names a file that doesn't exist: a wrong path must not skip the tests.
    pub fn find(self) -> Result<PathBuf, String> {
        if self == Self::WebKit && on_path(&["Xvfb"]).is_none() {
            return Err(
                "there is no Xvfb on the PATH, which WebKit needs: install it (Debian: xvfb)".to_owned()
            );
        }
        let variable = self.variable();
        if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
            // Relative to the workspace, wherever cargo runs the test.
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
            assert!(path.is_file(), "{variable}={} is not a file", path.display());
            return Ok(path);
        }
        let found = on_path(self.names())
            .or_else(|| self.places().iter().map(PathBuf::from).find(|path| path.is_file()));
        found.ok_or_else(|| {
            format!(
                "there is no {self:?} on the PATH ({}): install one{}, or set {variable}=/path/to/it",
                self.names().join(", "),
                self.package().map(|name| format!(" (Debian: {name})")).unwrap_or_default()
            )
        })
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Chromium => "CHROMIUM",
            Self::Firefox => "FIREFOX",
            Self::WebKit => "WEBKIT_DRIVER",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
            Self::Firefox => &["firefox-esr", "firefox"],
            Self::WebKit => &["WebKitWebDriver"],
        }
    }

    /// Where macOS has them. Safari's driver needs a person's permission, so it isn't one of them.
    fn places(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &[
                "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
                "/Applications/Chromium.app/Contents/MacOS/Chromium",
            ],
            Self::Firefox => &["/Applications/Firefox.app/Contents/MacOS/firefox"],
            Self::WebKit => &[],
        }
    }

    fn package(self) -> Option<&'static str> {
        match self {
            Self::Chromium => None,
            Self::Firefox => Some("firefox-esr"),
            Self::WebKit => Some("webkit2gtk-driver and xvfb"),
        }
    }
}

/// The first of these programs that is on the `PATH`.
pub(crate) fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).flat_map(|folder| {
        let candidates: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        candidates
    });
    candidates.find(|path| path.is_file())
}
