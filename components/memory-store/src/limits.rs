//! What an argument must be.

use alloc::format;

use crate::bindings::wit::{Contents, Error, Options};

const DEFAULT_SIZE: u32 = 1 << 20;
const MAX_SIZE: u32 = 16 << 20;
const MAX_OWNER: usize = 256;

/// The most bytes of data a session may have.
pub fn size(options: Options) -> Result<u32, Error> {
    let size = options.size_limit.unwrap_or(DEFAULT_SIZE);
    need(size <= MAX_SIZE, || format!("the size limit is at most {MAX_SIZE} bytes"))?;
    Ok(size)
}

/// What a client wants to store.
pub fn contents(contents: &Contents, size: u32) -> Result<(), Error> {
    if contents.data.len() > size as usize {
        return Err(Error::TooLarge(size));
    }
    contents.owner.as_deref().map_or(Ok(()), owner)
}

/// Whose session it is.
pub fn owner(owner: &str) -> Result<(), Error> {
    need((1..=MAX_OWNER).contains(&owner.len()), || {
        format!("an owner has 1 to {MAX_OWNER} bytes, this one {}", owner.len())
    })
}

/// Where the sessions are: what would be a path if they were files.
pub fn location(location: &str) -> Result<(), Error> {
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    need(location == "." || location.split('/').all(good), || {
        "a location is `.` or a path without `..`, empty parts or a leading `/`".into()
    })
}

/// Refuse an argument with this text unless it is good.
pub fn need(good: bool, text: impl FnOnce() -> alloc::string::String) -> Result<(), Error> {
    if good { Ok(()) } else { Err(Error::InvalidArgument(text())) }
}
