//! Every operation in the middle of every other: at each host call of one instance, another runs a complete operation.
//! Both answers and the final state must match a sequential execution (linearizability, Herlihy and Wing, TOPLAS 1990).
//! Operations on several sessions are not atomic, as the contract states: beside those, each session must be
//! linearizable individually.

use std::sync::{Arc, Mutex};

use super::client::{Client, Host};
use super::explore::{begin, goes_on, is_worth_it, look};
use super::machine::{Call, World};
use super::operations::{self, A, B, OWNER, Operation};
use super::oracle::Model;
use super::script::Start;
use session_conformance::bindings::{Answer, Session};
use session_conformance::check::kind;

/// An action of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An operation that writes.
    Write(Operation),
    /// `load-session` of the named session.
    Load(&'static str),
    /// `sessions-of`
    List,
}

/// Every action.
pub fn actions() -> Vec<Action> {
    let writes = operations::ALL.iter().map(|(_, operation)| Action::Write(*operation));
    writes.chain([Action::Load(A), Action::Load(B), Action::List]).collect()
}

impl Action {
    /// Whether the action visits several sessions, one after the other.
    fn is_a_walk(self) -> bool {
        matches!(self, Self::List | Self::Write(Operation::CollectGarbage | Operation::DeleteSessionsOf))
    }

    /// Performs the action and describes the answer, without times: a concurrent touch or rename may be visible or not.
    fn perform(self, client: &mut Client, model: &Model) -> String {
        match self {
            Self::Write(operation) => told(operation.perform(client, model), u64::to_string),
            Self::Load(id) => told(client.load(id), |seen| seen_as(seen.as_ref())),
            Self::List => told(client.sessions_of(OWNER), |ids| ids.join(" ")),
        }
    }
}

fn told<T>(answer: wasmtime::Result<Answer<T>>, tell: impl FnOnce(&T) -> String) -> String {
    match answer {
        Ok(Ok(value)) => tell(&value),
        Ok(Err(error)) => kind(&error),
        Err(trap) => format!("{trap:?}"),
    }
}

fn seen_as(seen: Option<&Session>) -> String {
    seen.map_or("none".into(), |seen| format!("version {} with {:02x?}..", seen.info.version, &seen.data[..4]))
}

/// The answers of two instances, and the final state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    answers: [String; 2],
    /// By session.
    left: Vec<String>,
}

/// The extent of the exploration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Pairs of operations.
    pub pairs: u64,
    /// Pairs at one host call each.
    pub interleavings: u64,
    /// Those in which the second found the session locked.
    pub busy: u64,
}

/// Interleaves every action with every other. The error describes the first case that no order explains.
pub fn explore(host: &Host, start: Start) -> Result<Report, String> {
    let (world, model) = begin(host, start);
    let mut report = Report::default();
    for first in actions() {
        for second in actions() {
            report.pairs += 1;
            pair(host, &world, &model, first, second, &mut report)?;
        }
    }
    Ok(report)
}

fn pair(
    host: &Host,
    world: &World,
    model: &Model,
    first: Action,
    second: Action,
    report: &mut Report,
) -> Result<(), String> {
    let in_turn = sequential(host, world, model, first, second)?;
    let mut reversed = sequential(host, world, model, second, first)?;
    reversed.answers.reverse();
    let alone = sequential(host, world, model, first, Action::List)?;
    let calls = calls(host, world, model, first);
    for before in (0..calls.len()).filter(|before| is_worth_it(&calls, *before)) {
        let wrong = |what: String| format!("{second:?} before host call {before} of {first:?}: {what}");
        let (outcome, after) = interleaved(host, world, model, first, second, before).map_err(wrong)?;
        report.interleavings += 1;
        let is_busy = outcome.answers[1] == "busy";
        report.busy += u64::from(is_busy);
        let orders = [&in_turn, &reversed, &alone];
        let explained = if first.is_a_walk() || second.is_a_walk() {
            (0..outcome.left.len()).all(|session| orders.iter().any(|it| it.left[session] == outcome.left[session]))
        } else if is_busy {
            outcome.answers[0] == alone.answers[0] && outcome.left == alone.left
        } else {
            outcome == in_turn || outcome == reversed
        };
        if !explained {
            return Err(wrong(format!("{outcome:?}, and neither {in_turn:?} nor {reversed:?}")));
        }
        let found = look(&host.restarted(), &after).map_err(wrong)?;
        goes_on(host, &after, &found).map_err(wrong)?;
    }
    Ok(())
}

/// The host calls of an action on its own.
fn calls(host: &Host, world: &World, model: &Model, action: Action) -> Vec<Call> {
    let mut client = host.restarted().open(&Arc::new(Mutex::new(world.clone()))).unwrap().unwrap();
    client.take_calls();
    action.perform(&mut client, model);
    client.take_calls()
}

fn left(host: &Host, world: &World) -> Result<Vec<String>, String> {
    let found = look(&host.restarted(), world)?;
    Ok(found.iter().map(|(id, seen)| format!("{id}: {}", seen_as(seen.as_ref()))).collect())
}

fn sequential(host: &Host, world: &World, model: &Model, first: Action, second: Action) -> Result<Outcome, String> {
    let shared = Arc::new(Mutex::new(world.clone()));
    let host = host.restarted();
    let answers = [first, second].map(|action| {
        let mut client = host.open(&shared).unwrap().unwrap();
        action.perform(&mut client, model)
    });
    let world = shared.lock().unwrap().clone();
    Ok(Outcome { answers, left: left(&host, &world)? })
}

/// Runs the first action with the second in the middle.
fn interleaved(
    host: &Host,
    world: &World,
    model: &Model,
    first: Action,
    second: Action,
    before: usize,
) -> Result<(Outcome, World), String> {
    let shared = Arc::new(Mutex::new(world.clone()));
    let host = host.restarted();
    let answered = Arc::new(Mutex::new(None));
    let mut client = host.open(&shared).unwrap().unwrap();
    let interruption = {
        let (host, shared, model, answered) = (host.clone(), shared.clone(), model.clone(), answered.clone());
        move || {
            let mut client = host.open(&shared).unwrap().unwrap();
            *answered.lock().unwrap() = Some(second.perform(&mut client, &model));
        }
    };
    client.interrupt(before, Box::new(interruption));
    let first = first.perform(&mut client, model);
    drop(client);
    let second = answered.lock().unwrap().take().expect("as many host calls as alone");
    let world = shared.lock().unwrap().clone();
    let left = left(&host, &world).map_err(|what| format!("{first} and {second}, then {what}"))?;
    Ok((Outcome { answers: [first, second], left }, world))
}
