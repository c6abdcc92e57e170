//! The table and the space once more, compiled with the mutex of `shuttle`, which decides who goes on at every step:
//! all orders are tried in which two threads can come to them, and many of those of more. Time stands still; who does
//! not wait to the end drops the wait, as a time-out does. The lock file is one in memory, whose calls are steps as well.

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
        /// Whether a lock of the file may be another process's.
        pub(super) static IS_SHARED: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) async fn sleep_until(_time: Instant) {
        assert!(IS_SHARED.get(), "it waits for a lock that no other process has");
        shuttle::future::yield_now().await;
    }
}
#[path = "kernel.rs"]
mod machine;
#[path = "../path.rs"]
mod path;
#[path = "../space.rs"]
#[expect(dead_code, reason = "the scope is asked for elsewhere, and nobody has the file alone")]
mod space;
#[path = "../table.rs"]
mod table;

/// How many are inside: a writer counts as very many; and how long they stay.
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

/// One thread: how it asks, and whether it waits for the answer.
type Visitor = (Mode, bool);

async fn acquire(space: &LockSpace, owner: Owner, name: &str, mode: Mode) -> Result<Place, Error> {
    let (name, home) = (Name::parse(name).unwrap(), space.home());
    let request = Request { owner, home, name, mode, max_waiters: 8 };
    space.acquire(request, Duration::from_secs(60)).await
}

/// Drop the future if it is not ready when others have had their turn.
async fn given_up<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let first = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    yield_now().await;
    if let Poll::Ready(value) = first { Some(value) } else { None }
}

async fn visit(space: LockSpace, inside: Arc<Inside>, (mode, patient): Visitor) {
    let acquired = acquire(&space, Owner::new(), "a", mode);
    let place = if patient { Some(acquired.await) } else { given_up(acquired).await };
    if let Some(place) = place {
        let _place = place.expect("nothing else is held");
        inside.visit(mode).await;
    }
}

fn assert_idle(space: &LockSpace) {
    let table = space.table();
    assert!(table.queues.is_empty() && table.waits.is_empty(), "something is left");
}

/// Says how many orders there were. An order in which nobody can go on fails the test.
fn explore(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) -> usize {
    // Time-outs are made in a runtime, and this one does not run. It is not dropped: after a failure, which a test may
    // expect, it would wake those that still wait, and shuttle's wakers panic outside of an exploration.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let runtime = ManuallyDrop::new(runtime);
    let _context = runtime.enter();
    shuttle::Runner::new(scheduler, shuttle::Config::default()).run(test)
}

/// The first of them is this thread: one more would only multiply the orders.
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
    println!("2 threads, in 16 ways: {orders} orders, all that there are");
}

/// What holders in one process have of the file is given back before the next one is let in: it finds it free, and does
/// not lose it to the one before.
#[test]
fn all_of_two_with_a_lock_file() {
    let mut orders = 0;
    for pair in [[VISITORS[0]; 2], [VISITORS[0], VISITORS[1]], [VISITORS[0], VISITORS[2]]] {
        orders += explore(DfsScheduler::new(None, false), move || {
            machine::start(true);
            visit_all(LockSpace::machine("lock").unwrap(), &pair);
        });
    }
    println!("2 threads with a lock file, in 3 ways: {orders} orders, all that there are");
}

/// Two processes with two threads each, and one that begins when somebody has removed the lock file.
fn visit_while_the_file_is_removed(looks_at_marks: bool) {
    machine::start(looks_at_marks);
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
        machine::remove_file();
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

/// The newcomer does not see who holds a lock in the file that was removed.
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

/// Each takes two of three locks, in any order. Who would close a circle is told; everyone else gets both.
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
