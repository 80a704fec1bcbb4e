//! The page that a browser reached, and the way to it.

use crate::http::{RawRequest, Response};

/// The outcome of loading a page: the last response, and every step to it.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The address of the page that is shown.
    pub url: String,
    pub response: Response,
    /// All requests in order; the last is the one that `response` answers.
    pub trail: Vec<Step>,
}

/// One request and its response.
#[derive(Debug, Clone)]
pub struct Step {
    pub url: String,
    pub status: u16,
    /// As sent, including cookies.
    pub request: RawRequest,
    pub response: Response,
}

impl Visit {
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    #[must_use]
    pub fn text(&self) -> String {
        self.response.text()
    }

    /// The addresses on the way.
    #[must_use]
    pub fn urls(&self) -> Vec<&str> {
        self.trail.iter().map(|step| step.url.as_str()).collect()
    }

    /// The first step to an address with this prefix.
    #[must_use]
    pub fn step(&self, start_of_url: &str) -> Option<&Step> {
        self.trail.iter().find(|step| step.url.starts_with(start_of_url))
    }
}

/// `GET https://… -> 302`, a line for each step.
impl std::fmt::Display for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", describe(&self.trail))
    }
}

pub(super) fn describe(trail: &[Step]) -> String {
    let lines = trail.iter().map(|step| format!("{} {} -> {}", step.request.method, step.url, step.status));
    lines.collect::<Vec<_>>().join("\n")
}
