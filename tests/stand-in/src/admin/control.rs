//! Faults, keys, issuers and the record of calls.

use serde::{Deserialize, de::DeserializeOwned, de::IntoDeserializer};
use serde_json::{Value, json};

use crate::{Endpoint, Fault, IssuerType, Times, cognito::Cognito, http::request::Request};

#[derive(Deserialize)]
struct PlanFault {
    endpoint: Endpoint,
    who: String,
    #[serde(flatten)]
    fault: Fault,
    #[serde(default)]
    times: Often,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Often {
    Next(u32),
    Always(Always),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Always {
    Always,
}

#[derive(Deserialize)]
struct Clear {
    who: Option<String>,
}

#[derive(Deserialize)]
struct Rotate {
    pool: String,
}

#[derive(Deserialize)]
struct Switch {
    pool: String,
    #[serde(rename = "type")]
    kind: IssuerType,
    replica: Option<String>,
}

impl Default for Often {
    fn default() -> Self {
        Self::Next(1)
    }
}

pub fn plan_fault(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    let plan: PlanFault = read(asked)?;
    if !cognito.pools.iter().any(|pool| pool.id == plan.who) && cognito.client(&plan.who).is_none() {
        return Err(format!("who: no client or pool {:?}", plan.who));
    }
    let times = match plan.times {
        Often::Next(times) => Times::Next(times),
        Often::Always(Always::Always) => Times::Always,
    };
    cognito.faults.plan(plan.endpoint, &plan.who, plan.fault, times);
    Ok(json!({}))
}

pub fn clear(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    match read(asked)? {
        Clear { who: Some(who) } => cognito.faults.clear(&who),
        Clear { who: None } => cognito.faults.clear_all(),
    }
    Ok(json!({}))
}

pub fn rotate(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    let Rotate { pool } = read(asked)?;
    if cognito.rotate_keys(&pool) { Ok(json!({})) } else { Err(format!("no pool {pool}")) }
}

pub fn switch_issuer(cognito: &mut Cognito, asked: Value) -> Result<Value, String> {
    let Switch { pool, kind, replica } = read(asked)?;
    let found = cognito.pool_mut(&pool).ok_or_else(|| format!("no pool {pool}"))?;
    found.issuer.switch(kind, replica.as_deref());
    Ok(json!({}))
}

pub fn calls(cognito: &Cognito, request: &Request) -> Result<Value, String> {
    let name = request.query.get("endpoint").unwrap_or_default();
    let endpoint: Result<Endpoint, serde::de::value::Error> = Endpoint::deserialize(name.into_deserializer());
    let calls = cognito
        .journal
        .calls(endpoint.map_err(|error| error.to_string())?, request.query.get("who").unwrap_or_default());
    Ok(json!(calls))
}

pub fn read<T: DeserializeOwned>(asked: Value) -> Result<T, String> {
    serde_json::from_value(asked).map_err(|error| error.to_string())
}
