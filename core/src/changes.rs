//! What one request does to a session: its changes, what it has read, and how they meet the changes of others.
//!
//! A request works on the state it started from, its base, seen through its changes. At the end they are applied to
//! the base, if nobody stored anything meanwhile, or else to the newest state; that is refused when it would store
//! something computed from a value that is no longer there.

use alloc::string::String;
use alloc::vec::Vec;

use crate::attributes::{State, Value};
use crate::form_tokens::{FormTokens, TokenHash};
use crate::map::Map;

/// What a request changes. Setting what is there already is no change.
#[derive(Default)]
pub(crate) struct Changes {
    /// The new user, or none for a logout.
    user: Option<Option<String>>,
    /// All attributes are removed, also those of others, before what follows.
    cleared: bool,
    /// Each attribute's new value, or none when it is removed.
    attributes: Map<Option<Value>>,
    tokens_added: FormTokens,
    tokens_used: Vec<TokenHash>,
}

/// What a request has seen of its base. Its own writes are not part of that.
#[derive(Default)]
pub(crate) struct Reads {
    user: bool,
    all_attributes: bool,
    attributes: Map<()>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        let Self { user, cleared, attributes, tokens_added, tokens_used } = self;
        user.is_none() && !cleared && attributes.is_empty() && tokens_added.is_empty() && tokens_used.is_empty()
    }

    /// The new user, if that changes; none in it is a logout.
    pub fn user_change(&self) -> Option<Option<&str>> {
        self.user.as_ref().map(Option::as_deref)
    }

    pub fn user<'a>(&'a self, base: &'a State, reads: &mut Reads) -> Option<&'a str> {
        match &self.user {
            Some(user) => user.as_deref(),
            None => {
                reads.user = true;
                base.user.as_deref()
            }
        }
    }

    pub fn set_user(&mut self, base: &State, user: Option<String>) {
        self.user = (user != base.user).then_some(user);
    }

    pub fn attribute<'a>(&'a self, base: &'a State, reads: &mut Reads, name: &str) -> Option<&'a Value> {
        if !self.cleared && self.attributes.get(name).is_none() && !reads.attribute(name) {
            reads.attributes.insert(name, ());
        }
        self.seen(base, name)
    }

    pub fn all_attributes<'a>(&'a self, base: &'a State, reads: &mut Reads) -> Map<&'a Value> {
        reads.all_attributes = true;
        let mut all = Map::default();
        for name in names(&base.attributes).chain(names(&self.attributes)) {
            if let Some(value) = self.seen(base, name) {
                all.insert(name, value);
            }
        }
        all
    }

    /// Set an attribute or, with none, remove it.
    pub fn set_attribute(&mut self, base: &State, name: &str, value: Option<Value>) {
        let before = if self.cleared { None } else { base.attributes.get(name) };
        if value.as_ref() == before {
            self.attributes.remove(name);
        } else {
            self.attributes.insert(name, value);
        }
    }

    pub fn clear(&mut self, base: &State) {
        self.attributes.clear();
        self.cleared = !base.attributes.is_empty();
    }

    /// The tokens as they are to this request, or will be in another state.
    pub fn tokens(&self, state: &State) -> FormTokens {
        let mut tokens = state.tokens.clone();
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

    /// Use a token up, and say whether it was there.
    pub fn use_token(&mut self, base: &State, token: TokenHash) -> bool {
        let there = self.tokens(base).has(token);
        if there && !self.tokens_added.remove(token) {
            self.tokens_used.push(token);
        }
        there
    }

    pub fn has_info(&self, base: &State) -> bool {
        let user = self.user.as_ref().unwrap_or(&base.user);
        let mut names = names(&base.attributes).chain(names(&self.attributes));
        user.is_some() || names.any(|name| self.seen(base, name).is_some()) || !self.tokens(base).is_empty()
    }

    /// Whether applying the changes to the newest state would lose what others did since the base: this request has
    /// read and changed something that is different now, or has used up a token that is gone.
    pub fn conflict(&self, reads: &Reads, base: &State, newest: &State) -> bool {
        let stale = |name: &str| reads.attribute(name) && base.attributes.get(name) != newest.attributes.get(name);
        names(&self.attributes).any(stale)
            || self.cleared && names(&base.attributes).chain(names(&newest.attributes)).any(stale)
            || self.user.is_some() && reads.user && base.user != newest.user
            || self.tokens_used.iter().any(|token| !newest.tokens.has(*token))
    }

    pub fn apply(&self, state: &mut State) {
        if let Some(user) = &self.user {
            state.user.clone_from(user);
        }
        if self.cleared {
            state.attributes.clear();
        }
        for (name, value) in self.attributes.iter() {
            match value {
                Some(value) => state.attributes.insert(name, value.clone()),
                None => state.attributes.remove(name),
            }
        }
        state.tokens = self.tokens(state);
    }

    fn seen<'a>(&'a self, base: &'a State, name: &str) -> Option<&'a Value> {
        match self.attributes.get(name) {
            Some(changed) => changed.as_ref(),
            None if self.cleared => None,
            None => base.attributes.get(name),
        }
    }
}

impl Reads {
    fn attribute(&self, name: &str) -> bool {
        self.all_attributes || self.attributes.get(name).is_some()
    }
}

fn names<V>(map: &Map<V>) -> impl Iterator<Item = &str> {
    map.iter().map(|(name, _)| name)
}
