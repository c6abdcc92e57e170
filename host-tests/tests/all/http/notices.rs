//! Each action reports its effect once, on the next page.

use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;

#[tokio::test]
async fn a_notice_is_shown_once() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let attribute = ("name", "<colour>");
    let rows = [
        ("/", "/keep", &[][..], "The session is kept."),
        ("/", "/increment", &[], "One was added to the counter."),
        ("/", "/login", &[("user", "<ann>")], "Logged in as &lt;ann&gt;."),
        ("/", "/attributes/set", &[attribute, ("type", "text")], "Attribute &lt;colour&gt; set."),
        ("/", "/attributes/remove", &[attribute], "Attribute &lt;colour&gt; removed."),
        ("/", "/attributes/remove", &[attribute], "There is no attribute &lt;colour&gt;."),
        ("/notes", "/notes/count", &[], "Counted. That makes 1, or more if another tab counts right now."),
        ("/devices", "/devices/end-others", &[], "There were no other sessions."),
        ("/devices", "/devices/confirm", &[("confirm", " <ann> ")], "Confirmed: it is you."),
    ];
    for (page, action, form, notice) in rows {
        assert_eq!(visitor.post(&server, action, form).await.notice(), Some(notice), "{action}");
        assert_eq!(visitor.get(&server, page).await.notice(), None, "{action}, then a reload");
    }
}

#[tokio::test]
async fn it_waits_for_a_page_that_is_seen() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let cookie = visitor.cookie(&server);
    Page::of(request(&server, Method::POST, "/increment").header("cookie", &cookie)).await;
    for path in ["/", "/devices", "/notes"] {
        assert_eq!(Page::of(request(&server, Method::HEAD, path).header("cookie", &cookie)).await.status, 200);
    }
    visitor.get(&server, "/admin").await;
    assert_eq!(visitor.get(&server, "/").await.notice(), Some("One was added to the counter."));
}

/// No session is left to keep it in.
#[tokio::test]
async fn a_logout_is_confirmed_as_well() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    assert_eq!(visitor.get(&server, "/?logged-out").await.notice(), None, "the session has not ended");
    assert_eq!(visitor.post(&server, "/logout", &[]).await.notice(), Some("Logged out. The session has ended."));
    assert_eq!(visitor.get(&server, "/?anything").await.notice(), None);
}

/// The session holds only the notice. It is shown, and the session ends.
#[tokio::test]
async fn a_notice_alone_keeps_no_session() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let page = visitor.post(&server, "/attributes/remove", &[("name", "keep")]).await;
    assert_eq!((page.notice(), page.id()), (Some("Attribute keep removed."), None));
    assert_eq!(visitor.cookie(&server), "");
}
