//! The record of a tab: its addresses, and the browser's complaints.

use std::sync::PoisonError;

use super::page::FirefoxPage;
use super::text;
use crate::conversation::Event;

impl FirefoxPage {
    /// The addresses of the main frame.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.recorded(|event| {
            let navigation =
                event.method == "network.beforeRequestSent" && event.params["navigation"].is_string();
            let ours = event.params["context"] == *self.context;
            (navigation && ours).then(|| text(&event.params["request"]["url"]))
        })
    }

    /// Errors and warnings of the console, among them violated policies, but not by the icon that Firefox asks for by itself.
    /// It shows refused cookies only in its developer
    /// tools.
    pub(super) fn logged(&self) -> Vec<String> {
        self.recorded(|event| {
            let logged =
                event.method == "log.entryAdded" && event.params["source"]["context"] == *self.context;
            let serious = ["error", "warn"].contains(&event.params["level"].as_str().unwrap_or_default());
            let printed = event.params["type"] == "console";
            let said = text(&event.params["text"]);
            (logged && (serious || printed) && !said.contains("/favicon.ico ")).then_some(said)
        })
    }

    /// Requests that failed.
    pub(super) fn failed(&self) -> Vec<String> {
        self.recorded(|event| {
            let failed = event.method == "network.fetchError" && event.params["context"] == *self.context;
            let (url, error) = (&event.params["request"]["url"], &event.params["errorText"]);
            failed.then(|| format!("failed: {} {}", text(url), text(error)))
        })
    }

    /// Waits for an event that isn't among the first `after` events.
    pub(super) fn awaits(&self, after: usize, wanted: impl Fn(&Event) -> bool) -> bool {
        let mut conversation = self.bidi.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        conversation.event(after, wanted).is_ok()
    }

    fn recorded(&self, wanted: impl Fn(&Event) -> Option<String>) -> Vec<String> {
        let conversation = self.bidi.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        conversation.events().iter().skip(self.since).filter_map(wanted).collect()
    }
}
