//! Requests of several browsers, some concurrent, with logins, logouts, administration and pauses between them: each
//! response and all that is stored match a model of plain dictionaries.

use std::collections::{BTreeMap, BTreeSet};

use session_core::attributes::Value;
use session_core::cookie::Policy;
use session_core::form_tokens::{MAX_TOKENS, TokenHash};
use session_core::session::{Access, Session};
use session_core::state::State;
use session_core::store::Record;
use session_core::{Error, SessionId};

use crate::bytes::Bytes;
use crate::memory::Guard;
use crate::site::{Browser, HOUR, MINUTE, Site};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const USERS: [Option<&str>; 3] = [None, Some("ann"), Some("bob")];
const WAITS: [u64; 6] = [0, 20_000, MINUTE, 10 * MINUTE, 30 * MINUTE, 6 * HOUR];

/// Enough steps for any interaction; more only slow the search.
const MOST: usize = 100;

pub fn holds(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut world = World::new();
    for _ in 0..MOST {
        if bytes.is_empty() {
            break;
        }
        world.step(&mut bytes);
        world.check();
    }
}

/// What a request can see and change.
#[derive(Clone, Default, PartialEq, Debug)]
struct Contents {
    user: Option<&'static str>,
    attributes: BTreeMap<&'static str, i64>,
    tokens: Vec<String>,
}

/// A session as expected in the store.
struct Kept {
    cookie: String,
    /// The number of saves.
    saves: u32,
    contents: Contents,
    deadline: u64,
}

/// A request in flight.
struct Request {
    browser: usize,
    access: Access,
    session: Session<Guard>,
    /// The session's id, and its number of saves at the start.
    found: Option<(String, u32)>,
    /// The session that recently replaced the one of its cookie.
    replaced: Option<String>,
    base: Contents,
    view: Contents,
    /// Attributes that it sets or removes.
    changes: BTreeMap<&'static str, Option<i64>>,
    cleared: bool,
    read_user: bool,
    read: BTreeSet<&'static str>,
    tokens_used: Vec<String>,
    tokens_added: Vec<String>,
    ending: bool,
    renewing: bool,
}

