//! The operations on a real server: what the conformance suite cannot see.

mod server;

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use server::{DEFECT, Defect, Fault, Proxy, Server, run, shared};
use session_core::engine::{Call, Engine, Holder, Lease, Sessions};
use session_core::events::{Event, Events};
use session_core::record::Version;
use session_core::store::{Contents, LockMode, Record};
use session_core::{Error, SessionId, expiry};
use session_postgres::{Postgres, PostgresSessions};
use std::time::Duration;
use tokio::task::JoinSet;

const NOW: u64 = 1_800_000_000_000;

/// Remembers events.
#[derive(Default)]
struct Log(Mutex<Vec<(Option<String>, Event)>>);

impl Events for Log {
    fn emit(&self, session: Option<&SessionId>, event: Event) {
        self.0.lock().unwrap().push((session.map(ToString::to_string), event));
    }
}

/// Ignores events.
struct Ignored;

impl Events for Ignored {
    fn emit(&self, _: Option<&SessionId>, _: Event) {}
}

const CALL: Call<'static> = Call { now: NOW, events: &Ignored };

fn id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

fn two_ids() -> [SessionId; 2] {
    [id("session-1"), id("session-2")]
}

fn contents(data: &str, owner: Option<&str>) -> Contents {
    Contents { data: data.into(), owner: owner.map(String::from), ..Contents::default() }
}

fn record(id: &SessionId, data: &str, owner: Option<&str>) -> Record {
    let contents = contents(data, owner);
    Record { id: id.clone(), version: 1, created: NOW, modified: NOW, last_active: NOW, contents }
}

/// A store in a schema of its own, behind a proxy.
struct Place {
    schema: String,
    proxy: Proxy,
    sessions: Arc<PostgresSessions>,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let schema = format!("place_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let proxy = Proxy::new(shared());
        let sessions = run(Postgres::new(&proxy.options(&schema)).open(".", true, false)).unwrap();
        Self { schema, proxy, sessions: Arc::new(sessions) }
    }

