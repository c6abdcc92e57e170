//! A running `session3 demo`, `session3 serve` of another component, or another host that serves one.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::command::session3;
use session_conformance::wait::{wait_at_most, wait_for};

/// The timeout for compiling a component that contains a language interpreter, on a busy machine.
const COMPILING: Duration = Duration::from_secs(300);

/// A fresh directory for sessions. Accessible to this user only, or the server would refuse it.
pub fn private_directory() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// A server process on a free port. Dropping it kills the process, and prints its log if the test has failed.
pub struct Server {
    process: Child,
    address: String,
    path: PathBuf,
    /// Its standard output and error.
    files: TempDir,
    _directory: Option<TempDir>,
}

impl Server {
    /// Starts a server on a fresh directory, which is removed with it.
    pub fn new() -> Self {
        Self::on_fresh_directory(session3(["demo"]))
    }

    /// Starts a server that logs each request, on a fresh directory.
    pub fn logging_requests() -> Self {
        let directory = private_directory();
        let mut command = session3(["demo", "--listen", "127.0.0.1:0", "--dir"]);
        command.arg(directory.path()).env("RUST_LOG", "session3=debug");
        let mut server = Self::by(command, directory.path());
        server._directory = Some(directory);
        server
    }

    /// Starts a server on an existing directory.
    pub fn on(path: &Path) -> Self {
        Self::run(session3(["demo"]), path)
    }

    /// Starts a server with these options, on a fresh directory.
    pub fn with<'a>(options: impl IntoIterator<Item = &'a str>) -> Self {
        Self::on_fresh_directory(session3(["demo"].into_iter().chain(options)))
    }

    /// Starts a server with these options, on an existing directory.
    pub fn on_with<'a>(path: &Path, options: impl IntoIterator<Item = &'a str>) -> Self {
        Self::run(session3(["demo"].into_iter().chain(options)), path)
    }

    /// Starts a server with these options, whose sessions are on the server at this URL.
    pub fn on_store<'a>(url: &'a str, options: impl IntoIterator<Item = &'a str>) -> Self {
        Self::on_store_at("127.0.0.1:0", url, options)
    }

    /// Like `on_store`, listening on an address.
    pub fn on_store_at<'a>(address: &'a str, url: &'a str, options: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = session3(["demo", "--listen", address, "--store", url].into_iter().chain(options));
        command.env_remove("SESSION3_STORE_PASSWORD");
        Self::start_logging(command, Path::new(""), None, listening)
    }

    /// Starts a server of another component with these options, on a fresh directory.
    pub fn of<'a>(component: &'a Path, options: impl IntoIterator<Item = &'a str>) -> Self {
        let component = component.to_str().unwrap();
        Self::on_fresh_directory(session3(["serve", component].into_iter().chain(options)))
    }

    /// Starts a server of another component, on an existing directory.
    pub fn of_on(component: &Path, path: &Path) -> Self {
        Self::run(session3(["serve", component.to_str().unwrap()]), path)
    }

    /// Like `of_on`, with these options.
    pub fn of_on_with<'a>(component: &'a Path, path: &Path, options: impl IntoIterator<Item = &'a str>) -> Self {
        let component = component.to_str().unwrap();
        Self::run(session3(["serve", component].into_iter().chain(options)), path)
    }

    /// Like `of`, with the log written elsewhere.
    pub fn of_logging_to(log: Stdio, component: &Path) -> Self {
        let directory = private_directory();
        let mut server =
            Self::run_logging(session3(["serve", component.to_str().unwrap()]), directory.path(), Some(log));
        server._directory = Some(directory);
        server
    }

    /// Like `of`, with at most this many open files.
    pub fn of_with_file_limit<'a>(files: u32, component: &Path, options: impl IntoIterator<Item = &'a str>) -> Self {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!(r#"ulimit -n {files} && exec "$0" "$@""#))
            .arg(session3([]).get_program())
            .args(["serve", component.to_str().unwrap()])
            .args(options);
        Self::on_fresh_directory(shell)
    }

    /// Starts another program that prints its address as `session3` does, on an existing directory.
    pub fn by(command: Command, path: &Path) -> Self {
        Self::start(command, path, listening)
    }

    fn on_fresh_directory(command: Command) -> Self {
        let directory = private_directory();
        let mut server = Self::run(command, directory.path());
        server._directory = Some(directory);
        server
    }

    /// Starts a server with this umask.
    pub fn on_with_umask(path: &Path, umask: u32) -> Self {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!(r#"umask {umask:04o} && exec "$0" "$@""#))
            .arg(session3([]).get_program())
            .arg("demo");
        Self::run(shell, path)
    }

    fn run(command: Command, path: &Path) -> Self {
        Self::run_logging(command, path, None)
    }

    fn run_logging(mut command: Command, path: &Path, log: Option<Stdio>) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--dir"]).arg(path).env_remove("RUST_LOG");
        Self::start_logging(command, path, log, listening)
    }

    /// Starts a server by this command, on an existing directory. Its address is parsed from its standard output and
    /// error.
    pub(crate) fn start(command: Command, path: &Path, listens: impl Fn(&str, &str) -> Option<String>) -> Self {
        Self::start_logging(command, path, None, listens)
    }

    fn start_logging(
        mut command: Command,
        path: &Path,
        log: Option<Stdio>,
        listens: impl Fn(&str, &str) -> Option<String>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let [out, own] = ["out", "log"].map(|name| File::create(files.path().join(name)).unwrap());
        let process = command.stdout(out).stderr(log.unwrap_or_else(|| own.into())).spawn().unwrap();
        // The command holds the file descriptors given to it, such as a pipe.
        drop(command);
        let mut server = Self { process, address: String::new(), path: path.into(), files, _directory: None };
        server.address = wait_at_most(COMPILING, "the server is listening", || {
            let ended = server.process.try_wait().unwrap();
            let address = listens(&server.said("out"), &server.log());
            assert!(ended.is_none(), "the server exited at startup: {ended:?}");
            address
        });
        server
    }

    /// The listening address: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of its metrics. Requires `--metrics`.
    pub fn metrics_url(&self) -> String {
        let said = self.said("out");
        let url = said.lines().find_map(|line| line.strip_prefix("metrics on "));
        url.expect("the server was started with --metrics").into()
    }

    /// The directory with the sessions.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.said("log")
    }

    fn said(&self, file: &str) -> String {
        fs::read_to_string(self.files.path().join(file)).unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().try_into().unwrap())
    }

    /// Its current and peak resident memory in KiB.
    pub fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// The number of its open files and connections.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits until it exits.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the server exits", || self.process.try_wait().unwrap())
    }

    /// Stops it as an administrator does.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended();
        assert!(status.success(), "a stopped server exits successfully: {status}");
    }
}

/// The address that `session3` prints.
fn listening(out: &str, _log: &str) -> Option<String> {
    let last = out.strip_suffix('\n')?.lines().last()?;
    let address = last.strip_prefix("listening on http://").and_then(|rest| rest.strip_suffix('/'));
    assert!(address.is_some() || last.starts_with("metrics on "), "the server printed {last:?}");
    Some(address?.into())
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("The log of the server at {}:\n{}", self.address, self.log());
        }
    }
}
