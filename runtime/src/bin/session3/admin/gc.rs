//! `session3 gc`

use super::Admin;
use super::interrupt::Interrupt;
use super::json::Object;
use super::text::count;
use crate::cli::StoreArgs;
use crate::output;
use crate::progress::Progress;
use std::fmt;
use std::process::ExitCode;
use wasmtime::Result;

/// Files, or entries of a server, per step; no lock is held between steps.
const STEP: u32 = 1000;

/// Collect all garbage, then report what was done, also after a failure or an interruption.
pub async fn gc(args: &StoreArgs, older_than: Option<u32>) -> Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let mut admin = Admin::open(args).await?;
    let mut totals = Totals::default();
    let ended = totals.work(&mut admin, older_than, &interrupt).await;
    let text = if args.json { format!("{}\n", totals.as_json()) } else { totals.to_string() };
    output::report("gc", &text);
    if ended? {
        return Ok(ExitCode::SUCCESS);
    }
    output::message("gc", "interrupted; the next run collects the rest");
    Ok(interrupt.code())
}

#[derive(Default)]
struct Totals {
    examined: u64,
    /// Records: sessions, and a manager's own.
    expired: u64,
    abandoned: u64,
    /// Sessions added to the index of owners.
    repaired: u64,
    /// The age limit in minutes, and how many records were deleted and remain.
    unused: Option<(u32, u64, u64)>,
}

impl Totals {
    /// Returns whether it completed.
    async fn work(&mut self, admin: &mut Admin, older_than: Option<u32>, interrupt: &Interrupt) -> Result<bool> {
        if !self.collect(admin, interrupt).await? {
            return Ok(false);
        }
        if let Some(minutes) = older_than {
            let (deleted, remaining) = admin.delete_old_sessions(minutes).await?;
            self.unused = Some((minutes, deleted, remaining));
        }
        Ok(true)
    }

    async fn collect(&mut self, admin: &mut Admin, interrupt: &Interrupt) -> Result<bool> {
        let progress = Progress::new("collecting garbage: entries examined:");
        let mut resume = None;
        loop {
            if interrupt.is_requested() {
                return Ok(false);
            }
            let report = admin.collect_garbage(STEP, resume.as_deref()).await?;
            self.examined += u64::from(report.examined);
            self.expired += u64::from(report.expired);
            self.abandoned += u64::from(report.abandoned);
            self.repaired += u64::from(report.repaired);
            progress.advance(report.examined.into());
            match report.resume {
                Some(next) => resume = Some(next),
                None => return Ok(true),
            }
        }
    }

    fn as_json(&self) -> Object {
        let object = Object::default()
            .with("examined", self.examined)
            .with("expired", self.expired)
            .with("abandoned", self.abandoned)
            .with("repaired", self.repaired);
        match self.unused {
            Some((_, deleted, remaining)) => object.with("unused", deleted).with("remaining", remaining),
            None => object,
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expired = count(self.expired, "expired record");
        let abandoned = count(self.abandoned, "abandoned one");
        writeln!(f, "deleted {expired} and {abandoned}, {} examined", self.examined)?;
        if self.repaired > 0 {
            let repaired = count(self.repaired, "session");
            writeln!(f, "added {repaired} to the index of owners")?;
        }
        if let Some((minutes, deleted, remaining)) = self.unused {
            let minutes = count(minutes.into(), "minute");
            writeln!(f, "deleted {} unused for {minutes}; {remaining} remain", count(deleted, "record"))?;
        }
        Ok(())
    }
}
