//! The operations on sessions.

use std::collections::HashMap;
use std::sync::Arc;

use session_core::SessionId;
use session_core::engine::{Call, Holder, Lease, Sessions};
use session_core::error::{Error, Result};
use session_core::events::Event;
use session_core::store::{Contents, GarbageReport, Info, LockMode, Milliseconds, Page, Record, Usage};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::head::{COLUMNS, Head, checksum};
use crate::number::Number;
use crate::server::{Commit, Parameter, Server};
use crate::statement::Statements;

/// The longest lease, in milliseconds: a year.
const LONGEST_LEASE: Milliseconds = 365 * 86_400_000;

/// What the server needs at least for a session besides its data, in bytes: the row, its entries in the indexes, and the
/// space left for its next version.
const OVERHEAD: u64 = 600;

/// Maximum attempts to give an id that others take and leave at the same time.
const ATTEMPTS: usize = 100;

/// The sessions at one location of a server.
pub struct PostgresSessions {
    pub(crate) server: Server,
    pub(crate) statements: Arc<Statements>,
    /// The store's number, in each row.
    pub(crate) store: i32,
    id: String,
    /// The quoted schema.
    schema: String,
}

impl PostgresSessions {
    pub(crate) fn new(server: Server, statements: Arc<Statements>, store: i32, id: String, schema: &str) -> Self {
        Self { server, statements, store, id, schema: schema.into() }
    }

