//! A configuration read by the filter's own core. Each of the core's errors gets its place in the file.

use std::collections::BTreeMap;
use std::ops::Range;

use envoy_cognito_core::config::reader::{ConfigError, ConfigErrors, path_of};
use envoy_cognito_core::config::{Config, document, environment};
use envoy_cognito_core::http::cookie::SameSite;

use crate::check::claims;
use crate::check::issuers;
use crate::check::locating::Index;
use crate::check::masks::without_secrets;
use crate::check::stand_ins::StandIns;
use crate::documents::finding::{Finding, Severity};
use crate::documents::tree::{Node, Value};
use crate::envoy::contents::Plugin;
use crate::envoy::variables::{Environment, Lookup, Scope, references};

/// The result of reading.
#[derive(Default)]
pub struct Reading {
    /// The configuration, if it is valid and everything that matters in it is known.
    pub config: Option<Config>,
    /// The ids of its user pools, in the order of its pools: the core keeps only what it derives from them.
    pub user_pool_ids: Vec<String>,
    /// The stand-ins for values that aren't known here.
    pub stand_ins: StandIns,
    /// Settings whose value isn't known here, each with a variable in it.
    pub unknown: Vec<(String, String)>,
    /// Errors, and notes about what couldn't be checked.
    pub findings: Vec<Finding>,
}

/// Reads a configuration as the filter would. With `allow_unset`, variables that aren't set here count as set where
/// the filter runs.
pub fn read(plugin: &Plugin, known: &Environment, allow_unset: bool) -> Reading {
    let Some(root) = &plugin.configuration else { return Reading::default() };
    let index = Index::new(root);
    let mut preparation = Preparation::new(plugin, root, known, allow_unset);
    let prepared = preparation.prepare(root, "");
    let Preparation { stand_ins, values, unknown, unset, elsewhere, .. } = preparation;
    let mut reading = Reading { stand_ins, unknown, ..Reading::default() };
    for (path, name) in &unset {
        reading.findings.push(unset_fault(path, name, index.find(path, false), &plugin.scope));
    }
    let json = serde_json::to_vec(&prepared).unwrap_or_default();
    let lookup = |name: &str| values.get(name).cloned();
    match Config::parse(&json, &lookup) {
        Ok(config) => {
            reading.user_pool_ids = user_pool_ids(&json, &lookup);
            let several = config.pools.iter().any(|pool| !pool.name.is_empty());
            for (number, (pool, id)) in config.pools.iter().zip(&reading.user_pool_ids).enumerate() {
                for (own, message) in issuers::notes(&pool.cognito, id) {
                    let path = if several { format!("pools[{number}].{own}") } else { own.to_owned() };
                    let span = index.find(&path, false);
                    reading.findings.push(Finding::new(Severity::Note, path, span, message));
                }
                if let Some(message) = other_region(&pool.cognito.endpoints.authorize.authority, id) {
                    let path = if several { format!("pools[{number}].domain") } else { "domain".to_owned() };
                    let span = index.find(&path, false);
                    reading.findings.push(Finding::warning(path, span, message));
                }
            }
            let path = "session.cookie.same_site".to_owned();
            if let Some(message) = open_to_other_sites(&config)
                && !reading.unknown.iter().any(|(unknown, _)| *unknown == path)
            {
                let span = index.find(&path, false);
                reading.findings.push(Finding::new(Severity::Note, path, span, message.to_owned()));
            }
            for (path, severity, message) in claims::remarks(&config) {
                let span = index.find(&path, false);
                reading.findings.push(Finding::new(severity, path, span, message));
            }
            reading.config = Some(config);
        }
        Err(faults) => faults.iter().for_each(|fault| reading.take(fault, &index)),
    }
    for (name, (path, span)) in elsewhere {
        let message = format!("the value of {name} couldn't be checked: it isn't set here");
        reading.findings.push(Finding::new(Severity::Note, path, span, message));
    }
    for finding in &mut reading.findings {
        finding.document_path = whole_path(&plugin.path, &finding.path);
    }
    if reading.findings.iter().any(|finding| finding.severity == Severity::Fault) {
        reading.config = None;
    }
    reading
}

impl Reading {
    /// Adds an error from the core, unless it is about a value that isn't known here.
    fn take(&mut self, fault: &ConfigError, index: &Index) {
        // The whole document.
        let path = if fault.path == "configuration" { "" } else { fault.path.as_str() };
        if self.unknown.iter().any(|(known, _)| known == path) || self.stand_ins.are_in(&fault.message) {
            return;
        }
        let about_key =
            ["unknown setting", "can't be set beside"].iter().any(|start| fault.message.starts_with(start));
        let message = without_secrets(&fault.message);
        self.findings.push(Finding::fault(path, index.find(path, about_key), message));
    }
}

/// The user pool ids in a valid configuration.
fn user_pool_ids(json: &[u8], lookup: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let Ok(mut root) = document::parse(json) else { return Vec::new() };
    environment::substitute(&mut root, "", lookup, &ConfigErrors::default());
    let get = |node: &document::Node, key: &str| match node {
        document::Node::Map(entries) => {
            entries.iter().find(|(known, _)| known == key).map(|(_, node)| node.clone())
        }
        _ => None,
    };
    let pools = match get(&root, "pools") {
        Some(document::Node::List(pools)) => pools,
        _ => vec![root],
    };
    let id = |pool: &document::Node| match get(pool, "user_pool_id") {
        Some(document::Node::Text(id)) => id,
        _ => String::new(),
    };
    pools.iter().map(id).collect()
}

