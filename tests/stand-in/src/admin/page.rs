//! The page, without scripts.

use crate::{
    Client, User,
    cognito::{Cognito, UserPool},
    http::answer::Answer,
    page::{document, escape},
};

const STYLE: &str = include_str!("page.css");

/// The endpoints and faults that the form offers, as [`crate::Fault`] spells them; JSON can plan them all. The last are
/// examples of faults with a value.
const ENDPOINTS: [&str; 8] =
    ["token", "jwks", "user_info", "get_user", "revoke", "authorize", "login", "logout"];
const FAULTS: [&str; 29] = [
    "status",
    "slow",
    "held",
    "reset",
    "truncated",
    "empty",
    "html",
    "not_an_object",
    "huge",
    "o_auth_error",
    "redirect",
    "wrong_nonce",
    "no_nonce",
    "wrong_audience",
    "wrong_issuer",
    "wrong_token_use",
    "wrong_at_hash",
    "expired",
    "issued_in_future",
    "no_subject",
    "other_subject",
    "alg_none",
    "bad_signature",
    "unknown_kid",
    "huge_token",
    "no_id_token",
    "claims",
    "empty_keys",
    "one_broken_key",
];

pub fn of(cognito: &Cognito) -> Answer {
    let pools: String = cognito.pools.iter().map(|pool| pool_section(cognito, pool)).collect();
    let content = format!(
        "<h1>Stand-in for Amazon Cognito</h1>\n\
         <p>People, clients and faults, until the stand-in ends. The same as JSON: <a href=\"/state\">state</a>.</p>\n\
         {}{pools}",
        faults(cognito)
    );
    page(200, &content)
}

pub fn problem(problem: &str) -> Answer {
    let problem = escape(problem);
    page(
        400,
        &format!(
            "<h1>That didn't work</h1>\n<p class=\"problem\" role=\"alert\">{problem}</p>\n<p><a href=\"/\">Back</a></p>"
        ),
    )
}

fn page(status: u16, content: &str) -> Answer {
    document(status, "Admin", STYLE, content, "form-action 'self'; ")
}

fn faults(cognito: &Cognito) -> String {
    let rows: String = cognito
        .faults
        .listed()
        .iter()
        .map(|fault| {
            let text = |name: &str| match &fault[name] {
                serde_json::Value::String(text) => escape(text),
                serde_json::Value::Null => String::new(),
                other => escape(&other.to_string()),
            };
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                text("endpoint"),
                text("who"),
                text("fault"),
                text("value"),
                text("times"),
            )
        })
        .collect();
    let table = match rows.as_str() {
        "" => "<p>None is planned.</p>\n".to_owned(),
        rows => format!(
            "<table><tr><th>at</th><th>for</th><th>fault</th><th>value</th><th>times</th></tr>\n{rows}</table>\n\
             <form method=\"post\" action=\"/clear\"><button>Clear all</button></form>\n"
        ),
    };
    let clients = cognito.pools.iter().flat_map(UserPool::clients).map(|client| client.id.as_str());
    let pools = cognito.pools.iter().map(|pool| pool.id.as_str());
    format!(
        "<section><h2>Faults</h2>\n{table}<form method=\"post\" action=\"/fault\">\n\
         <label>at {}</label> <label>for {}</label> <label>fault {}</label>\n\
         <label>value <input name=\"value\" placeholder=\"500, or JSON\"></label>\n\
         <label>times <input name=\"times\" value=\"1\" placeholder=\"1 or always\"></label>\n\
         <button>Plan</button>\n</form>\n\
         <p>Of a client, or of a pool for its key set (<code>jwks</code>). <code>status</code> needs a number as its value, \
         <code>slow</code> milliseconds, <code>claims</code> an object.</p></section>\n",
        select("endpoint", ENDPOINTS),
        select("who", clients.chain(pools)),
        select("fault", FAULTS),
    )
}

fn select<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let options: String =
        values.into_iter().map(|value| format!("<option>{}</option>", escape(value))).collect();
    format!("<select name=\"{name}\">{options}</select>")
}

