//! Access tokens by the hundred, from the stand-in, by the refresh token of a real session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use envoy_cognito::config::Config;
use envoy_cognito::cookie::Cookies;
use envoy_cognito::session::CookieStore;
use rig::RawRequest;

use crate::lab::{CLIENT, HOST, Lab, SECRET, filter_config};

/// The configuration of the filter, as the filter reads it.
///
/// # Errors
/// Where it has faults.
pub fn config(lab: &Lab) -> Result<Config, String> {
    let json = filter_config(&lab.cognito.domain_url(), &lab.cognito.idp_url(), &serde_json::json!({}));
    Config::parse(json.to_string().as_bytes(), &|_| None).map_err(|faults| format!("{faults:?}"))
}

/// So many tokens, no two of them alike.
///
/// # Errors
/// Where the session has no refresh token, or the stand-in doesn't take it.
pub fn access_tokens(lab: &Lab, cookies: &str, count: usize) -> Result<Vec<String>, String> {
    let config = config(lab)?;
    let pool = config.pools.first().ok_or("no pool")?;
    let cookies = Cookies::parse(std::iter::once(cookies.as_bytes()));
    let session = CookieStore::new(&config, pool, HOST).session_tokens(&cookies, None);
    let refresh = session.and_then(|tokens| tokens.refresh).ok_or("a session without a refresh token")?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh.0.expose())
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
