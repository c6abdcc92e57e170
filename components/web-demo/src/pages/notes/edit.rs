//! The change that a form makes to one field.

use alloc::{format, string::String};

use crate::bindings::{Session, Value};
use crate::failure::Failure;
use crate::request::Form;

/// A field of the form and its attribute.
#[derive(Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub attribute: &'static str,
    pub label: &'static str,
}

pub const FIELDS: [Field; 2] = [
    Field { name: "title", attribute: "note title", label: "Title" },
    Field { name: "text", attribute: "note text", label: "Text" },
];

pub struct Edit {
    /// The stored text when the form was built.
    pub was: String,
    /// The new text.
    pub text: String,
}

impl Edit {
    pub fn of(form: &Form, field: Field) -> Result<Self, Failure> {
        let name = field.name;
        let was = form.required(&format!("{name}-was"))?;
        // After a conflict, the visitor chose one of three texts.
        let text = match form.value(&format!("{name}-choice")).as_deref() {
            Some("stored") => was.clone(),
            Some("merged") => form.required(&format!("{name}-merged"))?,
            _ => form.required(name)?,
        };
        Ok(Self { was: lines(&was), text: lines(&text) })
    }

    pub fn is_change(&self) -> bool {
        self.text != self.was
    }

    /// Whether storing the text would overwrite one that its author has not seen.
    pub fn is_conflict(&self, stored: &str) -> bool {
        self.is_change() && stored != self.was && stored != self.text
    }
}

pub fn stored(session: &Session, field: Field) -> String {
    match session.get(field.attribute) {
        Some(Value::Text(text)) => lines(&text),
        _ => String::new(),
    }
}

/// Forms are submitted with CR LF, whatever the page had.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
