//! Standard output and error. Work does not depend on who reads of it: nothing here panics, as `println!` would when the
//! disk is full or the reader has gone.

use session_runtime::Shown;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use wasmtime::Result;
use wasmtime::error::Context;

/// Print what was asked for. It fails with [`ReaderGone`] when nobody is there any more to read it.
pub fn print(text: &str) -> Result<()> {
    printed(write(text))
}

/// What to make of an attempt to print.
pub fn printed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Report what has been done. It stays done when the report cannot be written.
pub fn report(command: &str, text: &str) {
    match write(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            tell(command, &format!("it is done, but the report cannot be written to standard output: {error}"));
        }
        _ => {}
    }
}

/// Tell people, on standard error; when it cannot be written, there is nobody to tell.
pub fn tell(command: &str, text: &str) {
    // At once, so that lines of others do not come in between.
    let line = format!("session3: {command}: {}\n", Shown::new(text));
    let _ = io::stderr().write_all(line.as_bytes());
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Our reader has seen enough, as in `session3 ls | head`.
#[derive(Debug)]
pub struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output")
    }
}

impl std::error::Error for ReaderGone {}
