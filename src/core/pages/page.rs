//! The filter's own pages: small, readable without CSS, without script. All values are escaped here
//! and nowhere else.

use crate::http::Response;
use crate::pages::messages::{self, Words};

pub use crate::pages::design::{Accent, Design};

/// A page in the making.
#[derive(Debug)]
pub struct Page<'d> {
    design: &'d Design,
    status: u16,
    title: String,
    main: String,
    refresh: Option<String>,
}

impl<'d> Page<'d> {
    /// A page under a heading, which is its title too.
    pub fn new(design: &'d Design, status: u16, title: &str) -> Self {
        let title = escape(title);
        let main = format!("<h1>{title}</h1>\n");
        Self { design, status, title, main, refresh: None }
    }

    /// A page that says something.
    pub fn saying(design: &'d Design, status: u16, words: Words) -> Self {
        Self::new(design, status, words.title).text(words.text)
    }

    fn push(mut self, html: std::fmt::Arguments<'_>) -> Self {
        // Writing into a `String` doesn't fail.
        let _ = std::fmt::Write::write_fmt(&mut self.main, html);
        self
    }

    /// A paragraph more.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.push(format_args!("<p>{}</p>\n", escape(text)))
    }

    /// A link that is the thing to do next. `target` must be a path or URL of ours.
    #[must_use]
    pub fn action(self, label: &str, target: &str) -> Self {
        self.push(format_args!("<p><a class=\"act\" href=\"{}\">{}</a></p>\n", escape(target), escape(label)))
    }

    /// The same in a tab of its own, for when this page must stay where it is in the browser's history.
    #[must_use]
    pub fn action_in_new_tab(self, label: &str, target: &str) -> Self {
        self.push(format_args!(
            "<p><a class=\"act\" href=\"{}\" target=\"_blank\" rel=\"noopener\">{}</a></p>\n",
            escape(target),
            escape(label)
        ))
    }

    /// A link that some may want to follow. `target` must be a path or URL of ours.
    #[must_use]
    pub fn link(self, label: &str, target: &str) -> Self {
        self.push(format_args!("<p><a href=\"{}\">{}</a></p>\n", escape(target), escape(label)))
    }

    /// Links of which one is to be followed: labels and targets of ours. `lead` stands in front of each for
    /// those who don't see that they belong together.
    #[must_use]
    pub fn choices<'a>(self, lead: &str, choices: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let lead = escape(lead);
        let item = |page: Self, (label, target): (&str, String)| {
            page.push(format_args!(
                "<li><a class=\"act\" href=\"{}\"><span class=\"aside\">{lead} </span>{}</a></li>\n",
                escape(&target),
                escape(label)
            ))
        };
        let page = self.push(format_args!("<ul>\n"));
        choices.into_iter().fold(page, item).push(format_args!("</ul>\n"))
    }

    /// Terms and what there is to say of each.
    #[must_use]
    pub fn facts<'a>(self, facts: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Self {
        let mut page = self.push(format_args!("<dl>\n"));
        for (term, values) in facts {
            page = page.push(format_args!("<dt>{}</dt>\n", escape(term)));
            for value in values {
                page = page.push(format_args!("<dd>{}</dd>\n", escape(&value)));
            }
        }
        page.push(format_args!("</dl>\n"))
    }

    /// What to quote when asking for help; it stands in the log as well.
    #[must_use]
    pub fn reference(self, reference: &str) -> Self {
        let (label, reference) = (escape(messages::REFERENCE), escape(reference));
        self.push(format_args!("<p class=\"ref\">{label} <code>{reference}</code></p>\n"))
    }

    /// Moves on to a path of ours by itself.
    #[must_use]
    pub fn moving_on_to(mut self, target: &str) -> Self {
        self.refresh = Some(escape(target));
        self
    }

    /// The page as an answer.
    pub fn into_response(self) -> Response {
        let Self { design, status, title, main, refresh } = self;
        let refresh =
            refresh.map(|target| format!("<meta http-equiv=\"refresh\" content=\"0;url={target}\">\n"));
        let site = design.title().map(|site| format!(" – {}", escape(site)));
        let mut response = Response::new(status)
            .with("content-type", "text/html; charset=utf-8".to_owned())
            .with("content-security-policy", design.content_security_policy().to_owned())
            .with("x-content-type-options", "nosniff".to_owned())
            .with("x-frame-options", "DENY".to_owned())
            .with("referrer-policy", "no-referrer".to_owned());
        response.body = format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n{}<title>{title}{}</title>\n\
             <style>{}</style>\n</head>\n<body>\n{}<main>\n{main}</main>\n</body>\n</html>\n",
            messages::LANGUAGE,
            refresh.unwrap_or_default(),
            site.unwrap_or_default(),
            design.style(),
            brand(design),
        );
        response
    }
}

/// The site's own name and logo, where it has told us.
fn brand(design: &Design) -> String {
    let name = escape(design.title().unwrap_or_default());
    let logo = design.logo().map(|url| format!("<img src=\"{}\" alt=\"\">", escape(url)));
    match (logo, name.as_str()) {
        (None, "") => String::new(),
        (logo, name) => format!("<header>{}<span>{name}</span></header>\n", logo.unwrap_or_default()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_the_page_is_locked_down() {
        let design = Design::new(Some("<b>".to_owned()), Some("/logo\"'><script>".to_owned()), None);
        let response = Page::new(&design, 400, "<script>alert(1)</script>")
            .text("a & b \"c\" 'd'")
            .action("go", "/x?a=1&b=\"2")
            .link("<l>", "\"><script>")
            .choices("<lead>", [("<c>", "/\"><script>".to_owned())])
            .facts([("<t>", vec!["<v>".to_owned()])])
            .reference("<r>")
            .moving_on_to("/\"><script>")
            .into_response();
        for raw in ["<script", "<v>", "<r>", "<l>", "<c>", "<t>", "<lead>", "<b>"] {
            assert!(!response.body.contains(raw), "{raw}: {}", response.body);
        }
        assert!(response.body.len() < 10_000);
        let csp = response.header("content-security-policy").unwrap();
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }

    #[test]
    fn a_page_without_a_brand_has_none() {
        let response = Page::new(&Design::default(), 200, "Hello").into_response();
        assert!(!response.body.contains("<header>") && !response.body.contains("<img"));
        assert!(response.body.contains("<title>Hello</title>"));
        let design = Design::new(Some("Example".to_owned()), None, None);
        let response = Page::new(&design, 200, "Hello").into_response();
        assert!(response.body.contains("<title>Hello – Example</title>"));
    }
}
