//! The checker itself: histories it must accept and must reject.

use host_tests::operation::Operation::{Create, Delete, Load, Rename, Save, Touch};
use host_tests::operation::Outcome::{Created, Deleted, Loaded, Refused, Renamed, Saved, Torn, Touched};
use host_tests::operation::{Operation, Outcome};

use super::checker::check;
use super::history::Call;

const ID: u64 = 1;
const CREATE: Operation = Create { id: ID, value: 10 };
const LOAD: Operation = Load { id: ID };

fn save(value: u64, expected: Option<u64>) -> Operation {
    Save { id: ID, value, expected }
}

fn gone() -> Outcome {
    Refused("gone".into())
}

type Row = (u64, u64, Operation, Option<Outcome>);

/// Calls between moments; a session was created before all of them.
fn history<const N: usize>(rows: [Row; N]) -> Vec<Call> {
    let call = |(client, (began, ended, operation, outcome))| Call { client, operation, outcome, began, ended };
    let first = (0, 1, CREATE, Some(Created(1)));
    std::iter::once(first).chain(rows).enumerate().map(call).collect()
}

#[track_caller]
fn accepted<const N: usize>(rows: [Row; N]) {
    assert_eq!(check(&history(rows)), Ok(()));
}

#[track_caller]
fn rejected<const N: usize>(rows: [Row; N]) {
    let history = history(rows);
    assert!(check(&history).is_err(), "this must not be explained: {history:#?}");
}

#[test]
fn good_histories_are_accepted() {
    accepted([(2, 3, LOAD, Some(Loaded(Some((1, 10)))))]);
    // A load during a save returns the old or the new version.
    accepted([(2, 9, save(11, None), Some(Saved(2))), (3, 4, LOAD, Some(Loaded(Some((1, 10)))))]);
    accepted([(2, 9, save(11, None), Some(Saved(2))), (3, 4, LOAD, Some(Loaded(Some((2, 11)))))]);
    // One of two wins.
    let conflict = Some(Refused("conflict 2".into()));
    accepted([(2, 9, save(11, Some(1)), conflict), (3, 8, save(12, Some(1)), Some(Saved(2)))]);
    // A killed call took effect or not.
    accepted([(2, 3, save(11, None), None), (4, 5, LOAD, Some(Loaded(Some((1, 10)))))]);
    accepted([(2, 3, save(11, None), None), (4, 5, LOAD, Some(Loaded(Some((2, 11)))))]);
    accepted([(2, 3, Delete { id: ID }, None), (4, 5, Touch { id: ID }, Some(gone()))]);
    let busy = Some(Refused("busy".into()));
    accepted([(2, 3, save(11, None), busy), (4, 5, LOAD, Some(Loaded(Some((1, 10)))))]);
    let renamed = (2, 3, Rename { id: ID, to: 2 }, Some(Renamed));
    accepted([renamed, (4, 5, LOAD, Some(Loaded(None))), (6, 7, Load { id: 2 }, Some(Loaded(Some((1, 10)))))]);
}

#[test]
fn bad_histories_are_rejected() {
    // A lost update: both began with the same version, both were acknowledged.
    rejected([(2, 9, save(11, Some(1)), Some(Saved(2))), (3, 8, save(12, Some(1)), Some(Saved(2)))]);
    rejected([(2, 9, save(11, None), Some(Saved(2))), (3, 8, save(12, None), Some(Saved(2)))]);
    let found = |version, value| Some(Loaded(Some((version, value))));
    rejected([
        (2, 3, save(11, None), Some(Saved(2))),
        (4, 5, save(12, None), Some(Saved(3))),
        (6, 7, LOAD, found(2, 11)),
    ]);
    // A stale load, and one that goes back.
    rejected([(2, 3, save(11, None), Some(Saved(2))), (4, 5, LOAD, found(1, 10))]);
    rejected([(2, 9, save(11, None), Some(Saved(2))), (3, 4, LOAD, found(2, 11)), (5, 6, LOAD, found(1, 10))]);
    // A deleted session is loaded, touched or saved.
    let deleted = (2, 3, Delete { id: ID }, Some(Deleted(true)));
    rejected([deleted.clone(), (4, 5, LOAD, found(1, 10))]);
    rejected([deleted.clone(), (4, 5, Touch { id: ID }, Some(Touched))]);
    rejected([deleted.clone(), (4, 5, save(11, None), Some(Saved(2)))]);
    rejected([deleted.clone(), (4, 5, Delete { id: ID }, Some(Deleted(true)))]);
    rejected([(2, 3, Rename { id: ID, to: 2 }, Some(Renamed)), (4, 5, LOAD, found(1, 10))]);
    // A dead client's write that lands after its death.
    let dead = (2, 3, save(11, None), None);
    rejected([dead.clone(), (4, 5, LOAD, found(1, 10)), (6, 7, LOAD, found(2, 11))]);
    rejected([dead, (4, 5, save(12, None), Some(Saved(2))), (6, 7, LOAD, found(2, 11))]);
    // No order explains these.
    rejected([(2, 3, LOAD, Some(Torn("half".into())))]);
    rejected([(2, 3, LOAD, Some(Refused("io".into())))]);
    rejected([(2, 3, CREATE, Some(Created(1)))]);
    rejected([(2, 3, save(11, Some(1)), Some(Refused("conflict 2".into())))]);
}
