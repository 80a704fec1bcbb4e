//! The requirements for passwords.

use serde::{Deserialize, Serialize};

/// The parts of `PasswordPolicy` that the pages and the API check.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
pub struct PasswordPolicy {
    minimum_length: usize,
    require_uppercase: bool,
    require_lowercase: bool,
    require_numbers: bool,
    require_symbols: bool,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: 8,
            require_uppercase: true,
            require_lowercase: true,
            require_numbers: true,
            require_symbols: true,
        }
    }
}

impl PasswordPolicy {
    /// The requirement that a password doesn't meet, in Cognito's words.
    pub fn check(&self, password: &str) -> Result<(), String> {
        let lacks = |kind: fn(char) -> bool| !password.chars().any(kind);
        let lack = if password.chars().count() < self.minimum_length {
            "Password not long enough"
        } else if self.require_lowercase && lacks(|c| c.is_ascii_lowercase()) {
            "Password must have lowercase characters"
        } else if self.require_uppercase && lacks(|c| c.is_ascii_uppercase()) {
            "Password must have uppercase characters"
        } else if self.require_numbers && lacks(|c| c.is_ascii_digit()) {
            "Password must have numeric characters"
        } else if self.require_symbols && lacks(|c| c.is_ascii_punctuation()) {
            "Password must have symbol characters"
        } else {
            return Ok(());
        };
        Err(format!("Password did not conform with password policy: {lack}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_asks_for_four_kinds_of_characters() {
        let policy = PasswordPolicy::default();
        assert_eq!(policy.check("The@Passw0rd"), Ok(()));
        for (password, lack) in [
            ("The@Password", "numeric"),
            ("the@passw0rd", "uppercase"),
            ("THE@PASSW0RD", "lowercase"),
            ("ThePassw0rd", "symbol"),
            ("The@1", "long enough"),
        ] {
            assert!(policy.check(password).unwrap_err().contains(lack), "{password}");
        }
    }
}
