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
    /// It changes nothing.
    ReadOnly,
    /// Its changes are merged with those of others at the end.
    Optimistic,
    /// It excludes others that write, from start to finish.
    Exclusive,
}

/// A session during one request. See `session` in `wit/session-manager.wit`: the operations are the same.
///
/// Changes stay here until [`Manager`](crate::manager::Manager) finishes the request; dropping it discards them.
pub struct Session<G> {
    pub(crate) access: Access,
    /// None while it was never stored.
    pub(crate) stored: Option<Stored>,
    /// Excludes other writers; only with exclusive access, and only to a session that is stored.
    pub(crate) guard: Option<G>,
    /// What else the client has shown.
    pub(crate) shown: Shown,
    /// Who sent the request.
    pub(crate) client: Client,
    /// When it began.
    pub(crate) started: Instant,
    /// What the request started from.
    pub(crate) base: State,
    pub(crate) changes: Changes,
    pub(crate) reads: Reads,
    /// It ends with the request.
    pub(crate) ending: bool,
    /// It gets a new id with the end of the request, whether or not the user changes.
    pub(crate) renewing: bool,
    created: Instant,
    pub(crate) last_active: Instant,
}

/// What a client has shown, beside what lets it have its session.
#[derive(Default)]
pub(crate) struct Shown {
    /// The old cookie that found the session, as it was as good as the new one.
    pub via: Option<Via>,
    /// An old cookie that was replaced a moment ago, and by which session. The client may have its new cookie by now.
    pub replaced: Option<SessionId>,
    /// The sessions that it could have, when there are several: it has none of them.
    pub rivals: Vec<SessionId>,
    /// There is more than one cookie of the name.
    pub several: bool,
}

/// An old cookie in use.
pub(crate) struct Via {
    /// The id in it.
    pub id: SessionId,
    /// When its use was last noted.
    pub noted: Instant,
}

impl Shown {
    /// What counts of it for a request that changes nothing: it may not end anything either.
    pub fn to(self, access: Access) -> Self {
        if access == Access::ReadOnly { Self::default() } else { self }
    }

    /// What the client may end, though it may not use it.
    pub fn endable(&self) -> impl Iterator<Item = &SessionId> {
        self.replaced.iter().chain(&self.rivals)
    }
}

/// What the store knew of the session when the request started.
pub(crate) struct Stored {
    pub id: SessionId,
    pub version: u64,
    pub idle_timeout: Option<Milliseconds>,
    pub deadline: Option<Instant>,
    /// It has got this id since the request began.
    pub renamed: bool,
}

