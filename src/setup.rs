//! Locating a store, and setting up a directory as one.

use alloc::format;
use alloc::vec::Vec;

use guest_exports::host::random_id;
use session_core::error::{Error, Result};
use session_core::store::{LockMode, Milliseconds};
use wasi::filesystem::preopens::get_directories;

use crate::directory::{Directory, ErrorCode, failed};
use crate::layout;
use crate::locks::{self, Lock};
use crate::marker::Marker;

/// How long a set-up waits for concurrent ones.
const WAIT: Milliseconds = 10_000;

/// The error for a location without a store.
pub fn no_store(location: &str) -> Error {
    Error::NoSuchStore(format!(
        "there is no session store at `{location}`: set one up, open it with `create`, or check the location and what \
         the host preopens"
    ))
}

/// Opens the directory of a location; none when it is missing and `create` is not set.
pub fn locate(location: &str, create: bool) -> Result<Option<Directory>> {
    let parts: Vec<&str> = if location == "." { Vec::new() } else { location.split('/').collect() };
    let preopens = get_directories();
    let named = preopens.iter().find(|(_, name)| preopens.len() > 1 && parts.first() == Some(&name.trim_matches('/')));
    let (preopen, parts) = match named {
        Some((preopen, _)) => (preopen, &parts[1..]),
        None => match preopens.first() {
            Some((preopen, _)) => (preopen, &parts[..]),
            None => return Err(Error::AccessDenied("the host gives this component no directory; preopen one".into())),
        },
    };
    let action = "open the directory of the store";
    let mut directory = Directory::of_preopen(preopen).map_err(failed(action))?;
    for part in parts {
        directory = match directory.directory(part) {
            Ok(next) => next,
            Err(ErrorCode::NoEntry) if create => {
                directory.make_directory(part).map_err(failed("make the directory of the store"))?;
                directory.directory(part).map_err(failed(action))?
            }
            Err(ErrorCode::NoEntry) => return Ok(None),
            Err(code) => return Err(failed(action)(code)),
        };
    }
    Ok(Some(directory))
}

/// Sets up a store in the directory unless it has one; returns whether it did. Under a lock: two stores in one
/// directory would not exclude each other's instances. The marker is written last, so a killed set-up is done again.
pub fn set_up_once(root: &Directory) -> Result<(bool, Marker)> {
    let action = "set up the store";
    let _lock = Lock::acquire(locks::SETUP, LockMode::Exclusive, WAIT)?;
    if let Some(marker) = Marker::read(root)? {
        return Ok((false, marker));
    }
    for directory in [layout::SESSIONS, layout::OWNERS, layout::QUARANTINE] {
        root.make_directory(directory).map_err(failed(action))?;
    }
    for number in 0..=u8::MAX {
        root.make_directory(&layout::shard(layout::SESSIONS, number)).map_err(failed(action))?;
    }
    root.directory(layout::SESSIONS).and_then(|sessions| sessions.sync()).map_err(failed(action))?;
    Ok((true, Marker::create(root, &random_id())?))
}
