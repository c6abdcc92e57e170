//! Session3's scenarios, link by link.

use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor};

use crate::scenarios::{SCENARIOS, Shown};

#[tokio::test]
async fn what_session3_did_is_done() {
    let server = Server::new();
    for (name, steps) in SCENARIOS {
        let visitor = Visitor::new();
        for (index, (link, expected)) in steps.iter().enumerate() {
            // Safe requests are links, the others are buttons.
            let page = match *link {
                "/" => visitor.get(&server, "/").await,
                action => visitor.post(&server, &format!("/{action}"), &[]).await,
            };
            assert!(shows(&page, *expected), "{name}, step {index}, {link}: expected {expected:?}: {page:#?}");
        }
    }
}

fn shows(page: &Page, expected: Shown) -> bool {
    if expected == Shown::Failure {
        return page.status == 500 && page.text.contains("This request failed on purpose");
    }
    page.status == 200
        && match expected {
            Shown::NoSession => page.id().is_none(),
            Shown::Session => page.id().is_some(),
            Shown::Counter(count) => page.counter() == count,
            Shown::Failure => unreachable!("it has returned"),
        }
}

/// A reload shows the same session.
#[tokio::test]
async fn a_session_keeps_its_id() {
    let server = Server::new();
    let visitor = Visitor::new();
    let id = visitor.post(&server, "/keep", &[]).await.id().map(str::to_owned);
    assert!(id.is_some());
    for path in ["/increment", "/keep"] {
        assert_eq!(visitor.get(&server, "/").await.id(), id.as_deref());
        assert_eq!(visitor.post(&server, path, &[]).await.id(), id.as_deref(), "{path}");
    }
    visitor.post(&server, "/logout", &[]).await;
    let next = visitor.post(&server, "/keep", &[]).await.id().map(str::to_owned);
    assert!(next.is_some() && next != id, "the id of an ended session is not reused");
}
