//! The file that marks a directory as a store and holds its id, which is part of all lock names.
//!
//! A directory may be emptied, and a new store set up in it, while an instance uses the old one. Under the old id it
//! would not exclude instances with the new one. So after taking a lock, check that the file is still the one that was
//! read.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::cell::Cell;

use guest_exports::host::now;
use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::store::Milliseconds;

use crate::commit;
use crate::directory::{Directory, Stamps, failed};
use crate::layout;

const TEXT: &str = "session3 store, format 1, id ";

/// At this age the marker's time stamp is refreshed, so that cleaners of old files leave it alone.
const REFRESH: Milliseconds = 24 * 60 * 60 * 1000;

const READ: &str = "read the marker file `session3.store`";

/// The contents of a store's marker file.
pub struct Marker {
    id: String,
    /// Time stamps of the file when it was read: another file has other stamps.
    stamps: Cell<Option<Stamps>>,
}

impl Marker {
    /// Reads the marker; none when there is no store.
    pub fn read(root: &Directory) -> Result<Option<Self>> {
        // Taken before the read: a file that replaces it in between is then read again.
        let stamps = root.stamps(layout::MARKER).map_err(failed(READ))?;
        Ok(read(root)?.map(|id| Self { id, stamps: Cell::new(stamps) }))
    }

    /// Writes a marker with a new id.
    pub fn create(root: &Directory, id: &SessionId) -> Result<Self> {
        commit::marker(root, format!("{TEXT}{id}\n").as_bytes())?;
        // Unknown stamps: the file is read again before it is relied on.
        Ok(Self { id: id.as_str().to_owned(), stamps: Cell::new(None) })
    }

    /// The store's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Checks that this is still the store. To be called after taking a lock.
    pub fn check(&self, root: &Directory) -> Result<()> {
        let stamps = root.stamps(layout::MARKER).map_err(failed(READ))?;
        if stamps.is_none() || stamps != self.stamps.get() {
            if read(root)?.as_deref() != Some(self.id()) {
                return Err(Error::NoSuchStore(
                    "the store that was opened here is gone, possibly replaced by another: open it again".into(),
                ));
            }
            self.stamps.set(stamps);
        }
        Ok(())
    }

    /// Refreshes the file's time stamp, where that is allowed.
    pub fn refresh(&self, root: &Directory) {
        let stamps = || root.stamps(layout::MARKER).ok().flatten();
        let now = now();
        if self.stamps.get().or_else(stamps).is_some_and(|stamps| now.saturating_sub(stamps.modified) >= REFRESH)
            && let Ok(Some(file)) = root.write(layout::MARKER)
        {
            // The old stamp matters to such a cleaner only.
            let _ = file.set_modified(now);
            self.stamps.set(stamps());
        }
    }
}

fn read(root: &Directory) -> Result<Option<String>> {
    let Some(file) = root.read(layout::MARKER).map_err(failed(READ))? else { return Ok(None) };
    let bytes = file.contents().map_err(failed(READ))?;
    let id = core::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix(TEXT)).map(str::trim_end);
    match id {
        Some(id) if SessionId::parse(id).is_ok() => Ok(Some(id.to_owned())),
        _ => Err(Error::Corrupt(
            "the file `session3.store` is damaged or has a newer format; restore it from a copy of this directory"
                .into(),
        )),
    }
}
