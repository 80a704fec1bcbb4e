//! Every word that people read on the filter's pages, in one place. To translate them, change this file and
//! nothing else; what operators read stands in the log, in English.

/// The language of these texts (BCP 47), for `<html lang>`.
pub const LANGUAGE: &str = "en";

/// A page's heading and what it says.
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
pub const SIGN_IN: &str = "Sign in";
pub const SIGN_IN_AGAIN: &str = "Sign in again";
pub const SIGN_OUT: &str = "Sign out";
pub const TRY_AGAIN: &str = "Try again";
pub const CONTINUE: &str = "Continue";
pub const WHO_AM_I: &str = "Who am I?";
/// In front of a request's id.
pub const REFERENCE: &str = "Reference:";

/// Where people choose between user pools.
pub const CHOOSE: Words = words("Sign in", "Choose where you have your account.");
/// In front of a choice, for those who hear the page instead of seeing it.
pub const CHOOSE_WITH: &str = "Sign in with";

/// For a form that is sent without a session. What follows in [`FORM_HELP`].
pub const FORM: Words = words(
    "Please sign in first",
    "You are not signed in here any more, so what you sent was not accepted. Nothing of it has been stored.",
);
pub const FORM_HELP: &str = "Sign in, which opens in a new tab. Then come back to this one, go back to the form with your browser's back button, and send it again.";

/// In the place of [`FORM_HELP`]'s last word, where the form may stand at another host than people sign in at.
pub fn form_elsewhere(site: &str) -> String {
    format!(
        "People sign in at {site}. If that isn't where you filled the form in, do so again in the new tab."
    )
}

/// The step between signing in and the app that `SameSite=Strict` needs.
pub const SIGNED_IN: Words = words("You are signed in", "In a moment you will be where you wanted to go.");

/// For whoever asked for an address too long to be kept while they signed in.
pub const QUERY_LOST: &str = "The address that you asked for was too long to be kept while you signed in. You will be brought to its page without the query, the part behind the question mark.";
/// The same where not even the page's own address could be kept.
pub const ADDRESS_LOST: &str = "The address that you asked for was too long to be kept while you signed in. You will be brought to the start page.";

pub const SIGNED_OUT: Words = words("You are signed out", "It is safe to close this window.");
pub const CONFIRM_SIGN_OUT: Words = words(
    "Do you want to sign out?",
    "Another site has asked to sign you out here. Nothing has happened yet.",
);

// "My Identity".
pub const MY_IDENTITY: &str = "My Identity";
pub const NAME: &str = "Name";
pub const USER_NAME: &str = "User name";
pub const EMAIL: &str = "Email";
pub const ROLES: &str = "Roles";
pub const SIGNED_IN_WITH: &str = "Signed in with";
pub const SIGNED_IN_UNTIL: &str = "Signed in until";

/// For somebody who is signed in, and whom signing in again wouldn't help.
pub const FORBIDDEN: Words = words("No access", "This page needs a role that you don't have.");
/// For everybody.
pub const CLOSED: Words = words("No access", "This page is not open to anybody.");

/// Who it is that has no access.
pub fn signed_in_as(name: &str) -> String {
    format!("You are signed in as {name}.")
}

pub const MALFORMED: Words = words(
    "This address can't be read",
    "The address has characters in it that don't belong there. Please check the link.",
);
pub const UNAVAILABLE: Words = words(
    "The sign-in service can't be reached",
    "You are still signed in, but that has to be confirmed and can't be right now. Please try again in a moment.",
);

pub const ELSEWHERE: Words = words(
    "This site signs people in at another address",
    "Please go on there. Your browser has to keep cookies for it.",
);

// Sign-ins that fail.
pub const BAD_CALLBACK: Words = words(
    "This link doesn't lead anywhere",
    "It looks like the end of a sign-in, but something is missing from it.",
);
pub const FLOW_UNKNOWN: Words = words(
    "This sign-in can't be finished here",
    "It was started in another browser, or more than ten minutes ago, or your browser doesn't keep cookies for this site.",
);
pub const ALREADY_FINISHED: Words = words(
    "This sign-in was finished before",
    "A sign-in can be used once only. If the page was reloaded, simply sign in again.",
);
pub const TURNED_DOWN: Words =
    words("You were not signed in", "The sign-in service turned the sign-in down or it was cancelled.");
pub const SIGN_IN_EXPIRED: Words =
    words("This sign-in has expired", "The sign-in service no longer accepts it. Please sign in again.");
pub const SERVICE_SLOW: Words = words(
    "The sign-in service is slow",
    "It didn't answer in time. You have done nothing wrong; please try again in a moment.",
);
pub const SERVICE_AWAY: Words = words(
    "The sign-in service can't be reached",
    "You have done nothing wrong; please try again in a moment.",
);
pub const NOT_NOW: Words = words(
    "Signing in isn't possible right now",
    "You have done nothing wrong; please try again in a moment.",
);
pub const SET_UP_WRONGLY: Words = words(
    "Signing in doesn't work here at the moment",
    "Something is set up wrongly between this site and its sign-in service. Its operators need to mend it.",
);
pub const NOT_TRUSTED: Words =
    words("You were not signed in", "The sign-in service's answer could not be trusted.");
pub const TOO_MUCH_DATA: Words = words(
    "Your account carries too much data",
    "There is more in it than a browser can keep, perhaps too many groups. Signing in again won't help; please ask the site's operators.",
);
