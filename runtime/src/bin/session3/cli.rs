//! The command line.

use crate::serve::authority;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint, value_parser};
use std::convert::Infallible;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// Persistent web sessions for WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "session3", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  session3 demo                           try it: http://127.0.0.1:8080/, sessions in ./sessions
  session3 serve app.wasm --dir /srv/app/sessions --metrics 127.0.0.1:9100
  session3 serve app.wasm --store redis://10.0.0.5
  session3 ls --dir /srv/app/sessions --owner alice
  session3 gc --dir /srv/app/sessions     delete expired records, without a server

RUST_LOG sets the level of the log on standard error (default: info).

Exit codes:
  0  success, also when the reader of `ls`, `show` or `stats` closes the pipe early
  1  failed, or done in part: standard error says what was not done
  2  the command line is wrong
  3  `ls` and `stats`: done, except for unreadable sessions
  128 + N  `rm`, `gc` and `copy`: ended by signal N, after the operation in progress";

const SIGNALS: &str = "\
Signals:
  SIGTERM, SIGINT, SIGQUIT   stop accepting connections, finish in-flight requests, exit. A second one: exit at once
  SIGHUP, SIGUSR1, SIGUSR2   logged, otherwise ignored
  SIGPIPE                    ignored

A request that has arrived in full runs to completion, even if its client disconnects; another is never started.";

const COPY: &str = "\
Stop the servers first: a logout during the copy is undone by it. A record that is newer in --from
replaces an older one in --to; a newer one in --to stays. --verify also finds what is only in --to.

Examples:
  session3 copy --from file:/srv/app/sessions --to redis://10.0.0.5 --verify
  session3 copy --from redis://10.0.0.5 --to file:/srv/app/sessions";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the built-in web demo
    #[command(after_help = SIGNALS)]
    Demo(ServerArgs),
    /// Serve a wasi:http component, with sessions plugged in if it imports them
    #[command(after_help = SIGNALS)]
    Serve {
        /// The component: a .wasm file that exports wasi:http/incoming-handler
        #[arg(value_name = "APP.wasm", value_hint = ValueHint::FilePath)]
        app: PathBuf,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List sessions, also of a read-only backup. Long user names are truncated, except with --json
    Ls {
        /// Only the sessions of this user, oldest first
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show the content of one session, also of a read-only backup
    Show {
        /// The session's id, from `session3 ls`
        id: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Delete sessions, which logs their users out. Continues past a session that cannot be deleted
    #[command(override_usage = "session3 rm [OPTIONS] <ID>...\n       session3 rm [OPTIONS] --owner <NAME>")]
    Rm {
        /// The sessions' ids, from `session3 ls`
        #[arg(value_name = "ID", required_unless_present = "owner")]
        ids: Vec<String>,
        /// All sessions of this user: log out everywhere
        #[arg(long, value_name = "NAME", conflicts_with = "ids")]
        owner: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Collect garbage: delete expired records and the remains of killed instances
    Gc {
        /// Also delete sessions unused for this long
        #[arg(long, value_name = "MINUTES")]
        older_than: Option<u32>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Compose an application with all it needs for sessions into one component, for hosts that have only WASI
    Compose {
        /// The component: a .wasm file that imports session-manager or session-store
        #[arg(value_name = "APP.wasm", value_hint = ValueHint::FilePath)]
        app: PathBuf,
        /// Where the component keeps sessions
        #[arg(long, value_enum, default_value_t = Keep::Files)]
        sessions: Keep,
        /// The component to write
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
    },
    /// Write the ready-made components: the store, the stores and the demo for hosts that have only WASI, the contract
    /// as a WIT package
    Bundle {
        /// Directory for the files, whose names contain the version; created if missing
        #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
        output: PathBuf,
    },
    /// Copy all sessions to another store, with their ids, versions and times. Run it again after an interruption: it
    /// goes on
    #[command(after_help = COPY)]
    Copy(CopyArgs),
    /// Count the sessions of a store and their sizes, also of a read-only backup
    Stats {
        #[command(flatten)]
        store: StoreArgs,
    },
}

impl Command {
    /// The subcommand, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Serve { .. } => "serve",
            Self::Ls { .. } => "ls",
            Self::Show { .. } => "show",
            Self::Rm { .. } => "rm",
            Self::Gc { .. } => "gc",
            Self::Copy(_) => "copy",
            Self::Compose { .. } => "compose",
            Self::Bundle { .. } => "bundle",
            Self::Stats { .. } => "stats",
        }
    }
}

/// Names a store. May contain a password, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub String);

impl FromStr for StoreUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(..)")
    }
}

