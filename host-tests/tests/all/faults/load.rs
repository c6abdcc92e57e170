//! Clients that use sessions while something fails, and a judgement of what they were told.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use host_tests::operation::{Operation, Outcome};
use host_tests::random::Random;
use session_conformance::wait::wait_for;
use session_core::SessionId;
use session_core::engine::{Call, Engine, Sessions};
use session_core::error::{Error, Result};
use session_core::events::{Event, Events};
use session_core::store::{Contents, Record};
use session_redis::keys::{SHARDS, Shard};
use session_redis::{Redis, RedisSessions, Transport};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::linearizability::checker;
use crate::linearizability::history;

/// Lanes whose clients append tokens: each third of them uses one third of the slots.
const APPENDING: usize = 9;
/// Lanes whose clients also create, delete and rename sessions.
const MIXED: usize = 3;
/// Clients of a lane, all on the same sessions.
const CLIENTS: usize = 3;
/// Calls of one client before its lane goes on with new sessions: the checker takes 128 calls.
const CALLS: usize = 30;

/// Ids that the clients of a mixed lane may use, each once: as in practice, an id that has ended is not used again.
const IDS: usize = 16;

/// How the clients use the store.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Saves are durable.
    pub durable: bool,
    /// The length of a session in bytes, at least.
    pub size: usize,
    /// How long a request is repeated.
    pub patience: Duration,
}

impl Default for Usage {
    fn default() -> Self {
        Self { durable: true, size: 0, patience: Duration::from_secs(20) }
    }
}

/// Clients at work.
pub struct Load<T> {
    runtime: Runtime,
    place: Arc<Place<T>>,
    lanes: JoinSet<()>,
}

/// Shared by all clients.
struct Place<T> {
    sessions: RedisSessions<T>,
    usage: Usage,
    /// Of each lane: the sessions it has finished with.
    finished: Vec<AtomicUsize>,
    pauses: Mutex<Vec<Pause>>,
    histories: Mutex<Vec<History>>,
    next_token: AtomicU64,
    answers: AtomicU64,
    failed: AtomicU64,
    is_over: AtomicBool,
}

/// The longest time between two answers to the clients of a lane.
#[derive(Clone, Copy)]
struct Pause {
    last: Instant,
    longest: Duration,
}

/// The calls on one set of sessions.
struct History {
    lane: usize,
    ids: Arc<[SessionId]>,
    calls: Vec<history::Call>,
}

/// What a call has told its client.
enum Told {
    Outcome(Outcome),
    /// `outcome-unknown`
    Unknown,
    /// Another error: nothing was changed.
    Failed(Error),
}

struct Ignored;

impl Events for Ignored {
    fn emit(&self, _: Option<&SessionId>, _: Event) {}
}

fn call() -> Call<'static> {
    Call { now: 1_800_000_000_000, events: &Ignored }
}

impl<T: Transport> Load<T> {
    /// Starts clients of the store on a server, as one host has them, and waits until all have done something.
    pub fn start(transport: T, usage: Usage) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let engine = Redis::new(Arc::new(transport), "faults", usage.patience.as_millis() as u64);
        let now = Pause { last: Instant::now(), longest: Duration::ZERO };
        let place = Arc::new(Place {
            sessions: runtime.block_on(engine.open(".", true, usage.durable)).unwrap(),
            usage,
            finished: (0..APPENDING + MIXED).map(|_| AtomicUsize::new(0)).collect(),
            pauses: Mutex::new(vec![now; APPENDING + MIXED]),
            histories: Mutex::default(),
            next_token: AtomicU64::new(1),
            answers: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let mut lanes = JoinSet::new();
        for lane in 0..APPENDING + MIXED {
            lanes.spawn_on(place.clone().lane(lane), runtime.handle());
        }
        let load = Self { runtime, place, lanes };
        load.go_on();
        load
    }

    /// Waits until each lane has finished with two sets of sessions, so that at least one was used from now on only.
    pub fn go_on(&self) {
        let finished = || self.place.finished.iter().map(|count| count.load(Ordering::SeqCst));
        let before: Vec<_> = finished().collect();
        wait_for("all clients go on", || finished().zip(&before).all(|(now, before)| now >= before + 2).then_some(()));
    }

    /// Waits until the clients have this many more answers.
    pub fn answer(&self, count: u64) {
        let answers = || self.place.answers.load(Ordering::SeqCst);
        let enough = answers() + count;
        wait_for("the clients have answers", || (answers() >= enough).then_some(()));
    }

    /// Ends the clients, judges what they were told and prints it.
    pub fn stop(self, fault: &str) -> Report {
        let Self { runtime, place, mut lanes } = self;
        place.is_over.store(true, Ordering::SeqCst);
        runtime.block_on(async {
            while let Some(lane) = lanes.join_next().await {
                lane.unwrap();
            }
            let report = place.judge().await;
            println!("{fault}: {report}");
            report
        })
    }
}

impl<T: Transport> Place<T> {
    /// Uses one set of sessions after another.
    async fn lane(self: Arc<Self>, lane: usize) {
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let count = if lane < APPENDING { 1 } else { IDS };
            let ids: Arc<[_]> = (0..count).map(|at| id_in((lane + at) % 3, &format!("{lane}-{number}-{at}"))).collect();
            let names = Arc::new(Names::default());
            let history = Arc::new(history::History::default());
            let mut clients = JoinSet::new();
            for client in 0..CLIENTS {
                let (place, ids, names, history) = (self.clone(), ids.clone(), names.clone(), history.clone());
                clients.spawn(Client { place, lane, number: client, ids, names, history }.run());
            }
            while let Some(client) = clients.join_next().await {
                client.unwrap();
            }
            let calls = Arc::into_inner(history).expect("all clients have ended").calls();
            self.histories.lock().unwrap().push(History { lane, ids, calls });
            self.finished[lane].fetch_add(1, Ordering::SeqCst);
        }
    }

