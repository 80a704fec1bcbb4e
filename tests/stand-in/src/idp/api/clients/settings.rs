//! The settings of an app client, and which of them affect the pages and the tokens.

use serde::{Deserialize, Serialize};

use super::Problem;
use crate::{Client, Rotation, cognito::schema::Schema};

/// The settings of `CreateUserPoolClient` and `UpdateUserPoolClient`. Both set what isn't given to its default.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Settings {
    pub user_pool_id: String,
    pub client_name: Option<String>,
    #[serde(default, skip_serializing)]
    pub generate_secret: bool,
    /// Only for an update.
    #[serde(skip_serializing)]
    pub client_id: Option<String>,
    #[serde(default = "thirty")]
    refresh_token_validity: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_validity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_validity: Option<u64>,
    #[serde(default)]
    token_validity_units: Units,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_attributes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_attributes: Option<Vec<String>>,
    /// The flows to sign in without the pages, which the stand-in doesn't use.
    #[serde(skip_serializing_if = "Option::is_none")]
    explicit_auth_flows: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    supported_identity_providers: Vec<String>,
    #[serde(default, rename = "CallbackURLs", skip_serializing_if = "Vec::is_empty")]
    callback_urls: Vec<String>,
    #[serde(default, rename = "LogoutURLs", skip_serializing_if = "Vec::is_empty")]
    logout_urls: Vec<String>,
    #[serde(default, rename = "AllowedOAuthFlows", skip_serializing_if = "Vec::is_empty")]
    allowed_oauth_flows: Vec<String>,
    #[serde(default, rename = "AllowedOAuthScopes", skip_serializing_if = "Vec::is_empty")]
    allowed_oauth_scopes: Vec<String>,
    #[serde(default, rename = "AllowedOAuthFlowsUserPoolClient")]
    allowed_oauth_flows_user_pool_client: bool,
    #[serde(default = "yes")]
    enable_token_revocation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_rotation: Option<RefreshTokenRotation>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Units {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Unit>,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Seconds = 1,
    Minutes = 60,
    Hours = 3600,
    Days = 24 * 3600,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RefreshTokenRotation {
    feature: Feature,
    #[serde(default)]
    retry_grace_period_seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Feature {
    Enabled,
    Disabled,
}

impl Settings {
    pub fn check(&self, schema: &Schema) -> Result<(), Problem> {
        if self.client_name.as_ref().is_none_or(String::is_empty) {
            return Err(Problem::invalid("ClientName is missing"));
        }
        let readable = |name: &String| schema.is_readable(name) || name == "oidc:profile";
        if !self.read_attributes.iter().flatten().all(readable) {
            return Err(Problem::invalid("Invalid read attributes specified while creating a client"));
        }
        if !self.write_attributes.iter().flatten().all(|name| schema.is_writable(name)) {
            return Err(Problem::invalid("Invalid write attributes specified while creating a client"));
        }
        self.check_oauth()?;
        for url in self.callback_urls.iter().chain(&self.logout_urls) {
            check_url(url)?;
        }
        let Some(rotation) = &self.refresh_token_rotation else { return Ok(()) };
        // AWS says that the two can't be combined; it doesn't say whether this includes the default flows.
        let refreshes =
            self.explicit_auth_flows.iter().flatten().any(|flow| flow == "ALLOW_REFRESH_TOKEN_AUTH");
        if rotation.feature == Feature::Enabled && refreshes {
            let problem = "ALLOW_REFRESH_TOKEN_AUTH doesn't go with refresh token rotation";
            return Err(Problem::invalid(problem));
        }
        if rotation.retry_grace_period_seconds > 60 {
            return Err(Problem::invalid("RetryGracePeriodSeconds: 0 to 60"));
        }
        Ok(())
    }

    fn check_oauth(&self) -> Result<(), Problem> {
        if let Some(flow) = self.allowed_oauth_flows.iter().find(|flow| *flow != "code") {
            let problem = format!("the stand-in knows the flow code and not {flow}");
            return Err(Problem::new("InvalidOAuthFlowException", problem));
        }
        let known = Client::default().scopes;
        if let Some(scope) = self.allowed_oauth_scopes.iter().find(|scope| !known.contains(scope)) {
            let problem = format!("Invalid scope requested: {scope}");
            return Err(Problem::new("ScopeDoesNotExistException", problem));
        }
        match self.supported_identity_providers.iter().find(|provider| *provider != "COGNITO") {
            Some(provider) => {
                let pool = &self.user_pool_id;
                let problem = format!("The provider {provider} does not exist for User Pool {pool}.");
                Err(Problem::invalid(problem))
            }
            None => Ok(()),
        }
    }

    /// The client that the pages and the token endpoint know.
    pub fn client(&self, id: &str, secret: Option<String>) -> Result<Client, Problem> {
        // Without them the client exists, but has no address to return to.
        let signs_in = self.allowed_oauth_flows_user_pool_client && !self.allowed_oauth_flows.is_empty();
        let rotation = self.refresh_token_rotation.as_ref();
        let rotation = rotation.filter(|rotation| rotation.feature == Feature::Enabled);
        let (units, hour, day) = (&self.token_validity_units, 3600, 24 * 3600);
        let refresh = if self.refresh_token_validity == 0 { 30 } else { self.refresh_token_validity };
        let lasting =
            |what: &str, number: Option<u64>, unit: Option<Unit>, default: Unit, range: (u64, u64)| {
                let seconds =
                    number.map_or(hour, |number| number.saturating_mul(unit.unwrap_or(default) as u64));
                let fits = (range.0..=range.1).contains(&seconds);
                fits.then_some(seconds)
                    .ok_or_else(|| Problem::invalid(format!("Invalid range for {what} validity")))
            };
        Ok(Client {
            secret,
            callback_urls: if signs_in { self.callback_urls.clone() } else { Vec::new() },
            logout_urls: if signs_in { self.logout_urls.clone() } else { Vec::new() },
            scopes: self.allowed_oauth_scopes.clone(),
            read_attributes: self.read_attributes.clone(),
            write_attributes: self.write_attributes.clone(),
            access_token_seconds: lasting(
                "access token",
                self.access_token_validity,
                units.access_token,
                Unit::Hours,
                (300, day),
            )?,
            id_token_seconds: lasting(
                "ID token",
                self.id_token_validity,
                units.id_token,
                Unit::Hours,
                (300, day),
            )?,
            refresh_token_seconds: lasting(
                "refresh token",
                Some(refresh),
                units.refresh_token,
                Unit::Days,
                (hour, 3650 * day),
            )?,
            rotation: rotation.map(|on| Rotation { grace_seconds: on.retry_grace_period_seconds }),
            revocation: self.enable_token_revocation,
            ..Client::new(id)
        })
    }
}

/// https, or http for this machine; no fragment, and no `*`, which has a special meaning in the stand-in.
fn check_url(url: &str) -> Result<(), Problem> {
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next());
    let is_port = |rest: &str| rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_local = |authority: &str| {
        let hosts = ["localhost", "127.0.0.1", "[::1]"].into_iter();
        hosts.filter_map(|host| authority.strip_prefix(host)).any(|rest| rest.is_empty() || is_port(rest))
    };
    let fits = url.starts_with("https://") || authority.is_some_and(is_local);
    if !fits || url.contains(['#', '*', ' ']) || url.len() > 1024 {
        return Err(Problem::invalid(format!("{url} can't be registered: https, or http for localhost")));
    }
    Ok(())
}

fn thirty() -> u64 {
    30
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_or_on_this_machine() {
        let good =
            ["https://app.example.com/x", "http://localhost:8080/x", "http://localhost", "http://[::1]:1/"];
        let bad =
            ["http://app.example.com/x", "http://localhost.example/", "https://a/#b", "http://localhost:*/"];
        assert!(good.iter().all(|url| check_url(url).is_ok()));
        assert!(bad.iter().all(|url| check_url(url).is_err()));
    }
}
