//! The demo in a browser: Chromium clicks its links and fills its forms.

use std::sync::Arc;
use std::time::Duration;

use host_tests::server::Server;
use host_tests::webdriver::Chromium;
use thirtyfour::{By, WebElement, WindowHandle};
use tokio::time::{Instant, sleep};

use crate::scenarios::{SCENARIOS, Shown};

/// A browser at the home page of its own server.
struct Visit {
    chromium: Chromium,
    server: Arc<Server>,
}

impl Visit {
    async fn start() -> Self {
        Self::of(Arc::new(Server::new())).await
    }

    /// Another browser at the same site.
    async fn another(&self) -> Self {
        Self::of(self.server.clone()).await
    }

    async fn of(server: Arc<Server>) -> Self {
        let visit = Self { server, chromium: Chromium::start().await };
        visit.home().await;
        visit
    }

    async fn go(&self, path: &str) {
        self.chromium.goto(self.server.url(path)).await.unwrap();
    }

    async fn log_in(&self, user: &str) {
        self.fill("#name", user).await;
        self.click("form[action='/login'] button").await;
    }

    async fn home(&self) {
        self.chromium.goto(self.server.url("/")).await.unwrap();
    }

    async fn find(&self, css: &str) -> WebElement {
        let found = self.chromium.find(By::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Follows a link or presses a button, and waits for the next page.
    async fn click(&self, css: &str) {
        let old = self.find("html").await;
        self.find(css).await.click().await.unwrap();
        let start = Instant::now();
        while old.tag_name().await.is_ok() {
            assert!(start.elapsed() < Duration::from_secs(30), "{css} leads nowhere");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Presses one of Session3's buttons.
    async fn act(&self, action: &str) {
        self.click(&format!("form[action='/{action}'] button")).await;
    }

    async fn fill(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap();
    }

    /// The visible text.
    async fn text(&self) -> String {
        self.find("main").await.text().await.unwrap()
    }

    #[track_caller]
    fn assert_shows(&self, text: &str, expected: &str) {
        assert!(text.contains(expected), "expected {expected:?}: {text}");
    }

    async fn id(&self) -> Option<String> {
        let text = self.text().await;
        let id = text.split_once("Your session ID is ").unwrap_or_else(|| panic!("no home page: {text}")).1;
        id.split_whitespace().next().filter(|id| *id != "None").map(str::to_owned)
    }

    /// The existing tab and a new one, which becomes current.
    async fn two_tabs(&self) -> [WindowHandle; 2] {
        let tabs = [self.chromium.window().await.unwrap(), self.chromium.new_tab().await.unwrap()];
        self.chromium.switch_to_window(tabs[1].clone()).await.unwrap();
        tabs
    }

    async fn set_attribute(&self, name: &str, kind: &str, value: &str) {
        self.fill("#attribute-name", name).await;
        self.find(&format!("#attribute-type option[value={kind}]")).await.click().await.unwrap();
        self.fill("#attribute-value", value).await;
        self.click(".fields button").await;
    }
}

async fn shows(visit: &Visit, expected: Shown) -> bool {
    match expected {
        Shown::NoSession => visit.id().await.is_none(),
        Shown::Session => visit.id().await.is_some(),
        Shown::Counter(count) => visit.text().await.contains(&format!("Counter is at {count}.")),
        Shown::Failure => visit.text().await.contains("This request failed on purpose"),
    }
}

#[tokio::test]
async fn what_session3_did_is_done_by_clicking() {
    let visit = Visit::start().await;
    for (name, steps) in SCENARIOS {
        visit.chromium.delete_all_cookies().await.unwrap();
        visit.home().await;
        for (index, (link, expected)) in steps.iter().enumerate() {
            // Safe requests are links, the others are buttons.
            match *link {
                "/" => visit.click("main a[href='/']").await,
                action => visit.act(action).await,
            }
            assert!(shows(&visit, *expected).await, "{name}, step {index}, {link}: expected {expected:?}");
        }
        if name == "increment" {
            visit.chromium.refresh().await.unwrap();
            assert!(shows(&visit, Shown::Counter(2)).await, "a reload does not repeat the action");
        }
    }
}

#[tokio::test]
async fn somebody_logs_in_and_out() {
    let visit = Visit::start().await;
    visit.act("keep").await;
    let before = visit.id().await;
    visit.fill("#name", "alice").await;
    visit.click("form[action='/login'] button").await;
    visit.assert_shows(&visit.text().await, "Logged in as alice");
    let after = visit.id().await;
    assert!(after.is_some() && after != before, "a login changes the id");

    let cookie = visit.chromium.get_named_cookie("session3").await.unwrap();
    assert!(cookie.value.starts_with(&format!("{}.", after.unwrap())));
    let seen = visit.chromium.execute("return document.cookie", vec![]).await.unwrap();
    assert_eq!(seen.json(), "", "scripts cannot read it");
    let styles = visit.chromium.execute("return document.styleSheets.length", vec![]).await.unwrap();
    assert_eq!(styles.json(), 2, "the content security policy allows the style sheets");

    visit.click("form[action='/logout'] button").await;
    visit.assert_shows(&visit.text().await, "Nobody is logged in.");
    assert_eq!(visit.id().await, None);
    assert_eq!(visit.chromium.get_all_cookies().await.unwrap().len(), 0);
}

#[tokio::test]
async fn attributes_are_set_and_removed() {
    const SCRIPT: &str = "<script>document.title = 'owned'</script>";
    let visit = Visit::start().await;
    for (name, kind, value) in [
        ("a text", "text", SCRIPT),
        ("an integer", "integer", "-42"),
        ("a list", "json", "[1, 2]"),
        (SCRIPT, "boolean", "true"),
    ] {
        visit.set_attribute(name, kind, value).await;
        visit.assert_shows(&visit.text().await, &format!("{name} {kind} {value}"));
    }
    assert_eq!(visit.chromium.title().await.unwrap(), "Your session · session3");
    visit.set_attribute("an integer", "integer", "x").await;
    visit.assert_shows(&visit.text().await, "The value does not read as: integer.");
    visit.click("main a").await;
    visit.click("button[aria-label='Remove an integer']").await;
    let text = visit.text().await;
    assert!(text.contains("a text") && !text.contains("an integer integer"), "{text}");
}

/// As the page says: submit it, then reload, which submits it again.
#[tokio::test]
async fn a_form_is_accepted_once() {
    const REFUSED: &str = "This form was sent already";
    let visit = Visit::start().await;
    visit.click("main a[href='/form']").await;
    visit.fill("#message", "hello").await;
    visit.click("main button").await;
    visit.assert_shows(&visit.text().await, "Accepted: hello");
    visit.chromium.refresh().await.unwrap();
    visit.assert_shows(&visit.text().await, REFUSED);

    // The page with the token is not cached: the back button requests a new one.
    visit.chromium.back().await.unwrap();
    visit.fill("#message", "hello again").await;
    visit.click("main button").await;
    visit.assert_shows(&visit.text().await, "Accepted: hello again");
}

/// As after duplicating a tab.
#[tokio::test]
async fn a_form_in_two_tabs_is_accepted_from_one() {
    let visit = Visit::start().await;
    visit.click("main a[href='/form']").await;
    let token = visit.find("input[name=token]").await.value().await.unwrap().unwrap();
    let [first, second] = visit.two_tabs().await;
    visit.chromium.goto(visit.server.url("/form")).await.unwrap();
    let copy = "document.querySelector('input[name=token]').value = arguments[0]";
    visit.chromium.execute(copy, vec![token.into()]).await.unwrap();
    for (tab, answer) in [(second, "Accepted: hello"), (first, "This form was sent already")] {
        visit.chromium.switch_to_window(tab).await.unwrap();
        visit.fill("#message", "hello").await;
        visit.click("main button").await;
        visit.assert_shows(&visit.text().await, answer);
    }
}

/// Two tabs share one session.
#[tokio::test]
async fn two_tabs_share_the_session() {
    let visit = Visit::start().await;
    visit.act("keep").await;
    let [first, _] = visit.two_tabs().await;
    visit.home().await;
    visit.act("increment").await;
    visit.chromium.switch_to_window(first).await.unwrap();
    visit.act("increment").await;
    visit.assert_shows(&visit.text().await, "Counter is at 2.");
    visit.click("footer a[href='/admin']").await;
    visit.assert_shows(&visit.text().await, "yours");
    visit.click("main button").await;
    visit.assert_shows(&visit.text().await, "There are no sessions.");
}

#[tokio::test]
async fn a_login_that_is_remembered_lasts() {
    let visit = Visit::start().await;
    visit.log_in("ann").await;
    assert_eq!(visit.chromium.get_named_cookie("session3").await.unwrap().expiry, None, "until the browser closes");
    visit.find("input[name=remember]").await.click().await.unwrap();
    visit.log_in("bob").await;
    assert!(visit.chromium.get_named_cookie("session3").await.unwrap().expiry.is_some());
}

#[tokio::test]
async fn a_notice_is_shown_once() {
    let visit = Visit::start().await;
    visit.log_in("ann").await;
    assert_eq!(visit.find("main [role=status]").await.text().await.unwrap(), "Logged in as ann.");
    visit.chromium.refresh().await.unwrap();
    assert!(visit.chromium.find_all(By::Css("main [role=status]")).await.unwrap().is_empty());
}

/// Without scripts: the style sheet counts.
#[tokio::test]
async fn the_end_of_the_session_counts_down() {
    let visit = Visit::start().await;
    visit.act("keep").await;
    let left = async || {
        let left = "return Number(getComputedStyle(document.querySelector('.countdown')).getPropertyValue('--left'))";
        visit.chromium.execute(left, vec![]).await.unwrap().json().as_f64().unwrap()
    };
    let first = left().await;
    assert!((1700.0..=1800.0).contains(&first), "{first} seconds of 30 minutes");
    let start = Instant::now();
    while left().await >= first {
        assert!(start.elapsed() < Duration::from_secs(30), "{first} stands still");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn logging_out_everywhere_reaches_the_other_browser() {
    let here = Visit::start().await;
    let there = here.another().await;
    here.log_in("ann").await;
    there.log_in("ann").await;
    here.go("/devices").await;
    here.assert_shows(&here.text().await, "this one");
    here.click("form[action='/devices/end-others'] button").await;
    here.assert_shows(&here.text().await, "Headless Chrome on Linux");
    there.home().await;
    assert_eq!(there.id().await, None, "that session has ended");
    there.log_in("ann").await;
    here.go("/devices").await;
    here.click("form[action='/devices/end-all'] button").await;
    there.home().await;
    for visit in [&here, &there] {
        visit.assert_shows(&visit.text().await, "Nobody is logged in.");
    }
}

/// Different fields: both are kept. The same field: the later one is asked, and nothing is lost.
#[tokio::test]
async fn two_tabs_edit_the_notes_at_once() {
    let visit = Visit::start().await;
    visit.go("/notes").await;
    let [first, second] = visit.two_tabs().await;
    visit.go("/notes").await;
    visit.fill("#title", "from the second").await;
    visit.click("form[action='/notes'] button").await;
    visit.chromium.switch_to_window(first.clone()).await.unwrap();
    visit.fill("#text", "from the first").await;
    visit.click("form[action='/notes'] button").await;
    assert_eq!(visit.find("#title").await.value().await.unwrap().unwrap(), "from the second");
    assert_eq!(visit.find("#text").await.value().await.unwrap().unwrap(), "from the first");

    visit.chromium.switch_to_window(second).await.unwrap();
    visit.fill("#text", "from the second").await;
    visit.click("form[action='/notes'] button").await;
    let asked = visit.text().await;
    for shown in ["Another tab was faster", "from the first", "from the second"] {
        visit.assert_shows(&asked, shown);
    }
    visit.click("form[action='/notes'] button").await;
    assert_eq!(visit.find("#text").await.value().await.unwrap().unwrap(), "from the second");
}

/// Neither tab has seen the other's count.
#[tokio::test]
async fn two_tabs_count_and_both_counts_add_up() {
    let visit = Visit::start().await;
    visit.go("/notes").await;
    let [first, _] = visit.two_tabs().await;
    visit.go("/notes").await;
    visit.click("form[action='/notes/count'] button").await;
    visit.chromium.switch_to_window(first).await.unwrap();
    visit.click("form[action='/notes/count'] button").await;
    visit.assert_shows(&visit.text().await, "Shared counter: 2");
}
