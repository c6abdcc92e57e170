//! The defects.

use alloc::format;
use alloc::string::String;

/// Defines the enum and the list of its cases.
macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// A defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Defect { $($(#[$doc])* $name),* }

        impl Defect {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

defects! {
    /// `setup` opens an existing store.
    SetupOpens
    /// `create` replaces a session with the same id.
    CreateReplaces
    /// A load returns the previous version number.
    LoadIsOneVersionBehind
    /// A load truncates the data to 100,000 bytes.
    LoadCutsData
    /// A load returns expired sessions.
    LoadIgnoresExpiry
    /// A load counts as use.
    LoadIsUse
    /// A save creates a missing session.
    SaveCreates
    /// A save does not compare versions.
    SaveIgnoresExpected
    /// A save drops the owner.
    SaveLosesOwner
    /// A save refuses data of exactly the size limit.
    SaveLimitIsOneLess
    /// A touch increments the version.
    TouchMakesVersion
    /// A touch of a missing session succeeds.
    TouchOfNothingSucceeds
    /// A delete always reports that the session existed.
    DeleteIsAlwaysTrue
    /// `has` returns true for every id.
    HasIsAlwaysTrue
    /// A rename replaces a session with the new id.
    RenameReplaces
    /// A rename keeps the old id alive.
    RenameKeepsOldId
    /// A rename does not count as use.
    RenameIsNoUse
    /// An import replaces a session with the same id.
    ImportReplaces
    /// An import does not keep version and times.
    ImportStartsAnew
    /// An import counts as use.
    ImportIsUse
    /// A lock does not exclude.
    LockDoesNotExclude
    /// A listing omits the last session of each page.
    ListingLosesLast
    /// A listing ignores its start.
    ListingIgnoresStart
    /// `sessions-of` lists the sessions of other owners.
    SessionsOfLeaks
    /// `sessions-of` lists the newest first.
    SessionsOfNewestFirst
    /// `count-sessions-of` is one too low.
    CountIsOneLess
    /// `delete-sessions-of` keeps the newest session.
    DeleteOfLeavesOne
    /// `delete-old-sessions` ignores the age.
    DeleteOldDeletesAll
    /// `collect-garbage` deletes live sessions.
    GarbageIsAlive
    /// `collect-garbage` deletes nothing.
    GarbageStays
    /// `usage` reports an empty store.
    UsageIsNothing
}

impl Defect {
    /// Its name, which is the location of a store with it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}
