//! Records that a manager keeps in a store beside sessions, under reserved ids: successors of old ids, and the tallies
//! of limits. They are not counted or listed as sessions.

const KINDS: [&str; 3] = ["old-", "tally-", "tally-of-"];

/// Whether the record with this id is a session.
pub fn is_session(id: &str) -> bool {
    let is_hash = |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    !KINDS.iter().any(|kind| id.strip_prefix(kind).is_some_and(is_hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reserved_ids_are_not_sessions() {
        let hash = "0123456789abcdef0123456789abcdef";
        for kind in KINDS {
            assert!(!is_session(&format!("{kind}{hash}")));
            assert!(is_session(&format!("{kind}0{hash}")) && is_session(&format!("{kind}{}", &hash[1..])));
        }
        assert!(is_session(hash) && is_session("old-times") && is_session("tally"));
    }
}
