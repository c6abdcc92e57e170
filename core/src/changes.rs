//! The changes of one request to a session, what it has read, and how they merge with the changes of others.
//!
//! A request sees its base, the state it started from, through its changes. At the end they are applied to the base or,
//! if another request has saved meanwhile, to the newest state; that is a conflict if it would store something computed
//! from a stale value.

use alloc::string::String;
use alloc::vec::Vec;

use crate::attributes::Value;
use crate::form_tokens::{FormTokens, TokenHash};
use crate::map::Map;
use crate::state::State;
use crate::store::Instant;

/// The changes of a request. Setting an equal value is not a change.
#[derive(Default)]
pub(crate) struct Changes {
    /// The new user, or none for a logout.
    user: Option<Option<String>>,
    /// The user has authenticated.
    authenticated: bool,
    /// Whether the session outlives the browser.
    remembered: Option<bool>,
    /// All attributes are removed, including those of others, before the changes below.
    cleared: bool,
    attributes: Map<Change>,
    /// Flash values left, or none for one that was taken.
    flashes: Map<Option<Value>>,
    tokens_added: FormTokens,
    tokens_used: Vec<TokenHash>,
}

/// A change of an attribute.
enum Change {
    Set {
        value: Value,
        expires: Option<Instant>,
    },
    Remove,
    /// Concurrent additions count as well; `sum` is what this request sees.
    Add {
        by: i64,
        sum: Value,
    },
}