    fn answered(&self, lane: usize) {
        self.answers.fetch_add(1, Ordering::SeqCst);
        let pause = &mut self.pauses.lock().unwrap()[lane];
        pause.longest = pause.longest.max(pause.last.elapsed());
        pause.last = Instant::now();
    }

    /// Performs an operation, and returns what a load has found.
    async fn perform(&self, ids: &[SessionId], operation: &Operation, earlier: &[u64]) -> (Told, Vec<u64>) {
        let mut found = Vec::new();
        let result = perform(&self.sessions, ids, operation, earlier, self.usage, &mut found).await;
        let refused = |why: &str| Told::Outcome(Outcome::Refused(why.into()));
        let told = match result {
            Ok(outcome) => Told::Outcome(outcome),
            Err(Error::AlreadyExists) => refused("already-exists"),
            Err(Error::Gone) => refused("gone"),
            Err(Error::Busy) => refused("busy"),
            Err(Error::Conflict(version)) => refused(&format!("conflict {version}")),
            Err(Error::OutcomeUnknown(_)) => Told::Unknown,
            Err(error) => Told::Failed(error),
        };
        (told, found)
    }
}

/// An id whose session is in this third of the slots.
fn id_in(third: usize, name: &str) -> SessionId {
    let mut ids = (0..).map(|number| SessionId::parse(&format!("faults-{name}-{third}-{number}")).unwrap());
    let range = usize::from(SHARDS) / 3;
    ids.find(|id| usize::from(Shard::of(id).number()) / range == third).expect("there are ids for every shard")
}

async fn perform<T: Transport>(
    sessions: &RedisSessions<T>,
    ids: &[SessionId],
    operation: &Operation,
    earlier: &[u64],
    usage: Usage,
    found: &mut Vec<u64>,
) -> Result<Outcome> {
    let id = |number: u64| &ids[number as usize];
    Ok(match *operation {
        Operation::Create { id: number, value } => {
            let contents = contents(&[], value, usage.size);
            let now = call().now;
            let id = id(number).clone();
            let record = Record { id, version: 1, created: now, modified: now, last_active: now, contents };
            sessions.insert(&record, call()).await?;
            Outcome::Created(1)
        }
        Operation::Load { id: number } => match sessions.load(id(number), None, call()).await? {
            None => Outcome::Loaded(None),
            Some(record) => {
                *found = tokens(&record.contents.data);
                let last = *found.last().expect("every session has a token");
                Outcome::Loaded(Some((record.version, last)))
            }
        },
        Operation::Save { id: number, value, expected } => {
            let contents = contents(earlier, value, usage.size);
            Outcome::Saved(sessions.save(id(number), &contents, expected, None, usage.durable, call()).await?)
        }
        Operation::Touch { id: number } => {
            sessions.touch(id(number), call()).await?;
            Outcome::Touched
        }
        // A delete that is repeated cannot tell its own effect from that of others.
        Operation::Delete { id: number } => {
            sessions.delete(id(number), None, None, call()).await?;
            Outcome::Ended
        }
        // Why it is refused, when both ids are wrong, is not promised: that it does nothing is.
        Operation::Rename { id: number, to } => match sessions.rename(id(number), id(to), None, call()).await {
            Err(Error::AlreadyExists | Error::Gone) => return Err(Error::Busy),
            result => result.map(|()| Outcome::Renamed)?,
        },
    })
}

