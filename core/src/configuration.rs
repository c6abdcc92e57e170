//! The manager's configuration. See `configuration` in `wit/session-manager.wit`.

use alloc::string::ToString;

use crate::Error;
use crate::cookie::Policy;
use crate::error::Result;
use crate::store::Milliseconds;

/// Default resolution of a session's last use.
pub const ACTIVITY_RESOLUTION: Milliseconds = 60_000;

/// The smallest network a customer is assigned (RFC 6177), and within which it can use any address.
pub const ADDRESS_PREFIX: u8 = 64;

const MINUTE: Milliseconds = 60_000;
const HOUR: Milliseconds = 60 * MINUTE;
const DAY: Milliseconds = 24 * HOUR;

/// A manager's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// How the client keeps its session.
    pub cookie: Policy,
    /// A session expires when unused for this long.
    pub idle_timeout: Option<Milliseconds>,
    /// The interval at which the last use is recorded.
    pub activity_resolution: Milliseconds,
    /// A session expires this long after it was created or its user logged in.
    pub absolute_timeout: Option<Milliseconds>,
    /// A remembered session expires this long after the login.
    pub remember_timeout: Milliseconds,
    /// A session in use gets a new id at this interval.
    pub renewal_interval: Option<Milliseconds>,
    /// How long an old cookie finds its session.
    pub grace_window: Milliseconds,
    /// A session whose client has not returned expires after this long.
    pub unconfirmed_timeout: Option<Milliseconds>,
    /// Maximum number of sessions of one user.
    pub session_cap: Option<(u32, CapPolicy)>,
    /// Maximum number of new sessions per address and minute.
    pub new_sessions: Option<u32>,
    /// How many bits of an IPv6 address identify a client.
    pub ipv6_prefix: u8,
    /// Maximum number of sessions in the store.
    pub total_sessions: Option<u64>,
    /// Maximum number of bytes in the store.
    pub total_bytes: Option<u64>,
}

/// What happens to a login that exceeds a user's session cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapPolicy {
    /// It is refused.
    Refuse,
    /// The user's oldest session ends.
    EndOldest,
}

/// 30 minutes and 12 hours: what OWASP and NIST SP 800-63B ask of sites of moderate risk. 30 days is the longest that
/// NIST allows.
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
            unconfirmed_timeout: None,
            session_cap: None,
            new_sessions: None,
            ipv6_prefix: ADDRESS_PREFIX,
            total_sessions: None,
            total_bytes: None,
        }
    }
}

impl Configuration {
    /// Refuses invalid configurations.
    pub fn check(&self) -> Result<()> {
        self.cookie.check()?;
        let timeouts = [
            self.idle_timeout,
            self.absolute_timeout,
            self.renewal_interval,
            self.unconfirmed_timeout,
            Some(self.remember_timeout),
        ];
        if timeouts.contains(&Some(0)) {
            return Err(Error::InvalidArgument("a timeout is at least 1 millisecond".to_string()));
        }
        if self.session_cap.is_some_and(|(cap, _)| cap == 0) {
            return Err(Error::InvalidArgument("a user may have at least 1 session".to_string()));
        }
        if !(1..=128).contains(&self.ipv6_prefix) {
            return Err(Error::InvalidArgument("an IPv6 prefix has 1 to 128 bits".to_string()));
        }
        Ok(())
    }

    /// The maximum age of the last recorded use.
    pub(crate) fn resolution(&self, idle_timeout: Milliseconds) -> Milliseconds {
        self.activity_resolution.min(idle_timeout / 4)
    }
}
