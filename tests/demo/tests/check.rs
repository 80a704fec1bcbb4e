//! The demo works: one sign-in through it, by itself.

use std::process::Command;

#[test]
fn the_demo_signs_john_smith_in() {
    let demo = Command::new(env!("CARGO_BIN_EXE_demo")).env("DEMO_CHECK", "1").env("DEMO_PORT", "0").output();
    let demo = demo.expect("the demo runs");
    let (out, err) = (String::from_utf8_lossy(&demo.stdout), String::from_utf8_lossy(&demo.stderr));
    assert!(demo.status.success(), "{out}\n{err}");
    assert!(out.contains("x-auth-roles: authp/admin,authp/user"), "{out}");
}
