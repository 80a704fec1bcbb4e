//! The filter crashes. It shouldn't, so it is made to, by a request with very many headers of one name. In the built wasm
//! filter, a function is wrapped by one that traps, like a panic, on very many headers. The native module has a feature
//! for this, which the shipped file lacks: it panics on a header of that name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rig::{Envoy, Options, RawRequest, Scratch};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};
use walrus::ir::BinaryOp;
use walrus::{ExportItem, FunctionBuilder, Module, ValType};

use super::stage::{Seen, Stage, answer};
use crate::bearer::with;
use crate::own::{NAME, Own, wait};
use crate::world::{filter, is_native, wasm};

/// Requests with this many headers or more trap.
const TOO_MANY_HEADERS: i32 = 60;
const ENTRY: &str = "proxy_on_request_headers";
/// On a request with this header, the native module panics: see `src/native/panics_for_tests.rs`.
pub const PANIC: &str = "x-envoy-cognito-panic";

/// The request that crashes a fragile filter of either kind.
pub fn crashing(target: &str) -> RawRequest {
    (0..TOO_MANY_HEADERS).fold(RawRequest::get(target), |request, _| request.header(PANIC, "x"))
}

/// The tested artifact, made fragile, in that folder.
pub fn fragile(folder: &Path) -> PathBuf {
    if !is_native() {
        return fragile_wasm(folder);
    }
    let file = folder.join("libfragile.so");
    std::fs::copy(&*FRAGILE_NATIVE, &file).expect("copied");
    file
}

/// Built like the tests, which takes a few seconds if they have just been built.
static FRAGILE_NATIVE: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("this test");
    let debug = test.ancestors().nth(2).expect("target/debug");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--locked", "--quiet", "--package", "envoy-cognito-native"]);
    build.args(["--features", "panic-for-tests", "--target-dir"]).arg(debug.parent().expect("target"));
    let built =
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    debug.join("libenvoy_cognito_native.so")
});

fn fragile_wasm(folder: &Path) -> PathBuf {
    let mut module = Module::from_file(wasm()).expect("the module");
    let judge = module.exports.get_func(ENTRY).expect("its entry");
    let [context, headers, last] = [(); 3].map(|()| module.locals.add(ValType::I32));
    let mut around = FunctionBuilder::new(&mut module.types, &[ValType::I32; 3], &[ValType::I32]);
    around
        .func_body()
        .local_get(headers)
        .i32_const(TOO_MANY_HEADERS)
        .binop(BinaryOp::I32GeS)
        .if_else(
            None,
            |then| {
                then.unreachable();
            },
            |_| {},
        )
        .local_get(context)
        .local_get(headers)
        .local_get(last)
        .call(judge);
    let around = around.finish(vec![context, headers, last], &mut module.funcs);
    let export = module.exports.iter_mut().find(|export| export.name == ENTRY).expect("its entry");
    export.item = ExportItem::Function(around);
    let file = folder.join("fragile.wasm");
    module.emit_wasm_file(&file).expect("a module");
    file
}

/// Replaces an Envoy with one that has one worker and a filter that can be made to crash. It soon gives up on
/// requests that wait for a filter that is gone.
fn make_fragile(own: &mut Own, folder: &Path) {
    let mut bootstrap = own.bootstrap(0, &Value::Null).to_json();
    let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    bootstrap.pointer_mut(manager).expect("a connection manager")["stream_idle_timeout"] = json!("3s");
    let bootstrap = bootstrap.to_string();
    let shipped = filter().to_str().expect("a path").to_owned();
    let bootstrap = bootstrap.replace(&shipped, fragile(folder).to_str().expect("a path"));
    own.envoys.clear();
    own.envoys.push(Envoy::start(&bootstrap, &Options::default().concurrency(1)));
}

/// The request that causes the crash gets 503.
fn crash(own: &Own) {
    assert_eq!(own.send(0, crashing("/json")).status, 503);
    let line = if is_native() { "envoy_cognito panicked at " } else { "unreachable" };
    assert!(own.envoys[0].log_line(line).is_some(), "{}", own.envoys[0].log());
}

/// The app has received no request that the filter hadn't seen.
fn assert_nobody_came_through(own: &Own) {
    for request in own.app.requests() {
        assert!(request.header("x-auth-subject").is_some(), "{request:?}");
    }
}

/// Waits until Envoy has loaded the filter again. Until then, every request gets Envoy's 503.
fn until_back(own: &Own, token: &str) -> Duration {
    let crashed = Instant::now();
    let back = rig::eventually(rig::PATIENCE, || {
        let heard = answer(&own.send(0, with(token, "/json")));
        assert!(["served", "Envoy's 503"].contains(&heard.as_str()), "{heard}");
        (heard == "served").then(|| crashed.elapsed())
    });
    back.unwrap_or_else(|| panic!("{}", own.envoys[0].log()))
}

