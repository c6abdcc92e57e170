//! Deliberate defects, at most one per instance: the explorations must find each.
//!
//! Misuse of the disk, the locks or the random numbers is planted by the machine, which serves a correct component as
//! if it had made the mistake. Other defects are planted in a copy of the sources, by `build/planted.rs`.

include!(concat!(env!("OUT_DIR"), "/planted.rs"));

/// A defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A file is never synced.
    NoSync,
    /// A file is synced only when the next operation opens a file.
    SyncAfterAcknowledging,
    /// A new file is synced only after it is renamed into place.
    RenameBeforeSync,
    /// A version is synced only after the cell that proves it is written.
    ProofBeforeSync,
    /// A failed sync is retried, and the retry is trusted.
    RetryAfterFailedSync,
    /// A directory is never synced.
    NoDirectorySync,
    /// A directory is not synced after a name is removed.
    DeletionNotDurable,
    /// A short write is taken for a complete one.
    ShortWriteIgnored,
    /// A failed write is not rolled back.
    FailedWriteNotTakenBack,
    /// A file that cannot be opened is taken for missing.
    IoErrorTakenForNotFound,
    /// A corrupt file is deleted, not quarantined.
    QuarantineDeletes,
    /// A temporary file is left behind.
    TemporaryFileKept,
    /// The name of a temporary file is predictable, and always the same.
    TemporaryNamePredictable,
    /// The index entry of a deleted session is kept.
    IndexEntryKept,
    /// A lock is released as soon as it is acquired.
    LockReleasedEarly,
    /// A defect of [`PLANTED`], in the component itself.
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
