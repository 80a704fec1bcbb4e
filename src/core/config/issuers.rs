//! Which issuers a pool's tokens may name, and where its key set is.

use url::Url;

use crate::cognito::issuer::{IssuerForm, is_issuer_of, is_region, region_of};
use crate::config::reader::Section;
use crate::http::Endpoint;

/// The issuers of one pool; see the fields of the same names in `UserPool`.
pub(crate) struct Issuers {
    pub(crate) issuer: String,
    pub(crate) issuers: Vec<String>,
    pub(crate) former_issuer: Option<String>,
}

impl Issuers {
    /// The issuers of the pool: `given`, or else all that follow from its id and from `replica_regions`.
    pub(crate) fn read(root: &Section<'_>, pool_id: &str, given: Option<String>) -> Self {
        let Some(region) = region_of(pool_id) else {
            // That error is already reported.
            root.optional("replica_regions");
            return Self { issuer: String::new(), issuers: Vec::new(), former_issuer: None };
        };
        let regions = read_replica_regions(root, region);
        let issuer = IssuerForm::Original.issuer(region, pool_id);
        let updated = IssuerForm::Updated.issuer(region, pool_id);
        if let Some(given) = given {
            if root.has_items("replica_regions") {
                let message =
                    "has no effect beside `endpoints.issuer`, which accepts only itself; remove one of them";
                root.fault("replica_regions", message);
            }
            let (issuer, former_issuer) = match is_issuer_of(&given, pool_id) {
                true if given == issuer => (issuer, Some(updated)),
                true => (issuer, Some(given.clone())),
                false => (given.clone(), None),
            };
            return Self { issuer, issuers: vec![given], former_issuer };
        }
        let mut issuers = vec![issuer.clone(), updated.clone()];
        for region in regions {
            issuers.extend(
                [IssuerForm::Original, IssuerForm::Updated].map(|form| form.issuer(&region, pool_id)),
            );
        }
        Self { issuer, issuers, former_issuer: Some(updated) }
    }

    /// The URL of the key set, if none is configured.
    pub(crate) fn jwks(&self) -> Option<Endpoint> {
        Url::parse(&jwks_of(self.issuers.first()?)).ok().as_ref().map(Endpoint::new)
    }
}

/// The second place to ask for the key set at `jwks`: a pool whose issuer isn't updated has none at the host of the
/// updated one.
pub(crate) fn second_jwks(jwks: &Endpoint, pool_id: &str) -> Option<Endpoint> {
    let region = region_of(pool_id)?;
    (jwks.url == jwks_of(&IssuerForm::Updated.issuer(region, pool_id))).then_some(())?;
    let url = jwks_of(&IssuerForm::Original.issuer(region, pool_id));
    Url::parse(&url).ok().as_ref().map(Endpoint::new)
}

fn jwks_of(issuer: &str) -> String {
    format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'))
}

/// Reads the Regions of the pool's replicas. `own` is the pool's Region.
fn read_replica_regions(root: &Section<'_>, own: &str) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for (index, region) in root.texts("replica_regions").unwrap_or_default() {
        let looks_right = is_region(&region)
            && region.contains('-')
            && region.ends_with(|last: char| last.is_ascii_digit());
        let message = if !looks_right {
            "is not the name of a Region, such as eu-west-1"
        } else if region == own {
            "is the pool's own Region"
        } else if regions.contains(&region) {
            "is listed twice"
        } else {
            regions.push(region);
            continue;
        };
        root.fault(&format!("replica_regions[{index}]"), format!("`{region}` {message}"));
    }
    regions
}