/// Where the sessions are.
#[derive(Clone, Debug, Args)]
pub struct Location {
    /// Directory with the sessions; `demo` and `serve` create it, accessible to this user only, if it is missing
    #[arg(long, value_name = "DIR", default_value = "./sessions", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Server with the sessions, instead of a directory: redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// for
    /// TLS, redis-cluster://HOST,HOST,... or rediss-cluster://; each with ?prefix=NAME for the start of all keys.
    /// postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE with ?schema=NAME and &sslmode=verify-full. Also memory: for
    /// sessions that end with the server, and file:DIR. SESSION3_STORE_PASSWORD has the password, if set: others can see
    /// the command line
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    pub store: Option<StoreUrl>,
    /// File with the password of the server
    #[arg(long, value_name = "FILE", requires = "store", value_hint = ValueHint::FilePath)]
    pub store_password_file: Option<PathBuf>,
    /// How long to try again while the server cannot be reached
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = value_parser!(u64).range(1..=60))]
    pub store_timeout: u64,
    /// The option that names the store, for messages.
    #[arg(skip = "--store")]
    pub option: &'static str,
    #[command(flatten)]
    pub cache: CacheArgs,
}

/// Where compiled components are kept.
#[derive(Clone, Debug, Args)]
pub struct CacheArgs {
    /// Directory for compiled components, so that only the first start of a component compiles it; created if it is
    /// missing. Refused if other users can change it, as compiled components have all rights of this process. By default
    /// session3 in $XDG_CACHE_HOME or ~/.cache, if that can be used
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "no_cache")]
    pub cache: Option<PathBuf>,
    /// Compile at each start
    #[arg(long)]
    pub no_cache: bool,
}

/// From where to where to copy.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The store to read: a URL as for --store of other commands, such as file:DIR
    #[arg(long, value_name = "URL")]
    from: StoreUrl,
    /// The store to write, created if it is missing
    #[arg(long, value_name = "URL")]
    to: StoreUrl,
    /// File with the password of the server to read. Without it, SESSION3_STORE_PASSWORD has the password, if set
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_password_file: Option<PathBuf>,
    /// File with the password of the server to write
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to_password_file: Option<PathBuf>,
    /// How long to try again while a server cannot be reached
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = value_parser!(u64).range(1..=60))]
    store_timeout: u64,
    /// Then compare both stores, record by record
    #[arg(long)]
    pub verify: bool,
    /// Print the counts as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

impl CopyArgs {
    /// The store to read.
    pub fn source(&self) -> Location {
        self.location("--from", &self.from, self.from_password_file.as_ref())
    }

    /// The store to write.
    pub fn target(&self) -> Location {
        self.location("--to", &self.to, self.to_password_file.as_ref())
    }

    fn location(&self, option: &'static str, url: &StoreUrl, password_file: Option<&PathBuf>) -> Location {
        Location {
            dir: PathBuf::new(),
            store: Some(url.clone()),
            store_password_file: password_file.cloned(),
            store_timeout: self.store_timeout,
            option,
            cache: self.cache.clone(),
        }
    }
}

