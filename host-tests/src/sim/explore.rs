//! Explores every sequence of operations, fault at every host call, and state that a power cut may leave. After each, a
//! new instance starts on the disk and must answer what the oracle allows.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::slice;

use super::client::{Client, Host};
use super::disk::{Disk, ROOT};
use super::fault::{self, Fault};
use super::machine::{Call, World};
use super::operations::{self, A, B, DAMAGED, EXPIRED, IDLE, OWNER, Operation, contents};
use super::oracle::{Known, Loss, Model, Outcome};
use super::power::{self, Medium};
use super::script::{Script, Start};
use session_conformance::bindings::{Answer, Error, Session};
use session_conformance::check::kind;
use session_conformance::clock::START;
use session_conformance::clock::{HOUR, MINUTE};

/// The extent of an exploration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Operations run, each with a different fault or after a different sequence.
    pub runs: u64,
    /// States left by an operation or by a power cut after it.
    pub states: u64,
    /// Distinct states, by the disk and by what is allowed: each was checked.
    pub distinct: u64,
    /// Power cuts with too many states, of which only corners were checked.
    pub by_corners: u64,
}

/// A case that violates the contract.
pub struct Violation {
    /// The script that reproduces it.
    pub script: Script,
    /// The violation.
    pub what: String,
    /// The host calls of the last operation.
    pub calls: Vec<Call>,
}

/// An exploration.
pub struct Explorer {
    host: Host,
    origin: World,
    script: Script,
    /// States that sequences have reached: another sequence that reaches one is not continued. The clock reflects the
    /// number of operations.
    visited: HashSet<u64>,
    /// States already checked.
    seen: HashSet<u64>,
    /// File names, and versions in the files, for which every further operation and the final collection were checked.
    shapes: HashSet<u64>,
    report: Report,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, states, distinct, by_corners } = self;
        write!(f, "{runs} runs, {states} states, {distinct} distinct, {by_corners} power cuts by corners")
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.script, self.what)?;
        for (number, call) in self.calls.iter().enumerate().filter(|(_, call)| !call.found_nothing) {
            writeln!(f, "{number:5} {} {}", call.function, call.path)?;
        }
        write!(
            f,
            "replay: SESSION3_SCRIPT='{}' cargo test --release -p session-runtime -p host-tests --test all -- \
                   proofs::replay --nocapture",
            self.script
        )
    }
}

impl Explorer {
    /// Creates an exploration from a start.
    pub fn new(host: &Host, start: Start) -> Self {
        let (origin, _) = begin(host, start);
        let script = Script { start, durable: host.is_durable(), operations: Vec::new(), fault: None, power_cut: None };
        let (visited, seen, shapes) = Default::default();
        Self { host: host.clone(), origin, script, visited, seen, shapes, report: Report::default() }
    }

    /// Explores every sequence of up to `length` operations.
    pub fn sequences(mut self, length: usize) -> Result<Report, Violation> {
        let (world, model) = begin(&self.host, self.script.start);
        self.visit(&world, &model, length)?;
        Ok(self.report)
    }

    /// Fails the disk for an instance, from every host call of every operation on.
    pub fn dying_disk(mut self) -> Result<Report, Violation> {
        let (world, model) = begin(&self.host, self.script.start);
        for (_, operation) in operations::ALL {
            self.script.operations = vec![operation];
            let (calls, _) = self.step(&world, &model, operation, None)?;
            for number in (0..calls.len()).filter(|number| is_worth_it(&calls, *number)) {
                self.step(&world, &model, operation, Some((number, Fault::Dead)))?;
            }
        }
        Ok(self.report)
    }

    fn visit(&mut self, world: &World, model: &Model, length: usize) -> Result<(), Violation> {
        for (_, operation) in operations::ALL {
            self.script.operations.push(operation);
            let (calls, next) = self.step(world, model, operation, None)?;
            for number in (0..calls.len()).filter(|number| is_worth_it(&calls, *number)) {
                for (_, fault) in fault::ALL.iter().filter(|(_, fault)| fault.happens_at(calls[number].function)) {
                    self.step(world, model, operation, Some((number, *fault)))?;
                }
            }
            let (_, model) = model.after(operation, self.host.is_durable(), world.clock);
            if length > 1 && self.visited.insert(fingerprint(&(&next.disk, next.clock), slice::from_ref(&model), false))
            {
                self.visit(&World { clock: next.clock + MINUTE, ..next }, &model, length - 1)?;
            }
            self.script.operations.pop();
        }
        Ok(())
    }