    /// The rows, without the proxy: their ids, and whether they have a session.
    fn rows(&self) -> Vec<(String, bool)> {
        let rows = self.sql("SELECT id, version IS NOT NULL FROM sessions ORDER BY id");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    fn sql(&self, statement: &str) -> Vec<tokio_postgres::Row> {
        let statement = ["sessions", "damaged", "stores"]
            .iter()
            .fold(statement.to_owned(), |text, table| text.replace(table, &format!("{}.{table}", self.schema)));
        shared().sql(&statement)
    }

    fn data(&self, id: &SessionId) -> Option<String> {
        let record = run(self.sessions.load(id, None, CALL)).unwrap();
        record.map(|record| String::from_utf8(record.contents.data).unwrap())
    }

    fn empty(&self) {
        self.sql("DELETE FROM sessions");
    }
}

#[test]
fn a_session_from_creation_to_deletion() {
    let place = Place::new();
    let [first, second] = two_ids();
    let events = Log::default();
    let call = Call { now: NOW, events: &events };
    let sessions = &place.sessions;
    assert_eq!(run(sessions.load(&first, None, call)), Ok(None));
    assert_eq!(run(sessions.insert(&record(&first, "a", Some("ann")), call)), Ok(()));
    assert_eq!(run(sessions.insert(&record(&first, "b", None), call)), Err(Error::AlreadyExists));
    assert_eq!(run(sessions.load(&first, None, call)), Ok(Some(record(&first, "a", Some("ann")))));
    assert_eq!(run(sessions.save(&first, &contents("b", Some("ann")), Some(1), None, false, call)), Ok(2));
    assert_eq!(run(sessions.save(&first, &contents("c", None), Some(1), None, false, call)), Err(Error::Conflict(2)));
    assert_eq!(run(sessions.save(&first, &contents("c", Some("b\0b")), None, None, true, call)), Ok(3));
    assert_eq!(run(sessions.ids_of("ann")), Ok(vec![]));
    assert_eq!(run(sessions.ids_of("b\0b")), Ok(vec![first.clone()]));
    assert_eq!(run(sessions.insert(&record(&second, "d", None), call)), Ok(()));
    assert_eq!(run(sessions.rename(&first, &second, None, call)), Err(Error::AlreadyExists));
    assert_eq!(run(sessions.rename(&first, &first, None, call)), Err(Error::AlreadyExists));
    assert_eq!(run(sessions.delete(&second, None, None, call)), Ok(true));
    assert_eq!(run(sessions.rename(&first, &second, None, call)), Ok(()));
    assert_eq!(run(sessions.rename(&first, &second, None, call)), Err(Error::Gone));
    assert_eq!(run(sessions.load(&first, None, call)), Ok(None));
    assert_eq!(run(sessions.load(&second, None, call)).unwrap().unwrap().version, 3);
    assert_eq!(run(sessions.ids_of("b\0b")), Ok(vec![second.clone()]));
    assert_eq!(run(sessions.count_of("b\0b")), Ok(1));
    assert_eq!(run(sessions.page(None, 10, call)).unwrap().0.sessions.len(), 1);
    assert_eq!(run(sessions.usage()).unwrap().sessions, 1);
    assert_eq!(run(sessions.touch(&second, call)), Ok(()));
    assert_eq!(run(sessions.delete(&second, Some("ann"), None, call)), Ok(false));
    assert_eq!(run(sessions.delete(&second, None, None, call)), Ok(true));
    assert_eq!(run(sessions.delete(&second, None, None, call)), Ok(false));
    assert_eq!(run(sessions.save(&second, &contents("d", None), None, None, false, call)), Err(Error::Gone));
    assert_eq!(run(sessions.touch(&second, call)), Err(Error::Gone));
    assert_eq!(place.rows(), [], "nothing is left");
    let events = events.0.into_inner().unwrap();
    let expected =
        [(&first, Event::Created), (&second, Event::Created), (&second, Event::Destroyed), (&second, Event::Destroyed)];
    assert_eq!(events, expected.map(|(id, event)| (Some(id.to_string()), event)));
}

/// Each operation is one round trip, once its statement is prepared.
#[test]
fn round_trips() {
    let place = Place::new();
    let sessions = &place.sessions;
    let [first, second] = two_ids();
    let lease = Lease { holder: Holder(1), time: 60_000 };
    let mut counts = Vec::new();
    for _ in 0..2 {
        place.proxy.take_round_trips();
        counts.clear();
        let mut count = |name| counts.push((name, place.proxy.take_round_trips()));
        run(sessions.insert(&record(&first, "a", Some("ann")), CALL)).unwrap();
        count("create");
        run(sessions.load(&first, None, CALL)).unwrap();
        count("load");
        run(sessions.save(&first, &contents("b", None), Some(1), None, false, CALL)).unwrap();
        count("save");
        run(sessions.save(&first, &contents("b", Some("bob")), Some(2), None, true, CALL)).unwrap();
        count("durable save");
        run(sessions.touch(&first, CALL)).unwrap();
        count("touch");
        run(sessions.rename(&first, &second, None, CALL)).unwrap();
        count("rename");
        run(sessions.lock(&second, LockMode::Exclusive, lease)).unwrap();
        count("lock");
        run(sessions.renew(&second, lease)).unwrap();
        count("renew");
        run(sessions.unlock(&second, lease.holder)).unwrap();
        count("unlock");
        run(sessions.ids_of("bob")).unwrap();
        count("the sessions of an owner");
        run(sessions.delete(&second, None, None, CALL)).unwrap();
        count("delete");
    }
    assert!(counts.iter().all(|(_, count)| *count == 1), "{counts:?}");
    assert_eq!(counts.len(), 11);
}

/// The expiry rules of the statements are those of `session_core::expiry`, on stamps around every limit.
#[test]
fn statements_expire_what_core_expires() {
    let place = Place::new();
    let stamps = [0, 1, NOW - 60_001, NOW - 1, NOW, NOW + 59_999, NOW + 60_000, NOW + 60_001, u64::MAX];
    let limits = [None, Some(0), Some(1), Some(60_000), Some(NOW), Some(NOW + 1), Some(u64::MAX)];
    let mut records = Vec::new();
    for created in stamps {
        for modified in [0, NOW - 1, NOW + 60_001, u64::MAX] {
            for active in stamps {
                for idle_timeout in limits {
                    for deadline in limits {
                        let mut stamped = record(&id(&format!("session-{:05}", records.len())), "", None);
                        (stamped.created, stamped.modified, stamped.last_active) = (created, modified, active);
                        (stamped.contents.idle_timeout, stamped.contents.deadline) = (idle_timeout, deadline);
                        records.push(stamped);
                    }
                }
            }
        }
    }
    let limit = |limit: Option<u64>| limit.map_or("NULL".into(), |limit| limit.to_string());
    let rows: Vec<String> = records
        .iter()
        .map(|record| {
            let Record { id, created, modified, last_active, contents, .. } = record;
            let (idle, deadline) = (limit(contents.idle_timeout), limit(contents.deadline));
            // The checksum of no data.
            format!(
                "(1, '{id}', 1, {created}, {modified}, {last_active}, {idle}, {deadline}, 0, 3244421341483603138, '')"
            )
        })
        .collect();
    let insert = "INSERT INTO sessions \
        (store, id, version, created, modified, active, idle, deadline, write, checksum, data) VALUES ";
    let is_there = |record: &Record, now: u64| {
        let version = Version::of(&record.contents, 1, record.created, record.modified);
        !expiry::expired(&version, record.last_active, now)
    };
    for now in [NOW, 0, 30_000, u64::MAX, u64::MAX - 60_000] {
        place.empty();
        place.sql(&format!("{insert}{}", rows.join(",")));
        let call = Call { now, ..CALL };
        // A row is read: the rules of core. Then each is collected, by the rules of the statement.
        let report = run(place.sessions.collect_garbage(u32::MAX, None, call)).unwrap();
        let expected: Vec<_> = records.iter().filter(|record| is_there(record, now)).collect();
        assert_eq!(report.expired as usize, records.len() - expected.len(), "{now}");
        let found: Vec<String> = place.rows().into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, expected.iter().map(|record| record.id.to_string()).collect::<Vec<_>>(), "{now}");
    }
    println!("{} combinations of stamps and limits, at five times", records.len());

