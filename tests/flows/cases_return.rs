//! Cases of `docs/security-cases.md`: lists of open redirects, as a return target and as the requested path. They
//! have the same kinds as the lists of oauth2-proxy and mod_auth_openidc, but are written anew.

use envoy_cognito_core::http::Response;
use envoy_cognito_core::session::return_to::ReturnTo;
use url::Url;

use crate::harness::{Harness, Jar, NAVIGATE};

/// Texts before another site's name.
const STARTS: [&str; 52] = [
    "",
    "/",
    "/.",
    "//",
    "///",
    "////",
    "/////",
    "http:",
    "http://",
    "https:",
    "https:/",
    "https://",
    "https:///",
    "/https:",
    "/https:/",
    "/https://",
    "/https:///",
    "//https://",
    "//https:///",
    "/http://",
    "/%68%74%74%70%3a%2f%2f",
    "%68%74%74%70%3a%2f%2f",
    "/%2f%2f",
    "/%2f%2f%2f",
    "/%2f%5c%2f",
    "/%5c",
    "//%5c",
    "///%5c",
    "https://%5c",
    "/https:/%5c",
    "/https://%5c",
    "\\/\\/",
    "/\\/\\/",
    "/\\/",
    "\\\\",
    "//\\;@",
    "////\\;@",
    "//%2fx",
    "<>//",
    "/<>//",
    "\";//",
    "javascript://",
    "javascript:alert(1);//",
    "/javascript:",
    "//javascript:",
    "java%0d%0ascript%0d%0a:",
    "〱",
    "/〱",
    "/〵",
    "/ゝ",
    "/ー",
    "/ｰ",
];

/// Characters that some parsers drop and others keep.
const BLANKS: [&str; 18] = [
    "\t", "\n", "\u{b}", "\u{c}", "\r", " ", "\r\n", "\u{85}", "\u{a0}", "\u{2028}", "\u{feff}", "%09",
    "%0a", "%0b", "%0c", "%0d", "%20", "%00",
];

/// Places for these characters, marked `_`.
const AROUND_BLANKS: [&str; 10] =
    ["/_/", "/_//", "//_/", "_//", "/_\\", "/._/", "/.._//", "/_.._/", "https:_//", "/x/.._//"];

const USERS: [&str; 4] = ["", "app.example.com@", ":@", "XY>.7d8T\\205pZM@"];

const HOSTS: [&str; 12] = [
    "evil.example",
    "0xd8.0x3a.0xd6.0xce",
    "3627734734",
    "0330.072.0326.0316",
    "[::ffff:216.58.214.206]",
    "%65vil%2eexample",
    "evil%E3%80%82example",
    "evil。example",
    "evil%00.example",
    "evil.example\\@app.example.com",
    "evil.example:80#@app.example.com/",
    "evil.example:80?@app.example.com/",
];

const ENDS: [&str; 7] = ["", "/", "//", "/%2f..", "/%2e%2e", "/%2e%2e%2f", "/%2f%2e%2e"];

fn starts() -> Vec<String> {
    let blank = |around: &'static str| BLANKS.iter().map(move |blank| around.replace('_', blank));
    STARTS.map(str::to_owned).into_iter().chain(AROUND_BLANKS.into_iter().flat_map(blank)).collect()
}

/// All combinations, some tens of thousands.
fn all() -> impl Iterator<Item = String> {
    let hosts = || USERS.iter().flat_map(|user| HOSTS.iter().map(move |host| format!("{user}{host}")));
    let ends = move || hosts().flat_map(|host| ENDS.iter().map(move |end| format!("{host}{end}")));
    starts().into_iter().flat_map(move |start| ends().map(move |end| format!("{start}{end}")))
}

/// Grouped by start: each with a third of the hosts; users and ends alternate.
fn some() -> Vec<Vec<String>> {
    let of = |(number, start): (usize, String)| {
        let turns = (number..).step_by(7).zip(HOSTS.iter().skip(number % 3).step_by(3));
        let target =
            |(turn, host): (usize, &&str)| format!("{start}{}{host}{}", USERS[turn % 4], ENDS[turn / 4 % 7]);
        turns.map(target).collect()
    };
    starts().into_iter().enumerate().map(of).collect()
}

