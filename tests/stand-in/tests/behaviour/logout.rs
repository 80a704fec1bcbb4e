//! Both forms of `/logout`.

use crate::bench::*;

#[test]
fn a_sign_out_url_is_where_it_ends() {
    let bench = Bench::new();
    let tokens = bench.tokens(&[]);
    let url = format!("/logout?client_id={CLIENT}&logout_uri={SIGNED_OUT}&state=lost");
    assert_eq!(bench.browse(&url, None).location(), SIGNED_OUT);
    assert!(bench.browse(&bench.authorize(&[]), None).location().contains("/login?"));
    assert_eq!(bench.refresh(text(&tokens["refresh_token"])).status, 200);
}

#[test]
fn a_callback_is_where_the_next_sign_in_goes() {
    let bench = Bench::new();
    bench.tokens(&[]);
    let query = format!("client_id={CLIENT}&redirect_uri={CALLBACK}&response_type=code&state=s");
    let login = bench.browse(&format!("/logout?{query}"), None).location();
    assert_eq!(login, format!("{}/login?{query}", bench.stand_in.domain_url()));
    assert!(bench.browse(&bench.authorize(&[]), None).location().contains("/login?"));
}

#[test]
fn a_bad_or_missing_url_is_a_page_and_the_session_stays() {
    let bench = Bench::new();
    bench.tokens(&[]);
    for query in [
        String::new(),
        format!("client_id={CLIENT}"),
        format!("client_id={CLIENT}&post_logout_redirect_uri={SIGNED_OUT}"),
        format!("client_id={CLIENT}&logout_uri={SIGNED_OUT}/"),
        format!("client_id={CLIENT}&logout_uri={CALLBACK}"),
        format!("client_id={CLIENT}&redirect_uri={SIGNED_OUT}&response_type=code"),
        format!("client_id={CLIENT}&redirect_uri={CALLBACK}"),
        format!("client_id=other&logout_uri={SIGNED_OUT}"),
    ] {
        let page = bench.browse(&format!("/logout?{query}"), None);
        assert_eq!(page.status, 400, "{query}");
        assert!(page.header("content-type").starts_with("text/html"));
    }
    assert!(bench.browse(&bench.authorize(&[]), None).parameter("code").is_some());
}
