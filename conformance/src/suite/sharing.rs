//! Concurrent requests: read-only, optimistic and exclusive.

use crate::bindings::Access::{Exclusive, Optimistic, ReadOnly};
use crate::bindings::{Error, Options};
use crate::browser::{Browser, new_session, set_cookies};
use crate::check::{refused, refused_for};
use crate::client::{Configuration, Manager, Session, integer, options, text};
use crate::harness::Harness;

/// Replaces the version of a conflict, which depends on the store.
fn plain<T>(answer: Result<T, Error>) -> Result<T, Error> {
    answer.map_err(|error| if let Error::Conflict(_) = error { Error::Conflict(0) } else { error })
}

async fn impatient(host: &impl Harness) -> Manager {
    let options = Options { lock_wait: Some(0), ..options() };
    Manager::open(&host.instance().await, host.location(), options, &Configuration::default()).await.unwrap()
}

pub async fn read_only_changes_nothing(host: &impl Harness) {
    let manager = host.manager().await;
    let known = new_session(&manager).await;
    for browser in [known, Browser::new()] {
        let session = browser.start(&manager, ReadOnly).await.unwrap();
        refused(session.set("a", &text("x")).await, "access-denied");
        refused(session.remove("visits").await, "access-denied");
        refused(session.clear().await, "access-denied");
        refused(session.set_user(Some("ann")).await, "access-denied");
        refused(session.create_form_token().await, "access-denied");
        refused(session.remove_form_token("x").await, "access-denied");
        refused(session.expire().await, "access-denied");
        refused(session.regenerate().await, "access-denied");
        assert_eq!(session.count("visits").await, browser.has_cookie().then_some(1));
        assert!(set_cookies(&manager.finish(session).await.unwrap()).is_empty());
    }
}

pub async fn different_attributes_both_succeed(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let (one, two) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    one.increment("one").await;
    two.increment("two").await;
    two.remove("visits").await.unwrap();
    manager.finish(one).await.unwrap();
    other.finish(two).await.unwrap();
    let names = browser.visit(&manager, ReadOnly, async |session| session.names().await).await.unwrap();
    assert_eq!(names, ["one", "two"]);
}

pub async fn a_changed_attribute_that_was_read_is_a_conflict(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let (one, two) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    one.increment("visits").await;
    two.increment("visits").await;
    two.increment("more").await;
    manager.finish(one).await.unwrap();
    refused(plain(other.finish(two).await), "conflict 0");
    let session = browser.start(&manager, ReadOnly).await.unwrap();
    assert_eq!((session.count("visits").await, session.contains("more").await), (Some(2), false), "nothing was stored");
    let again = browser.visit(&other, Optimistic, async |session| session.increment("visits").await).await.unwrap();
    assert_eq!(again, 3, "a retry succeeds");
}

/// What each request does with the same attribute, and whether the second conflicts.
pub async fn what_conflicts_and_what_does_not(host: &impl Harness) {
    let rows = [
        ("set", "set", false),
        ("set", "read", false),
        ("set", "increment", true),
        ("increment", "increment", true),
        ("increment", "set", false),
        ("increment", "read", false),
        ("read", "increment", false),
        ("remove", "increment", true),
        ("remove", "set", false),
        ("increment", "check and remove", true),
        ("increment", "list and set", true),
    ];
    for (first, second, conflict) in rows {
        let (manager, other) = (host.manager().await, host.manager().await);
        let browser = new_session(&manager).await;
        browser.clone().visit(&manager, Optimistic, async |session| session.increment("kept").await).await.unwrap();
        let one = browser.start(&manager, Optimistic).await.unwrap();
        let two = browser.start(&other, Optimistic).await.unwrap();
        work(&one, first, 100).await;
        work(&two, second, 200).await;
        manager.finish(one).await.unwrap();
        let answer = plain(other.finish(two).await);
        if conflict {
            refused_for(answer, "conflict 0", &(first, second));
        } else {
            answer.unwrap_or_else(|error| panic!("{first}, {second}: {error:?}"));
        }
    }
}

