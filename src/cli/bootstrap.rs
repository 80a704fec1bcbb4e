//! `envoy-cognito envoy`: a complete Envoy configuration to start from.

pub mod page;
pub mod templates;

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::reader::ConfigError;
use serde_json::{Value, json};

use crate::arguments::Envoy;
use crate::bootstrap::page::{Page, literal};
use crate::check::needs;
use crate::output::{Failure, print};

/// Prints the configuration.
///
/// # Errors
/// One sentence for each wrong argument.
pub fn run(arguments: &Envoy, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let text = write(arguments).map_err(|wrong| wrong.join("\n       "))?;
    print(out, &text)
}

fn write(arguments: &Envoy) -> Result<String, Vec<String>> {
    let mut wrong = Vec::new();
    let mut address = |name: &str, form: &str, text: &str| {
        parse_address(text).unwrap_or_else(|| {
            wrong.push(format!("--{name}: `{text}` is not a valid {form}"));
            (String::new(), 0)
        })
    };
    let listen = address("listen", "ADDRESS:PORT, such as 0.0.0.0:8080", &arguments.listen);
    let admin = address("admin", "ADDRESS:PORT, such as 127.0.0.1:9901", &arguments.admin);
    let upstream = address("upstream", "HOST:PORT, such as app.internal:8000", &arguments.upstream);
    for (name, (host, _)) in [("listen", &listen), ("admin", &admin)] {
        if host.parse::<IpAddr>().is_err() && !host.is_empty() {
            wrong.push(format!("--{name}: `{host}` is not an IP address, and Envoy can only listen on one"));
        }
    }
    let variables: Vec<&String> =
        arguments.client_secret_env.iter().chain(std::iter::once(&arguments.session_key_env)).collect();
    for name in &variables {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            wrong.push(format!("`{name}` is not a valid name of an environment variable"));
        }
    }
    if let [one, other] = variables[..]
        && one == other
    {
        wrong.push(format!("`{one}` can't hold both the client's secret and the session key"));
    }
    let config = read(arguments);
    if let Err(faults) = &config {
        wrong.extend(faults.iter().map(about_argument));
    }
    match config {
        Ok(config) if wrong.is_empty() => {
            let page = Page { arguments, listen, admin, upstream, needs: needs::of(&config) };
            Ok(page.write(&config))
        }
        _ => Err(wrong),
    }
}

/// Lets the filter's core check the arguments, with placeholders for the secret and the key.
fn read(arguments: &Envoy) -> Result<Config, Vec<ConfigError>> {
    let rule = |path: &String| json!({ "path": literal(path), "allow": "everyone" });
    let mut settings = json!({
        "user_pool_id": literal(&arguments.user_pool_id),
        "client_id": literal(&arguments.client_id),
        "domain": literal(&arguments.domain),
        "session": { "keys": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] },
        "rules": arguments.open.iter().map(rule).collect::<Vec<Value>>(),
    });
    if let (Some(url), Value::Object(root)) = (&arguments.public_url, &mut settings) {
        root.insert("public_url".to_owned(), json!(literal(url)));
        if let Some(Value::Object(session)) = root.get_mut("session").filter(|_| url.starts_with("http://")) {
            session.insert("cookie".to_owned(), json!({ "secure": false }));
        }
    }
    // The settings contain no variables.
    Config::parse(settings.to_string().as_bytes(), &|_| None)
}

/// An error's text, with the name of the argument in place of the setting's path.
fn about_argument(fault: &ConfigError) -> String {
    let name = match fault.path.split(['[', '.']).next().unwrap_or_default() {
        "rules" => "open".to_owned(),
        path => path.replace('_', "-"),
    };
    format!("--{name}: {}", fault.message)
}

fn parse_address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(plain)).then_some(())?;
    Some((host.to_owned(), port.parse().ok().filter(|port| *port > 0)?))
}
