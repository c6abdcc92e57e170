//! The command line.

use crate::serve::authority;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint, value_parser};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

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
  session3 ls --dir /srv/app/sessions --owner alice
  session3 gc --dir /srv/app/sessions     delete what has expired, without waiting for a server

RUST_LOG sets how much is logged to standard error (default: info).

Exit codes:
  0  done; a reader of `ls`, `show` or `stats` who has seen enough is no failure
  1  failed, or done in part: standard error says what was not done
  2  the command line is wrong
  3  `ls` and `stats`: done, without sessions that cannot be read
  128 + N  `rm` and `gc`: ended by signal N, after what it had begun";

const SIGNALS: &str = "\
Signals:
  SIGTERM, SIGINT, SIGQUIT   no new connections; what is in flight is done, then the end. A second one: the end at once
  SIGHUP, SIGUSR1, SIGUSR2   a line in the log, and nothing else
  SIGPIPE                    nothing

A request that has arrived in full is run to its end, also when its client is gone. One that has not is not begun.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the web demo that is built in
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
    /// List sessions, also those of a backup that can only be read. Long names of users are cut; --json has all of them
    Ls {
        /// Only the sessions of this user, oldest first
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show what one session holds, also in a backup that can only be read
    Show {
        /// The session, as `session3 ls` names it
        id: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Delete sessions: whoever has their cookies is logged out. One that cannot be deleted does not keep the others
    #[command(override_usage = "session3 rm [OPTIONS] <ID>...\n       session3 rm [OPTIONS] --owner <NAME>")]
    Rm {
        /// The sessions, as `session3 ls` names them
        #[arg(value_name = "ID", required_unless_present = "owner")]
        ids: Vec<String>,
        /// All sessions of this user: log out everywhere
        #[arg(long, value_name = "NAME", conflicts_with = "ids")]
        owner: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Collect garbage: delete expired records and what killed instances left behind
    Gc {
        /// Delete also sessions that nobody has used for this long
        #[arg(long, value_name = "MINUTES")]
        older_than: Option<u32>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Make one component of an application and all it needs for sessions, for hosts that have WASI and nothing else:
    /// locks are files beside the sessions
    Compose {
        /// The component: a .wasm file that imports session-manager or session-store
        #[arg(value_name = "APP.wasm", value_hint = ValueHint::FilePath)]
        app: PathBuf,
        /// The component to write
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: PathBuf,
    },
    /// Write the ready-made components: the store, the store for hosts that have WASI and nothing else, the demo for
    /// them, the contract as a WIT package
    Bundle {
        /// Directory for the files, whose names have the version; made if it is not there
        #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
        output: PathBuf,
    },
    /// Count the sessions of a store and what they take, also in a backup that can only be read
    Stats {
        #[command(flatten)]
        store: StoreArgs,
    },
}

impl Command {
    /// The word on the command line, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Serve { .. } => "serve",
            Self::Ls { .. } => "ls",
            Self::Show { .. } => "show",
            Self::Rm { .. } => "rm",
            Self::Gc { .. } => "gc",
            Self::Compose { .. } => "compose",
            Self::Bundle { .. } => "bundle",
            Self::Stats { .. } => "stats",
        }
    }
}

/// Which store, and how to print.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Directory with the sessions
    #[arg(long, value_name = "DIR", default_value = "./sessions", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Print JSON: for `ls` one object a line, else one object. Times are milliseconds since 1970. A session that cannot
    /// be read is listed as {"id": ..., "unreadable": true}
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,
    /// Directory to keep the sessions in; made, for this user only, if it is not there
    #[arg(long, value_name = "DIR", default_value = "./sessions", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// How far locks reach: who else may use the directory at the same time
    #[arg(long, value_enum, default_value_t = Scope::Machine)]
    pub scope: Scope,
    /// Memory for one request, such as 64MiB; more is refused to the component
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = memory_size)]
    pub memory_limit: usize,
    /// Longest body of a request; the answer to a longer one is 413
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = memory_size)]
    pub max_body: usize,
    /// Time for one request; the answer is then 504
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Time between two requests on a connection. Longer than a proxy keeps a connection that it does not use (60 s in
    /// nginx and AWS's load balancers), or the proxy sends a request just when it is closed, and answers 502
    #[arg(long, value_name = "SECONDS", default_value_t = 75, value_parser = value_parser!(u64).range(1..=3600))]
    pub idle_timeout: u64,
    /// Time for a client to send the head of a request, from its first byte; the answer is then 408
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub head_timeout: u64,
    /// Time for a client to send the body of a request; the answer is then 408
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub body_timeout: u64,
    /// Time for a client to take an answer, or the next 64 KiB of a long one
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3600))]
    pub send_timeout: u64,
    /// A name by which the server may be asked for, without port; may be repeated. By another one, it answers 421. Those
    /// of this machine (localhost, 127.0.0.1, the address that the client is connected to) need not be named. Without
    /// this option `serve` is asked for by any name, and `demo` by those of this machine, unless it trusts a proxy
    #[arg(long, value_name = "NAME", value_parser = authority::name)]
    pub host: Vec<String>,
    /// Behind a proxy: take the client's address from the last entry of X-Forwarded-For, and what it asked for from
    /// X-Forwarded-Proto and X-Forwarded-Host, which the proxy has to add or to remove. Whoever reaches the server
    /// without the proxy can then claim any address and name
    #[arg(long)]
    pub trust_forwarded: bool,
    /// Requests that run at once; others wait, and get 503 if that takes long
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=1000))]
    pub max_instances: u32,
    /// Pause between two garbage collections in the server; 0 for none, when cron runs `session3 gc`
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = value_parser!(u64).range(0..=604_800))]
    pub gc_interval: u64,
    /// Address and port where Prometheus finds the metrics, at /metrics: numbers and times that name no session, no
    /// user and no address
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub metrics: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Any process on this machine
    Machine,
    /// Only this process, which keeps all others out, `session3 rm` too; saves the file locks
    Process,
}

/// Names are taken as well, for `localhost`.
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
        unit => return Err(format!("`{unit}` is no unit; use KiB, MiB or GiB")),
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

    /// Proxies keep connections for 60 seconds, and must not meet our end of one.
    #[test]
    fn connections_outlive_those_of_proxies() {
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
