//! What the filter adds to an upload. It reads no body of a signed-in request, but the wasm filter has a callback for
//! bodies, which Envoy calls for each piece.

use serde_json::{Value, json};

use crate::cases::Cases;
use crate::lab::{Chain, HOST, Lab};
use crate::load::one;
use crate::upstream::END_OF_UPLOAD;

/// Uploads per round.
const UPLOADS: usize = 150;
/// The size of an upload.
const SIZE: usize = 1024 * 1024;

/// Measures it. `BENCH_BUILDS` names other builds of the filter, as for `signed-in`.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!("\nUploads of 1 MiB by a person who is signed in ({rounds} rounds of {UPLOADS})\n");
    let mut cases = Cases::new(UPLOADS);
    let mut sites = vec![lab.site(&Chain::None, 1)?, lab.site(&Chain::Cognito(json!({})), 1)?];
    let cookies = lab.sign_in(&sites[1])?;
    let upload = one(upload(&cookies));
    let base = cases.add("no filter", &sites[0], upload.clone(), 200, None);
    cases.add("envoy-cognito", &sites[1], upload.clone(), 200, Some(base));
    let native = lab.site(&Chain::CognitoNative(json!({})), 1)?;
    cases.add("envoy-cognito, native", &native, upload.clone(), 200, Some(base));
    sites.push(native);
    let builds = std::env::var("BENCH_BUILDS").unwrap_or_default();
    for file in builds.split_whitespace() {
        let site = lab.site(&Chain::Build(file.into()), 1)?;
        cases.add(file, &site, upload.clone(), 200, Some(base));
        sites.push(site);
    }
    Ok(cases.measure(rounds)?.print("chain"))
}

fn upload(cookies: &str) -> Vec<u8> {
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: {HOST}\r\nx-forwarded-proto: https\r\ncookie: {cookies}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {SIZE}\r\n\r\n"
    );
    let filler = vec![b'x'; SIZE - END_OF_UPLOAD.len()];
    [head.as_bytes(), &filler, END_OF_UPLOAD].concat()
}
