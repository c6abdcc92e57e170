//! A session during one request.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::mem;

use crate::attributes::{Value, check_name};
use crate::changes::{Changes, Reads};
use crate::client::Client;
use crate::error::Result;
use crate::expiry::TOLERANCE;
use crate::form_tokens::{self, FormTokens, TokenHash};
use crate::map::Map;
use crate::state::State;
use crate::store::{Instant, Milliseconds, Record};
use crate::{Error, SessionId, json};

/// How a request works on its session. See `access` in `wit/session-manager.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing.
    ReadOnly,
    /// Changes are merged with those of others at the end.
    Optimistic,
    /// Excludes other writers, from start to finish.
    Exclusive,
}

/// A session during one request. Its operations are those of `session` in `wit/session-manager.wit`.
///
/// Changes are buffered until [`Manager`](crate::manager::Manager) finishes the request; dropping it discards them.
pub struct Session<G> {
    pub(crate) access: Access,
    /// None until it is stored.
    pub(crate) stored: Option<Stored>,
    /// Excludes other writers; only with exclusive access to a stored session.
    pub(crate) guard: Option<G>,
    /// What else the client has presented.
    pub(crate) presented: Presented,
    /// Who sent the request.
    pub(crate) client: Client,
    /// When it began.
    pub(crate) started: Instant,
    /// The state the request started from.
    pub(crate) base: State,
    pub(crate) changes: Changes,
    pub(crate) reads: Reads,
    /// The session ends with the request.
    pub(crate) ending: bool,
    /// The session gets a new id at the end of the request, even if the user does not change.
    pub(crate) renewing: bool,
    created: Instant,
    pub(crate) last_active: Instant,
}

/// What a client has presented besides the credential of its session.
#[derive(Default)]
pub(crate) struct Presented {
    /// The old cookie that found the session, while it was as good as the new one.
    pub via: Option<Via>,
    /// The session that recently replaced the one of an old cookie. The client may have its new cookie by now.
    pub replaced: Option<SessionId>,
    /// The sessions that its cookies open, if several: the client gets none of them.
    pub rivals: Vec<SessionId>,
    /// There is more than one cookie of the name.
    pub several: bool,
}

/// An old cookie in use.
pub(crate) struct Via {
    /// The id in it.
    pub id: SessionId,
    /// When its last use was recorded.
    pub touched: Instant,
}

impl Presented {
    /// What applies to a request with this access: a read-only one may not end sessions either.
    pub fn for_access(self, access: Access) -> Self {
        if access == Access::ReadOnly { Self::default() } else { self }
    }

    /// The sessions that the client may end, though not use.
    pub fn endable(&self) -> impl Iterator<Item = &SessionId> {
        self.replaced.iter().chain(&self.rivals)
    }
}

/// The stored session as of the start of the request.
pub(crate) struct Stored {
    pub id: SessionId,
    pub version: u64,
    pub idle_timeout: Option<Milliseconds>,
    pub deadline: Option<Instant>,
    /// It got this id after the request began.
    pub renamed: bool,
}

impl<G> Session<G> {
    /// Creates a session that is not stored yet.
    pub(crate) fn new(access: Access, client: Client, now: Instant) -> Self {
        Self {
            access,
            stored: None,
            guard: None,
            presented: Presented::default(),
            client,
            started: now,
            base: State::default(),
            changes: Changes::default(),
            reads: Reads::default(),
            ending: false,
            renewing: false,
            created: now,
            last_active: now,
        }
    }

    /// Creates a session from a loaded record. The record's data is dropped: `state` is its decoded form.
    pub(crate) fn found(
        access: Access,
        record: Record,
        mut state: State,
        guard: Option<G>,
        client: Client,
        now: Instant,
    ) -> Self {
        state.remove_expired(now);
        Self {
            stored: Some(Stored {
                id: record.id,
                version: record.version,
                idle_timeout: record.contents.idle_timeout,
                deadline: record.contents.deadline,
                renamed: false,
            }),
            guard,
            base: state,
            created: record.created,
            last_active: record.last_active,
            ..Self::new(access, client, now)
        }
    }

