//! All sessions, page by page, directly from the store.

use alloc::{format, string::String, vec::Vec};

use maud::{Markup, html};

use super::layout::layout;
use super::view::moment;
use crate::bindings::{Access, SessionInfo, Store};
use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;
use crate::sessions;

const PAGE: u32 = 20;

/// A page of the listing.
struct Listing {
    after: Option<String>,
    sessions: Vec<SessionInfo>,
    unreadable: Vec<String>,
    has_more: bool,
    is_multiprocess_safe: bool,
}

pub fn show(request: &Request) -> Result<Response, Failure> {
    let listing = read(&sessions::store()?, request.parameter("after"))?;
    // Viewing others' sessions is not use of one's own.
    let own = sessions::work(request, Access::ReadOnly, |session| Ok(session.id()))?;
    Ok(Response::page(200, page(&listing, own.value.as_deref())).with_all(own.fields))
}

fn read(store: &Store, after: Option<String>) -> Result<Listing, Failure> {
    let cursor = store.iter_sessions(after.as_deref())?;
    let page = cursor.next_page(PAGE)?;
    let next = cursor.next_page(1)?;
    Ok(Listing {
        after,
        sessions: page.sessions,
        unreadable: page.unreadable,
        has_more: !next.sessions.is_empty() || !next.unreadable.is_empty(),
        is_multiprocess_safe: store.is_multiprocess_safe(),
    })
}

pub fn end(request: &Request) -> Result<Response, Failure> {
    let form = request.form()?;
    // If it has ended meanwhile, that is fine.
    sessions::manager(request)?.end_session(&form.required("id")?)?;
    let back = form.value("after").filter(|id| is_id(id));
    Ok(Response::see_other(&back.map_or_else(|| "/admin".into(), |id| format!("/admin?after={id}"))))
}

/// Whether a text is an id, safe in a header field and a URL. Anything else is ignored here.
fn is_id(text: &str) -> bool {
    (8..=128).contains(&text.len()) && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-'))
}

fn page(listing: &Listing, own: Option<&str>) -> Markup {
    let after = listing.after.as_deref();
    let content = html! {
        section.card aria-labelledby="sessions" {
            h1 #sessions { "All sessions" }
            p.warning { strong { "This page is public: it is a demo. " }
                "A real site would require an administrator's login here. The IDs are not secret: they log nobody in." }
            @if listing.sessions.is_empty() && listing.unreadable.is_empty() {
                p.note { @if after.is_some() { "There are no more sessions." } @else { "There are no sessions." } }
            } @else {
                (table(listing, own))
            }
            (pages(listing))
            p.note { "Several processes on this machine may use this store at once: "
                @if listing.is_multiprocess_safe { "yes." } @else { "no." } }
            (limits())
        }
    };
    layout("Administration", "/admin", &content)
}

fn limits() -> Markup {
    html! {
        p.note {
            "Limits for clients on other machines: " (sessions::SESSIONS_OF_USER) " sessions per user (one more ends the "
            "oldest), " (sessions::NEW_SESSIONS) " new sessions per address and minute, " (sessions::ALL_SESSIONS)
            " sessions and " (sessions::ALL_BYTES >> 20) " MiB in total. A session whose cookie has not returned ends after "
            (sessions::UNRETURNED_MINUTES) " minutes."
        }
    }
}

fn table(listing: &Listing, own: Option<&str>) -> Markup {
    let after = listing.after.as_deref();
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby="sessions" {
            table {
                thead {
                    tr {
                        th scope="col" { "ID" } th scope="col" { "User" } th scope="col" { "Created" }
                        th scope="col" { "Last active" } th scope="col" { "Expires" } th.number scope="col" { "Bytes" }
                        th.number scope="col" { "Version" } td {}
                    }
                }
                tbody {
                    @for info in &listing.sessions { (row(info, after, own == Some(info.id.as_str()))) }
                    @for id in &listing.unreadable {
                        tr {
                            th.id scope="row" { code { (id) } }
                            td colspan="6" { span.badge.bad { "unreadable" } " Its data cannot be read." }
                            td.end { (end_form(id, after)) }
                        }
                    }
                }
            }
        }
    }
}

fn row(info: &SessionInfo, after: Option<&str>, is_own: bool) -> Markup {
    html! {
        tr {
            th.id scope="row" { code { (info.id) } @if is_own { " " span.badge { "yours" } } }
            td { @if let Some(owner) = &info.owner { (owner) } @else { span.age { "none" } } }
            td.when { (moment(info.created)) }
            td.when { (moment(info.last_active)) }
            td.when { @if let Some(end) = expires(info) { (moment(end)) } @else { "never" } }
            td.number { (info.size) }
            td.number { (info.version) }
            td.end { (end_form(&info.id, after)) }
        }
    }
}

/// The earlier of its two deadlines.
fn expires(info: &SessionInfo) -> Option<u64> {
    let idle = info.idle_timeout.map(|timeout| info.last_active.saturating_add(timeout));
    idle.into_iter().chain(info.deadline).min()
}

fn end_form(id: &str, after: Option<&str>) -> Markup {
    html! {
        form method="post" action="/admin/end" {
            input type="hidden" name="id" value=(id);
            @if let Some(after) = after { input type="hidden" name="after" value=(after); }
            button.small aria-label=(format!("End session {id}")) { "End" }
        }
    }
}

fn pages(listing: &Listing) -> Markup {
    let last = listing.sessions.last().map(|info| &info.id).or(listing.unreadable.last());
    html! {
        @if listing.has_more || listing.after.is_some() {
            nav.pages aria-label="Pages of the list" {
                @if listing.after.is_some() { a.button href="/admin" { "first page" } }
                @if let Some(last) = last.filter(|_| listing.has_more) {
                    a.button rel="next" href={ "/admin?after=" (last) } { "next page" }
                }
            }
        }
    }
}
