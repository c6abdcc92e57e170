//! The six scripts that Session3 was tested with, as rows.

/// What a page shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    /// The home page without a session: its id is None.
    NoSession,
    /// The home page with a session.
    Session,
    /// The home page, with a session or not, and the counter at this value.
    Counter(i64),
    /// The page of a request that failed on purpose: status 500.
    Failure,
}

use Shown::{Counter, Failure, NoSession, Session};

/// A link or a button, and what the resulting page shows.
pub type Step = (&'static str, Shown);

/// Name and steps. Each starts without a cookie.
pub const SCENARIOS: [(&str, &[Step]); 6] = [
    ("session_id", &[("/", NoSession), ("keep", Session)]),
    (
        "increment",
        &[
            ("/", NoSession),
            ("keep", Counter(0)),
            ("/", Counter(0)),
            ("increment", Counter(1)),
            ("increment", Counter(2)),
        ],
    ),
    (
        "increment+fail",
        &[
            ("/", NoSession),
            ("keep", Counter(0)),
            ("/", Counter(0)),
            ("increment", Counter(1)),
            ("incrementfail", Failure),
            ("/", Counter(1)),
        ],
    ),
    ("logout", &[("/", NoSession), ("keep", Session), ("logout", NoSession), ("logout", NoSession)]),
    ("logout+fail", &[("/", NoSession), ("keep", Session), ("logoutfail", Failure), ("/", Session)]),
    ("logout+nokeep", &[("/", NoSession), ("logout", NoSession)]),
];
