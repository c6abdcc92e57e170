//! `session3 copy`

use super::Admin;
use super::interrupt::Interrupt;
use super::json::Object;
use super::text::count;
use crate::cli::CopyArgs;
use crate::output;
use crate::progress::Progress;
use session_runtime::bindings::exports::session3::sessions::session_store::{Error, Session};
use std::fmt;
use std::process::ExitCode;
use wasmtime::{Result, bail};

/// Copy what can be copied, then report what could not, with exit code 1.
pub async fn copy(args: &CopyArgs) -> Result<ExitCode> {
    let (from, to) = (args.source(), args.target());
    if from.store == to.store {
        bail!("--from and --to are the same store");
    }
    let interrupt = Interrupt::listen()?;
    let mut copy = Copy {
        source: Admin::open_to_read(&from).await?,
        target: Admin::open_to_fill(&to).await?,
        interrupt: &interrupt,
        done: Counts::default(),
    };
    let ended = copy.work(args.verify).await;
    let done = copy.done;
    output::report("copy", &if args.json { format!("{}\n", done.as_json(args.verify)) } else { done.to_string() });
    if !ended? {
        output::message("copy", "interrupted; run it again to go on");
        return Ok(interrupt.code());
    }
    Ok(if done.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Copy<'a> {
    source: Admin,
    target: Admin,
    interrupt: &'a Interrupt,
    done: Counts,
}

/// Counts of records: sessions, and what a manager keeps beside them.
#[derive(Default)]
struct Counts {
    copied: u64,
    /// Of the copied ones, those that had an older version in the target.
    replaced: u64,
    unchanged: u64,
    verified: Option<u64>,
    failed: u64,
}

impl Copy<'_> {
    /// Returns whether it completed.
    async fn work(&mut self, verify: bool) -> Result<bool> {
        if !self.copy_all().await? {
            return Ok(false);
        }
        Ok(!verify || self.verify_all().await? && self.find_others().await?)
    }

    async fn copy_all(&mut self) -> Result<bool> {
        let progress = Progress::new("copying records:");
        let cursor = self.source.iter_sessions().await?;
        loop {
            let page = self.source.next_page(cursor).await?;
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                return Ok(true);
            }
            for id in page.unreadable {
                self.fail(&progress, &id, "cannot be read; not copied");
            }
            for info in page.sessions {
                if self.interrupt.is_requested() {
                    return Ok(false);
                }
                self.copy_one(&progress, &info.id).await?;
                progress.advance(1);
            }
        }
    }

    async fn copy_one(&mut self, progress: &Progress, id: &str) -> Result<()> {
        let session = match self.source.try_load_session(id).await? {
            Ok(Some(session)) => session,
            // It has ended since it was listed.
            Ok(None) => return Ok(()),
            Err(error @ Error::Corrupt(_)) => {
                self.fail(progress, id, &format!("not copied: {:#}", self.source.explain(error)));
                return Ok(());
            }
            Err(error) => return Err(self.source.explain(error)),
        };
        match self.target.try_import_session(&session).await? {
            Ok(()) => self.done.copied += 1,
            Err(Error::AlreadyExists) => self.replace(progress, &session).await?,
            Err(error @ (Error::TooLarge(_) | Error::InvalidArgument(_) | Error::Corrupt(_))) => {
                self.fail(progress, id, &format!("not copied: {:#}", self.target.explain(error)));
            }
            Err(error) => return Err(self.target.explain(error)),
        }
        Ok(())
    }

    /// Replace the target's record if it is an older state of this session.
    async fn replace(&mut self, progress: &Progress, session: &Session) -> Result<()> {
        let id = &session.info.id;
        let there = match self.target.try_load_session(id).await? {
            Ok(there) => there,
            Err(error @ Error::Corrupt(_)) => {
                self.fail(progress, id, &format!("not copied, the id is taken: {:#}", self.target.explain(error)));
                return Ok(());
            }
            Err(error) => return Err(self.target.explain(error)),
        };
        match there {
            Some(there) if fields(&there) == fields(session) => self.done.unchanged += 1,
            Some(there) if !is_older(&there, session) => {
                self.fail(progress, id, "not copied: the record in --to is newer, or another session");
            }
            _ => {
                self.target.delete_session(id).await?;
                match self.target.try_import_session(session).await? {
                    Ok(()) => (self.done.copied, self.done.replaced) = (self.done.copied + 1, self.done.replaced + 1),
                    Err(error) => return Err(self.target.explain(error)),
                }
            }
        }
        Ok(())
    }

    /// Compare each record of the source with the target's.
    async fn verify_all(&mut self) -> Result<bool> {
        let progress = Progress::new("verifying records:");
        let cursor = self.source.iter_sessions().await?;
        self.done.verified = Some(0);
        loop {
            let page = self.source.next_page(cursor).await?;
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                return Ok(true);
            }
            for info in page.sessions {
                if self.interrupt.is_requested() {
                    return Ok(false);
                }
                // What cannot be read has been reported.
                if let Ok(Some(session)) = self.source.try_load_session(&info.id).await? {
                    self.verify_one(&progress, &session).await?;
                }
                progress.advance(1);
            }
        }
    }

    async fn verify_one(&mut self, progress: &Progress, session: &Session) -> Result<()> {
        let id = &session.info.id;
        match self.target.try_load_session(id).await? {
            Ok(Some(there)) if fields(&there) == fields(session) => {
                self.done.verified = self.done.verified.map(|count| count + 1);
            }
            Ok(Some(_)) => self.fail(progress, id, "differs"),
            Ok(None) => self.fail(progress, id, "is not in --to"),
            Err(error) => self.fail(progress, id, &format!("{:#}", self.target.explain(error))),
        }
        Ok(())
    }

    /// Find the records that only the target has: of sessions that have ended in the source, perhaps by a logout.
    async fn find_others(&mut self) -> Result<bool> {
        let progress = Progress::new("looking for other records:");
        let cursor = self.target.iter_sessions().await?;
        loop {
            let page = self.target.next_page(cursor).await?;
            if page.sessions.is_empty() && page.unreadable.is_empty() {
                return Ok(true);
            }
            for info in page.sessions {
                if self.interrupt.is_requested() {
                    return Ok(false);
                }
                if !self.source.has_session(&info.id).await? {
                    self.fail(&progress, &info.id, "is only in --to: it has ended in --from, or was never there");
                }
                progress.advance(1);
            }
        }
    }

    fn fail(&mut self, progress: &Progress, id: &str, why: &str) {
        self.done.failed += 1;
        progress.print(|| output::message("copy", &format!("{id}: {why}")));
    }
}

