//! The guarantees, on a simulated machine that fails and loses power wherever it can.

mod crashes;
mod interleavings;
mod mutants;

use std::sync::{Arc, OnceLock};

use host_tests::host::component_path;
use host_tests::sim::client::Host;
use host_tests::sim::explore;
use host_tests::sim::machine::Subject;
use host_tests::sim::script::Script;

/// The component as it is shipped.
fn product(durable: bool) -> Host {
    static PRODUCT: OnceLock<Arc<Subject>> = OnceLock::new();
    let subject = PRODUCT.get_or_init(|| Arc::new(Subject::new(&std::fs::read(component_path()).unwrap())));
    Host::new(subject, durable)
}

/// Replays the case that `SESSION3_SCRIPT` names, as a failing exploration prints it; without one, a case that holds.
#[test]
fn replay() {
    let text = std::env::var("SESSION3_SCRIPT").unwrap_or_else(|_| "used durable; save; rename !3 eio".into());
    let script: Script = text.parse().unwrap();
    assert_eq!(script.to_string(), text);
    explore::replay(&product(script.durable), &script).unwrap();
}
