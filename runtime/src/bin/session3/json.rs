//! JSON output: objects on one line, their members in a fixed order.

use serde_json::Value;
use session_runtime::bindings::exports::session3::sessions::session_store::SessionInfo;
use std::fmt;

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
            write!(f, "{open}{}:{value}", Value::from(name.as_str()))?;
        }
        f.write_str(if self.0.is_empty() { "{}" } else { "}" })
    }
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
        .with("expires", crate::text::expires(info))
}
