//! `envoy-cognito check`: what is wrong with configurations, and what valid ones need.

use std::collections::HashSet;

use envoy_cognito_core::config::reader::path_of;

use crate::check::clusters;
use crate::check::files;
use crate::check::needs::{self, Need};
use crate::check::reading::{self, Reading};
use crate::check::registration::{self, Registration};
use crate::check::stand_ins::StandIns;
use crate::documents::finding::{Finding, Severity};
use crate::documents::source::Source;
use crate::documents::tree::Node;
use crate::envoy::contents::{Cluster, Contents, Kind, Plugin};
use crate::envoy::placement::check_manifest;
use crate::envoy::variables::Environment;

/// A file, and everything to report about it.
pub struct Checked {
    /// The file.
    pub source: Source,
    /// Its text with secrets masked, to show lines from.
    pub shown: String,
    /// Its configurations of the filter.
    pub configurations: Vec<Configuration>,
    /// The findings, in the order of the file.
    pub findings: Vec<Finding>,
    /// The number of other wasm filters and dynamic modules.
    strangers: usize,
    /// Whether it brings the filter's module, for a configuration in another file.
    has_module: bool,
}

/// A configuration of the filter.
pub struct Configuration {
    /// What contains it.
    pub kind: Kind,
    /// Its path in the document.
    pub path: String,
    /// Where it starts in the file.
    pub at: usize,
    /// What it needs; `None` if it isn't valid.
    pub needs: Option<Needs>,
}

/// What a valid configuration needs.
pub struct Needs {
    /// What must be registered at Cognito, for each pool.
    pub registrations: Vec<Registration>,
    /// The clusters that the filter calls.
    pub clusters: Vec<Need>,
}

/// Checks files together: the clusters in one file may serve a filter in another.
pub fn check(sources: Vec<Source>, environment: &Environment, allow_unset: bool) -> Vec<Checked> {
    let read: Vec<(Source, Contents)> = sources
        .into_iter()
        .map(|source| {
            let contents = files::read(&source);
            (source, contents)
        })
        .collect();
    let mut loose = Vec::new();
    let mut entries = Vec::new();
    let mut modules = Vec::new();
    for (_, contents) in &read {
        // A bootstrap's clusters are for its own filters. A bootstrap without filters, as in Envoy Gateway, serves
        // others.
        let is_loose = |cluster: &&Cluster| {
            let is_bootstrap = contents.bootstraps.iter().any(|(document, _)| *document == cluster.document);
            !is_bootstrap || !contents.plugins.iter().any(|plugin| plugin.document == cluster.document)
        };
        loose.extend(contents.clusters.iter().filter(is_loose).cloned());
        entries.extend(contents.service_entries.iter().cloned());
        modules.extend(contents.modules.iter().cloned());
    }
    let around = Around { loose, entries, modules, environment, allow_unset };
    read.into_iter().map(|(source, contents)| around.check_file(source, contents)).collect()
}

/// What is known from outside one file.
struct Around<'a> {
    /// Clusters that serve filters in other documents.
    loose: Vec<Cluster>,
    /// Hosts of Istio's service entries.
    entries: Vec<String>,
    /// The names by which policies use modules of an `EnvoyProxy` that are this filter.
    modules: Vec<String>,
    environment: &'a Environment,
    allow_unset: bool,
}

