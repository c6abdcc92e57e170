//! Renames, between any two slots: see the crate's documentation.

use alloc::format;
use alloc::string::{String, ToString};

use session_core::SessionId;
use session_core::engine::{Call, Lease};
use session_core::error::{Error, Result};

use crate::head::Head;
use crate::request::{Acknowledge, Answer, Request, malformed};
use crate::script;
use crate::sessions::{Found, RedisSessions, Undecided, token};
use crate::transport::{Command, Reply, Transport};

/// How often a rename starts over when others save the session meanwhile or abort the rename.
const ATTEMPTS: u32 = 100;

/// For how long it is remembered that a rename was aborted: much longer than one takes. In milliseconds.
const ABORTED: &str = "86400000";

/// The name of a rename: its old id and a random token.
struct Rename {
    old: SessionId,
    token: String,
}

impl Rename {
    fn parse(mark: &[u8]) -> Option<Self> {
        let (old, token) = core::str::from_utf8(mark).ok()?.split_once(' ')?;
        Some(Self { old: SessionId::parse(old).ok()?, token: token.into() })
    }

    fn mark(&self) -> String {
        format!("{} {}", self.old, self.token)
    }
}

/// How an attempt ended.
enum Attempt {
    Done,
    /// The session was saved meanwhile, or others aborted the rename.
    Again,
}

impl<T: Transport> RedisSessions<T> {
    /// Gives a session a new id.
    pub(crate) async fn move_to(
        &self,
        id: &SessionId,
        new_id: &SessionId,
        holder: Option<Lease>,
        call: Call<'_>,
    ) -> Result<()> {
        if id == new_id {
            return Err(Error::AlreadyExists);
        }
        for _ in 0..ATTEMPTS {
            let Some(found) = self.find(id).await? else { return Err(Error::Gone) };
            let Some(head) = Head::parse(&found.head) else { return Err(self.unreadable(id, call).await) };
            if head.is_expired(call.now) {
                self.bury(id, None, holder.map(|lease| lease.holder), call).await?;
                return Err(Error::Gone);
            }
            let rename = Rename { old: id.clone(), token: format!("{:032x}", self.server.random()) };
            if !self.pend(&rename, new_id, &head, &found, holder, call).await? {
                continue;
            }
            match self.commit(&rename, new_id, &head, holder, call).await {
                Ok(Attempt::Done) => {
                    // If it fails, who finds the record does it.
                    let _ = self.finish(&rename, new_id).await;
                    return Ok(());
                }
                Ok(Attempt::Again) => self.give_up(&rename, new_id, holder).await?,
                // Who finds the record reads its fate.
                Err(error @ Error::OutcomeUnknown(_)) => return Err(error),
                Err(error) => {
                    self.give_up(&rename, new_id, holder).await?;
                    return Err(error);
                }
            }
        }
        Err(Error::Busy)
    }

    /// Step 1. Returns whether the record is stored; otherwise the new id must be looked at again.
    async fn pend(
        &self,
        rename: &Rename,
        new_id: &SessionId,
        head: &Head<'_>,
        found: &Found,
        holder: Option<Lease>,
        call: Call<'_>,
    ) -> Result<bool> {
        let new = Head { active: call.now, ..head.clone() }.encode();
        let time = holder.map_or_else(String::new, |lease| lease.time.to_string());
        let (now, mark, holder) = (call.now.to_string(), rename.mark(), token(holder.map(|lease| lease.holder)));
        let arguments = [
            now.as_bytes(),
            new_id.as_str().as_bytes(),
            new.as_bytes(),
            &found.data,
            mark.as_bytes(),
            holder.as_bytes(),
            time.as_bytes(),
        ];
        // The old record is deleted in the next step: by then this one must survive.
        let request = Request::new(&script::PEND, self.keys_of(new_id), &arguments);
        let answer = self.server.run(request.acknowledged(Acknowledge::Replica)).await?;
        match answer.word() {
            "ok" => Ok(true),
            "pending" => {
                let pending = answer.text(1).ok_or_else(|| answer.unexpected())?;
                self.settle(new_id, pending.as_bytes(), Undecided::Abort).await?;
                Ok(false)
            }
            "taken" => Err(Error::AlreadyExists),
            "locked" => Err(Error::Busy),
            "corrupt" => Err(self.unreadable(new_id, call).await),
            _ => Err(answer.unexpected()),
        }
    }

