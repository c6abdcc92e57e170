//! Notes edited in several tabs at once.

use std::sync::Arc;

use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor};
use tokio::task::JoinSet;

const SCRIPT: &str = "<script>alert(1)</script>";

/// Saves a form: the old and the new value of each field.
async fn save(server: &Server, visitor: &Visitor, title: [&str; 2], text: [&str; 2]) -> Page {
    let form = [("title-was", title[0]), ("title", title[1]), ("text-was", text[0]), ("text", text[1])];
    visitor.post(server, "/notes", &form).await
}

#[track_caller]
fn assert_shows(page: &Page, title: &str, text: &str) {
    assert_eq!(page.status, 200, "{page:#?}");
    assert_eq!(page.between(r#"<input id="title" name="title" value=""#, "\""), Some(title));
    let shown = page.between("<textarea", "</textarea>").unwrap().split_once(">\n").unwrap().1;
    assert_eq!(shown, text);
}

#[tokio::test]
async fn different_fields_both_win() {
    let server = Server::new();
    let visitor = Visitor::new();
    let page = save(&server, &visitor, ["", "a"], ["", "b\r\n"]).await;
    assert_eq!(page.notice(), Some("The notes are saved."));
    assert_shows(&page, "a", "b\n");
    // Both tabs have loaded it.
    save(&server, &visitor, ["a", "A"], ["b\r\n", "b\r\n"]).await;
    let page = save(&server, &visitor, ["a", "a"], ["b\r\n", "B"]).await;
    assert_shows(&page, "A", "B");
    let page = save(&server, &visitor, ["A", "A"], ["B", "B"]).await;
    assert_eq!(page.notice(), Some("There was nothing to change."));
}

#[tokio::test]
async fn the_same_field_is_not_overwritten() {
    let server = Server::new();
    let visitor = Visitor::new();
    save(&server, &visitor, ["", "first"], ["", "text"]).await;
    let page = save(&server, &visitor, ["", SCRIPT], ["text", "other"]).await;
    assert_eq!(page.status, 409);
    for shown in [
        r#"<pre class="version">first</pre>"#,
        r#"<pre class="version">&lt;script&gt;"#,
        r#"name="text" value="other""#,
    ] {
        assert!(page.text.contains(shown), "{shown}: {page:#?}");
    }
    assert!(!page.text.contains("<script"), "{page:#?}");
    assert_shows(&visitor.get(&server, "/notes").await, "first", "text");
    let page = save(&server, &visitor, ["", "first"], ["text", "text"]).await;
    assert_eq!(page.notice(), Some("There was nothing to change."), "the same change is no conflict");
}

#[tokio::test]
async fn the_visitor_chooses() {
    let server = Server::new();
    let visitor = Visitor::new();
    save(&server, &visitor, ["", ""], ["", "stored"]).await;
    for (choice, expected) in [("stored", "stored"), ("mine", "mine"), ("merged", "both")] {
        let now = visitor.get(&server, "/notes").await;
        let was = now.between("name=\"text-was\" value=\"", "\"").unwrap();
        let form = [
            ("title-was", ""),
            ("title", choice),
            ("text-was", was),
            ("text", "mine"),
            ("text-choice", choice),
            ("text-merged", "both"),
        ];
        assert_eq!(visitor.post(&server, "/notes", &form).await.status, if choice == "stored" { 200 } else { 409 });
        let title = if choice == "stored" { "" } else { "stored" };
        let form = [&[("title-was", title), ("title", "stored")], &form[2..]].concat();
        assert_shows(&visitor.post(&server, "/notes", &form).await, "stored", expected);
    }
}

/// Of tabs that change the same field at once, one wins, and the others are asked.
#[tokio::test]
async fn at_once_one_tab_wins() {
    let server = Arc::new(Server::new());
    let visitor = Arc::new(Visitor::with_session(&server).await);
    let mut tabs = JoinSet::new();
    for tab in 0..8 {
        let (server, visitor) = (server.clone(), visitor.clone());
        tabs.spawn(async move { save(&server, &visitor, ["", &format!("tab {tab}")], ["", ""]).await.status });
    }
    let mut statuses = tabs.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn increments_of_all_tabs_add_up() {
    let server = Arc::new(Server::new());
    let visitor = Arc::new(Visitor::with_session(&server).await);
    let mut tabs = JoinSet::new();
    for _ in 0..4 {
        let (server, visitor) = (server.clone(), visitor.clone());
        tabs.spawn(async move {
            for _ in 0..25 {
                assert_eq!(visitor.post(&server, "/notes/count", &[]).await.status, 200);
            }
        });
    }
    tabs.join_all().await;
    assert!(visitor.get(&server, "/notes").await.text.contains("Shared counter: 100<"));
}

#[tokio::test]
async fn a_form_that_is_not_ours_is_refused() {
    let server = Server::new();
    let visitor = Visitor::new();
    for form in [&[][..], &[("title", "x"), ("text", "x")], &[("title-was", ""), ("title", "x"), ("text-was", "")]] {
        assert_eq!(visitor.post(&server, "/notes", form).await.status, 400, "{form:?}");
    }
    assert_eq!(visitor.cookie(&server), "");
}