/// Tokens as a session's data: a line each, then padding.
fn contents(earlier: &[u64], token: u64, size: usize) -> Contents {
    let mut data: String = earlier.iter().chain([&token]).map(|token| format!("{token}\n")).collect();
    data.extend(std::iter::repeat_n('.', size.saturating_sub(data.len())));
    Contents { data: data.into_bytes(), owner: Some("ann".into()), ..Contents::default() }
}

fn tokens(data: &[u8]) -> Vec<u64> {
    let text = std::str::from_utf8(data).expect("the data of a session is text");
    text.trim_end_matches('.').lines().map(|token| token.parse().expect("a token is a number")).collect()
}

/// Which ids the clients of a lane have used.
#[derive(Default)]
struct Names {
    next: AtomicUsize,
    used: Mutex<Vec<u64>>,
}

impl Names {
    /// An id that nobody has used.
    fn fresh(&self) -> Option<u64> {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        (id < IDS).then_some(id as u64)
    }

    fn publish(&self, id: u64) {
        self.used.lock().unwrap().push(id);
    }

    /// One of the latest.
    fn latest(&self, random: &mut Random) -> Option<u64> {
        let used = self.used.lock().unwrap();
        let back = random.below(3).min(used.len() as u64) as usize;
        used.iter().rev().nth(back).or(used.last()).copied()
    }
}

/// One client of a lane.
struct Client<T> {
    place: Arc<Place<T>>,
    lane: usize,
    number: usize,
    ids: Arc<[SessionId]>,
    names: Arc<Names>,
    history: Arc<history::History>,
}

impl<T: Transport> Client<T> {
    async fn run(self) {
        if self.lane < APPENDING { self.append().await } else { self.mix().await }
    }

    /// Appends one token after another, each until that succeeds or cannot be known to have.
    async fn append(&self) {
        let mut token = self.token();
        if self.number == 0 {
            self.perform(Operation::Create { id: 0, value: token }, &[]).await;
            token = self.token();
        }
        for _ in 0..CALLS / 2 {
            let (told, earlier) = self.perform(Operation::Load { id: 0 }, &[]).await;
            let Told::Outcome(Outcome::Loaded(Some((version, _)))) = told else { continue };
            let save = Operation::Save { id: 0, value: token, expected: Some(version) };
            if let (Told::Outcome(Outcome::Saved(_)) | Told::Unknown, _) = self.perform(save, &earlier).await {
                token = self.token();
            }
        }
    }

    /// Does anything with a few sessions.
    async fn mix(&self) {
        let mut random = Random::new(self.token());
        let mut seen = HashMap::new();
        for _ in 0..CALLS {
            let operation = self.choose(&mut random, &seen);
            let (told, _) = self.perform(operation.clone(), &[]).await;
            match (operation, told) {
                // Nobody else knows the id before.
                (Operation::Create { id, .. }, _) => self.names.publish(id),
                (Operation::Load { id }, Told::Outcome(Outcome::Loaded(Some((version, _)))))
                | (Operation::Save { id, .. }, Told::Outcome(Outcome::Saved(version))) => {
                    seen.insert(id, version);
                }
                _ => {}
            }
        }
    }

    fn choose(&self, random: &mut Random, seen: &HashMap<u64, u64>) -> Operation {
        let value = self.token();
        let Some(id) = self.names.latest(random) else {
            return match self.names.fresh() {
                Some(id) => Operation::Create { id, value },
                None => Operation::Load { id: 0 },
            };
        };
        match random.below(12) {
            choice @ 0..3 => match self.names.fresh() {
                Some(id) if choice == 0 => Operation::Create { id, value },
                Some(to) => {
                    self.names.publish(to);
                    Operation::Rename { id, to }
                }
                None => Operation::Load { id },
            },
            3 => Operation::Delete { id },
            4 => Operation::Touch { id },
            5..7 => Operation::Save { id, value, expected: None },
            7..9 => Operation::Save { id, value, expected: seen.get(&id).copied() },
            _ => Operation::Load { id },
        }
    }

    fn token(&self) -> u64 {
        self.place.next_token.fetch_add(1, Ordering::SeqCst)
    }

    async fn perform(&self, operation: Operation, earlier: &[u64]) -> (Told, Vec<u64>) {
        let began = self.history.now();
        let (told, found) = self.place.perform(&self.ids, &operation, earlier).await;
        match &told {
            Told::Outcome(outcome) => {
                self.history.note(self.number, operation, Some(outcome.clone()), began);
                self.place.answered(self.lane);
            }
            Told::Unknown => self.history.note(self.number, operation, None, began),
            Told::Failed(error) => {
                if self.place.failed.fetch_add(1, Ordering::SeqCst) == 0 {
                    println!("the first failure: {operation:?}: {error}");
                }
            }
        }
        (told, found)
    }
}

