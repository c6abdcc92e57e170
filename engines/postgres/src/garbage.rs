//! Removing what has expired, and locks whose leases have ended.

use session_core::SessionId;
use session_core::engine::Call;
use session_core::error::{Error, Result};
use session_core::events::Event;
use session_core::store::{GarbageReport, Milliseconds};

use crate::number::Number;
use crate::server::{Commit, Parameter};
use crate::sessions::{PostgresSessions, field, session_id};

/// Rows looked at by one statement.
const BATCH: u64 = 500;

/// What has become of the rows of a batch.
#[derive(Default)]
struct Swept {
    examined: u64,
    expired: u64,
    old: u64,
    kept: u64,
    locks: u64,
    /// The last row; none at the end.
    last: Option<SessionId>,
}

impl PostgresSessions {
    /// One step of collection.
    pub(crate) async fn collect(&self, budget: u32, resume: Option<&str>, call: Call<'_>) -> Result<GarbageReport> {
        let mut after = resume
            .map(SessionId::parse)
            .transpose()
            .map_err(|_| Error::InvalidArgument("`resume` is not from an earlier garbage report".into()))?;
        let mut report = GarbageReport::default();
        while report.examined < budget {
            let limit = u64::from(budget - report.examined).min(BATCH);
            let swept = self.sweep(after.as_ref(), limit, None, call).await?;
            report.examined += swept.examined as u32;
            report.expired += swept.expired as u32;
            report.abandoned += swept.locks as u32;
            after = swept.last;
            if after.is_none() {
                break;
            }
        }
        report.resume = after.map(|id| id.to_string());
        Ok(report)
    }

    /// Deletes sessions unused for this long. Returns how many were deleted and how many remain.
    pub(crate) async fn remove_old(&self, age: Milliseconds, call: Call<'_>) -> Result<(u64, u64)> {
        let (mut deleted, mut remaining, mut after) = (0, 0, None);
        loop {
            let swept = self.sweep(after.as_ref(), BATCH, Some(age), call).await?;
            deleted += swept.expired + swept.old;
            remaining += swept.kept;
            after = swept.last;
            if after.is_none() {
                return Ok((deleted, remaining));
            }
        }
    }

    async fn sweep(
        &self,
        after: Option<&SessionId>,
        limit: u64,
        age: Option<Milliseconds>,
        call: Call<'_>,
    ) -> Result<Swept> {
        let after = after.map_or("", SessionId::as_str);
        let parameters: [Parameter<'_>; 5] =
            [&self.store, &after, &Number(call.now), &limit.cast_signed(), &age.map(Number)];
        let rows = self.server.write(Commit::Synced, &self.statements.sweep, &parameters).await?;
        let mut swept = Swept { examined: rows.len() as u64, ..Swept::default() };
        for row in &rows {
            let id = session_id(row)?;
            match field::<&str>(row, 1)? {
                "expired" => {
                    call.events.emit(Some(&id), Event::Expired);
                    swept.expired += 1;
                }
                "old" => {
                    call.events.emit(Some(&id), Event::Destroyed);
                    swept.old += 1;
                }
                "kept" => swept.kept += 1,
                "lock" => swept.locks += 1,
                _ => {}
            }
            swept.last = Some(id);
        }
        if swept.examined < limit {
            swept.last = None;
        }
        Ok(swept)
    }
}
