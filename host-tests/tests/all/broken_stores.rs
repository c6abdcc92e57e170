//! The conformance suite refuses broken stores: each defect fails the promise that it breaks.

use std::fs;
use std::sync::Arc;

use broken_store::defect::Defect;
use host_tests::guest;
use session_conformance::clock::Clock;
use session_conformance::instance::Instance;
use session_conformance::{BackEnd, Component, Harness, Need, Report};

/// The promise that a store with this defect breaks.
fn broken_promise(defect: Defect) -> &'static str {
    match defect {
        Defect::SetupOpens => "opening::setup_makes_a_store_once",
        Defect::CreateReplaces => "records::a_taken_id_is_refused_and_nothing_replaced",
        Defect::LoadIsOneVersionBehind => "records::versions_count_the_saves",
        Defect::LoadCutsData => "sizes::every_size_comes_back",
        Defect::LoadIgnoresExpiry => "expiry::an_expired_session_is_as_absent_as_a_deleted_one",
        Defect::LoadIsUse => "expiry::a_load_is_no_use",
        Defect::SaveCreates => "records::a_save_never_creates",
        Defect::SaveIgnoresExpected => "records::a_save_from_an_old_version_is_a_conflict",
        Defect::SaveLosesOwner => "records::a_save_replaces_all_contents",
        Defect::SaveLimitIsOneLess => "sizes::the_limit_is_exact",
        Defect::TouchMakesVersion => "expiry::a_touch_counts_from_now_and_changes_nothing_else",
        Defect::TouchOfNothingSucceeds => "expiry::a_touch_of_what_is_absent_is_gone",
        Defect::DeleteIsAlwaysTrue => "names::a_delete_says_whether_there_was_one",
        Defect::HasIsAlwaysTrue => "names::has_tells_whether_a_load_would_find_it",
        Defect::RenameReplaces => "names::a_rename_never_replaces",
        Defect::RenameKeepsOldId => "names::a_rename_leaves_the_old_id_dead",
        Defect::RenameIsNoUse => "names::a_rename_keeps_everything_but_the_id_and_is_a_use",
        Defect::ImportReplaces => "records::an_import_never_replaces",
        Defect::ImportStartsAnew => "records::an_imported_session_is_as_it_was",
        Defect::ImportIsUse => "records::an_imported_session_is_as_it_was",
        Defect::LockDoesNotExclude => "locking::modes_exclude_each_other",
        Defect::ListingLosesLast => "listing::pages_add_up_to_all_in_one_order",
        Defect::ListingIgnoresStart => "listing::a_listing_starts_behind_an_id",
        Defect::SessionsOfLeaks => "listing::an_owners_sessions_come_oldest_first",
        Defect::SessionsOfNewestFirst => "listing::an_owners_sessions_come_oldest_first",
        Defect::CountIsOneLess => "listing::an_owners_sessions_are_counted",
        Defect::DeleteOfLeavesOne => "listing::logging_out_everywhere",
        Defect::DeleteOldDeletesAll => "garbage::old_sessions_are_deleted_by_last_activity",
        Defect::GarbageIsAlive => "garbage::garbage_is_collected_in_steps",
        Defect::GarbageStays => "garbage::garbage_is_collected_in_steps",
        Defect::UsageIsNothing => "listing::usage_says_how_much_there_is",
    }
}

/// A back end whose store is at a location that names a defect.
struct Broken<'a> {
    back_end: BackEnd,
    location: &'a str,
}

impl Harness for Broken<'_> {
    async fn instance(&self) -> Arc<Instance> {
        self.back_end.instance().await
    }

    fn clock(&self) -> &Clock {
        self.back_end.clock()
    }

    fn lacks(&self, need: Need) -> Option<String> {
        self.back_end.lacks(need)
    }

    fn location(&self) -> &str {
        self.location
    }
}

fn report(component: &Component, location: &str) -> Report {
    session_conformance::run(|| Broken { back_end: BackEnd::in_one_instance(component), location })
}

fn component() -> Component {
    Component::new(&fs::read(guest::broken_store()).unwrap()).unwrap()
}

#[test]
fn each_defect_is_refused() {
    let component = component();
    let mut table = String::new();
    let mut missed = Vec::new();
    for defect in Defect::ALL {
        let report = report(&component, &defect.name());
        let broken: Vec<_> = report.failed().into_iter().map(|(promise, _)| promise).collect();
        table += &format!("{defect:?}: {}\n", broken.join(", "));
        if !broken.contains(&broken_promise(*defect)) {
            missed.push(defect);
        }
    }
    println!("\n{table}");
    assert!(missed.is_empty(), "the promises that these break do not fail: {missed:?}");
}

#[test]
fn without_a_defect_it_conforms() {
    report(&component(), "none").unwrap();
}
