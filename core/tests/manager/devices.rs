//! The sessions of one user: listing, ending, and the cap.

use session_core::Error;
use session_core::client::Client;
use session_core::configuration::{CapPolicy, Configuration};
use session_core::cookie::{HeaderField, Policy};
use session_core::events::{Event, Limit};
use session_core::manager::Manager;
use session_core::session::Access;

use crate::site::{Browser, MINUTE, START, Site, increment, log_in, set};

fn logged_in(site: &Site, user: &str) -> Browser {
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| log_in(session, user));
    site.wait(1000);
    browser
}

fn capped(cap: u32, policy: CapPolicy) -> Site {
    Site::with(Configuration { session_cap: Some((cap, policy)), ..Configuration::default() })
}

#[test]
fn a_users_sessions_with_times_and_clients() {
    let site = Site::new();
    let client = Client::new(Some("2001:db8::1"), Some("Mozilla/5.0 \u{20ac}"));
    let mut session = site.manager.start_request(&[], client.clone(), Access::Optimistic, site.now()).expect("start");
    log_in(&mut session, "ann");
    session.remember(true).expect("remember");
    let mut phone = Browser::default();
    site.finish(&mut phone, session);
    site.wait(MINUTE);
    let laptop = logged_in(&site, "ann");
    logged_in(&site, "bob");
    site.wait(MINUTE);
    site.visit(&mut phone, |_| ());

    let devices = site.manager.sessions_of("ann").expect("devices");
    let ids: Vec<_> = devices.iter().map(|device| Some(device.id.clone())).collect();
    assert_eq!(ids, [site.id(&phone), site.id(&laptop)]);
    assert_eq!(devices[0].client, client);
    assert_eq!((devices[0].created, devices[0].authenticated), (START, Some(START)));
    assert_eq!(devices[1].client, Client::at(Some("192.0.2.1")));
    assert_eq!((devices[0].remembered, devices[1].remembered), (true, false));
    assert!(site.manager.sessions_of("carl").expect("devices").is_empty());
    for wrong in ["", &"x".repeat(257)] {
        assert!(matches!(site.manager.sessions_of(wrong), Err(Error::InvalidArgument(_))));
        assert!(matches!(site.manager.end_other_sessions_of(wrong, &devices[0].id), Err(Error::InvalidArgument(_))));
    }
}

#[test]
fn a_list_of_devices_is_read_page_by_page() {
    let site = Site::new();
    let ids: Vec<_> = (0..7).map(|_| site.id(&logged_in(&site, "ann")).expect("a session")).collect();
    let mut devices = site.manager.devices_of("ann").expect("devices");
    for wrong in [0, 1001] {
        assert!(matches!(devices.next_page(wrong), Err(Error::InvalidArgument(_))));
    }
    let mut page =
        |limit| -> Vec<_> { devices.next_page(limit).expect("a page").into_iter().map(|device| device.id).collect() };
    assert_eq!(page(2), ids[..2]);
    site.manager.end_session(&ids[2]).expect("end");
    assert_eq!(page(2), ids[3..5], "what has ended takes no place");
    assert_eq!(page(1000), ids[5..]);
    assert!(page(1).is_empty());
    let mut devices = site.manager.devices_of("ann").expect("devices");
    devices.skip(0);
    devices.skip(4);
    site.store.fail("load", Error::Io("broken".into()));
    assert_eq!(devices.next_page(1), Err(Error::Io("broken".into())));
    assert_eq!(devices.next_page(1).expect("a page")[0].id, ids[6], "none was read that was passed over");
    devices.skip(u32::MAX);
    assert_eq!(devices.next_page(1), Ok(vec![]));
}

#[test]
fn all_others_end_and_one_is_kept() {
    let site = Site::new();
    let (here, there, bob) = (logged_in(&site, "ann"), logged_in(&site, "ann"), logged_in(&site, "bob"));
    let elsewhere = logged_in(&site, "ann");
    let keep = site.id(&here).expect("a session");
    assert_eq!(site.manager.end_other_sessions_of("ann", &keep), Ok(2));
    assert_eq!(site.manager.end_other_sessions_of("ann", &keep), Ok(0));
    assert!(site.id(&here).is_some() && site.id(&bob).is_some());
    assert!(site.id(&there).is_none() && site.id(&elsewhere).is_none());
    assert_eq!(site.manager.end_sessions_of("ann"), Ok(1));
    assert!(site.id(&here).is_none());
}

#[test]
fn a_login_over_the_cap_is_refused() {
    let site = capped(2, CapPolicy::Refuse);
    let first = logged_in(&site, "ann");
    logged_in(&site, "ann");
    logged_in(&site, "bob");
    site.events();
    let mut third = site.visitor();
    let mut session = site.start(&third, Access::Optimistic);
    log_in(&mut session, "ann");
    let text = "this user already has 2 sessions, the maximum; end one of them first";
    assert_eq!(site.try_finish(&mut third, session), Err(Error::AccessDenied(text.into())));
    assert_eq!(site.events(), [Event::Refused(Limit::SessionsOfUser)]);
    assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), 2);

    let mut session = site.start(&third, Access::ReadOnly);
    assert_eq!(session.user(), None, "the visitor has the session as it was");
    site.manager.end_session(&site.id(&first).expect("a session")).expect("end");
    site.visit(&mut third, |session| log_in(session, "ann"));
    let mut again = third.clone();
    site.visit(&mut again, |session| session.mark_authenticated().expect("the same session again is not one more"));
}

