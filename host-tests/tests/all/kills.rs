//! A process killed with SIGKILL at random moments, a thousand times, on a real disk. Several share the directory, each
//! with its own sessions, so the expected contents are known except for the operation in flight.
//!
//! `SEED=n` repeats the operations; the timing depends on the machine.

use std::collections::HashSet;
use std::iter;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use host_tests::host::{Host, precompile};
use host_tests::operation::{Operation, Outcome, Sessions, contents, loaded, name};
use host_tests::random::{Random, seed};
use host_tests::tree::tree;
use host_tests::worker::Worker;
use session_conformance::client::Store;
use session_conformance::harness::Harness;
use session_runtime::LockSpace;

const CLIENTS: u64 = 4;
const LIVES: usize = 250;
/// Per client.
const SESSIONS: u64 = 6;
/// Per life, unless cut short.
const OPERATIONS: usize = 60;

struct Client {
    ids: Range<u64>,
    random: Random,
    durable: bool,
    /// Possible states.
    sessions: HashSet<Sessions>,
    acknowledged: usize,
}

impl Client {
    fn new(number: u64, seed: u64) -> Self {
        let ids = number * SESSIONS..(number + 1) * SESSIONS;
        let sessions = HashSet::from([Sessions::default()]);
        Self { ids, random: Random::new(seed), durable: number.is_multiple_of(2), sessions, acknowledged: 0 }
    }

    fn choose(&mut self) -> Operation {
        let other = 1 + self.random.below(SESSIONS - 1);
        let (index, value) = (self.random.below(SESSIONS), self.random.number() >> 16);
        let (id, to) = (self.ids.start + index, self.ids.start + (index + other) % SESSIONS);
        match self.random.below(12) {
            0..3 => Operation::Create { id, value },
            3..7 => Operation::Save { id, value, expected: None },
            7 => Operation::Save { id, value, expected: Some(1 + self.random.below(4)) },
            8 => Operation::Load { id },
            9 => Operation::Touch { id },
            10 => Operation::Rename { id, to },
            _ => Operation::Delete { id },
        }
    }

    /// From the start of a process to its death.
    fn live(&mut self, place: &Path) {
        let loads = self.ids.clone().map(|id| Operation::Load { id });
        let operations: Vec<_> = loads.chain(iter::repeat_with(|| self.choose()).take(OPERATIONS)).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-worker"));
        let [component, store, locks] = ["component", "store", "locks"].map(|name| place.join(name));
        let mut worker = Worker::start(&mut command, &component, &store, &locks, self.durable);
        worker.send(&operations);
        let heard = self.random.below(operations.len() as u64);
        let mut outcomes: Vec<_> = (0..heard).map(|_| worker.outcome().expect("alive until killed")).collect();
        thread::sleep(Duration::from_micros(self.random.below(2_000)));
        worker.kill();
        outcomes.extend(iter::from_fn(|| worker.outcome()));
        self.acknowledged += outcomes.len();
        self.learn(&operations, &outcomes);
    }

    /// Acknowledged operations were performed; of the rest, perhaps the first.
    fn learn(&mut self, operations: &[Operation], outcomes: &[Outcome]) {
        for (operation, outcome) in operations.iter().zip(outcomes) {
            let after = |mut sessions: Sessions| (sessions.perform(operation) == *outcome).then_some(sessions);
            let next: HashSet<_> = self.sessions.iter().cloned().filter_map(after).collect();
            assert!(!next.is_empty(), "{operation:?} returned {outcome:?}, from {:?}", self.sessions);
            self.sessions = next;
        }
        if let Some(under_way) = operations.get(outcomes.len()) {
            let mut done: Vec<_> = self.sessions.iter().cloned().collect();
            done.iter_mut().for_each(|sessions| drop(sessions.perform(under_way)));
            self.sessions.extend(done);
        }
    }
}

/// Temporary files, and files quarantined as corrupt.
fn unfinished(store: &Path) -> Vec<String> {
    tree(store).into_keys().filter(|path| path.contains('~')).collect()
}

/// Its sessions are in a possible state, in the listing and in the index of owners, and their locks are free.
async fn check(store: &Store, client: &mut Client) {
    let loads: Vec<_> = client.ids.clone().map(|id| Operation::Load { id }).collect();
    let mut outcomes = Vec::new();
    for id in client.ids.clone() {
        let session = store.load(&name(id)).await.unwrap();
        outcomes.push(loaded(session.as_ref()));
        store.lock_now(&name(id)).await.expect("the locks of the dead are free").close().await;
    }
    client.learn(&loads, &outcomes);
    let [sessions] = &client.sessions.iter().collect::<Vec<_>>()[..] else { panic!("more than one state left") };
    let (listed, owned) = (store.ids().await, store.sessions_of("ann").await.unwrap());
    for id in client.ids.clone() {
        let value = sessions.0.get(&id).map(|(_, value)| *value);
        assert_eq!(listed.contains(&name(id)), value.is_some(), "{} in the listing", name(id));
        let anns = value.is_some_and(|value| contents(value).owner.as_deref() == Some("ann"));
        assert_eq!(owned.iter().any(|info| info.id == name(id)), anns, "{} in the index", name(id));
    }
}

#[test]
fn nothing_acknowledged_is_missing_and_nothing_is_corrupt() {
    let place = tempfile::tempdir().unwrap();
    let (start, path) = (Instant::now(), place.path());
    precompile(&path.join("component"));
    std::fs::create_dir(path.join("store")).unwrap();
    let mut random = Random::new(seed("kills"));
    let mut clients: Vec<_> = (0..CLIENTS).map(|number| Client::new(number, random.number())).collect();
    thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| (0..LIVES).for_each(|_| client.live(path)));
        }
    });
    let (kills, half_made) = (LIVES * clients.len(), unfinished(&path.join("store")).len());
    let acknowledged: usize = clients.iter().map(|client| client.acknowledged).sum();
    println!(
        "{kills} kills in {:?}: {acknowledged} operations acknowledged, {half_made} files half made",
        start.elapsed()
    );
    assert!(half_made <= kills, "at most one file for each kill");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let locks = LockSpace::machine(path.join("locks")).unwrap();
        let host = Host::on(path.join("store")).with_locks(locks);
        let store = host.store().await;
        for client in &mut clients {
            check(&store, client).await;
        }
        store.collect(u32::MAX, None).await.unwrap();
    });
    assert_eq!(unfinished(&path.join("store")), [""; 0], "not collected, or corrupt");
}
