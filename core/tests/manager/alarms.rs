//! Events for cookies that open no session.

use session_core::SessionId;
use session_core::events::Event;
use session_core::session::Access;

use crate::site::{Browser, Site};

#[test]
fn a_wrong_secret_is_reported_with_the_session_id() {
    let site = Site::new();
    let browser = site.visitor();
    let id = site.id(&browser).expect("an id");
    let told = |cookie: String| {
        site.store.inner().events.clear();
        for access in [Access::ReadOnly, Access::Optimistic, Access::Exclusive] {
            assert_eq!(site.start(&Browser::with(&*cookie), access).id(), None);
        }
        let mut told = std::mem::take(&mut site.store.inner().events);
        assert_eq!(told.len() % 3, 0, "the same for each access");
        told.dedup();
        told
    };
    let secret = "0".repeat(32);
    let absent = SessionId::generate([1; 16]);
    assert_eq!(told(format!("{id}.{secret}")), [(Some(id.clone()), Event::WrongSecret)]);
    assert_eq!(told(format!("{absent}.{secret}")), [(Some(absent), Event::UnknownId)]);
    assert_eq!(told(format!("{id}.{}", &secret[1..])), [], "it is none of our cookies");
}
