//! The command.

use std::process::ExitCode;

use crate::bindings::{Access, Configuration, Durability, Error, Manager, Options, Session, Value};

/// Runs the command.
pub fn run() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [new] if new == "new" => begin(),
        [cookie, times] => match times.parse() {
            Ok(times) => count(cookie, times),
            Err(_) => Err("TIMES is not a number".into()),
        },
        _ => Err("usage: counter new | counter COOKIE TIMES".into()),
    };
    match done {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("counter: {text}");
            ExitCode::FAILURE
        }
    }
}

fn begin() -> Result<String, String> {
    let manager = open()?;
    let session = manager.start_request(&[], None, Access::Optimistic).map_err(text)?;
    session.set("count", &Value::Integer(0)).map_err(text)?;
    let fields = manager.finish_successful_request(session).map_err(text)?;
    let (_, cookie) = fields.iter().find(|(name, _)| name == "set-cookie").ok_or("no cookie was set")?;
    Ok(cookie.split(';').next().unwrap_or_default().into())
}

fn count(cookie: &str, times: u32) -> Result<String, String> {
    let manager = open()?;
    let mut count = 0;
    for _ in 0..times {
        let session = manager.start_request(&[cookie.into()], None, Access::Exclusive).map_err(text)?;
        count = value(&session)? + 1;
        session.set("count", &Value::Integer(count)).map_err(text)?;
        manager.finish_successful_request(session).map_err(text)?;
    }
    Ok(count.to_string())
}

fn value(session: &Session) -> Result<i64, String> {
    match session.get("count") {
        Some(Value::Integer(count)) => Ok(count),
        other => Err(format!("the counter is {other:?}")),
    }
}

fn open() -> Result<Manager, String> {
    let options = Options { create: true, durability: Durability::Relaxed, size_limit: None, lock_wait: Some(60_000) };
    Manager::open(".", options, Configuration::new()).map_err(text)
}

fn text(error: Error) -> String {
    format!("{error:?}")
}