    /// Adds what else the client has presented.
    pub(crate) fn presenting(self, presented: Presented) -> Self {
        Self { presented, ..self }
    }

    /// The id; none until the session is stored.
    pub fn id(&self) -> Option<&SessionId> {
        self.stored.as_ref().map(|stored| &stored.id)
    }

    /// Who is logged in.
    pub fn user(&mut self) -> Option<&str> {
        self.changes.user(&self.base, &mut self.reads)
    }

    /// Logs a user in or, with none, out. If the user changes, the session gets a new id and drops what belonged to the
    /// previous user.
    pub fn set_user(&mut self, user: Option<String>) -> Result<()> {
        if user.is_some() && self.is_late() {
            self.restart();
        }
        self.ensure_writable()?;
        if let Some(user) = &user {
            check_name("a user", user)?;
        }
        self.changes.set_user(&self.base, user);
        Ok(())
    }

    /// Whether the request has an old cookie and sees the session as it was.
    fn is_late(&self) -> bool {
        self.stored.is_some() && self.presented.replaced.is_some()
    }

    /// Starts a new session. A login with an old cookie most likely follows a lost response to an earlier login, and
    /// must not fail.
    fn restart(&mut self) {
        let (presented, client) = (mem::take(&mut self.presented), mem::take(&mut self.client));
        *self = Self { presented, ..Self::new(Access::Optimistic, client, self.started) };
    }

    /// Records that the user has authenticated again or by another factor.
    pub fn mark_authenticated(&mut self) -> Result<()> {
        self.ensure_writable()?;
        if self.changes.seen_user(&self.base).is_none() {
            return Err(Error::InvalidArgument("no user is logged in; set one first".to_string()));
        }
        self.changes.mark_authenticated();
        Ok(())
    }

    /// When the user last authenticated; none when no user is logged in.
    pub fn authenticated(&self) -> Option<Instant> {
        self.changes.seen_user(&self.base)?;
        if self.changes.authenticates() { Some(self.started) } else { self.base.more.authenticated }
    }

    /// Whether that was less than this many minutes ago. A time in the future is not trusted: the clock was stepped
    /// back.
    pub fn authenticated_within(&self, minutes: u32, now: Instant) -> bool {
        self.authenticated().is_some_and(|at| {
            at <= now.saturating_add(TOLERANCE) && now.saturating_sub(at) < u64::from(minutes) * 60_000
        })
    }

    /// Keeps the session beyond the end of the browser, or stops.
    pub fn remember(&mut self, remember: bool) -> Result<()> {
        self.ensure_writable()?;
        self.changes.remember(&self.base, remember);
        Ok(())
    }

    /// Whether the session is remembered.
    pub fn remembered(&self) -> bool {
        self.changes.remembered(&self.base)
    }

    /// The value of an attribute.
    pub fn get(&mut self, name: &str) -> Option<&Value> {
        self.changes.attribute(&self.base, &mut self.reads, name)
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &str, value: Value) -> Result<()> {
        self.set_until(name, value, None)
    }

    /// Sets an attribute that expires after `lifetime`.
    pub fn set_with_ttl(&mut self, name: &str, value: Value, ttl: Milliseconds, now: Instant) -> Result<()> {
        if ttl == 0 {
            return Err(Error::InvalidArgument("the ttl of an attribute is at least 1 millisecond".to_string()));
        }
        self.set_until(name, value, Some(now.saturating_add(ttl)))
    }

    fn set_until(&mut self, name: &str, value: Value, expires: Option<Instant>) -> Result<()> {
        self.ensure_writable()?;
        check_name("the name of an attribute", name)?;
        check_value(&value)?;
        self.changes.set_attribute(&self.base, name, value, expires);
        Ok(())
    }

