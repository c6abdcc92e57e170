//! How a manager works. See `configuration` in `wit/session-manager.wit`.

use alloc::string::ToString;

use crate::Error;
use crate::cookie::Policy;
use crate::error::Result;
use crate::store::Milliseconds;

/// How exactly the last use of a session is known unless it is configured.
pub const ACTIVITY_RESOLUTION: Milliseconds = 60_000;

/// The network that a customer is given at least (RFC 6177), and within which he makes up addresses as he likes.
pub const ADDRESS_PREFIX: u8 = 64;

const MINUTE: Milliseconds = 60_000;
const HOUR: Milliseconds = 60 * MINUTE;
const DAY: Milliseconds = 24 * HOUR;

/// How a manager works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// How the client keeps its session.
    pub cookie: Policy,
    /// A session ends when it was not used for this long.
    pub idle_timeout: Option<Milliseconds>,
    /// The last use is noted this often.
    pub activity_resolution: Milliseconds,
    /// A session ends this long after it was created or its user logged in.
    pub absolute_timeout: Option<Milliseconds>,
    /// A remembered session ends this long after the login.
    pub remember_timeout: Milliseconds,
    /// A session that is used gets a new id this often.
    pub renewal_interval: Option<Milliseconds>,
    /// An old cookie finds its session for this long.
    pub grace_window: Milliseconds,
    /// A session whose client has not come back ends after this long.
    pub unreturned_timeout: Option<Milliseconds>,
    /// The most sessions of a user.
    pub session_cap: Option<(u32, CapPolicy)>,
    /// The most new sessions of an address in a minute.
    pub new_sessions: Option<u32>,
    /// How many bits of an IPv6 address count as one client.
    pub address_prefix: u8,
    /// The most sessions in the store.
    pub total_sessions: Option<u64>,
    /// The most bytes in the store.
    pub total_bytes: Option<u64>,
}

/// What happens to a login that would give a user one session too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPolicy {
    /// It is refused.
    Refuse,
    /// The user's oldest session ends.
    EndOldest,
}

/// 30 minutes and 12 hours: what OWASP and NIST SP 800-63B ask of sites of moderate risk. 30 days is the longest that
/// NIST allows at all.
impl Default for Configuration {
    fn default() -> Self {
        Self {
            cookie: Policy::default(),
            idle_timeout: Some(30 * MINUTE),
            activity_resolution: ACTIVITY_RESOLUTION,
            absolute_timeout: Some(12 * HOUR),
            remember_timeout: 30 * DAY,
            renewal_interval: None,
            grace_window: 0,
            unreturned_timeout: None,
            session_cap: None,
            new_sessions: None,
            address_prefix: ADDRESS_PREFIX,
            total_sessions: None,
            total_bytes: None,
        }
    }
}

impl Configuration {
    /// Refuse what cannot work.
    pub fn check(&self) -> Result<()> {
        self.cookie.check()?;
        let timeouts = [
            self.idle_timeout,
            self.absolute_timeout,
            self.renewal_interval,
            self.unreturned_timeout,
            Some(self.remember_timeout),
        ];
        if timeouts.contains(&Some(0)) {
            return Err(Error::InvalidArgument("a timeout is at least 1 millisecond".to_string()));
        }
        if self.session_cap.is_some_and(|(cap, _)| cap == 0) {
            return Err(Error::InvalidArgument("a user may have at least 1 session".to_string()));
        }
        if !(1..=128).contains(&self.address_prefix) {
            return Err(Error::InvalidArgument("an IPv6 prefix has 1 to 128 bits".to_string()));
        }
        Ok(())
    }

    /// How old the last note of a session's use may be.
    pub(crate) fn resolution(&self, idle_timeout: Milliseconds) -> Milliseconds {
        self.activity_resolution.min(idle_timeout / 4)
    }
}
