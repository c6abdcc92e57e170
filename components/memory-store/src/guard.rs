//! The operations on a locked session.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use session_core::SessionId;

use crate::bindings::wit::{Contents, Error, GuestSessionGuard, LockMode, Session, Version};
use crate::host::random_id;
use crate::places::Shared;
use crate::{ids, limits};

/// A session, locked until this is dropped.
pub struct Guard {
    place: Shared,
    /// Another one after a rename.
    id: RefCell<SessionId>,
    /// The ids it had before: nobody else gets those while this goes on.
    renamed: RefCell<Vec<SessionId>>,
    mode: LockMode,
    size_limit: u32,
}

impl Guard {
    /// Lock a session.
    pub fn new(place: Shared, id: SessionId, mode: LockMode, size_limit: u32) -> Result<Self, Error> {
        place.borrow_mut().locks.take(&id, mode)?;
        Ok(Self { place, id: RefCell::new(id), renamed: RefCell::default(), mode, size_limit })
    }

    fn need_exclusive(&self) -> Result<(), Error> {
        if self.mode == LockMode::Exclusive {
            return Ok(());
        }
        Err(Error::AccessDenied("this guard is shared; lock the session exclusively to change it".into()))
    }
}

impl GuestSessionGuard for Guard {
    fn load(&self) -> Result<Option<Session>, Error> {
        let id = self.id.borrow();
        Ok(self.place.borrow_mut().find(&id).map(|(kept, now)| kept.session(&id, now)))
    }

    fn save(&self, contents: Contents, expected: Option<Version>) -> Result<Version, Error> {
        self.need_exclusive()?;
        limits::contents(&contents, self.size_limit)?;
        self.place.borrow_mut().save(&self.id.borrow(), contents, expected)
    }

    fn delete(&self) -> Result<bool, Error> {
        self.need_exclusive()?;
        Ok(self.place.borrow_mut().delete(&self.id.borrow()))
    }

    fn rename(&self, new_id: Option<String>) -> Result<String, Error> {
        self.need_exclusive()?;
        let new_id = ids::parse_some(new_id)?.unwrap_or_else(random_id);
        let mut place = self.place.borrow_mut();
        place.rename(&self.id.borrow(), &new_id)?;
        place.locks.take(&new_id, self.mode)?;
        self.renamed.borrow_mut().push(self.id.replace(new_id.clone()));
        Ok(new_id.to_string())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut place = self.place.borrow_mut();
        place.locks.release(self.id.get_mut());
        self.renamed.get_mut().iter().for_each(|id| place.locks.release(id));
    }
}
