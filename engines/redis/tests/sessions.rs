//! The operations on a real server: what the conformance suite cannot see.

mod server;

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};

use server::{Client, DEFECT, Defect, Fault, Server, run};
use session_core::engine::{Call, Engine, Holder, Lease, Sessions};
use session_core::events::{Event, Events};
use session_core::record::Version;
use session_core::store::{Contents, LockMode, Record};
use session_core::{Error, SessionId, expiry};
use session_redis::{Redis, RedisSessions, Reply};

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

/// Two ids in different shards.
fn two_ids() -> [SessionId; 2] {
    let ids = [id("session-1"), id("session-2")];
    assert_ne!(ids[0].shard() % 64, ids[1].shard() % 64);
    ids
}

fn contents(data: &str, owner: Option<&str>) -> Contents {
    Contents { data: data.into(), owner: owner.map(String::from), ..Contents::default() }
}

fn record(id: &SessionId, data: &str, owner: Option<&str>) -> Record {
    let contents = contents(data, owner);
    Record { id: id.clone(), version: 1, created: NOW, modified: NOW, last_active: NOW, contents }
}

struct Place {
    server: Server,
    client: Arc<Client>,
    sessions: RedisSessions<Client>,
}

impl Place {
    fn new() -> Self {
        let server = Server::start();
        let client = Arc::new(server.client());
        let sessions = run(Redis::new(client.clone(), "test", 0).open(".", true, false)).unwrap();
        Self { server, client, sessions }
    }

    /// Another client of the same store, without faults.
    fn other(&self) -> (Arc<Client>, RedisSessions<Client>) {
        let client = Arc::new(self.server.client());
        let sessions = run(Redis::new(client.clone(), "test", 1_000_000).open(".", false, false)).unwrap();
        (client, sessions)
    }

    fn patient(&self) -> (Arc<Client>, RedisSessions<Client>) {
        self.other()
    }

    fn keys(&self) -> Vec<String> {
        let keys = self.client.command(&["KEYS", "*"]).list().unwrap();
        let mut keys: Vec<_> = keys.into_iter().map(|key| String::from_utf8(key.bytes().unwrap()).unwrap()).collect();
        keys.retain(|key| key != "test:store");
        keys.sort();
        keys
    }

    fn data(&self, id: &SessionId) -> Option<String> {
        let (_, sessions) = self.other();
        let record = run(sessions.load(id, None, CALL)).unwrap();
        record.map(|record| String::from_utf8(record.contents.data).unwrap())
    }