    /// When an attribute expires; none when it has no lifetime or is absent.
    pub fn attribute_expires(&self, name: &str) -> Option<Instant> {
        self.changes.attribute_expires(&self.base, name)
    }

    /// Adds to an integer attribute, 0 if absent. Concurrent increments add up.
    pub fn increment(&mut self, name: &str, by: i64) -> Result<i64> {
        self.ensure_writable()?;
        check_name("the name of an attribute", name)?;
        self.changes.add(&self.base, name, by).ok_or_else(|| {
            Error::InvalidArgument("the attribute is not an integer, or the sum overflows 64 bits".to_string())
        })
    }

    /// Removes an attribute and returns its value, which counts as a read.
    pub fn remove(&mut self, name: &str) -> Result<Option<Value>> {
        self.ensure_writable()?;
        let value = self.get(name).cloned();
        self.changes.remove_attribute(&self.base, name);
        Ok(value)
    }

    /// Whether an attribute exists.
    pub fn contains(&mut self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The names of all attributes, sorted.
    pub fn names(&mut self) -> Vec<String> {
        self.all().iter().map(|(name, _)| String::from(name)).collect()
    }

    /// All attributes, sorted by name.
    pub fn entries(&mut self) -> Vec<(String, Value)> {
        self.all().iter().map(|(name, value)| (String::from(name), (*value).clone())).collect()
    }

    /// The number of attributes.
    pub fn len(&mut self) -> usize {
        self.all().len()
    }

    /// Whether there are no attributes.
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// Removes all attributes.
    pub fn clear(&mut self) -> Result<()> {
        self.ensure_writable()?;
        self.changes.clear(&self.base);
        Ok(())
    }

    /// Leaves a value for a later request to read once.
    pub fn set_flash(&mut self, name: &str, value: Value) -> Result<()> {
        self.ensure_writable()?;
        check_name("the name of a flash value", name)?;
        check_value(&value)?;
        self.changes.set_flash(name, value);
        Ok(())
    }

    /// Takes a flash value that an earlier request left.
    pub fn take_flash(&mut self, name: &str) -> Option<Value> {
        self.ensure_writable().ok()?;
        self.changes.take_flash(&self.base, name)
    }

    /// When the session was created.
    pub fn created(&self) -> Instant {
        self.created
    }

    /// When it was last used before this request.
    pub fn last_active(&self) -> Instant {
        self.last_active
    }

    /// Time since creation; never negative.
    pub fn creation_age(&self, now: Instant) -> Milliseconds {
        now.saturating_sub(self.created)
    }

    /// Time since the last use before this request; never negative.
    pub fn access_age(&self, now: Instant) -> Milliseconds {
        now.saturating_sub(self.last_active)
    }

    /// The client's address at creation or the last login.
    pub fn remote_address(&self) -> Option<&str> {
        let known = if self.is_of_this_client() { &self.client.address } else { &self.base.remote_address };
        known.as_deref()
    }

    /// The client's `User-Agent` at creation or the last login.
    pub fn user_agent(&self) -> Option<&str> {
        let known = if self.is_of_this_client() { &self.client.user_agent } else { &self.base.more.user_agent };
        known.as_deref()
    }

    pub(crate) fn is_of_this_client(&self) -> bool {
        self.stored.is_none() || matches!(self.changes.user_change(), Some(Some(_)))
    }

    /// When the session expires if it is not used again after this request, depending on whether the request counts as
    /// use.
    pub fn expires(&self, is_touched: impl FnOnce(Milliseconds) -> bool) -> Option<Instant> {
        let stored = self.stored.as_ref()?;
        let idle = stored.idle_timeout.map(|idle| {
            let touched = if is_touched(idle) { self.started } else { self.last_active };
            touched.saturating_add(idle)
        });
        [idle, stored.deadline].into_iter().flatten().min()
    }

    /// Creates a single-use form token from 16 bytes of a cryptographic generator.
    pub fn create_form_token(&mut self, random: [u8; 16]) -> Result<String> {
        self.ensure_writable()?;
        self.changes.add_token(TokenHash::new(random));
        Ok(form_tokens::text(random))
    }

    /// Whether the session has this form token.
    pub fn has_form_token(&self, token: &str) -> bool {
        TokenHash::parse(token).is_some_and(|token| self.tokens().has(token))
    }

    /// Consumes a form token and returns whether it was present.
    pub fn remove_form_token(&mut self, token: &str) -> Result<bool> {
        self.ensure_writable()?;
        Ok(TokenHash::parse(token).is_some_and(|token| self.changes.use_token(&self.base, token)))
    }

    /// Whether there is something to keep: a user, an attribute, a flash value or a form token.
    pub fn has_info(&self) -> bool {
        self.changes.has_info(&self.base)
    }

    /// Ends the session when the request is finished, and does not change it until then.
    pub fn expire(&mut self) -> Result<()> {
        if !self.is_late() {
            self.ensure_writable()?;
        }
        self.ending = true;
        Ok(())
    }

    /// Gives the session a new id and secret when the request is finished.
    pub fn regenerate(&mut self) -> Result<()> {
        self.ensure_writable()?;
        self.renewing = true;
        Ok(())
    }

    /// Describes the session in lines of text: the name, type and length of attributes, the number of form tokens. No
    /// values, since any may be a secret.
    pub fn dump(&mut self, now: Instant) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_dump(&mut text, now);
        text
    }

