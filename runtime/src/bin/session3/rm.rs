//! `session3 rm`

use crate::admin::Admin;
use crate::cli::StoreArgs;
use crate::json::Object;
use crate::text::{count, printable};
use std::io::Write;
use std::process::ExitCode;
use wasmtime::Result;

/// Delete what can be deleted; whatever cannot makes the exit code 1.
pub async fn rm(args: &StoreArgs, ids: &[String]) -> Result<ExitCode> {
    let mut admin = Admin::open(args).await?;
    let mut deleted = 0;
    for id in ids {
        match admin.delete_session(id).await {
            Ok(true) => deleted += 1,
            Ok(false) => eprintln!("session3: rm: no session {id}"),
            Err(error) => eprintln!("session3: rm: {id}: {error:#}"),
        }
    }
    report(args, deleted, "")?;
    Ok(if deleted == ids.len() as u64 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Delete all sessions of a user. That there were none is no failure: the user is logged out.
pub async fn rm_owner(args: &StoreArgs, owner: &str) -> Result<ExitCode> {
    let deleted = Admin::open(args).await?.delete_sessions_of(owner).await?;
    report(args, deleted, &format!(" of {}", printable(owner)))?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &StoreArgs, deleted: u64, whose: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", Object::default().with("deleted", deleted))?;
    } else {
        writeln!(out, "deleted {}{whose}", count(deleted, "session"))?;
    }
    Ok(())
}