    fn empty(&self) {
        self.client.command(&["FLUSHALL"]);
        run(Redis::new(self.client.clone(), "test", 0).setup(".", false)).unwrap();
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
    assert_eq!(run(sessions.save(&first, &contents("c", Some("bob")), None, None, false, call)), Ok(3));
    assert_eq!(run(sessions.ids_of("ann")), Ok(vec![]));
    assert_eq!(run(sessions.ids_of("bob")), Ok(vec![first.clone()]));
    assert_eq!(run(sessions.rename(&first, &second, None, call)), Ok(()));
    assert_eq!(run(sessions.load(&first, None, call)), Ok(None));
    assert_eq!(run(sessions.ids_of("bob")), Ok(vec![second.clone()]));
    assert_eq!(run(sessions.count_of("bob")), Ok(1));
    assert_eq!(run(sessions.page(None, 10, call)).unwrap().0.sessions.len(), 1);
    assert_eq!(run(sessions.touch(&second, call)), Ok(()));
    assert_eq!(run(sessions.delete(&second, Some("ann"), None, call)), Ok(false));
    assert_eq!(run(sessions.delete(&second, None, None, call)), Ok(true));
    assert_eq!(run(sessions.delete(&second, None, None, call)), Ok(false));
    assert_eq!(run(sessions.save(&second, &contents("d", None), None, None, false, call)), Err(Error::Gone));
    assert_eq!(place.keys(), [] as [&str; 0], "nothing is left");
    let events = events.0.into_inner().unwrap();
    let expected = [(first, Event::Created), (second, Event::Destroyed)];
    assert_eq!(events, expected.map(|(id, event)| (Some(id.to_string()), event)));
}

/// One round trip for a load, one for a save, three for a rename and one to remove its mark and fate.
#[test]
fn round_trips() {
    let place = Place::new();
    let (client, sessions) = (&place.client, &place.sessions);
    let [first, second] = two_ids();
    let warm = |sessions: &RedisSessions<Client>| {
        run(sessions.insert(&record(&first, "a", None), CALL)).unwrap();
        run(sessions.save(&first, &contents("b", None), Some(1), None, false, CALL)).unwrap();
        run(sessions.touch(&first, CALL)).unwrap();
        run(sessions.rename(&first, &second, None, CALL)).unwrap();
        run(sessions.delete(&second, None, None, CALL)).unwrap();
    };
    warm(sessions);
    client.take_sent();
    let mut counts = Vec::new();
    let mut count = |name| counts.push((name, client.take_sent().len()));
    run(sessions.insert(&record(&first, "a", None), CALL)).unwrap();
    count("create");
    run(sessions.load(&first, None, CALL)).unwrap();
    count("load");
    run(sessions.save(&first, &contents("b", None), Some(1), None, false, CALL)).unwrap();
    count("save");
    run(sessions.touch(&first, CALL)).unwrap();
    count("touch");
    run(sessions.rename(&first, &second, None, CALL)).unwrap();
    count("rename");
    run(sessions.delete(&second, None, None, CALL)).unwrap();
    count("delete");
    let expected = [("create", 1), ("load", 1), ("save", 1), ("touch", 1), ("rename", 5), ("delete", 1)];
    assert_eq!(counts, expected);
}

/// The expiry rules of the scripts are those of `session_core::expiry`, on stamps around every limit.
#[test]
fn scripts_expire_what_core_expires() {
    let place = Place::new();
    let id = id("session-1");
    let stamps = [0, 1, NOW - 60_001, NOW - 1, NOW, NOW + 59_999, NOW + 60_000, NOW + 60_001, u64::MAX];
    let limits = [None, Some(0), Some(1), Some(60_000), Some(NOW), Some(NOW + 1), Some(u64::MAX)];
    let mut compared = 0;
    for created in stamps {
        for active in stamps {
            for idle_timeout in limits {
                for deadline in limits {
                    let mut stamped = record(&id, "", None);
                    (stamped.created, stamped.modified, stamped.last_active) = (created, created, active);
                    (stamped.contents.idle_timeout, stamped.contents.deadline) = (idle_timeout, deadline);
                    let version = Version::of(&stamped.contents, 1, created, created);
                    let is_there = !expiry::expired(&version, active, NOW);
                    // Each is the first to see it expired, and decides for itself.
                    type Use = fn(&RedisSessions<Client>, &SessionId) -> bool;
                    let uses: [Use; 4] = [
                        |sessions, id| run(sessions.touch(id, CALL)).is_ok(),
                        |sessions, id| run(sessions.save(id, &contents("b", None), None, None, false, CALL)).is_ok(),
                        |sessions, id| run(sessions.delete(id, None, None, CALL)).unwrap(),
                        |sessions, id| run(sessions.insert(&record(id, "", None), CALL)) == Err(Error::AlreadyExists),
                    ];
                    for (number, used) in uses.into_iter().enumerate() {
                        run(place.sessions.insert(&stamped, CALL)).unwrap();
                        assert_eq!(used(&place.sessions, &id), is_there, "use {number} of {stamped:?}");
                        run(place.sessions.delete(&id, None, None, CALL)).unwrap();
                    }
                    run(place.sessions.insert(&stamped, CALL)).unwrap();
                    assert_eq!(run(place.sessions.has(&id, CALL)).unwrap(), is_there, "{stamped:?}");
                    assert_eq!(place.keys().len(), if is_there { 2 } else { 0 }, "{stamped:?}");
                    run(place.sessions.delete(&id, None, None, CALL)).unwrap();
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} combinations of stamps and limits");
}

/// Each write whose reply or request is lost is repeated, and done once.
#[test]
fn a_broken_connection_does_nothing_twice() {
    let place = Place::new();
    let [first, second] = two_ids();
    type Write = fn(&RedisSessions<Client>, &SessionId, &SessionId) -> Result<u64, Error>;
    let writes: [(&str, Write); 5] = [
        ("save", |sessions, id, _| run(sessions.save(id, &contents("b", None), Some(1), None, false, CALL))),
        ("save with a new owner", |sessions, id, _| {
            run(sessions.save(id, &contents("b", Some("bob")), Some(1), None, false, CALL))
        }),
        ("create", |sessions, _, new| run(sessions.insert(&record(new, "a", None), CALL)).map(|()| 0)),
        ("delete", |sessions, id, _| run(sessions.delete(id, None, None, CALL)).map(u64::from)),
        ("rename", |sessions, id, new| run(sessions.rename(id, new, None, CALL)).map(|()| 0)),
    ];
    for (name, write) in writes {
        let mut expected = None;
        for fault in [Fault::LoseReply, Fault::LoseCommand] {
            // From a fault behind the last command, that is none, to one at each.
            for at in (0..12).rev() {
                place.empty();
                let (client, sessions) = place.patient();
                run(sessions.insert(&record(&first, "a", Some("ann")), CALL)).unwrap();
                client.fail_after(at, fault);
                let result = write(&sessions, &first, &second);
                client.fail_after(usize::MAX, Fault::Die);
                let state = (result, place.data(&first), place.data(&second), place.keys());
                let expected = expected.get_or_insert_with(|| state.clone());
                assert_eq!(&state, expected, "{name}: {fault:?} at command {at}");
            }
        }
        println!("{name}: {expected:?}");
    }
}

/// Without an expected version, a repeated save cannot be told from a save of others.
#[test]
fn an_outcome_that_cannot_be_known_is_said_to_be_unknown() {
    let place = Place::new();
    let id = id("session-1");
    let (client, sessions) = place.patient();
    run(sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    client.fail_after(0, Fault::LoseCommand);
    let result = run(sessions.save(&id, &contents("b", None), None, None, false, CALL));
    assert!(matches!(result, Err(Error::OutcomeUnknown(_))), "{result:?}");
    assert_eq!(place.data(&id).as_deref(), Some("a"));
}

/// The reply to the step that decides a rename is lost, and others load the session before it is sent again: they finish the
/// rename and remove its traces. It was then said to be `gone`, although it had happened.
#[test]
fn a_rename_that_others_finish_while_the_connection_breaks_has_happened() {
    let place = Place::new();
    let [first, second] = two_ids();
    let mut finished = 0;
    for at in 0..8 {
        place.empty();
        let (client, sessions) = place.patient();
        run(sessions.insert(&record(&first, "a", None), CALL)).unwrap();
        let (_, others) = place.other();
        let id = second.clone();
        client.fail_after(at, Fault::LoseReply);
        client.interleave(at + 1, move || drop(run(others.load(&id, None, CALL)).unwrap()));
        assert_eq!(run(sessions.rename(&first, &second, None, CALL)), Ok(()), "reply {at} is lost");
        finished += usize::from(!place.keys().iter().any(|key| key.contains("f:")));
        assert_eq!([place.data(&first), place.data(&second)], [None, Some("a".into())]);
    }
    assert!(finished > 0);
}

/// The reply to a save is lost, and the session deleted before it is sent again: it was then said to be `gone`, unchanged,
/// although others may have seen what it had saved.
#[test]
fn a_save_whose_session_ends_while_the_connection_breaks_is_unknown() {
    let place = Place::new();
    let id = id("session-1");
    let (client, sessions) = place.patient();
    run(sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    run(sessions.save(&id, &contents("b", None), Some(1), None, false, CALL)).unwrap();
    let (_, others) = place.other();
    let ended = id.clone();
    client.fail_after(0, Fault::LoseReply);
    client.interleave(1, move || assert_eq!(run(others.delete(&ended, None, None, CALL)), Ok(true)));
    let result = run(sessions.save(&id, &contents("c", None), Some(2), None, false, CALL));
    assert!(matches!(result, Err(Error::OutcomeUnknown(_))), "{result:?}");
}

/// A client dies after each of the commands of a rename: the session is under one id, and the other is free.
#[test]
fn a_rename_survives_the_death_of_its_client_at_every_step() {
    let place = Place::new();
    let [first, second] = two_ids();
    let mut seen = Vec::new();
    for at in 0..=6 {
        place.empty();
        let (client, sessions) = place.other();
        run(sessions.insert(&record(&first, "a", Some("ann")), CALL)).unwrap();
        client.fail_after(at, Fault::Die);
        let _ = run(sessions.rename(&first, &second, None, CALL));
        let (_, others) = place.other();
        let found = [&first, &second].map(|id| run(others.has(id, CALL)).unwrap());
        assert!(found[0] ^ found[1], "after {at} commands: {found:?}");
        seen.push(found[1]);
        let (here, free) = if found[1] { (&second, &first) } else { (&first, &second) };
        assert_eq!(run(others.infos(&run(others.ids_of("ann")).unwrap(), "ann", CALL)).unwrap().len(), 1);
        // A rename that has not happened does not happen later: a new session takes the id.
        assert_eq!(run(others.insert(&record(free, "b", None), CALL)), Ok(()));
        client.fail_after(usize::MAX, Fault::Die);
        assert_eq!(place.data(here).as_deref(), Some("a"));
        assert_eq!(place.data(free).as_deref(), Some("b"));
        for id in [here, free] {
            assert_eq!(run(others.delete(id, None, None, CALL)), Ok(true));
        }
        let report = run(others.collect_garbage(1000, None, CALL)).unwrap();
        assert_eq!(report.resume, None);
        let left: Vec<_> = place.keys().into_iter().filter(|key| !key.contains("f:")).collect();
        assert_eq!(left, [] as [&str; 0], "after {at} commands");
    }
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
}

/// Others act between any two commands of a rename: nothing is lost and nothing is there twice.
#[test]
fn others_at_every_step_of_a_rename() {
    let [first, second] = two_ids();
    type Other = fn(&RedisSessions<Client>, &[SessionId; 2]);
    let others: [(&str, Other); 6] = [
        ("load", |sessions, ids| {
            let found = ids.each_ref().map(|id| run(sessions.load(id, None, CALL)).unwrap());
            assert_eq!(found.iter().flatten().count(), 1, "{found:?}");
        }),
        ("save", |sessions, ids| {
            let saved =
                ids.each_ref().map(|id| run(sessions.save(id, &contents("b", Some("ann")), None, None, false, CALL)));
            assert!(matches!(saved, [Ok(2), Err(Error::Gone)] | [Err(Error::Gone), Ok(2)]), "{saved:?}");
        }),
        ("create", |sessions, ids| {
            let created = run(sessions.insert(&record(&ids[1], "c", None), CALL));
            assert!(matches!(created, Ok(()) | Err(Error::AlreadyExists)), "{created:?}");
        }),
        ("delete", |sessions, ids| {
            let deleted = ids.each_ref().map(|id| run(sessions.delete(id, None, None, CALL)).unwrap());
            assert!(deleted[0] ^ deleted[1], "{deleted:?}");
        }),
        ("log out everywhere", |sessions, _| {
            let mut deleted = 0;
            for _ in 0..2 {
                for id in run(sessions.ids_of("ann")).unwrap() {
                    deleted += u32::from(run(sessions.delete(&id, Some("ann"), None, CALL)).unwrap());
                }
            }
            assert_eq!(deleted, 1);
        }),
        ("collect", |sessions, _| {
            run(sessions.collect_garbage(1000, None, CALL)).unwrap();
        }),
    ];
    let place = Place::new();
    for (name, other) in others {
        for at in 0..6 {
            place.empty();
            let (client, sessions) = place.other();
            run(sessions.insert(&record(&first, "a", Some("ann")), CALL)).unwrap();
            let (_, sessions_of_others) = place.other();
            let ids = [first.clone(), second.clone()];
            client.interleave(at, move || other(&sessions_of_others, &ids));
            let result = run(sessions.rename(&first, &second, None, CALL));
            client.let_others_act();
            let found = [&first, &second].map(|id| place.data(id));
            let found = found.each_ref().map(Option::as_deref);
            let expected: &[[Option<&str>; 2]] = match name {
                "save" => &[[None, Some("b")]],
                "create" => &[[None, Some("a")], [Some("a"), Some("c")]],
                "delete" | "log out everywhere" => &[[None, None]],
                _ => &[[None, Some("a")]],
            };
            assert!(expected.contains(&found), "{name} before command {at}: {found:?}, {result:?}");
            let is_right = if result.is_ok() { found[0].is_none() } else { found[1] != Some("a") };
            assert!(is_right, "{name} before command {at}: {found:?}, {result:?}");
        }
    }
}

#[test]
fn a_holder_whose_lease_has_ended_writes_nothing() {
    let place = Place::new();
    let id = id("session-1");
    let sessions = &place.sessions;
    run(sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    let [first, second] = [1, 2].map(|token| Lease { holder: Holder(token), time: 60_000 });
    let short = Lease { time: 1, ..first };
    run(sessions.lock(&id, LockMode::Exclusive, short)).unwrap();
    // By the server's clock: `WAIT` for a replica that is not there takes this long.
    place.client.command(&["WAIT", "1", "20"]);
    let late = run(sessions.save(&id, &contents("late", None), None, Some(first.holder), false, CALL));
    assert_eq!(late, Err(Error::Busy));
    assert_eq!(run(sessions.renew(&id, first)), Err(Error::Busy));
    run(sessions.lock(&id, LockMode::Exclusive, second)).unwrap();
    let writes = [
        run(sessions.save(&id, &contents("late", None), None, Some(first.holder), false, CALL)).map(drop),
        run(sessions.delete(&id, None, Some(first.holder), CALL)).map(drop),
        run(sessions.rename(&id, &two_ids()[1], Some(first), CALL)),
        run(sessions.save(&id, &contents("other", None), None, None, false, CALL)).map(drop),
    ];
    assert_eq!(writes, [Err(Error::Busy), Err(Error::Busy), Err(Error::Busy), Err(Error::Busy)]);
    assert_eq!(place.data(&id).as_deref(), Some("a"));
    assert_eq!(run(sessions.save(&id, &contents("b", None), None, Some(second.holder), false, CALL)), Ok(2));
    run(sessions.unlock(&id, second.holder)).unwrap();
    assert_eq!(run(sessions.save(&id, &contents("c", None), Some(2), None, false, CALL)), Ok(3));
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
    run(sessions.unlock(&id, a.holder)).unwrap();
    assert_eq!(run(sessions.lock(&id, LockMode::Exclusive, c)), Err(Error::Busy));
    run(sessions.unlock(&id, b.holder)).unwrap();
    run(sessions.lock(&id, LockMode::Exclusive, c)).unwrap();
    run(sessions.unlock(&id, c.holder)).unwrap();
    assert_eq!(place.keys(), [] as [&str; 0]);
}

#[test]
fn damaged_records_are_quarantined() {
    let place = Place::new();
    let id = id("session-1");
    let key = "test:{21}s:session-1";
    for (field, value) in [("h", "no head"), ("h", "1 2 3"), ("d", "other data")] {
        place.empty();
        run(place.sessions.insert(&record(&id, "a", Some("ann")), CALL)).unwrap();
        place.client.command(&["HSET", key, field, value]);
        let events = Log::default();
        let result = run(place.sessions.load(&id, None, Call { now: NOW, events: &events }));
        assert!(matches!(&result, Err(Error::Corrupt(text)) if text.contains("test:{21}q:session-1:")), "{result:?}");
        assert_eq!(events.0.into_inner().unwrap(), [(Some(id.to_string()), Event::Corrupt)]);
        assert_eq!(run(place.sessions.load(&id, None, CALL)), Ok(None));
        // The stale entry of its owner goes, the record stays.
        run(place.sessions.collect_garbage(1000, None, CALL)).unwrap();
        assert_eq!(place.keys().len(), 1);
        assert_eq!(run(place.sessions.insert(&record(&id, "b", None), CALL)), Ok(()));
    }
    place.empty();
    place.client.command(&["SET", key, "of somebody else"]);
    let result = run(place.sessions.load(&id, None, CALL));
    assert!(matches!(&result, Err(Error::Corrupt(text)) if text.contains("another type")), "{result:?}");
}

#[test]
fn other_stores_are_refused() {
    let server = Server::start();
    let client = Arc::new(server.client());
    let redis = Redis::new(client.clone(), "test", 0);
    let open = |create| run(redis.open(".", create, false)).map(|sessions| sessions.store_id().to_owned());
    assert!(matches!(open(false), Err(Error::NoSuchStore(_))));
    for marker in ["session3 2 64 ab", "session3 1 32 ab", "something", "session3"] {
        client.command(&["SET", "test:store", marker]);
        for create in [false, true] {
            assert!(matches!(open(create), Err(Error::NoSuchStore(_))), "{marker}");
        }
    }
    client.command(&["DEL", "test:store"]);
    client.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert!(matches!(open(true), Err(Error::AccessDenied(text)) if text.contains("allkeys-lru")));
    client.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let durable = run(redis.open(".", true, true)).map(drop);
    assert!(matches!(durable, Err(Error::AccessDenied(text)) if text.contains("append-only")));
    let store = open(true).unwrap();
    assert_eq!(open(false).unwrap(), store);
    assert!(matches!(run(redis.setup(".", false)), Err(Error::AlreadyExists)));
    assert_ne!(run(redis.setup("shop/a", false)).unwrap().store_id(), store);
}

#[test]
fn a_full_server_is_no_space() {
    let place = Place::new();
    let id = id("session-1");
    run(place.sessions.insert(&record(&id, "a", None), CALL)).unwrap();
    place.client.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let result = run(place.sessions.save(&id, &contents("b", None), None, None, false, CALL));
    assert!(matches!(result, Err(Error::NoSpace(_))), "{result:?}");
    assert_eq!(place.data(&id).as_deref(), Some("a"));
    place.client.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(place.client.command(&["SCRIPT", "FLUSH"]), Reply::Bytes(b"OK".into()));
    assert_eq!(run(place.sessions.save(&id, &contents("b", None), None, None, false, CALL)), Ok(2));
}

/// Deliberate defects of the scripts, each of which a test above notices.
#[test]
fn every_defect_is_caught() {
    let tests: [(&str, fn()); 9] = [
        ("a session from creation to deletion", a_session_from_creation_to_deletion),
        ("a broken connection does nothing twice", a_broken_connection_does_nothing_twice),
        ("a rename survives the death of its client", a_rename_survives_the_death_of_its_client_at_every_step),
        ("others at every step of a rename", others_at_every_step_of_a_rename),
        ("a holder whose lease has ended writes nothing", a_holder_whose_lease_has_ended_writes_nothing),
        ("a holder keeps what it deletes and renames", a_holder_keeps_what_it_deletes_and_renames),
        ("shared locks are shared", shared_locks_are_shared),
        ("damaged records are quarantined", damaged_records_are_quarantined),
        ("scripts expire what core expires", scripts_expire_what_core_expires),
    ];
    let defects: [(&str, Defect); 16] = [
        (
            "the version is not compared",
            ("if expected ~= '' and h.version ~= expected then return {'conflict', h.version} end", ""),
        ),
        (
            "a create replaces",
            ("if not expired(h, now) then return {ARGV[5] == 'again'", "if false then return {ARGV[5] == 'again'"),
        ),
        ("a save of an expired session succeeds", ("if expired(h, now) then return {'expired'} end", "")),
        ("stamps in the future are not forgiven", ("TOLERANCE = 60000", "TOLERANCE = 0")),
        ("a deadline passes a millisecond late", ("now >= tonumber(h.deadline)", "now > tonumber(h.deadline)")),
        ("a delete leaves its entry in the index", ("redis.call('ZREM', KEYS[2], id)", "")),
        (
            "a new owner leaves the entry of the old one",
            ("and h.owner ~= '' then redis.call('ZREM'", "and false then redis.call('ZREM'"),
        ),
        ("a repeated save does not know itself", ("if h and h.write == ARGV[5] then return {'ok', h.version} end", "")),
        ("a repeated create does not know itself", ("if h and h.write == new.write then return {'ok'} end", "")),
        ("anybody writes to a locked session", ("return mode == 'x' and live[1].token == token", "return true")),
        ("a lease does not end", ("if tonumber(ends) > now then", "if true then")),
        ("one reader unlocks for all", ("if holder.token ~= ARGV[1] then", "if false then")),
        ("a delete unlocks", ("  if mode then\n    redis.call('HDEL'", "  if false then\n    redis.call('HDEL'")),
        ("a pending record is visible", ("'d', ARGV[4], 'p', ARGV[5])", "'d', ARGV[4], 'x', ARGV[5])")),
        ("the fate is not read", ("if fate then return {fate} end", "")),
        ("a rename does not compare the version", ("h.version ~= ARGV[3] or h.write ~= ARGV[4]", "false")),
    ];
    let mut missed = Vec::new();
    for (name, (from, to)) in defects {
        let sources = session_redis::script::ALL.iter().filter(|script| script.source.contains(from));
        assert!(sources.count() > 0, "{name}: no script has this text");
        DEFECT.set(Some((from, to)));
        let caught = tests.iter().find(|(_, test)| catch_unwind(test).is_err());
        DEFECT.set(None);
        match caught {
            Some((test, _)) => println!("caught: {name}, by `{test}`"),
            None => missed.push(name),
        }
    }
    assert_eq!(missed, [] as [&str; 0]);
}
