//! Standard output and error. Nothing here panics, as `println!` would when the disk is full or the pipe is closed.

use session_runtime::Shown;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use wasmtime::Result;
use wasmtime::error::Context;

/// Print requested output. Fails with [`ReaderGone`] when the pipe is closed.
pub fn print(text: &str) -> Result<()> {
    printed(write(text))
}

/// Map the result of an attempt to print.
pub fn printed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Report completed work. A report that cannot be written is no failure: the work is done.
pub fn report(command: &str, text: &str) {
    match write(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            message(command, &format!("done, but the report cannot be written to standard output: {error}"));
        }
        _ => {}
    }
}

/// Print a message on standard error, ignoring failures.
pub fn message(command: &str, text: &str) {
    // In one write, so that lines of other processes do not interleave.
    let line = format!("session3: {command}: {}\n", Shown::new(text));
    let _ = io::stderr().write_all(line.as_bytes());
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The reader has closed the pipe, as in `session3 ls | head`.
#[derive(Debug)]
pub struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output is closed")
    }
}

impl std::error::Error for ReaderGone {}