struct World {
    site: Site,
    browsers: [Browser; 2],
    requests: Vec<Request>,
    kept: BTreeMap<String, Kept>,
    /// The next id of a session, and when it got that.
    replaced: BTreeMap<String, (String, u64)>,
    /// Every cookie ever set.
    cookies: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self {
            site: Site::new(),
            browsers: Default::default(),
            requests: Vec::new(),
            kept: BTreeMap::new(),
            replaced: BTreeMap::new(),
            cookies: Vec::new(),
        }
    }

    fn step(&mut self, bytes: &mut Bytes) {
        match bytes.below(8) {
            0 if self.requests.len() < 3 => self.start(bytes),
            1 => self.finish(bytes),
            2 => self.administer(bytes),
            3 => self.site.wait(WAITS[bytes.below(WAITS.len())]),
            4 => self.forge(bytes),
            _ => self.work(bytes),
        }
        let alive = self.alive();
        self.kept.retain(|id, _| alive.contains_key(id));
    }

    fn start(&mut self, bytes: &mut Bytes) {
        let browser = bytes.below(self.browsers.len());
        let access = [Access::ReadOnly, Access::Optimistic, Access::Exclusive][bytes.below(3)];
        let id = self.browsers[browser].cookie.as_deref().map(id_of);
        let kept = id.as_ref().and_then(|id| self.kept.get(id));
        let started = self.site.try_start(&self.browsers[browser], access);
        if kept.is_some() && access == Access::Exclusive && self.is_locked(id.as_deref()) {
            return assert_eq!(started.map(drop), Err(Error::Busy));
        }
        let session = started.expect("start");
        let replaced = id.as_ref().filter(|_| kept.is_none() && access != Access::ReadOnly);
        let replaced = replaced.and_then(|id| self.replaced_a_moment_ago(id));
        let found = kept.map(|kept| (id.expect("kept"), kept.saves));
        assert_eq!(session.id().map(ToString::to_string), found.as_ref().map(|(id, _)| id.clone()));
        let base = kept.map(|kept| kept.contents.clone()).unwrap_or_default();
        self.requests.push(Request {
            browser,
            access,
            session,
            found,
            replaced,
            view: base.clone(),
            base,
            changes: BTreeMap::new(),
            cleared: false,
            read_user: false,
            read: BTreeSet::new(),
            tokens_used: Vec::new(),
            tokens_added: Vec::new(),
            ending: false,
            renewing: false,
        });
    }

    /// An expired or forged cookie opens nothing.
    fn forge(&mut self, bytes: &mut Bytes) {
        if self.cookies.is_empty() {
            return;
        }
        let mut cookie = self.cookies[bytes.below(self.cookies.len())].clone().into_bytes();
        let at = bytes.below(cookie.len());
        cookie[at] ^= bytes.byte() & 0x1f;
        let cookie = String::from_utf8(cookie).expect("ASCII");
        let right = self.kept.values().any(|kept| kept.cookie == cookie);
        let session = self.site.start(&Browser::with(cookie.clone()), Access::ReadOnly);
        assert_eq!(session.id().is_some(), right, "{cookie}");
    }

    fn administer(&mut self, bytes: &mut Bytes) {
        if let Some(user) = USERS[bytes.below(USERS.len())] {
            let before = self.site.store.inner().records.len();
            let ended = self.site.manager.end_sessions_of(user).expect("end_sessions_of") as usize;
            assert_eq!(self.site.store.inner().records.len() + ended, before);
            return self.kept.retain(|_, kept| kept.contents.user != Some(user));
        }
        if self.cookies.is_empty() {
            return;
        }
        let id = id_of(&self.cookies[bytes.below(self.cookies.len())]);
        let parsed = SessionId::parse(&id).expect("an id");
        assert_eq!(self.site.manager.has_session(&parsed), Ok(self.kept.contains_key(&id)));
        let ended = self.site.manager.end_session(&parsed);
        let id = self.newest(&id);
        if self.is_locked(Some(&id)) {
            return assert_eq!(ended, Err(Error::Busy));
        }
        assert_eq!(ended, Ok(self.kept.remove(&id).is_some()));
    }

    /// The current id of the session that had this one.
    fn newest(&self, id: &str) -> String {
        let mut id = id;
        for _ in 0..8 {
            match self.replaced.get(id) {
                Some((next, at)) if self.site.now() < at + MINUTE + 30 * MINUTE => id = next,
                _ => break,
            }
        }
        id.to_string()
    }

    fn replaced_a_moment_ago(&self, id: &str) -> Option<String> {
        let (_, at) = self.replaced.get(id)?;
        let newest = self.newest(id);
        (self.site.now() - at < MINUTE && self.kept.contains_key(&newest)).then_some(newest)
    }

    fn work(&mut self, bytes: &mut Bytes) {
        if self.requests.is_empty() {
            return;
        }
        let at = bytes.below(self.requests.len());
        let random = self.site.random();
        let request = &mut self.requests[at];
        if request.access == Access::ReadOnly {
            request.look(bytes);
            let refused = request.session.set("a", Value::Null);
            return assert!(matches!(refused, Err(Error::AccessDenied(_))));
        }
        match bytes.below(5) {
            0 => request.look(bytes),
            1 | 2 => request.change(bytes),
            3 => request.use_tokens(bytes, random),
            _ => request.end_or_renew(bytes),
        }
        assert_eq!(request.session.has_info(), request.view.has_info());
    }

    fn finish(&mut self, bytes: &mut Bytes) {
        if self.requests.is_empty() {
            return;
        }
        let request = self.requests.swap_remove(bytes.below(self.requests.len()));
        let is_found = request.found.is_some();
        if bytes.below(4) == 3 {
            return assert_eq!(
                self.site.manager.finish_failed_request(request.session).len(),
                2 * usize::from(is_found)
            );
        }
        let expected = self.expected(&request);
        let newest = request.found.as_ref().map(|(id, _)| id).or(request.replaced.as_ref()).map(|id| self.newest(id));
        let Request { browser, session, .. } = request;
        let answer = self.site.try_finish(&mut self.browsers[browser], session);
        match expected {
            Err(expected) => assert!(answer.is_err_and(|error| same_kind(&error, &expected))),
            Ok(Outcome::Nothing) => assert_eq!(answer, Ok(vec![])),
            Ok(Outcome::Deleted) => {
                assert_eq!(answer, Ok(Policy::default().revoke()));
                newest.and_then(|id| self.kept.remove(&id));
            }
            Ok(Outcome::Stored(contents, false)) => {
                assert_eq!(answer, Ok(vec![]));
                let kept = newest.and_then(|id| self.kept.get_mut(&id)).expect("kept");
                kept.saves += 1;
                kept.contents = contents;
            }
            Ok(Outcome::Stored(contents, true)) => {
                assert_eq!(answer.expect("stored").len(), 3);
                let new = id_of(self.browsers[browser].cookie.as_deref().expect("a cookie"));
                // A login with a replaced cookie starts a new session.
                let before = newest.filter(|_| is_found).and_then(|id| {
                    self.replaced.insert(id.clone(), (new, self.site.now()));
                    self.kept.remove(&id)
                });
                self.renewed(self.browsers[browser].cookie.clone().expect("a cookie"), before, contents);
            }
        }
    }

    /// A session got its first or another id.
    fn renewed(&mut self, cookie: String, before: Option<Kept>, contents: Contents) {
        assert!(!self.cookies.iter().any(|old| id_of(old) == id_of(&cookie)));
        let deadline = match before {
            Some(before) if before.contents.user == contents.user || contents.user.is_none() => before.deadline,
            _ => self.site.now() + 12 * HOUR,
        };
        self.cookies.push(cookie.clone());
        self.kept.insert(id_of(&cookie), Kept { cookie, saves: 0, contents, deadline });
    }

    /// The expected result of finishing a request.
    fn expected(&self, request: &Request) -> Result<Outcome, Error> {
        if request.access == Access::ReadOnly {
            return Ok(Outcome::Nothing);
        }
        let Some((id, saves)) = &request.found else {
            return match &request.replaced {
                Some(by) if request.ending && self.is_locked(Some(&self.newest(by))) => Err(Error::Busy),
                Some(_) if request.ending => Ok(Outcome::Deleted),
                _ if request.ending || !request.view.has_info() => Ok(Outcome::Nothing),
                Some(_) if request.view.user.is_none() => Err(Error::Gone),
                _ => Ok(Outcome::Stored(request.view.clone(), true)),
            };
        };
        let newest = self.newest(id);
        let (renamed, id) = (newest != *id, &newest);
        let locked = self.is_locked(Some(id));
        if !request.ending && !request.renewing && !request.changed() {
            return Ok(Outcome::Nothing);
        }
        if locked {
            return Err(Error::Busy);
        }
        if request.ending {
            return Ok(Outcome::Deleted);
        }
        let newest = self.kept.get(id).ok_or(Error::Gone)?;
        if renamed && newest.contents.user != request.base.user {
            return Err(Error::Gone);
        }
        if (renamed || newest.saves != *saves) && request.conflicts(&newest.contents) {
            return Err(Error::Conflict(0));
        }
        if renamed && request.changes_user() {
            return Err(Error::Conflict(0));
        }
        let contents = request.applied(&newest.contents);
        if !contents.has_info() {
            return Ok(Outcome::Deleted);
        }
        Ok(Outcome::Stored(contents, !renamed && (request.renewing || request.changes_user())))
    }

    fn is_locked(&self, id: Option<&str>) -> bool {
        let holds =
            |each: &Request| each.access == Access::Exclusive && each.found.as_ref().map(|(id, _)| id.as_str()) == id;
        id.is_some() && self.requests.iter().any(holds)
    }

    /// The unexpired sessions of the store.
    fn alive(&self) -> BTreeMap<String, Record> {
        let inner = self.site.store.inner();
        let now = inner.now;
        let alive = |record: &&Record| {
            !record.id.as_str().starts_with("old-")
                && record.contents.deadline.is_some_and(|deadline| now < deadline)
                && now - record.last_active < 30 * MINUTE
        };
        inner.records.values().filter(alive).map(|record| (record.id.to_string(), record.clone())).collect()
    }

    fn check(&self) {
        let alive = self.alive();
        assert!(alive.keys().eq(self.kept.keys()));
        for (record, kept) in alive.values().zip(self.kept.values()) {
            let state = State::decode(&record.contents.data).expect("state");
            let integer = |value: &Value| if let Value::Integer(value) = value { *value } else { panic!("{value:?}") };
            let attributes = state.attributes.iter().map(|(name, value)| (name, integer(value)));
            assert!(attributes.eq(kept.contents.attributes.iter().map(|(name, value)| (*name, *value))));
            assert_eq!(state.user.as_deref(), kept.contents.user);
            assert_eq!(record.contents.owner, state.user);
            assert_eq!(record.contents.deadline, Some(kept.deadline));
            assert_eq!(state.tokens.len(), kept.contents.tokens.len());
            assert!(
                kept.contents.tokens.iter().all(|token| state.tokens.has(TokenHash::parse(token).expect("a token")))
            );
        }
    }
}

