//! Group confirmation: a server is asked once whether a replica or a disk has all writes of a connection, and answers
//! after milliseconds. Writes that come meanwhile are sent together, with one such question for all.

use session_redis::{Command, Failure, Reply};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The most requests in a group, and the bytes of arguments with which it is full.
const MOST_REQUESTS: usize = 64;
const MOST_BYTES: usize = 1 << 20;

/// The replies to commands.
pub(super) type Sent = Result<Vec<Result<Reply, Failure>>, Failure>;

/// The requests that wait for their turn.
#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    has_driver: bool,
}

struct Request {
    commands: Vec<Command>,
    /// The question.
    then: Command,
    answer: oneshot::Sender<Sent>,
}

/// Takes the requests of a queue, group by group. If it is dropped early, with its runtime, so are the requests.
pub(super) struct Driver {
    queue: Arc<Queue>,
    is_done: bool,
}

/// Requests with the same question.
pub(super) struct Group {
    commands: Vec<Command>,
    then: Command,
    bytes: usize,
    /// The number of commands of each, and where its replies go.
    answers: Vec<(usize, oneshot::Sender<Sent>)>,
}

impl Queue {
    /// Adds a request. Returns where its replies arrive, that to the question last, and the driver that the caller must
    /// run if there is none.
    pub(super) fn add(
        self: &Arc<Self>,
        commands: Vec<Command>,
        then: Command,
    ) -> (oneshot::Receiver<Sent>, Option<Driver>) {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        state.requests.push(Request { commands, then, answer });
        let has_driver = mem::replace(&mut state.has_driver, true);
        (answered, (!has_driver).then(|| Driver { queue: self.clone(), is_done: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver {
    /// The next group. None if there are no more requests: then this driver is done.
    pub(super) fn next(&mut self) -> Option<Group> {
        let mut state = self.queue.lock();
        // Nothing has been sent for those whose callers are gone.
        state.requests.retain(|request| !request.answer.is_closed());
        let mut requests = mem::take(&mut state.requests).into_iter();
        let Some(first) = requests.next() else {
            state.has_driver = false;
            self.is_done = true;
            return None;
        };
        let mut group = Group::new(first);
        state.requests = requests.filter_map(|request| group.add(request)).collect();
        Some(group)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_done {
            *self.queue.lock() = State::default();
        }
    }
}

impl Group {
    fn new(Request { commands, then, answer }: Request) -> Self {
        let (bytes, answers) = (size(&commands), vec![(commands.len(), answer)]);
        Self { commands, then, bytes, answers }
    }

    /// Adds a request, or returns it if it does not fit.
    fn add(&mut self, request: Request) -> Option<Request> {
        let is_full = self.answers.len() >= MOST_REQUESTS || self.bytes >= MOST_BYTES;
        if is_full || request.then.arguments != self.then.arguments {
            return Some(request);
        }
        self.bytes += size(&request.commands);
        self.answers.push((request.commands.len(), request.answer));
        self.commands.extend(request.commands);
        None
    }

    /// The commands of all, and the question.
    pub(super) fn commands(&mut self) -> Vec<Command> {
        let mut commands = mem::take(&mut self.commands);
        commands.push(self.then.clone());
        commands
    }

    /// Hands each its replies, and the answer to the question.
    pub(super) fn answer(self, sent: Sent) {
        let sent = sent.map(|mut replies| (replies.pop(), replies));
        let mut replies = match sent {
            Ok((Some(answer), replies)) => Ok((answer, replies.into_iter())),
            Ok((None, _)) => Err(Failure::Lost("a reply is missing".into())),
            Err(failure) => Err(failure),
        };
        for (count, waiting) in self.answers {
            let own = match &mut replies {
                Ok((answer, replies)) => Ok(replies.take(count).chain([answer.clone()]).collect()),
                Err(failure) => Err(failure.clone()),
            };
            // Its caller may be gone.
            let _ = waiting.send(own);
        }
    }
}

fn size(commands: &[Command]) -> usize {
    commands.iter().flat_map(|command| &command.arguments).map(Vec::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(id: &str) -> Vec<Command> {
        vec![Command::new(["SAVE", id])]
    }

    fn reply(text: &str) -> Result<Reply, Failure> {
        Ok(Reply::Bytes(text.into()))
    }

    fn names(commands: &[Command]) -> Vec<String> {
        let text = |command: &Command| String::from_utf8(command.arguments.join(&b' ')).unwrap();
        commands.iter().map(text).collect()
    }

    #[test]
    fn what_comes_during_a_wait_is_one_group() {
        let (queue, wait) = (Arc::new(Queue::default()), Command::new(["WAIT", "1"]));
        let (mut first, driver) = queue.add(save("a"), wait.clone());
        let mut driver = driver.expect("nobody drives yet");
        let mut group = driver.next().unwrap();
        assert_eq!(names(&group.commands()), ["SAVE a", "WAIT 1"]);
        let mut others: Vec<_> = ["b", "c"].map(|id| queue.add(save(id), wait.clone())).into();
        assert!(others.iter().all(|(_, driver)| driver.is_none()));
        // Another question is another group, and nothing is sent for a caller that has given up.
        let (_disk, _) = queue.add(save("d"), Command::new(["WAITAOF"]));
        drop(queue.add(save("e"), wait.clone()));
        group.answer(Ok(vec![reply("1"), reply("confirmed")]));
        assert_eq!(first.try_recv(), Ok(Ok(vec![reply("1"), reply("confirmed")])));
        let mut group = driver.next().unwrap();
        assert_eq!(names(&group.commands()), ["SAVE b", "SAVE c", "WAIT 1"]);
        let refused = Err(Failure::Refused("OOM".into(), "".into()));
        group.answer(Ok(vec![reply("2"), refused.clone(), reply("confirmed")]));
        assert_eq!(others[0].0.try_recv(), Ok(Ok(vec![reply("2"), reply("confirmed")])));
        assert_eq!(others[1].0.try_recv(), Ok(Ok(vec![refused, reply("confirmed")])));
        assert_eq!(names(&driver.next().unwrap().commands()), ["SAVE d", "WAITAOF"]);
        assert!(driver.next().is_none());
        assert!(queue.add(save("f"), wait).1.is_some(), "the driver was done");
    }

    #[test]
    fn a_group_is_bounded() {
        let (queue, wait) = (Arc::new(Queue::default()), Command::new(["WAIT"]));
        let (_answer, driver) = queue.add(save("0"), wait.clone());
        let _answers: Vec<_> = (0..MOST_REQUESTS).map(|_| queue.add(save("x"), wait.clone())).collect();
        let mut driver = driver.unwrap();
        assert_eq!(driver.next().unwrap().commands().len(), MOST_REQUESTS + 1);
        assert_eq!(driver.next().unwrap().commands().len(), 2);
        let large = vec![Command::new([vec![0; MOST_BYTES]])];
        let _answers = [(); 2].map(|()| queue.add(large.clone(), wait.clone()));
        assert_eq!(driver.next().unwrap().commands().len(), 2);
    }

    /// Each gets the failure; with a runtime that ends, its end.
    #[test]
    fn a_failure_is_everyones() {
        let (queue, wait) = (Arc::new(Queue::default()), Command::new(["WAIT"]));
        let (mut one, driver) = queue.add(save("a"), wait.clone());
        let (mut two, _) = queue.add(save("b"), wait.clone());
        let mut driver = driver.unwrap();
        let group = driver.next().unwrap();
        let (mut three, _) = queue.add(save("c"), wait.clone());
        group.answer(Err(Failure::Lost("cut".into())));
        for answer in [&mut one, &mut two] {
            assert_eq!(answer.try_recv(), Ok(Err(Failure::Lost("cut".into()))));
        }
        drop(driver);
        assert_eq!(three.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(queue.add(save("d"), wait).1.is_some());
    }
}
