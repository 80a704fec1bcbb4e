//! A native module that not every Envoy could load isn't released, nor one that says where it was built.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use rig::Scratch;

use crate::files::{modules, program, read, root, wasm};

/// What the release says about a module.
fn refusal(module: &[u8]) -> String {
    static XTASK: LazyLock<PathBuf> = LazyLock::new(|| program("xtask"));
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("module.so");
    fs::write(&file, module).unwrap();
    let mut command = Command::new(&*XTASK);
    command.current_dir(root()).args(["dist", "--no-command"]);
    command.args([&wasm(), &folder.path().join("dist"), &file]);
    let output = command.output().unwrap();
    assert!(!output.status.success(), "it is released");
    String::from_utf8(output.stderr).unwrap()
}

/// The module with `from` replaced by `to`, which isn't longer.
fn with(module: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = module.windows(from.len()).position(|window| window == from).unwrap();
    let mut changed = module.to_vec();
    changed[at..at + from.len()].fill(0);
    changed[at..at + to.len()].copy_from_slice(to);
    changed
}

#[test]
fn only_a_module_that_every_envoy_can_load_is_released() {
    for (machine, file) in modules() {
        let module = fs::read(file).unwrap();
        let here = root().canonicalize().unwrap().display().to_string() + "/";
        // The path of a source, with its hash: long enough for another one.
        let source = module.windows(7).position(|window| window == b"/rustc/").unwrap();
        let source = &module[source..source + 80];
        let (old, new) =
            ("envoy_dynamic_module_on_http_filter_new\0", "envoy_dynamic_module_on_http_filter_neu\0");
        for (from, to, said) in [
            (&b"GLIBC_2.28\0"[..], &b"GLIBC_2.34\0"[..], "of GLIBC_2.34"),
            (b"libpthread.so.0\0", b"libgcc_s.so.1\0", "needs libgcc_s.so.1"),
            (
                old.as_bytes(),
                new.as_bytes(),
                "exports envoy_dynamic_module_on_http_filter_neu, which is no hook",
            ),
            (old.as_bytes(), new.as_bytes(), "doesn't export envoy_dynamic_module_on_http_filter_new"),
            (source, here.as_bytes(), "contains a path of this machine"),
        ] {
            let refusal = refusal(&with(&module, from, to));
            assert!(refusal.contains(said), "{machine}: {said}: {refusal}");
        }
        // The kind of machine.
        let mut other = module.clone();
        other[18] = 243;
        assert!(refusal(&other).contains("for an unknown kind of machine, 243"));
    }
    assert!(refusal(&fs::read(wasm()).unwrap()).contains("not a shared library"));
}

#[test]
fn the_modules_of_all_machines_are_released() {
    let makefile = read("Makefile");
    assert!(makefile.contains("NATIVE_MACHINES := x86_64 aarch64\n"));
    // `make test` builds that of this machine alone; `make dist` checks each.
    if modules().len() < 2 {
        let _ = writeln!(
            std::io::stdout(),
            "\nskipped: the native module of the other machine, because it isn't built: `make dist` builds and checks it"
        );
    }
}