impl Around<'_> {
    fn check_file(&self, source: Source, mut contents: Contents) -> Checked {
        let mut findings = std::mem::take(&mut contents.findings);
        let mut downloaded = std::mem::take(&mut contents.downloaded);
        downloaded.retain(|(name, _)| self.modules.contains(name));
        let has_module = !downloaded.is_empty();
        findings.extend(downloaded.into_iter().map(|(_, finding)| finding));
        let mut configurations = Vec::new();
        for plugin in &contents.plugins {
            let Reading { config, user_pool_ids, stand_ins, findings: mut found, .. } =
                reading::read(plugin, self.environment, self.allow_unset);
            found.extend(check_manifest(plugin));
            found.extend(check_node(plugin, &contents));
            let needs = config.map(|config| {
                let hosts: Vec<String> = contents
                    .domains
                    .iter()
                    .filter(|(document, _)| *document == plugin.document)
                    .map(|(_, domain)| domain.clone())
                    .collect();
                let needs = needs::of(&config);
                found.extend(self.check_clusters(plugin, &contents, &needs));
                Needs { registrations: registration::of(&config, &user_pool_ids, &hosts), clusters: needs }
            });
            if let (None, Some(root)) = (&needs, &plugin.configuration) {
                found.extend(Self::check_names(plugin, &contents, root));
            }
            // A finding about a stand-in says nothing about the real value.
            found.retain(|finding| !stand_ins.are_in(&finding.message));
            for finding in &mut found {
                finding.help = finding.help.as_deref().map(|help| stand_ins.shown(help));
            }
            findings.append(&mut found);
            configurations.push(Configuration {
                kind: plugin.kind,
                path: plugin.path.clone(),
                at: plugin.span.start,
                needs: needs.map(|needs| needs.shown(&stand_ins)),
            });
        }
        findings.sort_by_key(|finding| (finding.span.start, finding.severity));
        Checked {
            source,
            strangers: contents.strangers,
            has_module,
            shown: contents.shown,
            configurations,
            findings,
        }
    }

    /// Looks for the clusters that an invalid configuration names, in the bootstrap around it.
    fn check_names(plugin: &Plugin, contents: &Contents, root: &Node) -> Vec<Finding> {
        let is_whole =
            contents.bootstraps.iter().any(|(document, more)| *document == plugin.document && !more);
        let is_there = |name: &String| {
            contents
                .clusters
                .iter()
                .any(|cluster| cluster.document == plugin.document && cluster.name == *name)
        };
        let missing = needs::names(root).into_iter().filter(|name| is_whole && !is_there(name));
        let at = plugin.span.start..plugin.span.start;
        missing
            .map(|name| {
                let message = format!("the cluster `{name}` is missing; the filter calls it");
                Finding::fault(format!("{}.clusters", plugin.path), at.clone(), message)
            })
            .collect()
    }

    /// Compares the clusters that the filter calls with the known ones.
    fn check_clusters(&self, plugin: &Plugin, contents: &Contents, needs: &[Need]) -> Vec<Finding> {
        let at = plugin.span.start..plugin.span.start;
        let place = format!("{}.clusters", plugin.path).trim_start_matches('.').to_owned();
        let bootstrap = contents.bootstraps.iter().find(|(document, _)| *document == plugin.document);
        match (bootstrap, plugin.kind) {
            (Some((document, more)), _) => {
                let known: Vec<&Cluster> =
                    contents.clusters.iter().filter(|cluster| cluster.document == *document).collect();
                let missing = if *more { Severity::Warning } else { Severity::Fault };
                clusters::check(needs, &known, missing, &at, &place)
            }
            (None, Kind::EnvoyExtensionPolicy) if self.loose.is_empty() => {
                let help = "add the clusters with an EnvoyPatchPolicy or in the bootstrap of the EnvoyProxy, and check that file together with this one";
                let message = "the filter calls clusters that Envoy Gateway doesn't create by itself";
                vec![Finding::warning(place, at, message).help(help)]
            }
            (None, Kind::WasmPlugin | Kind::TrafficExtension) => self.check_istio(needs, &at, &place),
            (None, _) if self.loose.is_empty() => Vec::new(),
            (None, _) => {
                clusters::check(needs, &self.loose.iter().collect::<Vec<_>>(), Severity::Warning, &at, &place)
            }
        }
    }

    /// Istio derives the names of its clusters from hosts.
    fn check_istio(&self, needs: &[Need], at: &std::ops::Range<usize>, place: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut said: HashSet<&str> = HashSet::new();
        for need in needs {
            let own = format!("outbound|{}||{}", need.port, need.host);
            if self.loose.iter().any(|cluster| cluster.name == need.cluster) {
                let known: Vec<&Cluster> = self.loose.iter().collect();
                findings.extend(clusters::check(
                    std::slice::from_ref(need),
                    &known,
                    Severity::Warning,
                    at,
                    place,
                ));
            } else if need.is_free && need.cluster.starts_with("outbound|") {
                // Any host will do.
            } else if need.cluster.starts_with("outbound|") {
                let host = need.cluster.rsplit('|').next().unwrap_or_default();
                if host != need.host {
                    let message =
                        format!("`{}` connects to {host}, but the filter needs {}", need.cluster, need.host);
                    findings.push(Finding::warning(place, at.clone(), message));
                } else if !self.entries.is_empty() && !self.entries.iter().any(|entry| entry == host) {
                    let message = format!(
                        "no ServiceEntry in these files has the host {host}, so Istio has no cluster `{}`",
                        need.cluster
                    );
                    findings.push(Finding::warning(place, at.clone(), message));
                }
            } else if said.insert(&need.cluster) {
                let message =
                    format!("Istio has no cluster `{}`, unless an EnvoyFilter adds it", need.cluster);
                if need.is_free {
                    let help = "set the name of a Service's cluster, such as `outbound|80||revocations.default.svc.cluster.local`";
                    findings.push(Finding::warning(place, at.clone(), message).help(help));
                    continue;
                }
                let help = format!(
                    "add a ServiceEntry for {} (and a DestinationRule for TLS), and set its cluster's name under `clusters`: `{own}`",
                    need.host
                );
                findings.push(Finding::warning(place, at.clone(), message).help(help));
            }
        }
        findings
    }
}

