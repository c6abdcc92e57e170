//! Cancels saves during their write, and checks whether the write still lands while another instance holds the
//! session's lock. Prints a line of JSON for each: whether the save was cancelled, and the session's version at first
//! and later, both under the lock. For a slow disk.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use host_tests::calls::watch;
use host_tests::host::Host;
use host_tests::operation::{Operation, contents, name};
use host_tests::performer::Performer;
use session_conformance::bindings::{Durability, LockMode};
use session_conformance::client::Store;
use session_conformance::harness::Harness;

const TRIALS: u64 = 10;
/// Time for a job to start on its thread: a job not yet started is cancelled, and proves nothing.
const MOMENT: Duration = Duration::from_millis(30);

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [component, directory, protection] = &arguments[..] else {
        panic!("late-writer COMPONENT DIRECTORY protected|unprotected");
    };
    let host = Host::precompiled(Path::new(component), directory);
    let host = if protection == "unprotected" { host.unprotected() } else { host };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for trial in 0..TRIALS {
        let seen = runtime.block_on(give_up(&host, 2 * trial));
        println!("{}", serde_json::to_string(&seen).unwrap());
    }
}

async fn give_up(host: &Host, id: u64) -> (bool, u64, u64) {
    let other = host.store().await;
    other.create(Some(&name(id)), &contents(2)).await.unwrap();
    let mut dying = Performer::new(host, Durability::Relaxed).await;
    let saved = until_it_writes(dying.perform(&Operation::Save { id, value: 3, expected: None })).await;
    drop(dying);
    let guard = other.lock(&name(id), LockMode::Exclusive, None).await.expect("the lock is free");
    let before = version(&other, id).await;
    // The disk is as slow for this: once it is written, earlier writes are, too.
    other.create(Some(&name(id + 1)), &contents(2)).await.unwrap();
    let after = version(&other, id).await;
    guard.close().await;
    (saved.is_none(), before, after)
}

async fn version(store: &Store, id: u64) -> u64 {
    store.load(&name(id)).await.unwrap().expect("it is there").info.version
}

/// Polls a call until it waits for a write, and returns none if it does. The call is then as after a timeout.
async fn until_it_writes<T>(call: impl Future<Output = T>) -> Option<T> {
    let writes = Arc::new(AtomicBool::new(false));
    let seen = writes.clone();
    let _watch = watch(move |call| seen.store(call == "types.[method]descriptor.write", Ordering::Relaxed));
    let mut call = pin!(call);
    std::future::poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if writes.load(Ordering::Relaxed) => {
            std::thread::sleep(MOMENT);
            Poll::Ready(None)
        }
        Poll::Pending => Poll::Pending,
    })
    .await
}
