//! Requests: sent again when that is safe, and their errors.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use session_core::error::{Error, Result};
use session_core::store::Milliseconds;

use crate::keys::{SHARDS, Shard};
use crate::open;
use crate::script::{self, Script};
use crate::transport::{Command, Failure, Reply, Transport};

/// Pauses between attempts: doubled each time, up to the longest.
const FIRST_PAUSE: Milliseconds = 10;
const LONGEST_PAUSE: Milliseconds = 200;

/// Refusals that end: while a server starts, a replica becomes the master, a slot moves.
const PASSING: [&str; 8] = ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "MOVED", "ASK", "BUSY"];

/// How long a replica or a disk may take to confirm a write. In milliseconds.
const CONFIRMATION: &str = "1000";

/// A server, and how long a request is sent again.
pub(crate) struct Server<T> {
    transport: Arc<T>,
    patience: Milliseconds,
    safety: Safety,
    replicas: Arc<Replicas>,
    /// The scripts' hashes, by name: computed once.
    hashes: Arc<[(&'static str, String)]>,
}

/// How the server can confirm that a write is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Safety {
    /// It has a replica. Not known of a cluster: there each master may have one or not.
    pub(crate) has_replica: Option<bool>,
    /// It can tell when its disk has a write (`WAITAOF`, from version 7.2 on). Otherwise a durable store requires that it
    /// syncs each write before it replies.
    pub(crate) confirms_disk: bool,
}

/// Which masters of a cluster have a replica, by shard: the time from which on to ask it again.
///
/// A master that has one is asked again after a failure: another one may have taken over, which has none yet, and would
/// let each write wait in vain.
struct Replicas([AtomicU64; SHARDS as usize]);

const UNKNOWN: Milliseconds = 0;
const YES: Milliseconds = Milliseconds::MAX;
/// How long a master that has none is not asked again.
const NO: Milliseconds = 1_000;

impl Replicas {
    fn of(&self, key: &str) -> &AtomicU64 {
        &self.0[usize::from(Shard::of_key(key).number())]
    }

    fn forget(&self) {
        for shard in &self.0 {
            shard.store(UNKNOWN, Ordering::Relaxed);
        }
    }
}

/// What must have a write besides the master's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledge {
    /// Nothing else.
    Master,
    /// A replica, if there is one.
    Replica,
    /// The master's disk and, if there is a replica, that of a replica.
    Disk,
}

impl<T> Clone for Server<T> {
    fn clone(&self) -> Self {
        let Self { transport, patience, safety, replicas, hashes } = self;
        let (transport, replicas, hashes) = (transport.clone(), replicas.clone(), hashes.clone());
        Self { transport, patience: *patience, safety: *safety, replicas, hashes }
    }
}

/// A script to run.
pub(crate) struct Request<'a> {
    pub(crate) script: &'a Script,
    pub(crate) keys: Vec<String>,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) acknowledge: Acknowledge,
    /// The script takes `first` or `again` as its last argument.
    pub(crate) tells_attempt: bool,
}

/// The reply of a script: a word, and possibly more.
pub(crate) struct Answer {
    script: &'static str,
    items: Vec<Vec<u8>>,
}

impl<'a> Request<'a> {
    /// A script that changes nothing that must survive a fail-over, or whose repetition is harmless.
    pub(crate) fn new(script: &'a Script, keys: impl Into<Vec<String>>, arguments: &[&[u8]]) -> Self {
        let arguments = arguments.iter().map(|argument| argument.to_vec()).collect();
        Self { script, keys: keys.into(), arguments, acknowledge: Acknowledge::Master, tells_attempt: false }
    }

    pub(crate) fn acknowledged(self, acknowledge: Acknowledge) -> Self {
        Self { acknowledge, ..self }
    }

    pub(crate) fn telling_attempt(self) -> Self {
        Self { tells_attempt: true, ..self }
    }

    fn command(&self, name: &str, script: &str, attempt: &str) -> Command {
        let mut all: Vec<Vec<u8>> = Vec::with_capacity(4 + self.keys.len() + self.arguments.len());
        all.extend([name.into(), script.into(), self.keys.len().to_string().into_bytes()]);
        all.extend(self.keys.iter().map(|key| key.clone().into_bytes()));
        all.extend(self.arguments.iter().cloned());
        if self.tells_attempt {
            all.push(attempt.into());
        }
        Command { arguments: all, key: self.keys.first().cloned() }
    }
}

impl<T: Transport> Server<T> {
    pub(crate) fn new(transport: Arc<T>, patience: Milliseconds) -> Self {
        let hashes = script::ALL.iter().map(|script| (script.name, script.sha())).collect();
        let replicas = Arc::new(Replicas([const { AtomicU64::new(UNKNOWN) }; SHARDS as usize]));
        Self { transport, patience, safety: Safety::default(), replicas, hashes }
    }

    /// The same server, whose confirmations are known.
    pub(crate) fn with(&self, safety: Safety) -> Self {
        Self { safety, ..self.clone() }
    }

