//! Opening a store: what the server must keep, the tables, and the row that marks a store.

use std::sync::Arc;

use session_core::engine::Engine;
use session_core::error::{Error, Result};

use crate::options::Options;
use crate::server::{Commit, Server};
use crate::sessions::{PostgresSessions, field, random};
use crate::statement::{Statements, TABLES, comment, migration};

/// The format of a store, in its row.
const FORMAT: i32 = 1;

/// Serializes changes of the tables: "session3" as a number.
const MIGRATING: i64 = 0x7365_7373_696f_6e33;

/// The stores on a server, in one schema.
pub struct Postgres {
    server: Server,
    statements: Arc<Statements>,
    /// Its quoted name.
    schema: String,
}

/// A row of the table of stores.
struct Marker {
    key: i32,
    id: String,
}

impl Postgres {
    /// Stores on this server. It connects when it is first used.
    pub fn new(options: &Options) -> Self {
        let schema = format!("\"{}\"", options.schema);
        Self { server: Server::new(options), statements: Arc::new(Statements::new(&schema)), schema }
    }

    /// Refuses a server that could lose a durable save, and tables of others. Returns the version of the tables; none if
    /// there are none.
    async fn check(&self, durable: bool) -> Result<Option<usize>> {
        let table = format!("{}.stores", self.schema);
        let rows = self.server.write(Commit::Synced, &self.statements.check, &[&table]).await?;
        let row = rows.first().ok_or_else(|| Error::Io("the server returned no settings".into()))?;
        if durable {
            check_durable(field(row, 0)?, field(row, 1)?)?;
        }
        if !field::<bool>(row, 2)? {
            return Ok(None);
        }
        let found: Option<&str> = field(row, 3)?;
        match found.and_then(|found| found.strip_prefix("session3 ")).map(str::parse::<usize>) {
            Some(Ok(version)) if (1..=TABLES).contains(&version) => Ok(Some(version)),
            Some(_) => Err(Error::NoSuchStore(format!(
                "the tables in the schema {} have another format; use the version of session3 that made them, or a \
                 newer one",
                self.schema
            ))),
            None => {
                Err(Error::NoSuchStore(format!("the table {table} is not session3's: give another schema to the URL")))
            }
        }
    }

    /// Creates the tables, or brings them to the newest version.
    async fn migrate(&self, from: usize) -> Result<()> {
        let expected = if from == 0 { "IS NULL".into() } else { format!("= '{}'", comment(from)) };
        let schema = &self.schema;
        // Another client may have done it meanwhile.
        let script = format!(
            "SELECT pg_advisory_xact_lock({MIGRATING}); DO $migration$ BEGIN \
             IF obj_description(to_regclass('{schema}.stores'), 'pg_class') {expected} THEN {} END IF; \
             END $migration$",
            migration(schema, from)
        );
        self.server.run_script(&script).await
    }

    async fn tables(&self, durable: bool, create: bool) -> Result<bool> {
        match self.check(durable).await? {
            None if !create => return Ok(false),
            Some(TABLES) => return Ok(true),
            version => self.migrate(version.unwrap_or(0)).await?,
        }
        // The tables of another may have been there first.
        self.check(durable).await.map(|version| version.is_some())
    }

    async fn marker(&self, location: &str) -> Result<Option<Marker>> {
        let rows = self.server.read(&self.statements.marker, &[&location]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if field::<i32>(row, 2)? != FORMAT {
            return Err(Error::NoSuchStore(format!(
                "the store `{location}` in the schema {} has another format; use the version of session3 that made it, \
                 or a newer one",
                self.schema
            )));
        }
        Ok(Some(Marker { key: field(row, 0)?, id: field(row, 1)? }))
    }

    /// Sets up a store unless there is one. Returns whether this call did, and its row.
    async fn mark(&self, location: &str) -> Result<(bool, Marker)> {
        let id = format!("{:032x}", random());
        self.server.write(Commit::Synced, &self.statements.mark, &[&location, &id, &FORMAT]).await?;
        // Read back: a repeated insert does not tell whose the row is.
        let marker = self.marker(location).await?;
        let marker = marker.ok_or_else(|| Error::Io("the server has lost the row that marks the store".into()))?;
        Ok((marker.id == id, marker))
    }

    fn sessions(&self, marker: Marker) -> PostgresSessions {
        PostgresSessions::new(self.server.clone(), self.statements.clone(), marker.key, marker.id, &self.schema)
    }
}

impl Engine for Postgres {
    type Sessions = PostgresSessions;

    async fn open(&self, location: &str, create: bool, durable: bool) -> Result<PostgresSessions> {
        let found = if self.tables(durable, create).await? { self.marker(location).await? } else { None };
        match found {
            Some(marker) => Ok(self.sessions(marker)),
            None if create => Ok(self.sessions(self.mark(location).await?.1)),
            None => Err(Error::NoSuchStore(format!(
                "there is no session store `{location}` in the schema {}; set one up or open it with `create`",
                self.schema
            ))),
        }
    }

    async fn setup(&self, location: &str, durable: bool) -> Result<PostgresSessions> {
        self.tables(durable, true).await?;
        match self.mark(location).await? {
            (true, marker) => Ok(self.sessions(marker)),
            (false, _) => Err(Error::AlreadyExists),
        }
    }
}

fn check_durable(fsync: &str, synchronous_commit: &str) -> Result<()> {
    let lacks = |what: &str| {
        Err(Error::AccessDenied(format!(
            "the server has {what}, so it cannot keep durable saves through a power cut; change that, or use relaxed \
             durability"
        )))
    };
    if fsync != "on" {
        return lacks("fsync = off");
    }
    // Of a connection that has just set it.
    if !matches!(synchronous_commit, "on" | "remote_apply") {
        return lacks("a fixed synchronous_commit");
    }
    Ok(())
}
