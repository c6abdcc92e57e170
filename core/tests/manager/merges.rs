//! Concurrent requests that do not conflict: both changes are kept, without side effects.

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
fn a_login_that_read_the_user_merges_with_other_changes() {
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

/// A token that no other request has seen cannot be consumed twice.
#[test]
fn a_form_token_created_and_consumed_in_one_request_does_not_conflict() {
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
