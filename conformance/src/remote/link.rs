//! The imports of the relay: each call is sent to the process.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{self, Linker, ResourceType, Type, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail, format_err};

use super::connection::Connection;
use super::json::{Remote, to_json, to_val};
use super::relay;
use crate::component::Component;
use crate::state::State;

/// Links the relay to an instance in the process. The imports hold the connection, and are dropped with the instance of
/// the relay.
pub(super) fn component(connection: Connection) -> Result<Component> {
    let component = relay()?;
    let engine = component.engine();
    let connection = Arc::new(connection);
    let mut linker = Linker::new(engine);
    for (interface, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { bail!("{interface} is no interface") };
        for (name, item) in instance.exports(engine) {
            let import = Import { connection: connection.clone(), interface: interface.into(), name: name.into() };
            match item.ty {
                ComponentItem::ComponentFunc(_) => import.link_function(&mut linker)?,
                ComponentItem::Resource(_) => import.link_resource(&mut linker)?,
                _ => {}
            }
        }
    }
    Component::linked(linker.instantiate_pre(component)?)
}

/// Returns the relay, compiled once.
fn relay() -> Result<&'static component::Component> {
    static RELAY: OnceLock<component::Component> = OnceLock::new();
    if let Some(relay) = RELAY.get() {
        return Ok(relay);
    }
    let bytes = relay::component().map_err(|error| format_err!("the relay: {error:#}"))?;
    let relay = component::Component::from_binary(&Engine::default(), &bytes)?;
    Ok(RELAY.get_or_init(|| relay))
}

/// An item of an interface by name, in the process.
#[derive(Clone)]
struct Import {
    connection: Arc<Connection>,
    interface: Arc<str>,
    name: Arc<str>,
}

impl Import {
    fn link_function(self, linker: &mut Linker<State>) -> Result<()> {
        let (interface, name) = (self.interface.clone(), self.name.clone());
        linker.instance(&interface)?.func_new_async(&name, move |store, ty, arguments, results| {
            let import = self.clone();
            Box::new(async move { import.call(store, &ty, arguments, results).await })
        })
    }

    fn link_resource(self, linker: &mut Linker<State>) -> Result<()> {
        let ty = ResourceType::host::<Remote>();
        let Self { connection, interface, name } = self;
        linker.instance(&interface)?.resource_async(&name, ty, move |_, number| {
            let answer = connection.send("drop", json!({ "resource": number }));
            Box::new(async move { value(answer?.await?, false).map(|_| ()) })
        })
    }

    async fn call(
        &self,
        mut store: StoreContextMut<'_, State>,
        ty: &ComponentFunc,
        arguments: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let arguments = arguments.iter().zip(ty.params()).map(|(value, (_, ty))| to_json(value, &ty, &mut store));
        let arguments: Vec<Value> = arguments.collect::<Result<_>>()?;
        let request = json!({ "interface": &*self.interface, "function": &*self.name, "arguments": arguments });
        let answer = self.connection.send("call", request)?.await?;
        let Some(ty) = ty.results().next() else { return value(answer, false).map(|_| ()) };
        results[0] = match (&ty, value(answer, matches!(ty, Type::Result(_)))?) {
            (Type::Result(result), Ok(json)) => Val::Result(Ok(payload(&json, result.ok(), &mut store)?)),
            (Type::Result(result), Err(json)) => Val::Result(Err(payload(&json, result.err(), &mut store)?)),
            (ty, Ok(json) | Err(json)) => to_val(&json, ty, &mut store)?,
        };
        Ok(())
    }
}

fn payload(json: &Value, ty: Option<Type>, store: &mut StoreContextMut<'_, State>) -> Result<Option<Box<Val>>> {
    ty.map(|ty| to_val(json, &ty, store).map(Box::new)).transpose()
}

/// Parses a response: a value, or an error of the contract if the function can return one. Anything else is a trap.
fn value(mut answer: Value, fallible: bool) -> Result<Result<Value, Value>> {
    if let Some(value) = answer.get_mut("ok") {
        return Ok(Ok(value.take()));
    }
    match answer.get_mut("err") {
        Some(value) if fallible => Ok(Err(value.take())),
        _ => bail!("the host responds {answer}"),
    }
}
