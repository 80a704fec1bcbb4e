//! The pages that people see.

use crate::{
    User,
    http::answer::Answer,
    page::{document, escape},
};

const STYLE: &str = include_str!("page.css");

/// `query` is that of the authorize call, which the form passes on.
pub fn sign_in(query: &str, csrf: &str, username: &str, problem: &str, hint: &[User]) -> Answer {
    let [query, csrf, username] = [query, csrf, username].map(escape);
    let problem = alert(problem);
    page(
        200,
        "Sign in",
        &format!(
            r#"<h1>Sign in</h1>
{problem}<form method="post" action="/login?{query}">
<input type="hidden" name="_csrf" value="{csrf}">
<label for="username">Username</label>
<input id="username" name="username" value="{username}" autocomplete="username" autocapitalize="none" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>
{}"#,
            hint_of(hint)
        ),
    )
}

/// Says whose passkey it would be, and leads back.
pub fn add_passkey(username: &str, next: &str) -> Answer {
    let [username, next] = [username, next].map(escape);
    let words = "The stand-in has no passkeys.";
    let body = format!(
        "<h1>Add a passkey</h1>\n<p>{username}</p>\n<p>{words}</p>\n<p><a href=\"{next}\">Continue</a></p>"
    );
    page(200, "Add a passkey", &body)
}

/// Asks for the temporary password again, and for a new one.
pub fn new_password(query: &str, csrf: &str, username: &str, problem: &str) -> Answer {
    let [query, csrf, username] = [query, csrf, username].map(escape);
    let problem = alert(problem);
    page(
        200,
        "Change password",
        &format!(
            r#"<h1>Change password</h1>
<p>Please choose a password of your own.</p>
{problem}<form method="post" action="/login?{query}">
<input type="hidden" name="_csrf" value="{csrf}">
<input type="hidden" name="username" value="{username}">
<label for="password">Temporary password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<label for="new_password">New password</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" required>
<button>Change password</button>
</form>"#
        ),
    )
}

pub fn error(status: u16, problem: &str) -> Answer {
    let problem = escape(problem);
    let text = "An error was encountered with the requested page.";
    page(status, "Error", &format!("<h1>Error</h1>\n<p>{text}</p>\n<p class=\"problem\">{problem}</p>"))
}

/// The previous error, if there was one.
fn alert(problem: &str) -> String {
    match problem {
        "" => String::new(),
        problem => format!("<p class=\"problem\" role=\"alert\">{}</p>", escape(problem)),
    }
}

fn page(status: u16, title: &str, content: &str) -> Answer {
    document(status, title, STYLE, content, "")
}

fn hint_of(users: &[User]) -> String {
    if users.is_empty() {
        return String::new();
    }
    let row = |user: &User| {
        format!("<li><kbd>{}</kbd> / <kbd>{}</kbd></li>\n", escape(&user.username), escape(&user.password))
    };
    let rows: String = users.iter().map(row).collect();
    format!("<section aria-label=\"Demo accounts\">\n<p>To try it:</p>\n<ul>\n{rows}</ul>\n</section>")
}
