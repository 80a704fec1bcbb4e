//! Merges equal functions. The compiler generates a generic function once for each type, and many of these copies are
//! equal. Native linkers merge them, but the wasm linker doesn't.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use walrus::ir::{VisitorMut, dfs_pre_order_mut};
use walrus::{ConstExpr, ElementItems, ExportItem, FunctionId, FunctionKind, Module, ModuleConfig, TypeId};

/// The id of the section with the functions' code.
const CODE_SECTION: u8 = 10;

/// Merges the equal functions of a module. Each keeps its own entries in the tables, so pointers to them still
/// differ.
pub fn fold(mut wasm: Vec<u8>, config: &ModuleConfig) -> walrus::Result<Vec<u8>> {
    // After a merge, the callers of the merged functions may have become equal too.
    loop {
        let mut module = config.parse(&wasm)?;
        let equal = equal_functions(&module, &wasm);
        if equal.is_empty() {
            return Ok(wasm);
        }
        replace(&mut module, &equal);
        walrus::passes::gc::run(&mut module);
        let folded = module.emit_wasm();
        // Something else may still name one of them: then it stays, and so does the module.
        if folded.len() >= wasm.len() {
            return Ok(wasm);
        }
        wasm = folded;
    }
}

/// Maps each function to an earlier one with the same type and the same bytes, if there is one.
fn equal_functions(module: &Module, wasm: &[u8]) -> HashMap<FunctionId, FunctionId> {
    let (mut first, mut equal) = (HashMap::<(TypeId, &[u8]), FunctionId>::new(), HashMap::new());
    let code = code_section(wasm).unwrap_or_default();
    for (id, function) in module.funcs.iter_local() {
        let Some(body) = function.original_range.clone().and_then(|range| code.get(range)) else { continue };
        match first.entry((function.ty(), body)) {
            Entry::Occupied(known) => {
                equal.insert(id, *known.get());
            }
            Entry::Vacant(free) => {
                free.insert(id);
            }
        }
    }
    equal
}

/// The content of a module's code section. walrus gives a function's place as an offset into it.
fn code_section(wasm: &[u8]) -> Option<&[u8]> {
    // The magic number and the version come first, then the sections. Each has an id, a length (LEB128) and the
    // content.
    let (_, mut rest) = wasm.split_at_checked(8)?;
    loop {
        let (id, mut tail) = rest.split_first()?;
        let mut len = 0;
        for shift in (0..).step_by(7) {
            let (byte, behind) = tail.split_first()?;
            tail = behind;
            len |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if *byte < 0x80 {
                break;
            }
        }
        let (content, behind) = tail.split_at_checked(len)?;
        if *id == CODE_SECTION {
            return Some(content);
        }
        rest = behind;
    }
}

/// Replaces functions by others in all calls, tables and exports.
fn replace(module: &mut Module, others: &HashMap<FunctionId, FunctionId>) {
    struct Replace<'a>(&'a HashMap<FunctionId, FunctionId>);

    impl VisitorMut for Replace<'_> {
        fn visit_function_id_mut(&mut self, function: &mut FunctionId) {
            if let Some(other) = self.0.get(function) {
                *function = *other;
            }
        }
    }

    let mut replace = Replace(others);
    for function in module.funcs.iter_mut() {
        if let FunctionKind::Local(local) = &mut function.kind {
            let entry = local.entry_block();
            dfs_pre_order_mut(&mut replace, local, entry);
        }
    }
    for element in module.elements.iter_mut() {
        match &mut element.items {
            ElementItems::Functions(functions) => {
                functions.iter_mut().for_each(|id| replace.visit_function_id_mut(id));
            }
            ElementItems::Expressions(_, items) => {
                for item in items {
                    if let ConstExpr::RefFunc(id) = item {
                        replace.visit_function_id_mut(id);
                    }
                }
            }
        }
    }
    for export in module.exports.iter_mut() {
        if let ExportItem::Function(id) = &mut export.item {
            replace.visit_function_id_mut(id);
        }
    }
}