/// Which store, and how to print.
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(flatten)]
    pub location: Location,
    /// Print JSON: for `ls` one object per line, else one object. Times are milliseconds since 1970. An unreadable
    /// session is listed as {"id": ..., "unreadable": true}
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub location: Location,
    /// Scope of the locks: which processes may use the directory at the same time
    #[arg(long, value_enum, default_value_t = Scope::Machine)]
    pub scope: Scope,
    /// Memory limit for one request, such as 64MiB; growth beyond it fails
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = memory_size)]
    pub memory_limit: usize,
    /// Longest request body; a longer one gets 413
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = memory_size)]
    pub max_body: usize,
    /// Time limit for one request; then 504
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Time for a client to send the next request on a connection. Must exceed the time for which a proxy keeps an idle
    /// connection (60 s in nginx and AWS's load balancers), or a request races the close, and the proxy answers 502
    #[arg(long, value_name = "SECONDS", default_value_t = 75, value_parser = value_parser!(u64).range(1..=3600))]
    pub idle_timeout: u64,
    /// Time for a client to send the head of a request, from its first byte; then 408
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub head_timeout: u64,
    /// Time for a client to send the body of a request; then 408
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub body_timeout: u64,
    /// Time for a client to read a response, or the next 64 KiB of a long one
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub send_timeout: u64,
    /// A host name to serve, without port; may be repeated. Other names get 421. Those of this machine (localhost,
    /// 127.0.0.1, the address that the client is connected to) are always served. Without this option `serve` serves
    /// any name, and `demo` those of this machine, or any with --trust-forwarded
    #[arg(long, value_name = "NAME", value_parser = authority::name)]
    pub host: Vec<String>,
    /// Behind a proxy: take the client's address from the last entry of X-Forwarded-For, and scheme and host from
    /// X-Forwarded-Proto and X-Forwarded-Host, which the proxy must set or remove. A client that bypasses the proxy can
    /// then claim any address and name
    #[arg(long)]
    pub trust_forwarded: bool,
    /// Requests that run at once; others queue, and get 503 after 10 seconds
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=1000))]
    pub max_instances: u32,
    /// Requests that an instance serves, one after another. More than 1 halves the cost of a small request, but a
    /// request may then see what an earlier one, of another user, left in the application's memory. An instance that
    /// failed, was late, holds a lock or has grown serves no more
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub reuse: u32,
    /// Pause between garbage collections in the server; 0 disables them, for when cron runs `session3 gc`
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = value_parser!(u64).range(0..=604_800))]
    pub gc_interval: u64,
    /// Address and port to serve Prometheus metrics on, at /metrics: counts and times that name no session, user or
    /// address
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub metrics: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Any process on this machine
    Machine,
    /// Only this process, which excludes all others, including `session3 rm`; saves the file locks
    Process,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// In a directory, with lock files beside them
    Files,
    /// On a Redis or Valkey server, which the variables SESSION3_STORE and SESSION3_STORE_PASSWORD name when it runs
    Redis,
}

/// Resolves names as well, for `localhost`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found: Vec<_> =
        text.to_socket_addrs().map_err(|_| "use ADDR:PORT, such as 127.0.0.1:8080".to_owned())?.collect();
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied().ok_or_else(|| "no such host".to_owned())
}

/// 4 GiB is all that a 32-bit component can address.
const MEMORY_SIZES: std::ops::RangeInclusive<usize> = 1 << 20..=4 << 30;

fn memory_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: usize = match text[digits.len()..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        unit => return Err(format!("unknown unit `{unit}`; use KiB, MiB or GiB")),
    };
    let number: usize = digits.parse().map_err(|_| "not a number of bytes, such as 64MiB".to_owned())?;
    number
        .checked_mul(unit)
        .filter(|size| MEMORY_SIZES.contains(size))
        .ok_or_else(|| "must be between 1MiB and 4GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Proxies keep idle connections for 60 seconds, and must not race our close.
    #[test]
    fn idle_connections_outlive_those_of_proxies() {
        let Command::Demo(server) = Cli::parse_from(["session3", "demo"]).command else { unreachable!() };
        assert!(server.idle_timeout > 60);
    }

    #[test]
    fn addresses() {
        for (text, found) in
            [("127.0.0.1:0", "127.0.0.1:0"), ("localhost:80", "127.0.0.1:80"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(address(text).unwrap().to_string(), found);
        }
        for text in ["8080", "127.0.0.1", "localhost:", "localhost:99999"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_sizes() {
        for (text, size) in [("64MiB", 64 << 20), ("1g", 1 << 30), ("2097152", 2 << 20), ("2048 KiB", 2 << 20)] {
            assert_eq!(memory_size(text), Ok(size), "{text}");
        }
        for text in ["", "MiB", "64MB", "-1", "1KiB", "5GiB", "99999999999999999999", "18446744073709551615GiB"] {
            assert!(memory_size(text).is_err(), "{text}");
        }
    }
}
