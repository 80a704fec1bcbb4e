//! `aud`: for whom a token is (RFC 7519, section 4.1.3; RFC 8707).

use crate::json::Json;

/// Cognito's ID tokens have one audience, a string. A list with one item means the same. A token with more audiences
/// is also meant for others, and is rejected.
pub(super) fn only_audience(aud: Option<Json<'_>>) -> Option<String> {
    let aud = aud?;
    match aud.items().as_deref() {
        Some([only]) => only.text(),
        Some(_) => None,
        None => aud.text(),
    }
}

/// Whether an access token may be used here by its `aud`, a text or a list of texts (RFC 7519, section 4.1.3). A token
/// without it is bound to no resource. A pre-token trigger can only write the client's own id into it.
pub(super) fn is_for(aud: Option<Json<'_>>, client: &str, resources: &[String]) -> bool {
    let Some(aud) = aud else { return true };
    let is_named = |resource: &str, aud: &str| without_root(resource) == without_root(aud);
    let is_ours = |aud: Json<'_>| {
        aud.text().is_some_and(|aud| aud == client || resources.iter().any(|ours| is_named(ours, &aud)))
    };
    match aud.items() {
        Some(items) => items.into_iter().any(is_ours),
        None => is_ours(aud),
    }
}

/// A URL without its path if that is only `/`, which means the same as none (RFC 3986, section 6.2.3). Clients write
/// either.
fn without_root(resource: &str) -> &str {
    let stripped = resource.strip_suffix('/').filter(|url| url.matches('/').count() == 2);
    stripped.filter(|url| url.contains("://")).unwrap_or(resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Members;

    fn is_taken(claims: &str, resources: &[&str]) -> bool {
        let claims = Members::read(claims.as_bytes()).unwrap();
        let resources: Vec<String> = resources.iter().map(|text| (*text).to_owned()).collect();
        is_for(claims.get("aud"), "client", &resources)
    }

    #[test]
    fn a_bound_token_is_for_its_resources_alone() {
        let ours = ["https://api.example.com/orders", "https://app.example.com", "urn:api"];
        for aud in [
            r#""https://api.example.com/orders""#,
            r#""https://app.example.com""#,
            r#""https://app.example.com/""#,
            r#""urn:api""#,
            r#""client""#,
            r#"["https://other.example.com","urn:api"]"#,
        ] {
            assert!(is_taken(&format!("{{\"aud\":{aud}}}"), &ours), "{aud}");
        }
        assert!(is_taken("{}", &ours) && is_taken("{}", &[]));
        for aud in [
            r#""https://api.example.com/orders/""#,
            r#""https://api.example.com""#,
            r#""https://api.example.com/orders/2""#,
            r#""https://APP.example.com""#,
            r#""http://app.example.com""#,
            r#""https://app.example.com//""#,
            r#""https://app.example.com.evil.example""#,
            r#""urn:api/""#,
            r#""Client""#,
            r#""""#,
            "null",
            "1",
            "true",
            "[]",
            "{}",
            r#"[["urn:api"]]"#,
            r#"[null,1]"#,
            r#"{"0":"urn:api"}"#,
        ] {
            assert!(!is_taken(&format!("{{\"aud\":{aud}}}"), &ours), "{aud}");
        }
        assert!(!is_taken(r#"{"aud":"https://app.example.com"}"#, &[]));
    }
}
