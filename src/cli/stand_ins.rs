//! Values that stand in for those of variables which are known to Envoy alone, so that the rest of a
//! configuration can be checked all the same. They are told from real values by their spelling, and the reports
//! show the variable instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::tree::{Node, Value};

/// The stand-ins of one configuration.
#[derive(Clone, Debug, Default)]
pub struct StandIns {
    names: Vec<String>,
}

impl StandIns {
    /// The number of a variable's stand-in.
    fn number(&mut self, name: &str) -> usize {
        match self.names.iter().position(|known| known == name) {
            Some(number) => number,
            None => {
                self.names.push(name.to_owned());
                self.names.len() - 1
            }
        }
    }

    /// A word for a variable that is part of a text.
    pub fn word(&mut self, name: &str) -> String {
        format!("standin{}x", self.number(name))
    }

    /// A value for a variable that is all of the text of the setting at `path`, such that nothing is wrong with
    /// it there.
    pub fn value(&mut self, name: &str, path: &str, root: &Node) -> String {
        let number = self.number(name);
        let word = format!("standin{number}x");
        // A pool has the settings that stand at the root where there is but one.
        let setting = match path.strip_prefix("pools[") {
            Some(rest) => rest.split_once("].").map_or(path, |(_, own)| own),
            None => path,
        };
        if setting.starts_with("session.keys[") {
            return STANDARD.encode(Sha256::digest(name));
        }
        if setting.starts_with("rules[") {
            let (_, own) = setting.split_once("].").unwrap_or_default();
            return match own.split('[').next().unwrap_or_default() {
                "path" => format!("/{word}"),
                "methods" => word.to_ascii_uppercase(),
                "hosts" => format!("{word}.invalid"),
                "allow" => "signed_in".to_owned(),
                "unauthenticated" => "auto".to_owned(),
                "mode" => "enforce".to_owned(),
                _ => word,
            };
        }
        match setting {
            "user_pool_id" => format!("standin-{number}x_{word}"),
            "domain" => format!("{word}.invalid"),
            "public_url" => public_url(&word, root),
            "session.cookie.domain" => format!("{word}.invalid"),
            "session.cookie.same_site" => same_site(root).to_owned(),
            "session.lifetime" | "session.idle" | "session.stale_if_error" => "1h".to_owned(),
            "session.refresh_early" => "5m".to_owned(),
            "roles.attributes_from" => "id_token".to_owned(),
            "headers.preset" => "x-auth".to_owned(),
            "bearer.token_use[0]" | "bearer.token_use[1]" => "access".to_owned(),
            "cors_preflight" => "deny".to_owned(),
            "pages.accent" => "#000".to_owned(),
            "pages.logo" | "paths.prefix" | "paths.callback" | "paths.after_sign_out" => format!("/{word}"),
            other if other.starts_with("timeouts.") => "5s".to_owned(),
            other if other.starts_with("endpoints.") => format!("https://{word}.invalid/"),
            other if other.starts_with("hosts[") => format!("{word}.invalid"),
            _ => word,
        }
    }

    /// Whether a text has a stand-in in it: what is said about such a one says nothing of the real value.
    pub fn are_in(&self, text: &str) -> bool {
        (0..self.names.len()).any(|number| {
            let word = format!("standin{number}x");
            text.to_ascii_lowercase().contains(&word) || text.contains(&format!("standin-{number}x"))
        })
    }

    /// The text with variables where stand-ins were.
    pub fn shown(&self, text: &str) -> String {
        self.replaced(text, &|name| format!("${{{name}}}"), &|name| format!("<region of ${{{name}}}>"))
    }

    /// A shell's command with variables where stand-ins were, such that the shell fills them in.
    pub fn shown_in_shell(&self, command: &str) -> String {
        let mut shown = String::with_capacity(command.len());
        for (number, part) in command.split('\'').enumerate() {
            if number > 0 {
                shown.push('\'');
            }
            // Within single quotes nothing is filled in.
            let (before, after) = if number % 2 == 1 { ("'\"", "\"'") } else { ("\"", "\"") };
            let variable = |name: &str| format!("{before}${{{name}}}{after}");
            let region = |name: &str| format!("{before}${{{name}%%_*}}{after}");
            shown.push_str(&self.replaced(part, &variable, &region));
        }
        shown
    }

    fn replaced(
        &self,
        text: &str,
        variable: &dyn Fn(&str) -> String,
        region: &dyn Fn(&str) -> String,
    ) -> String {
        let mut shown = text.to_owned();
        for (number, name) in self.names.iter().enumerate() {
            let word = format!("standin{number}x");
            for spelling in [
                format!("https://{word}.invalid"),
                format!("http://{word}.localhost"),
                format!("standin-{number}x_{word}"),
                format!("{word}.invalid"),
                format!("{word}.localhost"),
                word,
            ] {
                shown = shown.replace(&spelling, &variable(name));
            }
            shown = shown.replace(&format!("standin-{number}x"), &region(name));
        }
        shown
    }
}

/// A public URL that goes with the cookie's settings, where those are known.
/// Partitioned cookies go with one alone.
fn same_site(root: &Node) -> &'static str {
    let partitioned = root.at(&["session", "cookie"]).and_then(|cookie| cookie.get("partitioned"));
    if partitioned.is_some_and(|flag| matches!(flag.value, Value::Bool(true))) { "none" } else { "lax" }
}

fn public_url(word: &str, root: &Node) -> String {
    let cookie = root.at(&["session", "cookie"]);
    if cookie
        .and_then(|cookie| cookie.get("secure"))
        .is_some_and(|secure| matches!(secure.value, Value::Bool(false)))
    {
        return format!("http://{word}.localhost");
    }
    match cookie.and_then(|cookie| cookie.text_of("domain")).filter(|domain| !domain.contains("${")) {
        Some(domain) => format!("https://{word}.{}", domain.trim_start_matches('.')),
        None => format!("https://{word}.invalid"),
    }
}