/// Percent-decodes; text that isn't an escape stays.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::new(), bytes);
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &tail[2..];
            }
            None => {
                plain.push(first);
                rest = tail;
            }
        }
    }
    plain
}

/// Checks where a browser ends up that follows this redirect from the callback, according to the WHATWG URL parser.
#[track_caller]
fn assert_stays(location: &str, what: &str) {
    let here = Url::parse("https://app.example.com/.auth/callback?code=x&state=y").unwrap();
    let there = here.join(location).unwrap();
    assert_eq!(there.origin(), here.origin(), "{what:?} leads to {there}");
    assert!(!there.path().starts_with("//"), "{what:?} leads to {there}, which a second step could leave");
}

#[test]
fn case_114_of_tens_of_thousands_of_spellings_none_is_followed_elsewhere() {
    let harness = Harness::new();
    let paths = &harness.config.paths;
    let (mut seen, mut followed) = (0, 0);
    for target in all() {
        let once = decoded(target.as_bytes());
        let twice = decoded(&once);
        for bytes in [target.as_bytes(), &once, &twice] {
            seen += 1;
            let Some(found) = ReturnTo::parse(bytes, paths) else { continue };
            assert_stays(found.as_str(), &target);
            followed += 1;
        }
    }
    assert!(seen > 200_000 && (5_000..seen / 2).contains(&followed), "{followed} of {seen}");
}

/// Completes a started sign-in. Returns where it redirects to.
fn finish(harness: &mut Harness, location: &str) -> String {
    let callback = harness.authorize(location);
    let response = harness.navigate(&callback).answered();
    assert_eq!(response.status, 302, "{response:?}");
    harness.jar = Jar::default();
    response.header("location").unwrap().to_owned()
}

#[test]
fn case_114_whole_sign_ins_end_here_or_at_the_start_page() {
    let mut elsewhere = 0;
    for targets in some() {
        let mut harness = Harness::new();
        for target in targets {
            let encoded: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
            let location = harness.start(&format!("/.auth/sign-in?return={encoded}"));
            let leads_to = finish(&mut harness, &location);
            assert_stays(&leads_to, &target);
            elsewhere += usize::from(leads_to != "/");
        }
    }
    assert!(elsewhere > 50, "{elsewhere}: what only looks odd is followed");
}

/// A click on a link with this target, byte for byte.
fn click(harness: &mut Harness, target: &[u8]) -> Response {
    let headers = NAVIGATE.map(|(name, value)| (name, value.as_bytes()));
    harness.raw_request("GET", target, &headers).answered()
}

#[test]
fn case_115_no_path_that_is_asked_for_leads_elsewhere_after_signing_in() {
    let literal = ["//evil.com", "/\\evil.com", "/\t/evil", "/%09/evil", "/.//evil", "/%2f%2fevil", "/@evil"];
    let (mut refused, mut followed) = (0, 0);
    for targets in some().into_iter().chain([literal.map(str::to_owned).to_vec()]) {
        let mut harness = Harness::new();
        for target in targets {
            for bytes in [target.as_bytes(), &decoded(target.as_bytes())] {
                let response = click(&mut harness, bytes);
                if response.status == 400 {
                    assert!(response.header("location").is_none(), "{target:?}");
                    refused += 1;
                    continue;
                }
                assert_eq!(response.status, 302, "{target:?}");
                let location = response.header("location").unwrap().to_owned();
                assert_stays(&finish(&mut harness, &location), &target);
                followed += 1;
            }
        }
    }
    assert!(refused > 500 && followed > 100, "{refused} refused, {followed} followed");
}

#[test]
fn case_115_nor_does_the_step_from_http_to_https() {
    let mut harness = Harness::new();
    harness.scheme = "http";
    let mut followed = 0;
    for target in some().concat() {
        let response = click(&mut harness, target.as_bytes());
        let Some(location) = response.header("location") else { continue };
        let there = Url::parse(location).unwrap();
        assert_eq!(there.origin().ascii_serialization(), "https://app.example.com", "{target:?}");
        followed += 1;
    }
    assert!(followed > 100, "{followed}");
}
