//! Clients as instances in one process. Some trap at a random instruction, some are cancelled at a random moment of a
//! call, as by a timeout: the instance is dropped, and the client continues with a new one.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use host_tests::host::Host;
use host_tests::operation::{Operation, Outcome, name};
use host_tests::performer::Performer;
use host_tests::random::{Random, seed};
use host_tests::tree::tree;
use session_conformance::bindings::Durability;
use session_conformance::harness::Harness;
use session_runtime::LockSpace;
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;
use wasmtime::Trap;

use super::history::{Call, History};
use super::workload::{Chooser, Mix, explain};

const CLIENTS: usize = 4;
const OPERATIONS: usize = 12;
const HISTORIES: u64 = 90;

/// How a client ends, if at all.
enum Fate {
    Lives,
    /// Traps after this many steps.
    Traps(u64),
    /// Dropped after this many pauses.
    GivenUp(u64),
}

impl Fate {
    fn choose(random: &mut Random) -> Self {
        // An operation takes about ten thousand steps: no point of it is much more likely than another.
        match random.below(12) {
            0 => Self::Traps(random.below(60_000)),
            1 => Self::GivenUp(random.below(40)),
            _ => Self::Lives,
        }
    }
}

/// Shared by all clients.
struct Place {
    directory: TempDir,
    locks: Option<LockSpace>,
    mix: Mix,
    history: History,
}

impl Place {
    fn host(&self) -> Host {
        let locks = self.locks.clone().unwrap_or_else(LockSpace::process);
        Host::on(self.directory.path()).metered().with_locks(locks)
    }

    async fn client(self: Arc<Self>, number: usize, seed: u64) {
        let mut chooser = Chooser::new(self.mix, seed);
        let pause = 100 << chooser.random.below(8);
        let mut performer = self.performer(pause).await;
        for _ in 0..OPERATIONS {
            let (operation, fate) = (chooser.next(), Fate::choose(&mut chooser.random));
            let began = self.history.now();
            let outcome = perform(&mut performer, &operation, &fate).await;
            let Some(outcome) = outcome else {
                // The instance is gone before the call counts as ended.
                drop(performer);
                self.history.note(number, operation, None, began);
                performer = self.performer(pause).await;
                continue;
            };
            chooser.learn(&operation, &outcome);
            self.history.note(number, operation, Some(outcome), began);
        }
    }

    async fn performer(&self, pause: u64) -> Performer {
        let mut performer = Performer::new(&self.host(), Durability::Relaxed).await;
        performer.pause_every(pause);
        performer
    }
}

async fn perform(performer: &mut Performer, operation: &Operation, fate: &Fate) -> Option<Outcome> {
    match *fate {
        Fate::Lives => Some(performer.perform(operation).await.unwrap()),
        Fate::GivenUp(pauses) => given_up(pauses, performer.perform(operation)).await.map(Result::unwrap),
        Fate::Traps(steps) => {
            performer.trap_after(steps);
            let outcome = performer.perform(operation).await;
            if let Err(trap) = &outcome {
                assert_eq!(trap.downcast_ref(), Some(&Trap::OutOfFuel), "it traps as intended: {trap:?}");
            } else {
                performer.trap_after(u64::MAX);
            }
            outcome.ok()
        }
    }
}

/// Drops the future after this many pauses.
async fn given_up<T>(mut pauses: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if pauses == 0 => Poll::Ready(None),
        Poll::Pending => {
            pauses -= 1;
            Poll::Pending
        }
    })
    .await
}

/// One history on a fresh directory.
async fn history(mix: Mix, locks: Option<LockSpace>, seed: u64) -> Vec<Call> {
    let directory = tempfile::tempdir().unwrap();
    let place = Arc::new(Place { directory, locks, mix, history: History::default() });
    let mut clients = JoinSet::new();
    let mut random = Random::new(seed);
    for number in 0..CLIENTS {
        clients.spawn(place.clone().client(number, random.number()));
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let place = Arc::into_inner(place).expect("all clients have ended");
    if let Some(locks) = &place.locks {
        let path = place.directory.path();
        nothing_is_left(Host::on(path).with_locks(locks.clone()), path).await;
    }
    place.history.calls()
}

/// Guarantees I7 and I1: the locks are free after any death, and the records are complete.
async fn nothing_is_left(host: Host, path: &Path) {
    let store = host.store().await;
    for id in 0..2 {
        store.lock_now(&name(id)).await.expect("the lock is free").close().await;
    }
    let quarantined: Vec<_> = tree(path).into_keys().filter(|path| path.contains("quarantine/")).collect();
    assert!(quarantined.is_empty(), "{quarantined:?}");
}

fn histories(runtime: &Runtime, count: u64) {
    let first = seed("histories in one process");
    let (mut calls, mut died, mut refused) = (0, 0, 0);
    for number in first..first + count {
        let mix = [Mix::Saves, Mix::Lives, Mix::Renames][(number % 3) as usize];
        let history = runtime.block_on(history(mix, Some(LockSpace::process()), number));
        if let Err(why) = explain(mix, &history) {
            panic!("SEED={number} {mix:?}: {why}");
        }
        calls += history.len();
        died += history.iter().filter(|call| call.outcome.is_none()).count();
        refused += history.iter().filter(|call| matches!(call.outcome, Some(Outcome::Refused(_)))).count();
    }
    println!(
        "{count} histories of {CLIENTS} instances: {calls} calls, {refused} of them refused, {died} clients died; all linearizable"
    );
    assert!(died > calls / 60, "{died} died in {calls} calls");
}

/// Instances alternate every few hundred to some ten thousand instructions.
#[test]
fn on_one_thread() {
    histories(&runtime::Builder::new_current_thread().enable_all().build().unwrap(), HISTORIES);
}

#[test]
fn on_several_threads() {
    histories(&runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap(), HISTORIES);
}

/// The same without mutual exclusion: updates are lost, and the checker must notice. Always the same seeds.
#[test]
fn without_locks_they_are_rejected() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rejected = |seed: &u64| explain(Mix::Saves, &runtime.block_on(history(Mix::Saves, None, *seed))).is_err();
    let found = (0..20).filter(rejected).count();
    println!("20 histories without locks: {found} rejected");
    assert!(found > 0, "none of 20 histories without locks was rejected");
}
