//! The settings of `sign_in_params`: what a visitor's link may pass on to the authorization request.

use crate::cognito::sign_in_params::{MAX_VALUE, SignInParams};
use crate::config::endpoints::OWN_PARAMETERS;
use crate::config::reader::Section;

/// The parameters that may be added to the authorization request. Anything else would be a typing error, or
/// would break what the filter does.
pub(crate) const AUTHORIZE_PARAMS: [&str; 6] =
    ["identity_provider", "idp_identifier", "lang", "login_hint", "prompt", "resource"];

/// Reads the section `sign_in_params` of a pool.
pub(crate) fn read(root: &Section<'_>) -> SignInParams {
    let section = root.section("sign_in_params");
    let from_links = section.flag("from_links", false);
    let mut allowed = Vec::new();
    for name in AUTHORIZE_PARAMS {
        let Some(values) = section.any_or_texts(name) else { continue };
        for (index, value) in &values {
            let is_usable = !value.trim().is_empty() && !value.contains(char::is_control);
            if !is_usable || value.len() > MAX_VALUE {
                let message = format!("must have text, at most {MAX_VALUE} bytes without control characters");
                section.fault(&format!("{name}[{index}]"), message);
            }
        }
        if name == "resource" && values.is_empty() {
            section.fault(
                name,
                "must be a list: whoever makes the link would choose what the access token is for",
            );
        }
        allowed.push((name, values.into_iter().map(|(_, value)| value).collect()));
    }
    for name in OWN_PARAMETERS {
        if section.has(name) {
            section.optional(name);
            section.fault(name, "is never passed on; the filter sets it itself");
        }
    }
    if from_links && allowed.is_empty() {
        section.fault("from_links", "has no effect without a parameter that may pass");
    }
    section.finish();
    SignInParams { from_links, allowed }
}