/// Checks whether Envoy can get the secrets that the configuration wants by SDS.
fn check_node(plugin: &Plugin, contents: &Contents) -> Option<Finding> {
    let place = plugin.configuration.as_ref()?.entry("sds")?;
    if place.node.entries().is_empty() || !contents.unnamed.contains(&plugin.document) {
        return None;
    }
    let message = "Envoy gets secrets by SDS only if its `node` has an `id` and a `cluster`; otherwise it doesn't start";
    let help = "add `node: { id: gateway, cluster: gateway }` to the bootstrap, or start Envoy with --service-node and --service-cluster";
    Some(Finding::warning(path_of(&plugin.path, "sds"), place.span.clone(), message).help(help))
}

impl Needs {
    /// Replaces stand-ins with their variables again.
    fn shown(mut self, stand_ins: &StandIns) -> Self {
        let shown = |text: &str| stand_ins.shown(text);
        let all = |texts: &mut Vec<String>| texts.iter_mut().for_each(|text| *text = shown(text));
        for registration in &mut self.registrations {
            let Registration { user_pool_id, region, client_id, .. } = registration;
            for text in [user_pool_id, region, client_id] {
                *text = shown(text);
            }
            let Registration {
                callback_urls,
                sign_out_urls,
                scopes,
                read_attributes,
                not_writable,
                other_claims,
                remarks,
                commands,
                ..
            } = registration;
            for texts in
                [callback_urls, sign_out_urls, scopes, read_attributes, not_writable, other_claims, remarks]
            {
                all(texts);
            }
            for command in commands {
                *command = stand_ins.shown_in_shell(command);
            }
        }
        for cluster in &mut self.clusters {
            cluster.cluster = shown(&cluster.cluster);
            cluster.host = shown(&cluster.host);
        }
        self
    }
}

impl Checked {
    /// Whether the file contains a configuration of the filter, or would if it could be read.
    pub fn is_ours(&self) -> bool {
        let text = &self.source.text;
        let speaks_of_it =
            ["user_pool_id", "envoy_cognito", "envoy-cognito"].iter().any(|word| text.contains(word));
        !self.configurations.is_empty() || self.has_module || (speaks_of_it && !self.findings.is_empty())
    }

    /// Why there was nothing to check.
    pub fn refusal(&self) -> String {
        let why = match (self.findings.first(), self.strangers) {
            (Some(finding), _) => format!(" ({})", finding.message),
            (None, 0) => String::new(),
            (None, 1) => " (it contains another wasm filter or dynamic module)".to_owned(),
            (None, _) => " (it contains other wasm filters or dynamic modules)".to_owned(),
        };
        format!("{}: it contains no configuration of this filter{why}", self.source.name)
    }

    /// The number of findings with this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}
