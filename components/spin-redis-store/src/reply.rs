//! Replies and errors. Spin flattens both: a list arrives as its items, and a refusal of the server as the text of the
//! library that Spin uses (redis-rs, `RedisError`), in which the server's code is a name of an error kind or a prefix.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use session_redis::{Failure, Reply};

use crate::bindings::fermyon::spin::redis::RedisResult;

/// The commands of `session-redis` whose reply is a list, and never a list of lists.
const LISTS: [&str; 6] = ["CONFIG", "EVAL", "EVALSHA", "HMGET", "WAITAOF", "ZRANGEBYLEX"];

/// What precedes the error kind in the text of a refusal whose code the library knows.
const SIGNALLED: &str = "An error was signalled by the server";

/// The codes that the library knows, by their error kinds.
const KINDS: [(&str, &str); 8] = [
    ("Ask", "ASK"),
    ("BusyLoadingError", "LOADING"),
    ("ClusterDown", "CLUSTERDOWN"),
    ("MasterDown", "MASTERDOWN"),
    ("Moved", "MOVED"),
    ("NoScriptError", "NOSCRIPT"),
    ("ReadOnly", "READONLY"),
    ("TryAgain", "TRYAGAIN"),
];

/// The reply of a command.
pub fn of(command: &str, items: Vec<RedisResult>) -> Reply {
    let mut items = items.into_iter().map(|item| match item {
        RedisResult::Nil => Reply::Nil,
        RedisResult::Status(text) => Reply::Bytes(text.into_bytes()),
        RedisResult::Int64(number) => Reply::Integer(number),
        RedisResult::Binary(bytes) => Reply::Bytes(bytes),
    });
    if LISTS.contains(&command) { Reply::List(items.collect()) } else { items.next().unwrap_or(Reply::Nil) }
}

/// The server's refusal, if it is one.
pub fn refusal(text: &str) -> Option<Failure> {
    let (code, detail) = match text.strip_prefix(SIGNALLED) {
        Some(rest) => {
            let rest = rest.trim_start_matches([' ', '-']);
            let (kind, detail) = rest.split_once(": ").unwrap_or((rest, ""));
            let known = KINDS.iter().find(|(each, _)| *each == kind);
            (known.map_or("ERR", |(_, code)| code), detail)
        }
        None => text.split_once(": ").filter(|(code, _)| is_code(code))?,
    };
    Some(Failure::Refused(code.to_string(), format!("{code} {detail}")))
}

/// `NOAUTH`, `OOM`, and others that the library does not know.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether the text is that of a login that the library has made, and the server refused.
pub fn is_failed_login(text: &str) -> bool {
    text.contains("AuthenticationFailed")
}
