//! The crate's values as replies and failures.

use redis::{Cmd, Pipeline, RedisError, Value};
use session_redis::{Command, Failure, Reply};

pub(super) fn pipeline(commands: &[Command]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(cmd(command));
    }
    pipeline.ignore_errors();
    pipeline
}

fn cmd(command: &Command) -> Cmd {
    let mut cmd = Cmd::with_capacity(command.arguments.len(), command.arguments.iter().map(Vec::len).sum());
    for argument in &command.arguments {
        cmd.arg(argument.as_slice());
    }
    cmd
}

pub(super) fn reply(value: Value) -> Result<Reply, Failure> {
    Ok(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) => Reply::Bytes(bytes),
        Value::SimpleString(text) => Reply::Bytes(text.into_bytes()),
        Value::VerbatimString { text, .. } => Reply::Bytes(text.into_bytes()),
        Value::Okay => Reply::Bytes(b"OK".to_vec()),
        Value::Array(items) => Reply::List(items.into_iter().map(reply).collect::<Result<_, _>>()?),
        Value::ServerError(error) => return Err(failure(error.into())),
        other => return Err(Failure::Lost(format!("an unexpected kind of reply: {}", kind(&other)))),
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "map",
        Value::Set(_) => "set",
        Value::Double(_) => "double",
        Value::Boolean(_) => "boolean",
        _ => "other",
    }
}

pub(super) fn failure(error: RedisError) -> Failure {
    match error.code() {
        Some(code) => {
            let text = match error.detail() {
                Some(detail) => format!("{code} {detail}"),
                None => code.to_owned(),
            };
            Failure::Refused(code.to_owned(), text)
        }
        None if error.kind() == redis::ErrorKind::AuthenticationFailed => {
            Failure::Refused("WRONGPASS".into(), "the user or the password is wrong, or one is missing".into())
        }
        None if error.is_connection_refusal() => Failure::NotSent(error.to_string()),
        None => Failure::Lost(error.to_string()),
    }
}