#[test]
fn or_it_ends_the_oldest_login() {
    let site = capped(2, CapPolicy::EndOldest);
    let mut old_visitor = site.visitor();
    site.wait(1000);
    let (first, second) = (logged_in(&site, "ann"), logged_in(&site, "ann"));
    site.visit(&mut old_visitor, |session| log_in(session, "ann"));
    assert!(site.id(&first).is_none(), "the oldest login, and not the oldest session");
    assert!(site.id(&second).is_some() && site.id(&old_visitor).is_some());
    assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), 2);
}

/// A user has more sessions than a newly configured cap.
#[test]
fn a_new_cap_applies_from_the_next_login() {
    for policy in [CapPolicy::Refuse, CapPolicy::EndOldest] {
        let mut site = Site::new();
        let [_, mut last, mut other] = [(); 3].map(|()| logged_in(&site, "ann"));
        let configuration = Configuration { session_cap: Some((1, policy)), ..Configuration::default() };
        site.manager =
            Manager::new(site.store.clone(), site.store.clone(), configuration).expect("a valid configuration");
        let mut session = site.start(&Browser::default(), Access::Optimistic);
        log_in(&mut session, "ann");
        let answer = site.try_finish(&mut last, session);
        assert_eq!((answer.is_ok(), policy), (policy == CapPolicy::EndOldest, policy));
        let left = if answer.is_ok() { 1 } else { 3 };
        assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), left);
        site.visit(&mut other, |session| set(session, "a", 1));
    }
}

#[test]
fn a_session_that_stays_logged_in_does_not_count_twice() {
    let site = capped(1, CapPolicy::Refuse);
    let mut browser = logged_in(&site, "ann");
    site.visit(&mut browser, |session| set(session, "a", 1));
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    site.visit(&mut browser, |session| session.remember(true).expect("remember"));
    assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), 1);
    assert!(Configuration { session_cap: Some((0, CapPolicy::Refuse)), ..Configuration::default() }.check().is_err());
}

