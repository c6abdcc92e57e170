//! The lock conformance suite: one function for each promise of the contract, each on free locks.
//! [`lock_conformance_tests!`](crate::lock_conformance_tests) turns each into a test.

#![expect(missing_docs, reason = "the names are sentences")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant as Moment};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::provider::{Instance, LockScope, Mode, Power, Provider, kind};
use crate::wait::in_time;

const SHARED: Mode = Mode::Shared;
const EXCLUSIVE: Mode = Mode::Exclusive;
/// A timeout in milliseconds that expires only if a lock is never released.
const LONG: u32 = 60_000;

/// Generates a test for each function of the suite. The argument creates a [`Provider`], a fresh one for each test.
#[macro_export]
macro_rules! lock_conformance_tests {
    ($provider:expr) => {
        $crate::lock_conformance_tests! { @ $provider;
            an_exclusive_lock_excludes_everyone_and_ends_with_its_guard
            shared_holders_share
            names_are_apart
            names_have_1_to_256_bytes_of_anything
            a_timeout_of_zero_only_tries
            a_wait_is_bounded
            a_wait_ends_when_the_lock_is_free
            a_wait_that_was_given_up_leaves_nothing
            a_reader_does_not_overtake_a_waiting_writer
            an_instance_does_not_wait_for_itself
            an_instance_may_share_with_itself
            an_instance_holds_so_many_locks
            the_scope_is_the_same_for_all
            writers_are_alone_and_readers_among_readers
            a_death_frees_at_once_where_it_is_seen
            order_is_kept_where_it_is_promised
            a_circle_ends
        }
    };
    (@ $provider:expr; $($test:ident)*) => {
        $(#[tokio::test]
        async fn $test() {
            $crate::locks::suite::$test(&$provider).await;
        })*
    };
}

pub async fn an_exclusive_lock_excludes_everyone_and_ends_with_its_guard(provider: &impl Provider) {
    let (mut one, mut two) = (provider.instance().await, provider.instance().await);
    let guard = one.take("a", EXCLUSIVE).await;
    two.is_refused("a", EXCLUSIVE, "timed-out").await;
    two.is_refused("a", SHARED, "timed-out").await;
    one.release(guard).await;
    let guard = two.take("a", SHARED).await;
    one.is_refused("a", EXCLUSIVE, "timed-out").await;
    two.release(guard).await;
    one.take("a", EXCLUSIVE).await;
}

pub async fn shared_holders_share(provider: &impl Provider) {
    let (mut one, mut two, mut three) =
        (provider.instance().await, provider.instance().await, provider.instance().await);
    let first = one.take("a", SHARED).await;
    let second = two.take("a", SHARED).await;
    three.is_refused("a", EXCLUSIVE, "timed-out").await;
    one.release(first).await;
    three.is_refused("a", EXCLUSIVE, "timed-out").await;
    let third = one.take("a", SHARED).await;
    two.release(second).await;
    one.release(third).await;
    three.take("a", EXCLUSIVE).await;
}

pub async fn names_are_apart(provider: &impl Provider) {
    let mut instances = Vec::new();
    for name in ["a", "A", "a ", "a.0", "a.shared", "b", "ab", "a/b", "a/../b"] {
        let mut instance = provider.instance().await;
        instance.take(name, EXCLUSIVE).await;
        instances.push(instance);
    }
}

pub async fn names_have_1_to_256_bytes_of_anything(provider: &impl Provider) {
    let mut instance = provider.instance().await;
    let long = ["n".repeat(256), "é".repeat(128)];
    for name in ["/", "..", "../../etc/passwd", "\0", "\u{1F512}", "CON", "\n", "%", &long[0], &long[1]] {
        let guard = instance.take(name, EXCLUSIVE).await;
        provider.instance().await.is_refused(name, SHARED, "timed-out").await;
        instance.release(guard).await;
    }
    for name in ["".to_owned(), "n".repeat(257), "é".repeat(129)] {
        instance.is_refused(&name, SHARED, "invalid-name").await;
        instance.is_refused(&name, EXCLUSIVE, "invalid-name").await;
    }
}

pub async fn a_timeout_of_zero_only_tries(provider: &impl Provider) {
    let mut holder = provider.instance().await;
    holder.take("a", SHARED).await;
    let mut other = provider.instance().await;
    in_time("the request returns", other.is_refused("a", EXCLUSIVE, "timed-out")).await;
    // The failed attempt leaves no request behind.
    provider.instance().await.take("a", SHARED).await;
}

