//! A user pool in memory: it issues codes, accepts each code once, and signs ID tokens. It is as strict as Cognito
//! where that can reveal a mistake of the filter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::cognito::user_pool::UserPool;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::{Callout, CalloutError, CalloutResponse, CalloutResult};
use envoy_cognito_core::time::UnixTime;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded;

use super::DenyList;
use crate::fixed_randomness::FixedRandomness;

/// Contains characters that a wrong encoding would change.
pub const CLIENT_SECRET: &str = "top+secret/of=the-client&%:";

/// The only key of this process. Tokens with another `kid` are signed with it too; wrong signatures are made by
/// changing right ones.
static KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut FixedRandomness(0), 2048).unwrap());

/// Base64url without padding.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The parameters of a query or form, by name; no name may occur twice.
pub fn fields(query: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        assert!(fields.insert(name.clone(), value).is_none(), "{name} occurs twice in {query}");
    }
    fields
}

/// The modulus of the key, as in a JWK.
pub fn public_modulus() -> String {
    b64(KEY.n().to_bytes_be())
}

/// The key itself, for signatures that no library would make.
pub fn signing_key() -> &'static RsaPrivateKey {
    &KEY
}

/// HMAC (RFC 2104), for tokens that are signed with public data.
pub fn hmac_sha256(key: &[u8], message: &str) -> Vec<u8> {
    let key = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// A token that is being built, for tests that need an unusual one.
#[derive(Clone, Debug)]
pub struct Token {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl Token {
    /// Sets a claim, or removes it if the value is `null`.
    pub fn claim(&mut self, name: &str, value: impl Into<Value>) {
        match value.into() {
            Value::Null => self.claims.remove(name),
            value => self.claims.insert(name.to_owned(), value),
        };
    }

    /// Header and claims, ready for signing.
    pub fn signing_input(&self) -> String {
        let part = |part: &Map<String, Value>| b64(Value::Object(part.clone()).to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    /// The token with additional claims, written exactly as given.
    pub fn signed_with(&self, written: &str) -> String {
        let claims = Value::Object(self.claims.clone()).to_string();
        let claims = format!("{},{written}}}", claims.strip_suffix('}').unwrap());
        sign(&format!("{}.{}", b64(Value::Object(self.header.clone()).to_string()), b64(claims)))
    }

    /// The token in compact form.
    pub fn signed(&self) -> String {
        sign(&self.signing_input())
    }
}

/// Appends a valid RS256 signature.
pub fn sign(signing_input: &str) -> String {
    let digest = Sha256::digest(signing_input);
    let signature = KEY.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).unwrap();
    format!("{signing_input}.{}", b64(signature))
}

/// An endpoint that the filter calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Token,
    Keys,
    /// The key set's second place.
    SecondKeys,
    Revoke,
    /// `userInfo` or `GetUser`.
    Attributes,
}

/// How an endpoint responds.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Correctly.
    Good,
    /// With this status and body.
    Says(u16, String),
    /// With this error.
    Fails(CalloutError),
    /// Not yet: the test releases the call later.
    Held,
}

impl Answer {
    /// A response with this status and body.
    pub fn says(status: u16, body: &str) -> Self {
        Self::Says(status, body.to_owned())
    }
}

struct Grant {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

/// What happens to a refresh token when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshing {
    /// It is refused: sessions end when their tokens expire.
    Refused,
    /// It returns tokens and stays valid.
    Kept,
    /// It returns tokens and a new refresh token, and is invalid at once.
    Rotated,
}

/// The browser's own session at Cognito's pages.
#[derive(Clone, Debug)]
pub struct Visit {
    /// When credentials were entered.
    pub auth_time: u64,
    /// The level from 1 to 4.
    pub level: u8,
}

impl Visit {
    const LEVEL: &str = "urn:cognito:loa:";

    /// As in a token.
    pub fn claims(&self) -> Value {
        let amr = if self.level >= 3 { json!(["pwd", "otp", "mfa"]) } else { json!(["pwd"]) };
        json!({"auth_time": self.auth_time, "acr": format!("{}{}", Self::LEVEL, self.level), "amr": amr})
    }
}

type Tamper = Box<dyn Fn(&mut Token)>;
type Mangle = Box<dyn Fn(&Token) -> String>;

/// The user pool.
pub struct Cognito {
    /// The right time; Cognito's clock shows it.
    pub time: UnixTime,
    /// The claims of the person who signs in next.
    pub user: Value,
    /// The `iss` of all tokens; by default the first that the filter accepts.
    pub issuer: Option<String>,
    /// The lifetime of ID tokens, in seconds.
    pub token_seconds: u64,
    /// The ids of the keys in the key set.
    pub published: Vec<String>,
    /// The id of the key that tokens are signed with.
    pub signs_with: String,
    pub token: Answer,
    pub keys: Answer,
    pub second_keys: Answer,
    pub revoke: Answer,
    pub attributes: Answer,
    /// Attributes that ID tokens lack, in addition to their own.
    pub hidden: Value,
    /// The length of refresh tokens. AWS specifies none.
    pub refresh_token_len: usize,
    pub sends_refresh_token: bool,
    pub refreshing: Refreshing,
    pub sends_at_hash: bool,
    pub checks_pkce: bool,
    /// The lifetime of access tokens, which are then JWTs like Cognito's; without it, they aren't readable.
    pub access_token_seconds: Option<u64>,
    /// Additional members of each ID token, written as no library would write them: `"name":"\ud800"`.
    pub written_claims: String,
    /// Replaces members of each successful response of the token endpoint.
    pub token_members: Value,
    /// Changes each ID token before it is signed.
    pub tamper: Option<Tamper>,
    /// Signs each ID token differently.
    pub mangle: Option<Mangle>,
    /// Whether the pool has the Lite plan, which ignores `acr_values` and `max_age` and writes no `acr` and `amr`.
    pub is_lite: bool,
    /// The level that the person can reach.
    pub reaches: u8,
    /// Who is signed in at Cognito's pages.
    pub visit: Option<Visit>,
    /// How often the person had to enter credentials.
    pub prompts: u32,
    /// Every refresh token that was issued and not revoked.
    pub refresh_tokens: Vec<String>,
    grants: BTreeMap<String, Grant>,
    calls: Vec<(Endpoint, UnixTime)>,
    secrets: Vec<String>,
    serial: u64,
    pub deny_list: DenyList,
}

impl Cognito {
    pub fn new(time: UnixTime) -> Self {
        Self {
            time,
            user: json!({
                "sub": "55ddc31e-b818-4136-8fb8-84cfb31af537",
                "cognito:username": "jsmith",
                "email": "jsmith@example.com",
                "email_verified": true,
                "name": "John Smith",
                "custom:roles": "authp/admin|authp/user",
                "custom:timezone": "America/New_York",
            }),
            issuer: None,
            token_seconds: 3600,
            published: vec!["first+key/of=the pool".to_owned()],
            signs_with: "first+key/of=the pool".to_owned(),
            token: Answer::Good,
            keys: Answer::Good,
            second_keys: Answer::Good,
            revoke: Answer::Good,
            attributes: Answer::Good,
            hidden: json!({}),
            refresh_token_len: 1800,
            sends_refresh_token: true,
            refreshing: Refreshing::Refused,
            sends_at_hash: true,
            checks_pkce: true,
            access_token_seconds: None,
            written_claims: String::new(),
            token_members: json!({}),
            tamper: None,
            mangle: None,
            is_lite: false,
            reaches: 4,
            visit: None,
            prompts: 0,
            refresh_tokens: Vec::new(),
            grants: BTreeMap::new(),
            calls: Vec::new(),
            deny_list: DenyList::default(),
            secrets: vec![CLIENT_SECRET.to_owned()],
            serial: 0,
        }
    }

    /// Replaces the keys with new ones.
    pub fn rotate_keys(&mut self, kid: &str) {
        self.published = vec![kid.to_owned()];
        kid.clone_into(&mut self.signs_with);
    }

    /// How often an endpoint was called.
    pub fn calls(&self, endpoint: Endpoint) -> usize {
        self.called_at(endpoint).len()
    }

    /// When an endpoint was called.
    pub fn called_at(&self, endpoint: Endpoint) -> Vec<UnixTime> {
        self.calls.iter().filter(|(called, _)| *called == endpoint).map(|(_, at)| *at).collect()
    }

    /// No secret that was issued may be printed.
    pub fn assert_no_secret_in(&self, text: &str) {
        // A mistake would print one of the latest, and a test may issue thousands.
        for secret in self.secrets.iter().rev().take(40).chain(self.secrets.first()) {
            assert!(!text.contains(secret.as_str()), "a secret is in {text}");
        }
    }

    fn secret(&mut self, kind: &str) -> String {
        self.serial += 1;
        let secret = format!("{kind}-{}", b64(Sha256::digest(format!("{kind} {}", self.serial))));
        self.secrets.push(secret.clone());
        secret
    }

    /// A person signs in at the authorization endpoint. Returns path and query of the callback.
    pub fn authorize(&mut self, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        let query = fields(url.query().unwrap());
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        let redirect_uri = Url::parse(&query["redirect_uri"]).unwrap();
        self.visit_pages(&query);
        let code = self.secret("code");
        let grant = Grant {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
        };
        self.grants.insert(code.clone(), grant);
        format!("{}?code={code}&state={}", redirect_uri.path(), query["state"])
    }

    /// What the person does at the pages: nothing if the session there is good enough.
    fn visit_pages(&mut self, query: &BTreeMap<String, String>) {
        let now = self.time.secs();
        let max_age = query.get("max_age").filter(|_| !self.is_lite).map(|age| age.parse::<u64>().unwrap());
        let is_good = |visit: &Visit| max_age.is_none_or(|age| now - visit.auth_time <= age);
        let is_prompted =
            query.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "login"));
        if is_prompted || !self.visit.as_ref().is_some_and(is_good) {
            self.prompts += 1;
            self.visit = Some(Visit { auth_time: now, level: 1 });
        }
        let levels = query
            .get("acr_values")
            .filter(|_| !self.is_lite)
            .into_iter()
            .flat_map(|values| values.split(' '));
        let levels = levels.filter_map(|value| value.strip_prefix(Visit::LEVEL)?.parse::<u8>().ok());
        if let Some(level) = levels.filter(|level| *level <= self.reaches).max() {
            let visit = self.visit.as_mut().unwrap();
            visit.level = visit.level.max(level);
        }
    }

    /// Answers a call, or holds it back.
    pub fn answer(&mut self, callout: &Callout, config: &Config) -> Option<CalloutResult> {
        if DenyList::is_for(callout) {
            return self.deny_list.answer(callout);
        }
        let (endpoint, pool) = self.endpoint(callout, config);
        self.calls.push((endpoint, self.time));
        let answer = match endpoint {
            Endpoint::Token => &self.token,
            Endpoint::Keys => &self.keys,
            Endpoint::SecondKeys => &self.second_keys,
            Endpoint::Revoke => &self.revoke,
            Endpoint::Attributes => &self.attributes,
        };
        match answer.clone() {
            Answer::Held => None,
            Answer::Fails(error) => Some(Err(error)),
            Answer::Says(status, body) => {
                Some(Ok(CalloutResponse { status, body: body.into_bytes(), etag: None }))
            }
            Answer::Good => Some(Ok(self.good_answer(endpoint, callout, &pool))),
        }
    }

    /// Answers a held call, which is already counted.
    pub fn late_answer(&mut self, callout: &Callout, config: &Config) -> CalloutResult {
        let result = self.answer(callout, config);
        if !DenyList::is_for(callout) {
            self.calls.pop();
        }
        result.expect("it is held back forever")
    }

    /// Checks what must be true of every call, and determines its endpoint and pool.
    fn endpoint(&self, callout: &Callout, config: &Config) -> (Endpoint, Arc<Pool>) {
        let url = &callout.endpoint.url;
        let found = config.pools.all().iter().find_map(|pool| {
            let UserPool { endpoints, clusters, timeouts, .. } = &pool.cognito;
            let second = endpoints
                .second_jwks
                .as_ref()
                .map(|second| (second, Endpoint::SecondKeys, &clusters.api, "GET", timeouts.jwks));
            let known = [
                (&endpoints.token, Endpoint::Token, &clusters.domain, "POST", timeouts.token),
                (&endpoints.jwks, Endpoint::Keys, &clusters.idp, "GET", timeouts.jwks),
                (&endpoints.revoke, Endpoint::Revoke, &clusters.domain, "POST", timeouts.revoke),
                (&endpoints.userinfo, Endpoint::Attributes, &clusters.domain, "GET", timeouts.userinfo),
                (&endpoints.api, Endpoint::Attributes, &clusters.api, "POST", timeouts.userinfo),
            ];
            let known = known.into_iter().chain(second).find(|(endpoint, ..)| endpoint.url == *url)?;
            Some((Arc::clone(pool), known))
        });
        let Some((pool, (_, endpoint, cluster, method, timeout))) = found else {
            panic!("nobody answers at {url}");
        };
        assert_eq!((&callout.cluster, callout.method, callout.timeout), (cluster, method, timeout));
        self.assert_no_secret_in(&format!("{callout:?}"));
        if matches!(endpoint, Endpoint::Token | Endpoint::Revoke) {
            let sent = callout.headers.iter().find(|(name, _)| *name == "authorization");
            let sent = sent.map(|(_, value)| value.expose().clone());
            let id_and_secret = format!("{}:{CLIENT_SECRET}", pool.cognito.client_id);
            let confidential = pool.cognito.client_secret.is_some();
            let expected = confidential.then(|| format!("Basic {}", STANDARD.encode(id_and_secret)));
            assert_eq!(sent, expected);
        }
        (endpoint, pool)
    }

    /// The response of `userInfo` or `GetUser` about the owner of the access token. All values are texts there.
    fn told(&self, callout: &Callout, pool: &Pool) -> CalloutResponse {
        let body = String::from_utf8(callout.body.expose().clone()).unwrap();
        let header = |wanted: &str| {
            let found = callout.headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.expose().clone()).unwrap_or_default()
        };
        let by_api = callout.endpoint.url == pool.cognito.endpoints.api.url;
        let token = if by_api {
            assert_eq!(header("x-amz-target"), "AWSCognitoIdentityProviderService.GetUser");
            assert_eq!(header("content-type"), "application/x-amz-json-1.1");
            serde_json::from_str::<Value>(&body).unwrap()["AccessToken"].as_str().unwrap().to_owned()
        } else {
            header("authorization").strip_prefix("Bearer ").unwrap().to_owned()
        };
        assert!(self.secrets.contains(&token), "a token that was never issued");
        let of = |attributes: &Value| attributes.as_object().unwrap().clone();
        let told = of(&self.user).into_iter().chain(of(&self.hidden));
        let told = told.filter(|(name, _)| !name.starts_with("cognito:"));
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let document = if by_api {
            let told = told.map(|(name, value)| json!({"Name": name, "Value": text(value)}));
            json!({"Username": "jsmith", "UserAttributes": told.collect::<Vec<_>>()})
        } else {
            let told = told.map(|(name, value)| (name, json!(text(value))));
            Value::Object(told.collect())
        };
        respond(200, &document)
    }

    fn good_answer(&mut self, endpoint: Endpoint, callout: &Callout, pool: &Pool) -> CalloutResponse {
        if endpoint == Endpoint::Attributes {
            return self.told(callout, pool);
        }
        let form = fields(std::str::from_utf8(callout.body.expose()).unwrap());
        match endpoint {
            Endpoint::Token if form["grant_type"] == "refresh_token" => self.refresh(&form, pool),
            Endpoint::Token => self.redeem(&form, pool),
            Endpoint::Keys | Endpoint::SecondKeys => respond(200, &self.key_set()),
            Endpoint::Revoke => {
                let before = self.refresh_tokens.len();
                self.refresh_tokens.retain(|token| *token != form["token"]);
                assert!(self.refresh_tokens.len() < before, "an unknown token is revoked");
                respond(200, &Value::Null)
            }
            Endpoint::Attributes => panic!("answered before"),
        }
    }

    /// The document at the JWKS endpoint. It also contains a key of another kind.
    pub fn key_set(&self) -> Value {
        let mut keys = vec![json!({"kty": "EC", "kid": "elliptic", "crv": "P-256", "x": "AA", "y": "AA"})];
        keys.extend(self.published.iter().map(|kid| {
            let (n, e) = (public_modulus(), b64(KEY.e().to_bytes_be()));
            json!({"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": n, "e": e})
        }));
        json!({ "keys": keys })
    }

    fn redeem(&mut self, form: &BTreeMap<String, String>, pool: &Pool) -> CalloutResponse {
        assert_eq!(form["grant_type"], "authorization_code");
        assert_eq!(form["client_id"], pool.cognito.client_id);
        let verifier = form["code_verifier"].clone();
        assert!((43..=128).contains(&verifier.len()), "RFC 7636, section 4.1");
        self.secrets.push(verifier.clone());
        let Some(grant) = self.grants.remove(&form["code"]) else { return refuse("invalid_grant") };
        let pkce_ok = b64(Sha256::digest(verifier)) == grant.challenge;
        if grant.redirect_uri != form["redirect_uri"] || self.checks_pkce && !pkce_ok {
            return refuse("invalid_grant");
        }
        self.hand_out(Some(&grant.nonce), self.sends_refresh_token, pool)
    }

    fn refresh(&mut self, form: &BTreeMap<String, String>, pool: &Pool) -> CalloutResponse {
        assert_eq!(form["client_id"], pool.cognito.client_id);
        let known = self.refresh_tokens.iter().position(|token| *token == form["refresh_token"]);
        let (Some(known), true) = (known, self.refreshing != Refreshing::Refused) else {
            return refuse("invalid_grant");
        };
        let rotated = self.refreshing == Refreshing::Rotated;
        if rotated {
            self.refresh_tokens.remove(known);
        }
        self.hand_out(None, rotated, pool)
    }

    fn hand_out(&mut self, nonce: Option<&str>, with_refresh_token: bool, pool: &Pool) -> CalloutResponse {
        let access_token = match self.access_token_seconds {
            Some(seconds) => {
                self.serial += 1;
                let exp = self.time.secs() + seconds;
                self.access_token(pool, &json!({"exp": exp, "jti": self.serial}))
            }
            None => self.secret("access"),
        };
        let id_token = self.id_token(nonce, &access_token, pool);
        if id_token.len() > 100 {
            // A test may have changed it so much that it can't be recognised.
            self.secrets.push(id_token.clone());
        }
        let mut tokens = json!({"id_token": id_token, "access_token": access_token, "expires_in": 3600});
        if with_refresh_token {
            let mut refresh_token = self.secret("refresh");
            let missing = self.refresh_token_len.saturating_sub(refresh_token.len());
            refresh_token.push_str(&"r".repeat(missing));
            tokens["refresh_token"] = json!(refresh_token);
            self.refresh_tokens.push(refresh_token);
        }
        tokens.as_object_mut().unwrap().extend(self.token_members.as_object().unwrap().clone());
        respond(200, &tokens)
    }

    /// An access token of a pool, as an API client has it. `claims` replace the usual ones; `null` removes one.
    pub fn access_token(&mut self, pool: &Pool, claims: &Value) -> String {
        let now = self.time.secs();
        let mut all = json!({
            "sub": "55ddc31e-b818-4136-8fb8-84cfb31af537", "token_use": "access", "username": "jsmith",
            "iss": self.iss(pool), "client_id": pool.cognito.client_id, "scope": "openid orders/read",
            "cognito:groups": ["staff"], "iat": now, "exp": now + 3600, "version": 2,
        });
        let all = all.as_object_mut().unwrap();
        for (name, value) in claims.as_object().unwrap() {
            all.insert(name.clone(), value.clone());
        }
        all.retain(|_, value| !value.is_null());
        let header = json!({"alg": "RS256", "kid": self.signs_with}).as_object().unwrap().clone();
        let token = Token { header, claims: all.clone() }.signed();
        self.secrets.push(token.clone());
        token
    }

    fn iss(&self, pool: &Pool) -> String {
        self.issuer.clone().unwrap_or_else(|| pool.cognito.issuers[0].clone())
    }

    fn id_token(&self, nonce: Option<&str>, access_token: &str, pool: &Pool) -> String {
        let (Value::Object(header), Value::Object(mut claims)) =
            (json!({"alg": "RS256", "kid": self.signs_with}), self.user.clone())
        else {
            panic!("no objects");
        };
        let now = self.time.secs();
        let mut own = json!({
            "iss": self.iss(pool), "aud": pool.cognito.client_id, "token_use": "id",
            "iat": now, "auth_time": now, "exp": now + self.token_seconds,
        });
        if let Some(visit) = &self.visit {
            let mut visit = visit.claims();
            if self.is_lite {
                visit = json!({"auth_time": visit["auth_time"]});
            }
            own.as_object_mut().unwrap().extend(visit.as_object().unwrap().clone());
        }
        if let Some(nonce) = nonce {
            own["nonce"] = json!(nonce);
        }
        if self.sends_at_hash {
            own["at_hash"] = json!(b64(&Sha256::digest(access_token)[..16]));
        }
        claims.extend(own.as_object().unwrap().clone());
        let mut token = Token { header, claims };
        if let Some(tamper) = &self.tamper {
            tamper(&mut token);
        }
        match &self.mangle {
            Some(mangle) => mangle(&token),
            None if self.written_claims.is_empty() => token.signed(),
            None => token.signed_with(&self.written_claims),
        }
    }
}

fn respond(status: u16, body: &Value) -> CalloutResponse {
    CalloutResponse { status, body: body.to_string().into_bytes(), etag: None }
}

fn refuse(error: &str) -> CalloutResponse {
    respond(400, &json!({ "error": error }))
}
