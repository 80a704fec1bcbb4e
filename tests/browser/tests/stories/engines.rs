//! Which stories don't run in which engine, and why.

use browser::Engine::{self, WebKit};
use libtest_mimic::Trial;

const FOCUS: &str = "a window that has lost the focus to another one doesn't get it back without a window manager, so no outline \
                     shows what has the keyboard";

/// Engines, the beginning of the stories' names, and the reason.
const IMPOSSIBLE: &[(Engine, &str, &str)] = &[
    (
        WebKit,
        "workers::a_link_of_another_site_through_a_worker",
        "in WebKitGTK 2.50 such a link signs people out, as docs/security.md says",
    ),
    (
        WebKit,
        "workers::a_worker_that_fetches_navigations_itself",
        "WebKitGTK 2.50 ends the sign-in on the start page if the worker makes a request of its own",
    ),
    (
        WebKit,
        "embedded::a_person_signs_in",
        "WebKitGTK 2.50 keeps no cookies of a frame of another site, partitioned or not",
    ),
    (
        WebKit,
        "embedded::a_session_in_a_frame",
        "WebKitGTK 2.50 keeps no cookies of a frame of another site, partitioned or not",
    ),
    (WebKit, "embedded::a_frame_with_unpartitioned", "its driver has no command that grants storage access"),
    (
        WebKit,
        "embedded::another_site_that_embeds",
        "WebKitGTK 2.50 keeps no cookies of a frame of another site, partitioned or not",
    ),
    (WebKit, "looks::form_kept", FOCUS),
    (WebKit, "looks::form_offered", FOCUS),
];

/// Marks them as ignored, and says so.
///
/// # Panics
/// If a line names no story.
pub fn without_impossible(engine: Engine, stories: Vec<Trial>) -> Vec<Trial> {
    let mine: Vec<_> = IMPOSSIBLE.iter().filter(|(where_not, ..)| *where_not == engine).collect();
    for (_, name, why) in &mine {
        assert!(stories.iter().any(|story| story.name().starts_with(name)), "there is no story {name}");
        println!("skipped: in {engine:?} {name}, because {why}");
    }
    let marked = stories.into_iter().map(|story| {
        let impossible = mine.iter().any(|(_, name, _)| story.name().starts_with(name));
        story.with_ignored_flag(impossible)
    });
    marked.collect()
}
