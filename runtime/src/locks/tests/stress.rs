//! Many instances on several threads, in real time: exclusion holds, no waiter starves, and the table ends empty.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

const INSTANCES: usize = 64;
const ROUNDS: usize = 100;
const NAMES: usize = 3;

/// The number inside, where a writer counts as `WRITER`.
type Inside = [AtomicU32; NAMES];
const WRITER: u32 = 1 << 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_one_process() {
    let space = LockSpace::process();
    crowd(std::slice::from_ref(&space)).await;
    assert_idle(&space);
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn between_processes() {
    let directory = tempfile::TempDir::new().unwrap();
    let spaces = [(); 2].map(|_| LockSpace::machine(directory.path().join("locks")).unwrap());
    crowd(&spaces).await;
    spaces.iter().for_each(assert_idle);
}

async fn crowd(spaces: &[LockSpace]) {
    let inside: Arc<Inside> = Arc::default();
    let tasks: Vec<_> = (0..INSTANCES)
        .map(|number| tokio::spawn(visits(Instance::new(&spaces[number % spaces.len()]), number, inside.clone())))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Every third visit is dropped after a moment, often during its wait.
async fn visits(mut instance: Instance, number: usize, inside: Arc<Inside>) {
    for round in 0..ROUNDS {
        let mode = if (number + round).is_multiple_of(4) { Mode::Exclusive } else { Mode::Shared };
        let visit = visit(&mut instance, (number + round) % NAMES, mode, &inside);
        if round.is_multiple_of(3) {
            let _ = tokio::time::timeout(Duration::from_micros(300), visit).await;
        } else {
            visit.await;
        }
    }
}

async fn visit(instance: &mut Instance, name: usize, mode: Mode, inside: &Inside) {
    let guard = instance.acquire(&name.to_string(), mode, 60 * SECOND).await.unwrap();
    let weight = if matches!(mode, Mode::Exclusive) { WRITER } else { 1 };
    let before = inside[name].fetch_add(weight, SeqCst);
    assert!(before < WRITER && (weight == 1 || before == 0), "{before} were inside");
    std::thread::yield_now();
    inside[name].fetch_sub(weight, SeqCst);
    instance.release(guard).await;
}
