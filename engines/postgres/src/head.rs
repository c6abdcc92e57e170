//! A session as the columns of a row.

use session_core::SessionId;
use session_core::error::{Error, Result};
use session_core::expiry;
use session_core::record::Version;
use session_core::store::{Contents, Info, Instant, MAX_DATA, MAX_OWNER, Milliseconds, Record};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, WrongType};
use xxhash_rust::xxh3::xxh3_64;

use crate::number::Number;

/// A session without its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    version: u64,
    created: Instant,
    modified: Instant,
    /// When it was last saved, touched or renamed, by the clock of that client.
    active: Instant,
    idle_timeout: Option<Milliseconds>,
    deadline: Option<Instant>,
    owner: Option<String>,
    checksum: i64,
    size: u32,
}

/// How many columns a head has.
pub(crate) const COLUMNS: usize = 9;

impl Head {
    /// Reads the columns from `first` on; none if no write leaves such a row.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a column has another type than the tables of this version: no row can be read then.
    pub(crate) fn parse(row: &Row, first: usize) -> Result<Option<Self>> {
        let number = |column| get::<Number>(row, first + column);
        let optional = |column| get::<Option<Number>>(row, first + column);
        let (version, created, modified, active) = (number(0)?, number(1)?, number(2)?, number(3)?);
        let (idle_timeout, deadline) = (optional(4)?, optional(5)?);
        let owner = get::<Option<&[u8]>>(row, first + 6)?;
        let (checksum, size) = (get::<i64>(row, first + 7)?, get::<i32>(row, first + 8)?);
        Ok((|| {
            let owner = match owner? {
                Some(owner) => Some(String::from_utf8(owner.to_vec()).ok()?),
                None => None,
            };
            let head = Self {
                version: version?.0,
                created: created?.0,
                modified: modified?.0,
                active: active?.0,
                idle_timeout: idle_timeout?.map(|number| number.0),
                deadline: deadline?.map(|number| number.0),
                owner,
                checksum: checksum?,
                size: size?.try_into().ok()?,
            };
            head.is_valid().then_some(head)
        })())
    }

    fn is_valid(&self) -> bool {
        (1..u64::MAX).contains(&self.version)
            && self.size <= MAX_DATA
            && self.owner.as_ref().is_none_or(|owner| (1..=MAX_OWNER).contains(&owner.len()))
    }

    /// Whether the data belongs to this head.
    pub(crate) fn is_of(&self, data: &[u8]) -> bool {
        data.len() == self.size as usize && checksum(data) == self.checksum
    }

    /// The view that the expiry rules need.
    fn version(&self) -> Version<'_> {
        Version {
            version: self.version,
            created: self.created,
            modified: self.modified,
            owner: None,
            idle_timeout: self.idle_timeout,
            deadline: self.deadline,
            data: &[],
        }
    }

    /// Whether the session has expired.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        expiry::expired(&self.version(), self.active, now)
    }

    fn last_active(&self, now: Instant) -> Instant {
        expiry::last_active(&self.version(), self.active, now).unwrap_or(self.created.min(now))
    }

    /// As a listing shows it.
    pub(crate) fn info(self, id: SessionId, now: Instant) -> Info {
        let last_active = self.last_active(now);
        let Self { version, created, modified, idle_timeout, deadline, owner, size, .. } = self;
        Info { id, version, created, modified, last_active, owner, idle_timeout, deadline, size }
    }

    /// As a load returns it.
    pub(crate) fn record(self, id: SessionId, data: Vec<u8>, now: Instant) -> Record {
        let last_active = self.last_active(now);
        let Self { version, created, modified, idle_timeout, deadline, owner, .. } = self;
        Record {
            id,
            version,
            created,
            modified,
            last_active,
            contents: Contents { data, owner, idle_timeout, deadline },
        }
    }
}

/// The checksum of a session's data, as `bigint`.
pub(crate) fn checksum(data: &[u8]) -> i64 {
    xxh3_64(data).cast_signed()
}

/// Reads a column; none if it has no such value.
fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<Option<T>> {
    match row.try_get(column) {
        Ok(value) => Ok(Some(value)),
        Err(error) if std::error::Error::source(&error).is_some_and(|source| source.is::<WrongType>()) => {
            Err(Error::Io(format!("a column of the table of sessions has another type: {error}")))
        }
        Err(_) => Ok(None),
    }
}
