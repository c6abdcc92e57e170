//! `session3 rm`

use super::Admin;
use super::interrupt::Interrupt;
use super::json::Object;
use super::text::count;
use crate::cli::StoreArgs;
use crate::output;
use session_runtime::Shown;
use std::process::ExitCode;
use wasmtime::Result;

/// Delete what can be deleted, then report what could not, with exit code 1.
pub async fn rm(args: &StoreArgs, ids: &[String]) -> Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let mut admin = Admin::open(args).await?;
    let (mut deleted, mut failures) = (0, Vec::new());
    for id in ids {
        if interrupt.is_requested() {
            break;
        }
        match admin.end_session(id).await {
            Ok(true) => deleted += 1,
            Ok(false) => failures.push(format!("no session {id}")),
            Err(error) => failures.push(format!("{id}: {error:#}")),
        }
    }
    report(args, deleted, "");
    failures.iter().for_each(|failure| output::message("rm", failure));
    let left = ids.len() - deleted as usize - failures.len();
    if left > 0 {
        output::message("rm", &format!("interrupted, {} not tried", count(left as u64, "session")));
        return Ok(interrupt.code());
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Delete all sessions of a user. It is no failure if there are none: the user is logged out.
pub async fn rm_owner(args: &StoreArgs, owner: &str) -> Result<ExitCode> {
    let _finished = Interrupt::listen()?;
    let deleted = Admin::open(args).await?.delete_sessions_of(owner).await?;
    report(args, deleted, &format!(" of {}", Shown::new(owner)));
    Ok(ExitCode::SUCCESS)
}

fn report(args: &StoreArgs, deleted: u64, whose: &str) {
    let text = if args.json {
        format!("{}\n", Object::default().with("deleted", deleted))
    } else {
        format!("deleted {}{whose}\n", count(deleted, "session"))
    };
    output::report("rm", &text);
}
