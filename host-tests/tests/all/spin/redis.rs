//! Spin's interfaces `fermyon:spin/redis` and `variables`, by the rules of its source (`crates/factor-outbound-redis`,
//! `crates/factor-variables` of Spin 4.0.2): an address must be allowed; each `open` makes a connection; a reply is
//! flattened, and an error is the text of redis-rs before its version 1, which names some of the server's codes anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Client, ErrorKind, RedisError, Value};
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut, format_err};
use wasmtime_wasi::WasiView;

use super::manifest::{Component, Inherit, Manifest};

/// Codes of the server that redis-rs knows, and its names for them.
const KINDS: [(&str, &str); 13] = [
    ("ASK", "Ask"),
    ("CLUSTERDOWN", "ClusterDown"),
    ("CROSSSLOT", "CrossSlot"),
    ("ERR", "ResponseError"),
    ("EXECABORT", "ExecAbortError"),
    ("LOADING", "BusyLoadingError"),
    ("MASTERDOWN", "MasterDown"),
    ("MOVED", "Moved"),
    ("NOSCRIPT", "NoScriptError"),
    ("NOSUB", "NoSub"),
    ("NOTBUSY", "NotBusy"),
    ("READONLY", "ReadOnly"),
    ("TRYAGAIN", "TryAgain"),
];

/// What a dependency is given.
#[derive(Clone, Default)]
pub struct Configuration {
    pub allowed_outbound_hosts: Vec<String>,
    pub variables: BTreeMap<String, String>,
}

#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "invalid-address")]
    InvalidAddress,
    #[component(name = "too-many-connections")]
    TooManyConnections,
    #[component(name = "type-error")]
    TypeError,
    #[component(name = "other")]
    Other(String),
}

#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum Parameter {
    #[component(name = "int64")]
    Int64(i64),
    #[component(name = "binary")]
    Binary(Vec<u8>),
}

#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum Item {
    #[component(name = "nil")]
    Nil,
    #[component(name = "status")]
    Status(String),
    #[component(name = "int64")]
    Int64(i64),
    #[component(name = "binary")]
    Binary(Vec<u8>),
}

#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum NoVariable {
    #[component(name = "invalid-name")]
    InvalidName(String),
    #[component(name = "undefined")]
    Undefined(String),
    #[component(name = "provider")]
    Provider(String),
    #[component(name = "other")]
    Other(String),
}

struct Connection(MultiplexedConnection);

impl Configuration {
    /// What a dependency of this component inherits. A variable of the component is a template, here with one of the
    /// application's variables: its default, unless another value is given, as by `SPIN_VARIABLE_NAME`.
    pub fn new(manifest: &Manifest, component: &Component, inherit: &Inherit, given: &[(&str, &str)]) -> Result<Self> {
        let has = |capability: &str| match inherit {
            Inherit::All(all) => *all,
            Inherit::Some(some) => some.iter().any(|it| it == capability),
        };
        let mut configuration = Self::default();
        if has("allowed_outbound_hosts") {
            configuration.allowed_outbound_hosts = component.allowed_outbound_hosts.clone();
        }
        for (name, template) in component.variables.iter().filter(|_| has("variables")) {
            let variable = template.strip_prefix("{{ ").and_then(|rest| rest.strip_suffix(" }}"));
            let variable = variable.ok_or_else(|| format_err!("{template:?} is no variable"))?;
            let declared = manifest.variables.get(variable).ok_or_else(|| format_err!("no variable {variable:?}"))?;
            let given = given.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.to_string());
            let value = given.or(declared.default.clone()).ok_or_else(|| format_err!("{variable:?} has no value"))?;
            configuration.variables.insert(name.clone(), value);
        }
        Ok(configuration)
    }

    /// Scheme, host and port must be those of an entry. Spin allows patterns as well.
    fn allows(&self, address: &str) -> bool {
        let place = |url: &str| {
            let (scheme, rest) = url.split_once("://")?;
            let authority = rest.split(['/', '?']).next()?;
            Some((scheme.to_owned(), authority.rsplit('@').next()?.to_owned()))
        };
        place(address)
            .is_some_and(|wanted| self.allowed_outbound_hosts.iter().any(|it| place(it).as_ref() == Some(&wanted)))
    }
}

