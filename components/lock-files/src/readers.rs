//! Shared holders: a file each, in the directory `L.shared` beside the files of [`crate::chain`].
//!
//! They come in one at a time, as holders of the chain, which they leave when their file is there. An exclusive holder
//! keeps the chain, so that no more of them come in, and waits until those who are in have left.

use alloc::format;
use alloc::string::String;

use super::files::{Files, Lease};

/// What the directory's name ends with.
pub const SUFFIX: &str = ".shared";

/// Come in, under a name that nobody else has. Only for the holder of the chain.
pub fn enter<F: Files>(files: &F, lock: &str, name: &str) -> Result<(), F::Error> {
    loop {
        files.make_directory(&directory(lock))?;
        // A reader that leaves may remove the directory just now.
        if files.create(&path(lock, name))? {
            return Ok(());
        }
    }
}

/// Leave. The last one removes the directory.
pub fn leave<F: Files>(files: &F, lock: &str, name: &str) -> Result<(), F::Error> {
    files.remove(&path(lock, name))?;
    files.remove_directory(&directory(lock))
}

/// Whether nobody is in whose lease runs. Clears away those whose lease is over. Only for the holder of the chain.
pub fn are_gone<F: Files>(files: &F, lock: &str) -> Result<bool, F::Error> {
    let Some(names) = files.names(&directory(lock))? else { return Ok(true) };
    let mut gone = true;
    for name in names {
        let path = path(lock, &name);
        match files.lease(&path)? {
            Some(Lease::Running) => gone = false,
            // A reader's name is never used again, so this is the dead one's file.
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