    /// Step 2.
    async fn commit(
        &self,
        rename: &Rename,
        new_id: &SessionId,
        head: &Head<'_>,
        holder: Option<Lease>,
        call: Call<'_>,
    ) -> Result<Attempt> {
        let id = &rename.old;
        let mut keys = self.keys_of(id);
        keys.push(self.keys.fate(id, &rename.token));
        let (now, version, write) = (call.now.to_string(), head.version.to_string(), format!("{:016x}", head.write));
        let token = token(holder.map(|lease| lease.holder));
        let arguments =
            [now.as_bytes(), id.as_str().as_bytes(), version.as_bytes(), write.as_bytes(), token.as_bytes()];
        let request = Request::new(&script::COMMIT, keys, &arguments).acknowledged(Acknowledge::Replica);
        let answer = self.server.run(request).await?;
        match answer.word() {
            "moved" => Ok(Attempt::Done),
            // The connection broke after an attempt that was executed, and others have finished the rename.
            "gone" | "changed" | "pending" if self.has_moved(rename, new_id).await? => Ok(Attempt::Done),
            "aborted" | "changed" | "pending" => Ok(Attempt::Again),
            "gone" => Err(Error::Gone),
            "locked" | "lost" => Err(Error::Busy),
            "corrupt" => Err(self.unreadable(id, call).await),
            "expired" => {
                self.bury(id, None, holder.map(|lease| lease.holder), call).await?;
                Err(Error::Gone)
            }
            _ => Err(answer.unexpected()),
        }
    }

    /// Whether the rename has happened and been finished: its mark and its fate are gone. An aborted one keeps its fate.
    async fn has_moved(&self, rename: &Rename, new_id: &SessionId) -> Result<bool> {
        let moved = async {
            if !self.is_settled(new_id, rename.mark().as_bytes()).await? {
                return Ok(false);
            }
            let fate = self.keys.fate(&rename.old, &rename.token);
            Ok(self.server.read(Command::on("GET", &fate, [])).await? == Reply::Nil)
        };
        moved.await.map_err(|error: Error| Error::OutcomeUnknown(format!("the rename may have happened: {error}")))
    }

    /// Step 3.
    async fn finish(&self, rename: &Rename, new_id: &SessionId) -> Result<()> {
        let request = Request::new(&script::FINISH, [self.keys.session(new_id)], &[rename.mark().as_bytes()]);
        self.server.run(request).await?;
        let fate = self.keys.fate(&rename.old, &rename.token);
        self.server.write(Command::on("DEL", &fate, []), Acknowledge::Master).await?;
        Ok(())
    }

    /// Removes the record that step 1 has stored, and the lock on the new id.
    async fn give_up(&self, rename: &Rename, new_id: &SessionId, holder: Option<Lease>) -> Result<()> {
        if self.abort(rename).await? == "aborted" {
            self.withdraw(rename, new_id).await?;
        }
        if let Some(lease) = holder {
            let keys = [self.keys.session(new_id)];
            self.server.run(Request::new(&script::UNLOCK, keys, &[token(Some(lease.holder)).as_bytes()])).await?;
        }
        Ok(())
    }

    /// Decides that the rename does not happen, unless it has happened. Returns its fate.
    async fn abort(&self, rename: &Rename) -> Result<String> {
        let fate = self.keys.fate(&rename.old, &rename.token);
        let request = Request::new(&script::ABORT, [fate], &[ABORTED.as_bytes()]);
        let answer: Answer = self.server.run(request.acknowledged(Acknowledge::Replica)).await?;
        Ok(answer.word().into())
    }

    async fn withdraw(&self, rename: &Rename, new_id: &SessionId) -> Result<()> {
        let arguments = [new_id.as_str().as_bytes(), &rename.mark().into_bytes()];
        self.server.run(Request::new(&script::WITHDRAW, self.keys_of(new_id), &arguments)).await?;
        Ok(())
    }

    /// Completes or aborts the rename that brings a session here. Returns whether the session is to be looked at again:
    /// not when it is undecided and stays that.
    pub(crate) async fn settle(&self, id: &SessionId, mark: &[u8], undecided: Undecided) -> Result<bool> {
        let Some(rename) = Rename::parse(mark) else {
            return Err(Error::Corrupt(format!(
                "the record of session {id} on the server has a damaged mark of a rename; see the key {}",
                self.keys.session(id)
            )));
        };
        let fate = match undecided {
            Undecided::Abort => self.abort(&rename).await?,
            Undecided::Leave => {
                let key = self.keys.fate(&rename.old, &rename.token);
                let reply = self.server.read(Command::on("GET", &key, [])).await?;
                match reply.bytes().map(String::from_utf8) {
                    None => return self.is_settled(id, mark).await,
                    Some(fate) => fate.map_err(|_| malformed("GET"))?,
                }
            }
        };
        if fate == "moved" {
            self.finish(&rename, id).await?;
            return Ok(true);
        }
        self.withdraw(&rename, id).await?;
        Ok(false)
    }

    /// Whether others have settled the rename since the mark was read: they delete the fate last.
    async fn is_settled(&self, id: &SessionId, mark: &[u8]) -> Result<bool> {
        let key = self.keys.session(id);
        let reply = self.server.read(Command::on("HGET", &key, [&b"p"[..]])).await?;
        Ok(reply.bytes().as_deref() != Some(mark))
    }
}
