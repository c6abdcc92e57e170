//! The operations on one session.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use session_core::SessionId;
use session_core::engine::{Call, Holder, Lease, Sessions};
use session_core::error::{Error, Result};
use session_core::events::Event;
use session_core::store::{Contents, GarbageReport, Info, LockMode, Milliseconds, Page, Record, Usage};

use crate::head::{self, Head};
use crate::keys::{Keys, Shard};
use crate::request::{Acknowledge, Answer, Request, Server, malformed};
use crate::script::{self, Script};
use crate::transport::{Command, Reply, Transport};

/// The sessions at one location of a server.
pub struct RedisSessions<T> {
    pub(crate) server: Server<T>,
    pub(crate) keys: Keys,
    store_id: String,
}

/// What the server has under a session's key.
pub(crate) struct Found {
    pub(crate) head: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pending: Option<Vec<u8>>,
}

/// What to do about a pending rename that has not been decided.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// The session is not there yet.
    Leave,
    /// The rename is aborted: it never will be.
    Abort,
}

impl<T: Transport> RedisSessions<T> {
    pub(crate) fn new(server: Server<T>, keys: Keys, store_id: String) -> Self {
        Self { server, keys, store_id }
    }

    /// The keys of scripts that add or remove a session.
    pub(crate) fn keys_of(&self, id: &SessionId) -> Vec<String> {
        let shard = Shard::of(id);
        [self.keys.session(id), self.keys.index(shard), self.keys.owners(shard)].into()
    }

    /// Reads a session that is not pending. One whose rename has been decided is settled first.
    pub(crate) async fn find(&self, id: &SessionId) -> Result<Option<Found>> {
        loop {
            let command = Command::on("HMGET", &self.keys.session(id), [&b"h"[..], b"d", b"p"]);
            let Some(found) = Found::parse(self.server.read(command).await?)? else { return Ok(None) };
            let Some(pending) = &found.pending else { return Ok(Some(found)) };
            if !self.settle(id, pending, Undecided::Leave).await? {
                return Ok(None);
            }
        }
    }

    /// Runs a script on a session, settling a pending rename first; none if the session is not there because of it.
    async fn run(
        &self,
        id: &SessionId,
        undecided: Undecided,
        request: impl Fn() -> Request<'static>,
    ) -> Result<Option<Answer>> {
        loop {
            let answer = self.server.run(request()).await?;
            if answer.word() != "pending" {
                return Ok(Some(answer));
            }
            let pending = answer.text(1).ok_or_else(|| answer.unexpected())?;
            if !self.settle(id, pending.as_bytes(), undecided).await? {
                return Ok(None);
            }
        }
    }

