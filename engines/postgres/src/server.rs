//! Connections, and requests: sent again when that is safe, and their errors.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use deadpool_postgres::{HookError, TimeoutType};
use rustls::{ClientConfig, RootCertStore};
use session_core::error::{Error, Result};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::options::Options;

/// Pauses between attempts: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Connections of each pool. A server has 100 by default, for all its clients.
const CONNECTIONS: usize = 8;

/// A value for a statement.
pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// What a commit waits for. Each has its own connections, as to change it for one statement takes a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// Nothing (`synchronous_commit = off`).
    Relaxed,
    /// The disk and, where the server is set up so, that of a standby (`on`, or more if the server has more).
    Synced,
}

/// Whether a statement can be repeated after it may have been executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It changes nothing.
    Read,
    /// Its repetition is harmless.
    Write,
    /// It recognizes its repetition, and takes as its last parameter whether it is one.
    Once,
}

/// Why a statement has no result.
pub(crate) enum Failure {
    /// The server has not got it.
    NotSent(String),
    /// It may have been executed.
    Lost(String),
    /// The server has refused it, with this code.
    Refused(SqlState, String),
}

/// A server, and how long a request is sent again.
#[derive(Clone)]
pub(crate) struct Server(Arc<Inner>);

struct Inner {
    relaxed: Pool,
    synced: Pool,
    patience: Duration,
    response_timeout: Duration,
}

impl Server {
    pub(crate) fn new(options: &Options) -> Self {
        let Options { patience, response_timeout, .. } = *options;
        let pool = |commit| pool(options, commit);
        let (relaxed, synced) = (pool(Commit::Relaxed), pool(Commit::Synced));
        Self(Arc::new(Inner { relaxed, synced, patience, response_timeout }))
    }

    /// Executes a statement that changes nothing.
    pub(crate) async fn read(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.execute(Commit::Relaxed, Kind::Read, sql, parameters).await
    }

    /// Executes a statement that may be repeated.
    pub(crate) async fn write(&self, commit: Commit, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.execute(commit, Kind::Write, sql, parameters).await
    }

    /// Executes a statement that takes as its last parameter whether an earlier attempt may have been executed.
    pub(crate) async fn write_once(&self, commit: Commit, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.execute(commit, Kind::Once, sql, parameters).await
    }

    async fn execute(&self, commit: Commit, kind: Kind, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let mut attempts = self.attempts(kind);
        loop {
            let is_repeated = attempts.may_have_run;
            let mut all = parameters.to_vec();
            if kind == Kind::Once {
                all.push(&is_repeated);
            }
            match self.send(commit, sql, &all).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => attempts.after(failure).await?,
            }
        }
    }

    /// Executes a script that may be repeated, in one transaction.
    pub(crate) async fn run_script(&self, script: &str) -> Result<()> {
        let mut attempts = self.attempts(Kind::Write);
        loop {
            let connection = self.connection(Commit::Synced).await;
            let sent = match connection {
                Ok(connection) => {
                    let sent = timeout(self.0.response_timeout, connection.batch_execute(script)).await;
                    self.received(connection, sent)
                }
                Err(failure) => Err(failure),
            };
            match sent {
                Ok(()) => return Ok(()),
                Err(failure) => attempts.after(failure).await?,
            }
        }
    }

    async fn send(&self, commit: Commit, sql: &str, parameters: &[Parameter<'_>]) -> Sent<Vec<Row>> {
        let connection = self.connection(commit).await?;
        let prepared = timeout(self.0.response_timeout, connection.prepare_cached(sql)).await;
        let (connection, statement) = match prepared {
            Ok(Ok(statement)) => (connection, statement),
            // Nothing has been executed yet.
            prepared => {
                return self.received(connection, prepared.map(|result| result.map(|_| Vec::new()))).map_err(not_sent);
            }
        };
        let sent = timeout(self.0.response_timeout, connection.query(&statement, parameters)).await;
        self.received(connection, sent)
    }

    fn pool(&self, commit: Commit) -> &Pool {
        match commit {
            Commit::Relaxed => &self.0.relaxed,
            Commit::Synced => &self.0.synced,
        }
    }

    async fn connection(&self, commit: Commit) -> Sent<Object> {
        self.pool(commit).get().await.map_err(|error| match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                not_sent(failure(&error))
            }
            PoolError::Timeout(TimeoutType::Wait) => Failure::NotSent("all connections are in use".into()),
            PoolError::Timeout(_) => Failure::NotSent("it does not accept the connection in time".into()),
            other => Failure::NotSent(other.to_string()),
        })
    }

    /// The result of a statement. A connection that has failed is closed, and so are the idle ones: they may be broken
    /// as well, or lead to a server that hangs or is not the primary any more.
    fn received<T>(
        &self,
        connection: Object,
        sent: std::result::Result<std::result::Result<T, tokio_postgres::Error>, tokio::time::error::Elapsed>,
    ) -> Sent<T> {
        let failure = match sent {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => failure(&error),
            Err(_) => Failure::Lost("the reply takes too long".into()),
        };
        let is_stale = match &failure {
            Failure::NotSent(_) | Failure::Lost(_) => true,
            Failure::Refused(code, _) => is_stale(code),
        };
        if is_stale {
            drop(Object::take(connection));
            for pool in [&self.0.relaxed, &self.0.synced] {
                pool.retain(|_, _| false);
            }
        }
        Err(failure)
    }

    fn attempts(&self, kind: Kind) -> Attempts {
        Attempts { kind, until: Instant::now() + self.0.patience, pause: FIRST_PAUSE, may_have_run: false }
    }
}

type Sent<T> = std::result::Result<T, Failure>;

