//! The part of HTML that a browser without a screen needs: forms, and pages that redirect by themselves.

/// A form with its initial values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Relative to the page; empty for the page itself.
    pub action: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Names, values and types of its inputs, without buttons and unticked boxes.
    pub inputs: Vec<(String, String, String)>,
}

impl Form {
    /// All forms of a page.
    #[must_use]
    pub fn all(html: &str) -> Vec<Self> {
        let mut forms: Vec<Self> = Vec::new();
        let mut inside = false;
        for tag in tags(html) {
            match tag.name.as_str() {
                "form" => {
                    let method = tag.get("method").unwrap_or("get").to_ascii_uppercase();
                    let action = tag.get("action").unwrap_or_default().trim().to_owned();
                    forms.push(Self { action, method, inputs: Vec::new() });
                    inside = true;
                }
                "/form" => inside = false,
                "input" if inside => {
                    let kind = tag.get("type").unwrap_or("text").to_ascii_lowercase();
                    let ticked = tag.get("checked").is_some();
                    let sent = match kind.as_str() {
                        "submit" | "button" | "image" | "reset" | "file" => false,
                        "checkbox" | "radio" => ticked,
                        _ => true,
                    };
                    if let (true, Some(name), Some(form)) = (sent, tag.get("name"), forms.last_mut()) {
                        let value = tag.get("value").unwrap_or_default();
                        form.inputs.push((name.to_owned(), value.to_owned(), kind));
                    }
                }
                _ => {}
            }
        }
        forms
    }

    /// The first form that asks for a user and a password, filled in.
    pub(super) fn sign_in(html: &str, username: &str, password: &str) -> Option<Self> {
        Self::all(html).into_iter().find_map(|mut form| {
            form.fill(username, |name, kind| {
                kind != "password" && matches!(name, "username" | "login" | "email" | "signInFormUsername")
            })?;
            form.fill(password, |_, kind| kind == "password")?;
            Some(form)
        })
    }

    fn fill(&mut self, value: &str, which: impl Fn(&str, &str) -> bool) -> Option<()> {
        let input = self.inputs.iter_mut().find(|(name, _, kind)| which(name, kind))?;
        value.clone_into(&mut input.1);
        Some(())
    }
}

/// The target of an immediate `<meta http-equiv="refresh">`.
pub(super) fn refresh(html: &str) -> Option<String> {
    let meta = tags(html).into_iter().find(|tag| {
        tag.name == "meta" && tag.get("http-equiv").is_some_and(|v| v.eq_ignore_ascii_case("refresh"))
    })?;
    let (delay, rest) = meta.get("content")?.split_once([';', ','])?;
    let delay: u32 = delay.trim().parse().ok()?;
    let rest = rest.trim();
    let target = match rest.get(..3) {
        Some(key) if key.eq_ignore_ascii_case("url") => rest[3..].trim_start().strip_prefix('=')?.trim(),
        _ => rest,
    };
    (delay <= 5).then(|| target.trim_matches(['"', '\'']).to_owned())
}

struct Tag {
    /// In lower case; a closing tag's begins with a slash.
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let length = rest.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(rest.len());
        let name = rest[..length].trim_end_matches('/').to_ascii_lowercase();
        let (attributes, after) = attributes(&rest[length..]);
        rest = after;
        if matches!(name.as_str(), "script" | "style") {
            let end = rest.to_ascii_lowercase().find(&format!("</{name}")).unwrap_or(rest.len());
            rest = &rest[end..];
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

/// The attributes of a tag, and what follows the tag.
fn attributes(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (attributes, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        let end = rest[1..].find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'));
        let end = end.map_or(rest.len(), |at| at + 1);
        let name = rest[..end].to_ascii_lowercase();
        let after = rest[end..].trim_start();
        let value;
        (value, rest) = match after.strip_prefix('=') {
            None => ("", &rest[end..]),
            Some(after) => attribute_value(after.trim_start()),
        };
        attributes.push((name, unescape(value)));
    }
}

fn attribute_value(rest: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = rest.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    rest.split_at(rest.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(rest.len()))
}

/// Replaces the character references that servers write in attributes.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference = rest.split_once(';').and_then(|(name, after)| Some((character(&name[1..])?, after)));
        if let Some((character, after)) = reference {
            out.push(character);
            rest = after;
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_and_fills_the_sign_in_form() {
        let html = r#"<!-- <form action=no> --><script>"<form>"</script>
            <form action="/search"><input name=q></form>
            <FORM method='post' action="/login?a=1&amp;b=&#x22;2">
              <input type="hidden" name="_csrf" value="t&quot;k"/>
              <input name="username" type="text"><input name=password type=password required>
              <input type=checkbox name=remember><input type=checkbox name=terms value=yes checked>
              <input type="submit" name="go" value="Sign in">
            </FORM>"#;
        let form = Form::sign_in(html, "jsmith", "pass&word").unwrap();
        assert_eq!((&*form.method, &*form.action), ("POST", "/login?a=1&b=\"2"));
        let inputs: Vec<_> = form.inputs.iter().map(|(name, value, _)| (&**name, &**value)).collect();
        let expected =
            [("_csrf", "t\"k"), ("username", "jsmith"), ("password", "pass&word"), ("terms", "yes")];
        assert_eq!(inputs, expected);
        assert_eq!(Form::sign_in("<form><input name=q></form>", "a", "b"), None);
    }

    #[test]
    fn finds_pages_that_move_on() {
        let html = r#"<meta charset=utf-8><meta http-equiv="Refresh" content="0; url=/next?a=1&amp;b=2">"#;
        assert_eq!(refresh(html).as_deref(), Some("/next?a=1&b=2"));
        assert_eq!(refresh("<meta http-equiv=refresh content='0;/x'>").as_deref(), Some("/x"));
        assert_eq!(refresh("<meta http-equiv=refresh content='60;url=/x'>"), None);
        assert_eq!(refresh("<p>"), None);
    }
}
