//! Flash values, attributes with a TTL, and concurrent counters.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::bindings::Value;
use crate::browser::{Browser, new_session};
use crate::check::refused_for;
use crate::client::{Session, integer, text};
use crate::clock::{MINUTE, SECOND};
use crate::harness::Harness;

fn shown(value: Option<Value>) -> Option<String> {
    value.map(|value| if let Value::Text(text) = value { text } else { format!("{value:?}") })
}

pub async fn a_flash_value_is_read_once_by_a_later_request(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = Browser::new();
    let leave = async |session: &Session| {
        session.set_flash("notice", &text("saved")).await.unwrap();
        assert_eq!(shown(session.take_flash("notice").await), None);
        assert!(session.has_info().await && session.len().await == 0);
    };
    browser.visit(&manager, Optimistic, leave).await.unwrap();
    let take = async |session: &Session| shown(session.take_flash("notice").await);
    assert_eq!(browser.visit(&manager, ReadOnly, take).await.unwrap(), None, "a read-only request does not take it");
    assert_eq!(browser.fail(&manager, Optimistic, take).await.unwrap().as_deref(), Some("saved"));
    assert_eq!(browser.visit(&manager, Optimistic, take).await.unwrap().as_deref(), Some("saved"));
    assert!(!browser.has_cookie(), "the session had nothing but the flash value");
    assert_eq!(browser.visit(&manager, Optimistic, take).await.unwrap(), None);
}

pub async fn two_requests_may_take_a_flash_value_at_once(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let leave = async |session: &Session| session.set_flash("notice", &text("x")).await.unwrap();
    browser.visit(&manager, Optimistic, leave).await.unwrap();
    let (one, two) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    assert!(one.take_flash("notice").await.is_some() && two.take_flash("notice").await.is_some());
    manager.finish(one).await.unwrap();
    other.finish(two).await.unwrap();
}

pub async fn an_attribute_vanishes_when_its_time_has_come(host: &impl Harness) {
    let manager = host.manager().await;
    let end = host.clock().now() + MINUTE;
    let mut browser = new_session(&manager).await;
    let set = async |session: &Session| session.set_with_ttl("code", &text("1234"), MINUTE).await.unwrap();
    browser.visit(&manager, Optimistic, set).await.unwrap();
    let see = async |session: &Session| (session.contains("code").await, session.attribute_expires("code").await);
    host.clock().set(end - SECOND);
    assert_eq!(browser.visit(&manager, ReadOnly, see).await.unwrap(), (true, Some(end)));
    host.clock().set(end + SECOND);
    assert_eq!(browser.visit(&manager, ReadOnly, see).await.unwrap(), (false, None));
    let names = browser.visit(&manager, Optimistic, async |session| session.increment("visits").await).await.unwrap();
    assert_eq!(names, 2);
    host.clock().set(end - SECOND);
    assert_eq!(browser.visit(&manager, ReadOnly, see).await.unwrap(), (false, None), "it stays expired");
}

pub async fn setting_it_for_ever_keeps_it(host: &impl Harness) {
    let manager = host.manager().await;
    let mut browser = new_session(&manager).await;
    let work = async |session: &Session| session.set_with_ttl("code", &integer(1), MINUTE).await.unwrap();
    browser.visit(&manager, Optimistic, work).await.unwrap();
    let work = async |session: &Session| session.set("code", &integer(1)).await.unwrap();
    browser.visit(&manager, Optimistic, work).await.unwrap();
    host.clock().pass(2 * MINUTE);
    let kept = browser.visit(&manager, ReadOnly, async |session| session.count("code").await).await.unwrap();
    assert_eq!(kept, Some(1));
}

pub async fn increments_of_requests_at_once_add_up(host: &impl Harness) {
    let (manager, other) = (host.manager().await, host.manager().await);
    let mut browser = new_session(&manager).await;
    let (one, two) =
        (browser.start(&manager, Optimistic).await.unwrap(), browser.start(&other, Optimistic).await.unwrap());
    assert_eq!(one.count("visits").await, Some(1));
    assert_eq!(one.add("visits", 10).await.unwrap(), 11);
    assert_eq!(two.add("visits", 100).await.unwrap(), 101);
    assert_eq!(two.add("new", -5).await.unwrap(), -5);
    manager.finish(one).await.unwrap();
    other.finish(two).await.unwrap();
    let sums = async |session: &Session| (session.count("visits").await, session.count("new").await);
    assert_eq!(browser.visit(&manager, ReadOnly, sums).await.unwrap(), (Some(111), Some(-5)));
}

pub async fn what_passes_is_checked(host: &impl Harness) {
    let manager = host.manager().await;
    let session = Browser::new().start(&manager, Optimistic).await.unwrap();
    session.set("text", &text("1")).await.unwrap();
    session.set("most", &integer(i64::MAX)).await.unwrap();
    let long = "x".repeat(257);
    for name in ["", &long] {
        refused_for(session.set_flash(name, &integer(1)).await, "invalid-argument", &name);
        refused_for(session.set_with_ttl(name, &integer(1), MINUTE).await, "invalid-argument", &name);
        refused_for(session.add(name, 1).await, "invalid-argument", &name);
    }
    refused_for(session.set_flash("a", &Value::Json("{".into())).await, "invalid-argument", &"invalid JSON");
    refused_for(session.set_with_ttl("a", &integer(1), 0).await, "invalid-argument", &"a TTL of zero");
    refused_for(session.add("text", 1).await, "invalid-argument", &"not an integer");
    refused_for(session.add("most", 1).await, "invalid-argument", &"overflow");
    assert_eq!(session.names().await, ["most", "text"]);
}
