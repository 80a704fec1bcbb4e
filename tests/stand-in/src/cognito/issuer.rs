//! How a pool names itself in `iss`: by the stand-in's own address, or like a real pool.

use serde::Deserialize;

/// `IssuerConfiguration.Type` of a user pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum IssuerType {
    /// `https://cognito-idp.<region>.amazonaws.com/<pool>`; a replica names its own Region.
    Original,
    /// `https://issuer-cognito-idp.<region>.amazonaws.com/<pool>`, always with the pool's first Region.
    Updated,
}

/// The issuer of a pool.
pub struct Issuer {
    /// Where the stand-in listens; the issuer's origin until the pool gets a type.
    idp_url: String,
    kind: Option<IssuerType>,
    /// The Region that issues the tokens; `None` is the pool's first one.
    replica: Option<String>,
}

impl Issuer {
    pub fn at(idp_url: &str) -> Self {
        Self { idp_url: idp_url.into(), kind: None, replica: None }
    }

    /// What tokens of this pool name from now on.
    pub fn switch(&mut self, kind: IssuerType, replica: Option<&str>) {
        self.kind = Some(kind);
        self.replica = replica.map(String::from);
    }

    /// The `iss` of the pool's next tokens.
    pub fn of(&self, pool_id: &str) -> String {
        let (own, _) = pool_id.split_once('_').unwrap_or((pool_id, ""));
        let region = self.replica.as_deref().unwrap_or(own);
        match self.kind {
            None => format!("{}/{pool_id}", self.idp_url),
            Some(IssuerType::Original) => format!("https://cognito-idp.{region}.amazonaws.com/{pool_id}"),
            Some(IssuerType::Updated) => format!("https://issuer-cognito-idp.{own}.amazonaws.com/{pool_id}"),
        }
    }

    /// Whether this host serves the pool's key set. The host of updated issuers has none for other pools; the
    /// original one always has.
    pub fn is_served_at(&self, host: &str) -> bool {
        !host.starts_with(UPDATED_HOST) || self.kind == Some(IssuerType::Updated)
    }
}

/// What the names of hosts begin with that serve the key sets of updated issuers, and no API.
pub const UPDATED_HOST: &str = "issuer-cognito-idp.";
