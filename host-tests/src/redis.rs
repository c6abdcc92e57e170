//! A Redis server for a test.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use session_conformance::wait::wait_for;
use tempfile::TempDir;

/// A Redis server on a free port of loopback, with an append-only file. Dropping it kills the process.
pub struct Redis {
    process: Child,
    port: u16,
    directory: TempDir,
    password: Option<&'static str>,
}

impl Redis {
    /// Starts a server.
    pub fn new() -> Self {
        Self::start(None)
    }

    /// Starts a server that requires this password.
    pub fn with_password(password: &'static str) -> Self {
        Self::start(Some(password))
    }

    fn start(password: Option<&'static str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = run(port, directory.path().into(), password);
        let server = Self { process, port, directory, password };
        server.wait();
        server
    }

    fn wait(&self) {
        wait_for("redis-server accepts connections", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    /// Its URL, without the password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it. All that it has acknowledged is in its append-only file.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.process = run(self.port, self.directory.path().into(), self.password);
        self.wait();
    }
}

fn run(port: u16, directory: PathBuf, password: Option<&str>) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    if let Some(password) = password {
        command.args(["--requirepass", password]);
    }
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
