//! An account with thousands of sessions, as left by a program that logs in for each call and never logs out.
//! Operations on them have linear cost, and fit into a server instance's memory.

use std::collections::BTreeMap;
use std::path::Path;

use host_tests::calls::Calls;
use host_tests::host::Host;
use session_conformance::bindings::Access::Optimistic;
use session_conformance::client::{Manager, Store, contents};
use session_conformance::harness::Harness;
use tempfile::TempDir;

/// The default of `session3 serve`, for an application, the store and the manager together.
const MEMORY: usize = 64 << 20;

const FEW: usize = 2000;
const MANY: usize = 4 * FEW;

/// A directory in memory: thousands of sessions would wait for a disk.
fn place() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// Logs ann in, as the manager stores it.
async fn log_in(store: &Store, manager: &Manager, count: usize) {
    let session = manager.start(&[], None, Optimistic).await.unwrap();
    session.set_user(Some("ann")).await.unwrap();
    manager.finish(session).await.unwrap();
    let first = store.sessions_of("ann").await.unwrap().remove(0).id;
    let data = store.load(&first).await.unwrap().unwrap().data;
    for _ in 1..count {
        store.create(None, &contents("ann", &data)).await.unwrap();
    }
}

/// The cost of an operation with this many sessions of the user.
struct Cost {
    calls: BTreeMap<String, u64>,
    instructions: u64,
}

impl Cost {
    fn calls(&self) -> u64 {
        self.calls.values().sum()
    }

    fn of(&self, function: &str) -> u64 {
        self.calls.iter().filter(|(name, _)| name.ends_with(function)).map(|(_, calls)| calls).sum()
    }
}

/// Runs an operation with few sessions and with four times as many: it must return their number, and cost at most four
/// times as much, with some allowance for the logarithm of sorting.
async fn is_linear(what: &str, operation: impl AsyncFn(&Store, &Manager) -> u64) -> [Cost; 2] {
    let mut costs = Vec::new();
    for count in [FEW, MANY] {
        let place = place();
        let host = Host::on(place.path()).metered().with_memory(MEMORY);
        log_in(&host.store().await, &host.manager().await, count).await;
        let (store, manager) = (host.store().await, host.manager().await);
        let spent = async || store.instance().instructions().await + manager.instance().instructions().await;
        let before = spent().await;
        let calls = Calls::count();
        assert_eq!(operation(&store, &manager).await, count as u64, "{what}");
        costs.push(Cost { calls: calls.take(), instructions: spent().await - before });
        let memory = store.instance().memory().await.max(manager.instance().memory().await);
        println!(
            "{what}, {count}: {} calls, {} instructions, {memory} bytes",
            costs[costs.len() - 1].calls(),
            costs[costs.len() - 1].instructions
        );
        assert!(memory < MEMORY / 4, "{what}: {memory} bytes for {count}");
    }
    let [few, many] = costs.try_into().ok().unwrap();
    assert!(many.calls() <= few.calls() * 4 + 100, "{what}: {:#?} and {:#?}", few.calls, many.calls);
    assert!(many.instructions <= few.instructions * 5, "{what}: {} and {}", few.instructions, many.instructions);
    [few, many]
}

#[tokio::test]
async fn a_list_of_them_costs_so_much_for_each() {
    is_linear("list", async |store, _| store.iter_of("ann").await.unwrap().rest(100).await.len() as u64).await;
    is_linear("devices", async |_, manager| {
        let cursor = manager.devices_of("ann").await.unwrap();
        let mut seen = 0;
        loop {
            match cursor.next_page(100).await.unwrap().len() as u64 {
                0 => return seen,
                page => seen += page,
            }
        }
    })
    .await;
}

/// The names in the index are counted, and no session is opened.
#[tokio::test]
async fn their_number_costs_no_look_at_any() {
    let costs = is_linear("count", async |store, _| store.count_of("ann").await.unwrap()).await;
    for cost in costs {
        assert_eq!((cost.of("open-at"), cost.of("descriptor.read"), cost.of("stat")), (1, 0, 0), "{:#?}", cost.calls);
    }
}

/// Besides the sorting, only the page.
#[tokio::test]
async fn a_page_of_devices_reads_those_on_it() {
    let place = place();
    let host = Host::on(place.path());
    let manager = host.manager().await;
    log_in(&host.store().await, &manager, FEW).await;
    let cursor = manager.devices_of("ann").await.unwrap();
    let calls = Calls::count();
    cursor.skip(1500).await;
    assert!(calls.take().is_empty());
    assert_eq!(cursor.next_page(20).await.unwrap().len(), 20);
    let opened = calls.take()["types.[method]descriptor.open-at"];
    assert_eq!(opened, 20);
}

#[tokio::test]
async fn their_end_costs_so_much_for_each() {
    let ended = is_linear("delete-sessions-of", async |store, _| store.delete_sessions_of("ann").await.unwrap()).await;
    for (cost, count) in ended.iter().zip([FEW, MANY]) {
        let names = cost.of("read-directory-entry");
        assert!(names <= count as u64 + 10, "the list is read repeatedly: {names} names of {count}");
    }
    is_linear("end-other-sessions-of", async |store, manager| {
        let keep = store.iter_of("ann").await.unwrap().next_page(1).await.unwrap().sessions.remove(0).id;
        manager.end_other_sessions_of("ann", &keep).await.unwrap() + 1
    })
    .await;
}

/// A session may have thousands of expired attributes. They are removed in one pass.
#[tokio::test]
async fn attributes_that_have_vanished_cost_so_much_for_each() {
    let mut costs = Vec::new();
    for count in [1000, 4000] {
        let host = Host::new().metered();
        let manager = host.manager().await;
        let session = manager.start(&[], None, Optimistic).await.unwrap();
        for number in 0..count {
            let value = session_conformance::client::integer(number);
            session.set_with_ttl(&format!("attribute-{number:04}"), &value, 1000).await.unwrap();
        }
        session.set("stays", &session_conformance::client::integer(0)).await.unwrap();
        let fields = manager.finish(session).await.unwrap();
        let cookie = fields[0].1.split(';').next().unwrap().to_owned();
        host.clock().pass(1000);
        let before = manager.instance().instructions().await;
        let session = manager.start(&[cookie], None, Optimistic).await.unwrap();
        assert_eq!(session.names().await, ["stays"]);
        costs.push(manager.instance().instructions().await - before);
    }
    assert!(costs[1] <= costs[0] * 5, "{costs:?} instructions");
}
