//! `session3 show`

use super::json::{self, Object};
use super::text::{expires, size, time};
use super::{Admin, Inspected};
use crate::cli::StoreArgs;
use crate::output::print;
use serde_json::{Map, Value as Json};
use session_runtime::Shown;
use session_runtime::bindings::exports::session3::sessions::session_manager::Value;
use session_runtime::bindings::exports::session3::sessions::session_store::SessionInfo;
use std::fmt::Write as _;
use std::process::ExitCode;
use wasmtime::{Result, bail};

pub async fn show(args: &StoreArgs, id: &str) -> Result<ExitCode> {
    let mut admin = Admin::open_to_read(&args.location).await?;
    let Some(session) = admin.load_session(id).await? else {
        bail!("no session {id}");
    };
    let inspected = admin.inspect_session(id).await?;
    let text =
        if args.json { format!("{}\n", as_json(&session.info, inspected)) } else { as_text(&session.info, inspected) };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(info: &SessionInfo, inspected: Option<Inspected>) -> Object {
    let object = json::session(info);
    let Some(inspected) = inspected else {
        return object.with("manager", false);
    };
    let attributes: Map<_, _> = inspected.attributes.into_iter().map(|(name, value)| (name, to_json(value))).collect();
    object
        .with("manager", true)
        .with("user", inspected.user)
        .with("remote-address", inspected.remote_address)
        .with("attributes", attributes)
}

fn as_text(info: &SessionInfo, inspected: Option<Inspected>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{:<13} {value}", format!("{name}:")).expect("a String");
    let shown = |text: &str| Shown::new(text).to_string();
    line("id", info.id.clone());
    line("owner", info.owner.as_deref().map_or_else(|| "none".into(), shown));
    line("version", info.version.to_string());
    line("created", time(info.created));
    line("modified", time(info.modified));
    line("last active", time(info.last_active));
    line("expires", expires(info).map_or_else(|| "never".into(), time));
    let Some(inspected) = inspected else {
        line("data", format!("{}, not a manager's", size(info.size.into())));
        return text;
    };
    line("data", size(info.size.into()));
    line("user", inspected.user.as_deref().map_or_else(|| "none".into(), shown));
    line("address", inspected.remote_address.as_deref().map_or_else(|| "unknown".into(), shown));
    for (name, value) in inspected.attributes {
        writeln!(text, "  {} = {}", shown(&name), shown(&to_json(value).to_string())).expect("a String");
    }
    text.push('\n');
    for line in inspected.dump.lines() {
        writeln!(text, "{}", shown(line)).expect("a String");
    }
    text
}

/// Bytes become hex digits; numbers that JSON lacks become text.
fn to_json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(boolean) => boolean.into(),
        Value::Integer(integer) => integer.into(),
        Value::Number(number) if number.is_finite() => number.into(),
        Value::Number(number) => number.to_string().into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        Value::Json(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
    }
}
