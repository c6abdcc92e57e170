//! The capabilities a dependency may inherit, and their replacement otherwise: the same interface from Spin's deny
//! adapter, which denies all access (`crates/capabilities` of Spin 4.0.2).

use std::borrow::Cow;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};
use wasmtime::{Result, ensure, format_err};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, decode, embed_component_metadata};

use super::manifest::Inherit;

/// Each with its interfaces of WASI 0.2 and of Spin, without versions.
const CAPABILITIES: [(&str, &[&str]); 7] = [
    ("ai_models", &["fermyon:spin/llm"]),
    (
        "allowed_outbound_hosts",
        &[
            "fermyon:spin/http",
            "fermyon:spin/mqtt",
            "fermyon:spin/mysql",
            "fermyon:spin/postgres",
            "fermyon:spin/redis",
            "spin:mqtt/mqtt",
            "spin:postgres/postgres",
            "spin:redis/redis",
            "wasi:http/outgoing-handler",
            "wasi:sockets/ip-name-lookup",
            "wasi:sockets/tcp",
            "wasi:sockets/tcp-create-socket",
            "wasi:sockets/udp",
            "wasi:sockets/udp-create-socket",
        ],
    ),
    ("environment", &["wasi:cli/environment"]),
    ("files", &[PREOPENS]),
    ("key_value_stores", &["fermyon:spin/key-value", "spin:key-value/key-value", "wasi:keyvalue/store"]),
    ("sqlite_databases", &["fermyon:spin/sqlite", "spin:sqlite/sqlite"]),
    ("variables", &["fermyon:spin/config", "fermyon:spin/variables", "spin:variables/variables", "wasi:config/store"]),
];

const PREOPENS: &str = "wasi:filesystem/preopens";

pub fn is_known(capability: &str) -> bool {
    CAPABILITIES.iter().any(|(name, _)| *name == capability)
}

/// The capabilities that a component requests, each with the import that needs it.
pub fn of(component: &[u8]) -> Result<Vec<(&'static str, String)>> {
    let mut graph = CompositionGraph::new();
    let package = package(&mut graph, "component", component)?;
    let imports = graph.types()[package.ty()].imports.keys().cloned();
    Ok(imports.filter_map(|import| Some((capability(&import)?, import))).collect())
}

fn capability(import: &str) -> Option<&'static str> {
    let interface = import.split('@').next().unwrap_or_default();
    CAPABILITIES.iter().find(|(_, interfaces)| interfaces.contains(&interface)).map(|(name, _)| *name)
}

fn package(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> Result<Package> {
    Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(|error| format_err!("{name}: {error:#}"))
}

/// The dependency, denied all that it does not inherit.
pub fn deny<'a>(dependency: &'a [u8], inherit: &Inherit) -> Result<Cow<'a, [u8]>> {
    let is_inherited = |capability: &str| match inherit {
        Inherit::All(all) => *all,
        Inherit::Some(some) => some.iter().any(|it| it == capability),
    };
    let denied: Vec<_> = of(dependency)?.into_iter().filter(|(capability, _)| !is_inherited(capability)).collect();
    let [(_, import)] = &denied[..] else {
        ensure!(denied.is_empty(), "only one of {denied:?} can be denied here");
        return Ok(dependency.into());
    };
    let mut graph = CompositionGraph::new();
    let socket = package(&mut graph, "dependency", dependency)?;
    let exports: Vec<_> = graph.types()[socket.ty()].exports.keys().cloned().collect();
    let socket = graph.register_package(socket)?;
    let adapter = package(&mut graph, "adapter", &adapter(dependency, import)?)?;
    let adapter = graph.register_package(adapter)?;
    let (socket, adapter) = (graph.instantiate(socket), graph.instantiate(adapter));
    let denial = graph.alias_instance_export(adapter, import)?;
    graph.set_instantiation_argument(socket, import, denial)?;
    for name in exports {
        let export = graph.alias_instance_export(socket, &name)?;
        graph.export(export, &name)?;
    }
    Ok(graph.encode(EncodeOptions::default())?.into())
}

/// A component that exports this import of the dependency, and behaves like Spin's adapter: no directories.
fn adapter(dependency: &[u8], import: &str) -> Result<Vec<u8>> {
    ensure!(import.starts_with(&format!("{PREOPENS}@")), "{import} cannot be denied here");
    let decoded = decode(dependency).map_err(|error| format_err!("{error:#}"))?;
    let DecodedWasm::Component(mut resolve, _) = decoded else { return Err(format_err!("not a component")) };
    let world = format!("package test:deny; world adapter {{ export {import}; }}");
    let package = resolve.push_source("adapter.wit", &world).map_err(|error| format_err!("{error:#}"))?;
    let world = resolve.select_world(&[package], None).map_err(|error| format_err!("{error:#}"))?;
    let mut module = no_directories(import).finish();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode())
        .map_err(|error| format_err!("{error:#}"))
}

/// A module whose `get-directories` returns an empty list: its memory is zero, and so is the list at address 0.
fn no_directories(interface: &str) -> Module {
    let (mut types, mut functions, mut memories) = (TypeSection::new(), FunctionSection::new(), MemorySection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([], [ValType::I32]);
    functions.function(0);
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export("memory", ExportKind::Memory, 0);
    exports.export(&format!("{interface}#get-directories"), ExportKind::Func, 0);
    let mut body = Function::new([]);
    body.instructions().i32_const(0).end();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module
}