    /// Reads a whole session; one that cannot be read is quarantined.
    async fn read(&self, id: &SessionId, holder: Option<Holder>, call: Call<'_>) -> Result<Option<Record>> {
        loop {
            let rows = self.server.read(&self.statements.load, &[&self.store, &id.as_str()]).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let data: &[u8] = field(row, COLUMNS + 1)?;
            match Head::parse(row, 0)? {
                Some(head) if head.is_of(data) => {
                    if head.is_expired(call.now) {
                        self.bury(id, holder, call).await?;
                        return Ok(None);
                    }
                    return Ok(Some(head.record(id.clone(), data.to_vec(), call.now)));
                }
                _ => {
                    if let Some(error) = self.quarantine(id, field(row, COLUMNS)?, call).await? {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Moves the row that this transaction wrote away, and returns the error that says so; none if it has changed
    /// meanwhile.
    async fn quarantine(&self, id: &SessionId, transaction: &str, call: Call<'_>) -> Result<Option<Error>> {
        let corrupt = |table: &str| {
            let place = format!("{}.{table}", self.schema);
            Error::Corrupt(format!(
                "the record of session {id} on the server is damaged; it is kept in the table {place}"
            ))
        };
        let parameters: [Parameter<'_>; 3] = [&self.store, &id.as_str(), &transaction];
        match self.server.write(Commit::Synced, &self.statements.quarantine, &parameters).await {
            Ok(rows) if rows.is_empty() => Ok(None),
            Ok(_) => {
                call.events.emit(Some(id), Event::Corrupt);
                Ok(Some(corrupt("damaged")))
            }
            // It stays where it is.
            Err(Error::AccessDenied(_) | Error::NoSpace(_) | Error::Corrupt(_)) => Ok(Some(corrupt("sessions"))),
            Err(error) => Err(error),
        }
    }

    /// Deletes a session if it has expired, unless others hold its lock.
    async fn bury(&self, id: &SessionId, holder: Option<Holder>, call: Call<'_>) -> Result<()> {
        let (now, holder) = (Number(call.now), token(holder));
        let parameters: [Parameter<'_>; 4] = [&self.store, &id.as_str(), &now, &holder];
        let rows = self.server.write(Commit::Synced, &self.statements.bury, &parameters).await?;
        if word(&rows)? == Some("expired") {
            call.events.emit(Some(id), Event::Expired);
        }
        Ok(())
    }
}

impl Sessions for PostgresSessions {
    fn store_id(&self) -> &str {
        &self.id
    }

    fn is_multiprocess_safe(&self) -> bool {
        true
    }

    async fn insert(&self, record: &Record, call: Call<'_>) -> Result<()> {
        let Record { id, version, created, modified, last_active, contents } = record;
        let stamps = [call.now, *version, *created, *modified, *last_active].map(Number);
        let (owner, write) = (contents.owner.as_deref().map(str::as_bytes), write_id());
        let parameters: [Parameter<'_>; 13] = [
            &self.store,
            &id.as_str(),
            &stamps[0],
            &stamps[1],
            &stamps[2],
            &stamps[3],
            &stamps[4],
            &contents.idle_timeout.map(Number),
            &contents.deadline.map(Number),
            &owner,
            &write,
            &checksum(&contents.data),
            &contents.data,
        ];
        for _ in 0..ATTEMPTS {
            let rows = self.server.write_once(Commit::Synced, &self.statements.insert, &parameters).await?;
            match word(&rows)? {
                Some(word @ ("ok" | "replaced")) => {
                    if word == "replaced" {
                        call.events.emit(Some(id), Event::Expired);
                    }
                    call.events.emit(Some(id), Event::Created);
                    return Ok(());
                }
                Some("again") => {}
                Some("taken") => return Err(Error::AlreadyExists),
                Some("locked") => return Err(Error::Busy),
                Some("unknown") => return Err(unknown("create")),
                word => return Err(unexpected("insert", word)),
            }
        }
        Err(Error::Busy)
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
        let Contents { data, owner, idle_timeout, deadline } = contents;
        let parameters: [Parameter<'_>; 11] = [
            &self.store,
            &id.as_str(),
            &Number(call.now),
            &token(holder),
            &expected.map(Number),
            &write_id(),
            &idle_timeout.map(Number),
            &deadline.map(Number),
            &owner.as_deref().map(str::as_bytes),
            &checksum(data),
            data,
        ];
        let commit = if durable { Commit::Synced } else { Commit::Relaxed };
        let rows = self.server.write_once(commit, &self.statements.save, &parameters).await?;
        let version = || Ok(field::<Number>(&rows[0], 1)?.0);
        match word(&rows)? {
            Some("ok") => version(),
            Some("conflict") => Err(Error::Conflict(version()?)),
            Some("gone") => Err(Error::Gone),
            Some("locked") => Err(Error::Busy),
            Some("unknown") => Err(unknown("save")),
            Some("full") => Err(Error::Other("the session has reached the last version".into())),
            Some("expired") => {
                self.bury(id, holder, call).await?;
                Err(Error::Gone)
            }
            word => Err(unexpected("save", word)),
        }
    }

    async fn touch(&self, id: &SessionId, call: Call<'_>) -> Result<()> {
        let parameters: [Parameter<'_>; 3] = [&self.store, &id.as_str(), &Number(call.now)];
        let rows = self.server.write(Commit::Relaxed, &self.statements.touch, &parameters).await?;
        if rows.is_empty() {
            self.bury(id, None, call).await?;
            return Err(Error::Gone);
        }
        Ok(())
    }

    /// When the connection breaks and the session is not there at the second attempt, the first one has most likely
    /// deleted it: the answer is then that it existed.
    async fn delete(&self, id: &SessionId, of: Option<&str>, holder: Option<Holder>, call: Call<'_>) -> Result<bool> {
        let parameters: [Parameter<'_>; 5] =
            [&self.store, &id.as_str(), &Number(call.now), &token(holder), &of.map(str::as_bytes)];
        let rows = self.server.write_once(Commit::Synced, &self.statements.delete, &parameters).await?;
        match word(&rows)? {
            Some("ok" | "repeated") => {
                call.events.emit(Some(id), Event::Destroyed);
                Ok(true)
            }
            Some("expired") => {
                call.events.emit(Some(id), Event::Expired);
                Ok(false)
            }
            Some("gone" | "other") => Ok(false),
            Some("locked") => Err(Error::Busy),
            word => Err(unexpected("delete", word)),
        }
    }

    async fn rename(&self, id: &SessionId, new_id: &SessionId, holder: Option<Lease>, call: Call<'_>) -> Result<()> {
        if id == new_id {
            return Err(Error::AlreadyExists);
        }
        let token = token(holder.map(|lease| lease.holder));
        let parameters: [Parameter<'_>; 7] = [
            &self.store,
            &id.as_str(),
            &Number(call.now),
            &token,
            &new_id.as_str(),
            &write_id(),
            &holder.map_or(0, |lease| milliseconds(lease.time)),
        ];
        for _ in 0..ATTEMPTS {
            let rows = self.server.write_once(Commit::Synced, &self.statements.rename, &parameters).await?;
            match word(&rows)? {
                Some("ok") => return Ok(()),
                Some("replaced") => {
                    call.events.emit(Some(new_id), Event::Expired);
                    return Ok(());
                }
                Some("again") => {}
                Some("taken") => return Err(Error::AlreadyExists),
                Some("locked") => return Err(Error::Busy),
                Some("gone") => return Err(Error::Gone),
                Some("unknown") => return Err(unknown("rename")),
                Some("expired") => {
                    self.bury(id, holder.map(|lease| lease.holder), call).await?;
                    return Err(Error::Gone);
                }
                word => return Err(unexpected("rename", word)),
            }
        }
        Err(Error::Busy)
    }

    async fn lock(&self, id: &SessionId, mode: LockMode, lease: Lease) -> Result<()> {
        let is_shared = mode == LockMode::Shared;
        let parameters: [Parameter<'_>; 5] =
            [&self.store, &id.as_str(), &token(Some(lease.holder)), &is_shared, &milliseconds(lease.time)];
        held(self.server.write(Commit::Relaxed, &self.statements.lock, &parameters).await?)
    }

    async fn renew(&self, id: &SessionId, lease: Lease) -> Result<()> {
        let parameters: [Parameter<'_>; 4] =
            [&self.store, &id.as_str(), &token(Some(lease.holder)), &milliseconds(lease.time)];
        held(self.server.write(Commit::Relaxed, &self.statements.renew, &parameters).await?)
    }

    async fn unlock(&self, id: &SessionId, holder: Holder) -> Result<()> {
        let parameters: [Parameter<'_>; 3] = [&self.store, &id.as_str(), &token(Some(holder))];
        self.server.write(Commit::Relaxed, &self.statements.unlock, &parameters).await.map(drop)
    }

    async fn page(&self, after: Option<&SessionId>, limit: u32, call: Call<'_>) -> Result<(Page, Option<SessionId>)> {
        let after = after.map_or("", SessionId::as_str);
        let rows = self.server.read(&self.statements.page, &[&self.store, &after, &i64::from(limit)]).await?;
        let (mut page, mut last) = (Page::default(), None);
        for row in &rows {
            let id = session_id(row)?;
            match Head::parse(row, 1)? {
                Some(head) if head.is_expired(call.now) => {}
                Some(head) => page.sessions.push(head.info(id.clone(), call.now)),
                None => page.unreadable.push(id.clone()),
            }
            last = Some(id);
        }
        Ok((page, last.filter(|_| rows.len() == limit as usize)))
    }

    async fn infos(&self, ids: &[SessionId], owner: &str, call: Call<'_>) -> Result<Vec<Info>> {
        let names: Vec<&str> = ids.iter().map(SessionId::as_str).collect();
        let rows = self.server.read(&self.statements.infos, &[&self.store, &names, &owner.as_bytes()]).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in &rows {
            if let Some(head) = Head::parse(row, 1)?.filter(|head| !head.is_expired(call.now)) {
                found.insert(session_id(row)?, head);
            }
        }
        let infos = ids.iter().filter_map(|id| Some(found.remove(id)?.info(id.clone(), call.now)));
        Ok(infos.collect())
    }

    async fn ids_of(&self, owner: &str) -> Result<Vec<SessionId>> {
        let rows = self.server.read(&self.statements.ids_of, &[&self.store, &owner.as_bytes()]).await?;
        rows.iter().map(session_id).collect()
    }

    async fn count_of(&self, owner: &str) -> Result<u64> {
        let rows = self.server.read(&self.statements.count_of, &[&self.store, &owner.as_bytes()]).await?;
        Ok(rows.first().map_or(Ok(0), |row| field::<i64>(row, 0))?.cast_unsigned())
    }

    async fn delete_old(&self, age: Milliseconds, call: Call<'_>) -> Result<(u64, u64)> {
        self.remove_old(age, call).await
    }

    async fn collect_garbage(&self, budget: u32, resume: Option<String>, call: Call<'_>) -> Result<GarbageReport> {
        self.collect(budget, resume.as_deref(), call).await
    }

    async fn usage(&self) -> Result<Usage> {
        let rows = self.server.read(&self.statements.usage, &[&self.store]).await?;
        let row = rows.first().ok_or_else(|| Error::Io("the server returned no sums".into()))?;
        let (sessions, bytes): (i64, i64) = (field(row, 0)?, field(row, 1)?);
        let times = 100.0 / field::<f64>(row, 2)?;
        let sessions = (sessions as f64 * times) as u64;
        Ok(Usage { sessions, bytes: (bytes as f64 * times) as u64 + sessions * OVERHEAD })
    }
}

/// A column of a row that this version's statements return.
pub(crate) fn field<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|error| Error::Io(format!("the server returned an unexpected row: {error}")))
}

/// The id in the first column.
pub(crate) fn session_id(row: &Row) -> Result<SessionId> {
    SessionId::parse(field(row, 0)?)
}

/// The word that a statement returns; none if it has found no row.
fn word(rows: &[Row]) -> Result<Option<&str>> {
    rows.first().map(|row| field(row, 0)).transpose()
}

/// The statement returns a row if the lock is held.
fn held(rows: Vec<Row>) -> Result<()> {
    if rows.is_empty() { Err(Error::Busy) } else { Ok(()) }
}

fn token(holder: Option<Holder>) -> Option<Vec<u8>> {
    holder.map(|Holder(token)| token.to_be_bytes().to_vec())
}

fn milliseconds(lease: Milliseconds) -> i64 {
    lease.min(LONGEST_LEASE).cast_signed()
}

/// Random bits from the operating system.
pub(crate) fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    u128::from_ne_bytes(bytes)
}

fn write_id() -> i64 {
    random() as i64
}

fn unexpected(statement: &str, word: Option<&str>) -> Error {
    Error::Io(format!("the statement `{statement}` returned {word:?}"))
}

fn unknown(what: &str) -> Error {
    Error::OutcomeUnknown(format!(
        "the connection broke during a {what}, and the session was changed by others before it could be repeated"
    ))
}
