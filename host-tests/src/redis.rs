//! A Redis server, or a cluster, for a test.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use session_conformance::wait::wait_for;
use tempfile::TempDir;

/// A Redis server on a free port of loopback, with an append-only file. Dropping it kills the process.
pub struct Redis {
    process: Child,
    port: u16,
    options: Vec<String>,
    directory: TempDir,
}

impl Redis {
    /// Starts a server.
    pub fn new() -> Self {
        Self::start(&[])
    }

    /// Starts a server that requires this password.
    pub fn with_password(password: &str) -> Self {
        Self::start(&["--requirepass", password])
    }

    fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let process = run(port, directory.path(), &options);
        let server = Self { process, port, options, directory };
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
        self.process = run(self.port, self.directory.path(), &self.options);
        self.wait();
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

fn run(port: u16, directory: &Path, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always"]).args(options);
    command.arg("--dir").arg(directory).stdout(Stdio::null());
    command.spawn().expect("redis-server runs: install Debian's package redis-server")
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
        let options =
            ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000"];
        let nodes: Vec<Redis> = (0..6).map(|_| Redis::start(&options)).collect();
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
