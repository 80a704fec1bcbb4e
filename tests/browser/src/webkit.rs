//! WebKit's GTK port, through WebDriver: the processes, and the profiles in them.
//!
//! Its driver has one session at a time, so each profile has a driver and a `MiniBrowser`, all on one screen that nobody
//! sees (Xvfb).

mod driver;
mod page;
mod requests;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rig::{Scratch, Supervised, eventually};

use crate::conversation::PATIENCE;
use crate::engine::on_path;
use crate::process::{Process, Tabs};
use crate::proxy;
use crate::tab::Tab;
use driver::Driver;
use page::WebKitPage;
pub use requests::ACCESS_LOG_FORMAT;
use requests::Requests;

/// The screen, and what a profile needs to start. It ends with this value, and with the process of the test in any case.
#[derive(Debug)]
pub(crate) struct WebKit {
    driver: PathBuf,
    display: String,
    proxy: SocketAddr,
    requests: Requests,
    _screen: Mutex<Supervised>,
    _scratch: Scratch,
}

impl WebKit {
    /// Starts the screen. `hosts` maps host names to addresses; other names don't resolve.
    pub(crate) fn start(driver: &Path, hosts: &[(String, SocketAddr)], access_log: &Path) -> Self {
        let scratch = Scratch::new().expect("a folder for temporary files");
        let xvfb = on_path(&["Xvfb"]).expect("Xvfb on the PATH (Debian: xvfb)");
        let arguments =
            ["-displayfd", "2", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"].map(OsString::from);
        let mut screen = Supervised::start(&xvfb, &arguments, &[], &scratch).expect("Xvfb");
        let display = eventually(PATIENCE, || {
            let printed = screen.printed();
            let number = printed.lines().find(|line| line.parse::<u32>().is_ok());
            number.filter(|_| printed.ends_with('\n')).map(|number| format!(":{number}")).or_else(|| {
                screen.ended().map(|status| panic!("Xvfb ended ({status}):\n{}", screen.printed()))
            })
        });
        Self {
            driver: driver.to_owned(),
            display: display.unwrap_or_else(|| panic!("Xvfb isn't ready:\n{}", screen.printed())),
            proxy: proxy::start(hosts),
            requests: Requests::new(access_log),
            _screen: Mutex::new(screen),
            _scratch: scratch,
        }
    }
}

impl Process for WebKit {
    fn profile(&self) -> Box<dyn Tabs + '_> {
        let driver = Driver::start(&self.driver, &self.display, self.proxy);
        Box::new(Profile {
            driver: Arc::new(Mutex::new(driver)),
            requests: self.requests.clone(),
            fresh: Mutex::new(true),
        })
    }
}

/// A session of the driver.
#[derive(Debug)]
struct Profile {
    driver: Arc<Mutex<Driver>>,
    requests: Requests,
    /// Whether the first window is still unused.
    fresh: Mutex<bool>,
}

impl Profile {
    fn page(&self, window: String, in_frame: bool) -> Tab {
        Tab::new(WebKitPage::new(Arc::clone(&self.driver), window, in_frame, self.requests.clone()))
    }
}

impl Tabs for Profile {
    fn tab(&self) -> Tab {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let window = if std::mem::take(&mut *fresh) {
            driver.get("/window").map(|window| window.as_str().unwrap_or_default().to_owned())
        } else {
            driver.new_window()
        };
        drop(driver);
        self.page(window.unwrap_or_else(|error| panic!("{error}")), false)
    }

    fn frame(&self) -> Tab {
        let window = self.driver.lock().unwrap_or_else(PoisonError::into_inner).get("/window");
        let window = window.unwrap_or_else(|error| panic!("{error}"));
        self.page(window.as_str().unwrap_or_default().to_owned(), true)
    }

    fn grant_storage_access(&self, _origin: &str, _embedder: &str) {
        panic!("WebKit's driver has no command for it");
    }
}
