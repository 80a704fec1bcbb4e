//! The parameters that a visitor's link may pass on to the authorization request: which user name the sign-in form
//! starts with, its language, the identity provider. All other parameters of a link are dropped.

use crate::http::parse_query;

/// The longest value that is passed on, in bytes. An e-mail address has at most 254.
pub const MAX_VALUE: usize = 256;

/// Parameters of the authorization request, with their values.
pub type Params = Vec<(String, String)>;

/// Which parameters are passed on.
#[derive(Clone, Debug, Default)]
pub struct SignInParams {
    /// Whether links into the app pass them on as well, and not only links to the sign-in path.
    pub from_links: bool,
    /// Their names, each with its allowed values. If there are none, all values are.
    pub allowed: Vec<(&'static str, Vec<String>)>,
}

impl SignInParams {
    /// The parameters of a query that are passed on. What occurs twice is ambiguous, and isn't.
    pub fn of_query(&self, query: &[u8]) -> Params {
        if self.allowed.is_empty() {
            return Params::new();
        }
        let pairs = parse_query(query);
        let mut params = Params::new();
        for (name, values) in &self.allowed {
            let mut found = pairs.iter().filter(|(found, _)| found == name);
            if let (Some((_, value)), None) = (found.next(), found.next())
                && (values.contains(value) || values.is_empty() && is_plain(value))
            {
                put(&mut params, name, value);
            }
        }
        params
    }
}

/// Adds parameters that take the place of those that say the same.
#[must_use]
pub fn over(params: &[(String, String)], by: Params) -> Params {
    let mut all = params.to_vec();
    all.retain(|(name, _)| !by.iter().any(|(other, _)| say_the_same(name, other)));
    all.extend(by);
    all
}

/// Adds a parameter, unless an earlier one says the same.
fn put(params: &mut Params, name: &str, value: &str) {
    if !params.iter().any(|(other, _)| say_the_same(name, other)) {
        params.push((name.to_owned(), value.to_owned()));
    }
}

/// Whether two parameters decide the same thing: an identity provider has a name and identifiers.
fn say_the_same(one: &str, other: &str) -> bool {
    let chooses_provider = |name| matches!(name, "identity_provider" | "idp_identifier");
    one == other || chooses_provider(one) && chooses_provider(other)
}

/// Whether a value has text, is short, and was valid UTF-8 without control characters.
fn is_plain(value: &str) -> bool {
    let odd = |character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER;
    !value.trim().is_empty() && value.len() <= MAX_VALUE && !value.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(query: &str) -> String {
        let allowed = vec![
            ("identity_provider", vec!["Google".to_owned(), "Okta".to_owned()]),
            ("idp_identifier", Vec::new()),
            ("lang", vec!["de".to_owned()]),
            ("login_hint", Vec::new()),
        ];
        let params = SignInParams { from_links: false, allowed }.of_query(query.as_bytes());
        params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_is_allowed_passes() {
        assert_eq!(passed("lang=de&login_hint=a%40b.c&x=y"), "lang=de login_hint=a@b.c");
        assert_eq!(passed("identity_provider=Okta&state=x&scope=y&client_id=z"), "identity_provider=Okta");
        for query in [
            "lang=en",
            "lang=DE",
            "Lang=de",
            "lang",
            "lang=de&lang=de",
            "lang=de&lang=en",
            "identity_provider=",
            "login_hint=",
            "login_hint=+",
            "login_hint=a%0ab",
            "login_hint=a%00",
            "login_hint=a%C2%85",
            "login_hint=%ff",
            "login_hint[]=x",
            "login_hint=a&login_hint=b",
        ] {
            assert_eq!(passed(query), "", "{query}");
        }
    }

    #[test]
    fn values_that_no_user_name_has_are_too_long() {
        let query = |length: usize| format!("login_hint={}", "x".repeat(length));
        assert_eq!(passed(&query(MAX_VALUE)), query(MAX_VALUE));
        assert_eq!(passed(&query(MAX_VALUE + 1)), "");
    }

    #[test]
    fn one_provider_is_asked_for() {
        assert_eq!(passed("idp_identifier=x&identity_provider=Google"), "identity_provider=Google");
        let of = |pairs: &[(&str, &str)]| -> Params {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let operators = of(&[("lang", "en"), ("identity_provider", "Okta")]);
        let both = over(&operators, of(&[("idp_identifier", "x.example")]));
        assert_eq!(both, of(&[("lang", "en"), ("idp_identifier", "x.example")]));
        assert_eq!(over(&operators, Params::new()), operators);
    }
}
