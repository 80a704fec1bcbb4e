//! One whole sign-in, as a browser does it, from the first request to the app's answer.

use std::error::Error;

use rig::Browser;

/// The headers that the app must get for John Smith.
const EXPECTED: [(&str, &str); 5] = [
    ("x-auth-user", "jsmith"),
    ("x-auth-name", "John Smith"),
    ("x-auth-email", "jsmith@example.com"),
    ("x-auth-roles", "authp/admin,authp/user"),
    ("x-auth-timezone", "America/New_York"),
];

/// Signs in at `address` and prints the headers that the app received.
pub fn sign_in(address: &str) -> Result<(), Box<dyn Error>> {
    let mut browser = Browser::new();
    let visit = browser.sign_in(&format!("{address}/hello?from=the-demo"), "jsmith", "The@Password");
    // `/hello` is open to everyone, so nothing sends the browser to sign in there.
    if visit.status() != 200 || visit.trail.len() != 1 {
        return Err(format!("an open path should be open:\n{visit}").into());
    }
    let visit = browser.sign_in(&format!("{address}/reports?from=the-demo"), "jsmith", "The@Password");
    println!("{visit}\n");
    if visit.status() != 200 || visit.url != format!("{address}/reports?from=the-demo") {
        return Err(format!("the sign-in didn't end where it began:\n{}", visit.text()).into());
    }
    let seen = browser.fetch(&format!("{address}/json")).json();
    println!("The app received:");
    let headers: Vec<(&str, &str)> = seen["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|header| Some((header[0].as_str()?, header[1].as_str()?)))
        .collect();
    for (name, value) in &headers {
        println!("    {name}: {value}");
    }
    for expected in EXPECTED {
        if !headers.contains(&expected) {
            return Err(format!("the app should have received {}: {}", expected.0, expected.1).into());
        }
    }
    println!("\nJohn Smith is signed in, with his roles authp/admin and authp/user.");
    Ok(())
}
