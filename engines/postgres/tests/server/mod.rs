//! A real server, and a proxy that changes what is sent to it and breaks connections.

use std::cell::Cell;
use std::fs::DirBuilder;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use session_postgres::Options;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::{NoTls, Row};

/// Runs a future to its end.
pub fn run<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(future)
}

/// A PostgreSQL server of its own, ended with this value, or with this process.
pub struct Server {
    /// A shell that ends the server when its standard input ends.
    process: Child,
    port: u16,
    directory: TempDir,
}

/// The server of tests that change no settings.
pub fn shared() -> &'static Server {
    static SHARED: LazyLock<Server> = LazyLock::new(|| Server::start(&[]));
    &SHARED
}

impl Server {
    /// Starts a server with these settings.
    pub fn start(settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        let user = User::of(&data);
        let initialized = user
            .command("initdb")
            .args(["--auth=trust", "--username=test", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(initialized.status.success(), "{initialized:?}");
        Self::run(&user, directory, settings)
    }

    /// Starts a standby of this server, for whose disk it then waits.
    pub fn standby(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        DirBuilder::new().mode(0o700).create(&data).unwrap();
        let user = User::of(&data);
        let mut copy = user.command("pg_basebackup");
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d"]);
        let copied = copy.arg(format!("host=127.0.0.1 port={} user=test", self.port)).arg("-D").arg(&data).output();
        assert!(copied.as_ref().is_ok_and(|copied| copied.status.success()), "{copied:?}");
        let standby = Self::run(&user, directory, &[]);
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        wait_for("the standby is synchronous", || {
            !self.sql("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").is_empty()
        });
        standby
    }

    /// Kills the process that the others belong to; they notice.
    pub fn kill(&self) {
        let data = self.directory.path().join("data/postmaster.pid");
        let id = std::fs::read_to_string(data).unwrap();
        let killed = Command::new("kill").args(["-KILL", id.lines().next().unwrap()]).status().unwrap();
        assert!(killed.success());
    }

    fn run(user: &User, directory: TempDir, settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = user.command("postgres");
        server.arg("-D").arg(directory.path().join("data")).args(["-p", &port.to_string(), "-k", ""]);
        for setting in ["listen_addresses=127.0.0.1", "max_connections=200"].iter().chain(settings) {
            server.args(["-c", setting]);
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", r#""$@" & read _; kill -QUIT $!; wait"#, "sh"]).arg(server.get_program());
        let process = shell
            .args(server.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port, directory };
        wait_for("the server accepts connections", || run(server.connect()).is_ok());
        server
    }

    async fn connect(&self) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let url = format!("postgres://test@127.0.0.1:{}/postgres", self.port);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Executes a statement, which must succeed.
    pub fn sql(&self, statement: &str) -> Vec<Row> {
        run(async { self.connect().await.unwrap().query(statement, &[]).await }).unwrap()
    }

    /// How to use these two, whichever is the primary.
    pub fn options_with(&self, other: &Self, schema: &str) -> Options {
        let hosts = format!("127.0.0.1:{},127.0.0.1:{}", self.port, other.port);
        Options::parse(&format!("postgres://test@{hosts}/postgres?schema={schema}")).unwrap()
    }

    /// How to use it, directly.
    pub fn options(&self, schema: &str) -> Options {
        options(self.port, schema)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(10));
    }
}

fn options(port: u16, schema: &str) -> Options {
    Options::parse(&format!("postgres://test@127.0.0.1:{port}/postgres?schema={schema}")).unwrap()
}

/// The user that the server runs as: it refuses root.
struct User {
    is_root: bool,
    programs: PathBuf,
}

impl User {
    /// The user, who owns the directory.
    fn of(directory: &Path) -> Self {
        let found = Command::new("sh").args(["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"]).output();
        let programs = PathBuf::from(String::from_utf8(found.unwrap().stdout).unwrap().trim());
        assert!(programs.join("initdb").exists(), "install Debian's package postgresql");
        let id = Command::new("id").arg("-u").output().unwrap();
        let is_root = id.stdout == b"0\n";
        if is_root {
            let parent = directory.parent().unwrap();
            let owned = Command::new("chown").arg("postgres").args([parent, directory]).status().unwrap();
            assert!(owned.success());
        }
        Self { is_root, programs }
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        if !self.is_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
        command
    }
}

/// A deliberate defect of the statements: this text is replaced by that.
pub type Defect = (&'static str, &'static str);

thread_local! {
    /// The defect of proxies made on this thread.
    pub static DEFECT: Cell<Option<Defect>> = const { Cell::new(None) };
}

/// What happens to a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is executed, and its reply is lost with the connection.
    LoseReply,
    /// It is lost with the connection.
    LoseStatement,
}

/// A proxy before a server. It understands the protocol as far as needed: a client sends messages up to one that asks
/// for a reply, and the reply ends when the server is ready for the next.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    server: u16,
    defect: Option<Defect>,
    round_trips: AtomicUsize,
    /// What happens to the statement after so many others.
    fault: Mutex<Option<(usize, Fault)>>,
}

