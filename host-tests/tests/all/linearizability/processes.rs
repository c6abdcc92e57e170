//! Clients in separate processes, some killed with SIGKILL at a random moment of a call. The locks are machine-wide.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use host_tests::host::{Host, precompile};
use host_tests::operation::name;
use host_tests::random::{Random, seed};
use host_tests::worker::Worker;
use session_conformance::harness::Harness;
use session_runtime::LockSpace;

use super::history::{Call, History};
use super::workload::{Chooser, Mix, explain};

const CLIENTS: usize = 4;
const OPERATIONS: usize = 12;
const HISTORIES: u64 = 45;

fn worker(place: &Path) -> Worker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-worker"));
    let [component, store, locks] = ["component", "store", "locks"].map(|name| place.join(name));
    Worker::start(&mut command, &component, &store, &locks, false)
}

fn client(place: &Path, history: &History, number: usize, mix: Mix, seed: u64) {
    let mut chooser = Chooser::new(mix, seed);
    let mut process = worker(place);
    for _ in 0..OPERATIONS {
        let operation = chooser.next();
        let killed = chooser.random.one_in(10);
        let began = history.now();
        process.send([&operation]);
        if killed {
            let moment = Duration::from_micros(chooser.random.below(1_000));
            let start = Instant::now();
            while start.elapsed() < moment {
                std::hint::spin_loop();
            }
            process.kill();
        }
        let outcome = process.outcome();
        assert!(killed || outcome.is_some(), "a process ended on its own");
        if let Some(outcome) = &outcome {
            chooser.learn(&operation, outcome);
        }
        history.note(number, operation, outcome, began);
        if killed {
            process = worker(place);
        }
    }
}

fn history(place: &Path, mix: Mix, seed: u64) -> Vec<Call> {
    let _ = std::fs::remove_dir_all(place.join("store"));
    std::fs::create_dir(place.join("store")).unwrap();
    let history = History::default();
    let mut random = Random::new(seed);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (history, seed) = (&history, random.number());
            scope.spawn(move || client(place, history, number, mix, seed));
        }
    });
    history.calls()
}

/// Guarantee I7.
fn locks_are_free(place: &Path) {
    let locks = LockSpace::machine(place.join("locks")).unwrap();
    let host = Host::on(place.join("store")).with_locks(locks);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = host.store().await;
        for id in 0..2 {
            store.lock_now(&name(id)).await.expect("the lock is free").close().await;
        }
    });
}

#[test]
fn between_processes() {
    let place = tempfile::tempdir().unwrap();
    precompile(&place.path().join("component"));
    let first = seed("histories between processes");
    let (mut calls, mut died) = (0, 0);
    for number in first..first + HISTORIES {
        let mix = [Mix::Saves, Mix::Lives, Mix::RenamesOneWay][(number % 3) as usize];
        let history = history(place.path(), mix, number);
        if let Err(why) = explain(mix, &history) {
            panic!("SEED={number} {mix:?}: {why}");
        }
        locks_are_free(place.path());
        calls += history.len();
        died += history.iter().filter(|call| call.outcome.is_none()).count();
    }
    println!(
        "{HISTORIES} histories of {CLIENTS} processes: {calls} calls, {died} processes were killed in one; all linearizable"
    );
    assert!(died > 0, "none was killed in a call");
}
