//! Deleting what is over or old. What somebody holds is left for later.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Unbounded};

use session_core::SessionId;

use crate::bindings::wit::{Error, GarbageReport};
use crate::host::now;
use crate::limits::need;
use crate::place::Place;

/// Look at so many sessions, and go on behind the id at which an earlier step has stopped.
pub fn collect(place: &mut Place, budget: u32, resume: Option<&str>) -> Result<GarbageReport, Error> {
    need(budget > 0, || "the budget is at least 1".into())?;
    let after = resume.map(SessionId::parse).transpose();
    let after = after.map_err(|_| Error::InvalidArgument("`resume` is not from an earlier garbage report".into()))?;
    let behind = after.as_ref().map_or(Unbounded, Excluded);
    let seen: Vec<SessionId> =
        place.sessions.range((behind, Unbounded)).map(|(id, _)| id.clone()).take(budget as usize).collect();
    let mut report = GarbageReport { examined: seen.len() as u32, expired: 0, abandoned: 0, repaired: 0, resume: None };
    for id in &seen {
        report.expired += u32::from(place.locks.is_free(id) && place.find(id).is_none());
    }
    // A full step may have been the last; then the next one finds nothing.
    report.resume = seen.last().filter(|_| seen.len() == budget as usize).map(SessionId::to_string);
    Ok(report)
}

/// Delete the sessions that were not used for so long, and say how many were and how many are left.
pub fn delete_old(place: &mut Place, minutes: u32) -> (u64, u64) {
    let (before, now, age) = (place.sessions.len(), now(), u64::from(minutes) * 60_000);
    let Place { sessions, locks } = place;
    sessions.retain(|id, kept| {
        let is_old = kept.last_active(now).is_some_and(|active| now - active >= age);
        !(locks.is_free(id) && (is_old || kept.is_over(now)))
    });
    ((before - sessions.len()) as u64, sessions.len() as u64)
}