#[test]
fn a_logout_can_clear_site_data() {
    let cookie = Policy { clear_site_data: true, ..Policy::default() };
    let site = Site::with(Configuration { cookie, ..Configuration::default() });
    let field = |value: &str| ("clear-site-data".to_string(), value.to_string());
    let forgets = |fields: Vec<HeaderField>| fields.iter().any(|(name, _)| name == "clear-site-data");
    let mut browser = site.visitor();
    assert!(!forgets(site.visit(&mut browser, |session| session.regenerate().expect("regenerate"))));
    assert!(!forgets(site.visit(&mut browser, |session| log_in(session, "ann"))));
    assert!(!forgets(site.visit(&mut browser, |session| session.regenerate().expect("regenerate"))));
    let fields = site.visit(&mut browser, |session| {
        set(session, "a", 2);
        session.set_user(None).expect("set_user");
    });
    assert!(fields.contains(&field(r#""cache", "storage""#)), "the session goes on, and so does its new cookie");
    let fields = site.visit(&mut browser, |session| session.expire().expect("expire"));
    assert!(fields.contains(&field(r#""cache", "cookies", "storage""#)));
    let plain = Site::new();
    let fields = plain.visit(&mut logged_in(&plain, "ann"), |session| session.expire().expect("expire"));
    assert!(!forgets(fields), "only when it is asked for");
}

#[test]
fn unreadable_sessions_are_left_out_but_store_errors_are_returned() {
    let site = Site::new();
    logged_in(&site, "ann");
    site.store.fail("load", Error::Corrupt("put aside".into()));
    assert_eq!(site.manager.sessions_of("ann"), Ok(vec![]));
    site.store.fail("load", Error::Io("broken".into()));
    assert_eq!(site.manager.sessions_of("ann"), Err(Error::Io("broken".into())));
}

#[test]
fn a_failed_end_is_an_error() {
    let site = capped(1, CapPolicy::EndOldest);
    let here = logged_in(&site, "ann");
    let keep = site.id(&here).expect("a session");
    let data = site.store.only();
    for number in 0..3 {
        let mut another = data.clone();
        another.id = session_core::SessionId::parse(&format!("undying-{number}")).expect("an id");
        site.store.inner().records.insert(another.id.clone(), another);
    }
    for _ in 0..1000 {
        site.store.fail("guard.delete", Error::Corrupt("it stays".into()));
    }
    assert_eq!(site.manager.end_other_sessions_of("ann", &keep), Err(Error::Corrupt("it stays".into())));
}

#[test]
fn dump_shows_remembered_and_replaced() {
    let site = Site::with(Configuration { grace_window: 1000, ..Configuration::default() });
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| {
        log_in(session, "ann");
        session.remember(true).expect("remember");
        assert!(session.dump(site.now()).contains("\nremembered\n"));
    });
    let late = browser.clone();
    site.visit(&mut browser, |session| session.regenerate().expect("regenerate"));
    let new = site.id(&browser).expect("a session");
    let described = site.start(&late, Access::ReadOnly).dump(site.now());
    assert!(described.contains(&format!("replaced by: {new}")), "{described}");
}

#[test]
fn the_expiry_of_a_session_is_known() {
    let site = Site::new();
    let expires = |browser: &Browser, access| site.manager.expires(&site.start(browser, access));
    assert_eq!(expires(&Browser::default(), Access::Optimistic), None, "it is nowhere yet");
    let browser = site.visitor();
    assert_eq!(expires(&browser, Access::Optimistic), Some(START + 30 * MINUTE));
    site.wait(MINUTE);
    assert_eq!(expires(&browser, Access::ReadOnly), Some(START + 30 * MINUTE), "polling is no use");
    assert_eq!(expires(&browser, Access::Optimistic), Some(START + 31 * MINUTE));
}

/// The oldest session is locked during a login: the login is refused, stores nothing and ends nothing.
#[test]
fn a_refused_login_has_no_effect() {
    let site = capped(1, CapPolicy::EndOldest);
    let oldest = logged_in(&site, "ann");
    let in_use = site.start(&oldest, Access::Exclusive);
    for mut browser in [Browser::default(), site.visitor()] {
        let before = site.store.sessions();
        for _ in 0..3 {
            let mut session = site.start(&browser, Access::Optimistic);
            log_in(&mut session, "ann");
            assert_eq!(site.try_finish(&mut browser, session), Err(Error::Busy));
            assert_eq!(site.store.sessions(), before);
        }
        if browser.cookie.is_some() {
            assert!(site.id(&browser).is_some(), "the old cookie works as before");
        }
    }
    drop(in_use);
    let browser = logged_in(&site, "ann");
    assert!(site.id(&browser).is_some());
    assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), 1);
}

/// The login itself fails: the session that would have made room survives.
#[test]
fn a_login_that_cannot_be_stored_ends_no_session() {
    let site = capped(1, CapPolicy::EndOldest);
    let oldest = logged_in(&site, "ann");
    site.store.fail("create", Error::NoSpace("full".into()));
    let mut session = site.start(&Browser::default(), Access::Optimistic);
    log_in(&mut session, "ann");
    assert!(site.try_finish(&mut Browser::default(), session).is_err());
    assert!(site.id(&oldest).is_some());
}

#[test]
fn a_login_whose_oldest_session_stays_gets_its_cookie() {
    let site = capped(1, CapPolicy::EndOldest);
    logged_in(&site, "ann");
    site.store.fail("guard.delete", Error::Io("it stays".into()));
    let browser = logged_in(&site, "ann");
    assert!(site.id(&browser).is_some());
    let newest = logged_in(&site, "ann");
    assert!(site.id(&newest).is_some());
    assert_eq!(site.manager.sessions_of("ann").expect("devices").len(), 1, "the next login ends it");
}

/// Reading the last flash value ends the session, but is not a logout: the browser clears nothing.
#[test]
fn reading_the_last_flash_value_is_not_a_logout() {
    let cookie = Policy { clear_site_data: true, ..Policy::default() };
    let site = Site::with(Configuration { cookie, ..Configuration::default() });
    let mut browser = Browser::default();
    site.visit(&mut browser, |session| session.set_flash("notice", crate::site::text("hello")).expect("flash"));
    let fields = site.visit(&mut browser, |session| assert!(session.take_flash("notice").is_some()));
    assert_eq!(browser.cookie, None);
    assert!(fields.iter().all(|(name, _)| name != "clear-site-data"), "{fields:?}");
}

/// The client of a session is the one that created it or logged in, whoever asks.
#[test]
fn a_session_keeps_the_client_that_logged_in() {
    let site = Site::new();
    let client = |number: u8| Client::new(Some(&format!("192.0.2.{number}")), Some(&format!("browser {number}")));
    let mut browser = Browser::default();
    let visit = |browser: &mut Browser, number, log_in_as: Option<&str>| {
        let session = site.manager.start_request(&browser.fields(), client(number), Access::Optimistic, site.now());
        let mut session = session.expect("start");
        match log_in_as {
            Some(user) => log_in(&mut session, user),
            None => increment(&mut session, "visits"),
        }
        let known = (session.remote_address().map(String::from), session.user_agent().map(String::from));
        site.finish(browser, session);
        known
    };
    let known = |number: u8| (Some(format!("192.0.2.{number}")), Some(format!("browser {number}")));
    assert_eq!(visit(&mut browser, 1, None), known(1), "a new session is its client's");
    assert_eq!(visit(&mut browser, 2, None), known(1));
    assert_eq!(visit(&mut browser, 3, Some("ann")), known(3));
    assert_eq!(visit(&mut browser, 4, None), known(3));
}
