//! The statements: one for each operation, so that it takes one round trip and is atomic.
//!
//! Those that decide lock the row first and look at its newest version, then change it in the same statement. What they
//! return tells why nothing was changed.

/// When a session was last active: `session_core::expiry::last_active`, before it is limited to now. Null if all its
/// stamps lie in the future.
const ACTIVE: &str = "greatest(CASE WHEN s.active <= $3::numeric + 60000 THEN s.active END, \
    CASE WHEN s.modified <= $3 + 60000 THEN s.modified END, CASE WHEN s.created <= $3 + 60000 THEN s.created END)";

/// `session_core::expiry::expired`.
const EXPIRED: &str = "(coalesce($3::numeric >= s.deadline, false) \
    OR s.idle IS NOT NULL AND (s.idle = 0 OR coalesce($3 - {active} >= s.idle, true)))";

/// Whether somebody holds the lock, by the server's clock.
const LIVE: &str = "coalesce(now() < ANY (s.ends), false)";

/// Whether a write is allowed: for the exclusive holder while it is that, for others while there is none.
const MAY_WRITE: &str = "CASE WHEN $4::bytea IS NULL THEN NOT {live} \
    ELSE coalesce(NOT s.shared AND s.holders[1] = $4 AND now() < s.ends[1], false) END";

/// The holders of a lock whose leases have not ended, without $3; null if there are none.
const OTHER_HOLDERS: &str = "(SELECT array_agg(h.holder ORDER BY h.n) \
    FROM unnest(s.holders, s.ends) WITH ORDINALITY h(holder, ends, n) WHERE h.ends > now() AND h.holder <> $3)";

/// The ends of their leases, in the same order.
const OTHER_ENDS: &str = "(SELECT array_agg(h.ends ORDER BY h.n) \
    FROM unnest(s.holders, s.ends) WITH ORDINALITY h(holder, ends, n) WHERE h.ends > now() AND h.holder <> $3)";

/// The columns of [`Head`](crate::head::Head), in its order.
const HEAD: &str =
    "s.version, s.created, s.modified, s.active, s.idle, s.deadline, s.owner, s.checksum, octet_length(s.data)";

/// Makes a row the lock of an id without a session.
const NOTHING: &str = "version = NULL, created = NULL, modified = NULL, active = NULL, idle = NULL, deadline = NULL, \
    owner = NULL, write = NULL, checksum = NULL, data = NULL";

/// How much of the table an estimate reads, in percent: all of one with up to 50,000 rows.
const PERCENT: &str = "least(100, 5000000 / greatest(c.reltuples, 1)) FROM pg_class c \
    WHERE c.oid = '{schema}.sessions'::regclass";

/// The tables, in the versions they had: each script (PL/pgSQL) brings a schema from the one before it to its own.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/1.sql")];

/// The version of the tables that this code uses.
pub(crate) const TABLES: usize = MIGRATIONS.len();

macro_rules! statements {
    ($($name:ident)*) => {
        /// The statements on the tables of a schema.
        pub(crate) struct Statements {
            $(pub(crate) $name: String,)*
        }

        impl Statements {
            /// `schema` is a quoted name.
            pub(crate) fn new(schema: &str) -> Self {
                Self { $($name: fill(include_str!(concat!("statements/", stringify!($name), ".sql")), schema),)* }
            }
        }
    };
}

statements! {
    load insert save touch delete bury rename lock renew unlock quarantine page infos ids_of count_of sweep usage check
    marker mark
}

/// The script that brings the tables of a schema from a version to the newest.
pub(crate) fn migration(schema: &str, from: usize) -> String {
    let scripts = MIGRATIONS[from..].concat();
    fill(&format!("{scripts}\nCOMMENT ON TABLE {{schema}}.stores IS '{}';", comment(TABLES)), schema)
}

/// The comment of the table of stores.
pub(crate) fn comment(version: usize) -> String {
    format!("session3 {version}")
}

/// Replaces the names in braces. Fragments contain others, so the order matters.
fn fill(template: &str, schema: &str) -> String {
    let fragments = [
        ("{head}", HEAD),
        ("{nothing}", NOTHING),
        ("{percent}", PERCENT),
        ("{other_holders}", OTHER_HOLDERS),
        ("{other_ends}", OTHER_ENDS),
        ("{may_write}", MAY_WRITE),
        ("{expired}", EXPIRED),
        ("{active}", ACTIVE),
        ("{live}", LIVE),
        ("{schema}", schema),
    ];
    fragments.iter().fold(template.to_owned(), |text, (name, fragment)| text.replace(name, fragment))
}

#[cfg(test)]
mod tests {
    use session_core::expiry::TOLERANCE;

    use super::*;

    #[test]
    fn the_tolerance_is_that_of_core() {
        assert_eq!(ACTIVE.matches(&format!("+ {TOLERANCE} ")).count(), 3);
    }

    #[test]
    fn nothing_is_left_to_be_filled() {
        let statements = Statements::new("\"a\"");
        for text in [&statements.save, &statements.lock, &statements.usage, &migration("\"a\"", 0)] {
            assert!(!text.contains('{'), "{text}");
        }
        assert!(migration("\"a\"", 0).ends_with("COMMENT ON TABLE \"a\".stores IS 'session3 1';"));
    }
}
