//! The issuers of a user pool, which follow from its id. `IssuerConfiguration` of the pool selects the form: `ORIGINAL`,
//! or `UPDATED`, which names the pool's own Region in tokens from any Region. With `ORIGINAL`, a replica in another
//! Region names that Region.

/// The form of an issuer's host (Cognito: "issuer").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerForm {
    /// `cognito-idp.<region>.amazonaws.com`, which is also the host of the user pools API.
    Original,
    /// `issuer-cognito-idp.<region>.amazonaws.com`, which serves the same key set from several Regions. It refuses
    /// with 403 for a pool with `ORIGINAL`.
    Updated,
}

impl IssuerForm {
    const fn start(self) -> &'static str {
        match self {
            Self::Original => "https://cognito-idp.",
            Self::Updated => "https://issuer-cognito-idp.",
        }
    }

    /// The origin of this form in a Region. The original one is also the origin of the user pools API.
    pub fn origin(self, region: &str) -> String {
        format!("{}{region}.amazonaws.com", self.start())
    }

    /// The issuer of a pool in this form.
    pub fn issuer(self, region: &str, user_pool_id: &str) -> String {
        format!("{}/{user_pool_id}", self.origin(region))
    }
}

/// The Region of a pool: the part of its id before the underscore. `None` if the id isn't valid.
pub fn region_of(user_pool_id: &str) -> Option<&str> {
    let (region, name) = user_pool_id.split_once('_')?;
    let name_ok = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_region(region) && name_ok && user_pool_id.len() <= 55).then_some(region)
}

/// Whether the text may be the name of a Region.
pub fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether Cognito may write this issuer into tokens of this pool, in either form and from any Region.
pub fn is_issuer_of(issuer: &str, user_pool_id: &str) -> bool {
    [IssuerForm::Updated, IssuerForm::Original].into_iter().any(|form| {
        let region = issuer
            .strip_prefix(form.start())
            .and_then(|rest| rest.strip_suffix(user_pool_id)?.strip_suffix(".amazonaws.com/"));
        region.is_some_and(is_region)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "us-east-1_UFeMzbuJe";

    #[test]
    fn the_issuers_follow_from_the_pool() {
        assert_eq!(region_of(ID), Some("us-east-1"));
        for (form, host) in
            [(IssuerForm::Original, "cognito-idp"), (IssuerForm::Updated, "issuer-cognito-idp")]
        {
            let issuer = form.issuer("us-east-1", ID);
            assert_eq!(issuer, format!("https://{host}.us-east-1.amazonaws.com/{ID}"));
        }
        for bad in ["", "us-east-1", "us-east-1_", "_x", "us east_x", "us-east-1_a/b", "evil.com/us_x"] {
            assert_eq!(region_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_issuer_of_the_pool_is_told_from_every_other() {
        for region in ["us-east-1", "eu-west-1", "us-gov-west-1", "eusc-de-east-1"] {
            for form in [IssuerForm::Original, IssuerForm::Updated] {
                assert!(is_issuer_of(&form.issuer(region, ID), ID), "{region} {form:?}");
            }
        }
        for other in [
            "",
            ID,
            "https://cognito-idp.us-east-1.amazonaws.com",
            "https://cognito-idp..amazonaws.com/us-east-1_UFeMzbuJe",
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe/",
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other",
            "https://cognito-idp.us-east-1.amazonaws.com//us-east-1_UFeMzbuJe",
            "http://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe",
            "https://cognito-idp.us-east-1.amazonaws.com.evil.example/us-east-1_UFeMzbuJe",
            "https://cognito-idp.evil.example/x.amazonaws.com/us-east-1_UFeMzbuJe",
            "https://cognito-idp.US-EAST-1.amazonaws.com/us-east-1_UFeMzbuJe",
            "https://evil-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe",
            "https://issuer.cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe",
            "https://localhost/us-east-1_UFeMzbuJe",
        ] {
            assert!(!is_issuer_of(other, ID), "{other}");
        }
    }
}
