//! The filter's own HTML pages: small, readable without CSS, without scripts. Only this module escapes values.

use crate::http::Response;
use crate::pages::messages::{self, Words};

pub use crate::pages::design::{Accent, Design};

/// A builder for a page.
#[derive(Debug)]
pub struct Page<'d> {
    design: &'d Design,
    status: u16,
    title: String,
    main: String,
    refresh: Option<String>,
    /// Where its form may be sent to, as a source list (CSP 3, `form-action`).
    form_action: Option<&'static str>,
}

impl<'d> Page<'d> {
    /// A page with a heading, which is also its title.
    pub fn new(design: &'d Design, status: u16, title: &str) -> Self {
        let title = escape(title);
        let main = format!("<h1>{title}</h1>\n");
        Self { design, status, title, main, refresh: None, form_action: None }
    }

    /// A page with a heading and a paragraph.
    pub fn saying(design: &'d Design, status: u16, words: Words) -> Self {
        Self::new(design, status, words.title).text(words.text)
    }

    fn push(mut self, html: std::fmt::Arguments<'_>) -> Self {
        // Writing into a `String` doesn't fail.
        let _ = std::fmt::Write::write_fmt(&mut self.main, html);
        self
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.push(format_args!("<p>{}</p>\n", escape(text)))
    }

    /// Adds the main link as a button. `target` must be a path or URL that the filter made.
    #[must_use]
    pub fn action(self, label: &str, target: &str) -> Self {
        self.push(format_args!("<p><a class=\"act\" href=\"{}\">{}</a></p>\n", escape(target), escape(label)))
    }

    /// As [`Page::action`], but opens a new tab, if this page must stay in the browser's history.
    #[must_use]
    pub fn action_in_new_tab(self, label: &str, target: &str) -> Self {
        self.push(format_args!(
            "<p><a class=\"act\" href=\"{}\" target=\"_blank\" rel=\"noopener\">{}</a></p>\n",
            escape(target),
            escape(label)
        ))
    }

    /// Adds a form with hidden fields and one button, which posts them to `target`, a path that the filter made. The
    /// browser sends the same fields again, and the page's origin with them. `allowed` is the source list of places that
    /// the form may be sent to, also by redirects.
    #[must_use]
    pub fn form(
        mut self,
        target: &str,
        fields: &[(String, String)],
        label: &str,
        allowed: &'static str,
    ) -> Self {
        self.form_action = Some(allowed);
        let mut form = self.push(format_args!("<form method=\"post\" action=\"{}\">\n", escape(target)));
        for (name, value) in fields {
            let (name, value) = (escape_exactly(name), escape_exactly(value));
            form = form.push(format_args!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n"));
        }
        form.push(format_args!("<p><button class=\"act\">{}</button></p>\n</form>\n", escape(label)))
    }

    /// Adds a secondary link. `target` must be a path or URL that the filter made.
    #[must_use]
    pub fn link(self, label: &str, target: &str) -> Self {
        self.push(format_args!("<p><a href=\"{}\">{}</a></p>\n", escape(target), escape(label)))
    }

    /// Adds a list of links to choose from: labels and targets that the filter made. `lead` is read before each label
    /// by screen readers, which don't show that the links belong together.
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

    /// Adds a description list: terms and their values.
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

    /// Adds the reference to quote when asking for help; the log has the same reference.
    #[must_use]
    pub fn reference(self, reference: &str) -> Self {
        let (label, reference) = (escape(messages::REFERENCE), escape(reference));
        self.push(format_args!("<p class=\"ref\">{label} <code>{reference}</code></p>\n"))
    }

    /// Redirects by a `<meta>` refresh to a path that the filter made.
    #[must_use]
    pub fn redirecting_to(mut self, target: &str) -> Self {
        self.refresh = Some(escape(target));
        self
    }

    /// The page as a response.
    pub fn into_response(self) -> Response {
        let Self { design, status, title, main, refresh, form_action } = self;
        let refresh =
            refresh.map(|target| format!("<meta http-equiv=\"refresh\" content=\"0;url={target}\">\n"));
        let mut policy = design.content_security_policy().to_owned();
        if let Some(allowed) = form_action {
            policy = policy.replace("form-action 'none'", &format!("form-action {allowed}"));
        }
        // With `no-referrer`, a form would say that it comes from the origin `null`, which apps reject.
        let referrer = if form_action.is_some() { "same-origin" } else { "no-referrer" };
        let site = design.title().map(|site| format!(" – {}", escape(site)));
        let mut response = Response::new(status)
            .with("content-type", "text/html; charset=utf-8".to_owned())
            .with("content-security-policy", policy)
            .with("x-content-type-options", "nosniff".to_owned())
            .with("x-frame-options", "DENY".to_owned())
            .with("referrer-policy", referrer.to_owned());
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

/// The site's name and logo, if configured.
fn brand(design: &Design) -> String {
    let name = escape(design.title().unwrap_or_default());
    let logo = design.logo().map(|url| format!("<img src=\"{}\" alt=\"\">", escape(url)));
    match (logo, name.as_str()) {
        (None, "") => String::new(),
        (logo, name) => format!("<header>{}<span>{name}</span></header>\n", logo.unwrap_or_default()),
    }
}

/// Text for people: a control character becomes a space.
fn escape(text: &str) -> String {
    escape_html(text, false)
}

/// A value for machines: every character is kept. HTML would read a line end as another one, so it is encoded.
fn escape_exactly(text: &str) -> String {
    escape_html(text, true)
}

fn escape_html(text: &str, exactly: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\r' if exactly => escaped.push_str("&#13;"),
            '\n' if exactly => escaped.push_str("&#10;"),
            character if character.is_control() && !exactly => escaped.push(' '),
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
            .redirecting_to("/\"><script>")
            .form("/\"><script>", &[("<n>".to_owned(), "\"><script>\r\n".to_owned())], "<s>", "'self'")
            .into_response();
        for raw in ["<script", "<v>", "<r>", "<l>", "<c>", "<t>", "<lead>", "<b>", "<n>", "<s>"] {
            assert!(!response.body.contains(raw), "{raw}: {}", response.body);
        }
        assert!(response.body.len() < 10_000);
        let csp = response.header("content-security-policy").unwrap();
        assert!(csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"));
        assert!(csp.contains("form-action 'self';") && !csp.contains("form-action 'none'"));
        assert!(response.body.contains("value=\"&quot;&gt;&lt;script&gt;&#13;&#10;\""), "{}", response.body);
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("referrer-policy"), Some("same-origin"));
        let response = Page::new(&design, 400, "without a form").into_response();
        assert!(response.header("content-security-policy").unwrap().contains("form-action 'none'"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
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
