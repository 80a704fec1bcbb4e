//! Configurations: every error is reported with its place, and JSON and Struct give the same document.

use envoy_cognito::struct_config::parse;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::document::Node;
use envoy_cognito_core::config::reader::ConfigError;
use envoy_cognito_core::http::path::RequestPath;
use envoy_cognito_core::rules::Target;

/// The maximum depth of a Struct, less two levels, because JSON counts differently.
const MAX_DEPTH: usize = 30;

/// The input is a document, as JSON or as the bytes of a Struct.
pub fn run(data: &[u8]) {
    let environment =
        |name: &str| (name == "KEY").then(|| "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned());
    let read_config = |document: &[u8]| Config::of_document(parse(document), &environment);
    let read = read_config(data);
    match &read {
        Ok(config) => check(config),
        Err(faults) => {
            assert!(!faults.is_empty(), "refused for a reason");
            // Only a document that isn't an object is wrong as a whole.
            let is_object = matches!(parse(data), Ok(Node::Map(_)));
            let nowhere =
                |fault: &&ConfigError| fault.message.is_empty() || (is_object && fault.path.is_empty());
            assert_eq!(faults.iter().find(nowhere), None, "a fault says where and what");
        }
    }
    let Ok(root @ Node::Map(_)) = parse(data) else { return };
    let bytes = struct_of(&root);
    if bytes.is_empty() || depth(&root) > MAX_DEPTH {
        return;
    }
    // The configurations themselves aren't compared: a number of a Struct may be NaN.
    let same = |read: Result<Config, Vec<_>>| read.map(|config| config.scope());
    assert_eq!(same(read_config(&bytes)), same(read), "as a Struct");
}

/// What must be true of every accepted configuration.
fn check(config: &Config) {
    assert!(!config.pools.is_empty(), "somewhere to sign in");
    for pool in config.pools.iter() {
        let cookies = &pool.cookies;
        assert!(!cookies.identity.starts_with("__Host-") || cookies.attributes.domain.is_none());
        let plain =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_graphic() && !b";=,\"".contains(&byte));
        assert!(plain(&cookies.identity) && plain(&cookies.tokens) && plain(&cookies.flow), "{cookies:?}");
        assert!(!pool.cognito.client_id.is_empty() && !pool.cognito.issuer.is_empty());
    }
    for target in ["/", "/admin/x", "/a//%62", "/.auth/me"] {
        let path = RequestPath::parse(target.as_bytes()).expect("a path");
        let _ = config.rules.find(&Target { path: &path, method: "GET", host: "a.example.com" }).allow();
    }
}

fn depth(node: &Node) -> usize {
    match node {
        Node::List(nodes) => 1 + nodes.iter().map(depth).max().unwrap_or(0),
        Node::Map(entries) => 1 + entries.iter().map(|(_, node)| depth(node)).max().unwrap_or(0),
        _ => 0,
    }
}

/// The document as `google.protobuf.Struct`.
fn struct_of(node: &Node) -> Vec<u8> {
    let Node::Map(entries) = node else { return Vec::new() };
    let entry = |(key, node): &(String, Node)| {
        field(1, &[field(1, key.as_bytes()), field(2, &value_of(node))].concat())
    };
    entries.iter().flat_map(entry).collect()
}

fn value_of(node: &Node) -> Vec<u8> {
    match node {
        Node::Null | Node::Unresolved => vec![0x08, 0],
        Node::Number(number) => [&[0x11][..], &number.to_le_bytes()].concat(),
        Node::Text(text) => field(3, text.as_bytes()),
        Node::Bool(flag) => vec![0x20, u8::from(*flag)],
        Node::Map(_) => field(5, &struct_of(node)),
        Node::List(nodes) => {
            field(6, &nodes.iter().flat_map(|node| field(1, &value_of(node))).collect::<Vec<_>>())
        }
    }
}

/// A field with a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        field.push(u8::try_from(len & 0x7f).expect("seven bits") | 0x80);
        len >>= 7;
    }
    field.push(u8::try_from(len).expect("seven bits"));
    field.extend_from_slice(bytes);
    field
}