/// The attempts of one request.
struct Attempts {
    kind: Kind,
    until: Instant,
    pause: Duration,
    /// Whether one of them may have been executed.
    may_have_run: bool,
}

impl Attempts {
    /// Pauses before the next attempt, or returns why there is none.
    async fn after(&mut self, failure: Failure) -> Result<()> {
        self.may_have_run |= self.kind != Kind::Read && matches!(failure, Failure::Lost(_));
        let passes = match &failure {
            Failure::Refused(code, _) => is_passing(code),
            Failure::NotSent(_) | Failure::Lost(_) => true,
        };
        let left = self.until.saturating_duration_since(Instant::now());
        if !passes || left.is_zero() {
            let error = error(failure);
            return Err(if self.may_have_run {
                Error::OutcomeUnknown(format!("the server did not confirm the change: {error}"))
            } else {
                error
            });
        }
        sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// A pool that connects when it is first used.
fn pool(options: &Options, commit: Commit) -> Pool {
    let Options { response_timeout, .. } = *options;
    let mut config = options.server.clone();
    // A standby would refuse to write, and its sessions may be old.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.connect_timeout(response_timeout).application_name("session3");
    config.ssl_mode(if options.uses_tls { SslMode::Require } else { SslMode::Disable });
    let settings = settings(commit, response_timeout);
    let hook = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let settings = settings.clone();
        Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
    });
    let hosts = options.server.get_hosts().len().max(1) as u32;
    Pool::builder(manager(config, options.uses_tls))
        .max_size(CONNECTIONS)
        .wait_timeout(Some(response_timeout))
        .create_timeout(Some(response_timeout * hosts))
        .runtime(Runtime::Tokio1)
        .post_create(hook)
        .build()
        .expect("a runtime is given")
}

fn manager(config: Config, uses_tls: bool) -> Manager {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    if !uses_tls {
        return Manager::from_config(config, NoTls, recycling);
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Manager::from_config(config, MakeRustlsConnect::new(tls), recycling)
}

/// What a new connection sets. A statement that the client has given up ends by itself. Names are looked up nowhere but
/// where the statements say. Statements that lock a row go on with its newest version, which other isolation levels
/// refuse.
fn settings(commit: Commit, response_timeout: Duration) -> String {
    let synchronous_commit = match commit {
        Commit::Relaxed => "'off'",
        Commit::Synced => {
            "CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END"
        }
    };
    let milliseconds = response_timeout.as_millis().max(1);
    format!(
        "SET search_path = pg_catalog; SET default_transaction_isolation = 'read committed'; \
         SET statement_timeout = {milliseconds}; \
         SELECT set_config('synchronous_commit', {synchronous_commit}, false)"
    )
}

/// Refusals that end: while a server starts, a standby takes over, connections or locks are short.
fn is_passing(code: &SqlState) -> bool {
    let passing = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    passing.contains(code) || is_stale(code)
}

/// Refusals that another connection may not have: a server that has become a standby, prepared statements that are gone
/// or of other tables.
fn is_stale(code: &SqlState) -> bool {
    [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::FEATURE_NOT_SUPPORTED]
        .contains(code)
}

fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(refusal) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
        return Failure::Lost(format!("{error}{cause}"));
    };
    let (code, text) = (refusal.code().clone(), refusal.message().to_owned());
    // The server ends the connection, possibly after a commit. It may also not have begun.
    let is_end = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::DATABASE_DROPPED,
        SqlState::CONNECTION_EXCEPTION,
        SqlState::CONNECTION_DOES_NOT_EXIST,
        SqlState::CONNECTION_FAILURE,
    ];
    if is_end.contains(&code) || code.code() == "57P05" { Failure::Lost(text) } else { Failure::Refused(code, text) }
}

/// A failure before anything was executed.
fn not_sent(failure: Failure) -> Failure {
    match failure {
        Failure::Lost(text) => Failure::NotSent(text),
        other => other,
    }
}

/// A failure as an error of the contract.
fn error(failure: Failure) -> Error {
    let (code, text) = match failure {
        Failure::Refused(code, text) => (code, text),
        Failure::NotSent(text) | Failure::Lost(text) => {
            return Error::Unavailable(format!("the server that keeps the sessions cannot be reached: {text}"));
        }
    };
    let text = format!("the server refused: {text} ({})", code.code());
    match code.code() {
        "53100" | "53200" => Error::NoSpace(text),
        "42501" | "3D000" => Error::AccessDenied(text),
        "3F000" | "42P01" | "42P07" => Error::NoSuchStore(text),
        "XX001" | "XX002" => Error::Corrupt(text),
        number if number.starts_with("28") => Error::AccessDenied(text),
        _ if is_passing(&code) => Error::Unavailable(text),
        _ => Error::Io(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_errors_of_the_contract() {
        for (code, matches) in [
            ("53100", Error::NoSpace as fn(String) -> Error),
            ("53200", Error::NoSpace),
            ("28P01", Error::AccessDenied),
            ("28000", Error::AccessDenied),
            ("42501", Error::AccessDenied),
            ("3D000", Error::AccessDenied),
            ("42P01", Error::NoSuchStore),
            ("XX001", Error::Corrupt),
            ("25006", Error::Unavailable),
            ("57P03", Error::Unavailable),
            ("53300", Error::Unavailable),
            ("40001", Error::Unavailable),
            ("40P01", Error::Unavailable),
            ("42601", Error::Io),
        ] {
            let refused = Failure::Refused(SqlState::from_code(code), "why".into());
            assert_eq!(error(refused), matches(format!("the server refused: why ({code})")));
        }
        assert!(matches!(error(Failure::Lost("x".into())), Error::Unavailable(_)));
    }
}
