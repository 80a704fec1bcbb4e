//! One `Set-Cookie` line.

/// A parsed `Set-Cookie` line, before any browser has checked it. Unknown attributes are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    /// As written, a leading dot removed.
    pub domain: Option<String>,
    pub path: Option<String>,
    /// Seconds. A `Max-Age` that isn't a number is ignored.
    pub max_age: Option<i64>,
    /// As written.
    pub expires: Option<String>,
    pub secure: bool,
    pub http_only: bool,
    /// As written: `Lax`, `Strict`, `None` or anything else.
    pub same_site: Option<String>,
    /// The whole line.
    pub line: String,
}

impl SetCookie {
    /// Follows RFC 6265bis, section 5.6. `None` if there is neither a name nor a value.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() && value.is_empty() {
            return None;
        }
        let mut cookie =
            Self { name: name.into(), value: value.into(), line: line.into(), ..Self::default() };
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = trim(value);
            match trim(key).to_ascii_lowercase().as_str() {
                "domain" => cookie.domain = Some(value.strip_prefix('.').unwrap_or(value).to_owned()),
                "path" => cookie.path = Some(value.to_owned()),
                "max-age" => cookie.max_age = value.parse().ok().or(cookie.max_age),
                "expires" => cookie.expires = Some(value.to_owned()),
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "samesite" => cookie.same_site = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(cookie)
    }

    /// Whether this line deletes a cookie: it expires at once.
    #[must_use]
    pub fn removes(&self) -> bool {
        self.max_age.is_some_and(|seconds| seconds <= 0)
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_attribute() {
        let line = "__Host-a = b=c ; Path=/; domain=.Example.test; MAX-AGE=60; Expires=never; Secure;HttpOnly; \
                    SameSite=Lax; Priority=High";
        let cookie = SetCookie::parse(line).unwrap();
        assert_eq!((&*cookie.name, &*cookie.value), ("__Host-a", "b=c"));
        assert_eq!(cookie.path.as_deref(), Some("/"));
        assert_eq!(cookie.domain.as_deref(), Some("Example.test"));
        assert_eq!(cookie.max_age, Some(60));
        assert_eq!(cookie.expires.as_deref(), Some("never"));
        assert!(cookie.secure && cookie.http_only && !cookie.removes());
        assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
    }

    #[test]
    fn takes_odd_lines_as_browsers_do() {
        assert_eq!(SetCookie::parse("alone").map(|c| (c.name, c.value)), Some(("".into(), "alone".into())));
        assert_eq!(SetCookie::parse("=; Secure"), None);
        assert!(SetCookie::parse("a=; Max-Age=-1").unwrap().removes());
        assert_eq!(SetCookie::parse("a=b; Max-Age=soon").unwrap().max_age, None);
    }
}