    // Each is the first to see a session expired, and decides for itself.
    type Use = fn(&PostgresSessions, &SessionId) -> bool;
    let uses: [Use; 6] = [
        |sessions, id| run(sessions.touch(id, CALL)).is_ok(),
        |sessions, id| run(sessions.save(id, &contents("b", None), None, None, false, CALL)).is_ok(),
        |sessions, id| run(sessions.delete(id, None, None, CALL)).unwrap(),
        |sessions, id| run(sessions.insert(&record(id, "", None), CALL)) == Err(Error::AlreadyExists),
        |sessions, id| run(sessions.rename(id, &SessionId::parse("session-9").unwrap(), None, CALL)).is_ok(),
        |sessions, id| run(sessions.has(id, CALL)).unwrap(),
    ];
    for deadline in [NOW, NOW + 1] {
        for (number, used) in uses.iter().enumerate() {
            place.empty();
            let mut stamped = record(&id("session-1"), "", Some("ann"));
            stamped.contents.deadline = Some(deadline);
            run(place.sessions.insert(&stamped, CALL)).unwrap();
            assert_eq!(used(&place.sessions, &stamped.id), deadline > NOW, "use {number}");
            assert_eq!(
                run(place.sessions.has(&stamped.id, CALL)),
                Ok(deadline > NOW && ![2, 4].contains(&number) || number == 3)
            );
        }
    }
}

/// Each write whose reply or statement is lost is repeated, and done once.
#[test]
fn a_broken_connection_does_nothing_twice() {
    let place = Place::new();
    let [first, second] = two_ids();
    type Write = fn(&PostgresSessions, &SessionId, &SessionId) -> Result<u64, Error>;
    let writes: [(&str, Write); 5] = [
        ("save", |sessions, id, _| run(sessions.save(id, &contents("b", None), Some(1), None, false, CALL))),
        ("save with a new owner", |sessions, id, _| {
            run(sessions.save(id, &contents("b", Some("bob")), Some(1), None, true, CALL))
        }),
        ("create", |sessions, _, new| run(sessions.insert(&record(new, "a", None), CALL)).map(|()| 0)),
        ("delete", |sessions, id, _| run(sessions.delete(id, None, None, CALL)).map(u64::from)),
        ("rename", |sessions, id, new| run(sessions.rename(id, new, None, CALL)).map(|()| 0)),
    ];
    for (name, write) in writes {
        let mut expected = None;
        for fault in [None, Some(Fault::LoseReply), Some(Fault::LoseStatement)] {
            place.empty();
            run(place.sessions.insert(&record(&first, "a", Some("ann")), CALL)).unwrap();
            if let Some(fault) = fault {
                place.proxy.fail_after(0, fault);
            }
            let result = write(&place.sessions, &first, &second);
            let state = (result, place.data(&first), place.data(&second), place.rows());
            let expected = expected.get_or_insert_with(|| state.clone());
            assert_eq!(&state, expected, "{name}: {fault:?}");
        }
        assert!(expected.as_ref().is_some_and(|(result, ..)| result.is_ok()), "{expected:?}");
    }
}

