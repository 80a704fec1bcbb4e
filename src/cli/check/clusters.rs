//! Compares the clusters of an Envoy with what the filter needs.

use std::net::IpAddr;
use std::ops::Range;

use envoy_cognito_core::config::reader::path_of;

use crate::check::needs::Need;
use crate::documents::finding::{Finding, Severity};
use crate::documents::tree::Node;
use crate::envoy::contents::Cluster;
use crate::envoy::fields;
use crate::envoy::messages::CLUSTER;
use crate::envoy::typed_reading::Rules;

/// Checks the clusters that `needs` names. A missing cluster is reported at `at`; `missing` is its severity, which
/// depends on whether all of Envoy's clusters are known.
pub fn check(
    needs: &[Need],
    clusters: &[&Cluster],
    missing: Severity,
    at: &Range<usize>,
    place: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, need) in needs.iter().enumerate() {
        let is_earlier = |earlier: &&Need| earlier.cluster == need.cluster && earlier.host != need.host;
        let get_user = |need: &Need| need.uses.contains(&"GetUser");
        if let Some(earlier) = needs.iter().take(number).find(is_earlier)
            && get_user(earlier) != get_user(need)
        {
            findings.push(two_hosts(earlier, need, at, place));
            continue;
        }
        match clusters.iter().find(|cluster| cluster.name == need.cluster) {
            Some(_) if need.is_free => {}
            Some(cluster) => Judge { need, cluster, findings: &mut findings }.judge(),
            // A cluster with two hosts is reported missing once.
            None if needs.iter().take(number).any(|earlier| earlier.cluster == need.cluster) => {}
            None => {
                let message = format!(
                    "the cluster `{}` is missing; the filter calls it for the {}",
                    need.cluster,
                    need.uses.join(" and ")
                );
                let help = format!(
                    "it must connect to {}:{}{}",
                    need.host,
                    need.port,
                    if need.tls { ", over TLS" } else { "" }
                );
                let finding = Finding::new(missing, place, at.clone(), message);
                findings.push(if need.is_free { finding } else { finding.help(help) });
            }
        }
    }
    findings
}

/// The error that a cluster can't connect to two hosts: with an updated issuer, key set and API have different ones.
fn two_hosts(one: &Need, other: &Need, at: &Range<usize>, place: &str) -> Finding {
    let message = format!(
        "the cluster `{}` can't connect to two hosts: to {} for the {}, and to {} for the {}",
        one.cluster,
        one.host,
        one.uses.join(" and "),
        other.host,
        other.uses.join(" and "),
    );
    let help = "name a cluster of its own for the user pools API in `clusters.api`";
    Finding::new(Severity::Fault, place, at.clone(), message).help(help)
}

/// A need, and the cluster that should meet it.
struct Judge<'j> {
    need: &'j Need,
    cluster: &'j Cluster,
    findings: &'j mut Vec<Finding>,
}