/// The warning about a Cognito domain in another region than the user pool.
fn other_region(host: &str, user_pool_id: &str) -> Option<String> {
    let (_, domains) = host.strip_suffix(".amazoncognito.com")?.rsplit_once(".auth.")?;
    let (pools, _) = user_pool_id.split_once('_')?;
    (domains != pools).then(|| format!("the domain is in {domains}, but the user pool is in {pools}"))
}

/// The warning about a session that is sent with other sites' requests.
fn open_to_other_sites(config: &Config) -> Option<&'static str> {
    let cookies = &config.pools.first()?.cookies;
    let partitioned = cookies.attributes.partitioned;
    (cookies.same_site == SameSite::None).then_some(if partitioned {
        "browsers send the session cookie with requests from other sites: the app itself must reject forged requests (CSRF)"
    } else {
        "browsers send the session cookie with requests from other sites: the app itself must reject forged requests (CSRF); and \
         in a frame on another site, browsers that block third-party cookies send it only after the person has allowed that"
    })
}

/// The path in the document of a setting's path in the configuration.
pub fn whole_path(start: &str, path: &str) -> String {
    match (start, path) {
        ("", path) => path.to_owned(),
        (start, "") => start.to_owned(),
        (start, path) if path.starts_with('[') => format!("{start}{path}"),
        (start, path) => format!("{start}.{path}"),
    }
}

fn unset_fault(path: &str, name: &str, span: Range<usize>, scope: &Scope) -> Finding {
    match scope {
        // In Envoy's environment, none is known to be unset.
        Scope::Process | Scope::Envoy => {
            let message = format!("the environment variable {name} is not set");
            Finding::fault(path, span, message).help(
                "set it, give its value with --env-file, or use --allow-unset if it is set only where the filter runs",
            )
        }
        Scope::Vm(handed) => {
            let message = format!("the environment variable {name} is not set in the VM");
            let entry = match handed.list {
                "vmConfig.env" => format!("add `{{ name: {name}, valueFrom: HOST }}` to `vmConfig.env`"),
                list => format!("add {name} to `{list}`"),
            };
            Finding::fault(path, span, message).help(entry)
        }
    }
}

/// Looks up the variables in a configuration before the core reads it.
struct Preparation<'p> {
    scope: &'p Scope,
    environment: &'p Environment,
    allow_unset: bool,
    root: &'p Node,
    stand_ins: StandIns,
    /// The value for each variable that the core will look up.
    values: BTreeMap<String, String>,
    /// Settings whose value isn't known.
    unknown: Vec<(String, String)>,
    /// Settings that refer to an unset variable.
    unset: Vec<(String, String)>,
    /// Variables that are set elsewhere, each with the first setting that refers to it.
    elsewhere: BTreeMap<String, (String, Range<usize>)>,
}

impl<'p> Preparation<'p> {
    fn new(plugin: &'p Plugin, root: &'p Node, environment: &'p Environment, allow_unset: bool) -> Self {
        Self {
            scope: &plugin.scope,
            environment,
            allow_unset,
            root,
            stand_ins: StandIns::default(),
            values: BTreeMap::new(),
            unknown: Vec::new(),
            unset: Vec::new(),
            elsewhere: BTreeMap::new(),
        }
    }

    /// The tree, in which a stand-in replaces each text that is one unknown variable.
    fn prepare(&mut self, node: &Node, path: &str) -> Node {
        let value = match &node.value {
            Value::Text(text) => Value::Text(self.text(text, path, &node.span)),
            Value::List(items) => {
                let items = items.iter().enumerate();
                Value::List(
                    items.map(|(number, item)| self.prepare(item, &format!("{path}[{number}]"))).collect(),
                )
            }
            Value::Map(entries) => {
                let mut prepared = entries.clone();
                for entry in &mut prepared {
                    entry.node = self.prepare(&entry.node, &path_of(path, &entry.key));
                }
                Value::Map(prepared)
            }
            other => other.clone(),
        };
        Node { value, span: node.span.clone() }
    }

    fn text(&mut self, text: &str, path: &str, span: &Range<usize>) -> String {
        let names = references(text);
        let mut replaced = None;
        for (name, range) in &names {
            match self.scope.look_up(name, self.environment) {
                Lookup::Value(value) => {
                    self.values.insert(name.clone(), value);
                    continue;
                }
                Lookup::NoSecrets => continue,
                // The core must see the reference: it reports secrets that nothing refers to.
                Lookup::Secret => {
                    self.unknown.push((path.to_owned(), name.clone()));
                    let value = self.stand_ins.value(name, path, self.root);
                    self.values.insert(name.clone(), value);
                    continue;
                }
                Lookup::Unset if !(self.allow_unset && matches!(self.scope, Scope::Process)) => {
                    self.unset.push((path.to_owned(), name.clone()));
                }
                Lookup::Unset | Lookup::Elsewhere => {
                    self.elsewhere.entry(name.clone()).or_insert_with(|| (path.to_owned(), span.clone()));
                }
            }
            self.unknown.push((path.to_owned(), name.clone()));
            if range.len() == text.len() {
                replaced = Some(self.stand_ins.value(name, path, self.root));
            } else {
                let word = self.stand_ins.word(name);
                self.values.insert(name.clone(), word);
            }
        }
        replaced.unwrap_or_else(|| text.to_owned())
    }
}
