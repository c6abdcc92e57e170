//! A Redis server, or a cluster, for a test.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use session_conformance::wait::wait_for;
use tempfile::TempDir;

use crate::certificates::Certificates;

/// The program of a server.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// Debian's `redis-server`.
    pub fn redis() -> Self {
        Self("redis-server".into())
    }

    /// The Valkey that `scripts/test --engines` installs.
    pub fn valkey() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/valkey-server"))
    }
}

/// A server of Redis or Valkey on a free port of loopback, with an append-only file. Dropping it kills the process.
pub struct Redis {
    process: Child,
    program: Program,
    port: u16,
    options: Vec<String>,
    directory: TempDir,
}

impl Redis {
    /// Starts a server.
    pub fn new() -> Self {
        Self::start(&Program::redis(), &[])
    }

    /// Starts a server that syncs its append-only file once a second, as is Redis's default.
    pub fn relaxed() -> Self {
        Self::start(&Program::redis(), &["--appendfsync", "everysec"])
    }

    /// Starts a server that requires this password.
    pub fn with_password(password: &str) -> Self {
        Self::start(&Program::redis(), &["--requirepass", password])
    }

    /// Starts a server with this certificate. Returns its URL for TLS as well.
    pub fn with_tls(certificates: &Certificates) -> (Self, String) {
        let port = free_port().to_string();
        let [certificate, key, authority] = [certificates.certificate(), certificates.key(), certificates.authority()]
            .map(|path| path.display().to_string());
        let options = [
            ["--tls-port", &port],
            ["--tls-cert-file", &certificate],
            ["--tls-key-file", &key],
            ["--tls-ca-cert-file", &authority],
            ["--tls-auth-clients", "no"],
        ];
        let server = Self::start(&Program::redis(), options.as_flattened());
        (server, format!("rediss://localhost:{port}"))
    }

    fn start(program: &Program, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let process = run(program, port, directory.path(), &options);
        let server = Self { process, program: program.clone(), port, options, directory };
        server.wait();
        server
    }

    fn wait(&self) {
        wait_for("redis-server accepts connections", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Its URL, without the password.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it. All that it has acknowledged is in its append-only file.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.process = run(&self.program, self.port, self.directory.path(), &self.options);
        self.wait();
    }

    /// Stops it: its connections stay, and nothing is answered until it is resumed.
    pub fn suspend(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Stops it, and returns after this time.
    pub fn suspend_for(&self, time: Duration) {
        self.suspend();
        thread::sleep(time);
    }

    /// Lets it run on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id() as i32)
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// A number that `INFO` reports.
    pub fn info(&self, field: &str) -> u64 {
        let info = self.cli(&["info", "everything"]);
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {field} in {info}")).trim().parse().unwrap()
    }

    /// How often a command, in lower case, has been called.
    pub fn calls_of(&self, command: &str) -> u64 {
        let stats = self.cli(&["info", "commandstats"]);
        let calls = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        calls.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    /// Runs `redis-cli` on it, and returns what it prints.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A free port whose number leaves room for the port of the cluster's own protocol, 10000 above it.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 55_000 {
            return port;
        }
    }
}

fn run(Program(program): &Program, port: u16, directory: &Path, options: &[String]) -> Child {
    let mut command = Command::new(program);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always"]).args(options);
    command.arg("--dir").arg(directory).stdout(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{} does not run: {error}", program.display()))
}

impl Default for Redis {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A cluster of three masters, each with a replica.
pub struct Cluster(Vec<Redis>);

impl Cluster {
    /// Starts a cluster. A master that does not answer for two seconds is replaced by its replica.
    pub fn new() -> Self {
        Self::of(&Program::redis())
    }

    /// Starts a cluster of another server's program.
    pub fn of(program: &Program) -> Self {
        let options =
            ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000"];
        let nodes: Vec<Redis> = (0..6).map(|_| Redis::start(program, &options)).collect();
        let addresses: Vec<String> = nodes.iter().map(Redis::address).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let make = [&["--cluster", "create"][..], &addresses, &["--cluster-replicas", "1", "--cluster-yes"]].concat();
        nodes[0].cli(&make);
        let cluster = Self(nodes);
        wait_for("the cluster has replicas", || {
            let ready = |node: &Redis| {
                let state = node.cli(&["cluster", "info"]);
                state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:6")
            };
            let replicas = cluster.0.iter().filter(|node| node.cli(&["role"]).contains("connected")).count();
            (cluster.0.iter().all(ready) && replicas == 3).then_some(())
        });
        cluster
    }

    /// The URL, with two of the nodes.
    pub fn url(&self) -> String {
        format!("redis-cluster://{},{}", self.0[0].address(), self.0[1].address())
    }

    /// The nodes. The first three are the masters of the first, second and last third of the slots, until one fails.
    pub fn nodes(&self) -> &[Redis] {
        &self.0
    }

    /// A node.
    pub fn node(&mut self, number: usize) -> &mut Redis {
        &mut self.0[number]
    }

    /// The number of the replica of a master.
    pub fn replica_of(&self, master: &Redis) -> usize {
        let is_replica = |node: &Redis| {
            let role = node.cli(&["role"]);
            role.starts_with("slave") && role.lines().nth(2) == Some(&master.port.to_string())
        };
        self.0.iter().position(is_replica).expect("the master has a replica")
    }

    /// Moves all slots with keys from one master to another, while they are used.
    pub fn move_slots(&self, from: &Redis, to: &Redis) -> usize {
        let keys = from.cli(&["keys", "*"]);
        let slots: BTreeSet<String> =
            keys.lines().map(|key| from.cli(&["cluster", "keyslot", key]).trim().to_owned()).collect();
        for slot in &slots {
            self.move_slot(slot, from, to);
        }
        slots.len()
    }

    fn move_slot(&self, slot: &str, from: &Redis, to: &Redis) {
        let [old, new] = [from, to].map(|node| node.cli(&["cluster", "myid"]).trim().to_owned());
        to.cli(&["cluster", "setslot", slot, "importing", &old]);
        from.cli(&["cluster", "setslot", slot, "migrating", &new]);
        loop {
            let keys = from.cli(&["cluster", "getkeysinslot", slot, "10"]);
            let keys: Vec<&str> = keys.lines().filter(|key| !key.is_empty()).collect();
            if keys.is_empty() {
                break;
            }
            let port = to.port.to_string();
            from.cli(&[&["migrate", "127.0.0.1", &port, "", "0", "5000", "keys"][..], &keys].concat());
        }
        for node in [to, from] {
            node.cli(&["cluster", "setslot", slot, "node", &new]);
        }
    }

    /// The master that has a session.
    pub fn master_of(&mut self, id: &str) -> &mut Redis {
        let has = |node: &Redis| {
            node.cli(&["role"]).starts_with("master") && node.cli(&["keys", &format!("*s:{id}")]).contains(id)
        };
        self.0.iter_mut().find(|node| has(node)).expect("a master has the session")
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}