enum Outcome {
    Nothing,
    Deleted,
    /// The new contents, and whether the session gets a new id.
    Stored(Contents, bool),
}

impl Contents {
    fn has_info(&self) -> bool {
        self.user.is_some() || !self.attributes.is_empty() || !self.tokens.is_empty()
    }
}

impl Request {
    fn look(&mut self, bytes: &mut Bytes) {
        let name = NAMES[bytes.below(NAMES.len())];
        match bytes.below(4) {
            0 => {
                self.note_read(name);
                let value = self.view.attributes.get(name).copied().map(Value::Integer);
                assert_eq!(self.session.get(name), value.as_ref());
                assert_eq!(self.session.contains(name), value.is_some());
            }
            1 => {
                self.read_user |= !self.changes_user();
                assert_eq!(self.session.user(), self.view.user);
            }
            2 => {
                self.read.extend(NAMES);
                let entries =
                    self.view.attributes.iter().map(|(name, value)| (name.to_string(), Value::Integer(*value)));
                assert!(self.session.entries().into_iter().eq(entries));
                assert!(self.session.names().iter().eq(self.view.attributes.keys()));
                assert_eq!(self.session.len(), self.view.attributes.len());
            }
            _ => assert!(self.view.tokens.iter().all(|token| self.session.has_form_token(token))),
        }
    }

