//! The wire format, RESP2 (<https://redis.io/docs/latest/develop/reference/protocol-spec/>): for transports that have
//! only a socket.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use session_core::store::MAX_DATA;

use crate::transport::{Command, Failure, Reply};

/// The longest reply that a client of replies need receive in bytes. None is longer: a session has at most 16 MiB.
pub const MAX_REPLY: usize = 64 << 20;

/// The largest string that is accepted: more than the largest session.
const MAX_STRING: usize = MAX_DATA as usize + (1 << 20);

/// The largest list that is accepted.
const MAX_ITEMS: usize = 1 << 20;

/// The deepest list that is accepted.
const MAX_DEPTH: usize = 4;

/// Appends the bytes of a command.
pub fn encode(command: &Command, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", command.arguments.len()).as_bytes());
    for argument in &command.arguments {
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

/// What the bytes received so far hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The reply is not complete.
    Incomplete,
    /// A reply, or the server's refusal, and its length in bytes.
    Complete(Result<Reply, Failure>, usize),
    /// No reply: the connection is of no use any more.
    Invalid,
}

/// Decodes the reply at the start of `bytes`.
pub fn decode(bytes: &[u8]) -> Decoded {
    let mut parser = Parser { bytes, at: 0 };
    match parser.reply(0) {
        Ok(reply) => Decoded::Complete(reply, parser.at),
        Err(Stop::Incomplete) => Decoded::Incomplete,
        Err(Stop::Invalid) => Decoded::Invalid,
    }
}

enum Stop {
    Incomplete,
    Invalid,
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn reply(&mut self, depth: usize) -> Result<Result<Reply, Failure>, Stop> {
        let line = self.line()?;
        let (kind, text) = line.split_first().ok_or(Stop::Invalid)?;
        Ok(Ok(match kind {
            b'+' => Reply::Bytes(text.into()),
            b':' => Reply::Integer(number(text)?),
            b'$' => match length(text, MAX_STRING)? {
                None => Reply::Nil,
                Some(length) => Reply::Bytes(self.string(length)?.into()),
            },
            b'*' => match length(text, MAX_ITEMS)? {
                None => Reply::Nil,
                Some(_) if depth == MAX_DEPTH => return Err(Stop::Invalid),
                Some(length) => {
                    let mut items = Vec::new();
                    let mut refused = None;
                    for _ in 0..length {
                        match self.reply(depth + 1)? {
                            Ok(item) => items.push(item),
                            Err(failure) => refused = Some(failure),
                        }
                    }
                    match refused {
                        None => Reply::List(items),
                        Some(failure) => return Ok(Err(failure)),
                    }
                }
            },
            b'-' => return Ok(Err(refusal(&String::from_utf8_lossy(text)))),
            _ => return Err(Stop::Invalid),
        }))
    }

    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop::Incomplete)?;
        self.at += end + 2;
        Ok(&rest[..end])
    }

    fn string(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.get(length..length + 2).ok_or(Stop::Incomplete)?;
        if end != b"\r\n" {
            return Err(Stop::Invalid);
        }
        self.at += length + 2;
        Ok(&rest[..length])
    }
}

/// The server's refusal: the first word is its code.
pub fn refusal(text: &str) -> Failure {
    let code = text.split(' ').next().unwrap_or_default();
    Failure::Refused(code.to_string(), text.to_string())
}

fn number(text: &[u8]) -> Result<i64, Stop> {
    core::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Stop::Invalid)
}

fn length(text: &[u8], most: usize) -> Result<Option<usize>, Stop> {
    match number(text)? {
        -1 => Ok(None),
        length => usize::try_from(length).ok().filter(|length| *length <= most).map(Some).ok_or(Stop::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn complete(reply: Reply, length: usize) -> Decoded {
        Decoded::Complete(Ok(reply), length)
    }

    #[test]
    fn replies() {
        let list = Reply::List(vec![Reply::Bytes(b"a".into()), Reply::Nil, Reply::Integer(-1)]);
        for (bytes, expected) in [
            (&b"+OK\r\nrest"[..], complete(Reply::Bytes(b"OK".into()), 5)),
            (b":42\r\n", complete(Reply::Integer(42), 5)),
            (b"$3\r\na\r\n\r\n", complete(Reply::Bytes(b"a\r\n".into()), 9)),
            (b"$-1\r\n", complete(Reply::Nil, 5)),
            (b"*3\r\n$1\r\na\r\n$-1\r\n:-1\r\n", complete(list, 21)),
            (b"-NOAUTH no\r\n", Decoded::Complete(Err(refusal("NOAUTH no")), 12)),
            (b"*1\r\n-ERR x\r\n", Decoded::Complete(Err(refusal("ERR x")), 12)),
        ] {
            assert_eq!(decode(bytes), expected);
        }
    }

    #[test]
    fn every_prefix_is_incomplete() {
        let whole = b"*2\r\n$3\r\nabc\r\n:7\r\n";
        for end in 0..whole.len() {
            assert_eq!(decode(&whole[..end]), Decoded::Incomplete, "{end}");
        }
    }

    #[test]
    fn what_no_server_sends() {
        for bytes in [
            &b"\r\n"[..],
            b"!1\r\n",
            b"$x\r\n",
            b"$-2\r\n",
            b"$17825793\r\n",
            b"*1048577\r\n",
            b"$1\r\nabc",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        ] {
            assert_eq!(decode(bytes), Decoded::Invalid, "{bytes:?}");
        }
    }

    #[test]
    fn a_command() {
        let mut bytes = Vec::new();
        encode(&Command::on("GET", "k", []), &mut bytes);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }
}
