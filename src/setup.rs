//! Where a store is, and how a directory becomes one.

use alloc::format;
use alloc::vec::Vec;

use guest_exports::host::random_id;
use session_core::error::{Error, Result};
use session_core::store::{LockMode, Milliseconds};
use wasi::filesystem::preopens::get_directories;

use crate::directory::{Directory, ErrorCode, done, failed};
use crate::layout;
use crate::locks::{self, Lock};
use crate::marker::Marker;

/// How long set-up waits for others who are setting up.
const WAIT: Milliseconds = 10_000;

/// There is no store at a location.
pub fn no_store(location: &str) -> Error {
    Error::NoSuchStore(format!(
        "there is no session store at `{location}`: set one up, open it with `create`, or check the location and what \
         the host preopens"
    ))
}

/// Find the directory of a location. None when it is not there and is not to be made.
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
    let doing = "open the directory of the store";
    let mut directory = Directory::of_preopen(preopen).map_err(failed(doing))?;
    for part in parts {
        directory = match directory.directory(part) {
            Ok(next) => next,
            Err(ErrorCode::NoEntry) if create => {
                directory.make_directory(part).map_err(failed("make the directory of the store"))?;
                directory.directory(part).map_err(failed(doing))?
            }
            Err(ErrorCode::NoEntry) => return Ok(None),
            Err(code) => return Err(failed(doing)(code)),
        };
    }
    Ok(Some(directory))
}

/// Make the directory a store, unless it is one. Says whether it did. Under a lock: two stores
/// in one directory would lock past each other. The marker comes last, so a set-up that was killed is done again.
pub fn set_up_once(root: &Directory) -> Result<(bool, Marker)> {
    let doing = "set up the store";
    let _alone = Lock::acquire(locks::SETUP, LockMode::Exclusive, WAIT)?;
    if let Some(marker) = Marker::read(root)? {
        return Ok((false, marker));
    }
    for directory in [layout::SESSIONS, layout::OWNERS, layout::QUARANTINE] {
        done(root.make_directory(directory), doing)?;
    }
    for number in 0..=u8::MAX {
        done(root.make_directory(&layout::shard(layout::SESSIONS, number)), doing)?;
    }
    done(root.directory(layout::SESSIONS).and_then(|sessions| sessions.sync()), doing)?;
    Ok((true, Marker::make(root, &random_id())?))
}
