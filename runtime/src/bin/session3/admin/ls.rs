//! `session3 ls`

use super::Admin;
use super::json;
use super::text::{expires, time};
use crate::INCOMPLETE;
use crate::cli::StoreArgs;
use crate::manager_records::is_session;
use crate::output::{message, print};
use crate::progress::Progress;
use session_runtime::Shown;
use session_runtime::bindings::exports::session3::sessions::session_store::{Page, SessionInfo};
use std::fmt::Write;
use std::process::ExitCode;
use unicode_width::UnicodeWidthStr;
use wasmtime::Result;

/// Page by page, so that memory does not grow with the store.
pub async fn ls(args: &StoreArgs, owner: Option<&str>) -> Result<ExitCode> {
    let mut admin = Admin::open_to_read(&args.location).await?;
    let mut listing = Listing::new(args.json);
    let progress = Progress::new("listing sessions");
    let cursor = match owner {
        Some(owner) => admin.sessions_of(owner).await?,
        None => admin.iter_sessions().await?,
    };
    let mut code = ExitCode::SUCCESS;
    loop {
        let mut page = admin.next_page(cursor).await?;
        if page.sessions.is_empty() && page.unreadable.is_empty() {
            return Ok(code);
        }
        if !page.unreadable.is_empty() {
            code = ExitCode::from(INCOMPLETE);
        }
        page.sessions.retain(|info| is_session(&info.id));
        progress.print(|| {
            for id in &page.unreadable {
                message("ls", &format!("{id} cannot be read (`session3 show {id}` says why)"));
            }
            print(&listing.text(&page))
        })?;
        progress.advance(page.sessions.len() as u64);
    }
}

struct Listing {
    json: bool,
    /// `None` before the first row. Columns grow to fit and never shrink.
    widths: Option<[usize; COLUMNS]>,
}

const COLUMNS: usize = 7;
const HEADER: [&str; COLUMNS] = ["ID", "OWNER", "SIZE", "VERSION", "CREATED", "LAST ACTIVE", "EXPIRES"];
/// Numbers are aligned right.
const RIGHT: [bool; COLUMNS] = [false, false, true, true, false, false, false];
/// Columns of an owner; `session3 show` and JSON have the whole name.
const LONGEST_OWNER: usize = 32;

impl Listing {
    fn new(json: bool) -> Self {
        Self { json, widths: None }
    }

    fn text(&mut self, page: &Page) -> String {
        if self.json {
            let sessions = page.sessions.iter().map(json::session);
            let objects = sessions.chain(page.unreadable.iter().map(|id| json::unreadable(id)));
            objects.map(|object| format!("{object}\n")).collect()
        } else if page.sessions.is_empty() {
            String::new()
        } else {
            self.table(page.sessions.iter().map(row).collect())
        }
    }

    fn table(&mut self, mut rows: Vec<[String; COLUMNS]>) -> String {
        if self.widths.is_none() {
            rows.insert(0, HEADER.map(str::to_owned));
        }
        let mut widths = self.widths.unwrap_or_default();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        self.widths = Some(widths);
        rows.iter().map(|row| line(row, &widths)).collect()
    }
}

fn row(info: &SessionInfo) -> [String; COLUMNS] {
    [
        info.id.clone(),
        info.owner.as_deref().map_or_else(|| "-".to_owned(), |o| Shown::new(o).at_most(LONGEST_OWNER).to_string()),
        info.size.to_string(),
        info.version.to_string(),
        time(info.created),
        time(info.last_active),
        expires(info).map_or_else(|| "never".to_owned(), time),
    ]
}

fn line(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut line = String::new();
    for ((cell, &width), right) in row.iter().zip(widths).zip(RIGHT) {
        let space = " ".repeat(width - cell.width());
        let (before, after) = if right { (&space[..], "") } else { ("", &space[..]) };
        write!(line, "{before}{cell}{after}  ").expect("a String");
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(owner: &str) -> SessionInfo {
        SessionInfo {
            id: "session-1".into(),
            version: 12,
            owner: Some(owner.into()),
            created: 0,
            modified: 0,
            last_active: 60_000,
            idle_timeout: Some(60_000),
            deadline: None,
            size: 345,
        }
    }

    fn page(owners: &[&str]) -> Page {
        Page { sessions: owners.iter().map(|owner| session(owner)).collect(), unreadable: vec!["session-2".into()] }
    }

    #[test]
    fn columns_align_by_display_width() {
        let times = "1970-01-01T00:00:00Z  1970-01-01T00:01:00Z  1970-01-01T00:02:00Z";
        let table = Listing::new(false).text(&page(&["alice", "山田太郎", "a\u{30a}b", "🦀", "x\u{200b}\u{61c}"]));
        let rows: Vec<_> = table.lines().collect();
        assert_eq!(
            rows[0],
            "ID         OWNER             SIZE  VERSION  CREATED               LAST ACTIVE           EXPIRES"
        );
        for (row, owner) in rows[1..].iter().zip([
            "alice           ",
            "山田太郎        ",
            "a\u{30a}b              ",
            "🦀              ",
            "x\\u{200b}\\u{61c}",
        ]) {
            assert_eq!(row, &format!("session-1  {owner}   345       12  {times}"), "{table}");
        }
    }

    #[test]
    fn long_names_are_truncated() {
        let table = Listing::new(false).text(&page(&[&"山".repeat(80), &"\u{e0041}".repeat(64), "alice"]));
        for line in table.lines() {
            assert!(line.width() < 128, "{line}");
        }
        assert!(table.contains(&format!("  {}…   ", "山".repeat(15))), "{table}");
    }

    /// A later page may be wider, and the header is not repeated.
    #[test]
    fn columns_grow_from_page_to_page() {
        let mut listing = Listing::new(false);
        let (first, second, third) =
            (listing.text(&page(&["ann"])), listing.text(&page(&["山田太郎"])), listing.text(&page(&["ann"])));
        assert_eq!((first.lines().count(), second.lines().count(), third.lines().count()), (2, 1, 1));
        assert_eq!(second.trim_end().width(), third.trim_end().width());
    }

    #[test]
    fn json_has_raw_names_and_unreadable_sessions() {
        let text = Listing::new(true).text(&page(&["a\u{200b}\n山"]));
        let objects: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects[0]["owner"], "a\u{200b}\n山");
        assert_eq!(objects[1], serde_json::json!({"id": "session-2", "unreadable": true}));
    }
}
