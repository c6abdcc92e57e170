//! Sessions in the memory of the command.

use session_conformance::Harness;
use session_runtime::engines::SharedEngine;
use session_runtime::engines::memory::Memory;

use super::{back_end, conforms};

#[test]
fn it_conforms() {
    println!("{}", conforms(&SharedEngine::new(Memory::default())));
}

#[tokio::test]
async fn other_processes_do_not_reach_it() {
    let store = back_end(&SharedEngine::new(Memory::default())).store().await;
    assert_eq!((store.is_multiprocess_safe().await, store.is_thread_safe().await), (false, true));
}
