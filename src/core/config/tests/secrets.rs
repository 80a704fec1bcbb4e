//! No message shows a secret.

use super::*;

#[test]
fn no_fault_shows_a_secret() {
    let secret = "hunter2-hunter2";
    let encoded = "aHVudGVyMi1odW50ZXIy";
    let found = faults(json!({
        "client_secret": {"value": secret},
        "session": {"keys": [encoded, "hunter2-hunter2!", {"key": secret}, "${SECRET}"], "cookie": {"name": ""}},
        "unknown": secret,
        "bearer": {"client_ids": [secret]},
    }));
    assert!(found.len() >= 5, "{found:#?}");
    for fault in found {
        assert!(!fault.contains("hunter2") && !fault.contains("aHVudGVy"), "{fault}");
    }
    let broken = format!(r#"{{"client_secret":"{secret}","x":"#);
    let faults = Config::parse(broken.as_bytes(), &environment).unwrap_err();
    assert!(!faults[0].message.contains("hunter2"), "{}", faults[0]);
}

#[test]
fn no_fault_shows_the_password_of_a_url() {
    for patch in [
        json!({"endpoints": {"token": "https://user:hunter2@proxy.example.com/token"}}),
        json!({"public_url": "https://user:hunter2@app.example.com"}),
    ] {
        for fault in faults(patch) {
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let config = accepted(json!({"client_secret": "${SECRET}"}));
    let printed = format!("{config:?} {config:#?}");
    assert!(printed.contains("us-east-1_UFeMzbuJe"), "it shows the rest");
    assert!(!printed.contains("hunter2"));
    assert!(!printed.contains(KEY) && !printed.contains(KEY.trim_end_matches('=')));
    assert!(!printed.contains("0123456789abcdef"), "the key's bytes as text");
    assert!(!printed.contains("48, 49, 50, 51"), "the key's bytes as numbers");
}
