use xxhash_rust::xxh3::xxh3_64;

/// A name as the table and the operating system know it: 62 bits of its hash.
///
/// All processes, of every version of this crate, must compute the same, for it is a place in the lock file. Names
/// with the same hash exclude each other, in the table as in the file; whoever holds one and asks for the other gets
/// a `deadlock` that is none. Nothing worse comes of it, so the hash needs no secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(u64);

impl Name {
    /// None when the name is empty or longer than 256 bytes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        (1..=256).contains(&text.len()).then(|| Self(xxh3_64(text.as_bytes()) >> 2))
    }

    /// The hash, less than 2^62.
    pub(super) fn hash(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_1_to_256_bytes() {
        assert_eq!(Name::parse(""), None);
        assert!(Name::parse("n").is_some());
        assert!(Name::parse(&"n".repeat(256)).is_some());
        assert_eq!(Name::parse(&"n".repeat(257)), None);
        assert_eq!(Name::parse(&"é".repeat(129)), None);
    }

    /// Servers of two versions may share a lock file: another hash would let both have the same lock.
    #[test]
    fn hash_is_fixed_for_ever() {
        assert_eq!(Name::parse("session").unwrap().hash(), 2_467_561_390_796_611_410);
    }
}
