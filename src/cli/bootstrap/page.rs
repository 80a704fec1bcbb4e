//! The file that `envoy-cognito envoy` prints, part by part.

use std::net::IpAddr;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::origin::Origin;
use serde_json::Value;

use crate::arguments::Envoy;
use crate::bootstrap::templates::{DOWNSTREAM_TLS, LISTENER, NATIVE, NO_TLS, UPSTREAM_TLS, WASM};
use crate::check::needs::Need;

/// An argument as the value of a setting: the filter would read `${` as the start of a variable.
pub fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// A text in a form that YAML reads back unchanged, whatever it contains.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let word = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    if starts && text.chars().all(plain) && !word.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// The parts of the file.
pub struct Page<'a> {
    /// The command line.
    pub arguments: &'a Envoy,
    /// Host and port that Envoy listens on.
    pub listen: (String, u16),
    /// Host and port of the admin interface.
    pub admin: (String, u16),
    /// Host and port of the app.
    pub upstream: (String, u16),
    /// The clusters that the filter calls.
    pub needs: Vec<Need>,
}

impl Page<'_> {
    /// The whole file.
    pub fn write(&self, config: &Config) -> String {
        let mut page = self.head(config);
        page.push_str(&self.listener());
        page.push_str(
            "\n  clusters:\n    # The app. It must be reachable only through Envoy, because it trusts the identity headers.\n",
        );
        // The app may have several instances under one name.
        page.push_str(
            &cluster("app", &self.upstream.0, self.upstream.1).replace("LOGICAL_DNS", "STRICT_DNS"),
        );
        for need in &self.needs {
            page.push_str(&format!("\n    # {}.\n", sentence(&need.uses)));
            page.push_str(&cluster(&need.cluster, need.host.trim_matches(['[', ']']), need.port));
            if need.tls {
                page.push_str(&tls(&need.host, &self.arguments.ca));
            }
        }
        page
    }

    fn head(&self, config: &Config) -> String {
        let origin = config.public_url.as_ref().map_or("https://<your host>".to_owned(), Origin::url);
        let (callback, signed_out) = (&config.paths.callback, &config.paths.after_sign_out);
        let mut variables = String::new();
        if let Some(name) = &self.arguments.client_secret_env {
            variables.push_str(&format!("#        {name}: the app client's secret\n"));
        }
        let key = &self.arguments.session_key_env;
        let place = match self.named_module() {
            Some(name) => {
                format!("Put lib{name}.so into the folder that ENVOY_DYNAMIC_MODULES_SEARCH_PATH names.")
            }
            None => "Put the filter where `filename` below says.".to_owned(),
        };
        format!(
            "# Envoy with envoy-cognito in front of an app.\n\
             #\n\
             # Before it runs:\n\
             #   1. {place}\n\
             #   2. In Cognito, register these for the app client, exactly as written:\n\
             #        the callback URL   {origin}{callback}\n\
             #        the sign-out URL   {origin}{signed_out}\n\
             #      `envoy-cognito check` on this file lists the rest, with the commands.\n\
             #   3. Set in Envoy's environment:\n\
             {variables}\
             #        {key}: the session key, made with `envoy-cognito key`\n\
             \n\
             admin:\n  \
               # Keep it private: whoever reaches the admin interface controls Envoy.\n  \
               address: {{ socket_address: {{ address: {}, port_value: {} }} }}\n\n",
            quoted(&self.admin.0),
            self.admin.1,
        )
    }

    fn listener(&self) -> String {
        let arguments = self.arguments;
        let hops = match arguments.trusted_hops {
            Some(hops) => format!("                xff_num_trusted_hops: {hops}\n"),
            None if arguments.tls_cert.is_none() => NO_TLS.to_owned(),
            None => String::new(),
        };
        LISTENER
            .replace("{address}", &quoted(&self.listen.0))
            .replace("{port}", &self.listen.1.to_string())
            .replace("{tls}\n", &self.filter_chain())
            .replace("{hops}\n", &hops)
            .replace("{filter}\n", &self.filter())
    }

    fn filter(&self) -> String {
        let arguments = self.arguments;
        if !arguments.native {
            return WASM
                .replace("{wasm}", &quoted(&arguments.wasm))
                .replace("{variables}\n", &self.variables())
                .replace("{settings}\n", &indented(&self.settings(), 28));
        }
        let module = self.named_module().map_or_else(
            || format!("module: {{ local: {{ filename: {} }} }}", quoted(&arguments.module)),
            |name| format!("name: {}", quoted(name)),
        );
        NATIVE
            .replace("{module}\n", &indented(&[module], 24))
            .replace("{settings}\n", &indented(&self.settings(), 26))
    }

    /// The name of the native module, unless a file is given.
    fn named_module(&self) -> Option<&str> {
        let arguments = self.arguments;
        (arguments.native && !arguments.module.contains('/')).then_some(&arguments.module)
    }

    /// The start of the single filter chain, with the certificate if there is one.
    fn filter_chain(&self) -> String {
        match (&self.arguments.tls_cert, &self.arguments.tls_key) {
            (Some(cert), Some(key)) => {
                DOWNSTREAM_TLS.replace("{cert}", &quoted(cert)).replace("{key}", &quoted(key))
            }
            _ => "        - filters:\n".to_owned(),
        }
    }

    fn variables(&self) -> String {
        let names =
            self.arguments.client_secret_env.iter().chain(std::iter::once(&self.arguments.session_key_env));
        names.map(|name| format!("                              - {}\n", quoted(name))).collect()
    }

    /// The lines of the filter's own configuration.
    fn settings(&self) -> Vec<String> {
        let arguments = self.arguments;
        let text = |text: &str| quoted(&literal(text));
        let mut lines = vec![
            format!("user_pool_id: {}", text(&arguments.user_pool_id)),
            format!("client_id: {}", text(&arguments.client_id)),
        ];
        if let Some(name) = &arguments.client_secret_env {
            lines.push(format!("client_secret: ${{{name}}}"));
        }
        lines.push(format!("domain: {}", text(&arguments.domain)));
        if let Some(url) = &arguments.public_url {
            lines.push("# Fixes the callback URL, whatever Host header a client sends.".to_owned());
            lines.push(format!("public_url: {}", text(url)));
        }
        lines.push("session:".to_owned());
        lines.push(
            "  # The first key encrypts, all of them decrypt. To rotate keys, put the new one first."
                .to_owned(),
        );
        lines.push(format!("  keys: [ \"${{{}}}\" ]", arguments.session_key_env));
        if arguments.public_url.as_ref().is_some_and(|url| url.starts_with("http://")) {
            lines.push("  cookie: { secure: false }   # only for http://localhost".to_owned());
        }
        if !arguments.open.is_empty() {
            lines.push("rules:".to_owned());
            lines.push(
                "  # The first rule that matches decides. If none matches, a session is required.".to_owned(),
            );
            let rule =
                |path: &String| format!("  - {{ path: {}, allow: everyone }}", Value::from(literal(path)));
            lines.extend(arguments.open.iter().map(rule));
        }
        lines
    }
}

fn indented(lines: &[String], spaces: usize) -> String {
    lines.iter().map(|line| format!("{:spaces$}{line}\n", "")).collect()
}

fn sentence(uses: &[&str]) -> String {
    let text = uses.join(", ");
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
}

fn cluster(name: &str, host: &str, port: u16) -> String {
    let kind = if host.parse::<IpAddr>().is_ok() {
        "      type: STATIC\n"
    } else {
        "      type: LOGICAL_DNS\n      dns_lookup_family: V4_PREFERRED\n"
    };
    let (name, host) = (quoted(name), quoted(host));
    format!(
        "    - name: {name}\n{kind}      connect_timeout: 2s\n      load_assignment:\n        cluster_name: {name}\n        endpoints:\n          - lb_endpoints:\n              - endpoint:\n                  address:\n                    socket_address: {{ address: {host}, port_value: {port} }}\n"
    )
}

fn tls(host: &str, ca: &str) -> String {
    UPSTREAM_TLS.replace("{host}", &quoted(host)).replace("{ca}", &quoted(ca))
}
