//! A request, read to its end.

use hyper::{body::Bytes, http::request::Parts};
use serde_json::Value;

pub struct Request {
    pub method: String,
    pub path: String,
    /// As it came, to be passed on.
    pub raw_query: String,
    pub query: Form,
    headers: hyper::HeaderMap,
    body: Bytes,
}

/// Names and values, percent-decoded.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Request {
    pub fn new(head: &Parts, body: Bytes) -> Self {
        let raw_query = head.uri.query().unwrap_or_default();
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            raw_query: raw_query.to_owned(),
            query: Form::parse(raw_query.as_bytes()),
            headers: head.headers.clone(),
            body,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }

    /// The body, if its content type is a form.
    pub fn form(&self) -> Option<Form> {
        let content_type = self.header("content-type")?;
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded").then(|| Form::parse(&self.body))
    }

    /// The body as JSON, whatever its content type is; null if it isn't JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        let headers = self.headers.get_all("cookie").into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            headers.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Query, form and the members of a JSON object in one list.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let mut all = self.query.0.clone();
        all.extend(self.form().unwrap_or_default().0);
        if let Value::Object(members) = self.json() {
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), String::from);
            all.extend(members.into_iter().map(|(name, value)| (name, text(value))));
        }
        all
    }
}

impl Form {
    pub fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// All of them, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }
}
