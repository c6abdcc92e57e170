//! Attribute values: parsing from a form, and display.

use alloc::{borrow::ToOwned, format, string::String};

use crate::bindings::Value;
use crate::failure::Failure;

/// The types that the form offers, default first.
pub const TYPES: [&str; 6] = ["text", "integer", "number", "boolean", "json", "null"];

/// Longer texts are truncated.
const SHOWN: usize = 300;

/// Parses a form value. JSON is validated by the manager.
pub fn parse(kind: &str, text: String) -> Result<Value, Failure> {
    let trimmed = text.trim();
    let value = match kind {
        "text" => Some(Value::Text(text)),
        "integer" => trimmed.parse().ok().map(Value::Integer),
        "number" => trimmed.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number),
        "boolean" => trimmed.parse().ok().map(Value::Boolean),
        "json" => Some(Value::Json(text)),
        "null" => Some(Value::Null),
        _ => return Err(Failure::refused(400, &format!("There is no type “{kind}”."))),
    };
    value.ok_or_else(|| Failure::refused(400, &format!("The value does not read as: {kind}. {}", hint(kind))))
}

fn hint(kind: &str) -> &'static str {
    match kind {
        "integer" => "An integer is a whole number of up to 64 bits, such as -42.",
        "number" => "A number is like 3.14 or 6e23.",
        _ => "A boolean is true or false.",
    }
}

pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) => "integer",
        Value::Number(_) => "number",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Json(_) => "json",
    }
}

pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => format!("{value}"),
        Value::Integer(value) => format!("{value}"),
        // Shortest, with an exponent where useful, and a tenth of the code of `core`'s formatting.
        Value::Number(value) => ryu::Buffer::new().format(*value).to_owned(),
        Value::Text(text) | Value::Json(text) => truncated(text),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    }
}

fn truncated(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str(&format!("… ({} bytes in total)", text.len()));
    }
    shown
}
