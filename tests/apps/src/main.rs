//! Real apps behind the filter in a real Envoy. `make test-apps` installs them and runs this; arguments are those of
//! `cargo test`.
//!
//! The settings of the filter and of each app are read from `docs/apps.md`, so the page says what was run.

mod app;
mod django;
mod fastapi;
mod jupyterhub;
mod node_red;
mod page;
mod pgadmin;
mod site;
mod socket;
mod story;
mod streamlit;
mod superset;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    // Each app takes a core or more while it starts.
    arguments.test_threads.get_or_insert(1);
    let stories: [(&str, fn()); 7] = [
        ("jupyterhub", jupyterhub::run),
        ("pgadmin", pgadmin::run),
        ("superset", superset::run),
        ("streamlit", streamlit::run),
        ("node_red", node_red::run),
        ("django", django::run),
        ("fastapi", fastapi::run),
    ];
    let trial = |(name, run): (&'static str, fn())| {
        Trial::test(format!("{name}_takes_the_person_and_the_roles_from_the_filter_only"), move || {
            run();
            Ok(())
        })
    };
    libtest_mimic::run(&arguments, stories.into_iter().map(trial).collect()).exit();
}
