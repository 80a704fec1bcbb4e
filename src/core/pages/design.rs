//! The design of the pages: one small style sheet, in the site's accent colour, with its name and logo. It is made
//! once at load; the Content-Security-Policy contains the style's hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use url::Url;

/// The design of all pages.
#[derive(Clone, Debug)]
pub struct Design {
    title: Option<String>,
    logo: Option<String>,
    style: String,
    content_security_policy: String,
}

impl Default for Design {
    fn default() -> Self {
        Self::new(None, None, None)
    }
}

impl Design {
    /// A design. `logo` is a path of this host or a URL.
    pub fn new(title: Option<String>, logo: Option<String>, accent: Option<Accent>) -> Self {
        let accent = accent.map(|accent| {
            let Accent([r, g, b]) = accent;
            format!(":root{{--act:#{r:02x}{g:02x}{b:02x};--on:{}}}", accent.text())
        });
        let style = format!("{STYLE}{}", accent.unwrap_or_default());
        let content_security_policy = content_security_policy(&style, logo.as_deref());
        Self { title, logo, style, content_security_policy }
    }

    /// The site's name.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// The path or URL of its logo.
    pub fn logo(&self) -> Option<&str> {
        self.logo.as_deref()
    }

    /// The style sheet.
    pub fn style(&self) -> &str {
        &self.style
    }

    /// The `Content-Security-Policy`: only the style and the logo may be loaded; nothing may be framed or submitted.
    pub fn content_security_policy(&self) -> &str {
        &self.content_security_policy
    }
}

fn content_security_policy(style: &str, logo: Option<&str>) -> String {
    let hash = STANDARD.encode(Sha256::digest(style));
    let images = match logo.map(Url::parse) {
        None => String::new(),
        Some(Ok(url)) => format!(" img-src {};", url.origin().ascii_serialization()),
        Some(Err(_)) => " img-src 'self';".to_owned(),
    };
    format!(
        "default-src 'none'; style-src 'sha256-{hash}';{images} base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// A colour: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent([u8; 3]);

impl Accent {
    /// Parses `#rrggbb` or `#rgb`. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?.bytes().map(|byte| char::from(byte).to_digit(16));
        let digits: Vec<u8> = digits.map(|digit| u8::try_from(digit?).ok()).collect::<Option<_>>()?;
        match *digits.as_slice() {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r1, r0, g1, g0, b1, b0] => Some(Self([r1 << 4 | r0, g1 << 4 | g0, b1 << 4 | b0])),
            _ => None,
        }
    }

    /// The colour of text on it: black or white, whichever has more contrast. One of them always has a contrast of at
    /// least 4.5 (WCAG 2.2, 1.4.3).
    fn text(self) -> &'static str {
        // At this luminance the contrasts with black and white are equal.
        if self.luminance() > 0.179 { "#000" } else { "#fff" }
    }

    /// Relative luminance (WCAG 2.2). A polynomial replaces the power of 2.4: it is accurate to the third digit, and
    /// needs no mathematics library.
    fn luminance(self) -> f64 {
        let Self(channels) = self;
        let linear = channels.map(|channel| {
            let c = f64::from(channel) / 255.0;
            c * (c * (c * 0.305_306_011 + 0.682_171_111) + 0.012_522_878)
        });
        linear.iter().zip([0.2126, 0.7152, 0.0722]).map(|(channel, weight)| channel * weight).sum()
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#f6f7f9;--card:#fff;--line:#d8dee4;--act:#0b57d0;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4af;--paper:#111418;--card:#1a1e24;--line:#333b45;--act:#8ab4f8;--on:#0b1526}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:1rem;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}\
header{display:flex;align-items:center;gap:.75rem;font-weight:600}\
header img{height:2.25rem;max-width:10rem;object-fit:contain}\
main{width:100%;max-width:32rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:2rem;overflow-wrap:anywhere}\
h1{font-size:1.4rem;line-height:1.25;margin:0 0 1rem}\
p{margin:0 0 1rem}\
a{color:inherit}\
main>:last-child{margin-bottom:0}\
ul{list-style:none;margin:0 0 1rem;padding:0;display:grid;gap:.75rem}\
dl{margin:0 0 1.5rem;display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.4rem 1.25rem}\
dt{grid-column:1;color:var(--soft)}\
dd{grid-column:2;margin:0}\
.act{display:inline-block;background:var(--act);color:var(--on);padding:.6rem 1.1rem;border-radius:.5rem;text-decoration:none;font-weight:600}\
li .act{display:block;text-align:center}\
button{border:0;font:inherit;cursor:pointer}\
a:focus-visible,button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}\
.aside{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\
.ref{color:var(--soft);font-size:.85rem;margin:0}\
@media(max-width:26rem){main{padding:1.25rem}dl{display:block}dt{margin-top:.5rem}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_both_spellings() {
        assert_eq!(Accent::parse("#0b57d0"), Some(Accent([0x0b, 0x57, 0xd0])));
        assert_eq!(Accent::parse("#F0a"), Some(Accent([0xff, 0, 0xaa])));
        for bad in ["", "#", "0b57d0", "#0b57d", "#0b57d00", "red", "#ggg", "#0b57d0;}", "#é"] {
            assert_eq!(Accent::parse(bad), None, "{bad}");
        }
    }

    /// WCAG's own formulas.
    fn contrast(one: Accent, other: Accent) -> f64 {
        let luminance = |Accent(channels): Accent| {
            let linear = channels.map(|channel| {
                let c = f64::from(channel) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn text_on_any_accent_can_be_read() {
        let steps = || (0..=255u8).step_by(15);
        for r in steps() {
            for g in steps() {
                for b in steps() {
                    let accent = Accent([r, g, b]);
                    let text = Accent::parse(accent.text()).unwrap();
                    assert!(contrast(accent, text) >= 4.5, "{accent:?}");
                }
            }
        }
    }

    #[test]
    fn the_policy_lets_the_logo_in_and_nothing_else() {
        let policy = |logo: Option<&str>| {
            let design = Design::new(None, logo.map(str::to_owned), Accent::parse("#c00"));
            design.content_security_policy().to_owned()
        };
        assert!(!policy(None).contains("img-src"));
        assert!(policy(Some("/logo.svg")).contains(" img-src 'self';"));
        let remote = policy(Some("https://cdn.example.com:8443/a;b,c.svg?x='y'"));
        assert!(remote.contains(" img-src https://cdn.example.com:8443;"), "{remote}");
        assert_ne!(policy(None), Design::default().content_security_policy(), "the style is another");
    }
}
