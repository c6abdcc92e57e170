//! The protocol of `lock-files` in all interleavings of its steps, chosen by `shuttle`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

use shuttle::scheduler::{DfsScheduler, RandomScheduler};
use shuttle::thread::yield_now;

use files::{Files, Lease};

#[path = "../../../../components/lock-files/src/chain.rs"]
mod chain;
#[path = "../../../../components/lock-files/src/files.rs"]
mod files;
#[path = "../../../../components/lock-files/src/readers.rs"]
mod readers;

type Entries = BTreeMap<String, Option<Lease>>;

/// A directory where every operation is one step: others may come first.
#[derive(Default)]
struct Directory(Mutex<Entries>);

impl Directory {
    fn step(&self) -> MutexGuard<'_, Entries> {
        yield_now();
        self.0.lock().unwrap()
    }

    /// Ends the leases of these files.
    fn end(&self, prefix: &str) {
        for (_, lease) in self.0.lock().unwrap().iter_mut().filter(|(path, _)| path.starts_with(prefix)) {
            *lease = lease.map(|_| Lease::Over);
        }
    }

    fn left_by_the_dead(paths: &[&str]) -> Self {
        let entries = paths.iter().map(|path| (path.to_string(), (!path.ends_with(".shared")).then_some(Lease::Over)));
        Self(Mutex::new(entries.collect()))
    }
}

impl Files for Directory {
    type Error = Infallible;

    fn create(&self, path: &str) -> Result<bool, Infallible> {
        let mut entries = self.step();
        let parent = path.rsplit_once('/').is_none_or(|(parent, _)| entries.contains_key(parent));
        let free = parent && !entries.contains_key(path);
        if free {
            entries.insert(path.into(), Some(Lease::Running));
        }
        Ok(free)
    }

    fn lease(&self, path: &str) -> Result<Option<Lease>, Infallible> {
        Ok(self.step().get(path).copied().flatten())
    }

    fn renew(&self, path: &str) -> Result<(), Infallible> {
        self.step().insert(path.into(), Some(Lease::Running));
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), Infallible> {
        self.step().remove(path);
        Ok(())
    }

    fn make_directory(&self, path: &str) -> Result<(), Infallible> {
        self.step().entry(path.into()).or_insert(None);
        Ok(())
    }

    fn names(&self, path: &str) -> Result<Option<Vec<String>>, Infallible> {
        let entries = self.step();
        let inside = format!("{path}/");
        let names = entries.keys().filter_map(|entry| entry.strip_prefix(&inside)).map(String::from).collect();
        Ok(entries.contains_key(path).then_some(names))
    }

    fn remove_directory(&self, path: &str) -> Result<(), Infallible> {
        let mut entries = self.step();
        if !entries.keys().any(|entry| entry.starts_with(&format!("{path}/"))) {
            entries.remove(path);
        }
        Ok(())
    }
}

/// The number of holders: a writer counts as very many.
#[derive(Default)]
struct Inside(AtomicU32);
const WRITER: u32 = 1 << 16;

impl Inside {
    fn enter(&self, weight: u32) {
        let before = self.0.fetch_add(weight, SeqCst);
        assert!(before < WRITER && (weight == 1 || before == 0), "not excluded: {before:#x} inside");
    }

    fn leave(&self, weight: u32) {
        self.0.fetch_sub(weight, SeqCst);
    }
}

#[derive(Clone, Copy)]
enum Visitor {
    /// Tries once; takes the lock, as if after waiting for readers, and releases it.
    Writer,
    /// Takes it and dies; only then does its lease end.
    Mortal,
    /// Shares it, under this name.
    Reader(&'static str),
}

fn visit(directory: &Directory, inside: &Inside, visitor: Visitor) {
    let Ok(Some(generation)) = chain::try_take(directory, "L") else { return };
    match visitor {
        Visitor::Writer | Visitor::Mortal => {
            let Ok(gone) = readers::are_gone(directory, "L");
            if gone {
                let Ok(()) = chain::renew(directory, "L", &generation);
                inside.enter(WRITER);
                yield_now();
                inside.leave(WRITER);
            }
            if let Visitor::Mortal = visitor {
                directory.end(&chain_file(&generation));
            } else {
                let Ok(()) = chain::give_back(directory, "L", generation);
            }
        }
        Visitor::Reader(name) => {
            let Ok(()) = readers::enter(directory, "L", name);
            let Ok(()) = chain::give_back(directory, "L", generation);
            inside.enter(1);
            yield_now();
            inside.leave(1);
            let Ok(()) = readers::leave(directory, "L", name);
        }
    }
}

fn chain_file(generation: &chain::Generation) -> String {
    chain::path("L", generation)
}

fn run(left: &[&str], visitors: &[Visitor]) {
    let directory = Arc::new(Directory::left_by_the_dead(left));
    let inside = Arc::new(Inside::default());
    let threads: Vec<_> = visitors
        .iter()
        .map(|&visitor| {
            let (directory, inside) = (directory.clone(), inside.clone());
            shuttle::thread::spawn(move || visit(&directory, &inside, visitor))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(inside.0.load(SeqCst), 0);
}

use Visitor::{Mortal, Reader, Writer};

const SCENES: [(&[&str], &[Visitor]); 7] = [
    (&[], &[Writer, Writer]),
    (&["L.0"], &[Writer, Writer]),
    (&["L.0", "L.1"], &[Writer, Writer]),
    // A holder was killed while releasing.
    (&["L.1"], &[Writer, Writer]),
    (&["L.0"], &[Mortal, Writer]),
    (&[], &[Reader("r"), Writer]),
    (&["L.0", "L.shared", "L.shared/dead"], &[Reader("r"), Writer]),
];

#[test]
fn two_come_to_a_lock_in_all_orders() {
    let mut orders = 0;
    for (left, visitors) in SCENES {
        orders += shuttle::Runner::new(DfsScheduler::new(None, false), Default::default()).run(|| run(left, visitors));
    }
    println!("two callers of a lock: {orders} orders, which is all");
    assert!(orders > 1000);
}

#[test]
fn many_come_to_a_lock_in_random_orders() {
    for (left, _) in SCENES {
        let visitors = [Writer, Mortal, Reader("r"), Writer, Reader("s")];
        shuttle::Runner::new(RandomScheduler::new(20_000), Default::default()).run(move || run(left, &visitors));
    }
}

/// Why each generation checks the earlier ones: without that, two hold the lock. The scene is the one in the
/// documentation of `chain`.
#[test]
#[should_panic(expected = "not excluded")]
fn without_the_second_look_two_would_hold_it() {
    let careless = |directory: &Directory, inside: &Inside| {
        for generation in 0.. {
            let path = format!("L.{generation}");
            let Ok(created) = directory.create(&path);
            if created {
                inside.enter(WRITER);
                yield_now();
                inside.leave(WRITER);
                for earlier in 0..=generation {
                    let Ok(()) = directory.remove(&format!("L.{earlier}"));
                }
                return;
            }
            if directory.lease(&path) != Ok(Some(Lease::Over)) {
                return;
            }
        }
    };
    let scene = move || {
        let (directory, inside) = (Arc::new(Directory::left_by_the_dead(&["L.0"])), Arc::new(Inside::default()));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (directory, inside) = (directory.clone(), inside.clone());
                shuttle::thread::spawn(move || careless(&directory, &inside))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    shuttle::Runner::new(DfsScheduler::new(Some(2_000_000), false), Default::default()).run(scene);
}
