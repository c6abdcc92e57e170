//! The promises of the contract: one function for each, each on an empty store.
//!
//! `conformance_suite!` lists the functions; a test checks that the list is complete. [`run`] tests all of them on a
//! back end and returns a report; [`conformance_tests!`] turns each into a `#[test]`.

#![expect(missing_docs, reason = "the names are sentences")]

pub mod administration;
pub mod attributes;
pub mod bearer;
pub mod cookies;
pub mod devices;
pub mod expiry;
pub mod garbage;
pub mod listing;
pub mod locking;
pub mod login;
pub mod names;
pub mod opening;
pub mod overload;
pub mod passing;
pub mod records;
pub mod remembering;
pub mod renewal;
mod report;
pub mod requests;
mod run;
pub mod sharing;
pub mod sizes;
pub mod timeouts;

pub use report::{Outcome, Report};
pub use run::run;

/// Passes the list of the suite's functions to another macro. The capability that a part or function requires is in
/// parentheses after its name: see [`Need`](crate::harness::Need).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_suite {
    ($with:ident, $argument:tt) => {
        $crate::$with! { $argument
            opening:
                a_missing_store_is_not_made_unasked
                a_store_is_made_when_asked_and_stays
                stores_at_two_locations_are_two
                handles_of_one_instance_are_one_store
                setup_makes_a_store_once
                a_store_is_made_once_by_many
                bad_locations_are_refused
                limits_above_the_maximum_are_refused
                a_store_of_excluding_instances_is_thread_safe
            ;
            records:
                what_is_created_is_loaded
                a_random_id_is_a_uuid
                a_taken_id_is_refused_and_nothing_replaced
                what_is_absent_is_no_error
                a_save_replaces_all_contents
                versions_count_the_saves
                a_save_from_an_old_version_is_a_conflict
                a_save_never_creates
                instances_see_each_others_writes_at_once
                one_winner_for_each_version
                owners_have_1_to_256_bytes
                ids_have_8_to_128_characters
                an_imported_session_is_as_it_was
                an_import_never_replaces
                an_import_is_checked
            ;
            sizes:
                every_size_comes_back
                the_largest_size_comes_back
                data_grows_and_shrinks
                a_hundred_growing_saves
                the_limit_is_exact
                the_limit_is_for_writing_only
            ;
            expiry:
                the_idle_timeout_is_exact
                the_deadline_is_exact
                without_timeouts_nothing_expires
                whichever_comes_first
                a_load_is_no_use
                a_touch_counts_from_now_and_changes_nothing_else
                a_save_counts_from_now
                a_touch_of_what_is_absent_is_gone
                an_expired_session_is_as_absent_as_a_deleted_one
                what_was_seen_expired_stays_gone_when_the_clock_steps_back
                a_clock_that_was_ahead_dates_nothing_in_the_future
                a_session_from_the_future_is_not_kept_by_it
                a_small_step_back_is_forgiven
                timeouts_at_the_ends_of_the_scale
            ;
            names:
                a_delete_says_whether_there_was_one
                what_is_deleted_is_gone_for_all
                a_deleted_id_is_free
                has_tells_whether_a_load_would_find_it
                a_rename_keeps_everything_but_the_id_and_is_a_use
                a_rename_leaves_the_old_id_dead
                a_rename_without_an_id_makes_a_random_one
                a_rename_never_replaces
                a_rename_of_what_is_absent_is_gone
                a_race_for_an_id_has_one_winner
            ;
            locking:
                an_exclusive_guard_does_everything
                a_shared_guard_only_loads
                what_does_not_exist_can_be_locked
                modes_exclude_each_other
                who_writes_waits_for_the_guard_and_who_loads_does_not
                a_new_name_is_locked_too
                a_wait_ends_with_the_guard(Instances)
                a_wait_is_bounded
                an_instance_does_not_wait_for_itself
                a_circle_of_waits_is_refused(Circles)
                the_end_of_an_instance_frees_its_locks(Ends)
                an_instance_that_ends_while_waiting_takes_nothing(Instances)
                a_guard_follows_a_rename
                a_guard_goes_on_guarding_the_old_id
                a_refused_rename_keeps_the_guard
                no_increment_is_lost_under_a_lock(Instances)
                no_increment_is_lost_with_expected_versions
            ;
            garbage:
                old_sessions_are_deleted_by_last_activity
                garbage_is_collected_in_steps
                a_step_examines_about_its_budget
                steps_go_on_while_sessions_come_and_go
                an_old_session_in_use_is_not_deleted
                sessions_in_use_are_left_for_the_next_round
                collecting_from_nowhere_harms_nothing
            ;
            listing:
                an_empty_store_lists_nothing
                pages_add_up_to_all_in_one_order
                a_page_has_1_to_1000_sessions
                entries_say_what_a_load_says
                a_listing_starts_behind_an_id
                a_listing_stands_changes
                what_has_expired_is_not_listed
                an_owners_sessions_come_oldest_first
                an_owners_sessions_come_in_pages
                an_owners_sessions_are_counted
                a_session_moves_with_its_owner
                logging_out_everywhere
                a_locked_session_is_not_left_out_of_a_logout(Instances)
                usage_says_how_much_there_is
            ;
            requests(Manager):
                a_visitor_leaves_no_trace
                what_came_and_went_in_one_request_leaves_no_trace
                anything_to_keep_is_kept
                a_session_lives_across_requests_and_instances
                what_is_unchanged_is_neither_written_nor_sent
                answers_of_a_session_are_kept_out_of_caches
                a_failed_request_changes_nothing
                a_failed_first_request_leaves_no_trace
                a_dropped_session_discards_its_changes
                a_logout_ends_the_session_and_the_cookie
                a_logout_of_nobody_sends_nothing
                a_session_that_lost_its_last_information_ends
                a_session_that_ended_meanwhile_stays_so
                times_and_address_are_told
                too_much_to_store_is_refused_whole
                a_stored_session_belongs_to_its_user
            ;
            cookies(Manager):
                the_cookie_has_every_protection
                two_cookies_have_nothing_in_common
                a_deleted_cookie_is_deleted_as_it_was_set
                the_configuration_is_what_is_sent
                what_browsers_reject_is_refused
                only_the_right_cookie_finds_the_session
                the_cookie_is_found_among_others
                two_cookies_of_different_sessions_find_none_and_both_end
                the_address_is_only_text
            ;
            login(Manager):
                a_login_changes_id_and_secret
                a_login_under_exclusive_access
                regenerating_changes_id_and_secret
                regenerating_with_other_changes_keeps_them
                the_same_user_again_changes_nothing
                a_new_session_may_begin_with_a_login
                a_request_overtaken_by_a_login_stores_nothing
                form_tokens_and_flash_values_end_with_their_user
                an_answer_after_a_login_sets_no_anonymous_cookie
                users_have_1_to_256_bytes
            ;
            attributes(Manager):
                every_kind_of_value_comes_back
                it_is_a_dictionary
                names_have_1_to_256_bytes
                only_json_is_json
                form_tokens_are_good_for_once
                a_session_keeps_the_newest_32_tokens
                wrong_tokens_are_no_tokens
                a_token_used_twice_at_once_is_a_conflict
                a_dump_has_no_secret
            ;
            sharing(Manager):
                read_only_changes_nothing
                different_attributes_both_succeed
                a_changed_attribute_that_was_read_is_a_conflict
                what_conflicts_and_what_does_not
                a_blind_write_wins_over_an_earlier_one
                exclusive_access_is_exclusive
                exclusive_access_ends_with_the_request(Instances)
                exclusive_access_ends_with_the_instance(Ends)
                a_visitor_needs_no_lock
                four_times_200_increments_are_800(Instances)
            ;
            timeouts(Manager):
                unused_for_30_minutes
                twelve_hours_however_much_it_is_used
                a_login_starts_the_twelve_hours_anew
                a_visit_counts_as_use
                polling_does_not_count_as_use
                a_failed_request_does_not_shorten_a_session
                use_is_known_to_the_minute
                timeouts_are_configured
                an_expired_sessions_cookie_gets_a_new_session
            ;
            renewal(Manager):
                a_session_in_use_gets_a_new_id_in_time
                two_requests_at_once_renew_once
                a_late_request_reads_the_session_as_it_was
                a_window_closes_with_its_session
                a_clock_stepped_back_opens_no_window
                without_a_window_an_old_cookie_is_dead_at_once
                a_lost_answer_logs_nobody_out
                requests_at_once_all_succeed
                every_end_follows_a_new_id
                what_is_kept_for_a_window_is_collected
            ;
            remembering(Manager):
                a_remembered_session_outlives_the_browser
                it_is_chosen_for_each_login
                a_new_id_makes_it_last_no_longer
                a_login_is_fresh_for_some_minutes
                nobody_cannot_authenticate
                the_end_of_a_session_is_told
                the_last_use_is_noted_as_often_as_configured
            ;
            passing(Manager):
                a_flash_value_is_read_once_by_a_later_request
                two_requests_may_take_a_flash_value_at_once
                an_attribute_vanishes_when_its_time_has_come
                setting_it_for_ever_keeps_it
                increments_of_requests_at_once_add_up
                what_passes_is_checked
            ;
            devices(Manager):
                a_user_sees_all_devices
                devices_come_in_pages
                long_texts_of_a_client_are_cut
                all_other_sessions_end
                a_cap_refuses_one_login_too_many
                or_a_cap_ends_the_oldest_login
                a_cap_holds_however_many_log_in_at_once
                a_cap_is_at_least_one
            ;
            overload(Manager):
                an_address_makes_so_many_sessions_a_minute
                the_store_holds_so_many_sessions
                the_store_holds_so_many_bytes
                a_limit_holds_however_many_come_at_once
                a_client_that_does_not_come_back_leaves_nothing
            ;
            bearer(Manager):
                a_token_in_a_header_field_instead_of_a_cookie
                attributes_of_the_cookie_on_request
                what_browsers_would_reject_is_refused_with_the_reason
            ;
            administration(Manager):
                a_session_is_known_by_its_id
                a_session_is_inspected_read_only
                an_inspection_is_no_use
                data_of_others_is_not_a_session
                a_session_is_ended_by_its_id
                a_user_is_logged_out_everywhere
                ids_are_checked
            ;
        }
    };
}

