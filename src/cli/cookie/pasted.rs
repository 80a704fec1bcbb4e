//! The text that the user pastes as a cookie.

/// What the user pasted.
pub struct Pasted {
    /// A `Cookie` header's value, or one pair of it.
    pub header: Option<String>,
    /// The value of a single cookie.
    pub value: String,
}

impl Pasted {
    /// Reads the text.
    ///
    /// # Errors
    /// If there is nothing in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<&str> = Vec::new();
        let mut value = "";
        for line in text.lines().map(|line| line.trim().trim_matches(['"', '\''])) {
            let lower = line.to_ascii_lowercase();
            let start = |name: &str| {
                lower.starts_with(name).then(|| line.get(name.len()..).unwrap_or_default().trim())
            };
            if let Some(cookie) = start("set-cookie:") {
                // The rest are attributes.
                pairs.extend(cookie.split(';').next());
            } else if let Some(cookies) = start("cookie:") {
                pairs.push(cookies);
            } else if line.contains('=') {
                pairs.push(line);
            } else if !line.is_empty() {
                value = line;
            }
        }
        match (pairs.is_empty(), value.is_empty()) {
            (true, true) => {
                Err("there is nothing to decrypt: paste a cookie's value, or a whole Cookie header"
                    .to_owned())
            }
            (true, false) => Ok(Self { header: None, value: value.to_owned() }),
            (false, _) => Ok(Self { header: Some(pairs.join("; ")), value: String::new() }),
        }
    }
}