/// What a request has read of its base, not counting its own writes.
#[derive(Default)]
pub(crate) struct Reads {
    user: bool,
    all_attributes: bool,
    attributes: Map<()>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        let Self { user, authenticated, remembered, cleared, attributes, flashes, tokens_added, tokens_used } = self;
        user.is_none()
            && !authenticated
            && remembered.is_none()
            && !cleared
            && attributes.is_empty()
            && flashes.is_empty()
            && tokens_added.is_empty()
            && tokens_used.is_empty()
    }

    /// The new user, if it changes; none inside is a logout.
    pub fn user_change(&self) -> Option<Option<&str>> {
        self.user.as_ref().map(Option::as_deref)
    }

    /// Whether the value or lifetime of the session's cookie changes: the session then gets a new id.
    pub fn renews(&self) -> bool {
        self.user.is_some() || self.authenticated || self.remembered.is_some()
    }

    /// Whether the user authenticates: by a login, or again.
    pub fn authenticates(&self) -> bool {
        self.authenticated || matches!(self.user, Some(Some(_)))
    }

    pub fn user<'a>(&'a self, base: &'a State, reads: &mut Reads) -> Option<&'a str> {
        if self.user.is_none() {
            reads.user = true;
        }
        self.seen_user(base)
    }

    pub fn seen_user<'a>(&'a self, base: &'a State) -> Option<&'a str> {
        self.user.as_ref().unwrap_or(&base.user).as_deref()
    }

    /// What belongs to a user ends with that user: see `is_disowned`. What this request has set is kept for the new
    /// user; what it changed of the old user's is dropped. Form tokens end with any change: an attacker who planted the
    /// session before the login knows them.
    pub fn set_user(&mut self, base: &State, user: Option<String>) {
        if self.seen_user(base) != user.as_deref() {
            self.tokens_added = FormTokens::default();
        }
        self.user = (user != base.user).then_some(user);
        if self.is_disowned(base) {
            self.attributes.retain(|_, change| matches!(change, Change::Set { .. }));
            self.flashes.retain(|_, value| value.is_some());
        }
        if self.seen_user(base).is_none() {
            self.authenticated = false;
        }
    }

    /// Whether a state belongs to another user than the session will have, who must not get its attributes and flash
    /// values. Those of an anonymous session are kept.
    fn is_disowned(&self, state: &State) -> bool {
        self.user.is_some() && state.user.is_some()
    }

    /// Whether all of a state's attributes are dropped, except for what this request sets.
    fn is_cleared(&self, state: &State) -> bool {
        self.cleared || self.is_disowned(state)
    }

    pub fn mark_authenticated(&mut self) {
        self.authenticated = true;
    }

    pub fn remembered(&self, base: &State) -> bool {
        // A new user must ask for it again.
        self.remembered.unwrap_or(base.more.remembered && self.user.is_none())
    }

    pub fn remember(&mut self, base: &State, remember: bool) {
        self.remembered = (remember != base.more.remembered || self.user.is_some()).then_some(remember);
    }

    pub fn attribute<'a>(&'a self, base: &'a State, reads: &mut Reads, name: &str) -> Option<&'a Value> {
        if !self.is_cleared(base) && self.attributes.get(name).is_none() && !reads.attribute(name) {
            reads.attributes.insert(name, ());
        }
        self.seen(base, name)
    }

    pub fn all_attributes<'a>(&'a self, base: &'a State, reads: &mut Reads) -> Map<&'a Value> {
        reads.all_attributes = true;
        let mut all = Map::default();
        for name in base.attributes.names().chain(self.attributes.names()) {
            if let Some(value) = self.seen(base, name) {
                all.insert(name, value);
            }
        }
        all
    }

    /// When an attribute expires; none when it has no lifetime or is absent.
    pub fn attribute_expires(&self, base: &State, name: &str) -> Option<Instant> {
        match self.attributes.get(name) {
            Some(Change::Set { expires, .. }) => *expires,
            Some(Change::Remove) => None,
            _ if self.is_cleared(base) => None,
            _ => base.attribute_expires(name),
        }
    }

    pub fn set_attribute(&mut self, base: &State, name: &str, value: Value, expires: Option<Instant>) {
        if !self.is_cleared(base)
            && base.attributes.get(name) == Some(&value)
            && base.attribute_expires(name) == expires
        {
            self.attributes.remove(name);
        } else {
            self.attributes.insert(name, Change::Set { value, expires });
        }
    }

    pub fn remove_attribute(&mut self, base: &State, name: &str) {
        if self.is_cleared(base) || base.attributes.get(name).is_none() {
            self.attributes.remove(name);
        } else {
            self.attributes.insert(name, Change::Remove);
        }
    }

    /// Adds to an integer; none when the attribute has another type or the sum overflows.
    pub fn add(&mut self, base: &State, name: &str, by: i64) -> Option<i64> {
        let sum = match self.seen(base, name) {
            None => by,
            Some(Value::Integer(before)) => before.checked_add(by)?,
            Some(_) => return None,
        };
        let value = Value::Integer(sum);
        let change = match self.attributes.get(name) {
            Some(Change::Add { by: before, .. }) => Change::Add { by: before.checked_add(by)?, sum: value },
            Some(Change::Set { expires, .. }) => Change::Set { value, expires: *expires },
            Some(Change::Remove) => Change::Set { value, expires: None },
            None if self.is_cleared(base) => Change::Set { value, expires: None },
            None => Change::Add { by, sum: value },
        };
        self.attributes.insert(name, change);
        Some(sum)
    }

    pub fn clear(&mut self, base: &State) {
        self.attributes.clear();
        self.cleared = !base.attributes.is_empty();
    }

    pub fn set_flash(&mut self, name: &str, value: Value) {
        self.flashes.insert(name, Some(value));
    }

    /// Takes a flash value of an earlier request. Not a read that could be stale: others change it only by taking it,
    /// and a message shown twice does no harm.
    pub fn take_flash(&mut self, base: &State, name: &str) -> Option<Value> {
        if self.is_disowned(base) || self.flashes.get(name).is_some() {
            return None;
        }
        let value = base.more.flashes.get(name).cloned()?;
        self.flashes.insert(name, None);
        Some(value)
    }

    /// The form tokens as this request sees them, or as they will be in another state.
    pub fn tokens(&self, state: &State) -> FormTokens {
        let mut tokens = if self.user.is_some() { FormTokens::default() } else { state.tokens.clone() };
        for token in &self.tokens_used {
            tokens.remove(*token);
        }
        for token in self.tokens_added.iter() {
            tokens.add(token);
        }
        tokens
    }

    pub fn add_token(&mut self, token: TokenHash) {
        self.tokens_added.add(token);
    }

    /// Consumes a token and returns whether it was present.
    pub fn use_token(&mut self, base: &State, token: TokenHash) -> bool {
        let there = self.tokens(base).has(token);
        if there && !self.tokens_added.remove(token) {
            self.tokens_used.push(token);
        }
        there
    }

    pub fn has_info(&self, base: &State) -> bool {
        let is_taken = |name: &str| self.flashes.get(name).is_some_and(Option::is_none);
        self.seen_user(base).is_some()
            || base.attributes.names().chain(self.attributes.names()).any(|name| self.seen(base, name).is_some())
            || !self.is_disowned(base) && base.more.flashes.names().any(|name| !is_taken(name))
            || self.flashes.iter().any(|(_, left)| left.is_some())
            || !self.tokens(base).is_empty()
    }

    /// Whether applying the changes to the newest state would lose a concurrent change: this request has read and
    /// changed something that is different now, adds to something that is no longer an integer, or has consumed a token
    /// that is gone.
    pub fn conflict(&self, reads: &Reads, base: &State, newest: &State) -> bool {
        let stale = |name: &str| reads.attribute(name) && base.attributes.get(name) != newest.attributes.get(name);
        let lost = |(name, change): (&str, &Change)| match change {
            Change::Add { by, .. } => sum(newest, name, *by).is_none(),
            Change::Set { .. } | Change::Remove => stale(name),
        };
        self.attributes.iter().any(lost)
            || self.is_cleared(base) && base.attributes.names().chain(newest.attributes.names()).any(stale)
            || self.user.is_some() && reads.user && base.user != newest.user
            || self.tokens_used.iter().any(|token| !newest.tokens.has(*token))
    }

    pub fn apply(&self, state: &mut State) {
        state.more.remembered = self.remembered(state);
        state.tokens = self.tokens(state);
        if self.is_cleared(state) {
            state.clear();
        }
        if self.is_disowned(state) {
            state.more.flashes.clear();
        }
        if let Some(user) = &self.user {
            state.user.clone_from(user);
        }
        for (name, change) in self.attributes.iter() {
            match change {
                Change::Set { value, expires } => state.set(name, value.clone(), *expires),
                Change::Remove => state.remove(name),
                // Without a sum it is a conflict, and not applied.
                Change::Add { by, .. } => {
                    if let Some(sum) = sum(state, name, *by) {
                        state.attributes.insert(name, Value::Integer(sum));
                    }
                }
            }
        }
        for (name, value) in self.flashes.iter() {
            match value {
                Some(value) => state.more.flashes.insert(name, value.clone()),
                None => state.more.flashes.remove(name),
            }
        }
    }

    fn seen<'a>(&'a self, base: &'a State, name: &str) -> Option<&'a Value> {
        match self.attributes.get(name) {
            Some(Change::Set { value, .. } | Change::Add { sum: value, .. }) => Some(value),
            Some(Change::Remove) => None,
            None if self.is_cleared(base) => None,
            None => base.attributes.get(name),
        }
    }
}

/// The sum of an attribute and a number; none when the attribute has another type or the sum overflows.
fn sum(state: &State, name: &str, by: i64) -> Option<i64> {
    match state.attributes.get(name) {
        None => Some(by),
        Some(Value::Integer(before)) => before.checked_add(by),
        Some(_) => None,
    }
}

impl Reads {
    fn attribute(&self, name: &str) -> bool {
        self.all_attributes || self.attributes.get(name).is_some()
    }
}
