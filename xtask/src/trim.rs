//! Removes everything from a built filter that isn't needed.

mod fold;

use std::path::Path;

use walrus::ir::{BinaryOp, UnaryOp};
use walrus::{
    ElementItems, Export, ExportItem, Function, FunctionBuilder, FunctionId, InstrSeqBuilder, Module,
    ModuleConfig, ValType,
};

/// The exports that the host should call. A host calls every callback that a module exports, for every request, even
/// if it does nothing. The SDK exports all of them: for response bodies and trailers, the end of a stream and its log
/// entry, TCP, gRPC, queues.
const EXPORTS: [&str; 13] = [
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    // Reads forms that are kept. For all other bodies it returns at once.
    "proxy_on_request_body",
    // Removes trailers that an app could mistake for our headers. Few requests have trailers.
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    // Here the SDK deletes a stream.
    "proxy_on_delete",
];

/// The callback that decides about a request.
const ON_REQUEST_HEADERS: &str = "proxy_on_request_headers";

/// The callback for parts of a body.
const ON_REQUEST_BODY: &str = "proxy_on_request_body";

/// The filter's functions that say whether it reads a body. Only a module that isn't trimmed exports them.
const READS_BODY: &str = "envoy_cognito_reads_body";
const READERS: &str = "envoy_cognito_readers";

/// The ABI's `StopIteration`, which is the SDK's `Action::Pause`: the headers wait, and the body goes to the next
/// callback.
const STOP_ITERATION: i32 = 1;

/// The ABI's `StopAllIterationAndWatermark`: the whole request waits, and so does the client when the buffers are
/// full. The SDK can't return it.
const STOP_ALL: i32 = 4;

/// The ABI's `StopIterationNoBuffer`: the host keeps nothing of this part of a body. The SDK can't return it.
const STOP_WITHOUT_BUFFER: i32 = 3;

/// The SDK's convenience methods on contexts, one for each host call. They are in a table for each type of context,
/// so no linker can detect that they are never called. This filter calls the host itself.
const CONVENIENCES: &str = "proxy_wasm6traits";

/// The beginnings of the names of these methods.
const VERBS: [&str; 16] = [
    "add_",
    "call_",
    "cancel_",
    "close_",
    "dequeue_",
    "dispatch_",
    "enqueue_",
    "get_",
    "open_",
    "register_",
    "remove_",
    "reset_",
    "resolve_",
    "resume_",
    "send_",
    "set_",
];

/// Keeps only the `EXPORTS` of a module, and what they need. Trimming again changes nothing.
pub fn trim(file: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error:#}", file.display());
    // The names of functions are a quarter of a module, and no host needs them.
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    let mut module = config.parse_file(file).map_err(|error| failed(&error))?;
    if let Some(missing) =
        EXPORTS.iter().find(|name| module.exports.iter().all(|export| export.name != **name))
    {
        return Err(failed(&format!("there is no export called {missing}")));
    }
    if module.exports.iter().any(|export| export.name == READERS) {
        stop_all_with_headers(&mut module).map_err(|error| failed(&error))?;
        skip_bodies(&mut module).map_err(|error| failed(&error))?;
    }
    let needless = module.exports.iter().filter(|export| !EXPORTS.contains(&export.name.as_str()));
    let needless: Vec<_> = needless.map(Export::id).collect();
    needless.into_iter().for_each(|export| module.exports.delete(export));
    forget_conveniences(&mut module);
    forget_floats(&mut module);
    walrus::passes::gc::run(&mut module);
    let wasm = fold::fold(module.emit_wasm(), &config).map_err(|error| failed(&error))?;
    // Writes a temporary file first and then renames it, so that nobody ever loads an incomplete module.
    let beside = file.with_extension("trimmed");
    std::fs::write(&beside, wasm).map_err(|error| failed(&error))?;
    std::fs::rename(&beside, file).map_err(|error| failed(&error))
}

/// Makes every stop at the headers stop the whole request, except where the filter reads the body. Then no other body
/// needs a callback that holds it back.
fn stop_all_with_headers(module: &mut Module) -> Result<(), String> {
    let reads_body = exported(module, READS_BODY)?;
    let action = module.locals.add(ValType::I32);
    wrap(module, ON_REQUEST_HEADERS, |body, decide| {
        decide(body);
        body.local_set(action);
        // `select` takes the first value if the condition isn't 0.
        body.i32_const(STOP_ALL).local_get(action);
        body.local_get(action).i32_const(STOP_ITERATION).binop(BinaryOp::I32Eq);
        body.call(reads_body).unop(UnaryOp::I32Eqz).binop(BinaryOp::I32And).select(None);
    })
}

