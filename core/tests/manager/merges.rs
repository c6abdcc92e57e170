//! Two requests at once that do not contradict each other: what both did is there, and nothing else happens.

use session_core::events::Event;
use session_core::session::Access;

use crate::site::{Site, integer, log_in, set};

#[test]
fn a_merge_gives_no_new_id() {
    let site = Site::new();
    let mut browser = site.visitor();
    let before = browser.cookie.clone();
    let [mut one, mut other] = [(); 2].map(|()| site.start(&browser, Access::Optimistic));
    set(&mut one, "b", 2);
    set(&mut other, "c", 3);
    site.finish(&mut browser, one);
    site.events();
    assert!(site.finish(&mut browser, other).is_empty());
    assert_eq!((&browser.cookie, site.events()), (&before, Vec::<Event>::new()));
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!(["a", "b", "c"].map(|name| integer(&mut session, name)), [1, 2, 3]);
}

#[test]
fn a_login_that_looked_who_is_there_meets_what_others_set() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    assert_eq!(session.user(), None);
    log_in(&mut session, "ann");
    site.visit(&mut browser, |session| set(session, "b", 2));
    site.finish(&mut browser, session);
    let mut session = site.start(&browser, Access::ReadOnly);
    assert_eq!((integer(&mut session, "b"), session.user()), (2, Some("ann")));
}

/// What nobody else has ever seen cannot be used twice.
#[test]
fn a_form_token_that_comes_and_goes_in_one_request_is_no_conflict() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    let token = session.create_form_token([1; 16]).expect("token");
    assert_eq!(session.remove_form_token(&token), Ok(true));
    set(&mut session, "b", 2);
    site.visit(&mut browser, |session| set(session, "c", 3));
    site.finish(&mut browser, session);
    assert_eq!(integer(&mut site.start(&browser, Access::ReadOnly), "b"), 2);
}