async fn work(session: &Session, what: &str, value: i64) {
    match what {
        "set" => session.set("visits", &integer(value)).await.unwrap(),
        "read" => drop(session.get("visits").await),
        "increment" => drop(session.increment("visits").await),
        "remove" => drop(session.remove("visits").await.unwrap()),
        "check and remove" => {
            assert!(session.contains("visits").await);
            session.remove("visits").await.unwrap();
        }
        "list and set" => {
            let count = session.entries().await.len();
            session.set("visits", &integer(count as i64)).await.unwrap();
        }
        other => panic!("{other}"),
    }
}

pub async fn a_blind_write_wins_over_an_earlier_one(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let (one, two) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    one.set("colour", &text("red")).await.unwrap();
    two.set("colour", &text("blue")).await.unwrap();
    other.finish(two).await.unwrap();
    manager.finish(one).await.unwrap();
    let colour = browser.visit(&manager, ReadOnly, async |session| session.get("colour").await).await.unwrap();
    assert!(matches!(&colour, Some(crate::bindings::Value::Text(text)) if text == "red"), "{colour:?}");
}

pub async fn exclusive_access_is_exclusive(host: &impl Harness) {
    let (manager, other) = (host.manager().await, impatient(host).await);
    let browser = new_session(&manager).await;
    let session = browser.start(&manager, Exclusive).await.unwrap();
    refused(browser.start(&other, Exclusive).await, host.locked());
    let reader = browser.start(&other, ReadOnly).await.unwrap();
    assert_eq!(reader.count("visits").await, Some(1), "readers do not wait");
    let writer = browser.start(&other, Optimistic).await.unwrap();
    writer.increment("writer").await;
    refused(other.finish(writer).await, host.locked());
    session.increment("visits").await;
    manager.finish(session).await.unwrap();
    let session = browser.start(&other, Exclusive).await.unwrap();
    assert_eq!((session.count("visits").await, session.contains("writer").await), (Some(2), false));
}

pub async fn exclusive_access_ends_with_the_request(host: &impl Harness) {
    let (manager, other) = (host.manager().await, impatient(host).await);
    let browser = new_session(&manager).await;
    for how in ["success", "failure", "dropped"] {
        let session = browser.start(&manager, Exclusive).await.unwrap();
        refused_for(browser.start(&other, Exclusive).await, host.locked(), &how);
        match how {
            "success" => drop(manager.finish(session).await.unwrap()),
            "failure" => drop(manager.fail(session).await),
            _ => session.close().await,
        }
        browser.start(&other, Exclusive).await.unwrap().close().await;
    }
}

pub async fn exclusive_access_ends_with_the_instance(host: &impl Harness) {
    let (manager, other) = (host.manager().await, impatient(host).await);
    let browser = new_session(&manager).await;
    let session = browser.start(&manager, Exclusive).await.unwrap();
    drop((session, manager));
    browser.start(&other, Exclusive).await.unwrap();
}

pub async fn a_visitor_needs_no_lock(host: &impl Harness) {
    let (manager, other) = (host.manager().await, impatient(host).await);
    let (one, two) = (Browser::new(), Browser::new());
    let first = one.start(&manager, Exclusive).await.unwrap();
    let second = two.start(&other, Exclusive).await.unwrap();
    first.increment("visits").await;
    second.increment("visits").await;
    manager.finish(first).await.unwrap();
    other.finish(second).await.unwrap();
    assert_eq!(host.store().await.ids().await.len(), 2);
}

async fn count(host: &impl Harness, browser: &Browser, times: u32) {
    for _ in 0..times {
        let manager = host.manager().await;
        let work = async |session: &Session| {
            let count = session.increment("visits").await;
            tokio::task::yield_now().await;
            count
        };
        browser.clone().visit(&manager, Exclusive, work).await.unwrap();
    }
}

/// With locks held only during the load and during the save, 502 of these 800 survived.
pub async fn four_times_200_increments_are_800(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = Browser::new();
    browser
        .visit(&manager, Optimistic, async |session| session.set("visits", &integer(0)).await.unwrap())
        .await
        .unwrap();
    let one = || count(host, &browser, 200);
    tokio::join!(one(), one(), one(), one());
    let counted = browser.clone().visit(&manager, ReadOnly, async |session| session.count("visits").await).await;
    assert_eq!(counted.unwrap(), Some(800));
}