impl Judge<'_> {
    fn say(&mut self, severity: Severity, below: &str, span: Range<usize>, message: String, help: &str) {
        let finding = Finding::new(severity, path_of(&self.cluster.path, below), span, message);
        self.findings.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    fn name_span(&self) -> Range<usize> {
        let node = &self.cluster.node;
        node.get("name").map_or(node.span.clone(), |name| name.span.clone())
    }

    fn judge(&mut self) {
        let Cluster { node, path, rules, .. } = self.cluster;
        fields::check(&CLUSTER, node, path, *rules, self.findings);
        let security = node.get("transport_socket").map(|socket| (socket, socket.get("typed_config")));
        let sni = security.as_ref().and_then(|(_, config)| config.as_ref()?.get("sni"));
        // A cluster with a `cluster_type` goes to the host that the request names.
        if node.get("cluster_type").is_none() {
            let is_named = sni.and_then(Node::text) == Some(self.need.host.as_str());
            self.judge_addresses(is_named);
        }
        let name = self.name_span();
        match (security, self.need.tls) {
            (None, true) => {
                let message =
                    format!("`{}` uses plain text, but {} requires TLS", self.cluster.name, self.need.host);
                self.say(
                    Severity::Fault,
                    "transport_socket",
                    name,
                    message,
                    "add an UpstreamTlsContext, as in envoy/envoy.yaml",
                );
            }
            (Some((socket, _)), false) => {
                let message = format!("`{}` uses TLS, but the endpoint's URL is http", self.cluster.name);
                self.say(
                    Severity::Fault,
                    "transport_socket",
                    socket.span.start..socket.span.start,
                    message,
                    "",
                );
            }
            (Some((socket, Some(config))), true) if is_tls(config) => {
                let at =
                    socket.get("name").map_or(socket.span.start..socket.span.start, |name| name.span.clone());
                self.judge_sni(config, &at);
                self.judge_certificates(config, at);
            }
            _ => {}
        }
    }

    fn judge_addresses(&mut self, is_named: bool) {
        let (host, port) = (self.need.host.clone(), self.need.port);
        // An emulator runs on the browser's own machine; a container uses another name for that machine.
        let is_local = !self.need.tls && (host == "localhost" || host.starts_with("127.") || host == "[::1]");
        for address in addresses(&self.cluster.node, self.cluster.rules) {
            let Some(found) = address.get("address") else { continue };
            let name = found.text().unwrap_or_default();
            let leads_there = name.trim_end_matches('.').eq_ignore_ascii_case(host.trim_matches(['[', ']']));
            // Through a proxy or a private endpoint. TLS then verifies the host.
            let is_address = name.parse::<IpAddr>().is_ok();
            if !leads_there && !is_local && !name.contains("${") {
                let severity = if is_named || is_address { Severity::Warning } else { Severity::Fault };
                let message =
                    format!("`{}` connects to {name}, but the filter needs {host}", self.cluster.name);
                self.say(severity, "load_assignment", found.span.clone(), message, "");
            }
            if let Some(given) = address.get("port_value")
                && let Some(number) = self.cluster.rules.unsigned(given)
                && number != u32::from(port)
            {
                let severity = if leads_there { Severity::Fault } else { Severity::Warning };
                let message =
                    format!("`{}` connects to port {number}, but the filter needs {port}", self.cluster.name);
                self.say(severity, "load_assignment", given.span.clone(), message, "");
            }
        }
    }

    fn judge_sni(&mut self, config: &Node, at: &Range<usize>) {
        let host = &self.need.host;
        let place = "transport_socket.typed_config.sni";
        let name = &self.cluster.name;
        match config.get("sni") {
            Some(sni) if sni.text().is_some_and(|text| !text.eq_ignore_ascii_case(host)) => {
                let found = sni.text().unwrap_or_default();
                let message = format!("the SNI of `{name}` is {found}, but the filter needs {host}");
                self.say(Severity::Fault, place, sni.span.clone(), message, "");
            }
            None if !config.get("auto_host_sni").is_some_and(|flag| self.cluster.rules.is_true(flag)) => {
                let message = format!(
                    "`{name}` sends no SNI; CloudFront, which serves custom domains, refuses connections without it"
                );
                self.say(Severity::Warning, place, at.clone(), message, &format!("add `sni: {host}`"));
            }
            _ => {}
        }
    }

    fn judge_certificates(&mut self, config: &Node, at: Range<usize>) {
        let common = config.get("common_tls_context");
        let has = |key: &str| common.is_some_and(|common| common.get(key).is_some());
        // What Envoy fetches at runtime can't be checked.
        let elsewhere = [
            "validation_context_sds_secret_config",
            "custom_validator_config",
            "combined_validation_context",
        ];
        if elsewhere.iter().any(|key| has(key)) {
            return;
        }
        let validation = common.and_then(|common| common.get("validation_context"));
        let knows =
            |keys: &[&str]| keys.iter().any(|key| validation.is_some_and(|known| known.get(key).is_some()));
        let place = "transport_socket.typed_config.common_tls_context.validation_context";
        let name = &self.cluster.name;
        if !knows(&["trusted_ca", "system_root_certs", "ca_certificate_provider_instance"]) {
            let message = format!(
                "`{name}` accepts any certificate: someone in the network path can read codes and secrets, and forge keys"
            );
            let help = "set the certificate authorities: \
                        `validation_context: { trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt } }`";
            self.say(Severity::Fault, place, at, message, help);
        } else if !knows(&["match_typed_subject_alt_names", "match_subject_alt_names"])
            && !config.get("auto_sni_san_validation").is_some_and(|flag| self.cluster.rules.is_true(flag))
        {
            let message = format!("`{name}` accepts a valid certificate of any host");
            let host = &self.need.host;
            let help = format!(
                "add `match_typed_subject_alt_names: [ {{ san_type: DNS, matcher: {{ exact: {host} }} }} ]`"
            );
            self.say(Severity::Warning, place, at, message, &help);
        }
    }
}

fn is_tls(config: &Node) -> bool {
    config.text_of("@type").is_some_and(|kind| kind.ends_with(".tls.v3.UpstreamTlsContext"))
}

/// The socket addresses of a cluster's endpoints.
fn addresses(cluster: &Node, rules: Rules) -> Vec<&Node> {
    let groups = cluster.at(&["load_assignment", "endpoints"]).into_iter();
    let groups = groups.flat_map(|groups| rules.items(groups));
    let endpoints = groups.filter_map(|group| group.get("lb_endpoints"));
    let endpoints = endpoints.flat_map(|endpoints| rules.items(endpoints));
    endpoints.filter_map(|endpoint| endpoint.at(&["endpoint", "address", "socket_address"])).collect()
}
