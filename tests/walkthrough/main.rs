//! Runs `docs/cognito.md` exactly as written: its commands with the real AWS CLI against the stand-in, and its
//! configuration in a real Envoy.
//!
//! The CLI is the one that `make aws` fetches, or `AWS_CLI=/path/to/aws`. Without it the test fails.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

mod others;
mod page;
mod shell;
mod site;

use std::io::Write as _;
use std::time::Duration;

use rig::{Browser, Visit};
use serde_json::{Value, json};
use stand_in::{Config, StandIn};

use page::{Block, Page};
use shell::Shell;
use site::Site;

const APP: &str = "http://localhost:8080";
const USER: &str = "jsmith";

/// The region and the host in the page.
const IDP: &str = "https://cognito-idp.us-east-1.amazonaws.com";

#[test]
fn the_walk_through_ends_with_the_roles_and_the_time_zone() {
    let page = Page::read("docs/cognito.md");
    // The page creates the pool and everything in it.
    let config = Config { idp_url: Some(IDP.to_owned()), ..Config::new(Vec::new()) };
    let cognito = StandIn::start(config).unwrap();
    let mut shell = Shell::start(&cognito.idp_url());

    let printed = run(&page, &mut shell, "");
    let subject = is_as_shown(&page, &printed);

    let site = Site::start(&mut shell, &cognito);
    let mut browser = site.browser();
    let password = shell.variable("TARGET_PASSWORD");
    let first = browser.sign_in(&format!("{APP}/"), USER, &password);
    assert_eq!(first.status(), 200, "{first}\n{}", site.log());
    let shown = page.after("## 8. Sign in", "text");
    for line in shown.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let value = if name == "x-auth-subject" { &subject } else { value };
        assert_eq!(site.received(name).as_deref(), Some(value), "{name}");
    }
    looks_as_described(&site, &mut browser);

    run(&page, &mut shell, "groups");
    assert!(sign_out(&mut browser).text().contains("signed out"));
    let again = browser.sign_in(&format!("{APP}/finance"), USER, &password);
    assert_eq!(again.status(), 200, "{again}");
    let shown = page.after("## 9. Groups", "text");
    let (name, value) = shown.trim().split_once(": ").unwrap();
    assert_eq!(site.received(name).as_deref(), Some(value));

    let before = describe_client(&mut shell);
    run(&page, &mut shell, "update");
    let mut expected = before.clone();
    for (list, url) in [("CallbackURLs", "callback"), ("LogoutURLs", "signed-out")] {
        let urls = expected[list].as_array_mut().unwrap();
        urls.push(format!("https://new.example.com/.auth/{url}").into());
    }
    let mut after = describe_client(&mut shell);
    expected["LastModifiedDate"] = after["LastModifiedDate"].take();
    after["LastModifiedDate"] = expected["LastModifiedDate"].clone();
    assert_eq!(after, expected, "nothing was lost");

    with_passkeys_and_triggers(&page, &mut shell);
    with_another_pool(&page, &mut shell);
    run(&page, &mut shell, "clean up");
    let pool = shell.variable("COGNITO_US_EAST_1_POOL_ID");
    let gone = shell.fails(&format!("aws cognito-idp describe-user-pool --user-pool-id {pool}"));
    assert!(gone.contains("ResourceNotFoundException"), "{gone}");

    let (ran, others): (Vec<&Block>, Vec<&Block>) = page.shell_blocks().partition(|block| block.runs());
    assert_eq!(shell.ran(), ran.len(), "each block that can be run was, once");
    say(&format!("docs/cognito.md: {} shell blocks were run, {} were not\n", ran.len(), others.len()));
}

/// The reasons that the page gives: without these steps, the stand-in fails too.
#[test]
fn the_pitfalls_are_real() {
    let cognito = StandIn::start(Config::new(Vec::new())).unwrap();
    let mut shell = Shell::start(&cognito.idp_url());
    let page = Page::read("docs/cognito.md");
    let steps = page.shell_blocks().filter(|block| block.mark == "run").collect::<Vec<_>>();
    for block in &steps[..2] {
        shell.run(&block.text);
    }
    shell.run(
        "USER_OF_POOL=\"--user-pool-id $COGNITO_US_EAST_1_POOL_ID --username jsmith\"
         aws cognito-idp admin-create-user $USER_OF_POOL --message-action SUPPRESS > /dev/null",
    );
    let refused = shell
        .fails("aws cognito-idp admin-set-user-password $USER_OF_POOL --password The@Password --permanent");
    assert!(refused.contains("Password did not conform with password policy"), "{refused}");
    let split = shell.fails(
        "aws cognito-idp admin-update-user-attributes $USER_OF_POOL --user-attributes Name=custom:roles,Value=a,b",
    );
    assert!(split.contains("Invalid type for parameter UserAttributes[0].Value"), "{split}");
    shell.run(
        "aws cognito-idp admin-update-user-attributes $USER_OF_POOL \\
           --user-attributes Name=custom:roles,Value=admin --user-attributes Name=custom:timezone,Value=UTC",
    );
    let user: Value =
        serde_json::from_str(&shell.run("aws cognito-idp admin-get-user $USER_OF_POOL")).unwrap();
    let names: Vec<_> = user["UserAttributes"].as_array().unwrap().iter().map(|one| &one["Name"]).collect();
    assert_eq!(names, ["sub", "custom:timezone"], "of several lists the last counts");
    assert_eq!(user["UserStatus"], "FORCE_CHANGE_PASSWORD");
}

