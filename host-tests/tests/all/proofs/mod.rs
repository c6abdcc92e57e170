//! The guarantees, on a simulated machine that fails and loses power at every possible point.

mod crashes;
mod defects;
mod interleavings;

use std::sync::{Arc, OnceLock};

use host_tests::host::component_path;
use host_tests::sim::client::Host;
use host_tests::sim::explore;
use host_tests::sim::fault::{Fault, Refusal};
use host_tests::sim::machine::Subject;
use host_tests::sim::operations::A;
use host_tests::sim::script::{Script, Start};

/// The component as shipped.
fn product(durable: bool) -> Host {
    static PRODUCT: OnceLock<Arc<Subject>> = OnceLock::new();
    let subject = PRODUCT.get_or_init(|| Arc::new(Subject::new(&std::fs::read(component_path()).unwrap())));
    Host::new(subject, durable)
}

/// Regressions: a touch failed with `io` although it had taken effect; a damaged session kept the others of its owner
/// from being listed or ended.
#[test]
fn what_was_found_stays_mended() {
    for text in ["used durable; touch !4 after-effect", "used durable; delete-sessions-of"] {
        let script: Script = text.parse().unwrap();
        explore::replay(&product(script.durable), &script).unwrap();
    }
}

/// A touch that says `ok` with the old time would let a session expire while it is used.
#[test]
fn a_touch_whose_time_is_refused_fails() {
    let host = product(true);
    let (world, _) = explore::begin(&host, Start::Used);
    let touched = host.run(&world, None, |client| client.touch(A));
    touched.answer.unwrap().unwrap();
    let stamp = touched.calls.iter().position(|call| call.function == "set-times").unwrap();
    for refusal in [Refusal::Enospc, Refusal::Eio, Refusal::Edquot, Refusal::Emfile, Refusal::Eacces] {
        let run = host.run(&world, Some((stamp, Fault::Refused(refusal))), |client| client.touch(A));
        assert!(run.answer.unwrap().is_err(), "{refusal:?}");
    }
}

/// Replays the case in `SESSION3_SCRIPT`, as printed by a failing exploration; by default, a case that holds.
#[test]
fn replay() {
    let text = std::env::var("SESSION3_SCRIPT").unwrap_or_else(|_| "used durable; save; rename !3 eio".into());
    let script: Script = text.parse().unwrap();
    assert_eq!(script.to_string(), text);
    explore::replay(&product(script.durable), &script).unwrap();
}
