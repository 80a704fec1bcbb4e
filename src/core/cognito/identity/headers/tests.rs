//! Identity headers: their values, and which names count as the same.

use super::*;

#[test]
fn a_role_is_never_read_as_another() {
    let check = |roles: &[&str], expected: &str| {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        assert_eq!(join_roles(&roles, ','), expected);
    };
    check(&["authp/admin", "authp/user"], "authp/admin,authp/user");
    check(&["a,admin", "a|admin", "x%2Cy"], "a%2Cadmin,a|admin,x%252Cy");
    check(&["管理"], "%E7%AE%A1%E7%90%86");
    check(&["a\r\nb", " a b "], "a%0D%0Ab,%20a b%20");
    check(&[], "");
}

#[test]
fn unknown_values_have_no_header() {
    let headers = IdentityHeaders::new(X_AUTH.iter().map(|(n, s)| ((*n).to_owned(), s.clone())).collect());
    let identity = Identity {
        subject: "55dd".into(),
        username: Some("jsmith".into()),
        name: Some("Jo\r\nSmith\u{e9}".into()),
        email: Some(" ".into()),
        ..Identity::default()
    };
    let rendered = rendered(&headers, &identity);
    assert_eq!(
        rendered,
        [
            ("x-auth-user", "jsmith".to_owned()),
            ("x-auth-subject", "55dd".to_owned()),
            ("x-auth-name", "Jo??Smith\u{e9}".to_owned()),
        ]
    );
}

fn rendered<'a>(headers: &'a IdentityHeaders, identity: &'a Identity) -> Vec<(&'a str, String)> {
    let text = |(name, value)| (name, String::from_utf8(value).unwrap());
    headers.render(identity).map(text).collect()
}

#[test]
fn percent_encoded_values_are_ascii_and_decode_to_what_utf8_sends() {
    let all = [
        ("x-name", Source::Name),
        ("x-user", Source::Username),
        ("x-roles", Source::Roles(',')),
        ("x-list", Source::Claim("list".into())),
        ("x-deep", Source::Claim("deep".into())),
    ];
    let headers = IdentityHeaders::new(all.map(|(name, source)| (name.to_owned(), source)).into());
    let claim = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let identity = Identity {
        name: Some(" 100% Zoë\n李\u{85} ".into()),
        username: Some("a%2Cb".into()),
        roles: vec!["é".into(), "a,b".into()],
        claims: vec![claim("list", r#"["é","a,b"]"#), claim("deep", r#"[["é"],"%"]"#)],
        ..Identity::default()
    };
    let utf8 = rendered(&headers, &identity);
    let percent_headers = headers.clone().encoded(Encoding::Percent);
    let percent = rendered(&percent_headers, &identity);
    let of = |values: &[(&str, String)]| values.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
    let lists = ["%C3%A9,a%2Cb", "%C3%A9,a%2Cb"];
    let expected = [&["100% Zoë?李?", "a%2Cb"][..], &lists, &[r#"[["é"],"%"]"#]].concat();
    assert_eq!(of(&utf8), expected);
    let texts = ["100%25 Zo%C3%AB?%E6%9D%8E?", "a%252Cb"];
    let expected = [&texts[..], &lists, &[r#"[["%C3%A9"],"%25"]"#]].concat();
    assert_eq!(of(&percent), expected);
}

#[test]
fn twins_of_our_headers_are_recognised() {
    let headers = IdentityHeaders::new(vec![("x-auth-user".to_owned(), Source::Username)]);
    for twin in ["x-auth-user", "x_auth_user", "X-Auth_User", "x.auth.user", "x!auth~user"] {
        assert!(headers.is_ours(twin), "{twin}");
    }
    for other in ["x-auth-users", "xauthuser", "x-auth", "x-auth-use"] {
        assert!(!headers.is_ours(other), "{other}");
    }
    let long = "x".repeat(100);
    let headers = IdentityHeaders::new(vec![(long.clone(), Source::Username)]);
    assert!(headers.is_ours(&long) && !headers.is_ours("x"));
}