    fn change(&mut self, bytes: &mut Bytes) {
        let name = NAMES[bytes.below(NAMES.len())];
        match bytes.below(6) {
            0 => {
                self.note_read(name);
                let before = self.view.attributes.get(name).copied().map(Value::Integer);
                assert_eq!(self.session.remove(name), Ok(before));
                self.changes.remove(name);
                if self.seen_of(&self.base).contains_key(name) {
                    self.changes.insert(name, None);
                }
            }
            1 => {
                self.session.clear().expect("clear");
                self.cleared = !self.base.attributes.is_empty();
                self.changes.clear();
            }
            2 => {
                let user = USERS[bytes.below(USERS.len())];
                self.session.set_user(user.map(String::from)).expect("set_user");
                if user != self.view.user {
                    self.tokens_added.clear();
                }
                self.view.user = user;
                if self.disowns(&self.base) {
                    self.changes.retain(|_, value| value.is_some());
                }
                self.view.tokens = self.tokens_applied(&self.base);
            }
            value => {
                self.session.set(name, Value::Integer(value as i64)).expect("set");
                self.changes.remove(name);
                if self.seen_of(&self.base).get(name) != Some(&(value as i64)) {
                    self.changes.insert(name, Some(value as i64));
                }
            }
        }
        self.view.attributes = self.attributes_applied(&self.base);
    }

