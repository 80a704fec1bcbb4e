//! `envoy-cognito`, the command: checks configurations without Envoy, and what goes with that.

#[cfg(not(target_family = "wasm"))]
mod tool;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    tool::run()
}

/// For wasm the library is all there is: Envoy loads that, and never runs a command.
#[cfg(target_family = "wasm")]
fn main() {}
