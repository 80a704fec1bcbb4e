//! An answer as data, and the answers that faults give.

use hyper::{Response, StatusCode, body::Bytes};
use serde_json::{Map, Value, json};

use super::payload::Payload;
use crate::{Fault, random};

const HUGE: usize = 50_000_000;

pub struct Answer {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    delivery: Delivery,
}

#[derive(PartialEq)]
enum Delivery {
    Whole,
    /// Breaks off in the middle of the body.
    Cut,
    /// Not delivered at all.
    Reset,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), delivery: Delivery::Whole }
    }

    pub fn redirect(location: impl Into<String>) -> Self {
        Self::new(302).with("location", location)
    }

    pub fn html(status: u16, page: impl Into<String>) -> Self {
        Self::new(status).content("text/html;charset=UTF-8", page.into())
    }

    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status).content("application/json;charset=UTF-8", value.to_string())
    }

    /// An error as OAuth 2.0 shapes it.
    pub fn oauth_error(status: u16, error: &str, description: Option<&str>) -> Self {
        let mut body = json!({ "error": error });
        if let Some(description) = description {
            body["error_description"] = description.into();
        }
        Self::json(status, &body)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn content(mut self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.with("content-type", content_type)
    }

    /// The same with other members, if it is a successful one and an object.
    pub fn with_members(mut self, members: &Map<String, Value>) -> Self {
        if let (200, Value::Object(mut object)) = (self.status, self.parsed()) {
            object.extend(members.clone());
            self.body = Value::Object(object).to_string().into();
        }
        self
    }

    /// The same page, allowed in frames of any site, with cookies that work there.
    pub fn framable(mut self) -> Self {
        for (_, value) in &mut self.headers {
            *value = value
                .replace("frame-ancestors 'none'; ", "")
                .replace("SameSite=Lax", "Secure; SameSite=None; Partitioned");
        }
        self
    }

    /// The headers of the endpoints that clients call, not people.
    pub fn for_clients(self) -> Self {
        self.with("access-control-allow-origin", "*")
            .with("cache-control", "no-cache, no-store, max-age=0, must-revalidate")
            .with("x-amz-cognito-request-id", random::uuid())
    }

    /// The replacement response, if the fault concerns the HTTP response.
    pub fn of_fault(fault: &Fault) -> Option<Self> {
        Some(match fault {
            Fault::Status(429) => Self::new(429).content("text/plain", "Rate exceeded"),
            Fault::Status(400) => {
                let error = json!({ "__type": "TooManyRequestsException", "message": "Too many requests" });
                Self::new(400).content("application/x-amz-json-1.1", error.to_string())
            }
            Fault::Status(status) => Self::html(*status, small_page(&format!("{status} from a fault"))),
            Fault::Html => Self::html(200, small_page("Not what was asked for")),
            Fault::Empty => Self::new(200).content("application/json", ""),
            Fault::NotAnObject => Self::json(200, &json!(["not", "an", "object"])),
            Fault::Truncated => {
                let start = "{\"access_token\":\"eyJraWQiOiJ";
                Self { delivery: Delivery::Cut, ..Self::new(200).content("application/json", start) }
            }
            Fault::Redirect(location) => Self::redirect(location),
            Fault::Body { status, content_type, body } => {
                Self::new(*status).content(content_type, body.clone())
            }
            Fault::Huge => Self::new(200).content("application/json", vec![b' '; HUGE]),
            Fault::Reset => Self { delivery: Delivery::Reset, ..Self::new(200) },
            Fault::OAuthError(error) => Self::oauth_error(400, error, None).for_clients(),
            _ => return None,
        })
    }

    pub fn is_reset(&self) -> bool {
        self.delivery == Delivery::Reset
    }

    /// The body as JSON, or null.
    pub fn parsed(&self) -> Value {
        let body = if self.body.len() == HUGE { &[] } else { self.body.as_ref() };
        serde_json::from_slice(body).unwrap_or(Value::Null)
    }

    pub fn into_response(self) -> Response<Payload> {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        for (name, value) in self.headers {
            // A fault's location or type may be an invalid header value. Then the header is left out.
            if let Ok(value) = hyper::header::HeaderValue::from_bytes(value.as_bytes()) {
                response = response.header(name, value);
            }
        }
        if self.delivery == Delivery::Cut {
            response = response.header("content-length", 10 * self.body.len());
        }
        let payload = Payload::new(self.body, self.delivery == Delivery::Cut);
        response.body(payload).expect("names are ours and values were checked")
    }
}

fn small_page(title: &str) -> String {
    format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>")
}
