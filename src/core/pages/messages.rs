//! All texts that people read on the filter's pages. To translate the pages, change only this file. Texts for
//! operators are in the log, in English.

use std::time::Duration;

/// The language of these texts (BCP 47), for `<html lang>`.
pub const LANGUAGE: &str = "en";

/// A page's heading and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The heading.
    pub title: &'static str,
    /// One paragraph.
    pub text: &'static str,
}

const fn words(title: &'static str, text: &'static str) -> Words {
    Words { title, text }
}

// Buttons and links.
/// Starts a sign-in.
pub const SIGN_IN: &str = "Sign in";
/// Starts a sign-in, after signing out.
pub const SIGN_IN_AGAIN: &str = "Sign in again";
/// Signs out.
pub const SIGN_OUT: &str = "Sign out";
/// Repeats the request or the sign-in.
pub const TRY_AGAIN: &str = "Try again";
/// Opens the next page.
pub const CONTINUE: &str = "Continue";
/// Opens the page [`MY_IDENTITY`].
pub const WHO_AM_I: &str = "Who am I?";
/// Opens Cognito's page for adding a passkey.
pub const ADD_PASSKEY: &str = "Add a passkey";
/// In front of a request's id.
pub const REFERENCE: &str = "Reference:";

/// On the page where people choose a user pool.
pub const CHOOSE: Words = words("Sign in", "Choose where you have your account.");
/// Before each choice, for screen readers only.
pub const CHOOSE_WITH: &str = "Sign in with";

/// For a form sent without a session. [`FORM_HELP`] follows.
pub const FORM: Words = words(
    "Please sign in first",
    "You are not signed in here, so this form was not accepted. Nothing that you entered has been stored.",
);
/// How to send the form again.
pub const FORM_HELP: &str = "Sign in: this opens a new tab. Then return to this tab, go back to the form with your browser's back button, and send it again.";

/// Follows [`FORM_HELP`] if the form may be at another host than the one where people sign in.
pub fn form_elsewhere(site: &str) -> String {
    format!(
        "People sign in at {site}. If you filled in the form at another address, fill it in again in the new tab."
    )
}

/// The page between sign-in and the app, which `SameSite=Strict` requires.
pub const SIGNED_IN: Words =
    words("You are signed in", "You will reach the page that you asked for in a moment.");

/// The requested address was too long to keep during sign-in: its query is lost.
pub const QUERY_LOST: &str = "The address that you asked for was too long to be kept while you signed in. You will reach its page without the query, the part after the question mark.";
/// As above, but the path is lost too.
pub const ADDRESS_LOST: &str = "The address that you asked for was too long to be kept while you signed in. You will reach the start page.";

/// After signing out.
pub const SIGNED_OUT: Words = words("You are signed out", "You can close this window.");
/// If another site requested the sign-out.
pub const CONFIRM_SIGN_OUT: Words = words(
    "Do you want to sign out?",
    "Another site asked to sign you out here. You have not been signed out.",
);

// "My Identity".
/// Its heading.
pub const MY_IDENTITY: &str = "My Identity";
/// The label of the `name` claim.
pub const NAME: &str = "Name";
/// The label of the user name.
pub const USER_NAME: &str = "User name";
/// The label of the `email` claim.
pub const EMAIL: &str = "Email";
/// The label of the roles.
pub const ROLES: &str = "Roles";
/// The label of the pool's label.
pub const SIGNED_IN_WITH: &str = "Signed in with";
/// The label of the time when the session ends.
pub const SIGNED_IN_UNTIL: &str = "Signed in until";

/// For a person who is signed in but lacks a role, so that a new sign-in wouldn't help.
pub const FORBIDDEN: Words = words("No access", "This page needs a role that you don't have.");
/// Under a rule that allows nobody, or at a host where nobody who may pass can sign in.
pub const CLOSED: Words = words("No access", "Nobody has access to this page.");