/// Generates a test for each function of the suite, in a module for each part of the contract. The back end must have
/// every [`Need`](crate::harness::Need); [`run`] does without.
///
/// The argument creates a [`Harness`](crate::harness::Harness), a fresh one for each test.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::conformance_suite! { conformance_tests, [$harness] }
    };
    ([$harness:expr] $($part:ident $(($part_needs:ident))?: $($test:ident $(($needs:ident))?)* ;)*) => {
        $(mod $part {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                $crate::suite::$part::$test(&$harness).await;
            })*
        })*
    };
}

/// The names of the suite's functions, `part::test`.
#[cfg(test)]
#[macro_export]
macro_rules! conformance_names {
    ([] $($part:ident $(($part_needs:ident))?: $($test:ident $(($needs:ident))?)* ;)*) => {
        [$($(concat!(stringify!($part), "::", stringify!($test))),*),*]
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_function_of_the_suite_is_listed() {
        let mut written = BTreeSet::new();
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/suite")).unwrap() {
            let path = entry.unwrap().path();
            let part = path.file_stem().unwrap().to_str().unwrap();
            for line in fs::read_to_string(&path).unwrap().lines() {
                if let Some(function) = line.strip_prefix("pub async fn ") {
                    let name = function.split('(').next().unwrap();
                    written.insert(format!("{part}::{name}"));
                }
            }
        }
        let listed = BTreeSet::from(crate::conformance_suite!(conformance_names, []).map(String::from));
        assert_eq!(written, listed, "list new functions in `conformance_suite!`");
    }
}
