//! Sealed cookies: a changed value doesn't open, and an opened value is read whatever it contains.

use std::sync::Arc;

use envoy_cognito_core::cognito::identity::Identity;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::secret::Secret;
use envoy_cognito_core::http::cookie::Cookies;
use envoy_cognito_core::oidc::{RefreshToken, SessionTokens};
use envoy_cognito_core::session::{FlowId, PendingSignIn, Session};

use crate::Random;
use crate::bent::read;
use crate::fixed::{Counted, HOST, NOW, config, pool, store};

const FLOW_ID: &str = "0123456789abcdef";

/// One valid cookie of each kind.
struct Good {
    config: Arc<Config>,
    /// Names and sealed values of the identity, the tokens, and a sign-in.
    sealed: [(String, String); 3],
}

thread_local! {
    static GOOD: Good = Good::new();
}

impl Good {
    fn new() -> Self {
        let config = config("[]");
        let mut entropy = Counted(Random(1));
        let session = Session {
            id: [7; 16],
            signed_in_at: NOW,
            renewed_at: NOW,
            expires_at: NOW.plus(std::time::Duration::from_secs(3600)),
            seen_at: NOW,
            identity: Arc::new(Identity { subject: "55dd".into(), ..Identity::default() }),
        };
        let refresh = Some(RefreshToken(Secret::new("refresh".to_owned())));
        let tokens = SessionTokens { refresh, ..SessionTokens::default() };
        let kept = store(&config).keep(&session, &tokens, &[], NOW, &mut entropy).expect("two cookies");
        let value = |cookie: &String| {
            let (name, rest) = cookie.split_once('=').expect("a name");
            let (value, _) = rest.split_once(';').expect("attributes");
            (name.to_owned(), value.to_owned())
        };
        let name = pool(&config).cookies.flow_name(&FlowId::parse(FLOW_ID).expect("an id"));
        let flow = PendingSignIn {
            secret: [9; 16],
            nonce: "nonce".to_owned(),
            code_verifier: "verifier".to_owned(),
            redirect_uri: format!("https://{HOST}/.auth/callback"),
            return_to: "/".to_owned(),
            started_at: NOW,
            is_shortened: false,
            asked: Vec::new(),
        };
        let flow = store(&config).seal(&name, &flow, &mut entropy).expect("randomness");
        let sealed = [value(&kept[0]), value(&kept[1]), (name, flow)];
        Self { config, sealed }
    }

    /// Whether a value opens as a cookie of that kind.
    fn opens(&self, kind: usize, value: &[u8]) -> bool {
        let store = store(&self.config);
        let name = &self.sealed[kind].0;
        let header = [name.as_bytes(), b"=", value].concat();
        let cookies = Cookies::parse([header.as_slice()].into_iter());
        match kind {
            0 => store.open_session(value).is_some(),
            1 => store.session_tokens(&cookies, None).is_some(),
            _ => store.open::<PendingSignIn>(name, value).is_some(),
        }
    }
}

/// The first byte of the input selects the cookie; the rest is its value, or a script that edits a valid one.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    GOOD.with(|good| {
        let kind = usize::from(*kind % 3);
        let (name, sealed) = &good.sealed[kind];
        let value = read(sealed.as_bytes(), rest);
        // The parser of cookies removes surrounding blanks and stops at a semicolon.
        if !value.iter().any(|byte| *byte == b';' || byte.is_ascii_whitespace()) {
            let opens = good.opens(kind, &value);
            assert_eq!(opens, value == sealed.as_bytes(), "{name}={}", value.escape_ascii());
        }
        for (other, (name, _)) in good.sealed.iter().enumerate().filter(|(other, _)| *other != kind) {
            assert!(!good.opens(other, &value), "{name} doesn't open as another cookie");
        }
        whatever_is_sealed_is_read(good, kind, rest);
    });
}

/// An older version may have sealed anything under these names.
fn whatever_is_sealed_is_read(good: &Good, kind: usize, plaintext: &[u8]) {
    let (config, name) = (&good.config, &good.sealed[kind].0);
    let binding = pool(config).binding().and(&[HOST.as_bytes()]).and(&[name.as_bytes()]);
    let sealed = config.keyring.seal(&binding, plaintext, &mut Counted(Random(2))).expect("randomness");
    assert_eq!(config.keyring.open(&binding, sealed.as_bytes()).as_deref(), Some(plaintext));
    let opens = good.opens(kind, sealed.as_bytes());
    if kind == 0 && opens {
        let session = store(config).open_session(sealed.as_bytes()).expect("it opened just now");
        let _ = (session.lasts(config, NOW), session.freshness(config, NOW), session.ends_at(config));
        // Times are sealed in seconds: a value beyond the maximum is stable after one round trip.
        let round = |session: &Session| {
            let again = store(config).seal(name, session, &mut Counted(Random(3))).expect("randomness");
            store(config).open_session(again.as_bytes())
        };
        let settled = round(&session).expect("it was sealed just now");
        assert_eq!(round(&settled), Some(settled));
    }
}
