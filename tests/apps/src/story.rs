//! What is the same for every app.

use rig::Browser;

use crate::site::{ADMIN, MEMBER, ORIGIN, STRANGER, Site};

/// Whom an app says it serves, and whether as an administrator.
pub type Seen = (String, bool);

/// What the story needs to know of an app.
pub struct Story {
    /// The page where the sign-in begins.
    pub start: &'static str,
    /// Headers that would make a request one of John Smith's, if a client could send them.
    pub forged: Vec<(&'static str, &'static str)>,
    /// Reads from the app who is signed in. A browser that signed in for another user must look again.
    pub look: fn(&mut Browser) -> Seen,
}

fn seen(name: &str, is_admin: bool) -> Seen {
    (name.to_owned(), is_admin)
}

impl Story {
    pub fn run(&self, site: &Site) {
        self.people_are_who_they_are(site);
        self.forged_headers_change_nothing(site);
        // Without Envoy, they do: the app would have believed them.
        let mut around = site.around();
        around.headers = self.headers();
        assert_eq!((self.look)(&mut around), seen(ADMIN, true), "the app reads the header");
    }

    fn headers(&self) -> Vec<(String, String)> {
        self.forged.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn people_are_who_they_are(&self, site: &Site) {
        let mut browser = site.browser();
        let visit = site.sign_in(&mut browser, ADMIN, self.start);
        assert_eq!(visit.status(), 200, "{visit}");
        assert_eq!((self.look)(&mut browser), seen(ADMIN, true));
        // Another person in the same browser, with all cookies of the app.
        browser.navigate(&format!("{ORIGIN}/.auth/sign-out"));
        let visit = site.sign_in(&mut browser, MEMBER, self.start);
        assert_eq!(visit.status(), 200, "{visit}");
        assert_eq!((self.look)(&mut browser), seen(MEMBER, false), "in a browser that another person used");
        let mut browser = site.browser();
        let visit = site.sign_in(&mut browser, STRANGER, self.start);
        assert_eq!(visit.status(), 403, "{visit}");
        assert_eq!(browser.fetch(&format!("{ORIGIN}{}", self.start)).status, 403);
    }

    fn forged_headers_change_nothing(&self, site: &Site) {
        for spelt in [str::to_owned, |name: &str| name.replace('-', "_"), |name: &str| name.replace('-', ".")]
        {
            let forged: Vec<(String, String)> =
                self.headers().into_iter().map(|(name, value)| (spelt(&name), value)).collect();
            let mut browser = site.browser();
            browser.headers.clone_from(&forged);
            assert_eq!(browser.fetch(&format!("{ORIGIN}{}", self.start)).status, 401, "{forged:?}");
            let visit = site.sign_in(&mut browser, MEMBER, self.start);
            assert_eq!(visit.status(), 200, "{visit}");
            assert_eq!((self.look)(&mut browser), seen(MEMBER, false), "{forged:?}");
        }
    }
}
