//! Counters that lose no increment, without waiting.

use session_core::Error;
use session_core::attributes::Value;
use session_core::session::Access;

use crate::site::{Site, integer, set};

#[test]
fn concurrent_increments_add_up() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut both = [site.start(&browser, Access::Optimistic), site.start(&browser, Access::Optimistic)];
    assert_eq!(both[0].increment("a", 10), Ok(11));
    assert_eq!(integer(&mut both[1], "a"), 1, "also when it was shown before");
    assert_eq!(both[1].increment("a", 100), Ok(101));
    assert_eq!(both[1].increment("a", -1), Ok(100));
    assert_eq!(both[1].increment("new", 5), Ok(5));
    for session in both {
        site.finish(&mut browser, session);
    }
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(110)));
    assert_eq!(site.see(&browser, "new"), Some(Value::Integer(5)));
}

#[test]
fn increments_apply_to_values_set_in_the_same_request() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| {
        set(session, "b", 5);
        assert_eq!(session.increment("b", 1), Ok(6));
        session.remove("a").expect("remove");
        assert_eq!(session.increment("a", 2), Ok(2));
        session.clear().expect("clear");
        assert_eq!(session.increment("a", 3), Ok(3));
        assert_eq!(session.increment("a", 4), Ok(7));
    });
    assert_eq!(site.see(&browser, "a"), Some(Value::Integer(7)));
    assert_eq!(site.see(&browser, "b"), None);
}

#[test]
fn an_increment_without_a_sum_is_refused_or_a_conflict() {
    let site = Site::new();
    let mut browser = site.visitor();
    site.visit(&mut browser, |session| {
        session.set("text", Value::Text("1".into())).expect("set");
        set(session, "most", i64::MAX);
        for (name, by) in [("text", 1), ("most", 1)] {
            assert!(matches!(session.increment(name, by), Err(Error::InvalidArgument(_))), "{name}");
        }
        assert!(matches!(session.increment("", 1), Err(Error::InvalidArgument(_))));
    });
    for others in [Value::Null, Value::Integer(i64::MAX)] {
        let mut session = site.start(&browser, Access::Optimistic);
        session.increment("a", 1).expect("increment");
        site.visit(&mut browser, |session| session.set("a", others.clone()).expect("set"));
        assert!(matches!(site.try_finish(&mut browser, session), Err(Error::Conflict(_))));
        assert_eq!(site.see(&browser, "a"), Some(others));
        site.visit(&mut browser, |session| set(session, "a", 1));
    }
    let mut looking = site.start(&browser, Access::ReadOnly);
    assert!(matches!(looking.increment("a", 1), Err(Error::AccessDenied(_))));
}

/// Clearing and counting from zero does not depend on concurrent increments.
#[test]
fn counting_after_a_clear_ignores_concurrent_increments() {
    let site = Site::new();
    let mut browser = site.visitor();
    let mut session = site.start(&browser, Access::Optimistic);
    session.clear().expect("clear");
    assert_eq!(session.increment("n", 5), Ok(5));
    site.visit(&mut browser, |session| session.set("n", Value::Text("seven".into())).expect("set"));
    site.finish(&mut browser, session);
    assert_eq!((site.see(&browser, "n"), site.see(&browser, "a")), (Some(Value::Integer(5)), None));
}
