//! The scripts that run on the server.

use alloc::string::String;

use sha1::{Digest, Sha1};

/// A script. Its name is its source file's.
#[derive(Debug)]
pub struct Script {
    /// For error messages.
    pub name: &'static str,
    /// What `EVAL` takes.
    pub source: &'static str,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal)*) => {
        $($(#[$doc])* pub const $name: Script = Script {
            name: $file,
            source: concat!(include_str!("scripts/prelude.lua"), include_str!(concat!("scripts/", $file, ".lua"))),
        };)*

        /// All scripts.
        pub const ALL: &[Script] = &[$($name),*];
    };
}

scripts! {
    /// Stores a new session.
    INSERT = "insert"
    /// Replaces its contents.
    SAVE = "save"
    /// Marks it as used.
    TOUCH = "touch"
    /// Deletes it.
    DELETE = "delete"
    /// Deletes it if it has expired.
    BURY = "bury"
    /// Removes a stale entry of the owners' index.
    PRUNE = "prune"
    /// Takes a lock.
    LOCK = "lock"
    /// Extends it.
    RENEW = "renew"
    /// Releases it.
    UNLOCK = "unlock"
    /// First step of a rename.
    PEND = "pend"
    /// Second step of a rename.
    COMMIT = "commit"
    /// Third step of a rename.
    FINISH = "finish"
    /// Ends a rename before its second step.
    ABORT = "abort"
    /// Removes the record of an aborted rename.
    WITHDRAW = "withdraw"
    /// Moves an unreadable session out of the way.
    QUARANTINE = "quarantine"
}

impl Script {
    /// What `EVALSHA` takes: the SHA-1 of the source in hexadecimal.
    pub fn sha(&self) -> String {
        base16ct::lower::encode_string(&Sha1::digest(self.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_redis() {
        assert_eq!(Script { name: "", source: "return 1" }.sha(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        let mut hashes: alloc::vec::Vec<_> = ALL.iter().map(Script::sha).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), ALL.len());
    }
}
