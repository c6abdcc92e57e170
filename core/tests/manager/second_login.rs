//! A second login with an old cookie, because the response to the first was lost, and what may follow.

use session_core::Error;
use session_core::configuration::Configuration;
use session_core::session::Access;

use crate::site::{Browser, Site, log_in, set};

/// Two browsers with one cookie from before a login: one got the response, the other is late.
fn after_a_login() -> (Site, Browser, Browser) {
    let site = Site::with(Configuration { grace_window: 10_000, ..Configuration::default() });
    let mut browser = site.visitor();
    let late = browser.clone();
    site.visit(&mut browser, |session| log_in(session, "ann"));
    assert_ne!(browser.cookie, late.cookie);
    (site, browser, late)
}

#[test]
fn an_undone_login_does_not_replace_the_cookie_of_the_first() {
    let (site, browser, mut late) = after_a_login();
    let mut session = site.start(&late, Access::Optimistic);
    log_in(&mut session, "ann");
    session.set_user(None).expect("set_user");
    set(&mut session, "b", 1);
    assert_eq!(site.try_finish(&mut late, session).err(), Some(Error::Gone));
    assert!(site.id(&browser).is_some());
}

#[test]
fn a_logout_reaches_the_session_of_the_first() {
    let (site, browser, mut late) = after_a_login();
    let mut session = site.start(&late, Access::Optimistic);
    log_in(&mut session, "ann");
    session.expire().expect("expire");
    site.finish(&mut late, session);
    assert!(site.id(&browser).is_none());
}