fn pool_section(cognito: &Cognito, pool: &UserPool) -> String {
    let (id, issuer, domain) =
        (escape(&pool.id), escape(&pool.issuer()), escape(&cognito.domain_url_of(pool)));
    let clients: String = pool.clients().map(client_row).collect();
    let people: String = pool.users.iter().map(|user| person(&pool.id, user)).collect();
    format!(
        "<section><h2>{id}</h2>\n<p>Issuer <code>{issuer}</code>, domain <code>{domain}</code></p>\n\
         <form method=\"post\" action=\"/rotate\"><input type=\"hidden\" name=\"pool\" value=\"{id}\">\
         <button>Rotate the keys</button></form>\n\
         <h3>Clients</h3>\n<table><tr><th>id</th><th>callback URLs</th><th>sign-out URLs</th></tr>\n{clients}</table>\n\
         <h3>People</h3>\n{people}{}</section>\n",
        new_person(&id)
    )
}

fn client_row(client: &Client) -> String {
    let kind = if client.secret.is_none() { " (public)" } else { "" };
    format!(
        "<tr><td><code>{}</code>{kind}</td><td>{}</td><td>{}</td></tr>\n",
        escape(&client.id),
        escape(&client.callback_urls.join(", ")),
        escape(&client.logout_urls.join(", ")),
    )
}

fn person(pool: &str, user: &User) -> String {
    let attributes: String =
        user.attributes.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let (pool, name) = (escape(pool), escape(&user.username));
    let who = format!(
        "<input type=\"hidden\" name=\"pool\" value=\"{pool}\"><input type=\"hidden\" name=\"username\" value=\"{name}\">"
    );
    let (state, switched, verb) =
        if user.disabled { (" (disabled)", "false", "Enable") } else { ("", "true", "Disable") };
    let button = |action: &str, more: &str, words: &str| {
        format!("<form method=\"post\" action=\"/{action}\">{who}{more}<button>{words}</button></form>\n")
    };
    format!(
        "<details><summary>{name}{state}</summary>\n<p>sub <code>{}</code></p>\n\
         <form method=\"post\" action=\"/user\">{who}\n\
         <label>groups <input name=\"groups\" value=\"{}\" placeholder=\"admins, users\"></label>\n\
         <label>attributes <textarea name=\"attributes\" rows=\"{}\" placeholder=\"email=jane@example.com\">{}</textarea></label>\n\
         <label>new password <input name=\"password\" autocomplete=\"off\"></label>\n<button>Change</button></form>\n{}{}{}</details>\n",
        escape(&user.sub),
        escape(&user.groups.join(", ")),
        user.attributes.len() + 1,
        escape(&attributes),
        button("user", &format!("<input type=\"hidden\" name=\"disabled\" value=\"{switched}\">"), verb),
        button("user/sign-out", "", "Sign out everywhere"),
        button("user/remove", "", "Remove"),
    )
}

fn new_person(pool: &str) -> String {
    format!(
        "<details><summary>Add a person</summary>\n<form method=\"post\" action=\"/user\">\
         <input type=\"hidden\" name=\"pool\" value=\"{pool}\">\n\
         <label>username <input name=\"username\" required></label>\n<label>password <input name=\"password\" required></label>\n\
         <label>groups <input name=\"groups\" placeholder=\"admins, users\"></label>\n\
         <label>attributes <textarea name=\"attributes\" rows=\"3\" placeholder=\"email=jane@example.com\"></textarea></label>\n\
         <button>Add</button></form></details>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{ENDPOINTS, FAULTS};
    use crate::{Config, Endpoint, Fault};

    const GUIDE: &str = include_str!("../../../../docs/stand-in.md");

    #[test]
    fn the_guide_has_each_endpoint_and_fault_and_an_example_that_is_read() {
        for name in ENDPOINTS.iter().chain(&FAULTS) {
            assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
        }
        let (_, rest) = GUIDE.split_once("```json\n").unwrap();
        let config = Config::from_json(rest.split("```").next().unwrap()).unwrap();
        assert_eq!(config.pools[0].users[0].groups, ["admins"]);
    }

    #[test]
    fn the_form_offers_what_there_is() {
        for name in ENDPOINTS {
            serde_json::from_value::<Endpoint>(name.into()).unwrap();
        }
        for name in FAULTS {
            let value = match name {
                "status" => 500.into(),
                "slow" => 10.into(),
                "claims" => serde_json::json!({}),
                _ => "access_denied".into(),
            };
            let with = serde_json::json!({ "fault": name, "value": value });
            let without = serde_json::json!({ "fault": name });
            let read = |value| serde_json::from_value::<Fault>(value);
            assert!(read(without).is_ok() || read(with).is_ok(), "{name}");
        }
    }
}
