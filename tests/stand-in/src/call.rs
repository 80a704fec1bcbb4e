//! The calls that the stand-in has received, for tests.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use crate::Endpoint;

/// A long demo must not fill the memory.
const KEPT: usize = 20_000;

/// One call of an endpoint and how it was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub method: String,
    /// The query, then the form or the members of the JSON body.
    pub form: Vec<(String, String)>,
    pub authorization: Option<String>,
    /// 0 if the connection was reset instead.
    pub status: u16,
    /// At the token endpoint, the JSON that was answered: a test can look for its secrets elsewhere.
    pub answer: Value,
}

impl Call {
    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
pub struct Journal(VecDeque<(Endpoint, String, Call)>);

impl Journal {
    pub fn record(&mut self, endpoint: Endpoint, who: String, call: Call) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((endpoint, who, call));
    }

    pub fn calls(&self, endpoint: Endpoint, who: &str) -> Vec<Call> {
        let of_interest = self.0.iter().filter(|(e, w, _)| *e == endpoint && w == who);
        of_interest.map(|(_, _, call)| call.clone()).collect()
    }
}