/// All that a copy must keep.
fn fields(session: &Session) -> (u64, [Option<u64>; 5], Option<&str>, &[u8]) {
    let info = &session.info;
    let times = [Some(info.created), Some(info.modified), Some(info.last_active), info.idle_timeout, info.deadline];
    (info.version, times, info.owner.as_deref(), &session.data)
}

fn is_older(there: &Session, session: &Session) -> bool {
    let state = |session: &Session| (session.info.version, session.info.last_active);
    there.info.created == session.info.created && state(there) < state(session)
}

impl Counts {
    fn as_json(&self, verify: bool) -> Object {
        let object = Object::default()
            .with("copied", self.copied)
            .with("replaced", self.replaced)
            .with("unchanged", self.unchanged);
        let object = if verify { object.with("verified", self.verified) } else { object };
        object.with("failed", self.failed)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copied {}", count(self.copied, "record"))?;
        if self.replaced > 0 {
            write!(f, ", {} of them over an older version", self.replaced)?;
        }
        if self.unchanged > 0 {
            write!(f, "; {} had been copied before", self.unchanged)?;
        }
        if let Some(verified) = self.verified {
            write!(f, "; {verified} are the same in both")?;
        }
        if self.failed > 0 {
            write!(f, "; {} failed, see above", self.failed)?;
        }
        f.write_str("\n")
    }
}
