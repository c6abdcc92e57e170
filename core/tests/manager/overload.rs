//! Limits on the number of sessions, and clients that do not return.

use session_core::Error;
use session_core::client::Client;
use session_core::configuration::Configuration;
use session_core::error::Result;
use session_core::events::{Event, Limit};
use session_core::session::Access;

use crate::site::{Browser, MINUTE, Site, log_in, set};

/// Creates a session from an address.
fn arrive(site: &Site, address: &str) -> Result<()> {
    let session = site.manager.start_request(&[], Client::at(Some(address)), Access::Optimistic, site.now());
    let mut session = session.expect("start");
    set(&mut session, "a", 1);
    site.manager.finish_successful_request(session, site.now(), &mut || site.random()).map(drop)
}

fn sessions(site: &Site) -> usize {
    site.store.inner().records.keys().filter(|id| !id.as_str().starts_with("tally")).count()
}

#[test]
fn new_sessions_per_address_and_minute_are_limited() {
    let site = Site::with(Configuration { new_sessions: Some(2), ..Configuration::default() });
    for (address, wait, answer) in [
        ("192.0.2.1", 0, Ok(())),
        ("192.0.2.1", 0, Ok(())),
        ("192.0.2.1", 0, Err(Error::Busy)),
        ("192.0.2.2", 0, Ok(())),
        ("192.0.2.1", MINUTE - 1, Err(Error::Busy)),
        ("192.0.2.1", 1, Ok(())),
        ("192.0.2.1", 0, Ok(())),
        ("192.0.2.1", 0, Err(Error::Busy)),
    ] {
        site.wait(wait);
        assert_eq!(arrive(&site, address), answer, "{address} after {wait}");
    }
    assert!(site.events().contains(&Event::Refused(Limit::NewSessions)));
    assert_eq!(sessions(&site), 5);
    site.store.inner().now -= 10 * MINUTE;
    assert_eq!(arrive(&site, "192.0.2.1"), Ok(()), "a clock that is stepped back locks nobody out");
}

#[test]
fn visits_of_sessions_that_exist_are_not_counted() {
    let site = Site::with(Configuration { new_sessions: Some(1), total_sessions: Some(2), ..Configuration::default() });
    let mut browser = site.visitor();
    for value in 0..5 {
        site.visit(&mut browser, |session| set(session, "a", value));
    }
    site.visit(&mut browser, |session| log_in(session, "ann"));
}

#[test]
fn the_sessions_of_the_store_are_limited() {
    let site = Site::with(Configuration { total_sessions: Some(3), ..Configuration::default() });
    for _ in 0..3 {
        assert_eq!(arrive(&site, "192.0.2.1"), Ok(()));
    }
    let full = Err(Error::NoSpace("the store has reached its limit of sessions".into()));
    assert_eq!(arrive(&site, "192.0.2.2"), full);
    assert_eq!(site.events(), [Event::Refused(Limit::TotalSessions)]);
    site.store.inner().records.clear();
    site.wait(MINUTE);
    assert_eq!(arrive(&site, "192.0.2.2"), Ok(()), "it is counted anew");
}

#[test]
fn the_bytes_of_the_store_are_limited() {
    let site = Site::with(Configuration { total_bytes: Some(200), ..Configuration::default() });
    let answers: Vec<_> = (0..4).map(|_| arrive(&site, "192.0.2.1")).collect();
    assert_eq!(answers[0], Ok(()));
    assert_eq!(answers[3], Err(Error::NoSpace("the store has reached its limit of bytes".into())));
    assert!(site.events().contains(&Event::Refused(Limit::TotalBytes)));
}

#[test]
fn the_limit_on_bytes_is_exact() {
    let size = {
        let site = Site::new();
        arrive(&site, "192.0.2.1").expect("no limit");
        site.store.only().contents.data.len() as u64
    };
    for (most, fits) in [(size - 1, 0), (size, 1), (2 * size - 1, 1), (2 * size, 2)] {
        let site = Site::with(Configuration { total_bytes: Some(most), ..Configuration::default() });
        let stored = (0..3).filter(|_| arrive(&site, "192.0.2.1").is_ok()).count();
        assert_eq!(stored, fits, "{most} bytes, {size} each");
    }
}

