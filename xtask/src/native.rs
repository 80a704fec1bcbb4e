//! The native module as Envoy loads it: which machine it is for, and whether every Envoy on that machine can load it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use elf::ElfBytes;
use elf::abi::{DT_NEEDED, EM_AARCH64, EM_X86_64, STB_GLOBAL, STB_WEAK};
use elf::endian::AnyEndian;

/// The newest glibc that the module may need: that of Debian 10 and RHEL 8. The `Makefile` builds for it.
const GLIBC: (u32, u32) = (2, 28);

/// The libraries that the module may need: those of glibc, which Envoy needs too. Envoy doesn't need `libgcc_s`, so an
/// image may lack it.
const LIBRARIES: [&str; 6] = ["libc", "libm", "libdl", "libpthread", "librt", "ld"];

/// The hooks that the module exports, without `envoy_dynamic_module_`. Envoy requires the first ones.
const HOOKS: [&str; 23] = [
    "on_program_init",
    "on_http_filter_config_new",
    "on_http_filter_config_destroy",
    "on_http_filter_new",
    "on_http_filter_destroy",
    "on_http_filter_stream_complete",
    "on_http_filter_scheduled",
    "on_http_filter_request_headers",
    "on_http_filter_request_body",
    "on_http_filter_request_trailers",
    "on_http_filter_response_headers",
    "on_http_filter_response_body",
    "on_http_filter_response_trailers",
    "on_http_filter_http_callout_done",
    "on_http_filter_http_stream_headers",
    "on_http_filter_http_stream_data",
    "on_http_filter_http_stream_trailers",
    "on_http_filter_http_stream_complete",
    "on_http_filter_http_stream_reset",
    "on_http_filter_downstream_above_write_buffer_high_watermark",
    "on_http_filter_downstream_below_write_buffer_low_watermark",
    // Optional: Envoy calls them if they are there.
    "on_http_filter_config_scheduled",
    "on_http_filter_config_http_callout_done",
];

/// A built module that can be released.
#[derive(Debug)]
pub struct Module {
    pub machine: Machine,
    pub content: Vec<u8>,
}

/// A kind of machine, as in Rust's targets, and as in images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    X86_64,
    Aarch64,
}

impl Machine {
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The name in the `platform` of an image.
    pub const fn in_images(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    pub fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }
}

impl Module {
    /// Reads a built module.
    ///
    /// # Errors
    /// What keeps an Envoy from loading it, or must not be published.
    pub fn read(file: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let content = fs::read(file).map_err(|error| failed(&error))?;
        let (machine, mut faults) = check(&content).map_err(|error| failed(&error))?;
        faults.extend(
            builders_paths()
                .into_iter()
                .filter(|path| contains(&content, path.as_bytes()))
                .map(|path| format!("contains a path of this machine, {path}")),
        );
        if faults.is_empty() { Ok(Self { machine, content }) } else { Err(failed(&faults.join("; "))) }
    }
}

/// The kind of machine, and what is wrong with the module.
fn check(content: &[u8]) -> Result<(Machine, Vec<String>), String> {
    let read = |error: elf::ParseError| format!("not a shared library: {error}");
    let file = ElfBytes::<AnyEndian>::minimal_parse(content).map_err(read)?;
    let machine = match file.ehdr.e_machine {
        EM_X86_64 => Machine::X86_64,
        EM_AARCH64 => Machine::Aarch64,
        other => return Err(format!("for an unknown kind of machine, {other}")),
    };
    let (symbols, names) =
        file.dynamic_symbol_table().map_err(read)?.ok_or("not a shared library: it has no symbols")?;
    let versions = file.symbol_version_table().map_err(read)?;
    let mut faults = Vec::new();
    for entry in file.dynamic().map_err(read)?.into_iter().flatten().filter(|entry| entry.d_tag == DT_NEEDED)
    {
        let library = usize::try_from(entry.d_val()).map_err(|error| error.to_string())?;
        let library = names.get(library).map_err(read)?;
        let name = library.split(['.', '-']).next().unwrap_or_default();
        if !LIBRARIES.contains(&name) {
            faults.push(format!("needs {library}, which Envoy's images may not have"));
        }
    }
    let mut exported = BTreeSet::new();
    for (index, symbol) in symbols.iter().enumerate() {
        let (name, bind) = (names.get(symbol.st_name as usize).map_err(read)?, symbol.st_bind());
        if !symbol.is_undefined() {
            if bind == STB_GLOBAL || bind == STB_WEAK {
                exported.insert(name);
            }
            continue;
        }
        let version = match &versions {
            Some(versions) => versions.get_requirement(index).map_err(read)?.map(|needed| needed.name),
            None => None,
        };
        match version {
            Some(version) if !is_old(version) => faults.push(format!("needs {name} of {version}")),
            None if bind == STB_GLOBAL => faults.push(format!("needs {name}, which no library has")),
            _ => {}
        }
    }
    let hooks: BTreeSet<String> = HOOKS.iter().map(|hook| format!("envoy_dynamic_module_{hook}")).collect();
    let hooks: BTreeSet<&str> = hooks.iter().map(String::as_str).collect();
    faults.extend(hooks.difference(&exported).map(|hook| format!("doesn't export {hook}")));
    faults.extend(exported.difference(&hooks).map(|name| format!("exports {name}, which is no hook")));
    Ok((machine, faults))
}

/// Whether every supported glibc has this version of a function.
fn is_old(version: &str) -> bool {
    let numbers = version.strip_prefix("GLIBC_").unwrap_or_default();
    let mut numbers = numbers.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) <= GLIBC,
        _ => false,
    }
}

/// Where this machine builds, as far as it is known: none of it belongs into a published file.
fn builders_paths() -> Vec<String> {
    let folders = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].map(|name| std::env::var(name).unwrap_or_default());
    let here = std::env::current_dir().map(|here| here.display().to_string()).unwrap_or_default();
    let folders = folders.into_iter().chain([here]).filter(|folder| folder.len() > 1);
    let mut paths: Vec<String> = folders.map(|folder| format!("{}/", folder.trim_end_matches('/'))).collect();
    paths.push("/registry/src/".to_owned());
    paths
}

fn contains(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|window| window == part)
}
