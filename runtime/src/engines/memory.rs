//! Sessions in this process: an engine without a server, to try out, for tests, and as a template for another.
//!
//! All instances on a [`Memory`] share its sessions, which end with it.

use session_core::engine::{Call, Engine, Holder, Lease, Sessions};
use session_core::error::{Error, Result};
use session_core::events::Event;
use session_core::record::Version;
use session_core::store::{Contents, GarbageReport, Info, Instant, LockMode, Milliseconds, Page, Record, Usage};
use session_core::{SessionId, expiry};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Monotonic};

/// The stores of this process, by location.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, MemorySessions>>);

/// The sessions at one location.
#[derive(Clone)]
pub struct MemorySessions {
    id: String,
    place: Arc<Mutex<Place>>,
}

#[derive(Default)]
struct Place {
    /// Including expired ones not accessed since. `last_active` is the clock at the last save, touch or rename.
    sessions: BTreeMap<SessionId, Record>,
    locks: BTreeMap<SessionId, Lock>,
}

struct Lock {
    mode: LockMode,
    holders: Vec<(Holder, Monotonic)>,
}

impl Engine for Memory {
    type Sessions = MemorySessions;

    async fn open(&self, location: &str, create: bool, _: bool) -> Result<MemorySessions> {
        let found = lock(&self.0).get(location).cloned();
        match found {
            Some(sessions) => Ok(sessions),
            None if create => self.make(location),
            None => Err(Error::NoSuchStore(format!(
                "there is no session store at `{location}` in this process; set one up or open it with `create`"
            ))),
        }
    }

    async fn setup(&self, location: &str, _: bool) -> Result<MemorySessions> {
        self.make(location)
    }
}

impl Memory {
    fn make(&self, location: &str) -> Result<MemorySessions> {
        let mut stores = lock(&self.0);
        if stores.contains_key(location) {
            return Err(Error::AlreadyExists);
        }
        let sessions = MemorySessions { id: location.to_owned(), place: Arc::default() };
        stores.insert(location.to_owned(), sessions.clone());
        Ok(sessions)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    /// Returns the session, if present. One that has expired is deleted.
    fn find(&mut self, id: &SessionId, call: Call<'_>) -> Option<&mut Record> {
        if is_over(self.sessions.get(id)?, call.now) {
            self.sessions.remove(id);
            call.events.emit(Some(id), Event::Expired);
        }
        self.sessions.get_mut(id)
    }

    fn holders(&mut self, id: &SessionId) -> Option<&mut Lock> {
        let now = Monotonic::now();
        let held = self.locks.get_mut(id)?;
        held.holders.retain(|(_, ends)| *ends > now);
        if held.holders.is_empty() {
            self.locks.remove(id);
        }
        self.locks.get_mut(id)
    }

    /// A write is allowed for the exclusive holder, and for others while there is none.
    fn require(&mut self, id: &SessionId, holder: Option<Holder>) -> Result<()> {
        let may_write = match (self.holders(id), holder) {
            (None, None) => true,
            (Some(lock), Some(holder)) => lock.mode == LockMode::Exclusive && lock.holders[0].0 == holder,
            _ => false,
        };
        if may_write { Ok(()) } else { Err(Error::Busy) }
    }

    fn take(&mut self, id: &SessionId, mode: LockMode, lease: Lease) -> Result<()> {
        let ends = Monotonic::now() + Duration::from_millis(lease.time);
        match self.holders(id) {
            None => {
                self.locks.insert(id.clone(), Lock { mode, holders: vec![(lease.holder, ends)] });
                Ok(())
            }
            Some(held) if held.mode == LockMode::Shared && mode == LockMode::Shared => {
                held.holders.push((lease.holder, ends));
                Ok(())
            }
            Some(_) => Err(Error::Busy),
        }
    }
}

impl MemorySessions {
    fn place(&self) -> MutexGuard<'_, Place> {
        lock(&self.place)
    }
}