pub async fn a_wait_is_bounded(provider: &impl Provider) {
    for (held, asked) in [(EXCLUSIVE, EXCLUSIVE), (EXCLUSIVE, SHARED), (SHARED, EXCLUSIVE)] {
        let (mut holder, mut other) = (provider.instance().await, provider.instance().await);
        let guard = holder.take("a", held).await;
        let start = Moment::now();
        let answer = in_time("the wait ends", other.acquire("a", asked, 40)).await;
        assert_eq!(kind(&answer.unwrap_err()), "timed-out", "{held:?} {asked:?}");
        assert!(start.elapsed() >= Duration::from_millis(40), "{held:?} {asked:?}: {:?}", start.elapsed());
        holder.release(guard).await;
    }
}

pub async fn a_wait_ends_when_the_lock_is_free(provider: &impl Provider) {
    for (held, asked) in [(EXCLUSIVE, EXCLUSIVE), (EXCLUSIVE, SHARED), (SHARED, EXCLUSIVE)] {
        let mut holder = provider.instance().await;
        let guard = holder.take("a", held).await;
        let mut waiter = waiting(provider, asked, "a", || ()).await;
        assert!(!waiter.is_finished(), "{held:?} {asked:?}");
        holder.release(guard).await;
        in_time("the lock is granted", &mut waiter).await.unwrap();
    }
}

pub async fn a_wait_that_was_given_up_leaves_nothing(provider: &impl Provider) {
    for asked in [EXCLUSIVE, SHARED] {
        let mut holder = provider.instance().await;
        let guard = holder.take("a", EXCLUSIVE).await;
        let mut quitter = provider.instance().await;
        let cut = tokio::time::timeout(Duration::from_millis(20), quitter.acquire("a", asked, LONG)).await;
        assert!(cut.is_err(), "{asked:?}");
        // As a host does after a timeout.
        drop(quitter);
        holder.release(guard).await;
        let guard = holder.take("a", EXCLUSIVE).await;
        holder.release(guard).await;
    }
}

pub async fn a_reader_does_not_overtake_a_waiting_writer(provider: &impl Provider) {
    let mut reader = provider.instance().await;
    let guard = reader.take("a", SHARED).await;
    let mut writer = waiting(provider, EXCLUSIVE, "a", || ()).await;
    let mut late = provider.instance().await;
    late.is_refused("a", SHARED, "timed-out").await;
    assert!(!writer.is_finished());
    reader.release(guard).await;
    in_time("the writer gets the lock", &mut writer).await.unwrap();
    in_time("then the reader gets it", late.acquire("a", SHARED, LONG)).await.unwrap();
}

pub async fn an_instance_does_not_wait_for_itself(provider: &impl Provider) {
    let mut instance = provider.instance().await;
    for (held, asked) in [(EXCLUSIVE, EXCLUSIVE), (EXCLUSIVE, SHARED), (SHARED, EXCLUSIVE)] {
        let guard = instance.take("a", held).await;
        let answer = in_time("the request returns", instance.acquire("a", asked, LONG)).await;
        assert_eq!(kind(&answer.unwrap_err()), "deadlock", "{held:?} {asked:?}");
        instance.release(guard).await;
    }
}

pub async fn an_instance_may_share_with_itself(provider: &impl Provider) {
    let (mut instance, mut other) = (provider.instance().await, provider.instance().await);
    let (first, second) = (instance.take("a", SHARED).await, instance.take("a", SHARED).await);
    instance.release(first).await;
    other.is_refused("a", EXCLUSIVE, "timed-out").await;
    instance.release(second).await;
    other.take("a", EXCLUSIVE).await;
}

pub async fn an_instance_holds_so_many_locks(provider: &impl Provider) {
    let mut instance = provider.instance().await;
    let mut guards = Vec::new();
    let refusal = loop {
        match instance.acquire(&format!("lock {}", guards.len()), EXCLUSIVE, 0).await {
            Ok(guard) => guards.push(guard),
            Err(error) => break error,
        }
        assert!(guards.len() < 10_000, "the number of locks is not limited");
    };
    assert_eq!(kind(&refusal), "too-many");
    assert!(guards.len() >= 8, "a store needs several locks");
    instance.release(guards.pop().unwrap()).await;
    instance.take("one more", SHARED).await;
}

