//! The operations of a store.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use session_core::SessionId;

use crate::bindings::wit::{
    self, Contents, Error, GarbageReport, GuestStore, Instant, LockMode, Milliseconds, Options, Session, SessionCursor,
    SessionGuard, SessionInfo, Usage, Version,
};
use crate::guard::Guard;
use crate::host::{now, random_id};
use crate::kept::Kept;
use crate::listing::Cursor;
use crate::places::Shared;
use crate::{garbage, ids, limits, places};

/// A handle to the sessions at a location.
pub struct Store {
    place: Shared,
    size_limit: u32,
}

impl GuestStore for Store {
    fn open(location: String, options: Options) -> Result<wit::Store, Error> {
        limits::location(&location)?;
        let size_limit = limits::size(options)?;
        let place = match places::at(&location) {
            Some(place) => place,
            None if options.create => places::make(&location),
            None => {
                return Err(Error::NoSuchStore(format!("nobody has made a store at `{location}` in this instance")));
            }
        };
        Ok(wit::Store::new(Self { place, size_limit }))
    }

    fn setup(location: String, options: Options) -> Result<wit::Store, Error> {
        limits::location(&location)?;
        let size_limit = limits::size(options)?;
        if places::at(&location).is_some() {
            return Err(Error::AlreadyExists);
        }
        Ok(wit::Store::new(Self { place: places::make(&location), size_limit }))
    }

    fn create_session(&self, id: Option<String>, contents: Contents) -> Result<SessionInfo, Error> {
        let id = ids::parse_some(id)?.unwrap_or_else(random_id);
        limits::contents(&contents, self.size_limit)?;
        let mut place = self.place.borrow_mut();
        place.locks.need_free(&id)?;
        place.need_new(&id)?;
        let now = now();
        let kept = Kept::new(contents, now);
        let info = kept.info(&id, now);
        place.sessions.insert(id, kept);
        Ok(info)
    }

    fn load_session(&self, id: String) -> Result<Option<Session>, Error> {
        let id = ids::parse(&id)?;
        Ok(self.place.borrow_mut().find(&id).map(|(kept, now)| kept.session(&id, now)))
    }

    fn save_session(&self, id: String, contents: Contents, expected: Option<Version>) -> Result<Version, Error> {
        let id = ids::parse(&id)?;
        limits::contents(&contents, self.size_limit)?;
        let mut place = self.place.borrow_mut();
        place.locks.need_free(&id)?;
        place.save(&id, contents, expected)
    }

    fn touch_session(&self, id: String) -> Result<(), Error> {
        let mut place = self.place.borrow_mut();
        let (kept, now) = place.find(&ids::parse(&id)?).ok_or(Error::Gone)?;
        kept.touched = now;
        Ok(())
    }

    fn delete_session(&self, id: String) -> Result<bool, Error> {
        let id = ids::parse(&id)?;
        let mut place = self.place.borrow_mut();
        place.locks.need_free(&id)?;
        Ok(place.delete(&id))
    }

    fn has_session(&self, id: String) -> Result<bool, Error> {
        Ok(self.place.borrow_mut().find(&ids::parse(&id)?).is_some())
    }

    fn rename_session(&self, id: String, new_id: Option<String>) -> Result<String, Error> {
        let (id, new_id) = (ids::parse(&id)?, ids::parse_some(new_id)?.unwrap_or_else(random_id));
        let mut place = self.place.borrow_mut();
        place.locks.need_free(&id)?;
        place.rename(&id, &new_id)?;
        Ok(new_id.to_string())
    }

    fn lock_session(&self, id: String, mode: LockMode, _wait: Option<Milliseconds>) -> Result<SessionGuard, Error> {
        let guard = Guard::new(self.place.clone(), ids::parse(&id)?, mode, self.size_limit)?;
        Ok(SessionGuard::new(guard))
    }

    fn delete_old_sessions(&self, minutes: u32) -> Result<(u64, u64), Error> {
        Ok(garbage::delete_old(&mut self.place.borrow_mut(), minutes))
    }

    fn collect_garbage(&self, budget: u32, resume: Option<String>) -> Result<GarbageReport, Error> {
        garbage::collect(&mut self.place.borrow_mut(), budget, resume.as_deref())
    }

    fn iter_sessions(&self, after: Option<String>) -> Result<SessionCursor, Error> {
        Ok(SessionCursor::new(Cursor::all(self.place.clone(), ids::parse_some(after)?)))
    }

    fn sessions_of(&self, owner: String) -> Result<SessionCursor, Error> {
        limits::owner(&owner)?;
        let mut sessions: Vec<(Instant, SessionId)> =
            self.place.borrow().of(&owner, now()).map(|(id, kept)| (kept.created, id.clone())).collect();
        sessions.sort_unstable();
        Ok(SessionCursor::new(Cursor::of(self.place.clone(), owner, sessions)))
    }

    fn count_sessions_of(&self, owner: String) -> Result<u64, Error> {
        limits::owner(&owner)?;
        Ok(self.place.borrow().of(&owner, now()).count() as u64)
    }

    fn delete_sessions_of(&self, owner: String) -> Result<u64, Error> {
        limits::owner(&owner)?;
        let ids: Vec<SessionId> = self.place.borrow().of(&owner, now()).map(|(id, _)| id.clone()).collect();
        let mut place = self.place.borrow_mut();
        let mut deleted = 0;
        for id in &ids {
            place.locks.need_free(id)?;
            deleted += u64::from(place.delete(id));
        }
        Ok(deleted)
    }

    fn usage(&self) -> Result<Usage, Error> {
        let place = self.place.borrow();
        let bytes = place.sessions.values().map(|kept| kept.contents.data.len() as u64).sum();
        Ok(Usage { sessions: place.sessions.len() as u64, bytes })
    }

    fn is_multiprocess_safe(&self) -> bool {
        false
    }

    fn is_thread_safe(&self) -> bool {
        false
    }
}
