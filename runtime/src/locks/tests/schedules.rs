//! The table and the space, compiled with the mutex of `shuttle`, which schedules every step: all orders of two threads
//! are tried, and many of more. Time stands still; a wait that gives up is dropped, as by a timeout. The lock file is
//! simulated in memory, and its calls are steps as well.

use crate::locks::error::{Error, Mode};
use crate::locks::name::Name;
use crate::locks::{error, name};
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::rand::Rng;
use shuttle::scheduler::{DfsScheduler, RandomScheduler, Scheduler};
use space::{LockSpace, Place, Request};
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;
use table::Owner;

mod sync {
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
    use std::cell::Cell;
    use tokio::time::Instant;

    thread_local! {
        /// Whether another process may hold locks in the file.
        pub(super) static IS_SHARED: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) async fn sleep_until(_time: Instant) {
        assert!(IS_SHARED.get(), "it waits for a lock that no other process holds");
        shuttle::future::yield_now().await;
    }
}
#[path = "simulated_lock_file.rs"]
mod lock_file;
#[path = "../lock_path.rs"]
mod lock_path;
#[path = "../space.rs"]
#[expect(dead_code, reason = "other tests query the scope, and none here uses the file alone")]
mod space;
#[path = "../table.rs"]
mod table;

/// The number inside, where a writer counts as `WRITER`; and how long they stay.
#[derive(Default)]
struct Inside(AtomicU32, usize);
const WRITER: u32 = 1 << 16;

impl Inside {
    async fn visit(&self, mode: Mode) {
        let weight = if mode == Mode::Exclusive { WRITER } else { 1 };
        let before = self.0.fetch_add(weight, SeqCst);
        assert!(before < WRITER && (weight == 1 || before == 0), "not excluded");
        for _ in 0..=self.1 {
            yield_now().await;
        }
        self.0.fetch_sub(weight, SeqCst);
    }
}

/// One thread: its mode, and whether it waits until granted.
type Visitor = (Mode, bool);

async fn acquire(space: &LockSpace, owner: Owner, name: &str, mode: Mode) -> Result<Place, Error> {
    let (name, home) = (Name::parse(name).unwrap(), space.home());
    let request = Request { owner, home, name, mode, max_waiters: 8 };
    space.acquire(request, Duration::from_secs(60)).await
}

/// Poll the future once, let others run, and drop it unless it was ready.
async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let first = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    yield_now().await;
    if let Poll::Ready(value) = first { Some(value) } else { None }
}

async fn visit(space: LockSpace, inside: Arc<Inside>, (mode, patient): Visitor) {
    let acquired = acquire(&space, Owner::new(), "a", mode);
    let place = if patient { Some(acquired.await) } else { poll_once(acquired).await };
    if let Some(place) = place {
        let _place = place.expect("nothing else is held");
        inside.visit(mode).await;
    }
}

fn assert_idle(space: &LockSpace) {
    let table = space.table();
    assert!(table.queues.is_empty() && table.waits.is_empty(), "the table is not empty");
}

/// Returns the number of orders. An order in which no thread can proceed fails the test.
fn explore(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) -> usize {
    // Timeouts need a runtime, which does not run. It is not dropped: after a failure, which a test may expect, it
    // would wake remaining waiters, and shuttle's wakers panic outside an exploration.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let runtime = ManuallyDrop::new(runtime);
    let _context = runtime.enter();
    shuttle::Runner::new(scheduler, shuttle::Config::default()).run(test)
}

/// The first visitor runs on this thread: one more would only multiply the orders.
fn visit_all(space: LockSpace, visitors: &[Visitor]) {
    let inside = Arc::<Inside>::default();
    let visit = |visitor: &Visitor| visit(space.clone(), inside.clone(), *visitor);
    let others: Vec<_> = visitors[1..].iter().map(|visitor| spawn(visit(visitor))).collect();
    block_on(visit(&visitors[0]));
    others.into_iter().for_each(|other| block_on(other).unwrap());
    assert_idle(&space);
}

const VISITORS: [Visitor; 4] =
    [(Mode::Exclusive, true), (Mode::Exclusive, false), (Mode::Shared, true), (Mode::Shared, false)];

