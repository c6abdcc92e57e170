//! Every operation interrupted by every other at each of its host calls: what the two answer and what they leave must
//! be what they would have, one after the other. (The second may also have been told to wait: then as if it never was.)

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use host_tests::bindings::{Contents, Error, LockMode, Options};
use host_tests::calls::{Watch, watch};
use host_tests::check::kind;
use host_tests::client::{Store, contents, data, options};
use host_tests::clock::{HOUR, MINUTE};
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

/// One place for all runs, without a disk to wait for; the scene is set anew for each.
struct Place {
    runtime: Runtime,
    host: Host,
    first: Store,
    second: Store,
    observer: Store,
    scene: Scene,
    _directory: TempDir,
}

/// What the first and the second answered, and what they left.
type Outcome = [String; 3];

impl Place {
    fn new(scene: Scene) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let (runtime, host) = (runtime(), Host::on(directory.path()));
        // Nobody waits for others: they cannot go on before he has ended.
        let store = || host.store_with(Options { lock_wait: Some(0), ..options() });
        let (first, second, observer) = runtime.block_on(async { (store().await, store().await, store().await) });
        Self { runtime, host, first, second, observer, scene, _directory: directory }
    }

    /// The session as the scene has it, used a minute ago. There is another only for those who work on it: a listing
    /// of several is not one moment.
    fn set_scene(&self, first: &str, second: &str) {
        self.host.clock().set(START);
        self.runtime.block_on(async {
            let store = &self.observer;
            for id in [ID, NEW, OTHER] {
                store.delete(id).await.unwrap();
            }
            if [first, second].contains(&"rename another to it") {
                store.create(Some(OTHER), &data("other")).await.unwrap();
            }
            if self.scene != Scene::Absent {
                store.create(Some(ID), &session("first")).await.unwrap();
            }
            self.host.clock().set(START + if self.scene == Scene::Expired { HOUR } else { MINUTE });
        });
    }

    fn first(&self, operation: &str) -> String {
        self.runtime.block_on(run(operation, &self.first, "1st"))
    }

    fn second(&self, operation: &str) -> String {
        self.runtime.block_on(run(operation, &self.second, "2nd"))
    }

    /// Everything that can be seen afterwards.
    fn state(&self) -> String {
        self.runtime.block_on(async {
            let mut state = String::new();
            for id in [ID, NEW, OTHER] {
                state += &format!("{id}: {}\n", told(self.observer.load(id).await));
            }
            for owner in ["ann", "bob"] {
                state += &format!("{owner}: {}\n", told(self.observer.sessions_of(owner).await));
            }
            state
        })
    }

    /// The first alone: as if the second had been told to wait. Also where to interrupt it.
    fn alone(&self, first: &str, second: &str) -> (Outcome, Vec<usize>) {
        self.set_scene(first, second);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let made = calls.clone();
        let watch = watch(move |name| made.lock().unwrap().push(name.to_owned()));
        let answer = self.first(first);
        drop(watch);
        let points = points(&calls.lock().unwrap());
        ([answer, not_done(second), self.state()], points)
    }

    fn one_after_the_other(&self, first: &str, second: &str) -> Outcome {
        self.set_scene(first, second);
        let one = self.first(first);
        let two = self.second(second);
        [one, two, self.state()]
    }

    fn the_other_way_round(&self, first: &str, second: &str) -> Outcome {
        self.set_scene(first, second);
        let two = self.second(second);
        let one = self.first(first);
        [one, two, self.state()]
    }

    /// The second within the first, before its host call of this number.
    fn interrupted(&self, first: &str, second: &'static str, at: usize) -> Outcome {
        self.set_scene(first, second);
        let answer = Arc::new(Mutex::new(None));
        let (store, told) = (self.second.clone(), answer.clone());
        let watch = before_call(at, move || {
            let second = thread::spawn(move || runtime().block_on(run(second, &store, "2nd")));
            *told.lock().unwrap() = Some(second.join().expect("the second operation does not panic"));
        });
        let one = self.first(first);
        drop(watch);
        let two = answer.lock().unwrap().take().expect("it makes the same calls until it is interrupted");
        [one, two, self.state()]
    }

    fn litter(&self) -> Vec<String> {
        let left = tree(self.host.path()).into_keys();
        left.filter(|path| path.contains('~') || path.contains("quarantine/")).collect()
    }
}

/// What an operation answers that would have to wait. Deleting old sessions leaves one that is in use.
fn not_done(operation: &str) -> String {
    if operation == "delete old" { "(0, 1)".into() } else { "busy".into() }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Where to interrupt: before each call, or, where most calls walk through hundreds of directories, around those that
/// do something else.
fn points(calls: &[String]) -> Vec<usize> {
    let walking =
        ["open-at", "read-directory", "read-directory-entry", "drop]descriptor", "drop]directory-entry-stream"];
    let walks = |at: usize| calls.get(at).is_none_or(|name| walking.iter().any(|call| name.ends_with(call)));
    (0..calls.len()).filter(|at| calls.len() < 100 || !walks(*at) || !walks(at + 1)).collect()
}

fn before_call(at: usize, action: impl FnOnce() + Send + 'static) -> Watch {
    let waiting = Mutex::new((0, Some(action)));
    watch(move |_| {
        let mut waiting = waiting.lock().unwrap();
        if waiting.0 == at
            && let Some(action) = waiting.1.take()
        {
            action();
        }
        waiting.0 += 1;
    })
}

/// A listing is not one moment: of what is renamed while it runs, it may see either name, both or none.
fn is_promised(first: &str, second: &str) -> bool {
    !(["list", "list the owner's", "delete old"].contains(&first) && second.starts_with("rename"))
}

fn check(scene: Scene) {
    let place = Place::new(scene);
    let mut wrong = Vec::new();
    for first in OPERATIONS {
        for second in OPERATIONS.into_iter().filter(|second| is_promised(first, second)) {
            let (alone, points) = place.alone(first, second);
            let in_turn = [place.one_after_the_other(first, second), place.the_other_way_round(first, second)];
            for at in points {
                let outcome = place.interrupted(first, second, at);
                if outcome != alone && !in_turn.contains(&outcome) {
                    wrong.push(format!("{first} / {second} at call {at}:\n{}", outcome.join("\n")));
                }
            }
        }
        assert!(place.litter().is_empty(), "{first} left {:?}", place.litter());
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