impl Sessions for MemorySessions {
    fn store_id(&self) -> &str {
        &self.id
    }

    fn is_multiprocess_safe(&self) -> bool {
        false
    }

    async fn insert(&self, record: &Record, call: Call<'_>) -> Result<()> {
        let mut place = self.place();
        place.require(&record.id, None)?;
        if place.find(&record.id, call).is_some() {
            return Err(Error::AlreadyExists);
        }
        place.sessions.insert(record.id.clone(), record.clone());
        call.events.emit(Some(&record.id), Event::Created);
        Ok(())
    }

    async fn load(&self, id: &SessionId, _: Option<Holder>, call: Call<'_>) -> Result<Option<Record>> {
        let mut place = self.place();
        let found = place.find(id, call);
        Ok(found.map(|record| Record { last_active: last_active(record, call.now), ..record.clone() }))
    }

    async fn has(&self, id: &SessionId, call: Call<'_>) -> Result<bool> {
        Ok(self.place().find(id, call).is_some())
    }

    async fn save(
        &self,
        id: &SessionId,
        contents: &Contents,
        expected: Option<u64>,
        holder: Option<Holder>,
        _: bool,
        call: Call<'_>,
    ) -> Result<u64> {
        let mut place = self.place();
        place.require(id, holder)?;
        let record = place.find(id, call).ok_or(Error::Gone)?;
        if expected.is_some_and(|expected| expected != record.version) {
            return Err(Error::Conflict(record.version));
        }
        record.version += 1;
        record.contents = contents.clone();
        (record.modified, record.last_active) = (call.now, call.now);
        Ok(record.version)
    }

    async fn touch(&self, id: &SessionId, call: Call<'_>) -> Result<()> {
        self.place().find(id, call).ok_or(Error::Gone)?.last_active = call.now;
        Ok(())
    }

    async fn delete(&self, id: &SessionId, of: Option<&str>, holder: Option<Holder>, call: Call<'_>) -> Result<bool> {
        let mut place = self.place();
        place.require(id, holder)?;
        let Some(record) = place.find(id, call) else { return Ok(false) };
        if of.is_some() && record.contents.owner.as_deref() != of {
            return Ok(false);
        }
        place.sessions.remove(id);
        call.events.emit(Some(id), Event::Destroyed);
        Ok(true)
    }

    async fn rename(&self, id: &SessionId, new_id: &SessionId, holder: Option<Lease>, call: Call<'_>) -> Result<()> {
        if id == new_id {
            return Err(Error::AlreadyExists);
        }
        let mut place = self.place();
        place.require(id, holder.map(|lease| lease.holder))?;
        place.require(new_id, None)?;
        place.find(id, call).ok_or(Error::Gone)?;
        if place.find(new_id, call).is_some() {
            return Err(Error::AlreadyExists);
        }
        let record = place.sessions.remove(id).ok_or(Error::Gone)?;
        place.sessions.insert(new_id.clone(), Record { id: new_id.clone(), last_active: call.now, ..record });
        match holder {
            Some(lease) => place.take(new_id, LockMode::Exclusive, lease),
            None => Ok(()),
        }
    }

    async fn lock(&self, id: &SessionId, mode: LockMode, lease: Lease) -> Result<()> {
        self.place().take(id, mode, lease)
    }

    async fn renew(&self, id: &SessionId, lease: Lease) -> Result<()> {
        let mut place = self.place();
        let held = place.holders(id).and_then(|lock| lock.holders.iter_mut().find(|(of, _)| *of == lease.holder));
        held.ok_or(Error::Busy)?.1 = Monotonic::now() + Duration::from_millis(lease.time);
        Ok(())
    }

    async fn unlock(&self, id: &SessionId, holder: Holder) -> Result<()> {
        if let Some(lock) = self.place().holders(id) {
            lock.holders.retain(|(of, _)| *of != holder);
        }
        Ok(())
    }

