//! A locked session of the store.

use session_core::SessionId;
use session_core::error::Result;
use session_core::store::{Contents, Record, SessionGuard};

use crate::bindings::session3::sessions::session_store as wit;

/// The lock. Dropping it unlocks the session.
pub struct Guard(pub wit::SessionGuard);

impl SessionGuard for Guard {
    fn load(&mut self) -> Result<Option<Record>> {
        self.0.load()?.map(Record::try_from).transpose()
    }

    fn save(&mut self, contents: &Contents, expected: Option<u64>) -> Result<u64> {
        Ok(self.0.save(&contents.clone().into(), expected)?)
    }

    fn delete(&mut self) -> Result<bool> {
        Ok(self.0.delete()?)
    }

    fn rename(&mut self, new_id: &SessionId) -> Result<()> {
        self.0.rename(Some(new_id.as_str()))?;
        Ok(())
    }
}
