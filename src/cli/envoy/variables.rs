//! Environment variables: which of them the filter gets, and their values.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use envoy_cognito_core::config::environment::SDS;

use crate::documents::source::Source;

/// The environment of the command, with the variables of `--env-file`.
pub struct Environment {
    added: HashMap<String, String>,
}

impl Environment {
    /// The process's environment and the pairs of a file. The process's environment takes precedence, as in the
    /// shell.
    fn new(added: HashMap<String, String>) -> Self {
        Self { added }
    }

    /// The process's environment and the pairs of these files. If two files set a variable, the later one counts.
    ///
    /// # Errors
    /// A sentence that names the file, if it can't be read.
    pub fn with_files(files: &[PathBuf]) -> Result<Self, String> {
        let mut added = HashMap::new();
        for file in files {
            let Source { name, text, .. } = Source::read(file)?;
            let pairs =
                Self::read_file(&text).map_err(|line| format!("{name}:{line}: not a NAME=value line"))?;
            added.extend(pairs);
        }
        Ok(Self::new(added))
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().or_else(|| self.added.get(name).cloned())
    }

    /// Reads `NAME=value` lines as `docker run --env-file` does: there are no quotes, `#` starts a comment line, and
    /// a name alone takes its value from the process's environment.
    ///
    /// # Errors
    /// The number of a line that is none of these.
    fn read_file(text: &str) -> Result<HashMap<String, String>, usize> {
        let mut pairs = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = match line.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value)),
                None => (line.trim_end(), None),
            };
            if !is_name(name) {
                return Err(index + 1);
            }
            if let Some(value) = value {
                pairs.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(pairs)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Where a VM gets a variable from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The document contains the value.
    Literal(String),
    /// Envoy's own environment.
    Host,
}

/// The variables that a VM gets.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The variables, by name.
    pub variables: Vec<(String, Origin)>,
    /// The field to add another variable to: `vm_config.environment_variables.host_env_keys`.
    pub list: &'static str,
}

/// Where `${NAME}` in a configuration is looked up.
#[derive(Clone, Debug)]
pub enum Scope {
    /// In the environment of this process, because the document configures no VM.
    Process,
    /// In the variables that the VM gets.
    Vm(Handed),
    /// In Envoy's own environment, which is known only where Envoy runs.
    Envoy,
}

/// What is known of a variable.
#[derive(Debug)]
pub enum Lookup {
    /// Its value.
    Value(String),
    /// It is set, but only Envoy knows its value.
    Elsewhere,
    /// It isn't set.
    Unset,
    /// It is a secret by SDS, whose value only Envoy knows.
    Secret,
    /// It is a secret by SDS, which this host can't get. The core says so.
    NoSecrets,
}

impl Scope {
    /// Looks a variable up.
    pub fn look_up(&self, name: &str, environment: &Environment) -> Lookup {
        if name.starts_with(SDS) {
            return if matches!(self, Self::Vm(_)) { Lookup::NoSecrets } else { Lookup::Secret };
        }
        let here = environment.get(name);
        let handed = match self {
            Self::Process => return here.map_or(Lookup::Unset, Lookup::Value),
            Self::Envoy => return here.map_or(Lookup::Elsewhere, Lookup::Value),
            Self::Vm(handed) => handed,
        };
        match handed.variables.iter().find(|(known, _)| known == name) {
            Some((_, Origin::Literal(value))) => Lookup::Value(value.clone()),
            Some((_, Origin::Host)) => here.map_or(Lookup::Elsewhere, Lookup::Value),
            None => Lookup::Unset,
        }
    }
}

/// The names that a text refers to with `${NAME}` or `${sds:NAME}`, each with its range, found as the filter finds them.
pub fn references(text: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find("${")).map(|at| from + at) {
        from = start + 2;
        // `$${` is a literal `${`.
        if text.get(..start).is_some_and(|before| before.ends_with('$')) {
            continue;
        }
        let Some(end) = text.get(from..).and_then(|rest| rest.find('}')).map(|at| from + at) else { break };
        let name = text.get(from..end).unwrap_or_default();
        if is_name(name) || name.starts_with(SDS) {
            found.push((name.to_owned(), start..end + 1));
        }
        from = end + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_as_the_filter_finds_them() {
        let names = |text| references(text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("a ${A} ${B_1}"), ["A", "B_1"]);
        assert_eq!(names("$${A} ${}"), [""; 0]);
        assert_eq!(names("${sds:a-b} $${sds:c}"), ["sds:a-b"]);
        assert_eq!(names("${A"), [""; 0]);
        assert_eq!(references("x${A}y")[0].1, 1..5);
    }

    #[test]
    fn files_of_variables_are_read() {
        let pairs = Environment::read_file("# x\nA=b=c\n\nexport B=\nC\n").unwrap();
        assert_eq!((pairs["A"].as_str(), pairs["B"].as_str(), pairs.len()), ("b=c", "", 2));
        assert_eq!(Environment::read_file("A=1\nno way\n"), Err(2));
    }
}
