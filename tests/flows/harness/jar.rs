//! The cookies of one browser at one site. It respects deletions and nothing else: a client need not respect
//! `Max-Age`, so the filter must not rely on it. (The jar in `tests/rig` is a faithful one.)

/// Names and values.
#[derive(Clone, Debug, Default)]
pub struct Jar(Vec<(String, String)>);

impl Jar {
    /// Applies a `Set-Cookie`. Whether it sets or deletes, browsers must accept it and scripts must not see the
    /// cookie.
    pub fn take(&mut self, set_cookie: &str) {
        assert!(set_cookie.len() <= 4096, "a cookie of {} bytes", set_cookie.len());
        let (pair, attributes) = set_cookie.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let has = |wanted: &str| attributes.split(';').any(|attribute| attribute.trim() == wanted);
        let prefixed = |prefix: &str| name.starts_with(prefix);
        assert!(has("HttpOnly") && has("Path=/") && attributes.contains("SameSite="), "{name}: {attributes}");
        assert!(has("Secure") || !prefixed("__Host-") && !prefixed("__Secure-"), "{name}: {attributes}");
        assert!(!attributes.contains("Domain=") || !prefixed("__Host-"), "{name}: {attributes}");
        if attributes.contains("Max-Age=0;") {
            self.remove(name);
        } else {
            self.put(name, value);
        }
    }

    /// Sets a cookie to any value.
    pub fn put(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Removes a cookie.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The value of a cookie.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The names that begin with `prefix`, oldest first.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let ours = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        ours.map(|(name, _)| name.clone()).collect()
    }

    /// The `Cookie` header.
    pub fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// No value of a cookie may ever be printed.
    pub fn assert_no_value_in(&self, text: &str) {
        for (name, value) in self.0.iter().filter(|(_, value)| value.len() > 30) {
            assert!(!text.contains(value.as_str()), "the value of {name} is in {text}");
        }
    }
}
