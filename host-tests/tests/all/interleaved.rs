//! Every operation interrupted by every other at each of its host calls: what the two answer and what they leave must
//! be what they would have, one after the other. (The second may also have been told to wait: then as if it never was.)

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use host_tests::bindings::{Contents, Error, LockMode, Options};
use host_tests::calls::{Watch, watch};
use host_tests::check::kind;
use host_tests::client::{Store, contents, data, options};
use host_tests::clock::HOUR;
use host_tests::harness::Harness;
use host_tests::host::{Host, START};
use host_tests::tree::tree;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const ID: &str = "session-1";
const NEW: &str = "session-2";
const OTHER: &str = "session-3";

/// How the session is when both begin.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scene {
    There,
    Absent,
    Expired,
}

const OPERATIONS: [&str; 18] = [
    "load",
    "has",
    "save",
    "save version 1",
    "save more than fits",
    "save for another owner",
    "touch",
    "delete",
    "rename",
    "rename another to it",
    "create",
    "list",
    "list the owner's",
    "log the owner out",
    "collect garbage",
    "delete old",
    "load and save locked",
    "load shared",
];

fn session(text: &str) -> Contents {
    Contents { idle_timeout: Some(HOUR), ..contents("ann", text) }
}

fn told<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    answer.map_or_else(|error| kind(&error), |answer| format!("{answer:?}"))
}

/// Do it, and put what it answers in words. `who` marks what it writes.
async fn run(operation: &str, store: &Store, who: &str) -> String {
    match operation {
        "load" => told(store.load(ID).await),
        "has" => told(store.has(ID).await),
        "save" => told(store.save(ID, &session(who), None).await),
        "save version 1" => told(store.save(ID, &session(who), Some(1)).await),
        "save more than fits" => told(store.save(ID, &session(&who.repeat(3000)), None).await),
        "save for another owner" => told(store.save(ID, &contents("bob", who), None).await),
        "touch" => told(store.touch(ID).await),
        "delete" => told(store.delete(ID).await),
        "rename" => told(store.rename(ID, Some(NEW)).await),
        "rename another to it" => told(store.rename(OTHER, Some(ID)).await),
        "create" => told(store.create(Some(ID), &session(who)).await),
        "list" => told(store.iter(None).await.unwrap().next_page(10).await),
        "list the owner's" => told(store.sessions_of("ann").await),
        "log the owner out" => told(store.delete_sessions_of("ann").await),
        "collect garbage" => told(store.collect(u32::MAX, None).await.map(|report| report.resume)),
        "delete old" => told(store.delete_old(0).await),
        "load and save locked" => {
            let guard = match store.lock(ID, LockMode::Exclusive, None).await {
                Ok(guard) => guard,
                Err(error) => return kind(&error),
            };
            let loaded = told(guard.load().await);
            let saved = told(guard.save(&session(who), None).await);
            guard.close().await;
            format!("{loaded}, {saved}")
        }
        "load shared" => {
            let guard = match store.lock(ID, LockMode::Shared, None).await {
                Ok(guard) => guard,
                Err(error) => return kind(&error),
            };
            let loaded = told(guard.load().await);
            guard.close().await;
            loaded
        }
        other => panic!("{other}"),
    }
}

/// A place in which the scene is set, without a disk to wait for.
struct Place {
    host: Host,
    _directory: TempDir,
}

impl Place {
    async fn new(scene: Scene) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let host = Host::on(directory.path());
        let store = host.store().await;
        if scene != Scene::Absent {
            store.create(Some(ID), &session("first")).await.unwrap();
        }
        if scene == Scene::Expired {
            host.clock().set(START + HOUR);
        }
        store.create(Some(OTHER), &data("other")).await.unwrap();
        Self { host, _directory: directory }
    }

    /// An instance that does not wait for others: they cannot go on before it has ended.
    async fn store(&self) -> Store {
        self.host.store_with(Options { lock_wait: Some(0), ..options() }).await
    }

    /// Everything that can be seen afterwards.
    async fn state(&self) -> String {
        let store = self.host.store().await;
        let mut state = String::new();
        for id in [ID, NEW, OTHER] {
            state += &format!("{id}: {}\n", told(store.load(id).await));
        }
        for owner in ["ann", "bob"] {
            state += &format!("{owner}: {}\n", told(store.sessions_of(owner).await));
        }
        let left = tree(self.host.path()).into_keys().filter(|path| path.contains('~') || path.contains("quarantine/"));
        state += &format!("left: {:?}", left.collect::<Vec<_>>());
        state
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What the first and the second answered, and what they left.
type Outcome = [String; 3];

async fn one_after_the_other(scene: Scene, first: &str, second: &str, swapped: bool) -> Outcome {
    let place = Place::new(scene).await;
    let (a, b) = (place.store().await, place.store().await);
    let (one, two);
    if swapped {
        two = run(second, &b, "second").await;
        one = run(first, &a, "first").await;
    } else {
        one = run(first, &a, "first").await;
        two = run(second, &b, "second").await;
    }
    [one, two, place.state().await]
}

async fn alone(scene: Scene, first: &str) -> Outcome {
    let place = Place::new(scene).await;
    let one = run(first, &place.store().await, "first").await;
    [one, "busy".into(), place.state().await]
}

/// Run the second within the first, before its host call of this number. None when the first makes fewer calls.
async fn interrupted(scene: Scene, first: &str, second: &str, at: usize) -> Option<Outcome> {
    let place = Place::new(scene).await;
    let (a, b) = (place.store().await, place.store().await);
    let answer = Arc::new(Mutex::new(None));
    let (second, answer_) = (second.to_owned(), answer.clone());
    let watch = before_call(at, move || {
        let second = thread::spawn(move || runtime().block_on(run(&second, &b, "second")));
        *answer_.lock().unwrap() = Some(second.join().expect("the second operation does not panic"));
    });
    let one = run(first, &a, "first").await;
    drop(watch);
    let two = answer.lock().unwrap().take()?;
    Some([one, two, place.state().await])
}

fn before_call(at: usize, action: impl FnOnce() + Send + 'static) -> Watch {
    let waiting = Mutex::new((0, Some(action)));
    watch(move |_| {
        let mut waiting = waiting.lock().unwrap();
        waiting.0 += 1;
        if waiting.0 == at
            && let Some(action) = waiting.1.take()
        {
            action();
        }
    })
}

/// A listing is not one moment: of what is renamed while it runs, it may see either name, both or none.
fn is_promised(first: &str, second: &str) -> bool {
    !(["list", "list the owner's", "delete old"].contains(&first) && second.starts_with("rename"))
}

fn check(scene: Scene) {
    let runtime = runtime();
    let mut wrong = Vec::new();
    for first in OPERATIONS {
        let allowed_alone = runtime.block_on(alone(scene, first));
        for second in OPERATIONS.into_iter().filter(|second| is_promised(first, second)) {
            let mut allowed = BTreeSet::from([allowed_alone.clone()]);
            for swapped in [false, true] {
                allowed.insert(runtime.block_on(one_after_the_other(scene, first, second, swapped)));
            }
            for at in 1.. {
                let Some(outcome) = runtime.block_on(interrupted(scene, first, second, at)) else { break };
                if !allowed.contains(&outcome) {
                    wrong.push(format!("{first} / {second} at call {at}:\n{}", outcome.join("\n")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{scene:?}, {} times neither before nor after:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn with_a_session() {
    check(Scene::There);
}

#[test]
fn with_no_session() {
    check(Scene::Absent);
}

#[test]
fn with_an_expired_session() {
    check(Scene::Expired);
}
