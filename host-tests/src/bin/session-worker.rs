//! The process of [`Worker`](host_tests::worker::Worker).

use std::io::{self, BufRead, Write};
use std::path::Path;

use host_tests::host::Host;
use host_tests::operation::Operation;
use host_tests::performer::Performer;
use session_conformance::bindings::Durability;
use session_runtime::LockSpace;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [component, directory, lock_file, durability] = &arguments[..] else {
        panic!("session-worker COMPONENT DIRECTORY LOCK-FILE relaxed|durable");
    };
    let durability = if durability == "durable" { Durability::Durable } else { Durability::Relaxed };
    let host = Host::precompiled(Path::new(component), directory).with_locks(LockSpace::machine(lock_file).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(&host, durability));
}

async fn serve(host: &Host, durability: Durability) {
    let mut performer = Performer::new(host, durability).await;
    for line in io::stdin().lock().lines() {
        let operation: Operation = serde_json::from_str(&line.unwrap()).unwrap();
        let outcome = performer.perform(&operation).await.expect("it does not trap");
        let line = serde_json::to_string(&outcome).unwrap() + "\n";
        // One write: the reader sees the complete line or nothing.
        io::stdout().write_all(line.as_bytes()).unwrap();
        io::stdout().flush().unwrap();
    }
}