    pub(crate) fn random(&self) -> u128 {
        self.transport.random()
    }

    /// Runs a script.
    pub(crate) async fn run(&self, request: Request<'_>) -> Result<Answer> {
        let mut attempts = Attempts::new(&*self.transport, self.patience);
        let hash = self.hashes.iter().find(|(name, _)| *name == request.script.name);
        let (_, hash) = hash.expect("`ALL` has every script");
        loop {
            let attempt = if attempts.may_have_run { "again" } else { "first" };
            let mut sent = self.send(request.command("EVALSHA", hash, attempt), request.acknowledge).await;
            if matches!(&sent, Err(Failure::Refused(code, _)) if code == "NOSCRIPT") {
                let whole = request.command("EVAL", request.script.source, attempt);
                sent = self.send(whole, request.acknowledge).await;
            }
            match sent {
                Ok((reply, confirmed)) => {
                    confirmed?;
                    return Answer::parse(request.script.name, reply);
                }
                Err(failure) => attempts.after(failure).await?,
            }
        }
    }

    /// Sends a command that only reads.
    pub(crate) async fn read(&self, command: Command) -> Result<Reply> {
        let mut attempts = Attempts::new(&*self.transport, self.patience);
        loop {
            match self.transport.send(command.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => attempts.after_read(failure).await?,
            }
        }
    }

    /// Sends commands that only read.
    pub(crate) async fn read_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>> {
        let mut attempts = Attempts::new(&*self.transport, self.patience);
        loop {
            match self.transport.send_all(commands.clone()).await {
                Ok(replies) => return Ok(replies),
                Err(failure) => attempts.after_read(failure).await?,
            }
        }
    }

    /// Sends a command whose repetition is harmless.
    pub(crate) async fn write(&self, command: Command, acknowledge: Acknowledge) -> Result<Reply> {
        let mut attempts = Attempts::new(&*self.transport, self.patience);
        loop {
            match self.send(command.clone(), acknowledge).await {
                Ok((reply, confirmed)) => return confirmed.map(|()| reply),
                Err(failure) => attempts.after(failure).await?,
            }
        }
    }

    /// Sends a command, and has it confirmed. When it is executed but not confirmed, the outcome is unknown.
    async fn send(
        &self,
        command: Command,
        acknowledge: Acknowledge,
    ) -> core::result::Result<(Reply, Result<()>), Failure> {
        let has_replica = acknowledge != Acknowledge::Master && self.has_replica(command.key.as_deref()).await?;
        let replicas = if has_replica { "1" } else { "0" };
        let mut then = match acknowledge {
            Acknowledge::Disk if self.safety.confirms_disk => Command::new(["WAITAOF", "1", replicas, CONFIRMATION]),
            Acknowledge::Disk | Acknowledge::Replica if has_replica => Command::new(["WAIT", "1", CONFIRMATION]),
            _ => {
                let sent = self.transport.send(command).await.inspect_err(|_| self.replicas.forget());
                return sent.map(|reply| (reply, Ok(())));
            }
        };
        then.key = command.key.clone();
        let sent = self.transport.send_with(command, then).await;
        let (reply, confirmation) = sent.inspect_err(|_| self.replicas.forget())?;
        // `WAIT`: replicas. `WAITAOF`: whether the master's disk, and disks of replicas.
        let is_confirmed = match &confirmation {
            Reply::Integer(replicas) => *replicas >= 1,
            Reply::List(counts) => {
                let wanted = [1, i64::from(has_replica)];
                counts.len() == 2 && counts.iter().zip(wanted).all(|(count, wanted)| count.integer() >= Some(wanted))
            }
            _ => false,
        };
        let confirmed = if is_confirmed {
            Ok(())
        } else {
            self.replicas.forget();
            Err(Error::OutcomeUnknown(format!(
                "the change is on the master, but no replica or disk has confirmed it within {CONFIRMATION} ms; a \
                 fail-over may lose it"
            )))
        };
        Ok((reply, confirmed))
    }

    /// Whether the master of a key has a replica.
    async fn has_replica(&self, key: Option<&str>) -> core::result::Result<bool, Failure> {
        let (None, Some(key)) = (self.safety.has_replica, key) else {
            return Ok(self.safety.has_replica.unwrap_or_default());
        };
        let known = self.replicas.of(key);
        let now = self.transport.uptime();
        match known.load(Ordering::Relaxed) {
            YES => return Ok(true),
            ask_from if now < ask_from => return Ok(false),
            _ => {}
        }
        let command = Command { key: Some(key.into()), ..Command::new(["INFO", "replication"]) };
        let reply = self.transport.send(command).await.map_err(|failure| match failure {
            // Nothing has been written yet.
            Failure::Lost(text) => Failure::NotSent(text),
            failure => failure,
        })?;
        let info = reply.bytes().unwrap_or_default();
        let has_replica = open::has_replica(&String::from_utf8_lossy(&info));
        known.store(if has_replica { YES } else { now.saturating_add(NO) }, Ordering::Relaxed);
        Ok(has_replica)
    }
}

