//! `session3 gc`

use crate::admin::Admin;
use crate::cli::StoreArgs;
use crate::json::Object;
use crate::progress::Progress;
use crate::text::count;
use std::io::Write;
use std::process::ExitCode;
use wasmtime::Result;

/// Files for one step; between steps nothing is held or locked.
const STEP: u32 = 1000;

pub async fn gc(args: &StoreArgs, older_than: Option<u32>) -> Result<ExitCode> {
    let mut admin = Admin::open(args).await?;
    let (examined, expired, abandoned) = collect(&mut admin).await?;
    let mut out = std::io::stdout().lock();
    let mut object = Object::default().with("examined", examined).with("expired", expired).with("abandoned", abandoned);
    if !args.json {
        writeln!(
            out,
            "deleted {} and {}, of {}",
            count(expired, "expired session"),
            count(abandoned, "abandoned file"),
            count(examined, "file")
        )?;
    }
    if let Some(minutes) = older_than {
        let (deleted, remaining) = admin.delete_old_sessions(minutes).await?;
        object = object.with("unused", deleted).with("remaining", remaining);
        if !args.json {
            let minutes = count(minutes.into(), "minute");
            writeln!(out, "deleted {} unused for {minutes}; {remaining} remain", count(deleted, "session"))?;
        }
    }
    if args.json {
        writeln!(out, "{object}")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn collect(admin: &mut Admin) -> Result<(u64, u64, u64)> {
    let progress = Progress::new("collecting garbage: files looked at:");
    let (mut examined, mut expired, mut abandoned) = (0, 0, 0);
    let mut resume = None;
    loop {
        let report = admin.collect_garbage(STEP, resume.as_deref()).await?;
        examined += u64::from(report.examined);
        expired += u64::from(report.expired);
        abandoned += u64::from(report.abandoned);
        progress.advance(report.examined.into());
        match report.resume {
            Some(next) => resume = Some(next),
            None => return Ok((examined, expired, abandoned)),
        }
    }
}