    /// Reads a whole session; one that cannot be read is quarantined.
    async fn read(&self, id: &SessionId, holder: Option<Holder>, call: Call<'_>) -> Result<Option<Record>> {
        loop {
            let Some(found) = self.find(id).await? else { return Ok(None) };
            match Head::parse(&found.head) {
                Some(head) if head.is_of(&found.data) => {
                    if head.is_expired(call.now) {
                        self.bury(id, None, holder, call).await?;
                        return Ok(None);
                    }
                    return Ok(Some(head.record(id.clone(), found.data, call.now)));
                }
                _ => {
                    if let Some(error) = self.quarantine(id, &found.head, call).await? {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Moves a session with this head away and returns the error that says so; none if it has changed meanwhile.
    async fn quarantine(&self, id: &SessionId, head: &[u8], call: Call<'_>) -> Result<Option<Error>> {
        let place = self.keys.quarantine(id, &format!("{:016x}", self.server.random() as u64));
        let keys = [self.keys.session(id), self.keys.index(Shard::of(id)), place.clone()];
        let request = Request::new(&script::QUARANTINE, keys, &[id.as_str().as_bytes(), head]);
        match self.server.run(request).await {
            Ok(answer) if answer.word() == "changed" => Ok(None),
            Ok(_) => {
                call.events.emit(Some(id), Event::Corrupt);
                Ok(Some(corrupt(id, &place)))
            }
            // It stays where it is.
            Err(Error::AccessDenied(_) | Error::NoSpace(_)) => Ok(Some(corrupt(id, &self.keys.session(id)))),
            Err(error) => Err(error),
        }
    }

    /// The error of a session that a script could not parse.
    pub(crate) async fn unreadable(&self, id: &SessionId, call: Call<'_>) -> Error {
        match self.read(id, None, call).await {
            Err(error) => error,
            // It has been replaced or is readable by now; the caller may try again.
            Ok(_) => Error::Busy,
        }
    }

    /// Deletes a session if it has expired or, with an age, is that old, unless others hold its lock. Returns the script's word, or `pending`.
    pub(crate) async fn bury(
        &self,
        id: &SessionId,
        age: Option<Milliseconds>,
        holder: Option<Holder>,
        call: Call<'_>,
    ) -> Result<String> {
        let token = token(holder);
        let age = age.map_or_else(String::new, |age| age.to_string());
        let now = call.now.to_string();
        let arguments = [now.as_bytes(), id.as_str().as_bytes(), age.as_bytes(), token.as_bytes()];
        let request = || Request::new(&script::BURY, self.keys_of(id), &arguments).acknowledged(Acknowledge::Replica);
        let Some(answer) = self.run(id, Undecided::Leave, request).await? else { return Ok("pending".into()) };
        match answer.word() {
            "expired" => call.events.emit(Some(id), Event::Expired),
            "ok" => call.events.emit(Some(id), Event::Destroyed),
            _ => {}
        }
        Ok(answer.word().into())
    }

    async fn lease(&self, id: &SessionId, script: &'static Script, arguments: &[&[u8]]) -> Result<()> {
        let answer = self.server.run(Request::new(script, [self.keys.session(id)], arguments)).await?;
        match answer.word() {
            "ok" => Ok(()),
            "locked" | "lost" => Err(Error::Busy),
            _ => Err(answer.unexpected()),
        }
    }
}

impl Found {
    fn parse(reply: Reply) -> Result<Option<Self>> {
        let fields = reply.list().and_then(|items| <[Reply; 3]>::try_from(items).ok());
        let [head, data, pending] = fields.ok_or_else(|| malformed("HMGET"))?;
        let Some(head) = head.bytes() else { return Ok(None) };
        Ok(Some(Self { head, data: data.bytes().unwrap_or_default(), pending: pending.bytes() }))
    }
}

impl<T: Transport> Sessions for RedisSessions<T> {
    fn store_id(&self) -> &str {
        &self.store_id
    }

    fn is_multiprocess_safe(&self) -> bool {
        true
    }

    async fn insert(&self, record: &Record, call: Call<'_>) -> Result<()> {
        let id = &record.id;
        let head = Head::of(record, self.server.random() as u64).encode();
        let now = call.now.to_string();
        let arguments = [now.as_bytes(), id.as_str().as_bytes(), head.as_bytes(), &record.contents.data];
        let request = || {
            let request = Request::new(&script::INSERT, self.keys_of(id), &arguments);
            request.acknowledged(Acknowledge::Replica).telling_attempt()
        };
        loop {
            // An undecided rename to this id is aborted, so the next attempt finds the id free or taken.
            let Some(answer) = self.run(id, Undecided::Abort, request).await? else { continue };
            match answer.word() {
                "ok" => {
                    if answer.text(1) == Some("expired") {
                        call.events.emit(Some(id), Event::Expired);
                    }
                    call.events.emit(Some(id), Event::Created);
                    return Ok(());
                }
                "taken" => return Err(Error::AlreadyExists),
                "locked" => return Err(Error::Busy),
                "unknown" => return Err(unknown("create")),
                "corrupt" => return Err(self.unreadable(id, call).await),
                _ => return Err(answer.unexpected()),
            }
        }
    }

    async fn load(&self, id: &SessionId, holder: Option<Holder>, call: Call<'_>) -> Result<Option<Record>> {
        self.read(id, holder, call).await
    }

    async fn has(&self, id: &SessionId, call: Call<'_>) -> Result<bool> {
        Ok(self.read(id, None, call).await?.is_some())
    }

    async fn save(
        &self,
        id: &SessionId,
        contents: &Contents,
        expected: Option<u64>,
        holder: Option<Holder>,
        durable: bool,
        call: Call<'_>,
    ) -> Result<u64> {
        let arguments = [
            call.now.to_string(),
            id.to_string(),
            expected.map_or_else(String::new, |version| version.to_string()),
            token(holder),
            format!("{:016x}", self.server.random() as u64),
            head::optional(contents.idle_timeout),
            head::optional(contents.deadline),
            head::checksum(&contents.data),
            contents.data.len().to_string(),
            head::owner_field(contents.owner.as_deref()),
        ];
        let mut arguments: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        arguments.push(&contents.data);
        let acknowledge = if durable { Acknowledge::Disk } else { Acknowledge::Master };
        let mut keys: Vec<String> = [self.keys.session(id)].into();
        loop {
            let request =
                || Request::new(&script::SAVE, keys.clone(), &arguments).acknowledged(acknowledge).telling_attempt();
            let Some(answer) = self.run(id, Undecided::Leave, request).await? else { return Err(Error::Gone) };
            let version = answer.text(1).and_then(|version| version.parse().ok());
            return match (answer.word(), version) {
                ("ok", Some(version)) => Ok(version),
                ("conflict", Some(version)) => Err(Error::Conflict(version)),
                ("gone", _) => Err(Error::Gone),
                ("locked" | "lost", _) => Err(Error::Busy),
                ("unknown", _) => Err(unknown("save")),
                ("full", _) => Err(Error::Other("the session has reached the last version".into())),
                ("corrupt", _) => Err(self.unreadable(id, call).await),
                ("expired", _) => {
                    self.bury(id, None, holder, call).await?;
                    Err(Error::Gone)
                }
                // Its owner changes: the indexes as well.
                ("reindex", _) if keys.len() == 1 => {
                    keys = self.keys_of(id);
                    continue;
                }
                _ => Err(answer.unexpected()),
            };
        }
    }

    async fn touch(&self, id: &SessionId, call: Call<'_>) -> Result<()> {
        let now = call.now.to_string();
        let request = || Request::new(&script::TOUCH, [self.keys.session(id)], &[now.as_bytes()]);
        let Some(answer) = self.run(id, Undecided::Leave, request).await? else { return Err(Error::Gone) };
        match answer.word() {
            "ok" => Ok(()),
            "gone" => Err(Error::Gone),
            "corrupt" => Err(self.unreadable(id, call).await),
            "expired" => {
                self.bury(id, None, None, call).await?;
                Err(Error::Gone)
            }
            _ => Err(answer.unexpected()),
        }
    }

    /// When the connection breaks and the session is not there at the second attempt, the first one has most likely
    /// deleted it: the answer is then that it existed.
    async fn delete(&self, id: &SessionId, of: Option<&str>, holder: Option<Holder>, call: Call<'_>) -> Result<bool> {
        let (now, owner, token) = (call.now.to_string(), head::owner_field(of), token(holder));
        let arguments = [now.as_bytes(), id.as_str().as_bytes(), token.as_bytes(), owner.as_bytes()];
        let request = || {
            let request = Request::new(&script::DELETE, self.keys_of(id), &arguments);
            request.acknowledged(Acknowledge::Replica).telling_attempt()
        };
        // All sessions of an owner are to end, also one that is about to get its new id.
        let undecided = if of.is_some() { Undecided::Abort } else { Undecided::Leave };
        let Some(answer) = self.run(id, undecided, request).await? else { return Ok(false) };
        match answer.word() {
            "ok" => {
                call.events.emit(Some(id), Event::Destroyed);
                Ok(true)
            }
            "expired" => {
                call.events.emit(Some(id), Event::Expired);
                Ok(false)
            }
            "gone" | "other" => Ok(false),
            "locked" | "lost" => Err(Error::Busy),
            "corrupt" => Err(self.unreadable(id, call).await),
            _ => Err(answer.unexpected()),
        }
    }

    async fn rename(&self, id: &SessionId, new_id: &SessionId, holder: Option<Lease>, call: Call<'_>) -> Result<()> {
        self.move_to(id, new_id, holder, call).await
    }

    async fn lock(&self, id: &SessionId, mode: LockMode, lease: Lease) -> Result<()> {
        let mode = match mode {
            LockMode::Shared => "s",
            LockMode::Exclusive => "x",
        };
        let (token, time) = (token(Some(lease.holder)), lease.time.to_string());
        self.lease(id, &script::LOCK, &[mode.as_bytes(), token.as_bytes(), time.as_bytes()]).await
    }

    async fn renew(&self, id: &SessionId, lease: Lease) -> Result<()> {
        let (token, time) = (token(Some(lease.holder)), lease.time.to_string());
        self.lease(id, &script::RENEW, &[token.as_bytes(), time.as_bytes()]).await
    }

    async fn unlock(&self, id: &SessionId, holder: Holder) -> Result<()> {
        self.lease(id, &script::UNLOCK, &[token(Some(holder)).as_bytes()]).await
    }

    async fn page(&self, after: Option<&SessionId>, limit: u32, call: Call<'_>) -> Result<(Page, Option<SessionId>)> {
        self.list(after, limit, call).await
    }

    async fn infos(&self, ids: &[SessionId], owner: &str, call: Call<'_>) -> Result<Vec<Info>> {
        self.infos_of(ids, owner, call).await
    }

    async fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        self.owned(owner).await
    }

    async fn count_of(&self, owner: &str) -> Result<u64> {
        self.count_owned(owner).await
    }

    async fn delete_old(&self, age: Milliseconds, call: Call<'_>) -> Result<(u64, u64)> {
        self.remove_old(age, call).await
    }

    async fn collect_garbage(&self, budget: u32, resume: Option<String>, call: Call<'_>) -> Result<GarbageReport> {
        self.collect(budget, resume.as_deref(), call).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.estimate().await
    }
}

/// A holder's token, as scripts take it: nothing if there is none.
pub(crate) fn token(holder: Option<Holder>) -> String {
    holder.map_or_else(String::new, |Holder(token)| format!("{token:032x}"))
}

fn corrupt(id: &SessionId, place: &str) -> Error {
    Error::Corrupt(format!("the record of session {id} on the server is damaged; it is kept under the key {place}"))
}

fn unknown(what: &str) -> Error {
    Error::OutcomeUnknown(format!(
        "the connection broke during a {what}, and the session was changed by others before it could be repeated"
    ))
}
