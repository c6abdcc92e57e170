//! Deliberate defects, one of which an instance can have: the explorations must find each.
//!
//! What a store does wrong with its disk, its locks or its random numbers is planted by the machine, which serves a correct
//! component as if it had made the mistake. What the machine cannot see is planted in a copy of the sources, by
//! `build/planted.rs`.

include!(concat!(env!("OUT_DIR"), "/planted.rs"));

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A file is never synced.
    NoSync,
    /// A file is synced only when the next file is opened, by the next operation.
    SyncAfterAcknowledging,
    /// A new file is synced after it has got its name.
    RenameBeforeSync,
    /// A version is synced after the cell that proves it is written.
    ProofBeforeSync,
    /// A sync that failed is tried again, and believed.
    RetryAfterFailedSync,
    /// A directory is never synced.
    NoDirectorySync,
    /// A directory is not synced after a name was removed.
    DeletionNotDurable,
    /// A short write is taken for a whole one.
    ShortWriteIgnored,
    /// A write that failed is left as it is, whatever it has done.
    FailedWriteNotTakenBack,
    /// A file that cannot be opened is taken for one that is not there.
    IoErrorTakenForNotFound,
    /// A corrupt file is deleted, not put aside.
    QuarantineDeletes,
    /// A temporary file is left behind.
    TemporaryFileKept,
    /// The name of a temporary file can be guessed, and is the same each time.
    TemporaryNamePredictable,
    /// An entry stays in the index when its session is gone.
    IndexEntryKept,
    /// A lock is released as soon as it is taken.
    LockReleasedEarly,
    /// One of [`PLANTED`] in the component itself.
    Planted(&'static str),
}

/// Every defect with its name.
pub fn all() -> Vec<(&'static str, Defect)> {
    let of_the_machine = [
        ("no sync", Defect::NoSync),
        ("sync after acknowledging", Defect::SyncAfterAcknowledging),
        ("rename before sync", Defect::RenameBeforeSync),
        ("proof before sync", Defect::ProofBeforeSync),
        ("retry after a failed sync", Defect::RetryAfterFailedSync),
        ("no directory sync", Defect::NoDirectorySync),
        ("deletion not durable", Defect::DeletionNotDurable),
        ("short write ignored", Defect::ShortWriteIgnored),
        ("failed write not taken back", Defect::FailedWriteNotTakenBack),
        ("I/O error taken for not found", Defect::IoErrorTakenForNotFound),
        ("quarantine deletes", Defect::QuarantineDeletes),
        ("temporary file kept", Defect::TemporaryFileKept),
        ("temporary name predictable", Defect::TemporaryNamePredictable),
        ("index entry kept", Defect::IndexEntryKept),
        ("lock released early", Defect::LockReleasedEarly),
    ];
    of_the_machine.into_iter().chain(PLANTED.map(|name| (name, Defect::Planted(name)))).collect()
}
