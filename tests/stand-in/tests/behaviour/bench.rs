//! A stand-in, a browser and a client, with little to write for each step.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rsa::{BigUint, RsaPublicKey, pkcs1v15, signature::Verifier};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stand_in::{Client, Config, Pool, StandIn, User};
use ureq::{Agent, http};

pub const POOL: &str = "eu-central-1_Bench";
pub const CLIENT: &str = "bench";
pub const SECRET: &str = "a+secret";
pub const CALLBACK: &str = "http://localhost:8080/callback";
pub const SIGNED_OUT: &str = "http://localhost:8080/bye";
pub const ALL_SCOPES: &str = "openid email profile phone aws.cognito.signin.user.admin";

pub struct Bench {
    pub stand_in: StandIn,
    agent: Agent,
    cookies: RefCell<BTreeMap<String, String>>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

pub fn client() -> Client {
    Client {
        secret: Some(SECRET.into()),
        callback_urls: vec![CALLBACK.into()],
        logout_urls: vec![SIGNED_OUT.into()],
        ..Client::new(CLIENT)
    }
}

pub fn alice() -> User {
    let user = User::new("alice", "The@Password")
        .with("name", "Alice")
        .with("email", "alice@example.com")
        .with("email_verified", "true")
        .with("phone_number", "+1")
        .with("custom:roles", "admin|user");
    User { groups: vec!["a,b".into(), "c|d".into(), "é".into()], ..user }
}

impl Bench {
    pub fn new() -> Self {
        Self::with(client())
    }

    pub fn with(client: Client) -> Self {
        Self::of(Pool { clients: vec![client], ..Pool::new(POOL) })
    }

    /// The same people in another pool, if it has none of its own.
    pub fn of(mut pool: Pool) -> Self {
        if pool.users.is_empty() {
            pool.users = vec![alice(), User::new("bob", "Another@Password")];
        }
        let config = Config::new(vec![pool]);
        let anywhere = ([127, 0, 0, 1], 0).into();
        let agent = Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
        Self {
            stand_in: StandIn::start_with(config, anywhere, anywhere, Some(anywhere)).unwrap(),
            agent: agent.http_status_as_error(false).build().into(),
            cookies: RefCell::default(),
        }
    }

    pub fn admin_url(&self) -> String {
        self.stand_in.admin_url().unwrap()
    }

    /// A browser's request, with its cookies. A body makes it a POST.
    pub fn browse(&self, url: &str, form: Option<&[(&str, &str)]>) -> Reply {
        let url = if url.starts_with('/') { self.stand_in.domain_url() + url } else { url.to_owned() };
        let cookies = self.cookies.borrow().iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        let headers = [("cookie", cookies.join("; "))];
        let reply = self.call(&url, &headers, form.map(encode)).unwrap();
        for cookie in reply.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            let mut cookies = self.cookies.borrow_mut();
            match value {
                "" => drop(cookies.remove(name)),
                _ => drop(cookies.insert(name.into(), value.into())),
            }
        }
        reply
    }

    /// Types name and password into the page that a URL leads to.
    pub fn sign_in(&self, url: &str, username: &str, password: &str) -> Reply {
        let login = self.browse(url, None).location();
        let page = self.browse(&login, None);
        assert_eq!(page.status, 200, "{page:?}");
        let csrf = self.cookies.borrow()["XSRF-TOKEN"].clone();
        assert!(page.body.contains(&csrf));
        self.browse(&login, Some(&[("_csrf", &csrf), ("username", username), ("password", password)]))
    }

    /// The authorize URL with the usual parameters, some replaced. An empty one is left out.
    pub fn authorize(&self, changes: &[(&str, &str)]) -> String {
        let usual = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", CALLBACK),
            ("scope", ALL_SCOPES),
            ("state", "a state"),
        ];
        let mut all: BTreeMap<_, _> = usual.into_iter().chain(changes.iter().copied()).collect();
        all.retain(|_, value| !value.is_empty());
        let pairs: Vec<_> = all.into_iter().collect();
        format!("/oauth2/authorize?{}", encode(&pairs))
    }

    /// A code for Alice.
    pub fn code(&self, changes: &[(&str, &str)]) -> String {
        let url = self.authorize(changes);
        let signed_in = self.cookies.borrow().contains_key("cognito");
        let reply =
            if signed_in { self.browse(&url, None) } else { self.sign_in(&url, "alice", "The@Password") };
        reply.parameter("code").unwrap_or_else(|| panic!("{reply:?}"))
    }

    /// The tokens of a new sign-in of Alice.
    pub fn tokens(&self, changes: &[(&str, &str)]) -> Value {
        let reply = self.redeem(&self.code(changes), &[]);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub fn redeem(&self, code: &str, more: &[(&str, &str)]) -> Reply {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        form.extend(more);
        self.post("/oauth2/token", &form)
    }

    pub fn refresh(&self, token: &str) -> Reply {
        self.post("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// The client's POST to the domain, with its secret.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
        let url = self.stand_in.domain_url() + path;
        self.call(&url, &[("authorization", basic)], Some(encode(form))).unwrap()
    }

    pub fn user_info(&self, tokens: &Value) -> Reply {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        self.call(&(self.stand_in.domain_url() + "/oauth2/userInfo"), &[("authorization", bearer)], None)
            .unwrap()
    }

    pub fn jwks(&self) -> Reply {
        self.call(&(self.stand_in.issuer(POOL) + "/.well-known/jwks.json"), &[], None).unwrap()
    }

    pub fn call(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: Option<String>,
    ) -> Result<Reply, ureq::Error> {
        let mut request = http::Request::builder().uri(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = match body {
            Some(body) => {
                let request = request.method("POST");
                let kind = "application/x-www-form-urlencoded";
                let given = headers.iter().any(|(name, _)| *name == "content-type");
                let request = if given { request } else { request.header("content-type", kind) };
                self.agent.run(request.body(body).unwrap())?
            }
            None => self.agent.run(request.body(()).unwrap())?,
        };
        Ok(Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().with_config().limit(100_000_000).read_to_string()?,
        })
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> String {
        assert_eq!(self.status, 302, "{self:?}");
        self.header("location").to_owned()
    }

    /// A parameter of the location's query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let location = self.location();
        let (_, query) = location.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// Header and claims of a token, unverified.
pub fn opened(token: &Value) -> (Value, Value) {
    let mut parts = token.as_str().unwrap().split('.');
    let mut part = || serde_json::from_slice(&from_base64url(parts.next().unwrap())).unwrap();
    (part(), part())
}

pub fn claims(token: &Value) -> Value {
    opened(token).1
}

/// Whether the key of the token's `kid` in this key set made its signature.
pub fn verifies(token: &Value, key_set: &Value) -> bool {
    let (message, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
    let kid = &opened(token).0["kid"];
    let keys = key_set["keys"].as_array().unwrap();
    let Some(key) = keys.iter().find(|key| key["kid"] == *kid) else { return false };
    let number = |name: &str| BigUint::from_bytes_be(&from_base64url(key[name].as_str().unwrap()));
    let public = RsaPublicKey::new(number("n"), number("e")).unwrap();
    let Ok(signature) = pkcs1v15::Signature::try_from(from_base64url(signature).as_slice()) else {
        return false;
    };
    pkcs1v15::VerifyingKey::<Sha256>::new(public).verify(message.as_bytes(), &signature).is_ok()
}

pub fn sha256_base64url(text: &str, bytes: usize) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..bytes])
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
