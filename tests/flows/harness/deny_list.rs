//! The server of the deny list.

use envoy_cognito_core::http::{Callout, CalloutResponse, CalloutResult};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Answer, b64};

/// Serves a document, with an `ETag` unless a test says otherwise.
pub struct DenyList {
    pub document: Value,
    pub answer: Answer,
    pub has_etag: bool,
    /// The statuses of its good answers.
    pub statuses: Vec<u16>,
}

impl Default for DenyList {
    fn default() -> Self {
        // A list that names nobody.
        Self {
            document: json!({"token_ids": ["nobody"]}),
            answer: Answer::Good,
            has_etag: true,
            statuses: Vec::new(),
        }
    }
}

impl DenyList {
    /// Whether a call is for this server.
    pub fn is_for(callout: &Callout) -> bool {
        callout.cluster == "revocations"
    }

    /// Answers a call, or holds it back.
    pub fn answer(&mut self, callout: &Callout) -> Option<CalloutResult> {
        let header = |wanted: &str| {
            let found = callout.headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.expose().clone())
        };
        let target = (callout.method, callout.endpoint.authority.as_str(), callout.endpoint.target.as_str());
        assert_eq!(target, ("GET", "lists.example.com", "/revoked.json"));
        assert_eq!(header("authorization"), None);
        match self.answer.clone() {
            Answer::Held => None,
            Answer::Fails(error) => Some(Err(error)),
            Answer::Says(status, body) => {
                Some(Ok(CalloutResponse { status, body: body.into_bytes(), etag: None }))
            }
            Answer::Good => {
                let body = self.document.to_string();
                let etag = format!("\"{}\"", b64(Sha256::digest(&body)));
                let is_known = self.has_etag && header("if-none-match").as_ref() == Some(&etag);
                let (status, body) = if is_known { (304, Vec::new()) } else { (200, body.into_bytes()) };
                self.statuses.push(status);
                let etag = self.has_etag.then(|| etag.into_bytes());
                Some(Ok(CalloutResponse { status, body, etag }))
            }
        }
    }
}