#[test]
fn a_tally_is_not_a_session() {
    let site = Site::with(Configuration { total_sessions: Some(9), ..Configuration::default() });
    arrive(&site, "192.0.2.1").expect("arrive");
    let tally =
        site.store.inner().records.keys().find(|id| id.as_str().starts_with("tally")).cloned().expect("a tally");
    assert!(site.id(&Browser::with(format!("{tally}.{}", "0".repeat(32)))).is_none());
    assert!(matches!(site.manager.inspect_session(&tally, site.now()), Err(Error::Corrupt(_))));
}

#[test]
fn a_failing_tally_is_an_error() {
    let site = Site::with(Configuration { new_sessions: Some(9), total_sessions: Some(9), ..Configuration::default() });
    for operation in ["lock", "guard.load", "usage"] {
        site.store.fail(operation, Error::Io("broken".into()));
        assert_eq!(arrive(&site, "192.0.2.1"), Err(Error::Io("broken".into())), "{operation}");
    }
    site.store.fail("guard.load", Error::Corrupt("put aside".into()));
    assert_eq!(arrive(&site, "192.0.2.1"), Ok(()));
    for _ in 0..4 {
        site.store.fail("guard.save", Error::Gone);
    }
    assert_eq!(arrive(&site, "192.0.2.1"), Err(Error::Busy), "others always come first");
}

#[test]
fn a_session_that_is_not_returned_expires_early() {
    let unconfirmed_timeout = Some(5 * MINUTE);
    let site = Site::with(Configuration { unconfirmed_timeout, ..Configuration::default() });
    let crawler = site.visitor();
    let mut visitor = site.visitor();
    site.wait(5 * MINUTE - 1000);
    site.visit(&mut visitor, |_| ());
    assert!(site.id(&crawler).is_some());
    site.wait(2000);
    assert!(site.id(&crawler).is_none());
    site.store.calls();
    site.visit(&mut visitor, |_| ());
    assert_eq!(site.store.calls(), ["load"], "having come back is noted once");
    site.wait(29 * MINUTE);
    assert!(site.id(&visitor).is_some());
}

/// A client that never returns its cookie and only views pages leaves no file.
#[test]
fn a_client_that_stores_nothing_leaves_no_file() {
    let site = Site::new();
    for _ in 0..100 {
        let mut browser = Browser::default();
        assert!(site.visit(&mut browser, |session| assert_eq!(session.len(), 0)).is_empty());
    }
    assert!(site.store.is_empty());
    assert_eq!(site.store.calls(), Vec::<&str>::new());
}

#[test]
fn an_ipv6_network_is_one_client() {
    for (prefix, one, other, same) in [
        (64, "2001:db8::1", "2001:db8::ffff:2", true),
        (64, "2001:db8::1", "2001:DB8:0:0:9::", true),
        (64, "2001:db8::1", "2001:db8:0:1::1", false),
        (56, "2001:db8::1", "2001:db8:0:ff::1", true),
        (56, "2001:db8::1", "2001:db8:0:100::1", false),
        (128, "2001:db8::1", "2001:db8::2", false),
        (1, "2001:db8::1", "7fff::", true),
        (64, "::ffff:192.0.2.1", "192.0.2.1", true),
        (1, "192.0.2.1", "192.0.2.2", false),
        (64, "unix:1", "unix:2", false),
    ] {
        let configuration = Configuration { new_sessions: Some(1), ipv6_prefix: prefix, ..Configuration::default() };
        let site = Site::with(configuration);
        assert_eq!(arrive(&site, one), Ok(()));
        assert_eq!(arrive(&site, other).is_err(), same, "{one} and {other} by {prefix} bits");
    }
    for ipv6_prefix in [0, 129] {
        let refused = Configuration { ipv6_prefix, ..Configuration::default() }.check();
        assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    }
}