/// What the clients were told, against what is there afterwards.
#[derive(Debug, Default)]
pub struct Report {
    /// Calls that succeeded, or were refused because of the sessions' state.
    pub answered: usize,
    /// Appended tokens whose save or create was acknowledged.
    pub acknowledged: usize,
    /// Of these, the ones that are gone.
    pub lost: usize,
    /// Tokens that are there more than once.
    pub twice: usize,
    /// Tokens that are there although their client was told that they are not.
    pub denied: usize,
    /// Writes whose outcome was unknown.
    pub unknown: usize,
    /// Calls that failed, and changed nothing.
    pub failed: u64,
    /// Histories of one or two sessions, each with up to 91 calls, and those that no order explains.
    pub histories: usize,
    pub unexplained: Vec<String>,
    /// The longest time without an answer, for the sessions of each third of the slots.
    pub pauses: [Duration; 3],
}

impl<T: Transport> Place<T> {
    async fn judge(&self) -> Report {
        let mut report = Report { failed: self.failed.load(Ordering::SeqCst), ..Report::default() };
        for (lane, pause) in self.pauses.lock().unwrap()[..APPENDING].iter().enumerate() {
            let longest = &mut report.pauses[lane % 3];
            *longest = pause.longest.max(*longest);
        }
        let histories = std::mem::take(&mut *self.histories.lock().unwrap());
        for history in histories {
            self.judge_one(history, &mut report).await;
        }
        report
    }

    async fn judge_one(&self, history: History, report: &mut Report) {
        let History { lane, ids, mut calls } = history;
        report.histories += 1;
        report.answered += calls.iter().filter(|call| call.outcome.is_some()).count();
        report.unknown += calls.iter().filter(|call| call.outcome.is_none()).count();
        let mut moment = calls.iter().map(|call| call.ended).max().unwrap_or_default();
        for call in calls.iter_mut().filter(|call| call.outcome.is_none()) {
            // A request may be on its way for any time.
            call.ended = u64::MAX;
        }
        let mut there = Vec::new();
        for id in 0..ids.len() as u64 {
            let operation = Operation::Load { id };
            let (told, found) = self.perform(&ids, &operation, &[]).await;
            let Told::Outcome(outcome) = told else { panic!("a session cannot be loaded in the end") };
            let (began, ended) = (moment + 1, moment + 2);
            moment = ended;
            calls.push(history::Call { client: CLIENTS, operation, outcome: Some(outcome), began, ended });
            there = found;
        }
        if lane < APPENDING {
            report.count(&calls, &there);
        }
        if let Err(why) = checker::check(&calls) {
            report.unexplained.push(format!("{ids:?}: {why}"));
        }
    }
}

impl Report {
    /// Compares the tokens in a session with what the clients that appended them were told.
    fn count(&mut self, calls: &[history::Call], there: &[u64]) {
        let mut times: HashMap<u64, usize> = HashMap::new();
        for token in there {
            *times.entry(*token).or_default() += 1;
        }
        let (mut acknowledged, mut unknown) = (HashSet::new(), HashSet::new());
        for call in calls {
            let (Operation::Save { value, .. } | Operation::Create { value, .. }) = call.operation else { continue };
            match call.outcome {
                Some(Outcome::Saved(_) | Outcome::Created(_)) => acknowledged.insert(value),
                None => unknown.insert(value),
                Some(_) => false,
            };
        }
        self.acknowledged += acknowledged.len();
        self.lost += acknowledged.iter().filter(|token| !times.contains_key(token)).count();
        self.twice += times.values().filter(|&&count| count > 1).count();
        self.denied += times.keys().filter(|token| !acknowledged.contains(token) && !unknown.contains(token)).count();
    }

    /// Fails unless everything acknowledged is there, once, and every history is explained.
    #[track_caller]
    pub fn holds(&self) {
        assert_eq!((self.lost, self.twice, self.denied), (0, 0, 0), "lost, twice, denied: {self}");
        assert!(self.unexplained.is_empty(), "{self}\n{}", self.unexplained[0]);
        assert!(self.acknowledged > 0);
    }

    /// Fails if a session had no answer for longer.
    #[track_caller]
    pub fn goes_on_within(&self, limit: Duration) {
        assert!(self.pauses.iter().all(|pause| *pause < limit), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, acknowledged, lost, twice, denied, unknown, failed, histories, unexplained, pauses } =
            self;
        let seconds = pauses.map(|pause| format!("{:.1}", pause.as_secs_f64())).join(" / ");
        write!(
            f,
            "{answered} calls answered, {unknown} unknown, {failed} failed; {acknowledged} tokens acknowledged, {lost} lost, \
             {twice} twice, {denied} denied; {histories} histories, {} not linearizable; longest pause {seconds} s",
            unexplained.len()
        )
    }
}
