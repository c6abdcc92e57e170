//! Login, attributes, the one-time form and the administration.

use std::collections::BTreeSet;

use host_tests::server::Server;
use host_tests::visitor::{Page, Visitor, request};
use reqwest::Method;

const SCRIPT: &str = "<script>alert(1)</script>";
const ESCAPED: &str = "&lt;script&gt;alert(1)&lt;/script&gt;";

#[track_caller]
fn assert_escaped(page: &Page) {
    assert!(page.text.contains(ESCAPED), "{page:#?}");
    assert!(!page.text.contains("<script"), "{page:#?}");
}

#[tokio::test]
async fn a_login_changes_the_id_and_the_old_cookie_is_dead() {
    let server = Server::new();
    let visitor = Visitor::new();
    visitor.post(&server, "/increment", &[]).await;
    for (name, counter) in [("alice", 1), (SCRIPT, 0)] {
        let old = visitor.cookie(&server);
        let before = visitor.get(&server, "/").await;
        let after = visitor.post(&server, "/login", &[("user", name)]).await;
        assert_eq!(after.status, 200);
        assert!(after.id().is_some());
        assert_ne!(after.id(), before.id());
        assert_ne!(visitor.cookie(&server), old);
        assert_eq!(after.counter(), counter, "anonymous data is kept, alice's is not");
        let stolen = Page::of(request(&server, Method::GET, "/").header("cookie", old)).await;
        assert_eq!((stolen.status, stolen.id(), stolen.counter()), (200, None, 0));
    }
    let page = visitor.get(&server, "/").await;
    assert_escaped(&page);
    assert!(page.text.contains(&format!("Logged in as <strong>{ESCAPED}</strong>")));

    let out = visitor.post(&server, "/logout", &[]).await;
    assert_eq!((out.id(), out.counter()), (None, 0));
    assert!(out.text.contains("Nobody is logged in."));
}

#[tokio::test]
async fn a_name_has_its_limits() {
    let server = Server::new();
    let visitor = Visitor::new();
    let long = "x".repeat(257);
    for name in ["", " \t", &long] {
        assert_eq!(visitor.post(&server, "/login", &[("user", name)]).await.status, 400, "{name:?}");
    }
    assert_eq!(visitor.post(&server, "/login", &[("name", "alice")]).await.status, 400);
    assert_eq!(visitor.get(&server, "/").await.id(), None);
    assert_eq!(visitor.post(&server, "/login", &[("user", &long[1..])]).await.status, 200);
}

