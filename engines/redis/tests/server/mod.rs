//! A real server, and a transport that waits for each reply.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::process::{Child, Command as Process, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::thread::sleep;
use std::time::{Duration, Instant};

use session_redis::resp::{self, Decoded};
use session_redis::{Command, Failure, Reply, Transport};
use tempfile::TempDir;

/// A Redis server of its own, ended with this value.
pub struct Server {
    process: Child,
    address: String,
    _directory: TempDir,
}

impl Server {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Process::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "local"])
            .arg("--dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server runs (Debian's package redis-server)");
        let server = Self { process, address: format!("127.0.0.1:{port}"), _directory: directory };
        let start = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "redis-server accepts connections");
            sleep(Duration::from_millis(10));
        }
        server
    }

    pub fn client(&self) -> Client {
        Client { address: self.address.clone(), defect: DEFECT.get(), inner: Mutex::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection, made when it is needed.
pub struct Client {
    address: String,
    defect: Option<Defect>,
    inner: Mutex<Inner>,
}

/// A deliberate defect of the scripts: this text is replaced by that.
pub type Defect = (&'static str, &'static str);

thread_local! {
    /// The defect of clients made on this thread.
    pub static DEFECT: Cell<Option<Defect>> = const { Cell::new(None) };
}

#[derive(Default)]
struct Inner {
    stream: Option<TcpStream>,
    /// Commands sent so far.
    sent: Vec<String>,
    /// What happens to the command with this number.
    fault: Option<(usize, Fault)>,
    /// What others do before the command with this number.
    others: Option<(usize, Box<dyn FnOnce() + Send>)>,
}

/// What happens to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is executed, and its reply is lost.
    LoseReply,
    /// It is lost.
    LoseCommand,
    /// The client dies before it: nothing is executed any more.
    Die,
}

impl Client {
    /// Lets something happen to the command after `count` others.
    pub fn fail_after(&self, count: usize, fault: Fault) {
        let mut inner = self.lock();
        inner.sent.clear();
        inner.fault = Some((count, fault));
    }

    /// Lets others act before the command after `count` others.
    pub fn interleave(&self, count: usize, others: impl FnOnce() + Send + 'static) {
        let mut inner = self.lock();
        inner.sent.clear();
        inner.others = Some((count, Box::new(others)));
    }

    /// Lets the others act who have not yet.
    pub fn let_others_act(&self) {
        let others = self.lock().others.take();
        if let Some((_, others)) = others {
            others();
        }
    }

    /// The commands sent since the last call, by the names of the command.
    pub fn take_sent(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().sent)
    }

    /// Sends a command, which must succeed.
    pub fn command(&self, arguments: &[&str]) -> Reply {
        self.lock().round_trip(&self.address, &Command::new(arguments.iter().copied())).unwrap()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn send_one(&self, command: &Command) -> Result<Reply, Failure> {
        let Some((from, to)) = self.defect else { return self.send_whole(command) };
        match &command.arguments[0][..] {
            b"EVALSHA" => Err(Failure::Refused("NOSCRIPT".into(), "NOSCRIPT the test changes the script".into())),
            b"EVAL" => {
                let mut command = command.clone();
                let source = String::from_utf8(command.arguments[1].clone()).unwrap();
                command.arguments[1] = source.replace(from, to).into_bytes();
                self.send_whole(&command)
            }
            _ => self.send_whole(command),
        }
    }

    fn send_whole(&self, command: &Command) -> Result<Reply, Failure> {
        let mut inner = self.lock();
        let number = inner.sent.len();
        if let Some((_, others)) = inner.others.take_if(|(at, _)| *at == number) {
            drop(inner);
            others();
            inner = self.lock();
        }
        inner.sent.push(String::from_utf8_lossy(&command.arguments[0]).into_owned());
        match inner.fault {
            Some((at, Fault::Die)) if number >= at => Err(Failure::Refused("DEAD".into(), "the client is dead".into())),
            Some((at, Fault::LoseCommand)) if number == at => Err(Failure::Lost("the test cut the connection".into())),
            Some((at, Fault::LoseReply)) if number == at => {
                let reply = inner.round_trip(&self.address, command);
                // It was not executed: the real request follows.
                if matches!(&reply, Err(Failure::Refused(code, _)) if code == "NOSCRIPT") {
                    inner.fault = Some((at + 1, Fault::LoseReply));
                    return reply;
                }
                inner.stream = None;
                Err(Failure::Lost("the test cut the connection".into()))
            }
            _ => inner.round_trip(&self.address, command),
        }
    }
}

impl Inner {
    fn round_trip(&mut self, address: &str, command: &Command) -> Result<Reply, Failure> {
        let stream = self.stream.get_or_insert_with(|| TcpStream::connect(address).unwrap());
        let mut bytes = Vec::new();
        resp::encode(command, &mut bytes);
        stream.write_all(&bytes).unwrap();
        bytes.clear();
        loop {
            match resp::decode(&bytes) {
                Decoded::Complete(reply, length) => {
                    assert_eq!(length, bytes.len());
                    return reply;
                }
                Decoded::Incomplete => {
                    let mut part = [0; 64 << 10];
                    let length = stream.read(&mut part).unwrap();
                    assert!(length > 0, "the server closed the connection");
                    bytes.extend_from_slice(&part[..length]);
                }
                Decoded::Invalid => panic!("{}", String::from_utf8_lossy(&bytes)),
            }
        }
    }
}

impl Transport for Client {
    async fn send(&self, command: Command) -> Result<Reply, Failure> {
        self.send_one(&command)
    }

    async fn send_with(&self, command: Command, then: Command) -> Result<(Reply, Reply), Failure> {
        Ok((self.send_one(&command)?, self.send_one(&then)?))
    }

    async fn send_all(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Failure> {
        commands.iter().map(|command| self.send_one(command)).collect()
    }

    async fn pause(&self, _: u64) {}

    fn uptime(&self) -> u64 {
        0
    }

    /// Each number once in this process.
    fn random(&self) -> u128 {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let number = u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
        number << 64 | number
    }
}

/// Runs a future that never waits.
pub fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}
