//! `session3 stats`

use crate::admin::Admin;
use crate::cli::StoreArgs;
use crate::json::Object;
use crate::progress::Progress;
use crate::text::{size, time};
use session_runtime::bindings::exports::session3::sessions::session_store::SessionInfo;
use std::io::Write;
use std::process::ExitCode;
use wasmtime::Result;

#[derive(Default)]
struct Stats {
    sessions: u64,
    owned: u64,
    unreadable: u64,
    bytes: u64,
    largest: u32,
    oldest: Option<u64>,
    last_active: Option<u64>,
}

pub async fn stats(args: &StoreArgs) -> Result<ExitCode> {
    let mut admin = Admin::open(args).await?;
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
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", stats.as_json())?;
    } else {
        stats.print(&mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Stats {
    fn add(&mut self, info: &SessionInfo) {
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
            .with("bytes", self.bytes)
            .with("largest", self.largest)
            .with("oldest", self.oldest)
            .with("last-active", self.last_active)
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let when = |instant: Option<u64>| instant.map_or_else(|| "never".to_owned(), time);
        writeln!(out, "sessions:     {} ({} with an owner)", self.sessions, self.owned)?;
        writeln!(out, "unreadable:   {}", self.unreadable)?;
        writeln!(out, "data:         {} (largest {})", size(self.bytes), size(self.largest.into()))?;
        writeln!(out, "oldest:       {}", when(self.oldest))?;
        writeln!(out, "last active:  {}", when(self.last_active))
    }
}