pub fn and_back() -> Seen {
    let folder = Scratch::new().expect("a folder");
    let mut stage = Stage::set(json!({}), 1);
    make_fragile(&mut stage.own, folder.path());
    let url = stage.own.url("/json");
    assert_eq!(answer(&stage.signed_in.fetch(&url)), "served");
    crash(&stage.own);
    println!("after a crash the filter was back in {:?}", until_back(&stage.own, &stage.token));
    let seen = stage.seen();
    assert_nobody_came_through(&stage.own);
    assert!(stage.own.envoys[0].alive());
    seen
}

#[test]
fn a_filter_that_has_run_for_a_while_is_back_with_the_next_request() {
    let folder = Scratch::new().expect("a folder");
    let mut own = Own::new(crate::own::Wish::default());
    make_fragile(&mut own, folder.path());
    let mut browser = own.signed_in();
    for _ in 0..2 {
        // Envoy's pause between two loads starts with the load.
        wait(Duration::from_millis(1_500));
        crash(&own);
        let next = browser.fetch(&own.url("/json"));
        assert_eq!(answer(&next), "served", "{}", own.envoys[0].log());
    }
    if is_native() {
        assert_eq!(own.envoys[0].stat("wasmcustom.envoy_cognito.panics"), 2);
        let log = own.envoys[0].log();
        assert!(!log.contains("asked to panic"), "the text of a panic can hold what a client sent\n{log}");
    }
    assert_nobody_came_through(&own);
}

#[test]
fn a_wasm_filter_that_crashes_right_after_it_was_loaded_is_paused_and_a_native_module_never() {
    let folder = Scratch::new().expect("a folder");
    let mut own = Own::new(crate::own::Wish::default());
    make_fragile(&mut own, folder.path());
    let mut browser = own.signed_in();
    if is_native() {
        // A panic is caught, and nothing is loaded again.
        for _ in 0..20 {
            crash(&own);
            assert_eq!(answer(&browser.fetch(&own.url("/json"))), "served", "{}", own.envoys[0].log());
        }
        return assert_nobody_came_through(&own);
    }
    // Each crashing request makes Envoy load the filter again, until Envoy pauses; then it gets the 503 without a
    // load.
    let paused = rig::eventually(rig::PATIENCE, || {
        crash(&own);
        let heard = answer(&browser.fetch(&own.url("/json")));
        assert!(["served", "Envoy's 503"].contains(&heard.as_str()), "{heard}");
        (heard == "Envoy's 503").then_some(())
    });
    assert!(paused.is_some(), "{}", own.envoys[0].log());
    let back = rig::eventually(rig::PATIENCE, || {
        (answer(&browser.fetch(&own.url("/json"))) == "served").then_some(())
    });
    assert!(back.is_some(), "{}", own.envoys[0].log());
    assert_nobody_came_through(&own);
}

#[test]
fn a_filter_that_crashes_again_and_again_lets_nobody_through_and_comes_back() {
    let folder = Scratch::new().expect("a folder");
    let mut own = Own::new(crate::own::Wish::default());
    make_fragile(&mut own, folder.path());
    let mut browser = own.signed_in();
    for _ in 0..3 {
        crash(&own);
        let until = Instant::now() + Duration::from_millis(300);
        while Instant::now() < until {
            let status = own.send(0, RawRequest::get("/json")).status;
            assert!([401, 503].contains(&status), "{status}");
        }
    }
    let crashed = Instant::now();
    let back =
        rig::eventually(rig::PATIENCE, || (browser.fetch(&own.url("/json")).status == 200).then_some(()));
    assert!(back.is_some(), "{}", own.envoys[0].log());
    println!("after three crashes in a second the filter was back in {:?}", crashed.elapsed());
    assert_nobody_came_through(&own);
}

#[test]
fn a_sign_in_that_waits_while_the_filter_crashes_can_be_begun_again() {
    let folder = Scratch::new().expect("a folder");
    let mut own = Own::new(crate::own::Wish::default());
    make_fragile(&mut own, folder.path());
    let mut browser = own.browser();
    let start = browser.step(&own.url("/json"));
    let callback = crate::world::callback_of(start.location().expect("a redirect"));
    own.cognito().fault(Endpoint::Token, NAME, Fault::Held, Times::Next(1));
    let mut waiting = browser.clone();
    let parked = std::thread::spawn(move || {
        waiting.load(rig::Load::typed(&callback).one_step()).map(|visit| visit.status())
    });
    let waits = || own.cognito().calls(Endpoint::Token, NAME).pop();
    assert!(rig::eventually(rig::PATIENCE, waits).is_some(), "it waits");
    crash(&own);
    own.cognito().clear_faults(NAME);
    let asked = Instant::now();
    let heard = parked.join().expect("an outcome");
    println!("who was waiting at Envoy heard {heard:?}, {:?} after the crash", asked.elapsed());
    if is_native() {
        assert_eq!(heard, Ok(302), "the crash of another request doesn't concern it");
    } else {
        assert_eq!(heard, Ok(503), "Envoy gives it up by its own idle timeout");
    }
    browser.clear();
    let visit = browser.sign_in(&own.url("/"), crate::world::USER, crate::world::PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}\n{}", own.envoys[0].log());
    assert_eq!(browser.fetch(&own.url("/json")).status, 200);
}
