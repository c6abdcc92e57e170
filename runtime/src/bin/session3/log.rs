//! The server's log, on standard error: safe to view in a terminal. A failure to write it is ignored.

use session_runtime::Shown;
use std::fmt::Debug;
use std::io::{self, IsTerminal};
use tracing::Level;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, registry};

/// Dependencies log the data they handle, cookies included; only their warnings are shown, whatever RUST_LOG says.
pub fn to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ours = filter_fn(|metadata| metadata.target().starts_with("session") || *metadata.level() <= Level::WARN);
    let colors = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let safe = debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{}", safe(value)),
        name => write!(writer, "{name}={}", safe(value)),
    });
    let lines = layer()
        .with_target(false)
        .with_writer(io::stderr)
        // They would go to `eprintln!`, which panics.
        .log_internal_errors(false)
        .with_ansi(colors)
        .fmt_fields(safe.delimited(" "));
    let subscriber = registry().with(filter).with(ours).with(lines);
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
}

/// Escapes control characters and indents continuation lines, so that a value cannot forge a line of the log.
fn safe(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    Shown::new(text.trim_end()).in_lines().to_string().replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_forge_a_line() {
        let text = format_args!("a path \u{1b}[31m\u{200b}\n2026-01-01T00:00:00Z  INFO forged\n").to_string();
        assert_eq!(safe(&format_args!("{text}")), "a path \\u{1b}[31m\\u{200b}\n    2026-01-01T00:00:00Z  INFO forged");
    }
}
