//! `session3`: serves components with sessions, and looks after session stores.

#![forbid(unsafe_code)]

mod admin;
mod bundle;
mod cli;
mod client_address;
mod collector;
mod compose;
mod dir;
mod embedded;
mod endpoint;
mod engine;
mod gc;
mod guest;
mod handler;
mod json;
mod ls;
mod metrics;
mod progress;
mod response;
mod rm;
mod serve;
mod server;
mod show;
mod stats;
mod text;
mod wit_error;

use clap::Parser;
use cli::{Cli, Command};
use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use wasmtime::Result;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Components are for everybody, sessions for nobody else.
    if !matches!(cli.command, Command::Bundle { .. } | Command::Compose { .. }) {
        dir::set_umask();
    }
    log_to_stderr();
    let name = cli.command.name();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("session3: {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(options) => serve::demo(&options),
        Command::Serve { app, server } => serve::serve_file(&app, &server),
        Command::Ls { owner, store } => admin::run(ls::ls(&store, owner.as_deref())),
        Command::Show { id, store } => admin::run(show::show(&store, &id)),
        Command::Rm { ids, owner, store } => match owner {
            Some(owner) => admin::run(rm::rm_owner(&store, &owner)),
            None => admin::run(rm::rm(&store, &ids)),
        },
        Command::Gc { older_than, store } => admin::run(gc::gc(&store, older_than)),
        Command::Compose { app, output } => bundle::compose(&app, &output),
        Command::Bundle { output } => bundle::bundle(&output),
        Command::Stats { store } => admin::run(stats::stats(&store)),
    }
}

/// What others log has what they handle in it, cookies among it; only their warnings are shown, whatever RUST_LOG says.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ours = filter_fn(|metadata| metadata.target().starts_with("session") || *metadata.level() <= Level::WARN);
    let colors = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(std::io::stderr).with_ansi(colors);
    let subscriber = tracing_subscriber::registry().with(filter).with(ours).with(lines);
    tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
}

/// Whether our reader has seen enough, as in `session3 ls | head`.
fn is_closed_pipe(error: &wasmtime::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == ErrorKind::BrokenPipe)
}
