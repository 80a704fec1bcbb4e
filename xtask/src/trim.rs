//! Takes out of a built filter what nothing needs.

mod fold;

use std::path::Path;

use walrus::ir::BinaryOp;
use walrus::{
    ElementItems, Export, ExportItem, Function, FunctionBuilder, FunctionId, Module, ModuleConfig, ValType,
};

/// What the host is to call. It calls everything that a module exports, for every request, whether anything is
/// done there or not, and the SDK exports all that there is: bodies, trailers of answers, the end of a stream and
/// its log entry, TCP, gRPC, queues.
const EXPORTS: [&str; 12] = [
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    // Trailers that an app could take for our headers are taken out. Few requests have any.
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    // Where the SDK drops a stream.
    "proxy_on_delete",
];

/// The callback that decides upon a request.
const ON_REQUEST_HEADERS: &str = "proxy_on_request_headers";

/// The callback that holds a body back while the headers wait.
const ON_REQUEST_BODY: &str = "proxy_on_request_body";

/// The ABI's `StopIteration`, which is what the SDK's `Action::Pause` is: the headers wait, and the body goes on to the
/// next callback.
const STOP_ITERATION: i32 = 1;

/// The ABI's `StopAllIterationAndWatermark`: the whole request waits, and the client with it once buffers are full. The
/// SDK can't say it.
const STOP_ALL: i32 = 4;

/// What the SDK lends its contexts besides the callbacks: a method for each call of the host, in a table for each type
/// of context, so that no linker can tell that they are never called. This filter calls the host itself.
const CONVENIENCES: &str = "proxy_wasm6traits";

/// How the names of those methods begin.
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

/// Leaves those exports in a module, and what they need. A second time changes nothing.
pub fn trim(file: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error:#}", file.display());
    // Names of functions are a quarter of a module, and no host asks for them.
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    let mut module = config.parse_file(file).map_err(|error| failed(&error))?;
    if let Some(missing) =
        EXPORTS.iter().find(|name| module.exports.iter().all(|export| export.name != **name))
    {
        return Err(failed(&format!("there is no export called {missing}")));
    }
    if module.exports.iter().any(|export| export.name == ON_REQUEST_BODY) {
        stop_all_with_headers(&mut module).map_err(|error| failed(&error))?;
    }
    let needless = module.exports.iter().filter(|export| !EXPORTS.contains(&export.name.as_str()));
    let needless: Vec<_> = needless.map(Export::id).collect();
    needless.into_iter().for_each(|export| module.exports.delete(export));
    forget_conveniences(&mut module);
    walrus::passes::gc::run(&mut module);
    let wasm = fold::fold(module.emit_wasm(), &config).map_err(|error| failed(&error))?;
    // Beside it first, then in its place: nobody ever loads half a module.
    let beside = file.with_extension("trimmed");
    std::fs::write(&beside, wasm).map_err(|error| failed(&error))?;
    std::fs::rename(&beside, file).map_err(|error| failed(&error))
}

/// Has whoever stops at the headers stop the whole request. So no body needs a callback that holds it back, which would be
/// a call for each piece of it.
fn stop_all_with_headers(module: &mut Module) -> Result<(), String> {
    let decide = module.exports.get_func(ON_REQUEST_HEADERS).map_err(|error| format!("{error:#}"))?;
    let arguments = [(); 3].map(|()| module.locals.add(ValType::I32));
    let action = module.locals.add(ValType::I32);
    let mut wrapper = FunctionBuilder::new(&mut module.types, &[ValType::I32; 3], &[ValType::I32]);
    let mut body = wrapper.func_body();
    for argument in arguments {
        body.local_get(argument);
    }
    body.call(decide).local_set(action);
    body.i32_const(STOP_ALL).local_get(action);
    body.local_get(action).i32_const(STOP_ITERATION).binop(BinaryOp::I32Eq).select(None);
    let wrapper: FunctionId = wrapper.finish(arguments.to_vec(), &mut module.funcs);
    for export in module.exports.iter_mut().filter(|export| export.name == ON_REQUEST_HEADERS) {
        export.item = ExportItem::Function(wrapper);
    }
    Ok(())
}

/// Has the tables hold a function that ends the virtual machine in the place of the SDK's conveniences. It is never
/// called, as they weren't; what they alone needed goes with them. Without names in the module, all stay.
fn forget_conveniences(module: &mut Module) {
    let is_convenience = |name: &str| {
        let Some((_, method)) = name.split_once(CONVENIENCES) else { return false };
        // `…traits7Context36get_http_call_response_trailer_bytes17h…`: the trait, then the method, behind their lengths.
        let method = method.trim_start_matches(|c: char| c.is_ascii_digit());
        let method = method.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let method = method.trim_start_matches(|c: char| c.is_ascii_digit());
        VERBS.iter().any(|verb| method.starts_with(verb)) && !method.starts_with("get_type")
    };
    let named = module.funcs.iter().filter(|function| function.name.as_deref().is_some_and(is_convenience));
    let conveniences: Vec<_> = named.map(Function::id).collect();
    let mut nothing = FunctionBuilder::new(&mut module.types, &[], &[]);
    nothing.func_body().unreachable();
    let nothing = nothing.finish(Vec::new(), &mut module.funcs);
    for element in module.elements.iter_mut() {
        if let ElementItems::Functions(functions) = &mut element.items {
            functions.iter_mut().filter(|id| conveniences.contains(id)).for_each(|id| *id = nothing);
        }
    }
}