fn attribute(name: &str, kind: &str, value: &str) -> String {
    format!(r#"<th scope="row">{name}</th><td><span class="badge">{kind}</span></td><td class="value">{value}</td>"#)
}

#[tokio::test]
async fn attributes_of_every_type_are_set_and_removed() {
    let server = Server::new();
    let visitor = Visitor::new();
    let rows = [
        ("text", "plain", "plain"),
        ("text", SCRIPT, ESCAPED),
        ("text", "", ""),
        ("text", "Grüße, 世界", "Grüße, 世界"),
        ("integer", "-9223372036854775808", "-9223372036854775808"),
        ("integer", " 42 ", "42"),
        ("number", "-0.5", "-0.5"),
        ("number", "6e23", "6e23"),
        ("boolean", "true", "true"),
        ("json", r#"{"a":[1,null]}"#, "{&quot;a&quot;:[1,null]}"),
        ("null", "whatever", "null"),
    ];
    for (index, (kind, value, shown)) in rows.into_iter().enumerate() {
        let name = format!("attribute {index} of {SCRIPT}");
        let page = visitor.post(&server, "/attributes/set", &[("name", &name), ("type", kind), ("value", value)]).await;
        let expected = attribute(&format!("attribute {index} of {ESCAPED}"), kind, shown);
        assert_eq!(page.status, 200, "{kind} {value}");
        assert!(page.text.contains(&expected), "{expected}: {page:#?}");
        assert_escaped(&page);
    }
    assert!(visitor.get(&server, "/").await.text.contains(&format!("attributes: {}", rows.len())));
    for index in 0..rows.len() {
        let name = format!("attribute {index} of {SCRIPT}");
        let page = visitor.post(&server, "/attributes/remove", &[("name", &name)]).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains(&format!(r#"scope="row">attribute {index} of"#)), "{page:#?}");
    }
    assert_eq!(visitor.get(&server, "/").await.id(), None, "an empty session ends");
    assert_eq!(visitor.cookie(&server), "", "and its cookie is deleted");
}

#[tokio::test]
async fn an_attribute_has_a_lifetime_that_is_shown() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let set = async |name, lifetime| {
        let form = [("name", name), ("type", "text"), ("value", "x"), ("lifetime", lifetime)];
        visitor.post(&server, "/attributes/set", &form).await
    };
    assert!(set("short", "60").await.text.contains(r#"<td class="age">in <span class="countdown left-"#));
    let page = set("long", " 86400 ").await;
    assert_eq!(page.notice(), Some("Attribute long set for 1 d 0 h."));
    assert!(page.text.contains(&attribute("long", "text", "x")), "{page:#?}");

    assert!(set("long", "").await.text.contains(r#"<td class="age">never</td>"#), "it no longer expires");
    for lifetime in ["0", "-1", "1.5", "x", "4294967296"] {
        assert_eq!(set("long", lifetime).await.status, 400, "{lifetime}");
    }
}

/// The style sheet for a page's countdowns consists of numbers only.
#[tokio::test]
async fn countdowns_are_numbers() {
    let server = Server::new();
    let page = Visitor::new().get(&server, "/countdown.css?left=5&left=}*{color:red&left=86401&left=-1&left=60").await;
    assert_eq!((page.status, page.fields("content-type")[0]), (200, "text/css; charset=utf-8"));
    assert_eq!(page.text, ".left-5 { --from: 5; }\n.left-60 { --from: 60; }\n");
    let many = (0..1000).map(|_| "left=1").collect::<Vec<_>>().join("&");
    let page = Visitor::new().get(&server, &format!("/countdown.css?{many}")).await;
    assert_eq!(page.text.lines().count(), 50);
}

#[tokio::test]
async fn values_that_do_not_read_as_their_type_are_refused() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    let long = "x".repeat(257);
    let rows = [
        ("name", "integer", "abc"),
        ("name", "integer", "9223372036854775808"),
        ("name", "number", "NaN"),
        ("name", "number", "1e999"),
        ("name", "boolean", "yes"),
        ("name", "json", "{"),
        ("name", "date", "2020-09-13"),
        ("", "text", "x"),
        (&long, "text", "x"),
    ];
    for (name, kind, value) in rows {
        let form = [("name", name), ("type", kind), ("value", value)];
        let page = visitor.post(&server, "/attributes/set", &form).await;
        assert_eq!(page.status, 400, "{kind} {value}: {page:#?}");
        assert!(visitor.get(&server, "/").await.text.contains("attributes: 1\n"), "{kind} {value}");
    }
    visitor.post(&server, "/attributes/set", &[("name", "counter"), ("type", "text"), ("value", "x")]).await;
    assert_eq!(visitor.post(&server, "/increment", &[]).await.status, 400, "the counter is no longer a number");
}

#[tokio::test]
async fn a_form_is_accepted_once() {
    let server = Server::new();
    let visitor = Visitor::new();
    let form = visitor.get(&server, "/form").await;
    let token = form.between(r#"name="token" value=""#, "\"").unwrap();
    let stranger = Visitor::with_session(&server).await;
    let fields = [("token", token), ("message", SCRIPT)];
    assert_eq!(stranger.post(&server, "/form", &fields).await.status, 403, "another client's token");
    let page = visitor.post(&server, "/form", &fields).await;
    assert_eq!(page.status, 200);
    assert_escaped(&page);
    for fields in [&fields[..], &[("token", ""), ("message", "x")], &[("message", "x")]] {
        let page = visitor.post(&server, "/form", fields).await;
        assert_eq!(page.status, 403, "{fields:?}");
        assert!(page.text.contains("This form was sent already, or its token is not yours."), "{page:#?}");
    }
}

/// Of forms submitted concurrently, one is accepted.
#[tokio::test]
async fn a_form_sent_many_times_at_once_is_accepted_once() {
    let server = Server::new();
    let visitor = Visitor::new();
    let form = visitor.get(&server, "/form").await;
    let token = form.between(r#"name="token" value=""#, "\"").unwrap();
    let fields = [("token", token), ("message", "x")];
    let (a, b, c, d) = tokio::join!(
        visitor.post(&server, "/form", &fields),
        visitor.post(&server, "/form", &fields),
        visitor.post(&server, "/form", &fields),
        visitor.post(&server, "/form", &fields),
    );
    let mut statuses = [a, b, c, d].map(|page| page.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403, 403, 403]);
}

/// The sessions on all pages of the administration's list, and the number on each page.
async fn listed(server: &Server, visitor: &Visitor) -> (BTreeSet<String>, Vec<usize>) {
    let (mut all, mut sizes) = (BTreeSet::new(), Vec::new());
    let mut path = "/admin".to_owned();
    loop {
        let page = visitor.get(server, &path).await;
        assert_eq!(page.status, 200);
        let ids: Vec<_> =
            page.text.split(r#"scope="row"><code>"#).skip(1).map(|row| row.split_once('<').unwrap().0).collect();
        sizes.push(ids.len());
        all.extend(ids.into_iter().map(str::to_owned));
        match page.between(r#"rel="next" href=""#, "\"") {
            Some(next) => path = next.to_owned(),
            None => return (all, sizes),
        }
    }
}

#[tokio::test]
async fn an_administrator_sees_all_sessions_and_ends_one() {
    let server = Server::new();
    let mut expected = BTreeSet::new();
    let mut ended = Visitor::new();
    for _ in 0..45 {
        ended = Visitor::new();
        expected.insert(ended.post(&server, "/keep", &[]).await.id().unwrap().to_owned());
    }
    let admin = Visitor::new();
    assert_eq!(listed(&server, &admin).await, (expected.clone(), vec![20, 20, 5]));
    assert_eq!(admin.cookie(&server), "", "the list needs no session");

    let id = ended.get(&server, "/").await.id().unwrap().to_owned();
    for _ in 0..2 {
        assert_eq!(admin.post(&server, "/admin/end", &[("id", &id)]).await.status, 200, "ended now or before");
    }
    expected.remove(&id);
    assert_eq!(listed(&server, &admin).await, (expected, vec![20, 20, 4]));
    assert_eq!(ended.get(&server, "/").await.id(), None);
    assert_eq!(admin.post(&server, "/admin/end", &[("id", "../../etc/passwd")]).await.status, 400);
}

#[tokio::test]
async fn ones_own_session_is_marked_in_the_list() {
    let server = Server::new();
    let visitor = Visitor::with_session(&server).await;
    visitor.post(&server, "/login", &[("user", SCRIPT)]).await;
    Visitor::with_session(&server).await;
    let page = visitor.get(&server, "/admin").await;
    assert_eq!(page.text.matches("yours").count(), 1);
    assert_escaped(&page);
}
