//! Guests' output, which goes to the log. A failure to write the log does not fail the guest.

use hyper::body::Bytes;
use session_runtime::Shown;
use std::io::{self, Write};
use std::pin::Pin;
use std::str;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Standard output or error of an instance.
pub struct GuestOutput;

/// Bytes that a guest may write in one call.
const AT_ONCE: usize = 64 * 1024;

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines::default())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Lines::default())
    }
}

impl IsTerminal for GuestOutput {
    /// Escape sequences for color would be printed as text.
    fn is_terminal(&self) -> bool {
        false
    }
}

#[derive(Default)]
struct Lines {
    /// The bytes of an incomplete character at the end of the last write.
    partial: Vec<u8>,
}

impl Lines {
    fn print(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let rest = self.partial.split_off(self.partial.len() - incomplete(&self.partial));
        let text = String::from_utf8_lossy(&self.partial);
        let _ = io::stderr().write_all(Shown::new(&text).in_lines().to_string().as_bytes());
        self.partial = rest;
    }
}

/// The number of bytes at the end that begin a character.
fn incomplete(bytes: &[u8]) -> usize {
    let is_begun = |length: &usize| match str::from_utf8(&bytes[bytes.len() - length..]) {
        Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
        Ok(_) => false,
    };
    (1..=bytes.len().min(3)).rev().find(is_begun).unwrap_or(0)
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Lines {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_characters_are_joined() {
        for (bytes, length) in [
            (&b""[..], 0),
            (b"ab", 0),
            ("å".as_bytes(), 0),
            (b"a\xc3", 1),
            (b"a\xe5\xb1", 2),
            (b"\xf0\x9f\x91", 3),
            (b"\xf0\x9f\x91\x8d", 0),
            (b"\x80\x80", 0),
            (b"\xc3\xc3", 1),
            (b"\xff", 0),
        ] {
            assert_eq!(incomplete(bytes), length, "{bytes:?}");
        }
    }
}
