//! `session3 stats`

use super::Admin;
use super::json::Object;
use super::text::{count, size, time};
use crate::INCOMPLETE;
use crate::cli::StoreArgs;
use crate::manager_records::is_session;
use crate::output::{message, print};
use crate::progress::Progress;
use session_runtime::bindings::exports::session3::sessions::session_store::SessionInfo;
use std::fmt;
use std::process::ExitCode;
use wasmtime::Result;

#[derive(Default)]
struct Stats {
    sessions: u64,
    owned: u64,
    unreadable: u64,
    /// The manager's own records.
    beside: u64,
    bytes: u64,
    largest: u32,
    oldest: Option<u64>,
    last_active: Option<u64>,
}

pub async fn stats(args: &StoreArgs) -> Result<ExitCode> {
    let mut admin = Admin::open_to_read(&args.location).await?;
    let progress = Progress::new("counting sessions");
    let cursor = admin.iter_sessions().await?;
    let mut stats = Stats::default();
    loop {
        let page = admin.next_page(cursor).await?;
        if page.sessions.is_empty() && page.unreadable.is_empty() {
            break;
        }
        page.sessions.iter().for_each(|info| stats.add(info));
        stats.unreadable += page.unreadable.len() as u64;
        progress.advance(page.sessions.len() as u64);
    }
    drop(progress);
    let text = if args.json { format!("{}\n", stats.as_json()) } else { stats.to_string() };
    print(&text)?;
    if stats.unreadable == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let unreadable = count(stats.unreadable, "session");
    message("stats", &format!("{unreadable} cannot be read; not counted here (`session3 ls` names them)"));
    Ok(ExitCode::from(INCOMPLETE))
}

impl Stats {
    fn add(&mut self, info: &SessionInfo) {
        if !is_session(&info.id) {
            self.beside += 1;
            return;
        }
        self.sessions += 1;
        self.owned += u64::from(info.owner.is_some());
        self.bytes += u64::from(info.size);
        self.largest = self.largest.max(info.size);
        self.oldest = Some(self.oldest.map_or(info.created, |oldest| oldest.min(info.created)));
        self.last_active = self.last_active.max(Some(info.last_active));
    }

    fn as_json(&self) -> Object {
        Object::default()
            .with("sessions", self.sessions)
            .with("owned", self.owned)
            .with("unreadable", self.unreadable)
            .with("beside", self.beside)
            .with("bytes", self.bytes)
            .with("largest", self.largest)
            .with("oldest", self.oldest)
            .with("last-active", self.last_active)
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = |instant: Option<u64>| instant.map_or_else(|| "never".to_owned(), time);
        writeln!(f, "sessions:     {} ({} with an owner)", self.sessions, self.owned)?;
        writeln!(f, "unreadable:   {}", self.unreadable)?;
        writeln!(f, "beside them:  {} (records of old ids and of limits)", self.beside)?;
        writeln!(f, "data:         {} (largest {})", size(self.bytes), size(self.largest.into()))?;
        writeln!(f, "oldest:       {}", when(self.oldest))?;
        writeln!(f, "last active:  {}", when(self.last_active))
    }
}