/// What the page says about passkeys and triggers: each step keeps what those before have set.
fn with_passkeys_and_triggers(page: &Page, shell: &mut Shell) {
    let pool = |shell: &mut Shell| -> Value {
        let pool = shell.run(
            "aws cognito-idp describe-user-pool --user-pool-id $COGNITO_US_EAST_1_POOL_ID --query UserPool",
        );
        serde_json::from_str(&pool).unwrap()
    };
    let before = pool(shell);
    run(page, shell, "passkeys");
    let mut expected = before;
    expected["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"] = json!(["PASSWORD", "WEB_AUTHN"]);
    assert_eq!(pool(shell), expected);
    let host = shell.variable("COGNITO_US_EAST_1_DOMAIN");
    let set: Value = serde_json::from_str(&shell.run("cat .run/passkeys.json")).unwrap();
    assert_eq!(
        set["WebAuthnConfiguration"],
        json!({ "RelyingPartyId": host, "UserVerification": "preferred" })
    );
    run(page, shell, "triggers");
    let function = |name: &str| format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
    expected["LambdaConfig"] = json!({
        "InboundFederation": { "LambdaVersion": "V1_0", "LambdaArn": function("inbound-federation") },
        "PreTokenGenerationConfig": { "LambdaVersion": "V2_0", "LambdaArn": function("pre-token-generation") },
    });
    assert_eq!(pool(shell), expected);
}

/// What the page says about a pool that already exists.
fn with_another_pool(page: &Page, shell: &mut Shell) {
    shell.run("KEPT=$COGNITO_US_EAST_1_POOL_ID");
    shell.run(
        "COGNITO_US_EAST_1_POOL_ID=$(aws cognito-idp create-user-pool --pool-name another \\
           --query UserPool.Id --output text)",
    );
    run(page, shell, "another pool");
    let names = shell.run(
        "aws cognito-idp describe-user-pool --user-pool-id $COGNITO_US_EAST_1_POOL_ID \\
           --query 'UserPool.SchemaAttributes[].Name' --output text",
    );
    assert!(names.contains("custom:roles") && names.contains("custom:timezone"), "{names}");
    shell.run("COGNITO_US_EAST_1_POOL_ID=$KEPT");
}

/// Prints past the test harness, which hides the output of tests that pass.
fn say(line: &str) {
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// Runs the blocks with this mark, and returns the output of the last one.
fn run(page: &Page, shell: &mut Shell, part: &str) -> String {
    let mark = if part.is_empty() { "run".to_owned() } else { format!("run: {part}") };
    let blocks: Vec<_> = page.shell_blocks().filter(|block| block.mark == mark).collect();
    assert!(!blocks.is_empty(), "no block is marked `{mark}`");
    let printed = blocks.iter().map(|block| shell.run_block(block));
    // The expected output follows the block that prints it.
    let shown = printed.collect::<Vec<_>>().into_iter().rfind(|printed| printed.contains("UserAttributes"));
    shown.unwrap_or_default()
}

/// Whether `admin-get-user` printed what the page shows. Dates and the subject differ; returns the subject.
fn is_as_shown(page: &Page, printed: &str) -> String {
    let shown: Value = serde_json::from_str(&page.after("## 4. John Smith", "json")).unwrap();
    let printed: Value = serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
    let (shown, found) = (shown.as_object().unwrap(), printed.as_object().unwrap());
    assert_eq!(shown.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for same in ["Username", "Enabled", "UserStatus"] {
        assert_eq!(shown[same], found[same], "{same}");
    }
    let attributes = |user: &serde_json::Map<String, Value>| {
        let mut all: Vec<_> = user["UserAttributes"].as_array().unwrap().iter().map(pair).collect();
        all.sort();
        all
    };
    let (mut shown, found) = (attributes(shown), attributes(found));
    let subject = found.iter().find(|(name, _)| name == "sub").unwrap().1.clone();
    shown.iter_mut().filter(|(name, _)| name == "sub").for_each(|(_, value)| value.clone_from(&subject));
    assert_eq!(shown, found);
    subject
}

fn pair(attribute: &Value) -> (String, String) {
    let [name, value] = ["Name", "Value"].map(|member| attribute[member].as_str().unwrap().to_owned());
    (name, value)
}

/// The table of addresses.
fn looks_as_described(site: &Site, browser: &mut Browser) {
    let me = browser.navigate(&format!("{APP}/.auth/me")).text();
    for told in ["My Identity", "John Smith", "authp/admin", "authp/user", "America/New_York"] {
        assert!(me.contains(told), "{told}: {me}");
    }
    assert_eq!(browser.navigate(&format!("{APP}/admin")).status(), 200);
    assert_eq!(browser.navigate(&format!("{APP}/finance")).status(), 403);
    let stranger = rig::send(site.address(), &rig::RawRequest::get("/").header("host", "localhost:8080"));
    assert_eq!(stranger.unwrap().status, 401);
}

fn sign_out(browser: &mut Browser) -> Visit {
    let out = browser.navigate(&format!("{APP}/.auth/sign-out"));
    assert_eq!(out.url, format!("{APP}/.auth/signed-out"), "{out}");
    assert!(out.trail.iter().any(|step| step.url.contains(".amazoncognito.com/logout?")), "{out}");
    out
}

fn describe_client(shell: &mut Shell) -> Value {
    let printed = shell.run(
        "aws cognito-idp describe-user-pool-client --user-pool-id \"$COGNITO_US_EAST_1_POOL_ID\" \\
           --client-id \"$COGNITO_US_EAST_1_CLIENT_ID\" --query UserPoolClient",
    );
    serde_json::from_str(&printed).unwrap()
}

/// How long one block may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
