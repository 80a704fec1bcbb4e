//! The page for browsers.

use crate::request::Request;

const STYLE: &str = include_str!("page.css");

/// Identity headers.
const IDENTITY: &str = "x-auth-";

pub fn of(request: &Request) -> String {
    let (identity, others): (Vec<_>, Vec<_>) =
        request.headers.iter().partition(|(name, _)| name.starts_with(IDENTITY));
    let identity = match identity.as_slice() {
        [] => "<p>No <code>x-auth-</code> header came with this request.</p>".into(),
        headers => table(headers),
    };
    let (method, path, bytes) = (escape(&request.method), escape(&request.path), request.body_bytes);
    let others = table(&others);
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sample app</title>
<style>
{STYLE}</style>
</head>
<body>
<header>
<h1>Sample app</h1>
<nav aria-label="Links"><a href="/.auth/me">Your session</a> <a href="/json">This as JSON</a> <a href="/.auth/sign-out">Sign out</a></nav>
</header>
<main>
<p class="request"><code>{method} {path}</code>, {bytes} bytes of body</p>
<h2>Who you are</h2>
{identity}
<h2>All headers</h2>
{others}
</main>
</body>
</html>
"#
    )
}

fn table(headers: &[&(String, Vec<u8>)]) -> String {
    let row = |(name, value): &&(String, Vec<u8>)| {
        let (name, value) = (escape(name), escape(&String::from_utf8_lossy(value)));
        format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n")
    };
    let rows: String = headers.iter().map(row).collect();
    format!("<table>\n<tbody>\n{rows}</tbody>\n</table>")
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
            other => escaped.push(other),
        }
    }
    escaped
}
