//! The file that says that here is a store, and which: its id is in the names of all locks.
//!
//! A directory may be emptied, and a new store set up in it, while an instance works there. Under the old id it would
//! lock past those who have the new one. So whoever has taken a lock looks whether the file is still the one that was
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

/// A marker of this age is stamped with the time: those who remove old files leave it alone then.
const REFRESH: Milliseconds = 24 * 60 * 60 * 1000;

const READ: &str = "read what store this is (`session3.store`)";

/// What a store's marker says.
pub struct Marker {
    id: String,
    /// Of the file when it was read: another one has others.
    stamps: Cell<Option<Stamps>>,
}

impl Marker {
    /// Read it; none when there is no store.
    pub fn read(root: &Directory) -> Result<Option<Self>> {
        // Before it is read: should another take its place in between, it is read again.
        let stamps = root.stamps(layout::MARKER).map_err(failed(READ))?;
        Ok(read(root)?.map(|id| Self { id, stamps: Cell::new(stamps) }))
    }

    /// Write one with a new id.
    pub fn make(root: &Directory, id: &SessionId) -> Result<Self> {
        commit::marker(root, format!("{TEXT}{id}\n").as_bytes())?;
        // Unknown stamps: it is read again before it is relied on.
        Ok(Self { id: id.as_str().to_owned(), stamps: Cell::new(None) })
    }

    /// The store's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Be sure that this is still the store. For whoever has just taken a lock.
    pub fn check(&self, root: &Directory) -> Result<()> {
        let stamps = root.stamps(layout::MARKER).map_err(failed(READ))?;
        if stamps.is_none() || stamps != self.stamps.get() {
            if read(root)?.as_deref() != Some(self.id()) {
                return Err(Error::NoSuchStore(
                    "the store that was opened here is gone, and perhaps another was set up: open it again".into(),
                ));
            }
            self.stamps.set(stamps);
        }
        Ok(())
    }

    /// Keep the file young, where that is allowed.
    pub fn refresh(&self, root: &Directory) {
        let stamps = || root.stamps(layout::MARKER).ok().flatten();
        let now = now();
        if self.stamps.get().or_else(stamps).is_some_and(|stamps| now.saturating_sub(stamps.modified) >= REFRESH)
            && let Ok(Some(file)) = root.write(layout::MARKER)
        {
            // It is as good with its old stamp, to everybody but such a cleaner.
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
            "the file `session3.store` is damaged, or of a newer format; restore it from a copy of this directory"
                .into(),
        )),
    }
}
