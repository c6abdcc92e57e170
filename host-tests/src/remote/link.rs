//! The imports of the relay: each call goes to the process.

use serde_json::{Value, json};
use std::sync::Arc;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, ResourceType, Type, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail, format_err};

use super::json::{Remote, to_json, to_val};
use super::relay;
use crate::bindings::Linked;
use crate::instance::State;

/// The relay, compiled and linked.
pub(super) fn linked(engine: &Engine) -> Result<Linked> {
    let bytes = relay::component().map_err(|error| format_err!("the relay: {error:#}"))?;
    let component = Component::from_binary(engine, &bytes)?;
    let mut linker = Linker::new(engine);
    for (interface, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { bail!("{interface} is no interface") };
        for (name, item) in instance.exports(engine) {
            let path = Path::new(interface, name);
            match item.ty {
                ComponentItem::ComponentFunc(_) => import_function(&mut linker, path)?,
                ComponentItem::Resource(_) => import_resource(&mut linker, path)?,
                _ => {}
            }
        }
    }
    Linked::new(linker.instantiate_pre(&component)?)
}

/// What an interface has under a name.
#[derive(Clone)]
struct Path {
    interface: Arc<str>,
    name: Arc<str>,
}

impl Path {
    fn new(interface: &str, name: &str) -> Self {
        Self { interface: interface.into(), name: name.into() }
    }
}

fn import_function(linker: &mut Linker<State>, path: Path) -> Result<()> {
    linker.instance(&path.interface)?.func_new_async(&path.name.clone(), move |store, ty, arguments, results| {
        let path = path.clone();
        Box::new(async move { call(store, &path, &ty, arguments, results).await })
    })
}

fn import_resource(linker: &mut Linker<State>, path: Path) -> Result<()> {
    let ty = ResourceType::host::<Remote>();
    linker.instance(&path.interface)?.resource_async(&path.name, ty, |mut store, number| {
        let answer = remote(&mut store).and_then(|remote| remote.send("drop", json!({ "resource": number })));
        Box::new(async move { value(answer?.await?, false).map(|_| ()) })
    })
}

async fn call(
    mut store: StoreContextMut<'_, State>,
    path: &Path,
    ty: &ComponentFunc,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let arguments = arguments.iter().zip(ty.params()).map(|(value, (_, ty))| to_json(value, &ty, &mut store));
    let arguments: Vec<Value> = arguments.collect::<Result<_>>()?;
    let request = json!({ "interface": &*path.interface, "function": &*path.name, "arguments": arguments });
    let answer = remote(&mut store)?.send("call", request)?.await?;
    let Some(ty) = ty.results().next() else { return value(answer, false).map(|_| ()) };
    results[0] = match (&ty, value(answer, matches!(ty, Type::Result(_)))?) {
        (Type::Result(result), Ok(json)) => Val::Result(Ok(payload(&json, result.ok(), &mut store)?)),
        (Type::Result(result), Err(json)) => Val::Result(Err(payload(&json, result.err(), &mut store)?)),
        (ty, Ok(json) | Err(json)) => to_val(&json, ty, &mut store)?,
    };
    Ok(())
}

fn payload(json: &Value, ty: Option<Type>, store: &mut StoreContextMut<'_, State>) -> Result<Option<Box<Val>>> {
    ty.map(|ty| to_val(json, &ty, store).map(Box::new)).transpose()
}

/// What an answer has: a value, or an error of the contract where one is possible. Anything else is a trap.
fn value(mut answer: Value, fallible: bool) -> Result<Result<Value, Value>> {
    if let Some(value) = answer.get_mut("ok") {
        return Ok(Ok(value.take()));
    }
    match answer.get_mut("err") {
        Some(value) if fallible => Ok(Err(value.take())),
        _ => bail!("the host answers {answer}"),
    }
}

fn remote<'a>(store: &'a mut StoreContextMut<'_, State>) -> Result<&'a super::Connection> {
    store.data().remote.as_ref().ok_or_else(|| format_err!("the instance has no process"))
}
