//! A PostgreSQL server for a test.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User, chown, geteuid};
use session_conformance::wait::wait_for;
use tempfile::TempDir;

use crate::certificates::Certificates;

/// The user that the server runs as when this process is root's, which the server refuses.
const USER: &str = "postgres";

/// The password of the server's user `test`.
pub const PASSWORD: &str = "s3cret";

/// A PostgreSQL server on a free port of loopback. Dropping it kills the process.
pub struct Postgres {
    process: Child,
    port: u16,
    directory: TempDir,
}

impl Postgres {
    /// Starts a server.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            let user = User::from_name(USER).unwrap().expect("Debian's package postgresql makes this user");
            chown(directory.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let password = directory.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let mut initdb = program("initdb");
        initdb.args(["--auth=scram-sha-256", "--username=test", "--encoding=UTF8", "--no-sync", "-D"]);
        let initialized = initdb.arg(data(&directory)).arg("--pwfile").arg(&password).output().unwrap();
        assert!(initialized.status.success(), "{initialized:?}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { process: run(port, &directory), port, directory };
        server.wait();
        server
    }

    /// Starts a server with this certificate. Returns its URL for TLS as well.
    pub fn with_tls(certificates: &Certificates) -> (Self, String) {
        let mut server = Self::new();
        let data = data(&server.directory);
        for (from, to) in [(certificates.certificate(), "server.crt"), (certificates.key(), "server.key")] {
            let to = data.join(to);
            fs::copy(from, &to).unwrap();
            let owner = fs::metadata(&data).unwrap();
            chown(&to, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid()))).unwrap();
            fs::set_permissions(&to, Permissions::from_mode(0o600)).unwrap();
        }
        // By their default names.
        server.sql("ALTER SYSTEM SET ssl = on");
        server.kill();
        server.restart();
        let url = server.url_with(PASSWORD).replace("127.0.0.1", "localhost");
        (server, format!("{url}?sslmode=verify-full"))
    }

    fn wait(&self) {
        wait_for("postgres accepts connections", || {
            let ready = program("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status();
            ready.unwrap().success().then_some(())
        });
    }

    /// Its URL, without a user.
    pub fn url(&self) -> String {
        format!("postgres://127.0.0.1:{}/postgres", self.port)
    }

    /// Its URL with a user and this password.
    pub fn url_with(&self, password: &str) -> String {
        self.url().replacen("//", &format!("//test:{password}@"), 1)
    }

    /// Kills it with all its processes, and what relaxed saves have left in their memory.
    pub fn kill(&mut self) {
        let children = Command::new("pgrep").args(["-P", &self.process.id().to_string()]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let children: Vec<i32> = children.lines().map(|id| id.parse().unwrap()).collect();
        assert!(!children.is_empty());
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        for id in &children {
            // It may have noticed the death of its parent, and ended.
            let _ = kill(Pid::from_raw(*id), Signal::SIGKILL);
        }
        wait_for("the processes of the server have ended", || {
            let is_running = |id: &i32| Path::new("/proc").join(id.to_string()).exists();
            (!children.iter().any(is_running)).then_some(())
        });
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.process = run(self.port, &self.directory);
        self.wait();
    }

    /// Executes a statement, and returns what `psql` prints.
    pub fn sql(&self, statement: &str) -> String {
        let output = program("psql").args(["-At", "-c", statement]).arg(self.url_with(PASSWORD)).output().unwrap();
        assert!(output.status.success(), "{statement}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn data(directory: &TempDir) -> PathBuf {
    directory.path().join("data")
}

fn run(port: u16, directory: &TempDir) -> Child {
    let mut server = program("postgres");
    server.arg("-D").arg(data(directory)).args(["-p", &port.to_string(), "-k", "", "-h", "127.0.0.1"]);
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A program of the newest version that is installed, which is not on the path.
fn program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("install Debian's package postgresql");
    let newest = versions.map(|version| version.unwrap().path()).max().unwrap();
    let program = newest.join("bin").join(name);
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={USER}"), &format!("--regid={USER}"), "--clear-groups"]).arg(program);
    command.current_dir(Path::new("/"));
    command
}

impl Default for Postgres {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate shutdown, which ends the other processes as well. It may have been killed already.
        if let Ok(None) = self.process.try_wait() {
            let _ = kill(Pid::from_raw(self.process.id().try_into().unwrap()), Signal::SIGQUIT);
        }
        let _ = self.process.wait();
    }
}