/// For a person who is signed in, but not lately enough or not strongly enough, although the sign-in just asked for it.
pub const STEP_UP: Words = words(
    "Another sign-in is needed",
    "This page needs a later or a stronger sign-in than yours. The sign-in service did not provide it.",
);
/// The label of how long ago the person may have signed in.
pub const SIGN_IN_AGE: &str = "Signed in within";
/// The label of the levels of which one is needed.
pub const SIGN_IN_LEVEL: &str = "Level of the sign-in";
/// The label of the methods of which one is needed.
pub const SIGN_IN_METHOD: &str = "Method of the sign-in";

/// A duration, in minutes if it is long.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}

/// For a form of a person who must sign in again. [`FORM_HELP`] follows.
pub const FORM_STEP_UP: Words = words(
    "Please sign in again first",
    "This form needs a later or a stronger sign-in than yours, so it was not accepted. Nothing that you entered has been stored.",
);

/// Names the person who has no access.
pub fn signed_in_as(name: &str) -> String {
    format!("You are signed in as {name}.")
}

/// For a request with an undecidable path or host.
pub const MALFORMED: Words = words(
    "This address can't be read",
    "The address contains characters that are not allowed. Please check the link.",
);
/// For a session that can't be confirmed because Cognito can't be reached.
pub const UNAVAILABLE: Words = words(
    "The sign-in service can't be reached",
    "You are still signed in, but the service can't confirm this right now. Please try again in a moment.",
);

/// For a browser at another host that keeps no cookies.
pub const ELSEWHERE: Words = words(
    "This site signs people in at another address",
    "Please continue there. Your browser must accept cookies from that address.",
);

// Sign-ins that fail.
/// For a callback that isn't a valid authorization response.
pub const BAD_CALLBACK: Words = words(
    "This link isn't valid",
    "It looks like the last step of a sign-in, but a part of it is missing or wrong.",
);
/// For a callback without a flow cookie that opens.
pub const FLOW_UNKNOWN: Words = words(
    "This sign-in can't be finished here",
    "It was started in another browser or more than ten minutes ago, or your browser doesn't accept cookies from this site.",
);
/// For a callback whose code was already redeemed.
pub const ALREADY_FINISHED: Words = words(
    "This sign-in was finished before",
    "A sign-in can be used only once. If you reloaded the page, sign in again.",
);
/// For an error in the authorization response.
pub const TURNED_DOWN: Words =
    words("You were not signed in", "The sign-in service rejected the sign-in, or it was cancelled.");
/// For a code that Cognito no longer accepts.
pub const SIGN_IN_EXPIRED: Words =
    words("This sign-in has expired", "The sign-in service no longer accepts it. Please sign in again.");
/// For a timeout.
pub const SERVICE_SLOW: Words = words(
    "The sign-in service is slow",
    "It didn't answer in time. This is not your mistake. Please try again in a moment.",
);
/// If Cognito can't be reached.
pub const SERVICE_AWAY: Words =
    words("The sign-in service can't be reached", "This is not your mistake. Please try again in a moment.");
/// If the filter has no capacity, no randomness or no cluster to call.
pub const NOT_NOW: Words =
    words("Signing in isn't possible right now", "This is not your mistake. Please try again in a moment.");
/// For errors in the settings of the filter or the app client.
pub const SET_UP_WRONGLY: Words = words(
    "Signing in doesn't work here at the moment",
    "The connection between this site and its sign-in service is set up wrongly. The site's operators need to fix it.",
);
/// For tokens or attributes that fail verification.
pub const NOT_TRUSTED: Words =
    words("You were not signed in", "The sign-in service's answer could not be trusted.");
/// For a person whom the deny list names.
pub const REVOKED: Words = words(
    "Your access has been ended",
    "This site's operators have ended your access. Please ask them if you don't know why.",
);
/// For a session that doesn't fit into cookies.
pub const TOO_MUCH_DATA: Words = words(
    "Your account has too much data",
    "It has more data than a browser can store, perhaps too many groups. Signing in again won't help; please ask the site's operators.",
);
