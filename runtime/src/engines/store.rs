use super::ctx::EngineCtx;
use super::cursor::Cursor;
use super::dynamic::{Answer, DynSessions, Releases};
use super::guard::Guard;
use crate::events::{Event as WitEvent, EventSink, Limit as WitLimit};
use crate::locks::{Mode, Place};
use session_core::engine::{Call, Holder, Lease, Logout};
use session_core::error::{Error, Result};
use session_core::events::{Event, Events, Limit};
use session_core::store::{Contents, Durability, GarbageReport, Info, LockMode, Milliseconds, Options, Record, Usage};
use session_core::{SessionId, arguments};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pauses between attempts to get a lock that another process holds: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// How long a lock that has ended with its instance may take to be released on the server.
const RELEASE: Duration = Duration::from_secs(2);

/// The host's representation of the resource `store`.
#[derive(Clone)]
pub struct Store {
    pub(super) sessions: Arc<dyn DynSessions>,
    pub(super) releases: Releases,
    options: Options,
}

/// The sink of an instance as the receiver of an engine's events.
pub(super) struct Sink(pub(super) Arc<dyn EventSink>);

impl Store {
    pub(super) async fn open(ctx: &EngineCtx, location: &str, options: Options) -> Result<Self> {
        arguments::location(location, options)?;
        let durable = options.durability == Durability::Durable;
        let sessions = ctx.engine.open(location, options.create, durable).await?;
        Ok(Self { sessions, releases: ctx.engine.releases().clone(), options })
    }

    pub(super) async fn setup(ctx: &EngineCtx, location: &str, options: Options) -> Result<Self> {
        arguments::location(location, options)?;
        let durable = options.durability == Durability::Durable;
        let sessions = ctx.engine.setup(location, durable).await?;
        Ok(Self { sessions, releases: ctx.engine.releases().clone(), options })
    }

    pub(super) fn check(&self, contents: &Contents) -> Result<()> {
        arguments::contents(contents, self.options.size_limit)
    }

    pub(super) fn is_durable(&self) -> bool {
        self.options.durability == Durability::Durable
    }

    pub(super) fn lock_wait(&self) -> Duration {
        Duration::from_millis(self.options.lock_wait)
    }

    pub(super) async fn create(&self, ctx: &mut EngineCtx, id: &SessionId, contents: Contents) -> Result<Info> {
        self.check(&contents)?;
        let now = ctx.now();
        let record = Record { id: id.clone(), version: 1, created: now, modified: now, last_active: now, contents };
        self.insert(ctx, &record).await?;
        Ok(record.info())
    }

    pub(super) async fn import(&self, ctx: &mut EngineCtx, record: &Record) -> Result<()> {
        arguments::imported(record, self.options.size_limit)?;
        self.insert(ctx, record).await
    }

    async fn insert(&self, ctx: &mut EngineCtx, record: &Record) -> Result<()> {
        let sink = Sink(ctx.events.clone());
        self.write(ctx, &sink, &[&record.id], |call| self.sessions.insert(record, call)).await
    }

    pub(super) async fn load(&self, ctx: &EngineCtx, id: &SessionId, holder: Option<Holder>) -> Result<Option<Record>> {
        let sink = Sink(ctx.events.clone());
        self.sessions.load(id, holder, sink.call(ctx)).await
    }

    pub(super) async fn has(&self, ctx: &EngineCtx, id: &SessionId) -> Result<bool> {
        let sink = Sink(ctx.events.clone());
        self.sessions.has(id, sink.call(ctx)).await
    }

    pub(super) async fn save(
        &self,
        ctx: &mut EngineCtx,
        id: &SessionId,
        contents: &Contents,
        expected: Option<u64>,
    ) -> Result<u64> {
        self.check(contents)?;
        let durable = self.is_durable();
        let sink = Sink(ctx.events.clone());
        self.write(ctx, &sink, &[id], |call| self.sessions.save(id, contents, expected, None, durable, call)).await
    }

    pub(super) async fn touch(&self, ctx: &EngineCtx, id: &SessionId) -> Result<()> {
        let sink = Sink(ctx.events.clone());
        self.sessions.touch(id, sink.call(ctx)).await
    }

    pub(super) async fn delete(&self, ctx: &mut EngineCtx, id: &SessionId) -> Result<bool> {
        let sink = Sink(ctx.events.clone());
        self.write(ctx, &sink, &[id], |call| self.sessions.delete(id, None, None, call)).await
    }

    pub(super) async fn rename(&self, ctx: &mut EngineCtx, id: &SessionId, new_id: &SessionId) -> Result<()> {
        let sink = Sink(ctx.events.clone());
        self.write(ctx, &sink, &[id, new_id], |call| self.sessions.rename(id, new_id, None, call)).await
    }

    /// Takes a lock: first in this process, where waiters queue, then on the server.
    pub(super) async fn lock(
        &self,
        ctx: &mut EngineCtx,
        id: &SessionId,
        mode: LockMode,
        wait: Option<Milliseconds>,
    ) -> Result<Guard> {
        let mut wait = wait.map_or_else(|| self.lock_wait(), Duration::from_millis);
        if self.releases.contain(&self.lock_name(id)) {
            wait = wait.max(RELEASE);
        }
        let deadline = Instant::now() + wait;
        let place = self.queue(ctx, id, mode.into(), wait).await?;
        let lease = Lease { holder: Holder(random()), time: ctx.lease.as_millis() as Milliseconds };
        until(deadline, || self.sessions.lock(id, mode, lease)).await?;
        Ok(Guard::new(self.clone(), id.clone(), mode, lease, place))
    }

