//! The frame of every page.

use crate::http::answer::Answer;

/// A page with this style. `policy` is what its content security policy has besides, such as `form-action 'self'; `.
pub fn document(status: u16, title: &str, style: &str, content: &str, policy: &str) -> Answer {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – stand-in for Amazon Cognito</title>
<style>
{style}</style>
</head>
<body>
<main>
{content}
</main>
<footer>This page stands in for Amazon Cognito on this machine.</footer>
</body>
</html>
"#
    );
    Answer::html(status, html).with("cache-control", "no-store").with(
        "content-security-policy",
        format!(
            "default-src 'none'; style-src 'unsafe-inline'; {policy}frame-ancestors 'none'; base-uri 'none'"
        ),
    )
}

pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
