use xxhash_rust::xxh3::xxh3_64;

/// A lock's name in the table and the lock file: 62 bits of its hash.
///
/// It is an offset in the lock file, so all processes, of every version of this crate, must compute the same. Names
/// with equal hashes exclude each other, in the table and in the file; a holder of one that asks for the other gets a
/// false `deadlock`. A collision does no other harm, so the hash needs no secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(u64);

impl Name {
    /// `None` if the name is empty or longer than 256 bytes.
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
    fn the_hash_is_stable() {
        assert_eq!(Name::parse("session").unwrap().hash(), 2_467_561_390_796_611_410);
    }
}