impl Proxy {
    pub fn new(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { server: server.port, defect: DEFECT.get(), ..State::default() });
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let state = shared.clone();
                // It ends with an error when either side does.
                thread::spawn(move || state.serve(client.unwrap()));
            }
        });
        Self { port, state }
    }

    pub fn options(&self, schema: &str) -> Options {
        options(self.port, schema)
    }

    /// Lets something happen to the statement after `count` others.
    pub fn fail_after(&self, count: usize, fault: Fault) {
        *self.state.fault.lock().unwrap() = Some((count, fault));
    }

    /// The round trips since the last call.
    pub fn take_round_trips(&self) -> usize {
        self.state.round_trips.swap(0, Ordering::Relaxed)
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut server = TcpStream::connect(("127.0.0.1", self.server))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        // The first message has no type.
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut startup)?;
        server.write_all(&[&length[..], &startup].concat())?;
        client.write_all(&until(&mut server, b"Z")?.0)?;
        loop {
            let (mut request, kinds) = until(&mut client, b"SQX")?;
            if let Some((from, to)) = self.defect {
                request = altered(&request, from, to);
            }
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            let fault = if kinds.contains(&b'E') { self.next_fault() } else { None };
            if fault == Some(Fault::LoseStatement) {
                return Ok(());
            }
            server.write_all(&request)?;
            let (reply, _) = until(&mut server, b"Z")?;
            if fault == Some(Fault::LoseReply) {
                return Ok(());
            }
            client.write_all(&reply)?;
        }
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap();
        let (count, what) = (*fault)?;
        *fault = count.checked_sub(1).map(|count| (count, what));
        if count == 0 { Some(what) } else { None }
    }
}

/// Reads messages up to one of these types. Returns them, and their types.
fn until(stream: &mut TcpStream, last: &[u8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut messages, mut kinds) = (Vec::new(), Vec::new());
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        stream.read_exact(&mut body)?;
        messages.extend_from_slice(&head);
        messages.extend_from_slice(&body);
        kinds.push(head[0]);
        if last.contains(&head[0]) {
            return Ok((messages, kinds));
        }
    }
}

/// The messages with another text in the statements to parse.
fn altered(messages: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (mut rest, mut out) = (messages, Vec::new());
    while let [kind, a, b, c, d, ..] = *rest {
        let (message, behind) = rest.split_at(1 + u32::from_be_bytes([a, b, c, d]) as usize);
        rest = behind;
        let mut body = message[5..].to_vec();
        if kind == b'P' {
            // The name, the text, and the types of parameters.
            let mut parts = body.splitn(3, |byte| *byte == 0);
            let [name, text, types] = [(); 3].map(|()| parts.next().unwrap());
            let text = String::from_utf8(text.to_vec()).unwrap().replace(from, to);
            body = [name, text.as_bytes(), types].join(&0);
        }
        out.push(kind);
        out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        out.extend_from_slice(&body);
    }
    out
}