    /// Whether the contents belong to another user than the session will have.
    fn disowns(&self, contents: &Contents) -> bool {
        self.changes_user() && contents.user.is_some()
    }

    /// The attributes that this request's changes are applied to.
    fn seen_of(&self, contents: &Contents) -> BTreeMap<&'static str, i64> {
        if self.cleared || self.disowns(contents) { BTreeMap::new() } else { contents.attributes.clone() }
    }

    fn attributes_applied(&self, to: &Contents) -> BTreeMap<&'static str, i64> {
        let mut attributes = self.seen_of(to);
        for (name, value) in &self.changes {
            match value {
                Some(value) => attributes.insert(name, *value),
                None => attributes.remove(name),
            };
        }
        attributes
    }

    fn use_tokens(&mut self, bytes: &mut Bytes, random: [u8; 16]) {
        let known: Vec<&String> = self.base.tokens.iter().chain(&self.tokens_added).collect();
        if known.is_empty() || bytes.below(2) == 0 {
            add(&mut self.tokens_added, self.session.create_form_token(random).expect("create_form_token"));
        } else {
            let token = known[bytes.below(known.len())].clone();
            let there = self.view.tokens.contains(&token);
            assert_eq!(self.session.remove_form_token(&token), Ok(there));
            assert!(!self.session.has_form_token(&token));
            if there && self.tokens_added.contains(&token) {
                self.tokens_added.retain(|each| *each != token);
            } else if there {
                self.tokens_used.push(token);
            }
        }
        self.view.tokens = self.tokens_applied(&self.base);
    }

    fn end_or_renew(&mut self, bytes: &mut Bytes) {
        match bytes.below(4) {
            0 => {
                self.session.expire().expect("expire");
                self.ending = true;
            }
            1 => {
                self.session.regenerate().expect("regenerate");
                self.renewing = true;
            }
            _ => {}
        }
    }

    /// The request's own writes do not count as read.
    fn note_read(&mut self, name: &'static str) {
        if !self.cleared && !self.disowns(&self.base) && !self.changes.contains_key(name) {
            self.read.insert(name);
        }
    }

    fn changes_user(&self) -> bool {
        self.view.user != self.base.user
    }

    fn changed(&self) -> bool {
        let tokens = !self.tokens_used.is_empty() || !self.tokens_added.is_empty();
        self.cleared || tokens || self.changes_user() || !self.changes.is_empty()
    }

    /// Whether an attribute that was read and changed has changed since, or another request consumed a token.
    fn conflicts(&self, newest: &Contents) -> bool {
        let stale = |name: &&str| self.base.attributes.get(name) != newest.attributes.get(name);
        let all = self.cleared || self.disowns(&self.base);
        self.read.iter().filter(|name| all || self.changes.contains_key(*name)).any(stale)
            || self.changes_user() && self.read_user && self.base.user != newest.user
            || self.tokens_used.iter().any(|token| !newest.tokens.contains(token))
    }

    fn applied(&self, newest: &Contents) -> Contents {
        let user = if self.changes_user() { self.view.user } else { newest.user };
        Contents { user, attributes: self.attributes_applied(newest), tokens: self.tokens_applied(newest) }
    }

    fn tokens_applied(&self, to: &Contents) -> Vec<String> {
        let mut tokens = if self.changes_user() { Vec::new() } else { to.tokens.clone() };
        tokens.retain(|token| !self.tokens_used.contains(token));
        self.tokens_added.iter().for_each(|token| add(&mut tokens, token.clone()));
        tokens
    }
}

/// Drops the oldest when full.
fn add(tokens: &mut Vec<String>, token: String) {
    if tokens.len() == MAX_TOKENS {
        tokens.remove(0);
    }
    tokens.push(token);
}

fn id_of(cookie: &str) -> String {
    cookie.split_once('.').expect("id and secret").0.to_string()
}

fn same_kind(a: &Error, b: &Error) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}
