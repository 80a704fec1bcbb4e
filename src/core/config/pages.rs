//! The settings of the pages.

use crate::config::reader::Section;
use crate::config::urls::parse_url;
use crate::pages::page::{Accent, Design};

/// Reads the section `pages` at the root of the document: the design, and whether people can add passkeys.
pub(crate) fn read(root: &Section<'_>) -> (Design, bool) {
    let section = root.section("pages");
    let title = section.text("title");
    if title.as_ref().is_some_and(|title| title.trim().is_empty() || title.chars().count() > 80) {
        section.fault("title", "must have text, at most 80 characters");
    }
    let logo = section.text("logo");
    if let Some(logo) = &logo {
        let is_path = logo.starts_with('/') && !logo.starts_with("//") && !logo.contains('\\');
        if logo.len() > 500 {
            section.fault("logo", "must have at most 500 characters");
        } else if let (false, Err(error)) = (is_path, parse_url(logo)) {
            section.fault("logo", format!("{error}; or write a path on this host"));
        }
    }
    let accent = section.text("accent").and_then(|text| {
        let accent = Accent::parse(&text);
        if accent.is_none() {
            section.fault("accent", format!("`{text}` is not a valid colour; write #0b57d0"));
        }
        accent
    });
    let passkeys = section.flag("passkeys", false);
    section.finish();
    (Design::new(title, logo, accent), passkeys)
}
