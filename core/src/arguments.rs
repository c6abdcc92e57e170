//! The limits of a store's arguments, checked before a store sees them.

use alloc::format;
use alloc::string::String;

use crate::error::{Error, Result};
use crate::store::{Contents, MAX_DATA, MAX_OWNER, MAX_PAGE, Options, Record};

/// Checks the location and the options of an `open` or `setup`.
pub fn location(location: &str, options: Options) -> Result<()> {
    ensure(options.size_limit <= MAX_DATA, || format!("the size limit is at most {MAX_DATA} bytes"))?;
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.bytes().any(|byte| matches!(byte, b'\\' | 0));
    ensure(location == "." || location.split('/').all(is_part), || {
        "a location is `.` or a path below the preopened directory, without `..`, empty components or a leading `/`"
            .into()
    })
}

/// Checks the data and the owner of a session.
pub fn contents(contents: &Contents, size_limit: u32) -> Result<()> {
    if contents.data.len() > size_limit as usize {
        return Err(Error::TooLarge(size_limit));
    }
    contents.owner.as_deref().map_or(Ok(()), owner)
}

/// Checks an owner.
pub fn owner(owner: &str) -> Result<()> {
    ensure((1..=MAX_OWNER).contains(&owner.len()), || {
        format!("an owner must be 1 to {MAX_OWNER} bytes, not {}", owner.len())
    })
}

/// Checks a session to import.
pub fn imported(record: &Record, size_limit: u32) -> Result<()> {
    contents(&record.contents, size_limit)?;
    // The last number has no successor: no save could follow it.
    ensure((1..u64::MAX).contains(&record.version), || "a version is at least 1".into())
}

/// Checks the limit of a page.
pub fn page(limit: u32) -> Result<()> {
    ensure((1..=MAX_PAGE).contains(&limit), || format!("a page has 1 to {MAX_PAGE} sessions"))
}

/// Checks the budget of a step of garbage collection.
pub fn budget(budget: u32) -> Result<()> {
    ensure(budget > 0, || "the budget is at least 1".into())
}

fn ensure(valid: bool, text: impl FnOnce() -> String) -> Result<()> {
    if valid { Ok(()) } else { Err(Error::InvalidArgument(text())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: core::fmt::Debug>(result: Result<T>) -> String {
        let Err(Error::InvalidArgument(text)) = result else { panic!("{result:?}") };
        text
    }

    #[test]
    fn locations() {
        for good in [".", "a", "a/b", "a.b/..c", "~"] {
            assert_eq!(location(good, Options::default()), Ok(()), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a\0"] {
            refused(location(bad, Options::default()));
        }
    }

    #[test]
    fn size_limits() {
        for (size_limit, good) in [(0, true), (MAX_DATA, true), (MAX_DATA + 1, false)] {
            assert_eq!(location(".", Options { size_limit, ..Options::default() }).is_ok(), good, "{size_limit}");
        }
    }

    #[test]
    fn owners() {
        for (length, good) in [(0, false), (1, true), (MAX_OWNER, true), (MAX_OWNER + 1, false)] {
            assert_eq!(owner(&"o".repeat(length)).is_ok(), good, "{length}");
        }
        assert_eq!(refused(owner("")), "an owner must be 1 to 256 bytes, not 0");
    }
}
