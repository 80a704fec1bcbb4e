//! Hundreds of access tokens from the stand-in, by the refresh token of a real session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rig::RawRequest;

use crate::lab::{CLIENT, Lab, SECRET};
use crate::mint::Mint;

/// `count` different tokens.
///
/// # Errors
/// If the session has no refresh token, or the stand-in rejects it.
pub fn access_tokens(lab: &Lab, cookies: &str, count: usize) -> Result<Vec<String>, String> {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", Mint::new(lab, cookies)?.refresh_token()?)
        .finish();
    let request = RawRequest::post("/oauth2/token", form)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}"))));
    (0..count)
        .map(|_| {
            let answer = rig::send(lab.cognito.domain_addr(), &request).map_err(|error| error.to_string())?;
            let token = (answer.status == 200).then(|| answer.json());
            let token = token.as_ref().and_then(|json| json["access_token"].as_str()).map(str::to_owned);
            token.ok_or_else(|| format!("no token: {answer:?}"))
        })
        .collect()
}