#[test]
fn all_of_two() {
    let mut orders = 0;
    for pair in VISITORS.iter().flat_map(|one| VISITORS.map(|two| [*one, two])) {
        orders += explore(DfsScheduler::new(None, false), move || visit_all(LockSpace::process(), &pair));
    }
    println!("2 threads, in 16 ways: {orders} orders, exhaustive");
}

/// A holder's file lock is released before the next holder in the process is granted: the next one finds it free, and
/// the previous one's release does not take it away.
#[test]
fn all_of_two_with_a_lock_file() {
    let mut orders = 0;
    for pair in [[VISITORS[0]; 2], [VISITORS[0], VISITORS[1]], [VISITORS[0], VISITORS[2]]] {
        orders += explore(DfsScheduler::new(None, false), move || {
            lock_file::start(true);
            visit_all(LockSpace::machine("lock").unwrap(), &pair);
        });
    }
    println!("2 threads with a lock file, in 3 ways: {orders} orders, exhaustive");
}

/// Two processes with two threads each, and one that starts after the lock file was removed.
fn visit_while_the_file_is_removed(checks_marks: bool) {
    lock_file::start(checks_marks);
    sync::IS_SHARED.set(true);
    // Long enough for the newcomer to open the file and try.
    let inside = Arc::new(Inside(AtomicU32::new(0), 20));
    let spaces = [(); 2].map(|()| LockSpace::machine("lock").unwrap());
    let mut random = shuttle::rand::thread_rng();
    let mut threads: Vec<_> = (0..4)
        .map(|number| {
            let visitor = VISITORS[random.gen_range(0..VISITORS.len())];
            spawn(visit(spaces[number % 2].clone(), inside.clone(), visitor))
        })
        .collect();
    let newcomers_inside = inside.clone();
    threads.push(spawn(async move {
        lock_file::remove_file();
        yield_now().await;
        visit(LockSpace::machine("lock").unwrap(), newcomers_inside, VISITORS[0]).await;
    }));
    threads.into_iter().for_each(|thread| block_on(thread).unwrap());
    spaces.iter().for_each(assert_idle);
}

#[test]
fn many_of_three_processes_whose_lock_file_is_removed() {
    let orders = explore(RandomScheduler::new(30_000), || visit_while_the_file_is_removed(true));
    println!("3 processes whose lock file is removed: {orders} orders");
}

/// The newcomer does not see the holders of locks in the removed file.
#[test]
#[should_panic(expected = "not excluded")]
fn without_marks_a_removed_lock_file_would_be_noticed_too_late() {
    explore(RandomScheduler::new(30_000), || visit_while_the_file_is_removed(false));
}

#[test]
fn many_of_four() {
    let orders = explore(RandomScheduler::new(30_000), || {
        let mut random = shuttle::rand::thread_rng();
        let four = [(); 4].map(|()| VISITORS[random.gen_range(0..VISITORS.len())]);
        visit_all(LockSpace::process(), &four);
    });
    println!("4 threads: {orders} orders");
}

/// Each takes two of three locks, in any order. One that would close a cycle gets `Deadlock`; the others get both.
#[test]
fn many_of_five_with_two_locks_each() {
    async fn both(space: LockSpace, inside: Arc<[Inside; 3]>) {
        let owner = Owner::new();
        let mut random = shuttle::rand::thread_rng();
        let first = random.gen_range(0..3);
        let second = (first + random.gen_range(1..3)) % 3;
        let mode = if random.gen_bool(0.5) { Mode::Exclusive } else { Mode::Shared };
        let _one = acquire(&space, owner, &first.to_string(), mode).await.expect("it holds nothing");
        inside[first].visit(mode).await;
        match acquire(&space, owner, &second.to_string(), Mode::Exclusive).await {
            Ok(_two) => inside[second].visit(Mode::Exclusive).await,
            Err(error) => assert!(matches!(error, Error::Deadlock), "{error:?}"),
        }
    }
    let orders = explore(RandomScheduler::new(20_000), || {
        let (space, inside) = (LockSpace::process(), Arc::<[Inside; 3]>::default());
        let visits: Vec<_> = (0..5).map(|_| spawn(both(space.clone(), inside.clone()))).collect();
        visits.into_iter().for_each(|visit| block_on(visit).unwrap());
        assert_idle(&space);
    });
    println!("5 threads with 2 of 3 locks each: {orders} orders");
}