/// Without an expected version, a repeated save cannot be told from a save of others.
#[test]
fn an_outcome_that_cannot_be_known_is_said_to_be_unknown() {
    let place = Place::new();
    let id = id("session-1");
    run(place.sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    place.proxy.fail_after(0, Fault::LoseStatement);
    let result = run(place.sessions.save(&id, &contents("b", None), None, None, false, CALL));
    assert!(matches!(result, Err(Error::OutcomeUnknown(_))), "{result:?}");
    assert_eq!(place.data(&id).as_deref(), Some("a"));
    // With no time to try again, nothing is known either; a load has nothing to know.
    let options = place.proxy.options(&place.schema).patience(Duration::ZERO);
    let hasty = run(Postgres::new(&options).open(".", false, false)).unwrap();
    place.proxy.fail_after(0, Fault::LoseReply);
    let result = run(hasty.save(&id, &contents("b", None), Some(1), None, false, CALL));
    assert!(matches!(result, Err(Error::OutcomeUnknown(_))), "{result:?}");
    assert_eq!(place.data(&id).as_deref(), Some("b"));
    place.proxy.fail_after(0, Fault::LoseReply);
    let result = run(hasty.load(&id, None, CALL));
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
}

/// A reply that does not come in time is lost: the statement ends on the server as well, and is repeated.
#[test]
fn a_statement_that_hangs_is_repeated() {
    let place = Place::new();
    let id = id("session-1");
    run(place.sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    let options = place.proxy.options(&place.schema).response_timeout(Duration::from_millis(300));
    let sessions = run(Postgres::new(&options).open(".", false, false)).unwrap();
    let table = format!("{}.sessions", place.schema);
    let (result, ()) = run(async {
        let holding = async {
            let hold = format!("DO $$ BEGIN LOCK {table}; PERFORM pg_sleep(1); END $$");
            tokio::task::spawn_blocking(move || shared().sql(&hold)).await.unwrap();
        };
        let save = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            sessions.save(&id, &contents("b", None), Some(1), None, false, CALL).await
        };
        tokio::join!(save, holding)
    });
    assert_eq!(result, Ok(2));
    assert_eq!(place.data(&id).as_deref(), Some("b"));
}

#[test]
fn a_holder_whose_lease_has_ended_writes_nothing() {
    let place = Place::new();
    let [id, other] = two_ids();
    let sessions = &place.sessions;
    run(sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    let [first, second] = [1, 2].map(|token| Lease { holder: Holder(token), time: 60_000 });
    run(sessions.lock(&id, LockMode::Exclusive, Lease { time: 1, ..first })).unwrap();
    // By the server's clock.
    place.sql("SELECT pg_sleep(0.02)");
    let late = run(sessions.save(&id, &contents("late", None), None, Some(first.holder), false, CALL));
    assert_eq!(late, Err(Error::Busy));
    assert_eq!(run(sessions.renew(&id, first)), Err(Error::Busy));
    run(sessions.lock(&id, LockMode::Exclusive, second)).unwrap();
    let writes = [
        run(sessions.save(&id, &contents("late", None), None, Some(first.holder), false, CALL)).map(drop),
        run(sessions.delete(&id, None, Some(first.holder), CALL)).map(drop),
        run(sessions.rename(&id, &other, Some(first), CALL)),
        run(sessions.save(&id, &contents("other", None), None, None, false, CALL)).map(drop),
        run(sessions.delete(&id, None, None, CALL)).map(drop),
        run(sessions.rename(&id, &other, None, CALL)),
        run(sessions.lock(&id, LockMode::Shared, first)),
    ];
    assert_eq!(writes, [const { Err(Error::Busy) }; 7]);
    assert_eq!(place.data(&id).as_deref(), Some("a"));
    assert_eq!(run(sessions.save(&id, &contents("b", None), None, Some(second.holder), false, CALL)), Ok(2));
    run(sessions.unlock(&id, second.holder)).unwrap();
    assert_eq!(run(sessions.save(&id, &contents("c", None), Some(2), None, false, CALL)), Ok(3));
    let unheld = run(sessions.save(&other, &contents("c", None), None, Some(first.holder), false, CALL));
    assert_eq!(unheld, Err(Error::Busy));
}

/// Who holds a session may delete it and rename it, and goes on holding its ids.
#[test]
fn a_holder_keeps_what_it_deletes_and_renames() {
    let place = Place::new();
    let [first, second] = two_ids();
    let sessions = &place.sessions;
    let [one, two] = [1, 2].map(|token| Lease { holder: Holder(token), time: 60_000 });
    run(sessions.insert(&record(&first, "a", None), CALL)).unwrap();
    run(sessions.lock(&first, LockMode::Exclusive, one)).unwrap();
    assert_eq!(run(sessions.rename(&first, &second, Some(one), CALL)), Ok(()));
    assert_eq!(place.data(&second).as_deref(), Some("a"));
    for id in [&first, &second] {
        assert_eq!(run(sessions.lock(id, LockMode::Exclusive, two)), Err(Error::Busy));
    }
    assert_eq!(run(sessions.insert(&record(&first, "b", None), CALL)), Err(Error::Busy));
    assert_eq!(run(sessions.delete(&second, None, Some(one.holder), CALL)), Ok(true));
    assert_eq!(run(sessions.insert(&record(&second, "b", None), CALL)), Err(Error::Busy));
    for id in [&first, &second] {
        run(sessions.renew(id, one)).unwrap();
        run(sessions.unlock(id, one.holder)).unwrap();
        assert_eq!(run(sessions.insert(&record(id, "b", None), CALL)), Ok(()));
    }
}

#[test]
fn shared_locks_are_shared() {
    let place = Place::new();
    let id = id("session-1");
    let sessions = &place.sessions;
    let [a, b, c] = [1, 2, 3].map(|token| Lease { holder: Holder(token), time: 60_000 });
    run(sessions.lock(&id, LockMode::Shared, a)).unwrap();
    run(sessions.lock(&id, LockMode::Shared, b)).unwrap();
    assert_eq!(run(sessions.lock(&id, LockMode::Exclusive, c)), Err(Error::Busy));
    assert_eq!(run(sessions.insert(&record(&id, "a", None), CALL)), Err(Error::Busy));
    run(sessions.renew(&id, b)).unwrap();
    run(sessions.unlock(&id, a.holder)).unwrap();
    assert_eq!(run(sessions.renew(&id, a)), Err(Error::Busy));
    assert_eq!(run(sessions.lock(&id, LockMode::Exclusive, c)), Err(Error::Busy));
    run(sessions.unlock(&id, b.holder)).unwrap();
    run(sessions.lock(&id, LockMode::Exclusive, c)).unwrap();
    run(sessions.unlock(&id, c.holder)).unwrap();
    assert_eq!(place.rows(), []);
}

const CLIENTS: usize = 4;

/// Lets clients act at the same time. Returns the sum of what they return.
fn on_all<F>(place: &Place, act: impl Fn(Arc<PostgresSessions>, usize) -> F) -> usize
where
    F: Future<Output = usize> + Send + 'static,
{
    run(async {
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            tasks.spawn(act(place.sessions.clone(), client));
        }
        tasks.join_all().await.into_iter().sum()
    })
}

/// Clients that act at the same time: one winner for each version, and no save is lost.
#[test]
fn savers_at_the_same_time() {
    let place = Place::new();
    run(place.sessions.insert(&record(&id("session-1"), "", None), CALL)).unwrap();
    let longer = |found: Record| Contents { data: [&found.contents.data[..], b"x"].concat(), ..found.contents };
    let saved = on_all(&place, move |sessions, _| async move {
        for _ in 0..50 {
            loop {
                let found = sessions.load(&id("session-1"), None, CALL).await.unwrap().unwrap();
                let version = Some(found.version);
                match sessions.save(&id("session-1"), &longer(found), version, None, false, CALL).await {
                    Ok(_) => break,
                    Err(error) => assert!(matches!(error, Error::Conflict(_)), "{error}"),
                }
            }
        }
        50
    });
    assert_eq!(place.data(&id("session-1")).unwrap().len(), saved);
    // With exclusive access, without versions.
    let more = on_all(&place, move |sessions, client| async move {
        for round in 0..20 {
            let lease = Lease { holder: Holder((client * 100 + round + 1) as u128), time: 60_000 };
            while sessions.lock(&id("session-1"), LockMode::Exclusive, lease).await == Err(Error::Busy) {}
            let holder = Some(lease.holder);
            let found = sessions.load(&id("session-1"), holder, CALL).await.unwrap().unwrap();
            sessions.save(&id("session-1"), &longer(found), None, holder, false, CALL).await.unwrap();
            sessions.unlock(&id("session-1"), lease.holder).await.unwrap();
        }
        20
    });
    assert_eq!(place.data(&id("session-1")).unwrap().len(), saved + more);
}

/// One winner for each name.
#[test]
fn names_at_the_same_time() {
    let place = Place::new();
    let shared_id = |number: usize| id(&format!("new-{number:05}"));
    let own_id = |client: usize, number: usize| id(&format!("own-{client}-{number:05}"));
    let created = on_all(&place, move |sessions, _| async move {
        let mut created = 0;
        for number in 0..50 {
            match sessions.insert(&record(&shared_id(number), "a", Some("ann")), CALL).await {
                Ok(()) => created += 1,
                Err(error) => assert_eq!(error, Error::AlreadyExists),
            }
        }
        created
    });
    assert_eq!(created, 50);
    let renamed = on_all(&place, move |sessions, client| async move {
        let mut renamed = 0;
        for number in 0..50 {
            match sessions.rename(&shared_id(number), &own_id(client, number), None, CALL).await {
                Ok(()) => renamed += 1,
                Err(error) => assert_eq!(error, Error::Gone),
            }
        }
        renamed
    });
    assert_eq!((renamed, place.rows().len()), (50, 50));
    assert_eq!(run(place.sessions.count_of("ann")), Ok(50));
    let joined = on_all(&place, move |sessions, client| async move {
        let mut joined = 0;
        for number in 0..50 {
            match sessions.rename(&own_id(client, number), &shared_id(0), None, CALL).await {
                Ok(()) => joined += 1,
                Err(error) => assert!(matches!(error, Error::Gone | Error::AlreadyExists), "{error}"),
            }
        }
        joined
    });
    assert_eq!((joined, place.rows().len()), (1, 50));
    let deleted = on_all(&place, move |sessions, _| async move {
        let mut deleted = 0;
        for session in sessions.ids_of("ann").await.unwrap() {
            deleted += usize::from(sessions.delete(&session, Some("ann"), None, CALL).await.unwrap());
        }
        deleted
    });
    assert_eq!((deleted, place.rows()), (50, vec![]));
}

#[test]
fn damaged_records_are_quarantined() {
    let place = Place::new();
    let id = id("session-1");
    place.sql("ALTER TABLE sessions DROP CONSTRAINT session");
    for (count, damage) in
        ["data = 'other'", "version = 18446744073709551616", "created = -1", "modified = NULL", "owner = '\\xff'"]
            .into_iter()
            .enumerate()
    {
        run(place.sessions.insert(&record(&id, "a", Some("ann")), CALL)).unwrap();
        place.sql(&format!("UPDATE sessions SET {damage}"));
        let events = Log::default();
        let result = run(place.sessions.load(&id, None, Call { now: NOW, events: &events }));
        let table = format!("\"{}\".damaged", place.schema);
        assert!(matches!(&result, Err(Error::Corrupt(text)) if text.contains(&table)), "{damage}: {result:?}");
        assert_eq!(events.0.into_inner().unwrap(), [(Some(id.to_string()), Event::Corrupt)]);
        assert_eq!(run(place.sessions.load(&id, None, CALL)), Ok(None));
        assert_eq!(place.rows(), []);
        assert_eq!(place.sql("SELECT FROM damaged WHERE id = 'session-1'").len(), count + 1);
    }
    run(place.sessions.insert(&record(&id, "b", None), CALL)).unwrap();
    place.sql("UPDATE sessions SET version = 0");
    let (page, _) = run(place.sessions.page(None, 10, CALL)).unwrap();
    assert_eq!(page.unreadable, [id]);
}

#[test]
fn what_is_over_is_collected_in_steps() {
    let place = Place::new();
    let sessions = &place.sessions;
    for number in 0..7 {
        let mut record = record(&id(&format!("session-{number}")), "a", None);
        record.contents.deadline = Some(if number % 2 == 0 { NOW } else { NOW + 1 });
        run(sessions.insert(&record, CALL)).unwrap();
    }
    let [ended, held] = ["lock-0001", "lock-0002"].map(id);
    let lease = Lease { holder: Holder(1), time: 60_000 };
    run(sessions.lock(&ended, LockMode::Exclusive, Lease { time: 1, ..lease })).unwrap();
    run(sessions.lock(&held, LockMode::Exclusive, lease)).unwrap();
    run(sessions.lock(&id("session-0"), LockMode::Exclusive, lease)).unwrap();
    place.sql("SELECT pg_sleep(0.02)");
    let (mut resume, mut steps) = (None, Vec::new());
    loop {
        let report = run(sessions.collect_garbage(4, resume, CALL)).unwrap();
        steps.push((report.examined, report.expired, report.abandoned));
        resume = report.resume;
        if resume.is_none() {
            break;
        }
    }
    // lock-0001, lock-0002, session-0, session-1; session-2 to 5; session-6.
    assert_eq!(steps, [(4, 0, 1), (4, 2, 0), (1, 1, 0)]);
    let bad = run(sessions.collect_garbage(4, Some("?".into()), CALL));
    assert!(matches!(bad, Err(Error::InvalidArgument(_))), "{bad:?}");
    run(sessions.unlock(&id("session-0"), lease.holder)).unwrap();
    let later = Call { now: NOW + 10, ..CALL };
    assert_eq!(run(sessions.delete_old(10, Call { now: NOW, ..CALL })), Ok((1, 3)));
    assert_eq!(run(sessions.delete_old(10, later)), Ok((3, 0)));
    assert_eq!(place.rows(), [("lock-0002".into(), false)]);
}

#[test]
fn other_stores_are_refused() {
    let schema = "other_stores";
    let options = shared().options(schema);
    let postgres = Postgres::new(&options);
    let open = |create| run(postgres.open(".", create, true)).map(|sessions| sessions.store_id().to_owned());
    assert!(matches!(open(false), Err(Error::NoSuchStore(_))));
    shared().sql("CREATE SCHEMA other_stores");
    shared().sql("CREATE TABLE other_stores.stores (name text)");
    for create in [false, true] {
        assert!(matches!(open(create), Err(Error::NoSuchStore(text)) if text.contains("not session3's")));
    }
    shared().sql("DROP TABLE other_stores.stores");
    shared().sql("CREATE TABLE other_stores.sessions (name text)");
    assert!(matches!(open(true), Err(Error::NoSuchStore(text)) if text.contains("already exists")));
    shared().sql("DROP TABLE other_stores.sessions");
    let store = open(true).unwrap();
    assert_eq!(open(false).unwrap(), store);
    assert!(matches!(run(postgres.setup(".", false)), Err(Error::AlreadyExists)));
    let shop = run(postgres.setup("shop/a", false)).unwrap();
    assert_ne!(shop.store_id(), store);
    run(shop.insert(&record(&id("session-1"), "a", None), CALL)).unwrap();
    let main = run(postgres.open(".", false, false)).unwrap();
    assert_eq!(run(main.load(&id("session-1"), None, CALL)), Ok(None));
    assert_eq!(run(main.page(None, 10, CALL)).unwrap().0.sessions, []);
    // Made by a newer version.
    shared().sql("UPDATE other_stores.stores SET format = 2");
    assert!(matches!(open(true), Err(Error::NoSuchStore(text)) if text.contains("another format")));
    shared().sql("COMMENT ON TABLE other_stores.stores IS 'session3 99'");
    for create in [false, true] {
        assert!(matches!(open(create), Err(Error::NoSuchStore(text)) if text.contains("another format")));
    }
}

#[test]
fn stores_are_set_up_once() {
    let options = shared().options("set_up_once");
    let opened = run(async {
        let tasks: JoinSet<_> = (0..6)
            .map(|_| {
                let postgres = Postgres::new(&options);
                async move { postgres.open(".", true, false).await.map(|sessions| sessions.store_id().to_owned()) }
            })
            .collect();
        tasks.join_all().await
    });
    assert!(opened.iter().all(|id| id.is_ok() && *id == opened[0]), "{opened:?}");
}

/// A server that forgets is refused for durable saves, and what it refuses is a typed error.
#[test]
fn refusals_of_the_server() {
    let server = Server::start(&["fsync=off"]);
    let postgres = Postgres::new(&server.options("session3"));
    let durable = run(postgres.open(".", true, true)).map(drop);
    assert!(matches!(&durable, Err(Error::AccessDenied(text)) if text.contains("fsync = off")), "{durable:?}");
    let sessions = run(postgres.open(".", true, false)).unwrap();
    let id = id("session-1");
    run(sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    let save = || run(sessions.save(&id, &contents("b", None), None, None, false, CALL));
    server.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$",
    );
    server.sql("CREATE TRIGGER refuse BEFORE UPDATE ON session3.sessions EXECUTE FUNCTION refuse()");
    assert_eq!(save(), Err(Error::NoSpace("the server refused: full (53100)".into())));
    server.sql("DROP TRIGGER refuse ON session3.sessions");
    assert_eq!(save(), Ok(2));
    // A role without rights, a database that is not there, and no server at all.
    server.sql("CREATE ROLE guest LOGIN");
    let open = |url: &str| {
        let options = session_postgres::Options::parse(url).unwrap().patience(Duration::ZERO);
        run(Postgres::new(&options).open(".", true, false)).map(drop)
    };
    let url = server.options("session3").to_string();
    let guest = open(&url.replace("//", "//guest@"));
    assert!(matches!(&guest, Err(Error::AccessDenied(text)) if text.contains("permission denied")), "{guest:?}");
    let missing = open(&url.replace("//", "//test@").replace("/postgres", "/missing"));
    assert!(matches!(&missing, Err(Error::AccessDenied(text)) if text.contains("does not exist")), "{missing:?}");
    drop(server);
    assert!(matches!(save(), Err(Error::Unavailable(_))));
}

/// The primary is killed while it is used, and its standby takes over: nothing that was acknowledged is lost.
#[test]
fn a_fail_over_loses_nothing_durable() {
    let primary = Server::start(&[]);
    let standby = primary.standby();
    let options = primary.options_with(&standby, "session3").patience(Duration::from_secs(30));
    let sessions = Arc::new(run(Postgres::new(&options).open(".", true, true)).unwrap());
    let counter = id("session-1");
    run(sessions.insert(&record(&counter, "", None), CALL)).unwrap();
    run(async {
        let clients = sessions.clone();
        let saving = tokio::spawn(async move {
            for version in 1..=100 {
                let data = vec![b'x'; version as usize];
                let contents = Contents { data, ..Contents::default() };
                let saved = clients.save(&id("session-1"), &contents, Some(version), None, true, CALL).await;
                assert_eq!(saved, Ok(version + 1));
            }
        });
        while sessions.load(&counter, None, CALL).await.unwrap().unwrap().version < 20 {}
        tokio::task::block_in_place(|| {
            primary.kill();
            standby.sql("SELECT pg_promote()");
        });
        saving.await.unwrap();
    });
    let found = run(sessions.load(&counter, None, CALL)).unwrap().unwrap();
    assert_eq!((found.version, found.contents.data.len()), (101, 100));
}

/// Without its standby, the primary commits and does not say so: whether a change is safe cannot be known.
#[test]
fn a_standby_that_is_gone_makes_outcomes_unknown() {
    let primary = Server::start(&[]);
    let standby = primary.standby();
    let options = primary.options("session3").patience(Duration::from_secs(1));
    let options = options.response_timeout(Duration::from_millis(500));
    let sessions = run(Postgres::new(&options).open(".", true, true)).unwrap();
    let [first, second] = two_ids();
    run(sessions.insert(&record(&first, "a", None), CALL)).unwrap();
    run(sessions.insert(&record(&second, "a", None), CALL)).unwrap();
    drop(standby);
    assert_eq!(run(sessions.save(&first, &contents("b", None), Some(1), None, false, CALL)), Ok(2));
    let durable = run(sessions.save(&second, &contents("b", None), Some(1), None, true, CALL));
    assert!(matches!(durable, Err(Error::OutcomeUnknown(_))), "{durable:?}");
    let deleted = run(sessions.delete(&first, None, None, CALL));
    assert!(matches!(deleted, Err(Error::OutcomeUnknown(_))), "{deleted:?}");
}

/// Deliberate defects of the statements, each of which a test above notices.
#[test]
fn every_defect_is_caught() {
    let tests: [(&str, fn()); 8] = [
        ("a session from creation to deletion", a_session_from_creation_to_deletion),
        ("a broken connection does nothing twice", a_broken_connection_does_nothing_twice),
        ("a holder whose lease has ended writes nothing", a_holder_whose_lease_has_ended_writes_nothing),
        ("a holder keeps what it deletes and renames", a_holder_keeps_what_it_deletes_and_renames),
        ("shared locks are shared", shared_locks_are_shared),
        ("what is over is collected in steps", what_is_over_is_collected_in_steps),
        ("savers at the same time", savers_at_the_same_time),
        ("statements expire what core expires", statements_expire_what_core_expires),
    ];
    let defects: [(&str, Defect); 16] = [
        ("the version is not compared", ("WHEN version <> $5 THEN 'conflict'", "")),
        ("the row is not locked", ("FOR UPDATE", "")),
        ("a create does not see that the id is taken", ("WHEN done.done THEN 'ok'", "WHEN true THEN 'ok'")),
        ("a save of an expired session succeeds", ("WHEN expired THEN 'expired'", "")),
        ("a touch of an expired session succeeds", ("AND s.version IS NOT NULL AND NOT (", "AND true OR (")),
        ("stamps in the future are not forgiven", ("+ 60000", "+ 0")),
        ("a deadline passes a millisecond late", ("$3::numeric >= s.deadline", "$3::numeric > s.deadline")),
        ("the owner is not compared", ("s.owner IS DISTINCT FROM $5", "false")),
        ("a repeated save does not know itself", ("WHEN version IS NOT NULL AND write = $6 THEN 'ok'", "")),
        ("a repeated create does not know itself", ("WHEN old.there AND old.write = $11 THEN 'ok'", "")),
        ("a repeated rename does not know itself", ("WHEN target.there AND target.write = $6 THEN 'ok'", "")),
        ("anybody writes to a locked session", ("THEN NOT coalesce(now() < ANY (s.ends), false)", "THEN true")),
        ("a lease does not end", ("AND now() < s.ends[1]", "")),
        ("one reader unlocks for all", ("h.ends > now() AND h.holder <> $3", "false")),
        ("a delete unlocks", ("coalesce(now() < ANY (s.ends), false) AS live, CASE", "false AS live, CASE")),
        ("a rename to a taken id overwrites", ("WHEN target.there AND NOT target.expired THEN 'taken'", "")),
    ];
    let mut missed = Vec::new();
    for (name, defect) in defects {
        DEFECT.set(Some(defect));
        let caught = tests.iter().find(|(_, test)| catch_unwind(test).is_err());
        DEFECT.set(None);
        match caught {
            Some((test, _)) => println!("caught: {name}, by `{test}`"),
            None => missed.push(name),
        }
    }
    assert_eq!(missed, [] as [&str; 0]);
}