impl<G> Session<G> {
    /// A new session: it is nowhere yet.
    pub(crate) fn new(access: Access, client: Client, now: Instant) -> Self {
        Self {
            access,
            stored: None,
            guard: None,
            shown: Shown::default(),
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

    /// A session as a load found it. The record's data is not kept: `state` is what it means.
    pub(crate) fn found(
        access: Access,
        record: Record,
        mut state: State,
        guard: Option<G>,
        client: Client,
        now: Instant,
    ) -> Self {
        state.vanish(now);
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

    /// With what else the client has shown.
    pub(crate) fn showing(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    /// The id, or none while the session has not been stored.
    pub fn id(&self) -> Option<&SessionId> {
        self.stored.as_ref().map(|stored| &stored.id)
    }

    /// Who is logged in.
    pub fn user(&mut self) -> Option<&str> {
        self.changes.user(&self.base, &mut self.reads)
    }

    /// Log a user in or, with none, out. Another user than before gets a new id, and nothing of what was the other's.
    pub fn set_user(&mut self, user: Option<String>) -> Result<()> {
        if user.is_some() && self.is_late() {
            self.begin_anew();
        }
        self.writable()?;
        if let Some(user) = &user {
            check_name("a user", user)?;
        }
        self.changes.set_user(&self.base, user);
        Ok(())
    }

    /// Whether it is shown as it was, to a request with its old cookie.
    fn is_late(&self) -> bool {
        self.stored.is_some() && self.shown.replaced.is_some()
    }

    /// Who logs in with an old cookie has lost the answer to an earlier login, most likely: that must not lock him out.
    fn begin_anew(&mut self) {
        let (shown, client) = (mem::take(&mut self.shown), mem::take(&mut self.client));
        *self = Self { shown, ..Self::new(Access::Optimistic, client, self.started) };
    }

    /// Note that the user has proved who they are, again or by one more factor.
    pub fn authenticate(&mut self) -> Result<()> {
        self.writable()?;
        if self.changes.seen_user(&self.base).is_none() {
            return Err(Error::InvalidArgument("nobody is logged in; set the user".to_string()));
        }
        self.changes.authenticate();
        Ok(())
    }

    /// When the user last proved who they are; none when nobody is logged in.
    pub fn authenticated(&self) -> Option<Instant> {
        self.changes.seen_user(&self.base)?;
        if self.changes.authenticates() { Some(self.started) } else { self.base.more.authenticated }
    }

    /// Whether that was less than so long ago. A moment in the future is not believed: the clock was stepped back.
    pub fn authenticated_within(&self, minutes: u32, now: Instant) -> bool {
        self.authenticated().is_some_and(|at| {
            at <= now.saturating_add(TOLERANCE) && now.saturating_sub(at) < u64::from(minutes) * 60_000
        })
    }

    /// Remember the session beyond the browser's end, or no longer.
    pub fn remember(&mut self, remember: bool) -> Result<()> {
        self.writable()?;
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

    /// Set an attribute.
    pub fn set(&mut self, name: &str, value: Value) -> Result<()> {
        self.set_until(name, value, None)
    }

    /// Set an attribute that vanishes after so long.
    pub fn set_for(&mut self, name: &str, value: Value, lifetime: Milliseconds, now: Instant) -> Result<()> {
        if lifetime == 0 {
            return Err(Error::InvalidArgument("an attribute lives at least 1 millisecond".to_string()));
        }
        self.set_until(name, value, Some(now.saturating_add(lifetime)))
    }

    fn set_until(&mut self, name: &str, value: Value, vanishes: Option<Instant>) -> Result<()> {
        self.writable()?;
        check_name("the name of an attribute", name)?;
        check_value(&value)?;
        self.changes.set_attribute(&self.base, name, value, vanishes);
        Ok(())
    }

    /// When an attribute vanishes; none when it stays, or is not there.
    pub fn vanishes(&self, name: &str) -> Option<Instant> {
        self.changes.vanishes(&self.base, name)
    }

    /// Add to an attribute that is an integer, or not there. Increments of several requests add up.
    pub fn increment(&mut self, name: &str, by: i64) -> Result<i64> {
        self.writable()?;
        check_name("the name of an attribute", name)?;
        self.changes.add(&self.base, name, by).ok_or_else(|| {
            Error::InvalidArgument("the attribute is not an integer, or the sum has more than 64 bits".to_string())
        })
    }

    /// Remove an attribute and return what it was: that counts as reading it.
    pub fn remove(&mut self, name: &str) -> Result<Option<Value>> {
        self.writable()?;
        let value = self.get(name).cloned();
        self.changes.remove_attribute(&self.base, name);
        Ok(value)
    }

    /// Whether there is such an attribute.
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

    /// How many attributes there are.
    pub fn len(&mut self) -> usize {
        self.all().len()
    }

    /// Whether there are no attributes.
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// Remove all attributes.
    pub fn clear(&mut self) -> Result<()> {
        self.writable()?;
        self.changes.clear(&self.base);
        Ok(())
    }

    /// Leave a value for a later request, to be read once.
    pub fn set_flash(&mut self, name: &str, value: Value) -> Result<()> {
        self.writable()?;
        check_name("the name of a flash value", name)?;
        check_value(&value)?;
        self.changes.set_flash(name, value);
        Ok(())
    }

    /// Take a flash value that an earlier request has left.
    pub fn take_flash(&mut self, name: &str) -> Option<Value> {
        self.writable().ok()?;
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

    /// Time since it was created; never less than zero.
    pub fn creation_age(&self, now: Instant) -> Milliseconds {
        now.saturating_sub(self.created)
    }

    /// Time since it was last used before this request; never less than zero.
    pub fn access_age(&self, now: Instant) -> Milliseconds {
        now.saturating_sub(self.last_active)
    }

    /// The client's address when the session was created, or at the last login.
    pub fn remote_address(&self) -> Option<&str> {
        let known = if self.is_of_this_client() { &self.client.address } else { &self.base.remote_address };
        known.as_deref()
    }

    /// The client's `User-Agent` when the session was created, or at the last login.
    pub fn user_agent(&self) -> Option<&str> {
        let known = if self.is_of_this_client() { &self.client.user_agent } else { &self.base.more.user_agent };
        known.as_deref()
    }

    pub(crate) fn is_of_this_client(&self) -> bool {
        self.stored.is_none() || matches!(self.changes.user_change(), Some(Some(_)))
    }

    /// When the session ends if it is not used again after this request, whose use is noted or not.
    pub fn expires(&self, is_noted: impl FnOnce(Milliseconds) -> bool) -> Option<Instant> {
        let stored = self.stored.as_ref()?;
        let idle = stored.idle_timeout.map(|idle| {
            let noted = if is_noted(idle) { self.started } else { self.last_active };
            noted.saturating_add(idle)
        });
        [idle, stored.deadline].into_iter().flatten().min()
    }

    /// Make a token for a form that may be sent once, of 16 bytes of a cryptographic generator.
    pub fn create_form_token(&mut self, random: [u8; 16]) -> Result<String> {
        self.writable()?;
        self.changes.add_token(TokenHash::new(random));
        Ok(form_tokens::text(random))
    }

    /// Whether a token is one of the session's.
    pub fn has_form_token(&self, token: &str) -> bool {
        TokenHash::parse(token).is_some_and(|token| self.tokens().has(token))
    }

    /// Use a token up, and say whether it was there.
    pub fn remove_form_token(&mut self, token: &str) -> Result<bool> {
        self.writable()?;
        Ok(TokenHash::parse(token).is_some_and(|token| self.changes.use_token(&self.base, token)))
    }

    /// Whether there is something to keep: a user, an attribute or a form token.
    pub fn has_info(&self) -> bool {
        self.changes.has_info(&self.base)
    }

    /// End the session when the request is finished. Until then it stays as it is.
    pub fn expire(&mut self) -> Result<()> {
        if !self.is_late() {
            self.writable()?;
        }
        self.ending = true;
        Ok(())
    }

    /// Give the session a new id and secret when the request is finished.
    pub fn regenerate(&mut self) -> Result<()> {
        self.writable()?;
        self.renewing = true;
        Ok(())
    }

    /// Describe the session in lines of text: of attributes the name, type and length, of form tokens the number. No
    /// value is in it, for any may be a secret.
    pub fn dump(&mut self, now: Instant) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
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

    fn writable(&self) -> Result<()> {
        if self.access == Access::ReadOnly {
            return Err(Error::AccessDenied("this request has only read access to its session".to_string()));
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
