//! `session3 ls`

use crate::admin::Admin;
use crate::cli::StoreArgs;
use crate::json;
use crate::progress::Progress;
use crate::text::{expires, printable, time};
use session_runtime::bindings::exports::session3::sessions::session_store::SessionInfo;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use wasmtime::Result;

/// Page by page, so that the size of the store does not matter.
pub async fn ls(args: &StoreArgs, owner: Option<&str>) -> Result<ExitCode> {
    let mut admin = Admin::open(args).await?;
    let mut listing = Listing::new(args.json);
    if let Some(owner) = owner {
        listing.print(&admin.sessions_of(owner).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let progress = Progress::new("listing sessions");
    let cursor = admin.iter_sessions().await?;
    loop {
        let page = admin.next_page(cursor).await?;
        for id in &page.unreadable {
            progress.print(|| eprintln!("session3: ls: {id} cannot be read (`session3 show {id}` says why)"));
        }
        if page.sessions.is_empty() && page.unreadable.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        progress.print(|| listing.print(&page.sessions))?;
        progress.advance(page.sessions.len() as u64);
    }
}

struct Listing {
    out: BufWriter<io::Stdout>,
    json: bool,
    /// None before the first row. Columns grow with what has to go into them and never shrink.
    widths: Option<[usize; COLUMNS]>,
}

const COLUMNS: usize = 7;
const HEADER: [&str; COLUMNS] = ["ID", "OWNER", "SIZE", "VERSION", "CREATED", "LAST ACTIVE", "EXPIRES"];
/// Numbers are read from the right.
const RIGHT: [bool; COLUMNS] = [false, false, true, true, false, false, false];

impl Listing {
    fn new(json: bool) -> Self {
        Self { out: BufWriter::new(io::stdout()), json, widths: None }
    }

    fn print(&mut self, sessions: &[SessionInfo]) -> io::Result<()> {
        if self.json {
            for info in sessions {
                writeln!(self.out, "{}", json::session(info))?;
            }
        } else if !sessions.is_empty() {
            self.print_table(sessions.iter().map(row).collect())?;
        }
        self.out.flush()
    }

    fn print_table(&mut self, mut rows: Vec<[String; COLUMNS]>) -> io::Result<()> {
        if self.widths.is_none() {
            rows.insert(0, HEADER.map(str::to_owned));
        }
        let mut widths = self.widths.unwrap_or_default();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        self.widths = Some(widths);
        for row in &rows {
            writeln!(self.out, "{}", line(row, &widths))?;
        }
        Ok(())
    }
}

fn row(info: &SessionInfo) -> [String; COLUMNS] {
    [
        info.id.clone(),
        info.owner.as_deref().map_or_else(|| "-".to_owned(), printable),
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
        line += &if right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
    }
    line.truncate(line.trim_end().len());
    line
}
