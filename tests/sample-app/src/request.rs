//! A request as the app got it.

use hyper::http::request::Parts;
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// With the query, as it came.
    pub path: String,
    /// In order of arrival, but for values of the same name, which stand together. Names are in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body_bytes: usize,
}

impl Request {
    pub(crate) fn new(head: &Parts) -> Self {
        let headers = head.headers.iter();
        let path = head.uri.path_and_query();
        Self {
            method: head.method.to_string(),
            path: path.map_or_else(|| head.uri.to_string(), ToString::to_string),
            headers: headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
            body_bytes: 0,
        }
    }

    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// All of that name, in order.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    pub fn header_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    pub(crate) fn wants_page(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        let accepts = self.header_str("accept").is_some_and(|accept| accept.contains("text/html"));
        accepts && !path.ends_with("/json")
    }

    /// A value is a string, or `{"bytes_hex": …}` if it isn't UTF-8.
    pub(crate) fn to_json(&self) -> Value {
        let value = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!({ "bytes_hex": hex(bytes) }),
        };
        let headers = self.headers.iter().map(|(name, bytes)| json!([name, value(bytes)]));
        json!({
            "method": self.method,
            "path": self.path,
            "headers": headers.collect::<Vec<_>>(),
            "body_bytes": self.body_bytes,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
