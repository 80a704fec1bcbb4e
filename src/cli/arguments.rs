//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Checks configurations of the envoy-cognito filter without Envoy, and helps to set it up.
#[derive(Parser)]
#[command(name = "envoy-cognito", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 no faults, 1 faults were found, 2 the command couldn't do its job.")]
pub struct Arguments {
    /// When to colour the output (NO_COLOR is respected too).
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour the output. The names explain themselves, and comments would make every help page longer.
#[derive(Clone, Copy, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Check configurations and list what they need at Cognito and in Envoy.
    ///
    /// A file holds the filter's configuration alone, a part of Envoy's configuration, Istio WasmPlugins, or Envoy
    /// Gateway EnvoyExtensionPolicies; as YAML or JSON. Kubernetes manifests of other kinds are skipped.
    Check(Check),
    /// Print a fresh session key.
    Key,
    /// Print a JSON Schema of the configuration, for editors.
    Schema,
    /// Open a session cookie, for support.
    ///
    /// The cookie's value, or a whole Cookie header, is read from standard input, so that it stays out of the shell's
    /// history. No token is ever shown.
    ShowCookie(ShowCookie),
    /// Print a complete Envoy configuration to begin with.
    Envoy(Box<Envoy>),
    /// Generate a shell completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where the values of variables come from.
#[derive(Args)]
pub struct Variables {
    /// A file of NAME=value lines for `${NAME}`; variables of the environment take precedence.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
}

/// `check`.
#[derive(Args)]
pub struct Check {
    /// The files to check; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
    /// Allow unset variables in a configuration that stands alone; their values aren't checked.
    #[arg(long)]
    pub allow_unset: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// Treat warnings as errors.
    #[arg(long)]
    pub strict: bool,
}

/// `show-cookie`.
#[derive(Args)]
pub struct ShowCookie {
    /// A file that holds the cookie; standard input otherwise.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The configuration that the cookie was sealed with, in any form that `check` reads.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The host that the cookie belongs to, as in the browser's address bar; not needed if `public_url` is set.
    #[arg(long)]
    pub host: Option<String>,
    /// The environment variable that holds the key, instead of those that `session.keys` names.
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `envoy`.
#[derive(Args)]
pub struct Envoy {
    /// The user pool, such as us-east-1_UFeMzbuJe.
    #[arg(long, value_name = "ID")]
    pub user_pool_id: String,
    /// The app client.
    #[arg(long, value_name = "ID")]
    pub client_id: String,
    /// The whole host of the hosted UI, without a scheme.
    #[arg(long, value_name = "HOST")]
    pub domain: String,
    /// The address of the app behind Envoy.
    #[arg(long, value_name = "HOST:PORT")]
    pub upstream: String,
    /// The address that Envoy listens on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8080")]
    pub listen: String,
    /// Scheme and host that browsers see, such as `https://app.example.com`.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The path of the filter.
    #[arg(long, value_name = "FILE", default_value = "/etc/envoy/envoy_cognito.wasm")]
    pub wasm: String,
    /// The environment variable that holds the app client's secret. Leave it out for a public client.
    #[arg(long, value_name = "NAME")]
    pub client_secret_env: Option<String>,
    /// The environment variable that holds the session key.
    #[arg(long, value_name = "NAME", default_value = "SESSION_KEY")]
    pub session_key_env: String,
    /// A certificate chain, with which Envoy serves HTTPS; needs --tls-key.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<String>,
    /// The certificate's private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<String>,
    /// Certificate authorities that Cognito's certificates are verified against.
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    pub ca: String,
    /// How many proxies in front of Envoy are trusted to set X-Forwarded-Proto and X-Forwarded-For; 1 behind a load
    /// balancer.
    #[arg(long, value_name = "NUMBER")]
    pub trusted_hops: Option<u32>,
    /// A path that needs no sign-in, such as /healthz; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub open: Vec<String>,
    /// The address of Envoy's admin interface.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    pub admin: String,
}
