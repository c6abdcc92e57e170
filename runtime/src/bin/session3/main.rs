//! `session3`: serves components with sessions, and administers session stores.

// Two exceptions: loading compiled code from a file, and a setting of the C library's allocator.
#![deny(unsafe_code)]
// They panic when the pipe is closed; `output` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod cli;
mod components;
mod dir;
mod guest;
mod log;
mod manager_records;
mod metrics;
mod output;
mod place;
mod progress;
mod serve;

use admin::{copy, gc, ls, rm, show, stats};
use clap::Parser;
use cli::{Cli, Command};
use components::bundle;
use output::ReaderGone;
use session_runtime::Shown;
use std::io::{self, Write};
use std::process::ExitCode;
use wasmtime::Result;

/// The exit code of a listing that omits unreadable sessions.
const INCOMPLETE: u8 = 3;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    // Components may be readable by others, sessions must not.
    if !matches!(cli.command, Command::Bundle { .. } | Command::Compose { .. }) {
        dir::set_umask();
    }
    log::to_stderr();
    let name = cli.command.name();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => failed(name, &error),
    }
}

/// Print the error and return the exit code. A reader that closes the pipe early is no failure.
fn failed(command: &str, error: &wasmtime::Error) -> ExitCode {
    if error.is::<ReaderGone>() {
        return ExitCode::SUCCESS;
    }
    output::message(command, &format!("{error:#}"));
    ExitCode::FAILURE
}

/// Print the requested help, or what is wrong with the command line.
fn explain(usage: &clap::Error) -> ExitCode {
    let text = usage.render().to_string();
    let shown = Shown::new(&text).in_lines().to_string();
    if usage.use_stderr() {
        // Clap prints colors, but also arguments unescaped.
        let _ = if shown == text { usage.print() } else { io::stderr().write_all(shown.as_bytes()) };
        return ExitCode::from(2);
    }
    let printed = usage.print().and_then(|()| io::stdout().flush());
    match output::printed(printed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed("help", &error),
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
        Command::Compose { app, sessions, output } => bundle::compose(&app, sessions, &output),
        Command::Bundle { output } => bundle::bundle(&output),
        Command::Copy(args) => admin::run(copy::copy(&args)),
        Command::Stats { store } => admin::run(stats::stats(&store)),
    }
}