    pub(super) async fn delete_old(&self, ctx: &EngineCtx, minutes: u32) -> Result<(u64, u64)> {
        let sink = Sink(ctx.events.clone());
        self.sessions.delete_old(u64::from(minutes) * 60_000, sink.call(ctx)).await
    }

    pub(super) async fn collect_garbage(
        &self,
        ctx: &EngineCtx,
        budget: u32,
        resume: Option<String>,
    ) -> Result<GarbageReport> {
        arguments::budget(budget)?;
        let sink = Sink(ctx.events.clone());
        self.sessions.collect_garbage(budget, resume, sink.call(ctx)).await
    }

    pub(super) fn iter(&self, after: Option<SessionId>) -> Cursor {
        Cursor::all(self.clone(), after)
    }

    pub(super) async fn sessions_of(&self, owner: String) -> Result<Cursor> {
        arguments::owner(&owner)?;
        let ids = self.sessions.ids_of(&owner).await?;
        Ok(Cursor::of(self.clone(), owner, ids))
    }

    pub(super) async fn count_of(&self, owner: &str) -> Result<u64> {
        arguments::owner(owner)?;
        self.sessions.count_of(owner).await
    }

    pub(super) async fn delete_of(&self, ctx: &mut EngineCtx, owner: &str) -> Result<u64> {
        arguments::owner(owner)?;
        let sink = Sink(ctx.events.clone());
        let mut logout = Logout::default();
        loop {
            for id in self.sessions.ids_of(owner).await? {
                let of = Some(owner);
                logout.note(self.write(ctx, &sink, &[&id], |call| self.sessions.delete(&id, of, None, call)).await)?;
            }
            if let Some(deleted) = logout.end_round()? {
                return Ok(deleted);
            }
        }
    }

    pub(super) async fn usage(&self) -> Result<Usage> {
        self.sessions.usage().await
    }

    /// Runs a write that needs the locks of these ids to be free. If they are not, it queues behind the holders and
    /// waiters of this process, and tries again until those of other processes are gone.
    async fn write<'s, T>(
        &self,
        ctx: &mut EngineCtx,
        sink: &'s Sink,
        ids: &[&SessionId],
        attempt: impl Fn(Call<'s>) -> Answer<'s, T>,
    ) -> Result<T> {
        match attempt(sink.call(ctx)).await {
            Err(Error::Busy) => {}
            result => return result,
        }
        let deadline = Instant::now() + self.lock_wait();
        let mut places = Vec::new();
        for id in ids {
            let left = deadline.saturating_duration_since(Instant::now());
            places.push(self.queue(ctx, id, Mode::Exclusive, left).await?);
        }
        until(deadline, || attempt(sink.call(ctx))).await
    }

    /// Takes a place in the queue of this process.
    pub(super) async fn queue(&self, ctx: &mut EngineCtx, id: &SessionId, mode: Mode, wait: Duration) -> Result<Place> {
        ctx.locks.acquire(&self.lock_name(id), mode, wait).await.map_err(Error::from)
    }

    /// The session's name in the locks of this process.
    pub(super) fn lock_name(&self, id: &SessionId) -> String {
        format!("{}:{id}", self.sessions.store_id())
    }
}

impl Sink {
    pub(super) fn call(&self, ctx: &EngineCtx) -> Call<'_> {
        Call { now: ctx.now(), events: self }
    }
}

/// Tries until the lock is free or the time is over: at least once.
pub(super) async fn until<'a, T>(deadline: Instant, attempt: impl Fn() -> Answer<'a, T>) -> Result<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Err(Error::Busy) if Instant::now() < deadline => {}
            result => return result,
        }
        // Jitter, so that processes do not try in step.
        let jitter = (random() as u32) % 1000;
        let time = pause * (500 + jitter) / 1000;
        sleep(time.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Random bits from the operating system.
pub(super) fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    u128::from_ne_bytes(bytes)
}

impl Events for Sink {
    fn emit(&self, session: Option<&SessionId>, event: Event) {
        let event = match event {
            Event::Created => WitEvent::Created,
            Event::Destroyed => WitEvent::Destroyed,
            Event::Expired => WitEvent::Expired,
            Event::Corrupt => WitEvent::Corrupt,
            Event::Renewed(id) => WitEvent::Renewed(id.to_string()),
            Event::Login => WitEvent::Login,
            Event::Logout => WitEvent::Logout,
            Event::Conflict => WitEvent::Conflict,
            Event::DeadIdUsed => WitEvent::DeadIdUsed,
            Event::WrongSecret => WitEvent::WrongSecret,
            Event::UnknownId => WitEvent::UnknownId,
            Event::TouchFailed => WitEvent::TouchFailed,
            Event::Refused(Limit::SessionsOfUser) => WitEvent::Refused(WitLimit::SessionsOfUser),
            Event::Refused(Limit::NewSessions) => WitEvent::Refused(WitLimit::NewSessions),
            Event::Refused(Limit::TotalSessions) => WitEvent::Refused(WitLimit::TotalSessions),
            Event::Refused(Limit::TotalBytes) => WitEvent::Refused(WitLimit::TotalBytes),
        };
        self.0.event(session.map(SessionId::as_str), &event);
    }
}
