//! The record of a tab: its addresses, and the browser's complaints.

use serde_json::Value;

use super::page::ChromiumPage;
use crate::conversation::Event;

impl ChromiumPage {
    /// The addresses of the main frame.
    pub(super) fn addresses(&self) -> Vec<String> {
        let documents =
            self.events("Network.requestWillBeSent").filter(|params| params["type"] == "Document");
        documents.map(|params| text(&params["request"]["url"])).collect()
    }

    /// Errors and warnings of the console, violated policies and refused cookies, as text. The error status of a page
    /// itself isn't one of them: that is what the page is about. Nor is the icon that Chromium asks for by itself, when
    /// it likes to: after a sign-out the filter answers 401, as to any request without a session.
    pub(super) fn logged(&self) -> Vec<String> {
        let trail = self.addresses();
        let logged = self.events("Log.entryAdded").map(|params| &params["entry"]).filter(|entry| {
            let own_status = entry["source"] == "network" && trail.contains(&text(&entry["url"]));
            let icon = text(&entry["url"]).ends_with("/favicon.ico");
            (entry["level"] == "error" || entry["level"] == "warning") && !own_status && !icon
        });
        let logged = logged.map(|entry| format!("{} {}", text(&entry["text"]), text(&entry["url"])));
        let thrown =
            self.events("Runtime.exceptionThrown").map(|params| params["exceptionDetails"].to_string());
        let printed = self.events("Runtime.consoleAPICalled").map(Value::to_string);
        // Chromium considers any sign-in through another site as possible tracking.
        let issues = self.events("Audits.issueAdded").map(|params| &params["issue"]);
        let issues = issues.filter(|issue| issue["code"] != "BounceTrackingIssue").map(Value::to_string);
        logged.chain(thrown).chain(printed).chain(issues).collect()
    }

    /// Waits for an event that isn't among the first `after` events.
    pub(super) fn awaits(&mut self, after: usize, method: &str, wanted: impl Fn(&Value) -> bool) -> bool {
        self.devtools.event(after, |event| event.method == method && wanted(&event.params)).is_ok()
    }

    fn events(&self, method: &str) -> impl Iterator<Item = &Value> {
        let events = self.devtools.events().iter();
        events.filter(move |event| event.method == method).map(|event| &event.params)
    }
}

pub(super) fn failure(event: &Event) -> Option<String> {
    let failed = event.method == "Network.loadingFailed";
    failed.then(|| format!("failed: {} {}", text(&event.params["type"]), text(&event.params["errorText"])))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
