//! Secrets that Envoy gets by its secret discovery service (SDS): `${sds:NAME}` in a text, and the section `sds`, which
//! says where Envoy finds the secret. Only a host that can ask Envoy for secrets offers them.

use std::cell::RefCell;

use crate::config::document::{self, Node};
use crate::config::environment::{self, SDS};
use crate::config::reader::{ConfigErrors, Section};
use crate::json;

/// A secret that a configuration refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// Its name in Envoy.
    pub name: String,
    /// Envoy's `ConfigSource` in JSON. Empty for a static secret of the bootstrap.
    pub config_source: String,
}

/// The secrets that a configuration refers to, in the order of their names. Those in texts that can't be read are
/// missing; [`Config::parse`](crate::config::Config::parse) reports such texts.
pub fn sources(json: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Vec<SecretSource> {
    let Ok(mut root) = document::parse(json) else { return Vec::new() };
    let used = Used::default();
    let lookup = |name: &str| if used.note(name) { Some(String::new()) } else { environment(name) };
    environment::substitute(&mut root, "", &lookup, &ConfigErrors::default());
    let config_source = |name: &str| {
        let Node::Map(entries) = entry(&root, "sds")? else { return None };
        entries.iter().find(|(known, _)| known == name).map(|(_, source)| to_json(source))
    };
    let source = |name: String| {
        let config_source = config_source(&name).unwrap_or_default();
        SecretSource { name, config_source }
    };
    let mut names = used.0.into_inner();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(source).collect()
}

/// The names of the secrets that a document refers to, once for each time. A list: a set would make the filter larger.
#[derive(Default)]
pub(super) struct Used(RefCell<Vec<String>>);

impl Used {
    /// Notes the name of a variable if it is that of a secret. Whether it is.
    pub(super) fn note(&self, name: &str) -> bool {
        let secret = name.strip_prefix(SDS);
        if let Some(secret) = secret {
            self.0.borrow_mut().push(secret.to_owned());
        }
        secret.is_some()
    }
}

/// Checks the section `sds`: each entry is an object for Envoy, and some text refers to it.
pub(super) fn read(root: &Section<'_>, used: &Used) {
    for name in root.objects("sds") {
        if !used.0.borrow().iter().any(|used| used == name) {
            root.fault(&format!("sds.{name}"), format!("no setting refers to it as `${{sds:{name}}}`"));
        }
    }
}

fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Node::Map(entries) = node else { return None };
    entries.iter().find(|(known, _)| known == key).map(|(_, node)| node)
}

fn to_json(node: &Node) -> String {
    match node {
        Node::Null | Node::Unresolved => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(number) => number.to_string(),
        Node::Text(text) => json::text(text),
        Node::List(items) => format!("[{}]", items.iter().map(to_json).collect::<Vec<_>>().join(",")),
        Node::Map(entries) => {
            let member = |(key, node): &(String, Node)| format!("{}:{}", json::text(key), to_json(node));
            format!("{{{}}}", entries.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_with_their_sources() {
        let document = br#"{"client_secret":"${sds:client}","session":{"keys":["${sds:key}","$${sds:no}","${sds:key}"]},
            "sds":{"client":{"path_config_source":{"path":"/etc/${DIR}/c.yaml"},"initial_fetch_timeout":"2s","n":[1,1.5,true,null]}}}"#;
        let found = sources(document, &|name| (name == "DIR").then(|| "secrets".to_owned()));
        let client = r#"{"path_config_source":{"path":"/etc/secrets/c.yaml"},"initial_fetch_timeout":"2s","n":[1,1.5,true,null]}"#;
        let source = |name: &str, config_source: &str| SecretSource {
            name: name.to_owned(),
            config_source: config_source.to_owned(),
        };
        assert_eq!(found, [source("client", client), source("key", "")]);
        assert_eq!(sources(b"{", &|_| None), []);
    }
}
