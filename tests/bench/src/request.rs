//! Requests as a browser sends them, and as programs do.

use crate::lab::HOST;

/// A navigation with the headers that Chromium sends.
pub fn navigation(target: &str, cookies: &str) -> Vec<u8> {
    let cookies = if cookies.is_empty() { String::new() } else { format!("cookie: {cookies}\r\n") };
    format!(
        "GET {target} HTTP/1.1\r\n\
         host: {HOST}\r\n\
         connection: keep-alive\r\n\
         sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
         sec-ch-ua-mobile: ?0\r\n\
         sec-ch-ua-platform: \"Linux\"\r\n\
         upgrade-insecure-requests: 1\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
         accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n\
         sec-fetch-site: same-origin\r\n\
         sec-fetch-mode: navigate\r\n\
         sec-fetch-user: ?1\r\n\
         sec-fetch-dest: document\r\n\
         referer: https://{HOST}/\r\n\
         accept-encoding: gzip, deflate, br, zstd\r\n\
         accept-language: en-US,en;q=0.9\r\n\
         x-forwarded-proto: https\r\n\
         {cookies}\r\n"
    )
    .into_bytes()
}

/// A program's request.
pub fn program(target: &str, token: Option<&str>) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "GET {target} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: curl/8.14.1\r\naccept: */*\r\n\
         x-forwarded-proto: https\r\n{token}\r\n"
    )
    .into_bytes()
}
