//! The plugin configuration as Envoy passes it: JSON text, or the protobuf bytes of a `google.protobuf.Struct`.

use envoy_cognito_core::config::document::{self, DocumentError, Node};

use crate::protobuf::{Fields, Value};

/// The maximum nesting depth of a document. The configuration itself has four levels.
const MAX_DEPTH: usize = 32;

/// Reads a document in either form.
///
/// # Errors
/// If it is in neither form.
pub fn parse(bytes: &[u8]) -> Result<Node, DocumentError> {
    // The bytes of a Struct are never JSON: they begin with a field's tag and length. The reverse is also true, but
    // an error in JSON must be reported as such, so input that looks like text is parsed as JSON.
    match document::parse(bytes) {
        Err(_) if !bytes.is_empty() && !looks_like_text(bytes) => read_struct(bytes, 0)
            .ok_or_else(|| DocumentError::new("neither JSON nor a google.protobuf.Struct")),
        read => read,
    }
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let text = |c: char| !c.is_control() || c.is_ascii_whitespace();
    let first = bytes.trim_ascii_start().first();
    first == Some(&b'{') && std::str::from_utf8(bytes).is_ok_and(|all| all.chars().all(text))
}

/// `Struct`: entries of `map<string, Value> fields = 1`.
fn read_struct(message: &[u8], depth: usize) -> Option<Node> {
    let mut entries: Vec<(String, Node)> = Vec::new();
    for field in Fields::new(message) {
        let (1, Value::Bytes(entry)) = field? else { return None };
        let (mut key, mut node) = (String::new(), Node::Null);
        for field in Fields::new(entry) {
            match field? {
                (1, Value::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
                (2, Value::Bytes(value)) => node = read_value(value, depth + 1)?,
                _ => return None,
            }
        }
        entries.push((key, node));
    }
    Some(Node::Map(entries))
}

/// `Value`: one of null, number, string, bool, struct and list.
fn read_value(message: &[u8], depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut node = Node::Null;
    for field in Fields::new(message) {
        node = match field? {
            (1, Value::Varint(_)) => Node::Null,
            (2, Value::Fixed64(bits)) => Node::Number(f64::from_bits(bits)),
            (3, Value::Bytes(text)) => Node::Text(String::from_utf8(text.to_vec()).ok()?),
            (4, Value::Varint(flag)) => Node::Bool(flag != 0),
            (5, Value::Bytes(tree)) => read_struct(tree, depth)?,
            (6, Value::Bytes(list)) => read_list(list, depth)?,
            _ => return None,
        };
    }
    Some(node)
}

/// `ListValue`: `repeated Value values = 1`.
fn read_list(message: &[u8], depth: usize) -> Option<Node> {
    let item = |field: Option<(u64, Value<'_>)>| match field? {
        (1, Value::Bytes(value)) => read_value(value, depth + 1),
        _ => None,
    };
    Fields::new(message).map(item).collect::<Option<Vec<Node>>>().map(Node::List)
}

#[cfg(test)]
mod tests {
    use envoy_cognito_core::config::Config;

    use super::*;
    use crate::protobuf::Message;

    #[test]
    fn a_struct_is_read_byte_for_byte_as_envoy_sends_it() {
        let bytes = b"\x0a\x1d\x0a\x04list\x12\x152\x13\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0?\
                      \x0a\x02\x08\x00\x0a\x02\x08\x00\x0a\x0b\x0a\x04text\x12\x03\x1a\x01x";
        let Ok(Node::Map(fields)) = parse(bytes) else { panic!("not a map") };
        assert_eq!(fields.len(), 2);
        assert!(fields[1] == ("text".to_owned(), Node::Text("x".to_owned())));
    }

    #[test]
    fn what_is_neither_form_says_so() {
        let check =
            |bytes: &[u8], expected: &str| assert_eq!(parse(bytes).err(), Some(DocumentError::new(expected)));
        check(b"", "there is none: give the filter a `configuration`");
        check(b"{", "not JSON: EOF while parsing an object at line 1 column 1");
        check(b"\xff\xfe", "neither JSON nor a google.protobuf.Struct");
        check(b"user_pool_id: x", "neither JSON nor a google.protobuf.Struct");
    }

    #[test]
    fn a_struct_says_the_same_as_json() {
        // A `Value` with a string, a list or a struct; then `Struct` and its entries.
        let text = |text: &str| Message::default().with(3, text.as_bytes()).into_bytes();
        let entry = |key: &str, value: Vec<u8>| {
            Message::default().with(1, key.as_bytes()).with(2, &value).into_bytes()
        };
        let keys = Message::default()
            .with(
                6,
                &Message::default()
                    .with(1, &text("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="))
                    .into_bytes(),
            )
            .into_bytes();
        let session =
            Message::default().with(5, &Message::default().with(1, &entry("keys", keys)).into_bytes());
        let document = Message::default()
            .with(1, &entry("user_pool_id", text("${POOL}")))
            .with(1, &entry("client_id", text("abc")))
            .with(1, &entry("domain", text("d.example.com")))
            .with(1, &entry("session", session.into_bytes()));
        let environment = |name: &str| (name == "POOL").then(|| "eu-west-1_FromEnv".to_owned());
        let config = Config::of_document(parse(&document.into_bytes()), &environment).unwrap();
        assert_eq!(
            config.pools[0].cognito.issuer,
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_FromEnv"
        );
        assert_eq!(config.pools[0].cognito.endpoints.token.url, "https://d.example.com/oauth2/token");
    }
}
