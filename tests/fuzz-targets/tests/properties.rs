//! What must be true of values that the filter makes itself, tried with many.

use std::collections::HashMap;

use envoy_cognito_core::cognito::identity::headers::{IdentityHeaders, Source};
use envoy_cognito_core::cognito::identity::join_roles;
use envoy_cognito_core::crypto::seal::{Binding, Keyring};
use envoy_cognito_core::crypto::secret::Secret;
use envoy_cognito_core::flow::forward::spoofed;
use envoy_cognito_core::http::cookie::{Cookies, MAX_COOKIE};
use envoy_cognito_core::oidc::{RefreshToken, SessionTokens};
use envoy_cognito_core::session::{Session, StoreError};
use envoy_cognito_core::time::UnixTime;
use envoy_cognito_core::worker::cache::{Cache, CacheKey, CacheLimits};
use fuzz_targets::Random;
use fuzz_targets::fixed::{Counted, NOW, OURS, config, store};

fn key_of(random: &mut Random) -> [u8; 32] {
    random.bytes(32).try_into().unwrap()
}

#[test]
fn what_is_sealed_opens_under_its_key_and_for_its_purpose_alone() {
    let mut random = Random(1);
    for _ in 0..300 {
        let (old, new) = (key_of(&mut random), key_of(&mut random));
        let parts: Vec<Vec<u8>> = (0..3).map(|_| text(&mut random, b"ab", 2)).collect();
        let other: Vec<Vec<u8>> = (0..3).map(|_| text(&mut random, b"ab", 2)).collect();
        let binding = |parts: &[Vec<u8>]| Binding::new(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let plaintext = {
            let len = random.below(600);
            random.bytes(len)
        };
        let mut entropy = Counted(Random(random.bits()));
        let sealed = Keyring::new(&[old]).seal(&binding(&parts), &plaintext, &mut entropy).unwrap();
        let open = |keys: &[[u8; 32]], parts: &[Vec<u8>]| {
            Keyring::new(keys).open(&binding(parts), sealed.as_bytes())
        };
        // Nonce, text and tag in base64.
        assert_eq!(sealed.len(), ((24 + plaintext.len() + 16) * 4).div_ceil(3));
        assert_eq!(open(&[old], &parts).as_ref(), Some(&plaintext));
        assert_eq!(open(&[new, old], &parts).as_ref(), Some(&plaintext), "after a rotation");
        assert_eq!(open(&[new], &parts), None, "under another key");
        assert_eq!(open(&[old], &other).is_some(), parts == other, "{parts:?} {other:?}");
        let joined = Binding::new(&[&parts.concat()]);
        assert_eq!(Keyring::new(&[old]).open(&joined, sealed.as_bytes()), None, "parts don't run together");
    }
}

fn text(random: &mut Random, of: &[u8], max: usize) -> Vec<u8> {
    (0..random.below(max + 1)).map(|_| of[random.below(of.len())]).collect()
}

/// Stores and reads the tokens of a session whose refresh token has this length.
fn kept(len: usize) -> Result<(), StoreError> {
    let config = config("[]");
    let store = store(&config);
    let session = Session {
        id: [7; 16],
        signed_in_at: NOW,
        renewed_at: NOW,
        expires_at: NOW,
        seen_at: NOW,
        identity: Default::default(),
    };
    let token = "r".repeat(len);
    let refresh = Some(RefreshToken(Secret::new(token.clone())));
    let tokens = SessionTokens { refresh, ..SessionTokens::default() };
    let set_cookies = store.keep(&session, &tokens, &[], NOW, &mut Counted(Random(1)))?;
    assert!(set_cookies.iter().all(|cookie| cookie.len() <= MAX_COOKIE), "{len}");
    let mut pairs: Vec<&str> = set_cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    // Browsers send them in any order, and a part of a longer value may be left over.
    pairs.reverse();
    pairs.push("__Host-auth-tokens.9=left");
    let header = pairs.join("; ");
    let read = store.session_tokens(&Cookies::parse([header.as_bytes()].into_iter()), Some(session.id));
    assert_eq!(
        read.and_then(|tokens| tokens.refresh).map(|token| token.0.expose().clone()),
        Some(token),
        "{len}"
    );
    Ok(())
}

#[test]
fn tokens_of_every_length_around_a_cookie_are_kept_and_read() {
    // One cookie holds about 2,900 bytes of a token, two about 5,900.
    for len in (2_700..3_100).chain(5_700..6_150) {
        kept(len).unwrap();
    }
    let refused: Vec<usize> = (22_000..25_000).step_by(20).filter(|len| kept(*len).is_err()).collect();
    assert!(refused.windows(2).all(|two| two[0] + 20 == two[1]) && !refused.is_empty(), "one limit");
    assert_eq!(refused.last(), Some(&24_980), "and what is longer is refused");
}

#[test]
fn no_two_lists_of_roles_make_the_same_header() {
    const PIECES: [&str; 13] =
        ["a", "admin", ",", "%", "%2C", "2C", " ", "|", "\n", "\u{e9}", "\u{ff0c}", "\"", "%20"];
    let mut random = Random(2);
    for separator in [',', ' '] {
        let mut seen: HashMap<String, Vec<String>> = HashMap::new();
        for _ in 0..20_000 {
            let roles: Vec<String> = (0..random.below(4))
                .map(|_| (0..=random.below(3)).map(|_| random.pick(&PIECES)).collect())
                .collect();
            let header = join_roles(&roles, separator);
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header:?}");
            assert_eq!(header.trim(), header, "no proxy may trim it");
            let split = header.split(separator).filter(|role| !role.is_empty()).map(decoded);
            assert_eq!(split.collect::<Vec<_>>(), roles, "{header}");
            let known = seen.entry(header).or_insert_with(|| roles.clone());
            assert_eq!(*known, roles);
        }
    }
}

