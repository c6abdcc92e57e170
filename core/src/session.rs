//! A session during one request.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::attributes::{State, Value, check_name};
use crate::changes::{Changes, Reads};
use crate::error::Result;
use crate::form_tokens::{self, FormTokens, TokenHash};
use crate::map::Map;
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

/// Longest address of a client that is kept, in bytes.
pub const MAX_ADDRESS: usize = 256;

/// A session during one request. See `session` in `wit/session-manager.wit`: the operations are the same.
///
/// Changes stay here until [`Manager`](crate::manager::Manager) finishes the request; dropping it discards them.
pub struct Session<G> {
    pub(crate) access: Access,
    /// None while it was never stored.
    pub(crate) stored: Option<Stored>,
    /// Excludes other writers; only with exclusive access, and only to a session that is stored.
    pub(crate) guard: Option<G>,
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

/// What the store knew of the session when the request started.
pub(crate) struct Stored {
    pub id: SessionId,
    pub version: u64,
    pub idle_timeout: Option<Milliseconds>,
    pub deadline: Option<Instant>,
}

impl<G> Session<G> {
    /// A new session: it is nowhere yet.
    pub(crate) fn new(access: Access, peer: Option<&str>, now: Instant) -> Self {
        let remote_address =
            peer.map(|peer| peer.get(..peer.floor_char_boundary(MAX_ADDRESS)).unwrap_or_default().to_string());
        Self {
            access,
            stored: None,
            guard: None,
            base: State { remote_address, ..State::default() },
            changes: Changes::default(),
            reads: Reads::default(),
            ending: false,
            renewing: false,
            created: now,
            last_active: now,
        }
    }

    /// A session as a load found it. The record's data is not kept: `state` is what it means.
    pub(crate) fn found(access: Access, record: Record, state: State, guard: Option<G>) -> Self {
        Self {
            access,
            stored: Some(Stored {
                id: record.id,
                version: record.version,
                idle_timeout: record.contents.idle_timeout,
                deadline: record.contents.deadline,
            }),
            guard,
            base: state,
            changes: Changes::default(),
            reads: Reads::default(),
            ending: false,
            renewing: false,
            created: record.created,
            last_active: record.last_active,
        }
    }

    /// The id, or none while the session has not been stored.
    pub fn id(&self) -> Option<&SessionId> {
        self.stored.as_ref().map(|stored| &stored.id)
    }

    /// Who is logged in.
    pub fn user(&mut self) -> Option<&str> {
        self.changes.user(&self.base, &mut self.reads)
    }

    /// Log a user in or, with none, out. Another user than before gets a new id.
    pub fn set_user(&mut self, user: Option<String>) -> Result<()> {
        self.writable()?;
        if let Some(user) = &user {
            check_name("a user", user)?;
        }
        self.changes.set_user(&self.base, user);
        Ok(())
    }

    /// The value of an attribute.
    pub fn get(&mut self, name: &str) -> Option<&Value> {
        self.changes.attribute(&self.base, &mut self.reads, name)
    }

    /// Set an attribute.
    pub fn set(&mut self, name: &str, value: Value) -> Result<()> {
        self.writable()?;
        check_name("the name of an attribute", name)?;
        if let Value::Json(text) = &value {
            json::check(text)?;
        }
        self.changes.set_attribute(&self.base, name, Some(value));
        Ok(())
    }

    /// Remove an attribute and return what it was: that counts as reading it.
    pub fn remove(&mut self, name: &str) -> Result<Option<Value>> {
        self.writable()?;
        let value = self.get(name).cloned();
        self.changes.set_attribute(&self.base, name, None);
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

    /// The client's address when the session was created, cut to [`MAX_ADDRESS`] bytes.
    pub fn remote_address(&self) -> Option<&str> {
        self.base.remote_address.as_deref()
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
        self.writable()?;
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

impl<G> fmt::Debug for Session<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).field("access", &self.access).finish_non_exhaustive()
    }
}