    fn write_dump(&mut self, out: &mut String, now: Instant) -> fmt::Result {
        let escaped = |text: Option<&str>| text.map_or("none".to_string(), |text| text.escape_default().to_string());
        writeln!(out, "session: {}", self.id().map_or("not stored", SessionId::as_str))?;
        writeln!(out, "user: {}", escaped(self.user()))?;
        writeln!(out, "remote address: {}", escaped(self.remote_address()))?;
        writeln!(out, "user agent: {}", escaped(self.user_agent()))?;
        writeln!(out, "created: {} ms ago", self.creation_age(now))?;
        writeln!(out, "last active: {} ms ago", self.access_age(now))?;
        writeln!(out, "form tokens: {}", self.tokens().len())?;
        let attributes = self.all();
        writeln!(out, "attributes: {}", attributes.len())?;
        for (name, value) in attributes.iter() {
            let (kind, length) = match value {
                Value::Null => ("null", None),
                Value::Boolean(_) => ("boolean", None),
                Value::Integer(_) => ("integer", None),
                Value::Number(_) => ("number", None),
                Value::Text(text) => ("text", Some(text.len())),
                Value::Bytes(bytes) => ("bytes", Some(bytes.len())),
                Value::Json(text) => ("json", Some(text.len())),
            };
            write!(out, "  {}: {kind}", name.escape_default())?;
            if let Some(length) = length {
                write!(out, ", {length} bytes")?;
            }
            out.push('\n');
        }
        if self.remembered() {
            out.push_str("remembered\n");
        }
        if let Some(replaced) = &self.base.more.replaced {
            writeln!(out, "replaced by: {}", replaced.by)?;
        }
        if self.ending {
            out.push_str("ends with the request\n");
        }
        if self.renewing {
            out.push_str("gets a new id\n");
        }
        Ok(())
    }

    fn all(&mut self) -> Map<&Value> {
        self.changes.all_attributes(&self.base, &mut self.reads)
    }

    fn tokens(&self) -> FormTokens {
        self.changes.tokens(&self.base)
    }

    fn ensure_writable(&self) -> Result<()> {
        if self.access == Access::ReadOnly {
            return Err(Error::AccessDenied("the session is read-only in this request".to_string()));
        }
        Ok(())
    }
}

fn check_value(value: &Value) -> Result<()> {
    if let Value::Json(text) = value { json::check(text) } else { Ok(()) }
}

impl<G> fmt::Debug for Session<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).field("access", &self.access).finish_non_exhaustive()
    }
}