    /// Runs one operation, possibly with a fault, and checks every state it may leave.
    fn step(
        &mut self,
        world: &World,
        model: &Model,
        operation: Operation,
        fault: Option<(usize, Fault)>,
    ) -> Result<(Vec<Call>, World), Violation> {
        self.script.fault = fault;
        self.report.runs += 1;
        let run = self.host.restarted().run(world, fault, |client| operation.perform(client, model));
        let checked = leaves_no_entry(world, &run.world, &run.answer, fault.map(|(_, fault)| fault))
            .map_err(|what| (what, None))
            .and_then(|()| self.examine(model, operation, world.clock, &run.answer, &run.world));
        self.script.fault = None;
        match checked {
            Ok(()) => Ok((run.calls, run.world)),
            Err((what, power_cut)) => {
                let script = Script { fault, power_cut, ..self.script.clone() };
                Err(Violation { script, what, calls: run.calls })
            }
        }
    }

    fn examine(
        &mut self,
        model: &Model,
        operation: Operation,
        now: u64,
        outcome: &Outcome,
        world: &World,
    ) -> Result<(), (String, Option<(Medium, usize)>)> {
        let faulty = self.script.fault.is_some();
        let possible =
            model.possible(operation, self.host.is_durable(), now, outcome, faulty).map_err(|what| (what, None))?;
        self.report.states += 1;
        if !self.seen.insert(fingerprint(&(&world.disk, world.clock), &possible, false)) {
            return Ok(());
        }
        // After a failed sync that evicts pages, programs see what a power cut would have left.
        let fault = self.script.fault.map(|(_, fault)| fault);
        let saves = fault == Some(Fault::SyncFailsAndEvicts);
        let file = saves || matches!(fault, Some(Fault::Trap | Fault::AfterEffect | Fault::Dead));
        // On a dead disk the component cannot restore the time stamp of a file it wrote to.
        let attempted = saves || outcome.is_none() || fault == Some(Fault::Dead);
        let loss = Loss { saves, attempted: attempted.then_some(now), file };
        self.check(world, &possible, loss).map_err(|what| (what, None))?;
        for medium in Medium::ALL {
            self.cut_power(world, &possible, medium)?;
        }
        Ok(())
    }

    fn cut_power(
        &mut self,
        world: &World,
        possible: &[Model],
        medium: Medium,
    ) -> Result<(), (String, Option<(Medium, usize)>)> {
        let loss = Loss { saves: true, attempted: Some(world.clock), file: true };
        let mut number = 0;
        let mut wrong = None;
        let whole = power::states(&world.disk, medium, &mut |tree| {
            number += 1;
            self.report.states += 1;
            if wrong.is_none() && self.seen.insert(fingerprint(&(&tree, world.clock), possible, true)) {
                let world = World { disk: Disk::started(tree), ..*world };
                wrong = self.check(&world, possible, loss).err().map(|what| (what, Some((medium, number - 1))));
            }
        });
        self.report.by_corners += u64::from(!whole);
        wrong.map_or(Ok(()), Err)
    }

    /// Checks that a new instance finds one of the possible states, and can continue from there.
    fn check(&mut self, world: &World, possible: &[Model], loss: Loss) -> Result<(), String> {
        self.report.distinct += 1;
        let found = look(&self.host.restarted(), world)?;
        if !possible.iter().any(|model| fits(model, &found, loss)) {
            return Err(format!("found {}, allowed {possible:#?}", describe(&found)));
        }
        let in_the_making =
            |world: &World| world.disk.cache().files().iter().filter(|(path, _)| is_in_the_making(path)).count();
        if in_the_making(world) > in_the_making(&self.origin) + usize::from(loss.file) {
            return Err("it leaves a temporary file, or more than the one of the killed instance".into());
        }
        goes_on(&self.host, world, &found)?;
        let names: Vec<_> = world.disk.cache().files().into_iter().map(|(path, _)| path).collect();
        let versions: Vec<_> = found.iter().map(|(_, seen)| seen.as_ref().map(|seen| seen.info.version)).collect();
        if self.shapes.insert(fingerprint(&(names, versions, world.clock), &[], loss.saves)) {
            every_operation_works(&self.host, world, &found)?;
            ends_well(&self.host, world)?;
        }
        Ok(())
    }
}

