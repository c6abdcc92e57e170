//! Shared holders: one file each, in the directory `L.shared` beside the files of [`crate::chain`].
//!
//! A reader holds the chain while it creates its file. An exclusive holder keeps the chain, so that no readers enter,
//! and waits until those present have left.

use alloc::format;
use alloc::string::String;

use super::files::{Files, Lease};

/// Suffix of the directory's name.
pub const SUFFIX: &str = ".shared";

/// Enters under a unique name. Only for the holder of the chain.
pub fn enter<F: Files>(files: &F, lock: &str, name: &str) -> Result<(), F::Error> {
    loop {
        files.make_directory(&directory(lock))?;
        // A leaving reader may remove the directory right now.
        if files.create(&path(lock, name))? {
            return Ok(());
        }
    }
}

/// Leaves. The last reader removes the directory.
pub fn leave<F: Files>(files: &F, lock: &str, name: &str) -> Result<(), F::Error> {
    files.remove(&path(lock, name))?;
    files.remove_directory(&directory(lock))
}

/// Whether no reader has an unexpired lease. Removes expired ones. Only for the holder of the chain.
pub fn are_gone<F: Files>(files: &F, lock: &str) -> Result<bool, F::Error> {
    let Some(names) = files.names(&directory(lock))? else { return Ok(true) };
    let mut gone = true;
    for name in names {
        let path = path(lock, &name);
        match files.lease(&path)? {
            Some(Lease::Running) => gone = false,
            // Names are not reused, so this is a dead reader's file.
            Some(Lease::Over) => files.remove(&path)?,
            None => {}
        }
    }
    if gone {
        files.remove_directory(&directory(lock))?;
    }
    Ok(gone)
}

fn directory(lock: &str) -> String {
    format!("{lock}{SUFFIX}")
}

/// The file of a reader.
pub fn path(lock: &str, name: &str) -> String {
    format!("{lock}{SUFFIX}/{name}")
}
