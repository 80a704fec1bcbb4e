//! `envoy-cognito envoy`: a complete Envoy configuration to begin with.

use std::net::IpAddr;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::reader::ConfigError;
use serde_json::{Value, json};

use crate::arguments::Envoy;
use crate::needs::{self, Need};

/// Writes it.
///
/// # Errors
/// With a sentence for each argument that is no good.
pub fn write(arguments: &Envoy) -> Result<String, Vec<String>> {
    let mut wrong = Vec::new();
    let mut address = |name: &str, form: &str, text: &str| {
        parse_address(text).unwrap_or_else(|| {
            wrong.push(format!("--{name}: `{text}` is no {form}"));
            (String::new(), 0)
        })
    };
    let listen = address("listen", "ADDRESS:PORT, as in 0.0.0.0:8080", &arguments.listen);
    let admin = address("admin", "ADDRESS:PORT, as in 127.0.0.1:9901", &arguments.admin);
    let upstream = address("upstream", "HOST:PORT, as in app.internal:8000", &arguments.upstream);
    for (name, (host, _)) in [("listen", &listen), ("admin", &admin)] {
        if host.parse::<IpAddr>().is_err() && !host.is_empty() {
            wrong.push(format!("--{name}: `{host}` is no IP address, which Envoy wants to listen at"));
        }
    }
    let variables: Vec<&String> =
        arguments.client_secret_env.iter().chain(std::iter::once(&arguments.session_key_env)).collect();
    for name in &variables {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            wrong.push(format!("`{name}` is no name of an environment variable"));
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

/// The arguments read by the filter's core, with a secret and a key that stand in for the real ones.
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
    // No variable is left in it.
    Config::parse(settings.to_string().as_bytes(), &|_| None)
}

/// A fault by the name of the argument that it is about.
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

/// An argument as a setting: the filter would take `${` for the beginning of a variable.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// A text as YAML reads it back, whatever is in it.
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

/// What the file is made of.
struct Page<'a> {
    arguments: &'a Envoy,
    listen: (String, u16),
    admin: (String, u16),
    upstream: (String, u16),
    needs: Vec<Need>,
}

impl Page<'_> {
    fn write(&self, config: &Config) -> String {
        let mut page = self.head(config);
        page.push_str(&self.listener());
        page.push_str(
            "\n  clusters:\n    # The app. It must not be reachable around Envoy: it believes the headers.\n",
        );
        // Of the app there may be several, under one name.
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
        let origin = config.public_url.as_ref().map_or("https://<your host>".to_owned(), |url| url.url());
        let (callback, signed_out) = (&config.paths.callback, &config.paths.after_sign_out);
        let mut variables = String::new();
        if let Some(name) = &self.arguments.client_secret_env {
            variables.push_str(&format!("#        {name}: the app client's secret\n"));
        }
        let key = &self.arguments.session_key_env;
        format!(
            "# Envoy with envoy-cognito in front of an app.\n\
             #\n\
             # Before it runs:\n\
             #   1. Put the filter where `filename` below says.\n\
             #   2. In Cognito, register for the app client, letter for letter,\n\
             #        the callback URL   {origin}{callback}\n\
             #        the sign-out URL   {origin}{signed_out}\n\
             #      `envoy-cognito check` on this file says what else, and how.\n\
             #   3. Set in Envoy's environment:\n\
             {variables}\
             #        {key}: a key, made with `envoy-cognito key`\n\
             \n\
             admin:\n  \
               # On the machine itself only: whoever reaches the admin interface owns Envoy.\n  \
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
            .replace("{wasm}", &quoted(&arguments.wasm))
            .replace("{variables}\n", &self.variables())
            .replace("{settings}\n", &self.settings())
    }

    /// How the one filter chain begins: with the certificate, where there is one.
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

    /// The filter's own configuration.
    fn settings(&self) -> String {
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
            lines.push("# Fixes the callback URL, whatever Host a client sends.".to_owned());
            lines.push(format!("public_url: {}", text(url)));
        }
        lines.push("session:".to_owned());
        lines.push("  # The first key seals, all of them open: to rotate, put the new one first.".to_owned());
        lines.push(format!("  keys: [ \"${{{}}}\" ]", arguments.session_key_env));
        if arguments.public_url.as_ref().is_some_and(|url| url.starts_with("http://")) {
            lines.push("  cookie: { secure: false }   # only for http://localhost".to_owned());
        }
        if !arguments.open.is_empty() {
            lines.push("rules:".to_owned());
            lines.push("  # The first match decides; the implied last rule asks for a session.".to_owned());
            let rule =
                |path: &String| format!("  - {{ path: {}, allow: everyone }}", Value::from(literal(path)));
            lines.extend(arguments.open.iter().map(rule));
        }
        lines.iter().map(|line| format!("                            {line}\n")).collect()
    }
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

const LISTENER: &str = r#"static_resources:
  listeners:
    - name: app
      address: { socket_address: { address: {address}, port_value: {port} } }
      filter_chains:
{tls}
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: app
                use_remote_address: true
{hops}
                # The filter is safe whatever these say. Set like this, the app sees the same path
                # that the rules were matched against.
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                common_http_protocol_options:
                  headers_with_underscores_action: DROP_HEADER
                upgrade_configs:
                  - upgrade_type: websocket
                http_filters:
                  - name: envoy.filters.http.wasm
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        name: envoy_cognito
                        # 503 while a failed VM is replaced; no request ever goes past the filter unjudged.
                        failure_policy: FAIL_RELOAD
                        vm_config:
                          vm_id: envoy_cognito
                          runtime: envoy.wasm.runtime.v8
                          code: { local: { filename: {wasm} } }
                          environment_variables:
                            # What `${…}` below may name.
                            host_env_keys:
{variables}
                        configuration:
                          "@type": type.googleapis.com/google.protobuf.Struct
                          value:
{settings}
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
                route_config:
                  virtual_hosts:
                    - name: app
                      domains: ["*"]
                      routes:
                        - match: { prefix: "/" }
                          route: { cluster: app }
"#;

const NO_TLS: &str = "                # Behind a load balancer that ends TLS, write `xff_num_trusted_hops: 1`, so that its\n                # X-Forwarded-Proto is believed: no sign-in begins over plain http.\n";

const DOWNSTREAM_TLS: &str = r#"        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [ h2, http/1.1 ]
                tls_certificates:
                  - certificate_chain: { filename: {cert} }
                    private_key: { filename: {key} }
          filters:
"#;

const UPSTREAM_TLS: &str = r#"      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: {host}
          common_tls_context:
            tls_params: { tls_minimum_protocol_version: TLSv1_2 }
            validation_context:
              # Without `trusted_ca` Envoy would believe any certificate.
              trusted_ca: { filename: {ca} }
              match_typed_subject_alt_names:
                - san_type: DNS
                  matcher: { exact: {host} }
"#;