/// Empty directories are equivalent: the first and the last of them suffice.
pub fn is_worth_it(calls: &[Call], number: usize) -> bool {
    let is_empty = |call: &Call| call.found_nothing && call.function == "open-at" && call.path.contains('/');
    !is_empty(&calls[number]) || !calls[..number].iter().any(is_empty) || !calls[number + 1..].iter().any(is_empty)
}

fn fingerprint(state: &impl Hash, possible: &[Model], after_power_cut: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (state, possible, after_power_cut).hash(&mut hasher);
    hasher.finish()
}

fn is_in_the_making(path: &str) -> bool {
    path.contains('~') && !path.starts_with("quarantine/")
}

/// The sessions found, by id.
pub type Found = Vec<(&'static str, Option<Session>)>;

/// Describes the sessions found.
pub fn describe(found: &Found) -> String {
    let one = |(id, seen): &(&str, Option<Session>)| match seen {
        Some(it) => {
            format!("{id} version {} of {} bytes, used {}", it.info.version, it.data.len(), it.info.last_active)
        }
        None => format!("no {id}"),
    };
    found.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Runs an operation without a fault.
fn undisturbed<T>(
    host: &Host,
    world: &World,
    doing: &str,
    operation: impl FnOnce(&mut Client) -> wasmtime::Result<Answer<T>>,
) -> Result<(T, World), String> {
    let run = host.run(world, None, operation);
    match run.answer {
        Some(Ok(value)) => Ok((value, run.world)),
        Some(Err(error)) => Err(format!("{doing} answers {error:?}")),
        None => Err(format!("{doing} traps")),
    }
}

/// Returns what a new instance finds.
pub fn look(host: &Host, world: &World) -> Result<Found, String> {
    let look = |client: &mut Client| {
        let mut found = Found::new();
        for id in [A, B, EXPIRED] {
            let seen = match client.load(id)? {
                Ok(seen) => seen,
                Err(error) => return Ok(Err(error)),
            };
            if client.has(id)?.is_ok_and(|has| has != seen.is_some()) {
                return Ok(Err(Error::Other(format!("has-session {id} contradicts load-session"))));
            }
            found.push((id, seen));
        }
        let ids: Vec<_> = found.iter().filter(|(_, seen)| seen.is_some()).map(|(id, _)| *id).collect();
        Ok(client.sessions_of(OWNER)?.and_then(|owned| {
            if owned == ids { Ok(found) } else { Err(Error::Other(format!("the owner has {owned:?} and not {ids:?}"))) }
        }))
    };
    undisturbed(host, world, "loading and listing", look).map(|(found, _)| found)
}

/// Every existing session can be saved durably, every other one created, and both survive a power cut that drops
/// everything not synced. A save based on an older version is refused.
pub fn goes_on(host: &Host, world: &World, found: &Found) -> Result<(), String> {
    let host = host.restarted().with_durability(true);
    for (id, seen) in found {
        let data = contents(b"what comes next");
        let version = seen.as_ref().map(|seen| seen.info.version);
        let save = |client: &mut Client| match version {
            Some(version) => {
                let stale = client.save(id, &data, Some(version - 1))?;
                if !matches!(stale, Err(Error::Conflict(now)) if now == version) {
                    return Ok(Err(Error::Other(format!("a save of an older version is not refused: {stale:?}"))));
                }
                client.save(id, &data, Some(version))
            }
            None => Ok(client.create(id, &data)?.map(|()| 1)),
        };
        let (version, mut world) = undisturbed(&host, world, "the next save", save)?;
        world.disk = Disk::started(world.disk.medium().clone());
        match undisturbed(&host, &world, "a load of the next save", |client| client.load(id))? {
            (Some(seen), _) if seen.info.version == version && seen.data == data.data => {}
            (seen, _) => return Err(format!("the next save of {id} was acknowledged and lost: {seen:?}")),
        }
    }
    Ok(())
}

/// A refused operation adds no entry to the index, unless the disk fails the rollback. An entry that was removed but
/// not synced is still on the medium, and reappears when the disk drops what it failed to sync.
fn leaves_no_entry(before: &World, after: &World, outcome: &Outcome, fault: Option<Fault>) -> Result<(), String> {
    let entries = |world: &World, synced: bool| -> HashSet<String> {
        let files = if synced { world.disk.medium().files() } else { world.disk.cache().files() };
        files.into_iter().map(|(path, _)| path).filter(|path| path.starts_with("owners/")).collect()
    };
    let is_refused = matches!(outcome, Some(Err(error)) if kind(error) != "outcome-unknown");
    if is_refused && fault != Some(Fault::Dead) {
        let before = &entries(before, false) | &entries(before, true);
        let after = entries(after, false);
        let left: Vec<_> = after.difference(&before).collect();
        if !left.is_empty() {
            return Err(format!("refused, it leaves {left:?} in the index"));
        }
    }
    Ok(())
}

fn fits(model: &Model, found: &Found, loss: Loss) -> bool {
    found.iter().all(|(id, seen)| model.allows(id, seen.as_ref(), loss))
}

/// Every operation does the same as in a store without any fault.
fn every_operation_works(host: &Host, world: &World, found: &Found) -> Result<(), String> {
    let mut model = Model::default();
    for (id, seen) in found {
        if let Some(Session { info, data }) = seen {
            let versions = vec![data.as_slice().into(); info.version as usize];
            model.insert(id, Known { durable: versions.len(), versions, used: info.last_active });
        }
    }
    for (name, operation) in operations::ALL {
        let run = host.restarted().run(world, None, |client| operation.perform(client, &model));
        let wrong = |what: String| format!("then {name}: {what}");
        let after = model.possible(operation, host.is_durable(), world.clock, &run.answer, false).map_err(wrong)?;
        let found = look(&host.restarted(), &run.world).map_err(wrong)?;
        if !fits(&after[0], &found, Loss::default()) {
            return Err(wrong(format!("found {}, allowed {after:#?}", describe(&found))));
        }
    }
    Ok(())
}

/// Every unused session expires, even after a clock step back; garbage collection then leaves only damaged and foreign
/// files.
fn ends_well(host: &Host, world: &World) -> Result<(), String> {
    let host = host.restarted();
    for later in [world.clock + IDLE + MINUTE + 1, world.clock - HOUR + IDLE + MINUTE + 1] {
        let later = World { clock: later, ..world.clone() };
        for (id, seen) in look(&host, &later)? {
            if seen.is_some() {
                return Err(format!("{id} has not ended at {}, though last used at {}", later.clock, world.clock));
            }
        }
    }
    let later = World { clock: world.clock + IDLE + MINUTE + 1, ..world.clone() };
    let ((), after) = undisturbed(&host, &later, "garbage collection", Client::collect_garbage)?;
    let tree = after.disk.cache();
    let left: Vec<_> = tree.files().into_iter().map(|(path, _)| path).collect();
    if left
        .iter()
        .any(|path| is_in_the_making(path) || path.ends_with(A) || path.ends_with(B) || path.ends_with(EXPIRED))
    {
        return Err(format!("garbage collection leaves {left:?}"));
    }
    keeps_what_is_not_its_own(&host, world, &after)
}

fn keeps_what_is_not_its_own(host: &Host, before: &World, after: &World) -> Result<(), String> {
    let bytes = |world: &World, what: &dyn Fn(&str) -> bool| {
        let tree = world.disk.cache();
        let found = tree.files().into_iter().find(|(path, _)| what(path));
        found.and_then(|(_, inode)| tree.file(inode).ok().map(|(data, _)| data.to_vec()))
    };
    let is_damaged = |path: &str| path.contains(DAMAGED) && !path.starts_with("owners/");
    let foreign = |path: &str| path.ends_with(FOREIGN);
    for what in [&is_damaged as &dyn Fn(&str) -> bool, &foreign] {
        if bytes(before, what) != bytes(after, what) {
            return Err("a damaged or foreign file is missing or changed".into());
        }
    }
    if bytes(after, &is_damaged).is_none() {
        return Ok(());
    }
    let run = host.run(after, None, |client| client.load(DAMAGED));
    let still_there = bytes(&run.world, &is_damaged) == bytes(after, &is_damaged);
    match run.answer {
        Some(Err(Error::Corrupt(_)) | Ok(None)) if still_there => Ok(()),
        Some(answer) => Err(format!("the damaged session answers {answer:?}, its file is there: {still_there}")),
        None => Err("a load of the damaged session traps".into()),
    }
}

/// The name of a file not created by the store.
const FOREIGN: &str = "README";

/// The world at a start, and its model.
pub fn begin(host: &Host, start: Start) -> (World, Model) {
    let blank = World { disk: Disk::default(), clock: START - 2 * HOUR, random: 1 };
    let made = host.set_up(&blank, None);
    made.answer.unwrap().unwrap();
    let mut world = made.world;
    let mut model = Model::default();
    let ids = [EXPIRED, DAMAGED, A, B];
    for id in ids {
        let data = contents(&model.next_data(id, Operation::Create));
        world = undisturbed(host, &world, "create", |client| client.create(id, &data)).unwrap().1;
    }
    plant_foreign_file(&mut world);
    leave_out_empty_directories(&mut world);
    damage(&mut world);
    let wanted: &[&str] = if start == Start::Fresh { &[] } else { &[EXPIRED, DAMAGED] };
    for id in ids.iter().filter(|id| !wanted.contains(id)) {
        let removed = |client: &mut Client| if *id == DAMAGED { Ok(Ok(false)) } else { client.delete(id) };
        world = undisturbed(host, &world, "delete", removed).unwrap().1;
    }
    world.clock = START;
    if start == Start::Used {
        world = killed_while_creating(host, world);
        settle(&mut world);
        let relaxed = host.with_durability(false);
        for operation in [Operation::Create, Operation::Save] {
            let done = |client: &mut Client| operation.perform(client, &model);
            world = undisturbed(&relaxed, &world, "prepare", done).unwrap().1;
            model = model.after(operation, false, world.clock).1;
        }
    } else {
        settle(&mut world);
    }
    world.clock += MINUTE;
    (world, model)
}

fn settle(world: &mut World) {
    world.disk = Disk::started(world.disk.cache().clone());
}

fn path_of(world: &World, id: &str) -> String {
    let files = world.disk.cache().files();
    let (path, _) = files.iter().find(|(path, _)| path.starts_with("sessions/") && path.ends_with(id)).unwrap();
    path.clone()
}

fn plant_foreign_file(world: &mut World) {
    let shard = path_of(world, A).replace(A, FOREIGN);
    let inode = world.disk.create(ROOT, &shard, world.clock).unwrap();
    world.disk.write(inode, 0, b"not a session", world.clock).unwrap();
}

/// 256 empty directories make a listing slow, and are equivalent.
fn leave_out_empty_directories(world: &mut World) {
    let tree = world.disk.cache().clone();
    for name in tree.entries(tree.find(ROOT, "sessions").unwrap()).unwrap().keys() {
        // Fails for directories that are not empty.
        let _ = world.disk.remove_directory(ROOT, &format!("sessions/{name}"));
    }
}

fn damage(world: &mut World) {
    let inode = world.disk.cache().find(ROOT, &path_of(world, DAMAGED)).unwrap();
    world.disk.write(inode, 0, b"damaged!", world.clock).unwrap();
}

fn killed_while_creating(host: &Host, world: World) -> World {
    let run = |call| {
        host.run(&world, Some((call, Fault::Trap)), |client| client.create(B, &contents(b"never finished"))).world
    };
    let is_half_done = |world: &World| world.disk.cache().files().iter().any(|(path, _)| is_in_the_making(path));
    (0..).map(run).find(is_half_done).unwrap()
}

/// The world that a script leads to.
pub fn replay(host: &Host, script: &Script) -> Result<(), Violation> {
    let (mut world, mut model) = begin(host, script.start);
    let Some((last, before)) = script.operations.split_last() else { return Ok(()) };
    for operation in before {
        world = host.restarted().run(&world, None, |client| operation.perform(client, &model)).world;
        model = model.after(*operation, host.is_durable(), world.clock).1;
        world.clock += MINUTE;
    }
    let mut explorer = Explorer::new(host, script.start);
    explorer.script.operations = script.operations.clone();
    let (calls, _) = explorer.step(&world, &model, *last, script.fault)?;
    let fault = script.fault.map_or(0, |(number, _)| number);
    assert!(fault < calls.len(), "{script}: {last:?} makes {} host calls", calls.len());
    Ok(())
}
