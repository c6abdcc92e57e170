//! The layout of all pages.

use maud::{DOCTYPE, Markup, html};

const PAGES: [(&str, &str); 5] = [
    ("/", "Session"),
    ("/devices", "Devices"),
    ("/notes", "Notes"),
    ("/form", "One-time form"),
    ("/admin", "Administration"),
];

/// A page. `path` marks it in the navigation.
pub fn layout(title: &str, path: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · session3" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (header(path))
                main #main tabindex="-1" { (content) }
                (footer())
            }
        }
    }
}

fn header(path: &str) -> Markup {
    html! {
        header.site {
            div.bar {
                a.name href="/" {
                    img src="/icon.svg" alt="" width="32" height="32";
                    "session3"
                }
                nav aria-label="Pages" {
                    ul {
                        @for (href, text) in PAGES {
                            li { a href=(href) aria-current=[(href == path).then_some("page")] { (text) } }
                        }
                    }
                }
            }
        }
    }
}

fn footer() -> Markup {
    html! {
        footer.site {
            div.bar {
                p { "Persistent web sessions for WebAssembly components" }
                p { a href="/admin" { "Browse all sessions" } }
            }
        }
    }
}