/// Returns at once from the callback for bodies as long as the filter reads none. What it reads is never kept.
fn skip_bodies(module: &mut Module) -> Result<(), String> {
    let readers = exported(module, READERS)?;
    wrap(module, ON_REQUEST_BODY, |body, read| {
        body.call(readers).if_else(
            ValType::I32,
            |some| {
                read(some);
                some.i32_const(STOP_WITHOUT_BUFFER).binop(BinaryOp::I32Mul);
            },
            |none| {
                none.i32_const(0);
            },
        );
    })
}

fn exported(module: &Module, name: &str) -> Result<FunctionId, String> {
    module.exports.get_func(name).map_err(|error| format!("{error:#}"))
}

/// Replaces an exported callback of three arguments by a function around it. `write` gets a function that writes the
/// call of the callback.
fn wrap(
    module: &mut Module,
    name: &str,
    write: impl FnOnce(&mut InstrSeqBuilder<'_>, &dyn Fn(&mut InstrSeqBuilder<'_>)),
) -> Result<(), String> {
    let inner = exported(module, name)?;
    let arguments = [(); 3].map(|()| module.locals.add(ValType::I32));
    let mut wrapper = FunctionBuilder::new(&mut module.types, &[ValType::I32; 3], &[ValType::I32]);
    write(&mut wrapper.func_body(), &|body| {
        for argument in arguments {
            body.local_get(argument);
        }
        body.call(inner);
    });
    let wrapper: FunctionId = wrapper.finish(arguments.to_vec(), &mut module.funcs);
    for export in module.exports.iter_mut().filter(|export| export.name == name) {
        export.item = ExportItem::Function(wrapper);
    }
    Ok(())
}

/// Replaces the SDK's convenience methods in the tables with a function that aborts the virtual machine. They were
/// never called, and nor is it. Code that only they needed is removed too. If the module has no function names, all
/// methods stay.
fn forget_conveniences(module: &mut Module) {
    let is_convenience = |name: &str| {
        let Some((_, method)) = name.split_once(CONVENIENCES) else { return false };
        // `…traits7Context36get_http_call_response_trailer_bytes17h…`: the trait and then the method, each after its
        // length.
        let method = method.trim_start_matches(|c: char| c.is_ascii_digit());
        let method = method.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let method = method.trim_start_matches(|c: char| c.is_ascii_digit());
        VERBS.iter().any(|verb| method.starts_with(verb)) && !method.starts_with("get_type")
    };
    let mut nothing = FunctionBuilder::new(&mut module.types, &[], &[]);
    nothing.func_body().unreachable();
    let nothing = nothing.finish(Vec::new(), &mut module.funcs);
    replace_in_tables(module, is_convenience, nothing);
}

/// Replaces the formatting of floating-point numbers, which is 17 KB, with a function that writes nothing and succeeds.
/// Only `serde` refers to it, for its text about a number that it didn't expect; `serde_json` writes these texts
/// itself, with a formatter of its own.
fn forget_floats(module: &mut Module) {
    // `<f64 as core::fmt::Display>::fmt`: the value and the formatter; 0 is `Ok`.
    let is_format = |name: &str| name.contains("4core3fmt5floatd") && name.ends_with("7Display3fmt");
    let arguments = [(); 2].map(|()| module.locals.add(ValType::I32));
    let mut nothing = FunctionBuilder::new(&mut module.types, &[ValType::I32; 2], &[ValType::I32]);
    nothing.func_body().i32_const(0);
    let nothing = nothing.finish(arguments.to_vec(), &mut module.funcs);
    replace_in_tables(module, is_format, nothing);
}

/// Replaces all functions of such names in the module's tables.
fn replace_in_tables(module: &mut Module, is_meant: impl Fn(&str) -> bool, by: FunctionId) {
    let named = module.funcs.iter().filter(|function| function.name.as_deref().is_some_and(&is_meant));
    let meant: Vec<_> = named.map(Function::id).collect();
    for element in module.elements.iter_mut() {
        if let ElementItems::Functions(functions) = &mut element.items {
            functions.iter_mut().filter(|id| meant.contains(id)).for_each(|id| *id = by);
        }
    }
}