/// The attempts of one request.
struct Attempts<'a, T> {
    transport: &'a T,
    until: Milliseconds,
    pause: Milliseconds,
    /// Whether one of them may have been executed.
    may_have_run: bool,
}

impl<'a, T: Transport> Attempts<'a, T> {
    fn new(transport: &'a T, patience: Milliseconds) -> Self {
        let until = transport.uptime().saturating_add(patience);
        Self { transport, until, pause: FIRST_PAUSE, may_have_run: false }
    }

    /// Pauses before the next attempt, or returns why there is none.
    async fn after(&mut self, failure: Failure) -> Result<()> {
        self.may_have_run |= matches!(failure, Failure::Lost(_));
        self.wait(failure).await.map_err(|error| match error {
            error if !self.may_have_run => error,
            error => Error::OutcomeUnknown(format!("the server did not confirm the change: {error}")),
        })
    }

    async fn after_read(&mut self, failure: Failure) -> Result<()> {
        self.wait(failure).await
    }

    async fn wait(&mut self, failure: Failure) -> Result<()> {
        let passes = match &failure {
            Failure::Refused(code, _) => PASSING.contains(&code.as_str()),
            Failure::NotSent(_) | Failure::Lost(_) => true,
            Failure::Forbidden(_) => false,
        };
        let left = self.until.saturating_sub(self.transport.uptime());
        if !passes || left == 0 {
            return Err(error(failure));
        }
        self.transport.pause(self.pause.min(left)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// A failure as an error of the contract.
fn error(failure: Failure) -> Error {
    let unreachable = |text| format!("the server that keeps the sessions cannot be reached: {text}");
    let (code, text) = match failure {
        Failure::Refused(code, text) => (code, text),
        Failure::NotSent(text) | Failure::Lost(text) => return Error::Unavailable(unreachable(text)),
        Failure::Forbidden(text) => return Error::AccessDenied(unreachable(text)),
    };
    // An error inside a script has the script's code before Redis 7.
    let is = |wanted: &str| code == wanted || text.contains(&format!("-{wanted} "));
    let text = format!("the server refused: {text}");
    if is("OOM") || is("MISCONF") {
        Error::NoSpace(text)
    } else if is("NOAUTH") || is("WRONGPASS") || is("NOPERM") {
        Error::AccessDenied(text)
    } else if is("WRONGTYPE") {
        Error::Corrupt(format!("a key of the store has another type, so it is not session3's: {text}"))
    } else if is("NOREPLICAS") || PASSING.iter().any(|passing| is(passing)) {
        Error::Unavailable(text)
    } else {
        Error::Io(text)
    }
}

impl Answer {
    fn parse(script: &'static str, reply: Reply) -> Result<Self> {
        let items = reply.list().and_then(|items| items.into_iter().map(Reply::bytes).collect::<Option<Vec<_>>>());
        match items {
            Some(items) if !items.is_empty() => Ok(Self { script, items }),
            _ => Err(Error::Io(format!("the script `{script}` returned something else than a list of strings"))),
        }
    }

    /// The first item.
    pub(crate) fn word(&self) -> &str {
        self.text(0).unwrap_or_default()
    }

    /// An item, if it is text.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        self.items.get(at).and_then(|item| core::str::from_utf8(item).ok())
    }

    /// A word that this caller does not expect.
    pub(crate) fn unexpected(&self) -> Error {
        Error::Io(format!("the script `{}` returned `{}`", self.script, self.word()))
    }
}

/// A reply that no server sends.
pub(crate) fn malformed(command: &str) -> Error {
    Error::Io(format!("the server sent an unexpected reply to {command}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_errors_of_the_contract() {
        let of = |code: &str, text: &str| error(Failure::Refused(code.into(), text.into()));
        for (code, text, matches) in [
            ("OOM", "OOM command not allowed", Error::NoSpace as fn(String) -> Error),
            ("MISCONF", "MISCONF Errors writing to the AOF file", Error::NoSpace),
            ("ERR", "ERR Error running script: @user_script:7: @-OOM command not allowed", Error::NoSpace),
            ("NOAUTH", "NOAUTH Authentication required.", Error::AccessDenied),
            ("WRONGPASS", "WRONGPASS invalid", Error::AccessDenied),
            ("NOPERM", "NOPERM this user", Error::AccessDenied),
            ("READONLY", "READONLY You can't write", Error::Unavailable),
            ("LOADING", "LOADING", Error::Unavailable),
            ("NOREPLICAS", "NOREPLICAS Not enough", Error::Unavailable),
            ("ERR", "ERR unknown command", Error::Io),
        ] {
            assert_eq!(of(code, text), matches(format!("the server refused: {text}")), "{text}");
        }
        assert!(matches!(of("WRONGTYPE", "WRONGTYPE Operation"), Error::Corrupt(_)));
        assert!(matches!(error(Failure::Lost("x".into())), Error::Unavailable(_)));
        assert!(matches!(error(Failure::Forbidden("x".into())), Error::AccessDenied(_)));
    }
}
