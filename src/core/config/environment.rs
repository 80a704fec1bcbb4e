//! Replaces `${NAME}` in all texts of the document with the VM's environment variable of that name, and `${sds:NAME}`
//! with the secret of that name.

use crate::config::document::Node;
use crate::config::reader::{ConfigErrors, path_of};

/// What the name of a secret begins with when it is looked up.
pub const SDS: &str = "sds:";

/// Replaces every reference in the tree below `node`, whose path is `path`.
///
/// `lookup` returns the value of a variable, or of a secret if the name begins with [`SDS`]. Unset variables and invalid references are errors. Their messages
/// never show a value.
pub fn substitute(
    node: &mut Node,
    path: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    faults: &ConfigErrors,
) {
    match node {
        Node::Text(text) if text.contains("${") => {
            *node = match expand(text, lookup) {
                Ok(text) => Node::Text(text),
                Err(message) => {
                    faults.add(path, message);
                    Node::Unresolved
                }
            };
        }
        Node::List(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                substitute(item, &format!("{path}[{index}]"), lookup, faults);
            }
        }
        Node::Map(entries) => {
            for (key, value) in entries {
                substitute(value, &path_of(path, key), lookup, faults);
            }
        }
        _ => {}
    }
}

fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(literal) = before.strip_suffix('$') {
            expanded.push_str(literal);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let (name, after) = after.split_once('}').ok_or("`${` without `}`; write `$${` for a literal one")?;
        if let Some(secret) = name.strip_prefix(SDS) {
            let value = lookup(name).ok_or_else(|| {
                format!("the secret {secret} isn't available: secrets by SDS need the native module and Envoy 1.40 or later")
            })?;
            expanded.push_str(&value);
            rest = after;
            continue;
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("`${{{name}}}` is not a valid name of an environment variable"));
        }
        let value = lookup(name).ok_or_else(|| {
            format!(
                "the environment variable {name} is not set in the VM (Envoy: set it in Envoy's environment, and \
                 name it under vm_config.environment_variables.host_env_keys; Istio: under vmConfig.env)"
            )
        })?;
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String, String> {
        expand(text, &|name| (name == "NAME").then(|| "va${NAME}lue".to_owned()))
    }

    #[test]
    fn references_are_replaced_once() {
        assert_eq!(run("a ${NAME} b ${NAME}").unwrap(), "a va${NAME}lue b va${NAME}lue");
        assert_eq!(run("$${NAME} $x $$").unwrap(), "${NAME} $x $$");
        assert_eq!(run("$$${NAME}").unwrap(), "$${NAME}");
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        assert!(run("${OTHER}").unwrap_err().contains("OTHER is not set"));
        assert!(run("${NAME").unwrap_err().contains("without `}`"));
        assert!(run("${}").is_err());
        assert!(run("${A B}").is_err());
        assert!(run("${sds:client}").unwrap_err().contains("native module"));
    }
}