/// Adds both interfaces to a linker.
pub fn add_to_linker<T: WasiView + Send>(linker: &mut Linker<T>, configuration: Configuration) -> Result<()> {
    let configuration = Arc::new(configuration);
    let mut variables = linker.instance("fermyon:spin/variables@2.0.0")?;
    let of_variables = configuration.clone();
    variables.func_wrap("get", move |_, (name,): (String,)| {
        Ok((of_variables.variables.get(&name).cloned().ok_or(NoVariable::Undefined(name)),))
    })?;
    let mut redis = linker.instance("fermyon:spin/redis@2.0.0")?;
    redis.resource("connection", ResourceType::host::<Connection>(), |mut store, rep| {
        store.data_mut().ctx().table.delete(Resource::<Connection>::new_own(rep))?;
        Ok(())
    })?;
    redis.func_wrap_async(
        "[static]connection.open",
        move |mut store: StoreContextMut<'_, T>, (address,): (String,)| {
            let configuration = configuration.clone();
            Box::new(async move {
                let opened = match configuration.allows(&address) {
                    true => open(&address).await,
                    false => Err(Error::InvalidAddress),
                };
                Ok((opened.map(|it| store.data_mut().ctx().table.push(Connection(it)).unwrap()),))
            })
        },
    )?;
    redis.func_wrap_async("[method]connection.execute", |mut store: StoreContextMut<'_, T>, arguments| {
        let (connection, command, arguments): (Resource<Connection>, String, Vec<Parameter>) = arguments;
        Box::new(async move {
            let mut connection = store.data_mut().ctx().table.get(&connection)?.0.clone();
            Ok((execute(&mut connection, &command, arguments).await.map_err(|error| Error::Other(text(&error))),))
        })
    })?;
    Ok(())
}

async fn open(address: &str) -> std::result::Result<MultiplexedConnection, Error> {
    let client = Client::open(address).map_err(|_| Error::InvalidAddress)?;
    client.get_multiplexed_async_connection().await.map_err(|error| Error::Other(text(&error)))
}

async fn execute(
    connection: &mut MultiplexedConnection,
    command: &str,
    arguments: Vec<Parameter>,
) -> std::result::Result<Vec<Item>, RedisError> {
    let mut request = redis::cmd(command);
    for argument in arguments {
        match argument {
            Parameter::Int64(number) => request.arg(number),
            Parameter::Binary(bytes) => request.arg(bytes),
        };
    }
    let mut items = Vec::new();
    append(connection.req_packed_command(&request).await?.extract_error()?, &mut items);
    Ok(items)
}

/// The kinds of RESP2.
fn append(value: Value, items: &mut Vec<Item>) {
    match value {
        Value::Nil => items.push(Item::Nil),
        Value::Int(number) => items.push(Item::Int64(number)),
        Value::BulkString(bytes) => items.push(Item::Binary(bytes)),
        Value::SimpleString(text) => items.push(Item::Status(text)),
        Value::Okay => items.push(Item::Status("OK".into())),
        Value::Array(values) => values.into_iter().for_each(|value| append(value, items)),
        other => panic!("RESP2 has no {other:?}"),
    }
}

/// As an error of redis-rs before its version 1 is displayed.
fn text(error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_default();
    match error.code() {
        Some(code) => match KINDS.iter().find(|(known, _)| *known == code) {
            Some((_, kind)) => format!("An error was signalled by the server - {kind}: {detail}"),
            None => format!("{code}: {detail}"),
        },
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            "Password authentication failed- AuthenticationFailed".into()
        }
        None => error.to_string(),
    }
}