    async fn page(&self, after: Option<&SessionId>, limit: u32, call: Call<'_>) -> Result<(Page, Option<SessionId>)> {
        let place = self.place();
        let seen: Vec<&Record> = behind(&place, after).take(limit as usize).collect();
        let next = seen.last().filter(|_| seen.len() == limit as usize).map(|record| record.id.clone());
        let sessions = seen.into_iter().filter(|record| !is_over(record, call.now));
        Ok((Page { sessions: sessions.map(|record| info(record, call.now)).collect(), ..Page::default() }, next))
    }

    async fn infos(&self, ids: &[SessionId], owner: &str, call: Call<'_>) -> Result<Vec<Info>> {
        let place = self.place();
        let found = ids.iter().filter_map(|id| place.sessions.get(id));
        let alive = found.filter(|record| is_of(record, owner) && !is_over(record, call.now));
        Ok(alive.map(|record| info(record, call.now)).collect())
    }

    async fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        let place = self.place();
        let mut owned: Vec<&Record> = place.sessions.values().filter(|record| is_of(record, owner)).collect();
        owned.sort_by_key(|record| record.created);
        Ok(owned.into_iter().map(|record| record.id.clone()).collect())
    }

    async fn count_of(&self, owner: &str) -> Result<u64> {
        Ok(self.place().sessions.values().filter(|record| is_of(record, owner)).count() as u64)
    }

    async fn delete_old(&self, age: Milliseconds, call: Call<'_>) -> Result<(u64, u64)> {
        let mut place = self.place();
        let ids: Vec<SessionId> = place.sessions.keys().cloned().collect();
        let mut deleted = 0;
        for id in ids {
            if place.holders(&id).is_some() {
                continue;
            }
            let Some(record) = place.find(&id, call) else {
                deleted += 1;
                continue;
            };
            let active = expiry::last_active(&version(record), record.last_active, call.now);
            if active.is_some_and(|active| call.now - active >= age) {
                place.sessions.remove(&id);
                call.events.emit(Some(&id), Event::Destroyed);
                deleted += 1;
            }
        }
        Ok((deleted, place.sessions.len() as u64))
    }

    async fn collect_garbage(&self, budget: u32, resume: Option<String>, call: Call<'_>) -> Result<GarbageReport> {
        let after = resume.map(|id| SessionId::parse(&id)).transpose();
        let after =
            after.map_err(|_| Error::InvalidArgument("`resume` is not from an earlier garbage report".into()))?;
        let mut place = self.place();
        let ids: Vec<SessionId> =
            behind(&place, after.as_ref()).map(|record| record.id.clone()).take(budget as usize).collect();
        let mut report = GarbageReport { examined: ids.len() as u32, ..GarbageReport::default() };
        for id in &ids {
            report.expired += u32::from(place.holders(id).is_none() && place.find(id, call).is_none());
        }
        report.resume = ids.last().filter(|_| ids.len() == budget as usize).map(SessionId::to_string);
        Ok(report)
    }

    async fn usage(&self) -> Result<Usage> {
        let place = self.place();
        let bytes = place.sessions.values().map(|record| record.contents.data.len() as u64).sum();
        Ok(Usage { sessions: place.sessions.len() as u64, bytes })
    }
}

fn behind<'a>(place: &'a Place, after: Option<&SessionId>) -> impl Iterator<Item = &'a Record> {
    place.sessions.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(_, record)| record)
}

fn is_over(record: &Record, now: Instant) -> bool {
    expiry::expired(&version(record), record.last_active, now)
}

fn is_of(record: &Record, owner: &str) -> bool {
    record.contents.owner.as_deref() == Some(owner)
}

fn info(record: &Record, now: Instant) -> Info {
    Info { last_active: last_active(record, now), ..record.info() }
}

fn last_active(record: &Record, now: Instant) -> Instant {
    expiry::last_active(&version(record), record.last_active, now).unwrap_or(record.created.min(now))
}

fn version(record: &Record) -> Version<'_> {
    Version::of(&record.contents, record.version, record.created, record.modified)
}
