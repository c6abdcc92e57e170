//! Two spaces on one file stand for two processes: a lock belongs to the open file description, not the process.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use super::*;
use crate::bindings::session3::sessions::advisory_locks::LockScope;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

struct Machine {
    here: LockSpace,
    there: LockSpace,
    directory: TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("lock");
        let open = || LockSpace::machine(&file).unwrap();
        Self { here: open(), there: open(), directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("lock")
    }

    /// One more process, which starts now.
    fn elsewhere(&self) -> LockSpace {
        LockSpace::machine(self.file()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn exclusive_excludes_the_other_process() {
    let machine = Machine::new();
    let (mut here, mut there) = (Instance::new(&machine.here), Instance::new(&machine.there));
    let guard = here.exclusive("a").await;
    assert_error(there.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    assert_error(there.attempt("a", Mode::Shared).await, "Error::TimedOut");
    there.attempt("b", Mode::Exclusive).await.unwrap();
    here.release(guard).await;
    there.attempt("a", Mode::Exclusive).await.unwrap();
}

/// The readers of a process share one file lock: it must be released with the last of them, not the first.
#[tokio::test(start_paused = true)]
async fn shared_is_shared_and_ends_with_the_last_holder() {
    let machine = Machine::new();
    let mut there = Instance::new(&machine.there);
    let (mut one, mut two) = (Instance::new(&machine.here), Instance::new(&machine.here));
    one.shared("a").await;
    two.shared("a").await;
    let guard = there.shared("a").await;
    there.release(guard).await;
    drop(one);
    assert_error(there.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    drop(two);
    there.attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_soon_after_the_other_process_is_done() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let start = Instant::now();
    tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        drop(holder);
    });
    Instance::new(&machine.there).exclusive("a").await;
    let waited = start.elapsed();
    assert!((500..520).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_other_process_ends_after_its_timeout() {
    let machine = Machine::new();
    let [_holder] = holders(&machine.here, ["a"]).await;
    let start = Instant::now();
    assert_error(Instance::new(&machine.there).acquire("a", Mode::Exclusive, 250).await, "Error::TimedOut");
    assert!((250..=252).contains(&start.elapsed().as_millis()));
    assert_idle(&machine.there);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_for_the_other_process_leaves_nothing() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let mut quitter = Instance::new(&machine.there);
    let cut = tokio::time::timeout(Duration::from_millis(50), quitter.acquire("a", Mode::Exclusive, SECOND)).await;
    assert!(cut.is_err());
    assert_idle(&machine.there);
    drop(holder);
    Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.unwrap();
}

/// The waiter that retries the file lock stays first in this process, until it gives up.
#[tokio::test(start_paused = true)]
async fn order_within_a_process_holds_while_another_has_the_lock() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let log = Log::default();
    let mut tasks = Vec::new();
    for who in ["one", "two", "three"] {
        tasks.push(wait_for(Instance::new(&machine.there), "a", Mode::Exclusive, 5, log.granted(who)).await);
    }
    sleep(Duration::from_millis(100)).await;
    drop(holder);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(log.events(), ["one", "two", "three"]);
    Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_the_space_releases_its_locks() {
    let Machine { here, there, directory: _directory } = Machine::new();
    let [holder] = holders(&here, ["a"]).await;
    drop(here);
    drop(holder);
    Instance::new(&there).attempt("a", Mode::Exclusive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn scope_is_the_machine() {
    let machine = Machine::new();
    let scope = Instance::new(&machine.here).locks().scope().await.unwrap();
    assert!(matches!(scope, LockScope::Machine));
}

#[test]
fn the_file_is_empty_and_for_its_owner_only() {
    let machine = Machine::new();
    let file = machine.file().metadata().unwrap();
    assert_eq!((file.mode() & 0o7777, file.len()), (0o600, 0));
}

#[test]
fn the_file_is_not_reached_through_a_link() {
    let machine = Machine::new();
    let link = machine.directory.path().join("link");
    symlink(machine.file(), &link).unwrap();
    assert!(LockSpace::machine(&link).is_err());
    assert!(LockSpace::machine(machine.directory.path()).is_err());
    assert!(LockSpace::machine(machine.directory.path().join("missing/lock")).is_err());
}

/// Running processes as well as new ones.
#[tokio::test(start_paused = true)]
async fn a_holder_excludes_all_others_after_the_file_is_removed() {
    for replaced in [false, true] {
        let machine = Machine::new();
        let [holder] = holders(&machine.here, ["a"]).await;
        if replaced {
            fs::write(machine.directory.path().join("another"), "").unwrap();
            fs::rename(machine.directory.path().join("another"), machine.file()).unwrap();
        } else {
            fs::remove_file(machine.file()).unwrap();
        }
        let elsewhere = machine.elsewhere();
        for space in [&elsewhere, &machine.there, &machine.here] {
            for name in ["a", "b"] {
                assert_error(Instance::new(space).acquire(name, Mode::Shared, 20).await, "Error::TimedOut");
            }
        }
        drop(holder);
        let [_now] = holders(&elsewhere, ["a"]).await;
        for space in [&machine.there, &machine.here] {
            assert_error(Instance::new(space).attempt("a", Mode::Shared).await, "Error::TimedOut");
            Instance::new(space).attempt("b", Mode::Exclusive).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_continues_in_the_new_file() {
    let machine = Machine::new();
    let [holder] = holders(&machine.here, ["a"]).await;
    let log = Log::default();
    let waiting = wait_for(Instance::new(&machine.there), "a", Mode::Exclusive, 500, log.granted("there")).await;
    fs::remove_file(machine.file()).unwrap();
    drop(holder);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(log.events(), ["there"]);
    assert_error(Instance::new(&machine.elsewhere()).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    waiting.await.unwrap();
    Instance::new(&machine.elsewhere()).attempt("a", Mode::Exclusive).await.unwrap();
}

/// A reader that arrives after the replacement does not share the lock that an earlier one holds in the old file.
#[tokio::test(start_paused = true)]
async fn readers_of_one_process_in_two_files() {
    let machine = Machine::new();
    let (mut early, mut late) = (Instance::new(&machine.here), Instance::new(&machine.here));
    early.shared("a").await;
    fs::remove_file(machine.file()).unwrap();
    let entering = tokio::spawn(async move {
        late.acquire("a", Mode::Shared, SECOND).await.unwrap();
        late
    });
    sleep(Duration::from_millis(50)).await;
    assert!(!entering.is_finished());
    drop(early);
    let late = entering.await.unwrap();
    let mut writer = Instance::new(&machine.there);
    assert_error(writer.attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    drop(late);
    writer.attempt("a", Mode::Exclusive).await.unwrap();
}

/// Its locks would be those of another directory than its own.
#[tokio::test(start_paused = true)]
async fn an_instance_whose_directory_was_replaced_gets_no_lock() {
    let machine = Machine::new();
    let directory = machine.directory.path();
    let mut early = Instance::new(&machine.here);
    let guard = early.exclusive("a").await;
    let old = directory.with_extension("old");
    fs::rename(directory, &old).unwrap();
    fs::create_dir(directory).unwrap();
    early.release(guard).await;
    for _ in 0..2 {
        match early.attempt("a", Mode::Exclusive).await {
            Err(Error::Other(text)) => assert!(text.contains("was replaced"), "{text}"),
            result => panic!("{result:?}"),
        }
    }
    let [late] = holders(&machine.here, ["a"]).await;
    assert_error(Instance::new(&machine.there).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    drop(late);
    // Moved back: instances of the old directory exclude each other again.
    let new = directory.with_extension("new");
    fs::rename(directory, &new).unwrap();
    fs::rename(&old, directory).unwrap();
    early.attempt("a", Mode::Exclusive).await.unwrap();
    fs::remove_dir_all(new).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_missing_directory_fails_until_it_is_back() {
    let machine = Machine::new();
    let away = machine.directory.path().with_extension("away");
    fs::rename(machine.directory.path(), &away).unwrap();
    match Instance::new(&machine.here).attempt("a", Mode::Exclusive).await {
        Err(Error::Other(text)) => assert!(text.contains("cannot be locked"), "{text}"),
        result => panic!("{result:?}"),
    }
    assert_idle(&machine.here);
    fs::rename(&away, machine.directory.path()).unwrap();
    Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.unwrap();
}

/// Each request tries again, and a busy server has many.
#[tokio::test(start_paused = true)]
async fn what_lasts_is_logged_once() {
    let lines = Lines::default();
    let _logged = tracing::subscriber::set_default(lines.clone());
    let machine = Machine::new();
    let away = machine.directory.path().with_extension("away");
    fs::rename(machine.directory.path(), &away).unwrap();
    for _ in 0..3 {
        assert!(Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.is_err());
    }
    assert_eq!(lines.count(), 1, "the lock file cannot be used");
    fs::rename(&away, machine.directory.path()).unwrap();

    let [_holder] = holders(&machine.here, ["a"]).await;
    fs::remove_file(machine.file()).unwrap();
    let elsewhere = machine.elsewhere();
    for _ in 0..3 {
        assert!(Instance::new(&elsewhere).attempt("a", Mode::Exclusive).await.is_err());
    }
    assert_eq!(lines.count(), 2, "locks are held in another file");
}

/// Counts the lines of the log.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl Lines {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// Cleaners of old files spare one that is in use.
#[tokio::test(start_paused = true)]
async fn the_mtime_is_fresh_while_the_file_is_used() {
    let machine = Machine::new();
    let long_ago = SystemTime::now() - Duration::from_secs(30 * 86_400);
    let age = || File::open(machine.file()).unwrap().set_modified(long_ago).unwrap();
    let is_old = || machine.file().metadata().unwrap().modified().unwrap() == long_ago;
    age();
    Instance::new(&machine.here).exclusive("a").await;
    assert!(is_old(), "not at every lock");
    tokio::time::advance(Duration::from_secs(3600)).await;
    Instance::new(&machine.here).exclusive("a").await;
    assert!(!is_old());
    age();
    drop(machine.elsewhere());
    assert!(!is_old(), "at the start, too");
}

/// A process that takes no file locks must be the only one.
#[tokio::test(start_paused = true)]
async fn alone_and_shared_refuse_each_other() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("lock");
    let refused = |answer: std::io::Result<LockSpace>, words: &str| {
        let error = answer.err().expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        assert!(error.to_string().contains(words), "{error}");
    };
    let alone = LockSpace::alone(&file).unwrap();
    let scope = Instance::new(&alone).locks().scope().await.unwrap();
    assert!(matches!(scope, LockScope::Process));
    refused(LockSpace::machine(&file), "uses it exclusively");
    refused(LockSpace::alone(&file), "other processes use it");
    let [holder] = holders(&alone, ["a"]).await;
    assert_error(Instance::new(&alone).attempt("a", Mode::Exclusive).await, "Error::TimedOut");
    drop((holder, alone));

    let shared = LockSpace::machine(&file).unwrap();
    let another = LockSpace::machine(&file).unwrap();
    refused(LockSpace::alone(&file), "other processes use it");
    drop((shared, another));
    LockSpace::alone(&file).unwrap();
}

/// New processes do not see it in the new file, and it must not continue beside them.
#[tokio::test(start_paused = true)]
async fn exclusive_use_survives_removal_of_the_file() {
    let machine = Machine::new();
    let file = machine.file();
    drop((machine.here, machine.there));
    let alone = LockSpace::alone(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let other = LockSpace::machine(&file).unwrap();
    assert_error(Instance::new(&other).acquire("a", Mode::Exclusive, 50).await, "Error::TimedOut");
    match Instance::new(&alone).attempt("a", Mode::Exclusive).await {
        Err(Error::Other(text)) => assert!(text.contains("other processes use it"), "{text}"),
        result => panic!("{result:?}"),
    }
    drop(other);
    let [_holder] = holders(&alone, ["a"]).await;
    assert!(LockSpace::machine(&file).is_err());
}

/// Lock files and file locks do not exclude each other.
#[tokio::test(start_paused = true)]
async fn a_directory_with_lock_files_is_refused_at_any_time() {
    let machine = Machine::new();
    fs::create_dir(machine.directory.path().join("locks")).unwrap();
    assert_eq!(LockSpace::machine(machine.file()).err().unwrap().kind(), ErrorKind::ResourceBusy);
    // Hosts that create lock files check for this file first, so it must have been removed.
    Instance::new(&machine.here).attempt("a", Mode::Exclusive).await.unwrap();
    fs::remove_file(machine.file()).unwrap();
    match Instance::new(&machine.here).attempt("a", Mode::Exclusive).await {
        Err(Error::Other(text)) => assert!(text.contains("other hosts use the lock files"), "{text}"),
        result => panic!("{result:?}"),
    }
    assert!(!machine.file().exists());
}
