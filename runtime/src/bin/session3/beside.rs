//! What a manager keeps in a store beside sessions, under ids that say so: what is known of old ids, and the tallies of
//! limits. It is nobody's session, and not counted or listed as one.

const KINDS: [&str; 3] = ["old-", "tally-", "tally-of-"];

/// Whether the record of this id is a session.
pub fn is_session(id: &str) -> bool {
    let is_hash = |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    !KINDS.iter().any(|kind| id.strip_prefix(kind).is_some_and(is_hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_manager_names_so_is_no_session() {
        let hash = "0123456789abcdef0123456789abcdef";
        for kind in KINDS {
            assert!(!is_session(&format!("{kind}{hash}")));
            assert!(is_session(&format!("{kind}0{hash}")) && is_session(&format!("{kind}{}", &hash[1..])));
        }
        assert!(is_session(hash) && is_session("old-times") && is_session("tally"));
    }
}
