//! `/_stand-in/…`: the controls of the stand-in over HTTP, for people who play with the demo.
//!
//! - `POST fault {"endpoint":"token","who":"<client>","fault":"status","value":500,"times":1}`;
//!   `times` may be `"always"`
//! - `POST clear {"who":"<client>"}`
//! - `POST rotate {"pool":"<pool>"}`
//! - `POST issuer {"pool":"<pool>","type":"UPDATED","replica":"eu-west-1"}`: tokens name the issuer of a real pool, of this
//!   type (or `ORIGINAL`), as a replica in that Region issues them; without `replica`, as the pool's first Region does
//! - `GET calls?endpoint=token&who=<client>`

use serde::{Deserialize, de::DeserializeOwned, de::IntoDeserializer};
use serde_json::{Value, json};

use crate::{
    Endpoint, Fault, IssuerType, Times,
    cognito::Cognito,
    http::{answer::Answer, request::Request},
};

pub const PREFIX: &str = "/_stand-in/";

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
    who: String,
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

pub fn answer(cognito: &mut Cognito, request: &Request) -> Answer {
    let control = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let done = match (request.method.as_str(), control) {
        ("POST", "fault") => plan_fault(cognito, request),
        ("POST", "clear") => body(request).map(|Clear { who }| {
            cognito.faults.clear(&who);
            json!({})
        }),
        ("POST", "rotate") => body(request).and_then(|Rotate { pool }| {
            if cognito.rotate_keys(&pool) { Ok(json!({})) } else { Err(format!("no pool {pool}")) }
        }),
        ("POST", "issuer") => body(request).and_then(|Switch { pool, kind, replica }| {
            let found = cognito.pool_mut(&pool).ok_or_else(|| format!("no pool {pool}"))?;
            found.issuer.switch(kind, replica.as_deref());
            Ok(json!({}))
        }),
        ("GET", "calls") => calls(cognito, request),
        _ => return Answer::json(404, &json!({ "problem": "no such control" })),
    };
    match done {
        Ok(value) => Answer::json(200, &value),
        Err(problem) => Answer::json(400, &json!({ "problem": problem })),
    }
}

fn plan_fault(cognito: &mut Cognito, request: &Request) -> Result<Value, String> {
    let plan: PlanFault = body(request)?;
    let times = match plan.times {
        Often::Next(times) => Times::Next(times),
        Often::Always(Always::Always) => Times::Always,
    };
    cognito.faults.plan(plan.endpoint, &plan.who, plan.fault, times);
    Ok(json!({}))
}

fn calls(cognito: &Cognito, request: &Request) -> Result<Value, String> {
    let name = request.query.get("endpoint").unwrap_or_default();
    let endpoint: Result<Endpoint, serde::de::value::Error> = Endpoint::deserialize(name.into_deserializer());
    let calls = cognito
        .journal
        .calls(endpoint.map_err(|error| error.to_string())?, request.query.get("who").unwrap_or_default());
    Ok(json!(calls))
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_value(request.json()).map_err(|error| error.to_string())
}
