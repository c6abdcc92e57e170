//! The sessions of one user: listing, ending and capping them.

use crate::bindings::Access::{Optimistic, ReadOnly};
use crate::bindings::{CapPolicy, Client};
use crate::browser::{Browser, PEER, new_session};
use crate::check::{refused, refused_for};
use crate::client::{Configuration, Devices, Manager, Session, options};
use crate::clock::{MINUTE, SECOND};
use crate::harness::Harness;

/// Logs a user in with a new browser, one second later.
pub(super) async fn logged_in(host: &impl Harness, manager: &Manager, user: &str) -> Browser {
    let mut browser = Browser::new();
    browser.visit(manager, Optimistic, async |session| session.set_user(Some(user)).await.unwrap()).await.unwrap();
    host.clock().pass(SECOND);
    browser
}

fn capped(cap: u32, policy: CapPolicy) -> Configuration {
    Configuration { session_cap: Some((cap, policy)), ..Configuration::default() }
}

pub async fn a_user_sees_all_devices(host: &impl Harness) {
    let manager = host.manager().await;
    let start = host.clock().now();
    let client = Client { address: Some("2001:db8::1".into()), user_agent: Some("Mozilla/5.0 (X11; Linux)".into()) };
    let session = manager.start_of(&[], &client, Optimistic).await.unwrap();
    session.set_user(Some("ann")).await.unwrap();
    assert_eq!(session.user_agent().await, client.user_agent);
    let mut laptop = Browser::new();
    laptop.receive(&manager.finish(session).await.unwrap());
    host.clock().pass(MINUTE);
    let mut phone = logged_in(host, &manager, "ann").await;
    logged_in(host, &manager, "bob").await;
    host.clock().pass(MINUTE);
    let id = laptop.look(&manager).await.unwrap();

    let devices = manager.sessions_of("ann").await.unwrap();
    assert_eq!(
        devices.iter().map(|device| &device.id).collect::<Vec<_>>(),
        [&id, &phone.look(&manager).await.unwrap()]
    );
    let [first, second] = &devices[..] else { panic!("{devices:?}") };
    assert_eq!((first.created, first.authenticated), (start, Some(start)));
    assert!((start + 2 * MINUTE..=host.clock().now()).contains(&first.last_active));
    assert_eq!((&first.client.address, &first.client.user_agent), (&client.address, &client.user_agent));
    assert_eq!((second.client.address.as_deref(), &second.client.user_agent), (Some(PEER), &None));
    assert!(manager.sessions_of("nobody").await.unwrap().is_empty());
}

pub async fn devices_come_in_pages(host: &impl Harness) {
    let manager = host.manager().await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(logged_in(host, &manager, "ann").await.look(&manager).await.unwrap());
    }
    let page = async |cursor: &Devices, limit| -> Vec<String> {
        cursor.next_page(limit).await.unwrap().into_iter().map(|device| device.id).collect()
    };
    let cursor = manager.devices_of("ann").await.unwrap();
    for bad in [0, 1001, u32::MAX] {
        refused_for(cursor.next_page(bad).await, "invalid-argument", &bad);
    }
    assert_eq!(page(&cursor, 5).await, ids[..5], "nothing was skipped");
    manager.end(&ids[6]).await.unwrap();
    assert_eq!(page(&cursor, 3).await, [&ids[5], &ids[7], &ids[8]].map(String::clone));
    cursor.skip(0).await;
    cursor.skip(1).await;
    assert_eq!(page(&cursor, 1000).await, ids[10..]);
    assert!(page(&cursor, 1).await.is_empty());
    let cursor = manager.devices_of("ann").await.unwrap();
    cursor.skip(u32::MAX).await;
    assert!(page(&cursor, 1).await.is_empty());
    refused(manager.devices_of("").await.map(drop), "invalid-argument");
}

pub async fn long_texts_of_a_client_are_cut(host: &impl Harness) {
    let manager = host.manager().await;
    let long = "\u{20ac}".repeat(100_000);
    let client = Client { address: Some(long.clone()), user_agent: Some(long) };
    let session = manager.start_of(&[], &client, Optimistic).await.unwrap();
    session.set_user(Some("ann")).await.unwrap();
    manager.finish(session).await.unwrap();
    let devices = manager.sessions_of("ann").await.unwrap();
    let kept = Some("\u{20ac}".repeat(85));
    assert_eq!((&devices[0].client.address, &devices[0].client.user_agent), (&kept, &kept));
}

