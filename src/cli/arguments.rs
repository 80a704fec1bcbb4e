//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Checks configurations of the envoy-cognito filter without Envoy, and helps to set it up.
#[derive(Parser)]
#[command(name = "envoy-cognito", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 means no errors, 1 means errors were found, 2 means the command couldn't run."
)]
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
    /// Check configurations and list what they need in Cognito and in Envoy.
    ///
    /// A file contains one of these, as YAML or JSON: only the filter's configuration; all or part of Envoy's
    /// configuration; or Kubernetes manifests, such as Istio WasmPlugins and TrafficExtensions, and Envoy
    /// Gateway EnvoyExtensionPolicies. Manifests of other kinds are ignored.
    Check(Check),
    /// Print a new session key.
    Key,
    /// Print a JSON Schema of the configuration, for editors.
    Schema,
    /// Decrypt a session cookie and show its content, for support.
    ///
    /// The command reads the cookie's value, or a whole Cookie header, from standard input, so that it isn't in the
    /// shell's history. It never shows tokens.
    ShowCookie(ShowCookie),
    /// Add entries to a deny list, which ends sessions and bearer tokens early.
    ///
    /// The file is created if it doesn't exist, and is written sorted. Without entries, the command only checks and sorts
    /// it. It refuses a file that the filter would refuse.
    Revoke(Revoke),
    /// Print a complete Envoy configuration to start from.
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
    /// A file of NAME=value lines that set `${NAME}`; the environment takes precedence. Can be repeated.
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
    /// Allow unset variables in files that contain only the filter's configuration; their values aren't checked.
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
    /// The file that contains the cookie; the default is standard input.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The configuration of the filter that issued the cookie, in any form that `check` reads.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The host that the cookie belongs to, as in the browser's address bar; not needed if `public_url` is set.
    #[arg(long)]
    pub host: Option<String>,
    /// The environment variable that contains the session key, instead of those in `session.keys`.
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
    #[command(flatten)]
    pub variables: Variables,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `revoke`.
#[derive(Args)]
pub struct Revoke {
    /// The file of the deny list.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// End the sessions and tokens of the person with this `sub`. Can be repeated, like the following three.
    #[arg(long, value_name = "SUB")]
    pub subject: Vec<String>,
    /// End the sessions and tokens of the person with this user name, as in `cognito:username`.
    #[arg(long, value_name = "NAME")]
    pub username: Vec<String>,
    /// End the session with this id, as in the access log, or as `show-cookie` shows it.
    #[arg(long, value_name = "ID")]
    pub session: Vec<String>,
    /// End the tokens with this `jti` or `origin_jti`.
    #[arg(long, value_name = "ID")]
    pub token_id: Vec<String>,
    /// End everybody's sessions and tokens from before this time: `now`, or as in RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
    /// The time for --subject and --username: what was issued before it ends. People can sign in again after it.
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub at: String,
    /// Remove the named entries instead of adding them.
    #[arg(long, conflicts_with_all = ["before", "at"])]
    pub remove: bool,
    /// Remove times that are older than this, such as 12h: use `session.lifetime`, or the lifetime of your tokens if that
    /// is longer. Entries of --session and --token-id have no time and stay.
    #[arg(long, value_name = "AGE")]
    pub prune: Option<String>,
}

/// `envoy`.
#[derive(Args)]
pub struct Envoy {
    /// The user pool's id, such as us-east-1_UFeMzbuJe.
    #[arg(long, value_name = "ID")]
    pub user_pool_id: String,
    /// The app client's id.
    #[arg(long, value_name = "ID")]
    pub client_id: String,
    /// The full host name of the hosted UI, without a scheme.
    #[arg(long, value_name = "HOST")]
    pub domain: String,
    /// The address of the app behind Envoy.
    #[arg(long, value_name = "HOST:PORT")]
    pub upstream: String,
    /// The address that Envoy listens on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8080")]
    pub listen: String,
    /// The scheme and host that browsers use, such as `https://app.example.com`.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The path of the filter's .wasm file.
    #[arg(long, value_name = "FILE", default_value = "/etc/envoy/envoy_cognito.wasm")]
    pub wasm: String,
    /// Use the native module, for Envoy 1.38 or later, instead of the wasm filter.
    #[arg(long, conflicts_with = "wasm")]
    pub native: bool,
    /// The native module: the name of its file without `lib` and `.so`, which Envoy searches in
    /// `ENVOY_DYNAMIC_MODULES_SEARCH_PATH`, or a path.
    #[arg(long, value_name = "NAME", requires = "native")]
    #[arg(default_value = concat!("envoy_cognito-", env!("CARGO_PKG_VERSION")))]
    pub module: String,
    /// The environment variable that contains the app client's secret. Omit it for a public client.
    #[arg(long, value_name = "NAME")]
    pub client_secret_env: Option<String>,
    /// The environment variable that contains the session key.
    #[arg(long, value_name = "NAME", default_value = "SESSION_KEY")]
    pub session_key_env: String,
    /// The certificate chain with which Envoy serves HTTPS; requires --tls-key.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<String>,
    /// The certificate's private key; requires --tls-cert.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<String>,
    /// The certificate authorities that verify Cognito's certificates.
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    pub ca: String,
    /// The number of proxies in front of Envoy whose X-Forwarded-Proto and X-Forwarded-For Envoy trusts; 1 behind a
    /// load balancer.
    #[arg(long, value_name = "NUMBER")]
    pub trusted_hops: Option<u32>,
    /// A path that needs no sign-in, such as /healthz. Can be repeated.
    #[arg(long, value_name = "PATTERN")]
    pub open: Vec<String>,
    /// The address of Envoy's admin interface.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    pub admin: String,
}
