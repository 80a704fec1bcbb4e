//! What has happened in a tab: where it went, and what the browser complained of.

use serde_json::Value;

use super::Tab;
use crate::devtools::Event;

impl Tab {
    /// The addresses that the tab itself was sent to, redirects included, oldest first.
    #[must_use]
    pub fn trail(&self) -> Vec<String> {
        let documents =
            self.events("Network.requestWillBeSent").filter(|params| params["type"] == "Document");
        documents.map(|params| text(&params["request"]["url"])).collect()
    }

    /// Errors and warnings of the console, violated policies and refused cookies, in words. That a page
    /// itself has an error status is none: it is what the page is about.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let trail = self.trail();
        let logged = self.events("Log.entryAdded").map(|params| &params["entry"]).filter(|entry| {
            let own_status = entry["source"] == "network" && trail.contains(&text(&entry["url"]));
            (entry["level"] == "error" || entry["level"] == "warning") && !own_status
        });
        let logged = logged.map(|entry| format!("{} {}", text(&entry["text"]), text(&entry["url"])));
        let thrown =
            self.events("Runtime.exceptionThrown").map(|params| params["exceptionDetails"].to_string());
        let printed = self.events("Runtime.consoleAPICalled").map(Value::to_string);
        // Any sign-in that goes through another site looks to Chromium as if somebody might be followed.
        let issues = self.events("Audits.issueAdded").map(|params| &params["issue"]);
        let issues = issues.filter(|issue| issue["code"] != "BounceTrackingIssue").map(Value::to_string);
        logged.chain(thrown).chain(printed).chain(issues).collect()
    }

    /// Waits for an event that has not been there at the time of `after` events.
    pub fn awaits(&mut self, after: usize, method: &str, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let found =
            self.devtools.event(after, |event| event.method == method && wanted(&event.params)).ok()?;
        self.devtools.events().get(found).map(|event| event.params.clone())
    }

    /// How many events there have been.
    #[must_use]
    pub fn moment(&self) -> usize {
        self.devtools.events().len()
    }

    /// Where the tab is and how it got there, for messages of failed tests.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut lines: Vec<String> = self.trail();
        for event in self.devtools.events() {
            lines.extend(failure(event));
        }
        lines.extend(self.complaints());
        lines.join("\n")
    }

    fn events(&self, method: &str) -> impl Iterator<Item = &Value> {
        let events = self.devtools.events().iter();
        events.filter(move |event| event.method == method).map(|event| &event.params)
    }
}

fn failure(event: &Event) -> Option<String> {
    let failed = event.method == "Network.loadingFailed";
    failed.then(|| format!("failed: {} {}", text(&event.params["type"]), text(&event.params["errorText"])))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
