//! App clients, and their styles.

use serde::Deserialize;
use serde_json::json;

use super::{Call, Outcome, Problem};
use crate::{cognito::now, random};

mod settings;

use settings::Settings;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfClient {
    user_pool_id: String,
    client_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Branding {
    user_pool_id: String,
    client_id: String,
    use_cognito_provided_values: bool,
}

pub fn create(mut call: Call<'_>) -> Outcome {
    let settings: Settings = call.read()?;
    let secret = settings.generate_secret.then(|| random::lower_case_and_digits(51));
    let id = random::lower_case_and_digits(26);
    put(&mut call, &settings, &id, secret, now())
}

pub fn update(mut call: Call<'_>) -> Outcome {
    let mut settings: Settings = call.read()?;
    let Some(id) = settings.client_id.take() else { return Err(Problem::invalid("ClientId is missing")) };
    let known = of_client(&mut call, &settings.user_pool_id, &id)?;
    settings.client_name = settings.client_name.or_else(|| known["ClientName"].as_str().map(String::from));
    let (secret, created) = (known["ClientSecret"].as_str(), known["CreationDate"].as_u64());
    let secret = secret.map(String::from);
    put(&mut call, &settings, &id, secret, created.unwrap_or_default())
}

pub fn describe(mut call: Call<'_>) -> Outcome {
    let OfClient { user_pool_id, client_id } = call.read()?;
    Ok(json!({ "UserPoolClient": of_client(&mut call, &user_pool_id, &client_id)? }))
}

pub fn brand(mut call: Call<'_>) -> Outcome {
    let asked: Branding = call.read()?;
    of_client(&mut call, &asked.user_pool_id, &asked.client_id)?;
    if !asked.use_cognito_provided_values {
        return Err(Problem::invalid("the stand-in has no styles but Cognito's own"));
    }
    if !call.set_up(&asked.user_pool_id)?.branded.insert(asked.client_id) {
        let problem = "A managed login branding style exists for the app client already.";
        return Err(Problem::new("ManagedLoginBrandingExistsException", problem));
    }
    let branding = json!({
        "ManagedLoginBrandingId": random::uuid(),
        "UserPoolId": asked.user_pool_id,
        "UseCognitoProvidedValues": true,
        "CreationDate": now(),
        "LastModifiedDate": now(),
    });
    Ok(json!({ "ManagedLoginBranding": branding }))
}

/// The description of a client.
fn of_client(call: &mut Call<'_>, pool_id: &str, id: &str) -> Outcome {
    let known = call.set_up(pool_id)?.clients.get(id).cloned();
    known.ok_or_else(|| {
        Problem::new("ResourceNotFoundException", format!("User pool client {id} does not exist."))
    })
}

fn put(call: &mut Call<'_>, settings: &Settings, id: &str, secret: Option<String>, created: u64) -> Outcome {
    let pool = call.pool(&settings.user_pool_id)?;
    let Some(set_up) = pool.set_up.as_mut() else { return Err(super::no_pool(&pool.id)) };
    settings.check(&set_up.schema)?;
    let client = settings.client(id, secret)?;
    let mut described = json!(settings);
    described["ClientId"] = id.into();
    described["CreationDate"] = created.into();
    described["LastModifiedDate"] = now().into();
    if let Some(secret) = &client.secret {
        described["ClientSecret"] = secret.as_str().into();
    }
    set_up.clients.insert(id.into(), described.clone());
    pool.put_client(client);
    Ok(json!({ "UserPoolClient": described }))
}
