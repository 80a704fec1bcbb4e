//! The filter's own pages: small, readable without CSS, without script. All values are escaped here
//! and nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::http::Response;

/// A page in the making.
#[derive(Debug)]
pub struct Page {
    status: u16,
    title: String,
    main: String,
    refresh: Option<String>,
}

impl Page {
    /// A page under a heading, which is its title too.
    pub fn new(status: u16, title: &str) -> Self {
        Self { status, title: escape(title), main: format!("<h1>{}</h1>\n", escape(title)), refresh: None }
    }

    /// A paragraph more.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.main.push_str(&format!("<p>{}</p>\n", escape(text)));
        self
    }

    /// A link that is the thing to do next. `target` must be a path or URL of ours.
    #[must_use]
    pub fn action(mut self, label: &str, target: &str) -> Self {
        self.main.push_str(&format!(
            "<p><a class=\"act\" href=\"{}\">{}</a></p>\n",
            escape(target),
            escape(label)
        ));
        self
    }

    /// Terms and what there is to say of each.
    #[must_use]
    pub fn facts<'a>(mut self, facts: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Self {
        self.main.push_str("<dl>\n");
        for (term, values) in facts {
            self.main.push_str(&format!("<dt>{}</dt>\n", escape(term)));
            for value in values {
                self.main.push_str(&format!("<dd>{}</dd>\n", escape(&value)));
            }
        }
        self.main.push_str("</dl>\n");
        self
    }

    /// What to quote when asking for help; it stands in the log as well.
    #[must_use]
    pub fn reference(mut self, reference: &str) -> Self {
        self.main.push_str(&format!("<p class=\"ref\">Reference: <code>{}</code></p>\n", escape(reference)));
        self
    }

    /// Moves on to a path of ours by itself.
    #[must_use]
    pub fn moving_on_to(mut self, target: &str) -> Self {
        self.refresh = Some(escape(target));
        self
    }

    /// The page as an answer.
    pub fn into_response(self) -> Response {
        let refresh =
            self.refresh.map(|target| format!("<meta http-equiv=\"refresh\" content=\"0;url={target}\">\n"));
        let mut response = Response::new(self.status)
            .with("content-type", "text/html; charset=utf-8".to_owned())
            .with("content-security-policy", content_security_policy())
            .with("x-content-type-options", "nosniff".to_owned())
            .with("x-frame-options", "DENY".to_owned())
            .with("referrer-policy", "no-referrer".to_owned());
        response.body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n{}<title>{}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
            refresh.unwrap_or_default(),
            self.title,
            self.main,
        );
        response
    }
}

/// Nothing may be loaded, framed or submitted; of styles, this one.
fn content_security_policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#f6f7f9;--card:#fff;--line:#d8dee4;--act:#0b57d0;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4af;--paper:#111418;--card:#1a1e24;--line:#333b45;--act:#8ab4f8;--on:#0b1526}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}\
main{width:100%;max-width:32rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:2rem;overflow-wrap:anywhere}\
h1{font-size:1.4rem;line-height:1.25;margin:0 0 1rem}\
p{margin:0 0 1rem}\
main>:last-child{margin-bottom:0}\
dl{margin:0 0 1.5rem;display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.4rem 1.25rem}\
dt{grid-column:1;color:var(--soft)}\
dd{grid-column:2;margin:0}\
a.act{display:inline-block;background:var(--act);color:var(--on);padding:.6rem 1.1rem;border-radius:.5rem;text-decoration:none;font-weight:600}\
a.act:focus-visible{outline:3px solid var(--ink);outline-offset:2px}\
.ref{color:var(--soft);font-size:.85rem;margin:0}\
@media(max-width:26rem){main{padding:1.25rem}dl{display:block}dd{margin:0 0 .5rem}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_the_page_is_locked_down() {
        let response = Page::new(400, "<script>alert(1)</script>")
            .text("a & b \"c\" 'd'")
            .action("go", "/x?a=1&b=\"2")
            .facts([("<t>", vec!["<v>".to_owned()])])
            .reference("<r>")
            .moving_on_to("/\"><script>")
            .into_response();
        assert!(!response.body.contains("<script"), "{}", response.body);
        assert!(!response.body.contains("<v>") && !response.body.contains("<r>"));
        assert!(response.body.len() < 10_000);
        let csp = response.header("content-security-policy").unwrap();
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}
