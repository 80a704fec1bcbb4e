//! A client's request to `/oauth2/authorize`, checked.

use std::sync::Arc;

use form_urlencoded::Serializer;

use crate::{
    Client, User,
    cognito::{
        Cognito, UserPool,
        grants::SignIn,
        now,
        sessions::{Session, Strength},
    },
    http::{answer::Answer, request::Request},
};

pub struct CodeRequest {
    pub pool_id: String,
    pub client: Arc<Client>,
    scopes: Vec<String>,
    redirect_uri: String,
    state: Option<String>,
    challenge: Option<String>,
    nonce: Option<String>,
    /// What the access token is to be bound to (RFC 8707).
    resource: Option<String>,
    /// The words of `prompt`.
    prompt: Vec<String>,
    /// The words of `acr_values`, and `max_age`; none at a pool of the Lite plan, which ignores them.
    acr_values: Vec<String>,
    max_age: Option<u64>,
}

impl CodeRequest {
    /// An error redirects to the client if its redirect URI is valid, and otherwise to `/error`.
    pub fn parse(cognito: &Cognito, request: &Request) -> Result<Self, Answer> {
        let query = &request.query;
        let error_page = |error: &str, client_id| Err(error_page(cognito, request, error, client_id));
        let Some(client_id) = query.get("client_id") else {
            return error_page("Required parameters missing", None);
        };
        let Some((pool, client)) = cognito.client(client_id) else {
            return error_page("Client does not exist", Some(client_id));
        };
        if let Some(problem) = pool.set_up.as_ref().and_then(|set_up| set_up.lacks_pages(client_id)) {
            return error_page(problem, Some(client_id));
        }
        let redirect_uri = match (query.get("redirect_uri"), client.callback_urls.as_slice()) {
            (Some(url), _) => url,
            (None, [only]) if !only.contains('*') => only,
            (None, _) => return error_page("Required parameters missing", Some(client_id)),
        };
        if !client.may_return_to(redirect_uri) {
            return error_page("redirect_mismatch", Some(client_id));
        }

        let state = query.get("state");
        let refuse = |error: &str| Err(redirect(redirect_uri, [("error", Some(error)), ("state", state)]));
        match query.get("response_type") {
            Some("code") => {}
            Some("token") => return refuse("unauthorized_client"),
            _ => return refuse("invalid_request"),
        }
        let challenge = query.get("code_challenge");
        if query.get("code_challenge_method") != challenge.map(|_| "S256") {
            return refuse("invalid_request");
        }
        let resource = query.get("resource");
        if resource.is_some_and(|resource| !may_be_resource(resource)) {
            return refuse("invalid_target");
        }
        let scopes = match scopes(query.get("scope"), pool, &client) {
            Ok(scopes) => scopes,
            Err(ScopeError::Unknown) => return refuse("invalid_scope"),
            // Both this shape and the one above were seen in real traces.
            Err(ScopeError::Forbidden) => {
                let description = ("error_description", Some("invalid_scope"));
                let error = ("error", Some("invalid_request"));
                return Err(redirect(redirect_uri, [description, ("state", state), error]));
            }
        };

        Ok(Self {
            pool_id: pool.id.clone(),
            redirect_uri: redirect_uri.into(),
            scopes,
            state: state.map(String::from),
            challenge: challenge.map(String::from),
            nonce: query.get("nonce").map(String::from),
            resource: resource.map(String::from),
            prompt: query.get("prompt").unwrap_or_default().split(' ').map(String::from).collect(),
            acr_values: words(query.get("acr_values").filter(|_| !pool.lite)),
            max_age: query.get("max_age").filter(|_| !pool.lite).and_then(|age| age.parse().ok()),
            client,
        })
    }

    pub fn prompts(&self, prompt: &str) -> bool {
        self.prompt.iter().any(|asked| asked == prompt)
    }

    /// The strongest way to sign in that is asked for and that the person has.
    pub fn strength(&self, user: &User) -> Strength {
        let asks = |strength: Strength| self.acr_values.iter().any(|acr| acr == strength.acr());
        if user.totp && asks(Strength::Totp) { Strength::Totp } else { Strength::Password }
    }

    /// Whether the session of the pages is recent and strong enough.
    pub fn is_met_by(&self, cognito: &Cognito, session: &Session) -> bool {
        let user = cognito.pool(&session.pool_id).and_then(|pool| pool.user(&session.username));
        let is_recent = self.max_age.is_none_or(|age| now() <= session.auth_time + age);
        is_recent && user.is_some_and(|user| session.strength >= self.strength(user))
    }

    pub fn refused(&self, error: &str) -> Answer {
        redirect(&self.redirect_uri, [("error", Some(error)), ("state", self.state.as_deref())])
    }

    /// Sends the browser back with a code.
    pub fn granted(&self, cognito: &mut Cognito, session: Session) -> Answer {
        let sign_in = SignIn {
            pool_id: session.pool_id,
            client_id: self.client.id.clone(),
            username: session.username,
            scopes: self.scopes.clone(),
            auth_time: session.auth_time,
            resource: self.resource.clone(),
            strength: session.strength,
        };
        let (challenge, nonce) = (self.challenge.as_deref(), self.nonce.as_deref());
        let code = cognito.grants.add_code(sign_in, &self.redirect_uri, challenge, nonce);
        redirect(&self.redirect_uri, [("code", Some(&code)), ("state", self.state.as_deref())])
    }
}

fn words(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().split_ascii_whitespace().map(String::from).collect()
}

enum ScopeError {
    /// Exists nowhere, or needs `openid`.
    Unknown,
    /// Exists, but not for this client.
    Forbidden,
}

/// Cognito takes one URL: https, http for localhost, or of a scheme of an app's own.
fn may_be_resource(resource: &str) -> bool {
    let Some((scheme, rest)) = resource.split_once("://") else { return false };
    let is_local = rest.split(['/', ':', '?']).next() == Some("localhost");
    !rest.is_empty() && !rest.contains(['#', ' ']) && (scheme != "http" || is_local)
}

fn scopes(asked: Option<&str>, pool: &UserPool, client: &Client) -> Result<Vec<String>, ScopeError> {
    let Some(asked) = asked else { return Ok(client.scopes.clone()) };
    let scopes: Vec<String> = asked.split(' ').filter(|scope| !scope.is_empty()).map(String::from).collect();
    if !scopes.iter().all(|scope| pool.knows_scope(scope)) {
        return Err(ScopeError::Unknown);
    }
    if !scopes.iter().all(|scope| client.scopes.contains(scope)) {
        return Err(ScopeError::Forbidden);
    }
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    if ["email", "phone", "profile"].into_iter().any(has) && !has("openid") {
        return Err(ScopeError::Unknown);
    }
    Ok(scopes)
}

fn error_page(cognito: &Cognito, request: &Request, error: &str, client_id: Option<&str>) -> Answer {
    redirect(
        &format!("{}/error", cognito.pages_url(request.header("host"))),
        [("error", Some(error)), ("client_id", client_id)],
    )
}

fn redirect<const N: usize>(to: &str, parameters: [(&str, Option<&str>); N]) -> Answer {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let separator = if to.contains('?') { '&' } else { '?' };
    Answer::redirect(format!("{to}{separator}{}", query.finish()))
}
