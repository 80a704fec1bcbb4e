//! Tests that need a real browser, through the released filter in a real Envoy, over HTTPS, with the
//! stand-in for Cognito and a foreign site on separate sites. `ENVOY_COGNITO_FILTER` may name the native module.
//!
//! `BROWSER` says which: `chromium` (the default), `firefox` or `webkit`. Without that browser they are skipped, and the output
//! says so and counts them. `make test-browsers` runs them in each that is there.

mod addresses;
#[path = "../../../shared/aged.rs"]
mod aged;
mod app;
#[path = "../../../shared/artifact.rs"]
mod artifact;
mod embedded;
mod engines;
mod forms;
mod kept_forms;
mod keyboard;
mod looks;
mod pages;
mod pools;
mod refresh;
mod sign_in;
mod sign_out;
mod sites;
mod strict;
mod tabs;
mod workers;
mod world;

use std::process::ExitCode;

use browser::Engine;
use libtest_mimic::{Arguments, Trial};

/// One trial per function. The compiler reports a forgotten function as unused.
macro_rules! stories {
    ($($module:ident: $($story:ident)+;)+) => {
        vec![$($(trial(concat!(stringify!($module), "::", stringify!($story)), $module::$story)),+),+]
    };
}

fn trial(name: impl Into<String>, story: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        story();
        Ok(())
    })
}

fn main() -> ExitCode {
    let mut stories = stories! {
        sign_in:
            a_person_signs_in_at_cognito_and_sees_the_app
            the_session_is_kept_in_cookies_that_no_script_sees
            a_script_without_a_session_is_told_so_and_sent_nowhere
            the_back_button_after_signing_in_ends_in_the_app
            a_finished_callback_leads_to_the_app_or_to_a_page;
        addresses:
            a_person_at_another_name_of_the_site_lands_at_its_own
            a_form_at_another_name_is_filled_in_again_at_its_own
            behind_a_proxy_that_rewrites_the_host_the_browser_shows_where_it_is
            a_long_address_is_kept_whole_and_a_longer_one_is_not_shortened_without_a_word
            with_strict_cookies_a_long_address_is_reached_as_well;
        tabs: five_tabs_sign_in_in_any_order_and_each_ends_on_its_own_address;
        refresh: a_session_outlives_its_tokens_unseen_with_one_refresh_for_all_that_goes_on;
        pages:
            who_is_signed_in_sees_who_they_are
            who_is_signed_out_signs_in_to_see_who_they_are
            a_page_of_the_filter_runs_no_script_and_loads_nothing;
        sign_out:
            signing_out_ends_the_session_here_and_at_cognito
            a_script_signs_out_and_takes_its_page_to_cognito
            the_back_button_after_signing_out_shows_no_page_that_says_no_store
            a_page_that_the_browser_has_kept_can_do_nothing_after_signing_out;
        sites:
            a_form_of_another_site_does_not_reach_the_app
            a_link_of_another_site_leads_into_the_app
            another_site_cannot_sign_anybody_out
            no_page_of_the_filter_can_be_framed
            a_script_of_another_site_sees_nothing;
        forms:
            what_was_typed_is_behind_the_back_button_and_can_be_sent_again
            what_was_typed_is_still_there_after_signing_in_in_the_same_tab;
        kept_forms:
            what_was_typed_comes_back_after_signing_in_and_reaches_the_app
            an_app_may_answer_the_form_with_a_redirect_to_another_site
            who_continues_before_signing_in_loses_nothing
            a_form_of_another_site_is_never_kept_nor_offered;
        pools:
            a_person_chooses_a_pool_and_is_back_where_they_wanted_to_be
            signing_out_leads_back_to_the_choice;
        workers:
            a_worker_that_fetches_navigations_itself_lets_people_sign_in
            a_worker_is_no_hindrance_where_cognito_knows_the_person
            a_worker_sends_a_form_on_and_the_person_is_asked_to_sign_in
            signing_out_through_a_worker_ends_the_session_at_cognito_too
            a_worker_that_fetches_the_address_alone_has_to_look_at_the_status
            a_link_of_another_site_through_a_worker_signs_nobody_out_if_the_browser_tells;
        embedded:
            a_person_signs_in_and_out_within_a_frame_of_another_site
            a_session_in_a_frame_is_none_on_the_sites_own_page_and_the_reverse
            a_frame_with_unpartitioned_cookies_has_them_after_asking
            cognitos_page_is_not_shown_in_a_frame
            another_site_that_embeds_the_app_cannot_sign_anybody_out;
        keyboard: tab_and_enter_are_enough_to_sign_in_and_out;
        strict:
            a_sign_in_with_strict_cookies_moves_on_to_the_app_by_itself
            a_link_from_elsewhere_ends_in_the_app_without_a_password;
    };
    stories.extend(looks::trials());
    let mut arguments = Arguments::from_args();
    let engine = Engine::chosen();
    if engine != Engine::Chromium {
        // They have one connection for all tabs, and one tab at a time has the focus.
        arguments.test_threads = Some(1);
        stories = engines::without_impossible(engine, stories);
    }
    if let Err(why) = engine.find() {
        println!("skipped: the {} browser tests, because {why}", stories.len());
        stories = stories.into_iter().map(|story| story.with_ignored_flag(true)).collect();
    }
    libtest_mimic::run(&arguments, stories).exit_code()
}
