//! JSON output: objects on one line, members in a fixed order.

use serde_json::Value;
use session_runtime::Shown;
use session_runtime::bindings::exports::session3::sessions::session_store::SessionInfo;
use std::fmt::{self, Write};

/// An object. `serde_json::Map` would sort its members.
#[derive(Default)]
pub struct Object(Vec<(String, Value)>);

impl Object {
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            write!(f, "{open}{}:", Value::from(name.as_str()))?;
            write_safely(f, &value.to_string())?;
        }
        f.write_str(if self.0.is_empty() { "{}" } else { "}" })
    }
}

/// Write JSON with invisible characters as `\u` escapes, so that a terminal does not obey them. They occur only inside
/// strings, where the escape means the same.
fn write_safely(f: &mut fmt::Formatter<'_>, json: &str) -> fmt::Result {
    for c in json.chars() {
        if Shown::is_visible(c) {
            f.write_char(c)?;
        } else {
            c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))?;
        }
    }
    Ok(())
}

/// A session, its members named as in the contract.
pub fn session(info: &SessionInfo) -> Object {
    Object::default()
        .with("id", info.id.as_str())
        .with("owner", info.owner.as_deref())
        .with("size", info.size)
        .with("version", info.version)
        .with("created", info.created)
        .with("modified", info.modified)
        .with("last-active", info.last_active)
        .with("idle-timeout", info.idle_timeout)
        .with("deadline", info.deadline)
        .with("expires", super::text::expires(info))
}

/// A session that cannot be read.
pub fn unreadable(id: &str) -> Object {
    Object::default().with("id", id).with("unreadable", true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_is_safe_to_print() {
        let text = "a\u{7f}\u{9b}31m\u{202e}\u{e0041}\n\"\\å山👍";
        let object = Object::default().with("text", text).to_string();
        assert_eq!(object, r#"{"text":"a\u007f\u009b31m\u202e\udb40\udc41\n\"\\å山👍"}"#);
        assert_eq!(serde_json::from_str::<Value>(&object).unwrap(), serde_json::json!({ "text": text }));
    }
}