fn decoded(role: &str) -> String {
    let mut pieces = role.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_twin_of_a_header_is_taken_out_and_no_other() {
    let headers = IdentityHeaders::new(OURS.map(|name| (name.to_owned(), Source::Subject)).into());
    let mut random = Random(3);
    let fold = |name: &str| -> String {
        let fold = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        name.chars().map(fold).collect()
    };
    let mut twins = 0;
    for _ in 0..50_000 {
        let mut name = random.pick(&OURS).as_bytes().to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(name.len());
            match random.below(12) {
                0 => drop(name.remove(at)),
                1 => name.insert(at, b'-'),
                2 => name[at] = b'x',
                3..=6 => name[at] = name[at].to_ascii_uppercase(),
                _ if !name[at].is_ascii_alphanumeric() => name[at] = b"-_.!~*'+|^`#$%&"[random.below(15)],
                _ => {}
            }
        }
        let name = String::from_utf8(name).unwrap();
        let is_twin = OURS.iter().any(|ours| fold(ours) == fold(&name));
        twins += usize::from(is_twin);
        assert_eq!(headers.is_ours(&name), is_twin, "{name}");
        let removed = spoofed([name.as_bytes(), b"accept"].into_iter(), &headers);
        assert_eq!(removed, if is_twin { vec![name] } else { vec![] });
    }
    assert!((10_000..45_000).contains(&twins), "{twins} twins");
}

#[test]
fn what_is_remembered_answers_for_its_own_key_alone() {
    let mut random = Random(4);
    for limits in [CacheLimits { entries: 4, bytes: 10_000 }, CacheLimits { entries: 100, bytes: 300 }] {
        let mut table = Cache::new(limits);
        let mut model: HashMap<(Vec<u8>, String), (u64, UnixTime)> = HashMap::new();
        let (mut now, mut answers) = (0, 0);
        for number in 0..50_000 {
            now += u64::from(random.below(20) == 0);
            let bytes = text(&mut random, b"ab", 3);
            let within = String::from_utf8(text(&mut random, b"ab", 2)).unwrap();
            let key = CacheKey { within: &within, bytes: &bytes };
            let found = table.get(key, UnixTime::from_secs(now));
            if let Some(found) = found {
                let (known, until) = model[&(bytes.clone(), within.clone())];
                assert_eq!(found, known, "{bytes:?} {within}");
                assert!(UnixTime::from_secs(now) < until, "it still holds");
                answers += 1;
            } else {
                let until = UnixTime::from_secs(now + random.below(5) as u64);
                table.put(key, number, random.below(40), until);
                model.insert((bytes.clone(), within.clone()), (number, until));
            }
        }
        assert!(answers > 1_000, "{answers} answers");
    }
}