pub async fn the_scope_is_the_same_for_all(provider: &impl Provider) {
    let (mut one, mut two) = (provider.instance().await, provider.instance().await);
    let scope = one.scope().await;
    assert!(matches!(scope, LockScope::Process | LockScope::Machine), "instances exclude each other: {scope:?}");
    one.take("a", EXCLUSIVE).await;
    for again in [one.scope().await, two.scope().await] {
        assert_eq!(format!("{again:?}"), format!("{scope:?}"));
    }
}

/// The holders of the lock; a writer counts as [`WRITER`] readers.
#[derive(Default)]
struct Inside(AtomicU32);
const WRITER: u32 = 1 << 16;

impl Inside {
    async fn visit(&self, mode: Mode) {
        let weight = if mode == EXCLUSIVE { WRITER } else { 1 };
        let before = self.0.fetch_add(weight, SeqCst);
        assert!(before < WRITER && (weight == 1 || before == 0), "{mode:?} granted with {before:#x} holders");
        tokio::task::yield_now().await;
        self.0.fetch_sub(weight, SeqCst);
    }
}

pub async fn writers_are_alone_and_readers_among_readers(provider: &impl Provider) {
    let inside = Arc::new(Inside::default());
    let mut visitors = Vec::new();
    for number in 0..8 {
        let (mut instance, inside) = (provider.instance().await, inside.clone());
        visitors.push(tokio::spawn(async move {
            for visit in 0..40 {
                let mode = if (number + visit) % 3 == 0 { SHARED } else { EXCLUSIVE };
                let guard = instance.acquire("a", mode, LONG).await.unwrap();
                inside.visit(mode).await;
                instance.release(guard).await;
            }
        }));
    }
    for visitor in visitors {
        in_time("all locks are granted", visitor).await.unwrap();
    }
}

pub async fn a_death_frees_at_once_where_it_is_seen(provider: &impl Provider) {
    for mode in [EXCLUSIVE, SHARED] {
        let mut instance = provider.instance().await;
        let name = format!("held {mode:?}");
        instance.take(&name, mode).await;
        drop(instance);
        let mut other = provider.instance().await;
        if provider.has(Power::SeesDeath) {
            other.take(&name, EXCLUSIVE).await;
        } else {
            other.is_refused(&name, EXCLUSIVE, "timed-out").await;
        }
    }
}

pub async fn order_is_kept_where_it_is_promised(provider: &impl Provider) {
    let mut holder = provider.instance().await;
    let guard = holder.take("a", EXCLUSIVE).await;
    let served = Arc::new(AtomicU32::new(0));
    let mut waiters = Vec::new();
    for number in 0..8 {
        let served = served.clone();
        let note = move || (served.fetch_add(1, SeqCst), number);
        waiters.push(waiting(provider, EXCLUSIVE, "a", note).await);
    }
    holder.release(guard).await;
    for waiter in waiters {
        let (place, number) = in_time("all waiters get the lock", waiter).await.unwrap();
        assert!(place == number || !provider.has(Power::KeepsOrder), "waiter {number} was granted as {place}");
    }
    assert_eq!(served.load(SeqCst), 8);
}

pub async fn a_circle_ends(provider: &impl Provider) {
    let (mut one, mut two) = (provider.instance().await, provider.instance().await);
    one.take("a", EXCLUSIVE).await;
    two.take("b", EXCLUSIVE).await;
    let timeout = if provider.has(Power::SeesCircles) { LONG } else { 50 };
    let both = async {
        tokio::join!(one.acquire("b", EXCLUSIVE, timeout), async {
            let answer = two.acquire("a", EXCLUSIVE, timeout).await;
            // Releases the lock that the other instance waits for.
            drop(two);
            answer
        })
    };
    let (_, second) = in_time("the deadlock is resolved", both).await;
    let expected = if provider.has(Power::SeesCircles) { "deadlock" } else { "timed-out" };
    assert_eq!(kind(&second.unwrap_err()), expected);
}

/// Spawns an instance that waits for a lock, calls `note` with the lock held, and releases it. Returns once it waits:
/// the test's runtime has a single thread, which the task occupies until then.
async fn waiting<T: Send + 'static>(
    provider: &impl Provider,
    mode: Mode,
    name: &'static str,
    note: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let mut instance = provider.instance().await;
    let (begins, begun) = oneshot::channel();
    let task = tokio::spawn(async move {
        begins.send(()).unwrap();
        let guard = instance.acquire(name, mode, LONG).await.unwrap();
        let noted = note();
        instance.release(guard).await;
        noted
    });
    begun.await.unwrap();
    task
}
