//! Build steps that cargo doesn't know. `xtask trim FILE` takes out of a built filter what nothing needs.

use std::path::Path;
use std::process::ExitCode;

use walrus::ModuleConfig;

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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [command, file] if command == "trim" => trim(Path::new(file)),
        _ => Err("usage: xtask trim FILE".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Leaves those exports in a module, and what they need. A second time changes nothing.
fn trim(file: &Path) -> Result<(), String> {
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
    let needless = module.exports.iter().filter(|export| !EXPORTS.contains(&export.name.as_str()));
    let needless: Vec<_> = needless.map(|export| export.id()).collect();
    needless.into_iter().for_each(|export| module.exports.delete(export));
    walrus::passes::gc::run(&mut module);
    // Beside it first, then in its place: nobody ever loads half a module.
    let beside = file.with_extension("trimmed");
    module.emit_wasm_file(&beside).map_err(|error| failed(&error))?;
    std::fs::rename(&beside, file).map_err(|error| failed(&error))
}
