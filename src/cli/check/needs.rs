//! Which Envoy clusters a configuration calls, and the host that each must connect to.

use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::cognito::user_pool::AttributesFrom;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::Endpoint;

use crate::documents::tree::Node;
use crate::settings::{self, Literal};

/// A cluster that the filter calls, with one host that it must connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The cluster's name.
    pub cluster: String,
    /// The host that it connects to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it uses TLS.
    pub tls: bool,
    /// Whether any address will do. The filter doesn't know which one serves the deny list; `host` is then the `Host`
    /// that it sends, and `port` and `tls` mean nothing.
    pub is_free: bool,
    /// What the filter requests there.
    pub uses: Vec<&'static str>,
}

/// What all pools of a configuration need.
pub fn of(config: &Config) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for pool in config.pools.iter() {
        for (cluster, endpoint, used) in calls(pool) {
            let (host, port) = host_and_port(endpoint);
            let tls = endpoint.scheme == "https";
            let same = |need: &&mut Need| need.cluster == *cluster && need.host == host && need.port == port;
            match needs.iter_mut().find(same) {
                Some(need) if !need.uses.contains(&used) => need.uses.push(used),
                Some(_) => {}
                None => {
                    let cluster = cluster.clone();
                    needs.push(Need { cluster, host, port, tls, is_free: false, uses: vec![used] });
                }
            }
        }
    }
    needs.extend(config.revocations.as_ref().map(|settings| Need {
        cluster: settings.cluster.clone(),
        host: settings.host.clone(),
        port: 0,
        tls: false,
        is_free: true,
        uses: vec!["deny list"],
    }));
    needs
}

/// The names of the clusters in an invalid configuration, as far as they can be known.
pub fn names(root: &Node) -> Vec<String> {
    let pools = root.get("pools").map(Node::items).filter(|pools| !pools.is_empty());
    let mut names: Vec<String> = Vec::new();
    let deny_list = root.at(&["revocations", "cluster"]).and_then(Node::text);
    for pool in pools.unwrap_or(std::slice::from_ref(root)) {
        for (key, default) in clusters() {
            let name = pool.at(&["clusters", key]).map_or(default, Node::text);
            // A name that isn't text is already an error. Names in variables aren't looked for.
            if let Some(name) =
                name.filter(|name| !name.contains("${") && !names.iter().any(|known| known == name))
            {
                names.push(name.to_owned());
            }
        }
    }
    names.extend(deny_list.filter(|name| !name.contains("${")).map(str::to_owned));
    names
}

/// The settings that name clusters, each with its default. `clusters.api` has none of its own.
fn clusters() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    settings::POOL.iter().filter_map(|setting| {
        let default = match setting.default {
            Some(Literal::Text(default)) => Some(default),
            _ => None,
        };
        Some((setting.path.strip_prefix("clusters.")?, default))
    })
}

/// The endpoints of a pool that the filter calls, with their clusters.
fn calls(pool: &Pool) -> Vec<(&String, &Endpoint, &'static str)> {
    let (clusters, endpoints) = (&pool.cognito.clusters, &pool.cognito.endpoints);
    let mut calls = vec![
        (&clusters.domain, &endpoints.token, "tokens"),
        (&clusters.domain, &endpoints.revoke, "revocation"),
        (&clusters.idp, &endpoints.jwks, "key set"),
    ];
    if let Some(second) = &endpoints.second_jwks
        && clusters.api != clusters.idp
    {
        calls.push((&clusters.api, second, "key set until the pool's issuer is updated"));
    }
    match pool.cognito.attributes_from {
        AttributesFrom::IdToken => {}
        AttributesFrom::UserInfo => calls.push((&clusters.domain, &endpoints.userinfo, "userInfo")),
        AttributesFrom::GetUser => calls.push((&clusters.api, &endpoints.api, "GetUser")),
    }
    calls
}

fn host_and_port(endpoint: &Endpoint) -> (String, u16) {
    let own = if endpoint.scheme == "http" { 80 } else { 443 };
    match endpoint.authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host.to_owned(), port.parse().unwrap_or(own)),
        _ => (endpoint.authority.clone(), own),
    }
}