pub async fn all_other_sessions_end(host: &impl Harness) {
    let manager = host.manager().await;
    let mut here = logged_in(host, &manager, "ann").await;
    let mut others = [logged_in(host, &manager, "ann").await, logged_in(host, &manager, "ann").await];
    let mut bob = logged_in(host, &manager, "bob").await;
    let keep = here.look(&manager).await.unwrap();
    assert_eq!(manager.end_other_sessions_of("ann", &keep).await.unwrap(), 2);
    assert_eq!(manager.end_other_sessions_of("ann", &keep).await.unwrap(), 0);
    for other in &mut others {
        assert_eq!(other.look(&manager).await, None);
    }
    assert_eq!(here.look(&manager).await, Some(keep.clone()));
    assert!(bob.look(&manager).await.is_some());
    for wrong in ["", &"x".repeat(257)] {
        refused_for(manager.sessions_of(wrong).await, "invalid-argument", &wrong);
        refused_for(manager.end_other_sessions_of(wrong, &keep).await, "invalid-argument", &wrong);
    }
    refused(manager.end_other_sessions_of("ann", "../etc").await, "invalid-id");
}

pub async fn a_cap_refuses_one_login_too_many(host: &impl Harness) {
    let manager = host.manager_with(capped(2, CapPolicy::Refuse)).await;
    let mut first = logged_in(host, &manager, "ann").await;
    logged_in(host, &manager, "ann").await;
    let mut third = new_session(&manager).await;
    let log_in = async |session: &Session| session.set_user(Some("ann")).await.unwrap();
    refused(third.visit(&manager, Optimistic, log_in).await, "access-denied");
    let user = third.visit(&manager, ReadOnly, async |session| session.user().await).await.unwrap();
    assert_eq!(user, None, "the session is unchanged");
    first.visit(&manager, Optimistic, async |session| session.expire().await.unwrap()).await.unwrap();
    third.visit(&manager, Optimistic, log_in).await.unwrap();
    refused(Browser::new().visit(&manager, Optimistic, log_in).await, "access-denied");
    assert_eq!(manager.sessions_of("ann").await.unwrap().len(), 2);
}

pub async fn or_a_cap_ends_the_oldest_login(host: &impl Harness) {
    let manager = host.manager_with(capped(2, CapPolicy::EndOldest)).await;
    let mut visitor = new_session(&manager).await;
    host.clock().pass(SECOND);
    let mut first = logged_in(host, &manager, "ann").await;
    let mut second = logged_in(host, &manager, "ann").await;
    visitor.visit(&manager, Optimistic, async |session| session.set_user(Some("ann")).await.unwrap()).await.unwrap();
    assert_eq!(first.look(&manager).await, None, "it has the oldest login, though it is not the oldest session");
    assert!(second.look(&manager).await.is_some() && visitor.look(&manager).await.is_some());
}

/// Four concurrent logins, each in its own instance, with either policy.
pub async fn a_cap_holds_however_many_log_in_at_once(host: &impl Harness) {
    for (policy, succeed) in [(CapPolicy::Refuse, 2), (CapPolicy::EndOldest, 4)] {
        let user = format!("{policy:?}");
        let one = || async {
            let manager = host.manager_with(capped(2, policy)).await;
            let log_in = async |session: &Session| session.set_user(Some(&user)).await.unwrap();
            Browser::new().visit(&manager, Optimistic, log_in).await.is_ok()
        };
        let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
        assert_eq!([a, b, c, d].into_iter().filter(|done| *done).count(), succeed, "{user}");
        assert_eq!(host.manager().await.sessions_of(&user).await.unwrap().len(), 2, "{user}");
    }
}

pub async fn a_cap_is_at_least_one(host: &impl Harness) {
    let instance = host.instance().await;
    let opened = Manager::open(&instance, host.location(), options(), &capped(0, CapPolicy::Refuse)).await;
    refused(opened.map(drop), "invalid-argument");
}
